//! The rows of every instrument in sequence of time, in one file on disk, and the rows of an
//! instrument that had several tickers as one sequence. It must never know a scale or a timeframe.

use std::collections::BTreeMap;

use counterfoil_trading::time::UnixNanos;

use crate::error::IngestError;
use crate::source::row::SourceRow;
use crate::spool::spool_file::{SpoolReader, SpoolWriter};
use crate::spool::staging::StagingDir;

/// The rows of one ticker, in the file of all rows.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TickerSpan {
    /// Where its first row begins, in bytes.
    offset: u64,
    pub(crate) rows: u64,
}

/// Writes rows, all of one ticker together and by time.
pub(crate) struct SeriesWriter {
    file: SpoolWriter,
    parts: BTreeMap<String, TickerSpan>,
    open: Option<(String, TickerSpan)>,
}

/// The rows of every ticker.
#[derive(Debug)]
pub(crate) struct SeriesFile<'a> {
    scratch: &'a StagingDir,
    file: String,
    pub(crate) parts: BTreeMap<String, TickerSpan>,
}

impl SeriesWriter {
    pub(crate) fn new(scratch: &StagingDir) -> Result<Self, IngestError> {
        Ok(Self {
            file: SpoolWriter::new(scratch, "series".to_owned())?,
            parts: BTreeMap::new(),
            open: None,
        })
    }

    /// The rows from here on are of this ticker.
    pub(crate) fn begin(&mut self, ticker: &str) {
        self.end();
        let offset = self.file.offset();
        self.open = Some((ticker.to_owned(), TickerSpan { offset, rows: 0 }));
    }

    fn end(&mut self) {
        self.parts
            .extend(self.open.take().filter(|(_, part)| part.rows > 0));
    }

    pub(crate) fn add(&mut self, row: &SourceRow) -> Result<(), IngestError> {
        if let Some((_, part)) = &mut self.open {
            part.rows = part.rows.saturating_add(1);
        }
        self.file.add(row)
    }

    pub(crate) fn finish(mut self, scratch: &StagingDir) -> Result<SeriesFile<'_>, IngestError> {
        self.end();
        Ok(SeriesFile {
            scratch,
            file: self.file.finish()?,
            parts: self.parts,
        })
    }
}

/// Rows of one ticker that belong to one instrument: those at or after `from` and before `to`.
#[derive(Clone, Debug)]
pub(crate) struct TickerShare {
    pub(crate) part: TickerSpan,
    pub(crate) from: Option<UnixNanos>,
    pub(crate) to: Option<UnixNanos>,
    /// The ticker, if it differs from the instrument's name.
    pub(crate) ticker: Option<String>,
}

/// The next of an instrument's rows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum SeriesStep {
    /// A row.
    Row(SourceRow),
    /// A row whose time an earlier share has already.
    Repeat {
        row: SourceRow,
        first: SourceRow,
        ticker: String,
    },
}

/// The rows of one instrument, by time. Of several shares that have one time the first one's row
/// counts.
pub(crate) struct InstrumentRows {
    inputs: Vec<ShareReader>,
    nanos_per_key: i64,
    last: Option<SourceRow>,
}

struct ShareReader {
    reader: SpoolReader<SourceRow>,
    left: u64,
    share: TickerShare,
    head: Option<SourceRow>,
}

impl SeriesFile<'_> {
    /// The rows of some shares.
    pub(crate) fn rows(
        &self,
        shares: &[TickerShare],
        nanos_per_key: i64,
    ) -> Result<InstrumentRows, IngestError> {
        let mut inputs = Vec::with_capacity(shares.len());
        for share in shares {
            let reader = SpoolReader::new(self.scratch, &self.file, share.part.offset)?;
            let mut input = ShareReader {
                reader,
                left: share.part.rows,
                share: share.clone(),
                head: None,
            };
            input.advance(nanos_per_key)?;
            inputs.push(input);
        }
        Ok(InstrumentRows {
            inputs,
            nanos_per_key,
            last: None,
        })
    }
}

impl ShareReader {
    fn advance(&mut self, nanos_per_key: i64) -> Result<(), IngestError> {
        self.head = None;
        while self.left > 0 && self.head.is_none() {
            self.left = self.left.saturating_sub(1);
            let Some(row) = self.reader.next()? else {
                break;
            };
            // A time that does not fit in 64 bits is after every other. It is not refused here: the
            // conversion to bars names its line.
            let time = row.time.checked_mul(nanos_per_key);
            let reaches = |limit: UnixNanos| time.is_none_or(|time| time >= limit.0);
            if self.share.to.is_some_and(reaches) {
                // Rows are in sequence of time, so none after this one belongs to the share.
                self.left = 0;
            } else if self.share.from.is_none_or(reaches) {
                self.head = Some(row);
            }
        }
        Ok(())
    }
}

impl InstrumentRows {
    pub(crate) fn next(&mut self) -> Result<Option<SeriesStep>, IngestError> {
        let heads = self.inputs.iter_mut().filter(|input| input.head.is_some());
        // Of equals `min_by_key` gives the first: the order of shares decides which row counts.
        let Some(input) = heads.min_by_key(|input| input.head.map(|row| row.time)) else {
            return Ok(None);
        };
        let Some(row) = input.head else {
            return Ok(None);
        };
        input.advance(self.nanos_per_key)?;
        if let Some(first) = self.last.filter(|last| last.time == row.time) {
            // Rows of one ticker have each time once, so a repeat comes from a later ticker.
            let ticker = input
                .share
                .ticker
                .clone()
                .ok_or_else(|| IngestError::Internal {
                    file: input.reader.name().to_owned(),
                    reason: format!("line {} repeats a time of its own ticker", row.line),
                })?;
            return Ok(Some(SeriesStep::Repeat { row, first, ticker }));
        }
        self.last = Some(row);
        Ok(Some(SeriesStep::Row(row)))
    }
}
