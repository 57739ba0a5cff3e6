//! Hashes, links, tree, signatures and the places of checkpoints, chunk by chunk: what runs on
//! the second thread. Of a record's body only its kind is looked at.

use std::sync::Arc;
use std::sync::mpsc::Receiver;

use counterfoil_journal::audit::{AuditError, AuditedFrame, Auditor};
use counterfoil_journal::checkpoint::{Checkpoint, OpenedNote, SignatureCheck};
use counterfoil_journal::entry::{self, EntryError};
use counterfoil_journal::frame::Frame;
use counterfoil_journal::hash::{Hash, leaf_hash};
use counterfoil_journal::key::VerifierKey;
use counterfoil_trading::journal::RecordSeal;
use counterfoil_trading::record::{
    DecidedBar, DecisionStarts, KIND_DECISION, KIND_REFUSED, record_kind, seal_of_kind,
};

use crate::chunk::JournalChunk;
use crate::finding::{Finding, FindingCause};
use crate::note_threads::open_notes;
use crate::opened::{InstrumentNames, OpenedJournal};

/// What the chain was found to hold.
#[derive(Debug)]
pub(crate) struct CheckedChain {
    pub(crate) finding: Option<Box<Finding>>,
    pub(crate) entries: u64,
    pub(crate) covered: u64,
    pub(crate) decisions: u64,
    pub(crate) refused_inputs: u64,
    pub(crate) checkpoints: u64,
    pub(crate) last: Option<Checkpoint>,
}

/// The walk over all chunks.
#[derive(Debug)]
pub(crate) struct ChainCheck {
    auditor: Auditor,
    /// The key of the journal's checkpoints.
    key: VerifierKey,
    signatures: SignatureCheck,
    names: InstrumentNames,
    cadence: u64,
    /// How many entries the opening takes.
    opening: u64,
    decisions: u64,
    starts: DecisionStarts,
    /// Decisions and other records that release orders: the unit of the cadence.
    releasing: u64,
    refused_inputs: u64,
    /// Whether a checkpoint must come next.
    due: bool,
    /// An entry that does not fit: the next frame shows which of two was changed.
    suspect: Option<SuspectEntry>,
    /// The chunk before this one, to name what was found in it.
    before: Option<Arc<JournalChunk>>,
}

#[derive(Debug)]
struct SuspectEntry {
    index: u64,
    leaf: Hash,
    error: AuditError,
}

impl ChainCheck {
    pub(crate) fn new(opened: &OpenedJournal, signatures: SignatureCheck) -> Self {
        Self {
            auditor: Auditor::new(opened.key.clone()),
            key: opened.key.clone(),
            signatures,
            names: opened.names.clone(),
            cadence: opened.setup.cadence,
            opening: opened.entries,
            decisions: 0,
            starts: DecisionStarts::default(),
            releasing: 0,
            refused_inputs: 0,
            due: false,
            suspect: None,
            before: None,
        }
    }

    /// Checks chunks until there are no more or one does not hold; then the sender finds no
    /// receiver any more.
    pub(crate) fn run(mut self, chunks: Receiver<Arc<JournalChunk>>) -> CheckedChain {
        for chunk in chunks {
            if let Err(finding) = self.chunk(&chunk) {
                return self.finish(Some(finding));
            }
            self.before = Some(chunk);
        }
        let finding = self.suspect.take().map(|suspect| {
            let index = suspect.index;
            self.found(None, index, FindingCause::Audit(suspect.error))
        });
        self.finish(finding)
    }

    fn finish(self, finding: Option<Box<Finding>>) -> CheckedChain {
        let (decisions, refused_inputs) = (self.decisions, self.refused_inputs);
        let summary = self.auditor.finish(0);
        CheckedChain {
            finding,
            entries: summary.entries,
            covered: summary.covered,
            decisions,
            refused_inputs,
            checkpoints: summary.checkpoints,
            last: summary.last,
        }
    }

    fn chunk(&mut self, chunk: &JournalChunk) -> Result<(), Box<Finding>> {
        // At cadence 1 nearly all of the time goes into signatures. What stands at each place is judged below, in the
        // journal's sequence, whichever thread opened the note.
        let key = self.key.clone();
        let notes: Vec<&[u8]> = chunk.notes().collect();
        let mut notes = open_notes(&notes, &key, self.signatures).into_iter();
        for frame in chunk.frames() {
            // One entry late: which of two neighbours was changed shows only in what the next frame links to.
            if let Some(suspect) = self.suspect.take() {
                return Err(self.judge(&suspect, frame, chunk));
            }
            match frame {
                Frame::Entry(entry) => self.entry(entry, chunk)?,
                Frame::Checkpoint(note) => {
                    let note = notes.next().unwrap_or_else(|| OpenedNote::open(note, &key));
                    self.checkpoint(note, chunk)?;
                }
            }
        }
        Ok(())
    }

    fn entry(&mut self, bytes: &[u8], chunk: &JournalChunk) -> Result<(), Box<Finding>> {
        let index = self.auditor.entries();
        // A missing checkpoint is reported here, not at the end: it leaves the orders of these records without a signature,
        // and an attacker could have removed it to change them.
        if self.due {
            let last = index.saturating_sub(1);
            return Err(self.found(Some(chunk), last, FindingCause::CheckpointMissing));
        }
        let body = match self.auditor.frame(Frame::Entry(bytes)) {
            Ok(AuditedFrame::Entry { body, .. }) => body,
            Ok(AuditedFrame::Checkpoint(_)) => return Ok(()),
            // Not reported yet: this entry may be as it was written, and the one before it changed.
            Err(error @ AuditError::Entry(EntryError::LinkBroken { .. })) => {
                let leaf = leaf_hash(bytes);
                self.suspect = Some(SuspectEntry { index, leaf, error });
                return Ok(());
            }
            Err(error) => return Err(self.found(Some(chunk), index, error.into())),
        };
        let kind = match record_kind(body) {
            Ok(kind) => kind,
            Err(error) => return Err(self.found(Some(chunk), index, error.into())),
        };
        if kind == KIND_DECISION {
            let begins = match DecidedBar::of(body) {
                Ok(bar) => self.starts.begins(bar),
                // The other thread decodes all of it, and reports what is wrong.
                Err(_) => true,
            };
            self.decisions = self.decisions.saturating_add(u64::from(begins));
        }
        self.refused_inputs = self
            .refused_inputs
            .saturating_add(u64::from(kind == KIND_REFUSED));
        self.due = match seal_of_kind(kind) {
            RecordSeal::AtCadence => {
                self.releasing = self.releasing.saturating_add(1);
                self.releasing.is_multiple_of(self.cadence)
            }
            RecordSeal::Now => true,
            // The opening is signed as a whole.
            RecordSeal::Later => index.saturating_add(1) == self.opening,
        };
        Ok(())
    }

    fn checkpoint(
        &mut self,
        note: OpenedNote<'_>,
        chunk: &JournalChunk,
    ) -> Result<(), Box<Finding>> {
        let index = self.auditor.entries().saturating_sub(1);
        match self.auditor.opened_note(note) {
            Err(error) => Err(self.found(Some(chunk), index, error.into())),
            // An extra checkpoint is signed and harmless to the tree, but the writer never makes one: the file is not as written.
            Ok(_) if !self.due => {
                Err(self.found(Some(chunk), index, FindingCause::CheckpointExtra))
            }
            Ok(_) => {
                self.due = false;
                Ok(())
            }
        }
    }

    /// Finds the changed record by the next frame: if the next entry links to the suspect's bytes, the
    /// suspect is as it was written, and the record before it is not.
    fn judge(&self, suspect: &SuspectEntry, next: Frame<'_>, chunk: &JournalChunk) -> Box<Finding> {
        let Frame::Entry(next) = next else {
            let cause = FindingCause::Audit(suspect.error.clone());
            return self.found(Some(chunk), suspect.index, cause);
        };
        // The index is not used for the link; a wrong length shows as no link at all.
        let fits = entry::split(next, 0).is_ok_and(|(link, _)| link == suspect.leaf);
        match suspect.index.checked_sub(1) {
            Some(before) if fits => self.found(Some(chunk), before, FindingCause::Changed),
            Some(_) | None => self.found(Some(chunk), suspect.index, FindingCause::Misplaced),
        }
    }

    fn found(&self, chunk: Option<&JournalChunk>, index: u64, cause: FindingCause) -> Box<Finding> {
        let body = [chunk, self.before.as_deref()]
            .into_iter()
            .flatten()
            .find_map(|chunk| chunk.body(index));
        self.names.finding(index, body, cause)
    }
}
