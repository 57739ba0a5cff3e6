//! Rows of Parquet and of Arrow IPC files, batch by batch. Numbers become decimal text: a binary
//! float becomes the shortest decimal that reads back as the same float, so that 118.56 is 118.56
//! and never a digit more; NaN and the infinities become text that no number parser accepts.
//!
//! Arrow's readers panic at some damaged files. Such a file is refused like any other: what a
//! vendor sends must not end the host.

use core::panic::AssertUnwindSafe;
use std::fs::File;
use std::panic::catch_unwind;
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_ipc::reader::FileReader;
use arrow_schema::ArrowError;
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use arrow_select::take::take;
use counterfoil_trading::time::{DAY_NANOS, UnixNanos};
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};

use super::{SourceRecord, SourceRecords};
use crate::error::IngestError;
use crate::source::options::IngestLimits;
use crate::source::row_offsets::offset_in;
use crate::source::times::date;
use crate::source::zone::named_zone;

mod footer;

/// Rows decoded at once from Parquet.
const ROWS_PER_BATCH: usize = 8_192;

/// Columns of one file: each costs memory while its batch is read.
const COLUMNS_MAX: usize = 4_096;

type BatchIterator = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>>>;

/// The rows of a columnar file.
struct ColumnarRecords {
    name: String,
    format: &'static str,
    header: Vec<String>,
    typed: Vec<bool>,
    batches: BatchIterator,
    batch: Option<RecordBatch>,
    row: usize,
    /// Rows given so far; the first is line 2, as if the names were in line 1.
    rows: u64,
    bytes: u64,
    text: String,
    ends: Vec<usize>,
    limits: IngestLimits,
}

pub(super) fn open_parquet(
    file: File,
    name: &str,
    limits: IngestLimits,
) -> Result<Box<dyn SourceRecords>, IngestError> {
    let open = || {
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(ArrowError::from)?;
        let schema = builder.schema().clone();
        check_codecs(builder.metadata())?;
        // A row group may hold a billion rows; no more than these are decoded at once.
        let reader = builder.with_batch_size(ROWS_PER_BATCH).build();
        let batches: BatchIterator = Box::new(reader.map_err(ArrowError::from)?);
        Ok((header(&schema)?, batches))
    };
    ColumnarRecords::open(name, "parquet", limits, open)
}

/// Whether every column is packed in a way that can be read. The reader says no more than that one is not.
fn check_codecs(metadata: &ParquetMetaData) -> Result<(), ArrowError> {
    let groups = metadata.row_groups().iter();
    for column in groups.flat_map(RowGroupMetaData::columns) {
        if let Compression::LZO = column.compression() {
            return Err(ArrowError::NotYetImplemented(format!(
                "column {} is compressed with LZO, which is not read; write the file again with ZSTD, SNAPPY, \
                 GZIP, BROTLI, LZ4_RAW or without compression",
                column.column_path()
            )));
        }
    }
    Ok(())
}

pub(super) fn open_arrow(
    file: File,
    name: &str,
    limits: IngestLimits,
) -> Result<Box<dyn SourceRecords>, IngestError> {
    let open = || {
        // Before Arrow reads anything: it allocates what the footer states, and a footer of a few
        // bytes can state 2^60.
        footer::check_footer(&file)?;
        let reader = FileReader::try_new(file, None)?;
        let header = header(&reader.schema())?;
        let batches: BatchIterator = Box::new(reader);
        Ok((header, batches))
    };
    ColumnarRecords::open(name, "arrow", limits, open)
}

/// Name of each column, and whether its values are numbers.
struct ColumnNames {
    names: Vec<String>,
    typed: Vec<bool>,
}

fn header(schema: &Schema) -> Result<ColumnNames, ArrowError> {
    // Each row becomes a text of all its columns: a schema of millions would make every row
    // as long as a file.
    if schema.fields().len() > COLUMNS_MAX {
        let reason = format!("more than {COLUMNS_MAX} columns");
        return Err(ArrowError::SchemaError(reason));
    }
    let names = schema.fields().iter().map(|field| field.name().clone());
    let is_number = |kind: &DataType| {
        if let DataType::Dictionary(_, values) = kind {
            return values.is_numeric();
        }
        kind.is_numeric()
    };
    let typed = schema
        .fields()
        .iter()
        .map(|field| is_number(field.data_type()));
    Ok(ColumnNames {
        names: names.collect(),
        typed: typed.collect(),
    })
}

/// Runs a reader of Arrow's; a panic in it is an error of the file.
fn guarded<T>(read: impl FnOnce() -> Result<T, ArrowError>) -> Result<T, ArrowError> {
    // The closure's state is dropped with the error and never looked at again, so that a reader
    // which panicked half-way cannot give another row.
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
        let reason = "the Arrow reader failed on the contents".to_owned();
        Err(ArrowError::ParseError(reason))
    })
}

impl ColumnarRecords {
    fn open(
        name: &str,
        format: &'static str,
        limits: IngestLimits,
        open: impl FnOnce() -> Result<(ColumnNames, BatchIterator), ArrowError>,
    ) -> Result<Box<dyn SourceRecords>, IngestError> {
        let (header, batches) = guarded(open).map_err(unreadable(name, format))?;
        Ok(Box::new(Self {
            name: name.to_owned(),
            format,
            header: header.names,
            typed: header.typed,
            batches,
            batch: None,
            row: 0,
            rows: 0,
            bytes: 0,
            text: String::new(),
            ends: Vec::new(),
            limits,
        }))
    }

    /// Makes sure that `batch` has the next row; `false` after the last.
    fn fill(&mut self) -> Result<bool, IngestError> {
        while self
            .batch
            .as_ref()
            .is_none_or(|batch| self.row >= batch.num_rows())
        {
            let batches = &mut self.batches;
            let next = guarded(|| batches.next().transpose());
            let Some(batch) = next.map_err(unreadable(&self.name, self.format))? else {
                return Ok(false);
            };
            // What a batch takes in memory, since a small file may unpack to a large one: a column
            // of a billion equal values is a few bytes of Parquet.
            let bytes = u64::try_from(batch.get_array_memory_size()).unwrap_or(u64::MAX);
            self.bytes = self.bytes.saturating_add(bytes);
            if self.bytes > self.limits.bytes_max {
                return Err(IngestError::TooLarge {
                    file: self.name.clone(),
                    line: self.rows,
                    max: self.limits.bytes_max,
                    unit: "bytes after decompression",
                });
            }
            let batch = guarded(|| without_dictionaries(&batch))
                .map_err(unreadable(&self.name, self.format))?;
            self.batch = Some(batch);
            self.row = 0;
        }
        Ok(true)
    }
}

fn unreadable(name: &str, format: &'static str) -> impl FnOnce(ArrowError) -> IngestError {
    move |error| {
        let file = name.to_owned();
        // The file is whole: fetching it again would bring the same.
        if let ArrowError::NotYetImplemented(reason) = error {
            return IngestError::Unsupported {
                file,
                format,
                reason,
            };
        }
        IngestError::Unreadable {
            file,
            format,
            reason: error.to_string(),
        }
    }
}

impl SourceRecords for ColumnarRecords {
    fn header(&self) -> &[String] {
        &self.header
    }

    fn next(&mut self) -> Result<SourceRecord<'_>, IngestError> {
        if !self.fill()? {
            return Ok(SourceRecord::End);
        }
        self.text.clear();
        self.ends.clear();
        if let Some(batch) = &self.batch {
            for column in batch.columns() {
                self.text.push_str(&cell(column, self.row));
                self.ends.push(self.text.len());
                self.text.push(',');
            }
        }
        self.text.pop();
        self.row = self.row.saturating_add(1);
        self.rows = self.rows.saturating_add(1);
        let mut from = 0;
        let mut fields = Vec::with_capacity(self.ends.len());
        for end in &self.ends {
            let field = self
                .text
                .get(from..*end)
                .ok_or_else(|| IngestError::Internal {
                    file: self.name.clone(),
                    reason: format!("row {} has no field up to {end}", self.rows),
                })?;
            fields.push(field);
            from = end.saturating_add(1);
        }
        Ok(SourceRecord::Row {
            line: self.rows.saturating_add(1),
            fields,
            raw: self.text.as_bytes(),
        })
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn typed(&self) -> &[bool] {
        &self.typed
    }

    fn format(&self) -> (&'static str, &'static str) {
        (self.format, "none")
    }
}

/// The same batch with every dictionary written out.
fn without_dictionaries(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let column = |column: &ArrayRef| match column.as_any_dictionary_opt() {
        Some(packed) => take(packed.values(), packed.keys(), None),
        None => Ok(ArrayRef::clone(column)),
    };
    let columns = batch
        .columns()
        .iter()
        .map(column)
        .collect::<Result<Vec<_>, _>>()?;
    let schema = batch.schema();
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .zip(&columns)
        .map(|(field, column)| Field::new(field.name(), column.data_type().clone(), true))
        .collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

/// The text of one value; empty for a null, and for types other than text, number or
/// time.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a type that is not listed has no text, whatever Arrow adds"
)]
fn cell(column: &ArrayRef, row: usize) -> String {
    // A column may be shorter than its batch states: Arrow's accessors panic beyond the end.
    if row >= column.len() || column.is_null(row) {
        return String::new();
    }
    macro_rules! number {
        ($kind:ty) => {
            column
                .as_primitive_opt::<$kind>()
                .map(|values| values.value(row).to_string())
        };
    }
    macro_rules! exact {
        ($kind:ty) => {
            column
                .as_primitive_opt::<$kind>()
                .map(|values| values.value_as_string(row))
        };
    }
    let text = match column.data_type() {
        DataType::Utf8 => column
            .as_string_opt::<i32>()
            .map(|values| values.value(row).to_owned()),
        DataType::LargeUtf8 => column
            .as_string_opt::<i64>()
            .map(|values| values.value(row).to_owned()),
        DataType::Utf8View => column
            .as_string_view_opt()
            .map(|values| values.value(row).to_owned()),
        DataType::Int8 => number!(types::Int8Type),
        DataType::Int16 => number!(types::Int16Type),
        DataType::Int32 => number!(types::Int32Type),
        DataType::Int64 => number!(types::Int64Type),
        DataType::UInt8 => number!(types::UInt8Type),
        DataType::UInt16 => number!(types::UInt16Type),
        DataType::UInt32 => number!(types::UInt32Type),
        DataType::UInt64 => number!(types::UInt64Type),
        // Rust writes the shortest decimal that reads back, without an exponent.
        DataType::Float32 => number!(types::Float32Type),
        DataType::Float64 => number!(types::Float64Type),
        // Exact, unlike a float: the scale is the file's own and no digit is rounded.
        DataType::Decimal32(..) => exact!(types::Decimal32Type),
        DataType::Decimal64(..) => exact!(types::Decimal64Type),
        DataType::Decimal128(..) => exact!(types::Decimal128Type),
        DataType::Decimal256(..) => exact!(types::Decimal256Type),
        DataType::Date32 => column
            .as_primitive_opt::<types::Date32Type>()
            .and_then(|values| day(i64::from(values.value(row)))),
        DataType::Date64 => column
            .as_primitive_opt::<types::Date64Type>()
            .and_then(|values| day_of_millis(values.value(row))),
        DataType::Timestamp(unit, zone) => {
            let moment = moment(column, row, *unit);
            moment.map(|moment| match zone {
                Some(zone) => local(moment, zone),
                None => naive(moment.to_string()),
            })
        }
        // Lists, structs and the like become an empty field, which the row's own parser refuses
        // where it needs a value there.
        _ => None,
    };
    text.unwrap_or_default()
}

fn day(days: i64) -> Option<String> {
    days.checked_mul(DAY_NANOS)
        .map(|nanos| date(UnixNanos(nanos)))
}

/// A date in milliseconds. Arrow asks for whole days; some writers have a time of day in it, which stays.
fn day_of_millis(millis: i64) -> Option<String> {
    let nanos = millis.checked_mul(1_000_000)?;
    if nanos.checked_rem(DAY_NANOS)? == 0 {
        return day(nanos.checked_div(DAY_NANOS)?);
    }
    Timestamp::from_nanosecond(i128::from(nanos))
        .ok()
        .map(|moment| naive(moment.to_string()))
}

fn moment(column: &ArrayRef, row: usize, unit: TimeUnit) -> Option<Timestamp> {
    let (value, nanos) = match unit {
        TimeUnit::Second => (
            column
                .as_primitive_opt::<types::TimestampSecondType>()?
                .value(row),
            1_000_000_000,
        ),
        TimeUnit::Millisecond => (
            column
                .as_primitive_opt::<types::TimestampMillisecondType>()?
                .value(row),
            1_000_000,
        ),
        TimeUnit::Microsecond => (
            column
                .as_primitive_opt::<types::TimestampMicrosecondType>()?
                .value(row),
            1_000,
        ),
        TimeUnit::Nanosecond => (
            column
                .as_primitive_opt::<types::TimestampNanosecondType>()?
                .value(row),
            1,
        ),
    };
    // In 128 bits: seconds of 64 bits do not fit in 64 bits of nanoseconds. What is out of the
    // calendar's range becomes an empty field and no other date.
    let nanos = i128::from(value).checked_mul(nanos)?;
    Timestamp::from_nanosecond(nanos).ok()
}

/// A time with the offset of the column's zone, which shows the trading date; in UTC if the zone is unknown.
fn local(moment: Timestamp, name: &str) -> String {
    let fixed = || {
        let seconds = offset_in(name)?.checked_div(1_000_000_000)?;
        let offset = Offset::from_seconds(i32::try_from(seconds).ok()?).ok()?;
        Some(TimeZone::fixed(offset))
    };
    match named_zone(name).ok().or_else(fixed) {
        Some(zone) if zone != TimeZone::UTC => {
            let offset = zone.to_offset(moment);
            moment.display_with_offset(offset).to_string()
        }
        Some(_) | None => moment.to_string(),
    }
}

/// A time without a zone: the mapping states the source's zone.
fn naive(text: String) -> String {
    text.strip_suffix('Z').map(str::to_owned).unwrap_or(text)
}
