//! The loop over a source's rows, the same for bars and for trades: rows are counted, those that
//! cannot be used are deferred, the others are handed on. It must never know what a row holds.

use crate::error::IngestError;
use crate::source::deferred::DeferredRows;
use crate::source::footer::LikelyFooter;
use crate::source::mapping::ColumnMapping;
use crate::source::number_rules::NumberRules;
use crate::source::options::{INSTRUMENTS_MAX, IngestOptions};
use crate::source::progress::IngestProgress;
use crate::source::records::{SourceRecord, SourceRecords};
use crate::source::row_error::RowError;
use crate::spool::staging::StagingDir;

/// Rows between two calls of the progress function.
const ROWS_PER_PROGRESS: u64 = 65_536;

/// Everything that reading a source needs.
#[derive(Clone, Copy)]
pub(crate) struct SourceContext<'a> {
    pub(crate) name: &'a str,
    pub(crate) symbol: Option<&'a str>,
    pub(crate) numbers: NumberRules,
    pub(crate) options: &'a IngestOptions,
    pub(crate) mapping: &'a ColumnMapping,
    /// The directory of temporary files.
    pub(crate) scratch: &'a StagingDir,
}

/// The outcome of one row.
pub(crate) enum RowOutcome {
    /// It was taken, and is later than all others of its symbol.
    Taken,
    /// It was taken, and may repeat one before it.
    TakenLate,
    /// It cannot be used.
    Invalid(RowError),
}

/// Lines of a source, all of them read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RowCounts {
    /// Rows, usable or not.
    pub(crate) rows: u64,
    pub(crate) blank_lines: u64,
    /// What the file seems to end with.
    pub(crate) footer: Option<LikelyFooter>,
}

impl SourceContext<'_> {
    /// # Errors
    ///
    /// Returns [`IngestError::TooLarge`] if a source may not have so many instruments.
    pub(crate) fn check_instruments(&self, count: usize, line: u64) -> Result<(), IngestError> {
        // Each instrument becomes a file and an entry of the manifest: a source in which every
        // row names another one would exhaust both.
        if count > INSTRUMENTS_MAX {
            let max = u64::try_from(INSTRUMENTS_MAX).unwrap_or(u64::MAX);
            return Err(self.too_large(line, max, "instruments"));
        }
        Ok(())
    }

    fn too_large(&self, line: u64, max: u64, unit: &'static str) -> IngestError {
        IngestError::TooLarge {
            file: self.name.to_owned(),
            line,
            max,
            unit,
        }
    }
}

/// Reads all rows of a source. `take` receives the line and the fields of each row.
///
/// # Errors
///
/// Returns [`IngestError`] if the source cannot be read on or has too many rows, or what `take`
/// returns.
pub(crate) fn read_rows(
    records: &mut dyn SourceRecords,
    context: &SourceContext<'_>,
    deferred: &mut DeferredRows<'_>,
    progress: &mut dyn FnMut(IngestProgress),
    mut take: impl FnMut(u64, &[&str]) -> Result<RowOutcome, IngestError>,
) -> Result<RowCounts, IngestError> {
    let rows_max = context.options.limits.rows_max;
    let mut counts = RowCounts::default();
    let mut last_row = 0;
    loop {
        let (line, fields, raw) = match records.next()? {
            SourceRecord::End => break,
            SourceRecord::Blank => {
                counts.blank_lines = counts.blank_lines.saturating_add(1);
                continue;
            }
            SourceRecord::Invalid { line, error, raw } => (line, Err(error), raw),
            SourceRecord::Row { line, fields, raw } => (line, Ok(fields), raw),
        };
        // Rows that cannot be used count as well: each of them takes room in the quarantine.
        counts.rows = counts.rows.saturating_add(1);
        if counts.rows > rows_max {
            return Err(context.too_large(line, rows_max, "rows"));
        }
        let outcome = match fields {
            Ok(fields) => take(line, &fields)?,
            Err(error) => RowOutcome::Invalid(error),
        };
        if !matches!(&outcome, RowOutcome::Invalid(error) if error.code.may_be_footer()) {
            last_row = line;
        }
        match outcome {
            RowOutcome::Taken => {}
            RowOutcome::TakenLate => deferred.add_late(line, raw)?,
            RowOutcome::Invalid(error) => deferred.add_invalid(line, error, raw)?,
        }
        if counts.rows.is_multiple_of(ROWS_PER_PROGRESS) {
            progress(IngestProgress::Reading {
                rows: counts.rows,
                bytes: records.bytes(),
            });
        }
    }
    progress(IngestProgress::Reading {
        rows: counts.rows,
        bytes: records.bytes(),
    });
    let lines = records.text_lines();
    counts.footer = lines.and_then(|lines| LikelyFooter::between(last_row, lines));
    Ok(counts)
}
