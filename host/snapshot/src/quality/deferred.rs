//! Rows that are put aside, or may have to be, in sequence of lines until the whole source was
//! read: only then is it known which of them repeat another. It must never know a price.

use serde::{Deserialize, Serialize};

use crate::error::IngestError;
use crate::layout::QUARANTINE;
use crate::quality::quarantine::{QuarantineWriter, QuarantinedRow};
use crate::source::row_error::{RowError, RowErrorCode};
use crate::spool::frames::{SpoolReader, SpoolWriter};
use crate::spool::sort::ExternalSorter;
use crate::spool::staging::StagingDir;

/// One line of the source, as it stood.
#[derive(Deserialize, Serialize)]
struct DeferredRow {
    line: u64,
    /// What is wrong with it, or nothing that is known yet.
    bad: Option<(RowErrorCode, String)>,
    row: String,
}

/// A second row of one instrument and time, or of one trade.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub(crate) struct RepeatedRow {
    /// Its line.
    pub(crate) line: u64,
    /// The line that is kept.
    pub(crate) first: u64,
    /// Whether both say the same.
    pub(crate) same: bool,
}

/// Collects what is put aside.
pub(crate) struct DeferredRows<'a> {
    scratch: &'a StagingDir,
    entries: Option<SpoolWriter>,
    repeats: ExternalSorter<'a, RepeatedRow>,
    late: u64,
}

impl<'a> DeferredRows<'a> {
    pub(crate) fn new(scratch: &'a StagingDir, rows_in_memory: usize) -> Self {
        Self {
            scratch,
            entries: None,
            repeats: ExternalSorter::new(scratch, "repeats", rows_in_memory),
            late: 0,
        }
    }

    /// A row that is no bar.
    pub(crate) fn bad(&mut self, line: u64, bad: RowError, row: &[u8]) -> Result<(), IngestError> {
        self.add(line, Some((bad.reason, bad.message)), row)
    }

    /// A row that does not come after all others of its instrument: it is late, or a repeat.
    pub(crate) fn late(&mut self, line: u64, row: &[u8]) -> Result<(), IngestError> {
        self.late = self.late.saturating_add(1);
        self.add(line, None, row)
    }

    fn add(
        &mut self,
        line: u64,
        bad: Option<(RowErrorCode, String)>,
        row: &[u8],
    ) -> Result<(), IngestError> {
        let entries = match self.entries.take() {
            Some(entries) => entries,
            None => SpoolWriter::new(self.scratch, "aside".to_owned())?,
        };
        self.entries.insert(entries).add(&DeferredRow {
            line,
            bad,
            row: String::from_utf8_lossy(row).into_owned(),
        })
    }

    /// Says that a row which came [`late`](Self::late) is a repeat.
    pub(crate) fn repeat(&mut self, repeat: RepeatedRow) -> Result<(), IngestError> {
        self.late = self.late.saturating_sub(1);
        self.repeats.add(repeat)
    }

    /// Puts what is no bar, and every repeat, into the quarantine of `file`, by line. Gives the
    /// number of rows that were late and nothing worse.
    pub(crate) fn settle(
        self,
        file: &str,
        quarantine: &mut QuarantineWriter,
    ) -> Result<u64, IngestError> {
        let Some(entries) = self.entries else {
            return Ok(0);
        };
        let mut entries = SpoolReader::<DeferredRow>::new(self.scratch, &entries.finish()?, 0)?;
        let mut repeats = self.repeats.finish()?;
        let mut repeat = repeats.next()?;
        while let Some(entry) = entries.next()? {
            let bad = match (entry.bad, repeat) {
                (Some((reason, message)), _) => RowError { reason, message },
                (None, Some(one)) if one.line == entry.line => {
                    repeat = repeats.next()?;
                    duplicate(one.same, one.first)
                }
                (None, _) => continue,
            };
            put(quarantine, file, entry.line, bad, entry.row)?;
        }
        Ok(self.late)
    }
}

/// Puts a row into the quarantine.
pub(crate) fn put(
    quarantine: &mut QuarantineWriter,
    file: &str,
    line: u64,
    bad: RowError,
    row: String,
) -> Result<(), IngestError> {
    let row = QuarantinedRow {
        file: file.to_owned(),
        line,
        message: bad.message,
        reason: bad.reason.code().to_owned(),
        row,
    };
    quarantine.add(row).map_err(IngestError::write(QUARANTINE))
}

/// What is said of a second row of one instrument and time.
pub(crate) fn duplicate(same: bool, line: u64) -> RowError {
    let how = if same {
        "repeats"
    } else {
        "has the instrument and time, and other values, of"
    };
    RowError {
        reason: RowErrorCode::Duplicate,
        message: format!("{how} line {line}, which is kept"),
    }
}
