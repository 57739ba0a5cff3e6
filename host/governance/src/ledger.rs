//! The ledger: acts appended to one file before they take effect, and read back with every hash,
//! signature and rule checked again. It must never hold a state that its records do not add up to.

use core::fmt;
use std::io::ErrorKind;
use std::path::Path;

use counterfoil_journal::audit::AuditError;
use counterfoil_journal::checkpoint::Checkpoint;
use counterfoil_journal::entry::{Chain, EntryError};
use counterfoil_journal::frame::{FrameError, MAGIC, write_checkpoint, write_entry};
use counterfoil_journal::hash::Hash;
use counterfoil_journal::key::{VerifierKey, VerifierKeyError};
use counterfoil_journal::signer::{SignError, Signer};
use counterfoil_journal::tree::Tree;
use counterfoil_trading::cbor::CborError;
use counterfoil_trading::time::UnixNanos;

use crate::act::Act;
use crate::files::LogFile;
use crate::id::Id;
use crate::record::{Record, Signed};
use crate::rule::Denial;
use crate::state::State;
use counterfoil_journal::public_key::PublicKey;
use counterfoil_os::files::{FileError, read_whole};

mod walk;

pub use walk::{Mark, Verified, verify, verify_after};

/// What every ledger's origin begins with; its name follows.
pub const ORIGIN_PREFIX: &str = "counterfoil/ledger/";

/// The origin of the ledger with this name, which is also the name of its key.
#[must_use]
pub fn origin(name: &Id) -> String {
    format!("{ORIGIN_PREFIX}{name}")
}

/// Why a ledger cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A frame is none.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The chain or a checkpoint does not fit: a record was changed, removed or moved.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// A record does not fit into an entry.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// The log's key cannot be used.
    #[error(transparent)]
    Key(#[from] VerifierKeyError),
    /// The log's signer did not sign.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// An entry holds no record.
    #[error("entry {index} holds no record: {source}")]
    Record {
        /// The entry.
        index: u64,
        /// Why not.
        source: CborError,
    },
    /// A record is older than the one before it.
    #[error(
        "record {index} is back-dated: its time {time} lies before {last}, that of the record before"
    )]
    BackDated {
        /// The entry.
        index: u64,
        /// Its time.
        time: i64,
        /// The time before.
        last: i64,
    },
    /// A record says something else than the rules do.
    #[error("record {index} says {recorded}, but by the rules it was {judged}")]
    Verdict {
        /// The entry.
        index: u64,
        /// What it says.
        recorded: String,
        /// What it should say.
        judged: String,
    },
    /// The file ends within a record, or holds one that no checkpoint covers.
    #[error(
        "the last {bytes} bytes are no whole record with its checkpoint; opening to write cuts them"
    )]
    Torn {
        /// How many bytes.
        bytes: u64,
    },
    /// What was checked before is not how this ledger begins.
    #[error("the ledger's first {size} records are not those that were checked before")]
    Mark {
        /// How many were checked.
        size: u64,
    },
    /// There is no first record.
    #[error("the ledger holds no record")]
    Empty,
    /// The act was signed for another place in the ledger.
    #[error("another record came first; sign again after entry {last}")]
    Stale {
        /// The last entry.
        last: Hash,
    },
    /// The act was denied, and the denial recorded.
    #[error("{denial} (record {index})")]
    Denied {
        /// Why.
        denial: Denial,
        /// The entry that records the denial.
        index: u64,
    },
    /// A ledger cannot begin with this act.
    #[error("the ledger cannot begin like this: {0}")]
    Genesis(Denial),
    /// The log's key is another than the one at hand.
    #[error("the ledger's key is {ledger}, not {found}")]
    LogKey {
        /// The key that signs its next checkpoint.
        ledger: PublicKey,
        /// The key at hand.
        found: PublicKey,
    },
    /// An append failed before: what the file holds is not known.
    #[error("an append failed, and what the file holds is not known; open the ledger again")]
    Unknown,
}

impl LedgerError {
    /// Whether another program writes the ledger now: it may be tried again.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::File(error) if error.source.kind() == ErrorKind::WouldBlock)
    }
}

/// Reads and checks the ledger at `path`, every time anew, without changing it.
///
/// # Errors
///
/// As [`verify`], and [`LedgerError::Torn`] if the file ends within a record.
pub fn read(path: &Path, key: &VerifierKey) -> Result<Verified, LedgerError> {
    let verified = verify(&read_whole(path)?, key)?;
    match verified.torn_bytes {
        0 => Ok(verified),
        bytes => Err(LedgerError::Torn { bytes }),
    }
}

/// The one writer of a ledger.
pub struct Ledger {
    file: LogFile,
    signer: Box<dyn Signer + Send>,
    origin: String,
    chain: Chain,
    tree: Tree,
    last_time: UnixNanos,
    state: State,
    cut_bytes: u64,
    unknown: bool,
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger")
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

impl Ledger {
    /// A new ledger at `path`, which must not exist, with its first record.
    ///
    /// # Errors
    ///
    /// Returns [`LedgerError`] if the first record breaks a rule, or the file cannot be made.
    pub fn create(
        path: &Path,
        name: &Id,
        signer: Box<dyn Signer + Send>,
        genesis: &Signed,
    ) -> Result<Self, LedgerError> {
        let origin = origin(name);
        let mut state = State::new(&origin, PublicKey(signer.verifying_key()));
        let (mut chain, mut tree) = (Chain::new(), Tree::new());
        if genesis.previous != chain.last() {
            return Err(LedgerError::Stale { last: chain.last() });
        }
        state.judge(genesis).map_err(LedgerError::Genesis)?;
        let record = Record {
            signed: genesis.clone(),
            denied: None,
        };
        let mut bytes = MAGIC.to_vec();
        seal(
            (&mut chain, &mut tree),
            (&origin, signer.as_ref()),
            &record,
            &mut bytes,
        )?;
        let file = LogFile::create(path, &bytes)?;
        state.apply(0, genesis);
        Ok(Self {
            file,
            signer,
            origin,
            chain,
            tree,
            last_time: genesis.time,
            state,
            cut_bytes: 0,
            unknown: false,
        })
    }

    /// The ledger at `path`, checked from its first byte, for the only writer it may have now. A
    /// record that a crash left without its checkpoint never took effect, and is cut.
    ///
    /// # Errors
    ///
    /// Returns [`LedgerError`] if it does not hold, or if another program writes it.
    pub fn open(
        path: &Path,
        name: &Id,
        signer: Box<dyn Signer + Send>,
    ) -> Result<Self, LedgerError> {
        let origin = origin(name);
        let key = VerifierKey::new(&origin, &signer.verifying_key())?;
        let (mut file, bytes) = LogFile::open(path)?;
        let verified = verify(&bytes, &key)?;
        check_signer(&verified.state, signer.as_ref())?;
        let cut_bytes = verified.torn_bytes;
        if cut_bytes > 0 {
            let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            file.cut(length.saturating_sub(cut_bytes))?;
        }
        let last = verified.records.last().ok_or(LedgerError::Empty)?;
        Ok(Self {
            file,
            signer,
            origin,
            chain: verified.chain,
            tree: verified.tree,
            last_time: last.signed.time,
            state: verified.state,
            cut_bytes,
            unknown: false,
        })
    }

    /// Goes on with the key that the ledger was rotated to.
    ///
    /// # Errors
    ///
    /// Returns [`LedgerError::LogKey`] if it is another.
    pub fn set_signer(&mut self, signer: Box<dyn Signer + Send>) -> Result<(), LedgerError> {
        check_signer(&self.state, signer.as_ref())?;
        self.signer = signer;
        Ok(())
    }

    /// What the records add up to.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// How many bytes were cut from the end when it was opened.
    #[must_use]
    pub const fn cut_bytes(&self) -> u64 {
        self.cut_bytes
    }

    /// Where the next act will stand: the ledger's origin, and the leaf hash before it.
    #[must_use]
    pub fn place(&self) -> (&str, Hash) {
        (&self.origin, self.chain.last())
    }

    /// Signs an act for the next place and appends it.
    ///
    /// # Errors
    ///
    /// As [`Ledger::append`], and [`LedgerError::Sign`] if the actor's signer did not sign.
    pub fn act<S: Signer + ?Sized>(
        &mut self,
        time: UnixNanos,
        actor: &Id,
        act: Act,
        hand: &S,
    ) -> Result<u64, LedgerError> {
        self.append(Signed::sign(self.place(), time, actor.clone(), act, hand)?)
    }

    /// Records an act, done or denied, durably, and only then does it. The answer is its index.
    ///
    /// # Errors
    ///
    /// Returns [`LedgerError::Denied`] if a rule forbids it: the denial is recorded then. Any
    /// other error means that nothing was recorded, or after a failed write that it is not known.
    pub fn append(&mut self, signed: Signed) -> Result<u64, LedgerError> {
        if self.unknown {
            return Err(LedgerError::Unknown);
        }
        check_signer(&self.state, self.signer.as_ref())?;
        let last = self.chain.last();
        if signed.previous != last {
            return Err(LedgerError::Stale { last });
        }
        let index = self.chain.size();
        walk::check_time(index, signed.time, Some(self.last_time))?;
        let denial = self.state.judge(&signed).err();
        let denied = denial.as_ref().map(|denial| denial.rule);
        let record = Record { signed, denied };
        let (mut chain, mut tree, mut bytes) = (self.chain, self.tree.clone(), Vec::new());
        seal(
            (&mut chain, &mut tree),
            (&self.origin, self.signer.as_ref()),
            &record,
            &mut bytes,
        )?;
        if let Err(error) = self.file.append(&bytes) {
            self.unknown = true;
            return Err(error.into());
        }
        (self.chain, self.tree) = (chain, tree);
        self.last_time = record.signed.time;
        match denial {
            None => {
                self.state.apply(index, &record.signed);
                Ok(index)
            }
            Some(denial) => {
                self.state.deny();
                Err(LedgerError::Denied { denial, index })
            }
        }
    }
}

/// The signer holds the log's key as it is now.
fn check_signer(state: &State, signer: &dyn Signer) -> Result<(), LedgerError> {
    let (ledger, found) = (state.log_key(), PublicKey(signer.verifying_key()));
    if ledger == found {
        return Ok(());
    }
    Err(LedgerError::LogKey { ledger, found })
}

/// Appends a record's frame, and that of the checkpoint that covers it.
fn seal(
    (chain, tree): (&mut Chain, &mut Tree),
    (origin, signer): (&str, &dyn Signer),
    record: &Record,
    bytes: &mut Vec<u8>,
) -> Result<(), LedgerError> {
    let mut entry = Vec::new();
    tree.push(chain.link(&record.encode(), &mut entry)?);
    write_entry(&entry, bytes)?;
    let checkpoint = Checkpoint {
        origin: origin.to_owned(),
        size: tree.size(),
        root: tree.root(),
    };
    write_checkpoint(&checkpoint.sign(signer)?, bytes)?;
    Ok(())
}
