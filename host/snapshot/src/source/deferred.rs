//! Rows that are quarantined, or may have to be, in sequence of lines until the whole source was
//! read: only then is it known which of them repeat another. It must never know a price.

use serde::{Deserialize, Serialize};

use crate::error::IngestError;
use crate::layout::QUARANTINE;
use crate::source::footer::LikelyFooter;
use crate::source::row_error::{RowError, RowErrorCode};
use crate::source::shown::shown;
use crate::spool::sort::ExternalSorter;
use crate::spool::spool_file::{SpoolReader, SpoolWriter};
use crate::spool::staging::StagingDir;
use crate::store::quarantine::{QuarantineWriter, QuarantinedRow};

/// One line of the source, unchanged.
#[derive(Deserialize, Serialize)]
struct DeferredRow {
    line: u64,
    /// Why it cannot be used; `None` while it is only known to be late.
    error: Option<RowError>,
    row: String,
}

/// A second row of one instrument and time, or of one trade, that the rule for repeats does not use.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub(crate) struct RepeatedRow {
    /// Its line.
    pub(crate) line: u64,
    /// The line that is kept.
    pub(crate) first: u64,
}

/// Collects rows that are deferred.
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

    /// Adds a row that cannot be used.
    pub(crate) fn add_invalid(
        &mut self,
        line: u64,
        error: RowError,
        row: &[u8],
    ) -> Result<(), IngestError> {
        self.add(line, Some(error), row)
    }

    /// Adds a row that does not come after all others of its instrument: it is late, or a repeat.
    pub(crate) fn add_late(&mut self, line: u64, row: &[u8]) -> Result<(), IngestError> {
        self.late = self.late.saturating_add(1);
        self.add(line, None, row)
    }

    fn add(&mut self, line: u64, error: Option<RowError>, row: &[u8]) -> Result<(), IngestError> {
        // Made with the first row: most sources defer none, and need no file.
        let entries = match self.entries.take() {
            Some(entries) => entries,
            None => SpoolWriter::new(self.scratch, "aside".to_owned())?,
        };
        self.entries.insert(entries).add(&DeferredRow {
            line,
            error,
            row: String::from_utf8_lossy(row).into_owned(),
        })
    }

    /// Marks a row that was [added as late](Self::add_late) as a repeat.
    pub(crate) fn mark_repeat(&mut self, repeat: RepeatedRow) -> Result<(), IngestError> {
        self.repeats.add(repeat)
    }

    /// Counts one row that was [added as late](Self::add_late) no longer: it repeats another, and is not out of
    /// sequence.
    pub(crate) fn forget_late(&mut self) {
        self.late = self.late.saturating_sub(1);
    }

    /// Writes rows that cannot be used, and every repeat, into the quarantine of `file`, by line. Returns the
    /// number of rows that were late and nothing worse.
    pub(crate) fn settle(
        self,
        file: &str,
        quarantine: &mut QuarantineWriter,
        footer: Option<LikelyFooter>,
    ) -> Result<u64, IngestError> {
        let Some(entries) = self.entries else {
            return Ok(0);
        };
        let mut entries = SpoolReader::<DeferredRow>::new(self.scratch, &entries.finish()?, 0)?;
        let mut repeats = self.repeats.finish()?;
        let mut repeat = repeats.next()?;
        while let Some(entry) = entries.next()? {
            let error = match (entry.error, repeat) {
                (Some(error), _) => with_footer_hint(error, footer, entry.line),
                // Both lists are in sequence of lines, so one look at the next repeat is enough.
                (None, Some(known)) if known.line == entry.line => {
                    repeat = repeats.next()?;
                    replaced_error(known.first)
                }
                // Late and nothing worse: it was put in its place and is used.
                (None, _) => continue,
            };
            quarantine_row(quarantine, file, entry.line, error, entry.row)?;
        }
        Ok(self.late)
    }
}

/// The error of a line, with the way on if it seems to be one of a footer.
fn with_footer_hint(error: RowError, footer: Option<LikelyFooter>, line: u64) -> RowError {
    let hint = footer.and_then(|footer| footer.hint(line));
    match hint.filter(|_| error.code != RowErrorCode::Footer) {
        Some(hint) => RowError {
            message: error.message + &hint,
            ..error
        },
        None => error,
    }
}

/// Puts a row into the quarantine.
pub(crate) fn quarantine_row(
    quarantine: &mut QuarantineWriter,
    file: &str,
    line: u64,
    error: RowError,
    row: String,
) -> Result<(), IngestError> {
    let row = QuarantinedRow {
        file: file.to_owned(),
        line,
        message: shown(error.message),
        reason: error.code.code().to_owned(),
        row,
    };
    quarantine.add(row).map_err(IngestError::write(QUARANTINE))
}

/// The error of a row that the rule for repeats does not use.
pub(crate) fn replaced_error(line: u64) -> RowError {
    RowError {
        code: RowErrorCode::Replaced,
        message: format!("has the time or id of line {line}, which the rule for repeats keeps"),
    }
}

/// The error of a row of a later ticker whose time the instrument has already.
pub(crate) fn duplicate_error(same: bool, line: u64) -> RowError {
    let how = if same {
        "repeats"
    } else {
        "has the instrument and time, and other values, of"
    };
    RowError {
        code: RowErrorCode::Duplicate,
        message: format!("{how} line {line}, which is kept"),
    }
}
