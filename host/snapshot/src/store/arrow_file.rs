//! Bars to Arrow record batches and back, in the plain IPC file format that any tool reads. It
//! must never know a directory.

use std::io::{self, Write};
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Int64Type, TimestampNanosecondType};
use arrow_array::{Array as _, ArrayRef, Int64Array, RecordBatch, TimestampNanosecondArray};
use arrow_buffer::{Buffer, ScalarBuffer};
use arrow_ipc::reader::FileDecoder;
use arrow_ipc::writer::FileWriter;
use arrow_ipc::{Block, MetadataVersion, root_as_message};
use arrow_schema::{ArrowError, DataType, Field, Metadata, Schema, TimeUnit};
use counterfoil_trading::bar::{BarError, ClosedBar, RawBar};
use counterfoil_trading::instrument::{Instrument, InstrumentId, PriceRange};
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::units::{Price, Volume};
use sha2::{Digest as _, Sha256};

use counterfoil_base::digest::Digest;

use crate::store::hashing::too_many_bytes;

/// Columns of a file.
const COLUMNS: usize = 7;

/// The first bytes of every message of the format. Source: Arrow IPC, encapsulated message format.
const CONTINUATION: [u8; 4] = [0xff; 4];

/// The columns of an instrument's file. The scales are in the metadata of the fields.
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

/// The place of a batch in its file, and its digest.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct WrittenBatch {
    pub(crate) offset: u64,
    pub(crate) length: u64,
    pub(crate) sha256: Digest,
}

/// Writes batches of bars to a file.
pub(crate) struct BarWriter<W> {
    schema: Arc<Schema>,
    writer: FileWriter<HashingWriter<W>>,
}

impl<W: Write> BarWriter<W> {
    pub(crate) fn new(file: W, instrument: &Instrument) -> Result<Self, ArrowError> {
        let schema = Arc::new(schema(instrument));
        let tap = HashingWriter {
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

    pub(crate) fn write_batch(&mut self, bars: &[ClosedBar]) -> Result<WrittenBatch, ArrowError> {
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
        // The writer put the schema before the first batch: it belongs to no batch's digest.
        tap.block = Sha256::new();
        let offset = tap.offset;
        self.writer.write(&batch)?;
        let tap = self.writer.get_mut();
        let sha256 = Digest::finish(core::mem::take(&mut tap.block));
        Ok(WrittenBatch {
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

/// A writer that hashes what passes: the whole file, and the bytes since the last batch began.
struct HashingWriter<W> {
    file: W,
    whole: Sha256,
    block: Sha256,
    offset: u64,
}

impl<W: Write> Write for HashingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        // Only what the file took is hashed: a short write is followed by another one.
        let written = bytes.get(..count).ok_or_else(too_many_bytes)?;
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
pub(crate) struct BatchColumns {
    pub(crate) open_time: ScalarBuffer<i64>,
    close_time: ScalarBuffer<i64>,
    open: ScalarBuffer<i64>,
    high: ScalarBuffer<i64>,
    low: ScalarBuffer<i64>,
    close: ScalarBuffer<i64>,
    volume: ScalarBuffer<i64>,
}

/// Reads the batch of `bars` bars in `bytes`, metadata and body, whose digest was checked. Nothing is copied
/// where the buffer is aligned.
pub(crate) fn decode(
    schema: &Arc<Schema>,
    bytes: &Buffer,
    bars: u64,
) -> Result<BatchColumns, ArrowError> {
    let malformed = |reason: &str| ArrowError::IpcError(reason.to_owned());
    // The footer has these lengths too; taken from here, a batch needs nothing else of its file.
    let prefix = bytes
        .first_chunk::<8>()
        .ok_or_else(|| malformed("no message"))?;
    let [a, b, c, d, length @ ..] = *prefix;
    if [a, b, c, d] != CONTINUATION {
        return Err(malformed("no message at the start of the batch"));
    }
    // A signed length of the file's own: a negative one must not become a huge one.
    let metadata = i32::from_le_bytes(length)
        .checked_add(8)
        .filter(|length| *length >= 8)
        .ok_or_else(|| malformed("bad metadata length"))?;
    let body = i64::try_from(bytes.len())
        .unwrap_or(i64::MAX)
        .checked_sub(i64::from(metadata))
        .filter(|body| *body >= 0)
        .ok_or_else(|| malformed("metadata is longer than the batch"))?;
    check_message(bytes, metadata, body, bars)?;
    let decoder = FileDecoder::new(Arc::clone(schema), MetadataVersion::V5);
    let block = Block::new(0, metadata, body);
    let batch = decoder
        .read_record_batch(&block, bytes)?
        .ok_or_else(|| malformed("no record batch"))?;
    let column = |place: usize| {
        let column = batch.columns().get(place);
        column
            .filter(|column| column.null_count() == 0)
            .ok_or_else(|| malformed("a column is missing or has empty values"))
    };
    let time = |place: usize| {
        column(place)?
            .as_primitive_opt::<TimestampNanosecondType>()
            .map(|column| column.values().clone())
            .ok_or_else(|| malformed("a time column has another type"))
    };
    let number = |place: usize| {
        column(place)?
            .as_primitive_opt::<Int64Type>()
            .map(|column| column.values().clone())
            .ok_or_else(|| malformed("a number column has another type"))
    };
    Ok(BatchColumns {
        open_time: time(0)?,
        close_time: time(1)?,
        open: number(2)?,
        high: number(3)?,
        low: number(4)?,
        close: number(5)?,
        volume: number(6)?,
    })
}

/// Checks that every column is inside the batch: a stranger's snapshot may hold anything under
/// a digest that is right, and Arrow's own reader panics at a buffer that reaches beyond the body.
fn check_message(bytes: &[u8], metadata: i32, body: i64, bars: u64) -> Result<(), ArrowError> {
    let malformed = |reason: &str| ArrowError::IpcError(reason.to_owned());
    let end = usize::try_from(metadata).unwrap_or(usize::MAX);
    let message = bytes
        .get(8..end)
        .ok_or_else(|| malformed("metadata is longer than the batch"))?;
    let message = root_as_message(message).map_err(|error| malformed(&error.to_string()))?;
    let batch = message
        .header_as_record_batch()
        .ok_or_else(|| malformed("no record batch"))?;
    // Compressed buffers would be unpacked to a size that the batch states: nothing here bounds it.
    if batch.compression().is_some() || i64::try_from(bars) != Ok(batch.length()) {
        return Err(malformed(
            "the batch is compressed, or its number of bars differs from the manifest",
        ));
    }
    let nodes = batch.nodes().ok_or_else(|| malformed("no columns"))?;
    let buffers = batch.buffers().ok_or_else(|| malformed("no buffers"))?;
    // Two buffers a column: which values are there, and the values.
    if nodes.len() != COLUMNS || buffers.len() != COLUMNS.saturating_mul(2) {
        return Err(malformed("wrong number of columns"));
    }
    if nodes
        .iter()
        .any(|node| node.length() != batch.length() || node.null_count() != 0)
    {
        return Err(malformed("a column has another length, or empty values"));
    }
    // Checked one by one: Arrow's reader slices the body at these offsets and panics beyond it.
    let inside = |offset: i64, length: i64| {
        offset >= 0 && length >= 0 && offset.checked_add(length).is_some_and(|end| end <= body)
    };
    if buffers
        .iter()
        .any(|buffer| !inside(buffer.offset(), buffer.length()))
    {
        return Err(malformed("a column reaches beyond its batch"));
    }
    Ok(())
}

impl BatchColumns {
    /// The bar in one row; `None` beyond the last.
    pub(crate) fn bar(
        &self,
        row: usize,
        id: InstrumentId,
        prices: PriceRange,
    ) -> Option<Result<ClosedBar, BarError>> {
        let raw = RawBar {
            instrument: id,
            open_time: UnixNanos(*self.open_time.get(row)?),
            close_time: UnixNanos(*self.close_time.get(row)?),
            open: Price(*self.open.get(row)?),
            high: Price(*self.high.get(row)?),
            low: Price(*self.low.get(row)?),
            close: Price(*self.close.get(row)?),
            volume: Volume(*self.volume.get(row)?),
        };
        Some(ClosedBar::parse_in(raw, prices))
    }
}

#[cfg(test)]
mod tests {
    use counterfoil_trading::instrument::InstrumentGrid;
    use proptest::prelude::*;

    use super::*;

    fn written() -> (Arc<Schema>, Vec<u8>, u64) {
        let instrument = Instrument::new("A".to_owned(), InstrumentGrid::whole_units(2)).unwrap();
        let raw = |time: i64| RawBar {
            instrument: InstrumentId(0),
            open_time: UnixNanos(time),
            close_time: UnixNanos(time + 1),
            open: Price(5),
            high: Price(7),
            low: Price(4),
            close: Price(6),
            volume: Volume(time),
        };
        let bars: Vec<ClosedBar> = (0..9)
            .map(|time| ClosedBar::parse(raw(time)).unwrap())
            .collect();
        let mut writer = BarWriter::new(Vec::new(), &instrument).unwrap();
        let place = writer.write_batch(&bars).unwrap();
        let (file, _) = writer.finish().unwrap();
        let from = usize::try_from(place.offset).unwrap();
        let to = from + usize::try_from(place.length).unwrap();
        (Arc::new(schema(&instrument)), file[from..to].to_vec(), 9)
    }

    #[test]
    fn a_batch_reads_back_as_written() {
        let (schema, bytes, bars) = written();
        let columns = decode(&schema, &Buffer::from(bytes.as_slice()), bars).unwrap();
        let bar = columns
            .bar(8, InstrumentId(3), PriceRange::Positive)
            .unwrap()
            .unwrap();
        assert_eq!(
            (bar.get().instrument, bar.get().volume),
            (InstrumentId(3), Volume(8))
        );
        assert!(
            columns
                .bar(9, InstrumentId(3), PriceRange::Positive)
                .is_none()
        );
        assert!(decode(&schema, &Buffer::from(bytes.as_slice()), 8).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_bytes_under_a_right_digest_make_reading_panic(
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
            cut in any::<prop::sample::Index>(),
            cuts in any::<bool>(),
        ) {
            let (schema, mut bytes, bars) = written();
            for (place, value) in changes {
                // The metadata is what a reader follows, so most changes go there.
                let place = place.index(if value % 4 == 0 { bytes.len() } else { 600.min(bytes.len()) });
                bytes[place] = value;
            }
            if cuts {
                bytes.truncate(cut.index(bytes.len()));
            }
            if let Ok(columns) = decode(&schema, &Buffer::from(bytes.as_slice()), bars) {
                for row in 0..9 {
                    prop_assert!(columns.bar(row, InstrumentId(0), PriceRange::Any).is_some());
                }
            }
        }
    }
}
