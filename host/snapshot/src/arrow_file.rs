//! Bars to Arrow record batches and back, in the plain IPC file format that any tool reads. It
//! must never know a directory.

use std::io::{self, Write};
use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, AsArray as _, Int64Array, RecordBatch, TimestampNanosecondArray,
};
use arrow::buffer::{Buffer, ScalarBuffer};
use arrow::datatypes::{
    DataType, Field, Int64Type, Metadata, Schema, TimeUnit, TimestampNanosecondType,
};
use arrow::error::ArrowError;
use arrow::ipc::reader::FileDecoder;
use arrow::ipc::writer::FileWriter;
use arrow::ipc::{Block, MetadataVersion};
use counterfoil_trading::bar::{BarError, ClosedBar, RawBar};
use counterfoil_trading::instrument::{Instrument, InstrumentId};
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::units::{Price, Volume};
use sha2::{Digest as _, Sha256};

use crate::digest::Digest;

/// What every message of the format begins with. Source: Arrow IPC, encapsulated message format.
const CONTINUATION: [u8; 4] = [0xff; 4];

/// The columns of an instrument's file. The scales stand in the metadata of the fields.
pub(crate) fn schema(instrument: &Instrument) -> Schema {
    let time = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
    let scaled = |name: &str, scale: u8| {
        let metadata = [("scale".to_owned(), scale.to_string())];
        Field::new(name, DataType::Int64, false).with_metadata(Metadata::from_iter(metadata))
    };
    let price = instrument.price_scale();
    let fields = vec![
        Field::new("open_time", time.clone(), false),
        Field::new("close_time", time, false),
        scaled("open", price),
        scaled("high", price),
        scaled("low", price),
        scaled("close", price),
        scaled("volume", instrument.volume_scale()),
    ];
    let metadata = [
        ("symbol".to_owned(), instrument.symbol().to_owned()),
        ("price_scale".to_owned(), price.to_string()),
        ("tick_size".to_owned(), instrument.tick_size().to_string()),
        (
            "volume_scale".to_owned(),
            instrument.volume_scale().to_string(),
        ),
    ];
    Schema::new_with_metadata(fields, Metadata::from_iter(metadata))
}

/// Where a batch stands in its file, and its digest.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Written {
    pub(crate) offset: u64,
    pub(crate) length: u64,
    pub(crate) sha256: Digest,
}

/// Writes batches of bars to a file.
pub(crate) struct BarWriter<W> {
    schema: Arc<Schema>,
    writer: FileWriter<Tap<W>>,
}

impl<W: Write> BarWriter<W> {
    pub(crate) fn new(file: W, instrument: &Instrument) -> Result<Self, ArrowError> {
        let schema = Arc::new(schema(instrument));
        let tap = Tap {
            file,
            whole: Sha256::new(),
            block: Sha256::new(),
            offset: 0,
        };
        Ok(Self {
            writer: FileWriter::try_new(tap, &schema)?,
            schema,
        })
    }

    pub(crate) fn write(&mut self, bars: &[ClosedBar]) -> Result<Written, ArrowError> {
        let time = |of: fn(&RawBar) -> UnixNanos| -> ArrayRef {
            let values = bars.iter().map(|bar| of(bar.get()).0);
            Arc::new(TimestampNanosecondArray::from_iter_values(values).with_timezone("UTC"))
        };
        let number = |of: fn(&RawBar) -> i64| -> ArrayRef {
            Arc::new(Int64Array::from_iter_values(
                bars.iter().map(|bar| of(bar.get())),
            ))
        };
        let columns = vec![
            time(|bar| bar.open_time),
            time(|bar| bar.close_time),
            number(|bar| bar.open.0),
            number(|bar| bar.high.0),
            number(|bar| bar.low.0),
            number(|bar| bar.close.0),
            number(|bar| bar.volume.0),
        ];
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns)?;
        let tap = self.writer.get_mut();
        tap.block = Sha256::new();
        let offset = tap.offset;
        self.writer.write(&batch)?;
        let tap = self.writer.get_mut();
        let sha256 = Digest::finish(core::mem::take(&mut tap.block));
        Ok(Written {
            offset,
            length: tap.offset.saturating_sub(offset),
            sha256,
        })
    }

    /// Ends the file; gives it back with its digest.
    pub(crate) fn finish(mut self) -> Result<(W, Digest), ArrowError> {
        self.writer.finish()?;
        let tap = self.writer.into_inner()?;
        Ok((tap.file, Digest::finish(tap.whole)))
    }
}

/// A writer that hashes what passes: all of it, and what came since the last batch began.
struct Tap<W> {
    file: W,
    whole: Sha256,
    block: Sha256,
    offset: u64,
}

impl<W: Write> Write for Tap<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        let written = bytes.get(..count).unwrap_or_default();
        self.whole.update(written);
        self.block.update(written);
        self.offset = self
            .offset
            .saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// The columns of one batch, as they lie in its buffer.
#[derive(Clone, Debug)]
pub(crate) struct BarColumns {
    pub(crate) open_time: ScalarBuffer<i64>,
    close_time: ScalarBuffer<i64>,
    open: ScalarBuffer<i64>,
    high: ScalarBuffer<i64>,
    low: ScalarBuffer<i64>,
    close: ScalarBuffer<i64>,
    volume: ScalarBuffer<i64>,
}

/// Reads the batch in `bytes`, metadata and body, whose digest was checked. Nothing is copied
/// where the buffer is aligned.
pub(crate) fn decode(schema: &Arc<Schema>, bytes: &Buffer) -> Result<BarColumns, ArrowError> {
    let malformed = |reason: &str| ArrowError::IpcError(reason.to_owned());
    // The footer has these lengths too; taken from here, a batch needs nothing else of its file.
    let prefix = bytes
        .first_chunk::<8>()
        .ok_or_else(|| malformed("no message"))?;
    let [a, b, c, d, length @ ..] = *prefix;
    if [a, b, c, d] != CONTINUATION {
        return Err(malformed("no message at the start of the batch"));
    }
    let metadata = i32::from_le_bytes(length)
        .checked_add(8)
        .filter(|length| *length >= 8);
    let metadata = metadata.ok_or_else(|| malformed("bad metadata length"))?;
    let total = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    let body = total
        .checked_sub(i64::from(metadata))
        .filter(|body| *body >= 0);
    let body = body.ok_or_else(|| malformed("metadata is longer than the batch"))?;
    let decoder = FileDecoder::new(Arc::clone(schema), MetadataVersion::V5);
    let block = Block::new(0, metadata, body);
    let batch = decoder.read_record_batch(&block, bytes)?;
    let batch = batch.ok_or_else(|| malformed("no record batch"))?;
    let column = |place: usize| {
        let column = batch.columns().get(place);
        column
            .filter(|column| column.null_count() == 0)
            .ok_or_else(|| malformed("a column is missing or has empty values"))
    };
    let time = |place: usize| {
        let column = column(place)?.as_primitive_opt::<TimestampNanosecondType>();
        let column = column.ok_or_else(|| malformed("a time column is none"))?;
        Ok::<_, ArrowError>(column.values().clone())
    };
    let number = |place: usize| {
        let column = column(place)?.as_primitive_opt::<Int64Type>();
        let column = column.ok_or_else(|| malformed("a number column is none"))?;
        Ok::<_, ArrowError>(column.values().clone())
    };
    Ok(BarColumns {
        open_time: time(0)?,
        close_time: time(1)?,
        open: number(2)?,
        high: number(3)?,
        low: number(4)?,
        close: number(5)?,
        volume: number(6)?,
    })
}

impl BarColumns {
    /// The bar in one row; `None` beyond the last.
    pub(crate) fn bar(&self, row: usize, id: InstrumentId) -> Option<Result<ClosedBar, BarError>> {
        Some(ClosedBar::parse(RawBar {
            instrument: id,
            open_time: UnixNanos(*self.open_time.get(row)?),
            close_time: UnixNanos(*self.close_time.get(row)?),
            open: Price(*self.open.get(row)?),
            high: Price(*self.high.get(row)?),
            low: Price(*self.low.get(row)?),
            close: Price(*self.close.get(row)?),
            volume: Volume(*self.volume.get(row)?),
        }))
    }
}
