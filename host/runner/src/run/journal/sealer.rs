//! Turns record bodies into the journal's bytes: chain, tree, decision digest, checkpoints. It must never know
//! what a record means.

use core::fmt;

use counterfoil_journal::checkpoint::Checkpoint;
use counterfoil_journal::entry::Chain;
use counterfoil_journal::frame::{write_checkpoint, write_entry};
use counterfoil_journal::salt::{LogSalts, LogSigner};
use counterfoil_journal::tree::Tree;
use counterfoil_trading::decision_digest::DecisionDigest;
use counterfoil_trading::journal::{RecordBytes, RecordSeal};

use super::{JournalError, JournalFile, RecordSink, SignedHead};

/// Bytes gathered for one write: large enough that the call costs little beside hashing.
const WRITE_BYTES: usize = 256 << 10;

/// The end of a journal: everything that the next record is linked to.
#[derive(Clone, Debug, Default)]
pub struct JournalHead {
    pub chain: Chain,
    pub tree: Tree,
    pub digest: DecisionDigest,
    /// Records that the cadence counts: those that may release orders.
    pub decisions: u64,
}

/// Seals records: links, hashes, signs and frames them.
pub struct Sealer {
    file: JournalFile,
    signer: Box<dyn LogSigner + Send>,
    origin: String,
    salts: LogSalts,
    cadence: u64,
    chain: Chain,
    tree: Tree,
    digest: DecisionDigest,
    decisions: u64,
    signed: u64,
    signed_head: SignedHead,
    sink: Option<Box<dyn RecordSink>>,
    entry: Vec<u8>,
    bytes: Vec<u8>,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer")
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

impl Sealer {
    /// A sealer for a new journal.
    #[must_use]
    pub fn new(
        file: JournalFile,
        signer: Box<dyn LogSigner + Send>,
        origin: String,
        cadence: u64,
    ) -> Self {
        Self::resume(file, signer, origin, cadence, JournalHead::default())
    }

    /// A sealer for a journal that ends with a checkpoint over everything in it.
    #[must_use]
    pub fn resume(
        file: JournalFile,
        signer: Box<dyn LogSigner + Send>,
        origin: String,
        cadence: u64,
        head: JournalHead,
    ) -> Self {
        Self {
            file,
            salts: signer.salts(&origin),
            signer,
            origin,
            cadence,
            // The caller cut everything after the last checkpoint, so the whole tree is signed.
            signed: head.tree.size(),
            signed_head: SignedHead::default(),
            sink: None,
            chain: head.chain,
            tree: head.tree,
            digest: head.digest,
            decisions: head.decisions,
            entry: Vec::new(),
            bytes: Vec::with_capacity(WRITE_BYTES),
        }
    }

    /// Enters what is signed and durable in `head` from here on.
    #[must_use]
    pub fn shown_in(mut self, head: SignedHead) -> Self {
        if self.signed == self.tree.size() {
            head.set(&self.tree);
        }
        self.signed_head = head;
        self
    }

    /// Passes each record on to `sink` as well.
    #[must_use]
    pub fn passing_on(mut self, sink: Option<Box<dyn RecordSink>>) -> Self {
        self.sink = sink;
        self
    }

    /// Decisions for one signed checkpoint.
    #[must_use]
    pub const fn cadence(&self) -> u64 {
        self.cadence
    }

    /// The decision digest so far.
    #[must_use]
    pub fn digest(&self) -> &DecisionDigest {
        &self.digest
    }

    /// Adds a record. A checkpoint follows the one that completes the opening, a close, a refused input, and every
    /// `cadence`th record that may release orders.
    ///
    /// # Errors
    ///
    /// Returns [`JournalError`] if the record is too large or the signer does not sign.
    pub fn add(&mut self, record: RecordBytes<'_>) -> Result<(), JournalError> {
        self.entry.clear();
        // By the index: a resumed run writes each entry with the salt that it had before.
        let index = self.chain.size();
        let salt = self.salts.at(index);
        let leaf = self.chain.link(salt, record.body, &mut self.entry)?;
        self.tree.push(leaf);
        write_entry(&self.entry, &mut self.bytes)?;
        if let Some(sink) = &mut self.sink {
            sink.record(index, record);
        }
        if let Some(part) = record.digested {
            self.digest.add(part);
        }
        let due = match record.seal {
            RecordSeal::Later => false,
            RecordSeal::AtCadence => {
                self.decisions = self.decisions.saturating_add(1);
                self.decisions.is_multiple_of(self.cadence)
            }
            // The opening, a close and a refused input have no later decision to sign them: unsigned, a crash would
            // drop the refusal that an auditor looks for, and a closed run could be opened again.
            RecordSeal::Now => true,
        };
        // Signed in memory before the bytes are written: the file holds no checkpoint over entries that are not
        // in front of it.
        if due {
            self.sign()?;
        }
        if self.bytes.len() >= WRITE_BYTES {
            self.file.append(&self.bytes)?;
            self.bytes.clear();
        }
        Ok(())
    }

    /// Writes the added records. At cadence 1 they are also synced once a checkpoint covers all of them: one write
    /// and one sync per decision.
    ///
    /// # Errors
    ///
    /// Returns [`JournalError`] if the file cannot be written.
    pub fn write(&mut self) -> Result<(), JournalError> {
        self.file.append(&self.bytes)?;
        self.bytes.clear();
        // Deliveries before a decision are not signed yet; syncing them would cost a second sync per bar and prove
        // nothing, as the next resumption cuts them.
        if self.cadence == 1 && self.signed == self.tree.size() {
            self.file.sync()?;
            self.signed_head.set(&self.tree);
        }
        Ok(())
    }

    /// Writes the remaining records and makes the whole journal durable.
    ///
    /// # Errors
    ///
    /// Returns [`JournalError`] if the file cannot be written.
    pub fn finish(&mut self) -> Result<(), JournalError> {
        self.write()?;
        self.file.sync()?;
        if self.signed == self.tree.size() {
            self.signed_head.set(&self.tree);
        }
        Ok(())
    }

    fn sign(&mut self) -> Result<(), JournalError> {
        let checkpoint = Checkpoint {
            origin: self.origin.clone(),
            size: self.tree.size(),
            root: self.tree.root(),
        };
        let note = checkpoint.sign(self.signer.as_ref())?;
        write_checkpoint(&note, &mut self.bytes)?;
        self.signed = self.tree.size();
        Ok(())
    }
}
