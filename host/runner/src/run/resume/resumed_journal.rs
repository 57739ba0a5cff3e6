//! A journal that compares new records with the recorded ones, and appends once those are used up. Until the first
//! append no byte of the file changes. It must never decide which side of a difference is right.

use counterfoil_journal::salt::LogSigner;
use counterfoil_trading::decision_digest::DecisionDigest;
use counterfoil_trading::journal::{Journal, RecordBytes};
use counterfoil_trading::record::{KIND_REFUSED, RunRecord, digested_part, record_kind};

use super::cut_tail::{CutTail, keep_tail};
use crate::run::journal::{
    AnyJournal, JournalError, JournalFile, JournalHead, JournalReader, ReadJournalError,
    RunJournal, Sealer, Sealing, SignedHead,
};
use crate::run::replay::RecordDifference;
use crate::run::signed_prefix::SignedPrefix;
use crate::store::data_dir::Execution;

/// Progress of a resumption.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ResumeEvent {
    /// Every recorded record replayed as recorded.
    Compared { records: u64 },
    /// The unsigned tail was cut off and is kept.
    Cut(CutTail),
}

/// Everything that appending to the journal needs.
pub(super) struct JournalContinuation {
    pub(super) execution: Execution,
    pub(super) signed: SignedPrefix,
    pub(super) head: JournalHead,
    pub(super) signer: Box<dyn LogSigner + Send>,
    pub(super) cadence: u64,
    pub(super) sealing: Sealing,
    /// Where the signed end is shown.
    pub(super) shown: SignedHead,
}

/// Compares first, then appends.
pub(super) struct ResumedJournal<'a> {
    recorded: Option<JournalReader>,
    /// Number of signed entries.
    until: u64,
    compared: u64,
    is_reported: bool,
    continuation: Option<JournalContinuation>,
    digest: DecisionDigest,
    appending: Option<AnyJournal>,
    difference: Option<RecordDifference>,
    on_event: &'a mut (dyn FnMut(&ResumeEvent) + Send),
}

impl<'a> ResumedJournal<'a> {
    /// A journal over the signed part, whose records `recorded` reads; `None` if nothing is signed.
    pub(super) fn new(
        recorded: Option<JournalReader>,
        continuation: JournalContinuation,
        on_event: &'a mut (dyn FnMut(&ResumeEvent) + Send),
    ) -> Self {
        Self {
            recorded,
            until: continuation.signed.entries,
            compared: 0,
            is_reported: false,
            digest: continuation.head.digest.clone(),
            continuation: Some(continuation),
            appending: None,
            difference: None,
            on_event,
        }
    }

    /// The difference that stopped the run, if any.
    pub(super) fn take_difference(&mut self) -> Option<RecordDifference> {
        self.difference.take()
    }

    /// Records that replayed as recorded.
    pub(super) const fn compared(&self) -> u64 {
        self.compared
    }

    /// Whether a recorded record within the decision digest is left. It is the reader's next then.
    fn is_left(&mut self) -> Result<bool, ReadJournalError> {
        let until = self.until;
        if let Some(reader) = &mut self.recorded {
            while reader.index() < until {
                let Some(body) = reader.peek_body()? else {
                    break;
                };
                // Records outside the digest are not made again by a replay: the opening is written once, and a feed
                // does not send its refused lines a second time.
                if digested_part(body)?.is_some() {
                    return Ok(true);
                }
                reader.pass();
            }
        }
        self.recorded = None;
        Ok(false)
    }

    /// Compares the record with the next recorded one.
    fn compare(&mut self, record: RecordBytes<'_>) -> Result<(), JournalError> {
        let Some(reader) = &mut self.recorded else {
            return Ok(());
        };
        let index = reader.index();
        let Some(body) = reader.peek_body().map_err(|error| read_error(&error))? else {
            return Ok(());
        };
        if record.digested.is_some() && digested_part(body)? == record.digested {
            reader.pass();
            self.compared = self.compared.saturating_add(1);
            return Ok(());
        }
        // The error keeps the run from releasing anything that it decided differently, and the file is untouched:
        // an auditor sees the journal as the earlier process left it.
        self.difference = Some(RecordDifference {
            index,
            recorded: RunRecord::decode(body).ok().map(Box::new),
            replayed: RunRecord::decode(record.body).ok().map(Box::new),
        });
        Err(JournalError::Differs { index })
    }

    /// Reports once that every recorded record replayed as recorded.
    fn report_compared(&mut self) {
        if !self.is_reported {
            self.is_reported = true;
            let records = self.compared;
            (self.on_event)(&ResumeEvent::Compared { records });
        }
    }

    /// The appending journal. The first call keeps the unsigned tail, then cuts it.
    fn appending(&mut self) -> Result<&mut AnyJournal, JournalError> {
        if let Some(continuation) = self.continuation.take() {
            let JournalContinuation {
                execution,
                signed,
                head,
                signer,
                cadence,
                sealing,
                shown,
            } = continuation;
            // Copy, sync, cut, append, in this order. A crash after the copy leaves a second copy at the next
            // resumption; a crash after the cut leaves a journal that ends at its last checkpoint. The cut comes
            // as late as the first append, so that a resumption that finds a difference changes nothing.
            let cut = keep_tail(&execution.folder, signed.end, &signed.tail)?;
            let file = JournalFile::reopen(&execution.journal(), signed.end)?;
            if let Some(cut) = cut {
                (self.on_event)(&ResumeEvent::Cut(cut));
            }
            let sealer = Sealer::resume(file, signer, execution.origin(), cadence, head);
            let sealer = sealer.shown_in(shown);
            let journal = AnyJournal::start(sealer, cadence, sealing)
                .map_err(|_| JournalError::ThreadGone)?;
            self.appending = Some(journal);
        }
        // Without a continuation and a journal an earlier append failed, and the run has stopped.
        self.appending.as_mut().ok_or(JournalError::ThreadGone)
    }
}

impl Journal for ResumedJournal<'_> {
    type Error = JournalError;

    fn accept(&mut self, record: RecordBytes<'_>) -> Result<(), JournalError> {
        if self.is_left().map_err(|error| read_error(&error))? {
            // A refused input that arrives before the comparison has ended is appended as it is. Everything else
            // must equal the next recorded record, a closing record included, which would come too early.
            if record_kind(record.body)? != KIND_REFUSED {
                self.compare(record)?;
                if !self.is_left().map_err(|error| read_error(&error))? {
                    self.report_compared();
                }
                return Ok(());
            }
        } else {
            self.report_compared();
        }
        self.appending()?.accept(record)
    }
}

impl RunJournal for ResumedJournal<'_> {
    fn digest(&mut self) -> Result<DecisionDigest, JournalError> {
        match &mut self.appending {
            Some(journal) => journal.digest(),
            None => Ok(self.digest.clone()),
        }
    }

    fn finish(self) -> Result<(), JournalError> {
        self.appending.map_or(Ok(()), AnyJournal::finish)
    }
}

/// The signed part was read and verified before, so an error now is the disk's.
fn read_error(error: &ReadJournalError) -> JournalError {
    JournalError::Recorded(error.to_string())
}
