//! The bars of one instrument, one checked record batch after the other. It must never hold more
//! than one batch.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::sync::Arc;

use arrow_buffer::{Buffer, MutableBuffer};
use arrow_schema::Schema;
use counterfoil_trading::bar::ClosedBar;
use counterfoil_trading::instrument::{InstrumentId, PriceRange};
use counterfoil_trading::time::UnixNanos;

use crate::store::arrow_file::{BatchColumns, decode, schema};
use crate::store::contents::SnapshotContents;
use crate::store::manifest::{LayerBatch, LayerInstrument};
use crate::store::read_error::ReadError;
use counterfoil_base::digest::Digest;

/// Bars whose open time is at or after `from` and before `to`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct TimeRange {
    pub(crate) from: Option<UnixNanos>,
    pub(crate) to: Option<UnixNanos>,
}

/// Reads bars of one instrument in sequence of close time.
#[derive(Debug)]
pub(crate) struct BarReader {
    contents: Arc<SnapshotContents>,
    /// The instrument's place in the manifest.
    place: usize,
    /// Its id in the selection.
    id: InstrumentId,
    range: TimeRange,
    /// The prices that the manifest allows it.
    prices: PriceRange,
    schema: Option<Arc<Schema>>,
    next_batch: usize,
    buffer: Option<Buffer>,
    columns: Option<BatchColumns>,
    row: usize,
    /// The row after the last of the batch that is in the range.
    end: usize,
    /// Bars in the batches before this one, for messages.
    before: u64,
    last_close: Option<UnixNanos>,
}

/// The name of the file that a batch is in; the manifest was checked to have one.
fn file_of<'a>(data: &'a LayerInstrument, batch: &LayerBatch) -> Option<&'a str> {
    data.files.get(batch.file).map(|file| file.file.as_str())
}

impl BarReader {
    pub(crate) fn new(
        contents: Arc<SnapshotContents>,
        place: usize,
        id: InstrumentId,
        range: TimeRange,
    ) -> Self {
        let data = contents.manifest.instruments.get(place);
        let prices = data.map_or(PriceRange::Positive, LayerInstrument::prices);
        Self {
            contents,
            place,
            id,
            range,
            prices,
            schema: None,
            next_batch: 0,
            buffer: None,
            columns: None,
            row: 0,
            end: 0,
            before: 0,
            last_close: None,
        }
    }

    /// The next bar of the range.
    pub(crate) fn next_bar(&mut self) -> Result<Option<ClosedBar>, ReadError> {
        loop {
            if self.row < self.end
                && let Some(columns) = &self.columns
                && let Some(bar) = columns.bar(self.row, self.id, self.prices)
            {
                let bar = bar.map_err(|source| self.bad_bar(source))?;
                let close_time = bar.get().close_time;
                // The manifest's digests are its maker's own. Bars in another
                // sequence would show a strategy the future, so the sequence is checked as well.
                if self.last_close.is_some_and(|last| last >= close_time) {
                    return Err(self.malformed("bars are not sorted by close time"));
                }
                self.last_close = Some(close_time);
                self.row = self.row.saturating_add(1);
                return Ok(Some(bar));
            }
            if !self.next_batch()? {
                return Ok(None);
            }
        }
    }

    /// Reads and checks the next batch that may hold bars of the range; `false` after the last.
    fn next_batch(&mut self) -> Result<bool, ReadError> {
        let contents = Arc::clone(&self.contents);
        let Some(data) = contents.manifest.instruments.get(self.place) else {
            return Ok(false);
        };
        loop {
            let Some(batch) = data.batches.get(self.next_batch) else {
                return Ok(false);
            };
            // Bars open before they close, so these all open before the range.
            if self.range.from.is_none_or(|from| batch.last_close > from) {
                break;
            }
            self.next_batch = self.next_batch.saturating_add(1);
            self.before = self.before.saturating_add(batch.bars);
        }
        let Some(batch) = data.batches.get(self.next_batch) else {
            return Ok(false);
        };
        // A batch that was not read to its end ends the range.
        if self
            .columns
            .as_ref()
            .is_some_and(|columns| self.end < columns.open_time.len())
        {
            return Ok(false);
        }
        if self.columns.take().is_some() {
            let last = self
                .next_batch
                .checked_sub(1)
                .and_then(|last| data.batches.get(last));
            self.before = self.before.saturating_add(last.map_or(0, |last| last.bars));
        }
        let columns = self.read(&contents, data, batch)?;
        let opens: &[i64] = &columns.open_time;
        let before = |limit: Option<UnixNanos>, none: usize| {
            limit.map_or(none, |limit| opens.partition_point(|open| *open < limit.0))
        };
        (self.row, self.end) = (
            before(self.range.from, 0),
            before(self.range.to, opens.len()),
        );
        self.columns = Some(columns);
        self.next_batch = self.next_batch.saturating_add(1);
        Ok(true)
    }

    fn read(
        &mut self,
        contents: &SnapshotContents,
        data: &LayerInstrument,
        batch: &LayerBatch,
    ) -> Result<BatchColumns, ReadError> {
        let file =
            file_of(data, batch).ok_or_else(|| self.malformed("a record batch names no file"))?;
        let name = contents.file_name(file);
        // Opened for each batch: more instruments than a process may have files stay readable.
        let mut file = contents.dir.open(file).map_err(ReadError::io(&name))?;
        // The last batch's memory serves the next: no other buffer refers to it any more.
        let spare = self
            .buffer
            .take()
            .and_then(|buffer| buffer.into_mutable().ok());
        let mut bytes = spare.unwrap_or_else(|| MutableBuffer::new(0));
        // The length was bounded when the manifest was checked, so it is never a reader's whole
        // memory.
        bytes.resize(usize::try_from(batch.length).unwrap_or(usize::MAX), 0);
        file.seek(SeekFrom::Start(batch.offset))
            .and_then(|_| file.read_exact(bytes.as_slice_mut()))
            .map_err(ReadError::io(&name))?;
        // Compared before a byte is decoded, on every read: a file that changes while a run reads
        // it ends the run, and no bar of it is seen.
        let got = Digest::of(bytes.as_slice());
        if got != batch.sha256 {
            let part = format!("record batch {}", self.next_batch);
            return Err(ReadError::Digest {
                file: name,
                part,
                expected: batch.sha256,
                got,
            });
        }
        let instrument = contents.instruments.get(self.place);
        let schema = match &mut self.schema {
            Some(schema) => Arc::clone(schema),
            none => {
                let instrument =
                    instrument.ok_or_else(|| ReadError::malformed(&name, "no such instrument"))?;
                Arc::clone(none.insert(Arc::new(schema(instrument))))
            }
        };
        let buffer = Buffer::from(bytes);
        let columns = decode(&schema, &buffer, batch.bars).map_err(ReadError::arrow(&name))?;
        self.buffer = Some(buffer);
        Ok(columns)
    }

    fn name(&self) -> String {
        let data = self.contents.manifest.instruments.get(self.place);
        let last = self.next_batch.saturating_sub(1);
        let file = data.and_then(|data| file_of(data, data.batches.get(last)?));
        self.contents.file_name(file.unwrap_or("record batches"))
    }

    #[cold]
    fn malformed(&self, reason: &str) -> ReadError {
        ReadError::malformed(&self.name(), reason)
    }

    #[cold]
    fn bad_bar(&self, source: counterfoil_trading::bar::BarError) -> ReadError {
        let row = u64::try_from(self.row).unwrap_or(u64::MAX);
        ReadError::Bar {
            file: self.name(),
            index: self.before.saturating_add(row),
            source,
        }
    }
}
