//! A journal that compares while there are recorded records, and appends once they are used up.
//! Until the first append no byte of the file changes; it must never know which side is right.

use counterfoil_journal::signer::Signer;
use counterfoil_trading::decision_digest::DecisionDigest;
use counterfoil_trading::journal::{Journal, RecordBytes};
use counterfoil_trading::record::{
    KIND_CLOSE, KIND_OPEN, KIND_REFUSED, RunRecord, digested_part, record_kind,
};

use super::cut::{Cut, keep};
use super::signed::Signed;
use crate::run::journal::{
    AnyJournal, JournalError, JournalFile, JournalReader, ReadJournalError, RunJournal, Sealed,
    Sealer, Sealing,
};
use crate::run::replay::Difference;
use crate::store::data_dir::Execution;

/// What is heard of a resumption under way.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Notice {
    /// Every record of the journal came out as recorded.
    Compared {
        /// How many.
        records: u64,
    },
    /// What no checkpoint covers was cut off and is kept.
    Cut(Cut),
}

/// What is needed to go on writing.
pub(super) struct Held {
    pub(super) execution: Execution,
    pub(super) signed: Signed,
    pub(super) sealed: Sealed,
    pub(super) signer: Box<dyn Signer + Send>,
    pub(super) cadence: u64,
    pub(super) sealing: Sealing,
}

/// The comparing journal that turns into the appending one.
pub(super) struct GoingOn<'a> {
    recorded: Option<JournalReader>,
    /// Entries that are signed.
    until: u64,
    compared: u64,
    is_told: bool,
    held: Option<Held>,
    digest: DecisionDigest,
    appending: Option<AnyJournal>,
    difference: Option<Difference>,
    tell: &'a mut (dyn FnMut(&Notice) + Send),
}

impl<'a> GoingOn<'a> {
    /// A journal over the signed part, whose records `recorded` reads.
    pub(super) fn new(
        recorded: Option<JournalReader>,
        held: Held,
        tell: &'a mut (dyn FnMut(&Notice) + Send),
    ) -> Self {
        Self {
            recorded,
            until: held.signed.entries,
            compared: 0,
            is_told: false,
            digest: held.sealed.digest.clone(),
            held: Some(held),
            appending: None,
            difference: None,
            tell,
        }
    }

    /// The difference that stopped the run, if one did.
    pub(super) fn take_difference(&mut self) -> Option<Difference> {
        self.difference.take()
    }

    /// Records that came out as recorded.
    pub(super) const fn compared(&self) -> u64 {
        self.compared
    }

    /// Whether a recorded record that counts for the digest is left; it is the reader's next then.
    fn is_left(&mut self) -> Result<bool, ReadJournalError> {
        let until = self.until;
        if let Some(reader) = &mut self.recorded {
            while reader.index() < until {
                let Some(body) = reader.peek_body()? else {
                    break;
                };
                if !matches!(record_kind(body)?, KIND_OPEN | KIND_REFUSED | KIND_CLOSE) {
                    return Ok(true);
                }
                reader.pass();
            }
        }
        self.recorded = None;
        Ok(false)
    }

    /// Compares the record with the reader's next.
    fn compare(&mut self, record: RecordBytes<'_>) -> Result<(), JournalError> {
        let Some(reader) = &mut self.recorded else {
            return Ok(());
        };
        let index = reader.index();
        let Some(body) = reader.peek_body().map_err(|error| read(&error))? else {
            return Ok(());
        };
        if record.digested.is_some() && digested_part(body)? == record.digested {
            reader.pass();
            self.compared = self.compared.saturating_add(1);
            return Ok(());
        }
        self.difference = Some(Difference {
            index,
            recorded: RunRecord::decode(body).ok().map(Box::new),
            replayed: RunRecord::decode(record.body).ok().map(Box::new),
        });
        Err(JournalError::Differs { index })
    }

    /// Says once that all came out as recorded.
    fn tell_compared(&mut self) {
        if !self.is_told {
            self.is_told = true;
            let records = self.compared;
            (self.tell)(&Notice::Compared { records });
        }
    }

    /// The journal that appends. At the first call what no checkpoint covers is kept, then cut.
    fn appending(&mut self) -> Result<&mut AnyJournal, JournalError> {
        if let Some(held) = self.held.take() {
            let Held {
                execution,
                signed,
                sealed,
                signer,
                cadence,
                sealing,
            } = held;
            let cut = keep(&execution.folder, signed.end, &signed.tail)?;
            let file = JournalFile::go_on(&execution.journal(), signed.end)?;
            if let Some(cut) = cut {
                (self.tell)(&Notice::Cut(cut));
            }
            let sealer = Sealer::go_on(file, signer, execution.origin(), cadence, sealed);
            let journal = AnyJournal::start(sealer, cadence, sealing);
            self.appending = Some(journal.map_err(|_| JournalError::ThreadGone)?);
        }
        // Without it an earlier append failed: the run has stopped then.
        self.appending.as_mut().ok_or(JournalError::ThreadGone)
    }
}

impl Journal for GoingOn<'_> {
    type Error = JournalError;

    fn accept(&mut self, record: RecordBytes<'_>) -> Result<(), JournalError> {
        if self.is_left().map_err(|error| read(&error))? {
            // A refused input is no part of what is decided again; a closing record is too early.
            if record_kind(record.body)? != KIND_REFUSED {
                self.compare(record)?;
                if !self.is_left().map_err(|error| read(&error))? {
                    self.tell_compared();
                }
                return Ok(());
            }
        } else {
            self.tell_compared();
        }
        self.appending()?.accept(record)
    }
}

impl RunJournal for GoingOn<'_> {
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

/// The signed part was read and verified before, so that this is the disk's doing.
fn read(error: &ReadJournalError) -> JournalError {
    JournalError::Recorded(error.to_string())
}
