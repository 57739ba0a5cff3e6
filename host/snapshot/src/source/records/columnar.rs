//! Rows of Parquet and of Arrow IPC files, batch by batch. Numbers become decimal text: a binary
//! float becomes the shortest decimal that reads back as the same float, so that 118.56 is 118.56
//! and never a digit more; NaN and the infinities become text that no number parser accepts.
//!
//! Arrow's readers panic at some damaged files. Such a file is refused like any other: what a
//! vendor sends must not end the host.

use core::panic::AssertUnwindSafe;
use std::fs::File;
use std::io::{BufReader, Seek as _};
use std::panic::catch_unwind;

use arrow_array::cast::AsArray as _;
use arrow_array::types;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::ArrowError;
use arrow_schema::{DataType, Schema, TimeUnit};
use counterfoil_trading::time::{DAY_NANOS, UnixNanos};
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};

use super::{SourceRecord, SourceRecords};
use crate::error::IngestError;
use crate::source::options::{IngestLimits, ROW_BYTES_MAX};
use crate::source::row_error::{RowError, RowErrorCode};
use crate::source::row_offsets::offset_in;
use crate::source::times::date;
use crate::source::zone::named_zone;

mod footer;

/// Rows decoded at once from Parquet.
const ROWS_PER_BATCH: usize = 8_192;

/// The first bytes of a Parquet file. Source: Apache Parquet, File Format.
const PARQUET_MAGIC: &[u8] = b"PAR1";
/// The first bytes of an Arrow IPC file. Source: Arrow Columnar Format, IPC File Format.
const ARROW_MAGIC: &[u8] = b"ARROW1";
/// The first bytes of an Arrow IPC stream. Source: Arrow Columnar Format, Encapsulated message format.
const STREAM_MAGIC: &[u8] = &[0xff; 4];

/// Columns of one file: each costs memory while its batch is read.
pub(super) const COLUMNS_MAX: usize = 4_096;

type BatchIterator = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>>>;

/// The rows of a columnar file.
struct ColumnarRecords {
    file: File,
    name: String,
    format: ColumnarFormat,
    header: ColumnNames,
    /// The places of the columns that are decoded; `None` for all.
    places: Option<Vec<usize>>,
    /// Opened at the first row, when it is known which columns are used.
    batches: Option<BatchIterator>,
    batch: Option<OpenBatch>,
    row: usize,
    /// Rows given so far; the first is line 2, as if the names were in line 1.
    rows: u64,
    bytes: u64,
    text: String,
    ends: Vec<usize>,
    limits: IngestLimits,
}

/// The columns of a batch by their place in the header; none where a column is not decoded.
struct OpenBatch {
    rows: usize,
    columns: Vec<Option<OpenColumn>>,
}

/// A column, and where each row's value is if it is packed as a dictionary.
struct OpenColumn {
    values: ArrayRef,
    keys: Option<Vec<usize>>,
    /// The keys, which know the rows without a value.
    packed: Option<ArrayRef>,
}

/// What a columnar file is, by its first bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ColumnarFormat {
    Parquet,
    Arrow,
    ArrowStream,
}

impl ColumnarFormat {
    /// The format that the first six bytes of a file show.
    pub(crate) fn of(magic: &[u8]) -> Option<Self> {
        // By its first bytes, so that a wrong suffix cannot send a binary file through the CSV parser.
        if magic.starts_with(PARQUET_MAGIC) {
            return Some(Self::Parquet);
        }
        if magic.starts_with(ARROW_MAGIC) {
            return Some(Self::Arrow);
        }
        magic.starts_with(STREAM_MAGIC).then_some(Self::ArrowStream)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
            Self::ArrowStream => "arrow-stream",
        }
    }

    /// The names of the columns.
    fn header(self, file: &File) -> Result<ColumnNames, ArrowError> {
        (&*file).rewind()?;
        let own = file.try_clone()?;
        match self {
            Self::Parquet => {
                let builder =
                    ParquetRecordBatchReaderBuilder::try_new(own).map_err(ArrowError::from)?;
                check_codecs(builder.metadata())?;
                header(builder.schema())
            }
            Self::Arrow => {
                // Before Arrow reads anything: it allocates what the footer states, and a footer of a few
                // bytes can state 2^60.
                footer::check_footer(file)?;
                header(&FileReader::try_new(own, None)?.schema())
            }
            Self::ArrowStream => {
                footer::check_stream(file)?;
                header(&StreamReader::try_new(own, None)?.schema())
            }
        }
    }

    /// The rows of the columns at these places, batch by batch.
    fn batches(self, file: &File, places: Option<&[usize]>) -> Result<BatchIterator, ArrowError> {
        (&*file).rewind()?;
        let own = file.try_clone()?;
        Ok(match self {
            Self::Parquet => {
                let builder =
                    ParquetRecordBatchReaderBuilder::try_new(own).map_err(ArrowError::from)?;
                let mask = places.map(|places| {
                    ProjectionMask::roots(builder.parquet_schema(), places.iter().copied())
                });
                // A row group may hold a billion rows; no more than these are decoded at once.
                let reader = builder
                    .with_projection(mask.unwrap_or_else(ProjectionMask::all))
                    .with_batch_size(ROWS_PER_BATCH)
                    .build();
                Box::new(reader.map_err(ArrowError::from)?)
            }
            Self::Arrow => Box::new(FileReader::try_new(own, places.map(<[usize]>::to_vec))?),
            Self::ArrowStream => {
                let own = BufReader::new(own);
                Box::new(StreamReader::try_new(own, places.map(<[usize]>::to_vec))?)
            }
        })
    }
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

/// Opens a columnar file in this process.
pub(crate) fn open(
    file: File,
    format: ColumnarFormat,
    name: &str,
    limits: IngestLimits,
) -> Result<Box<dyn SourceRecords>, IngestError> {
    let header = guarded(|| format.header(&file)).map_err(unreadable(name, format.name()))?;
    Ok(Box::new(ColumnarRecords {
        file,
        name: name.to_owned(),
        format,
        header,
        places: None,
        batches: None,
        batch: None,
        row: 0,
        rows: 0,
        bytes: 0,
        text: String::new(),
        ends: Vec::new(),
        limits,
    }))
}

/// Name of each column, and whether its values are numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct ColumnNames {
    pub(super) names: Vec<String>,
    pub(super) typed: Vec<bool>,
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
    /// Makes sure that `batch` has the next row; `false` after the last.
    fn fill(&mut self) -> Result<bool, IngestError> {
        let format = self.format.name();
        while self
            .batch
            .as_ref()
            .is_none_or(|batch| self.row >= batch.rows)
        {
            let (source, file, places) = (self.format, &self.file, self.places.as_deref());
            let batches = &mut self.batches;
            let next = guarded(|| {
                let open = match batches.take() {
                    Some(open) => open,
                    None => source.batches(file, places)?,
                };
                batches.insert(open).next().transpose()
            });
            let Some(batch) = next.map_err(unreadable(&self.name, format))? else {
                return Ok(false);
            };
            // What a batch takes in memory, since a small file may unpack to a large one: a column
            // of a billion equal values is a few bytes of Parquet.
            let bytes = u64::try_from(batch.get_array_memory_size()).unwrap_or(u64::MAX);
            self.bytes = self.bytes.saturating_add(bytes);
            self.limits
                .check_unpacked(&self.name, self.rows, self.bytes)?;
            let width = self.header.names.len();
            let batch = guarded(|| OpenBatch::of(&batch, width, places))
                .map_err(unreadable(&self.name, format))?;
            self.batch = Some(batch);
            self.row = 0;
        }
        Ok(true)
    }
}

impl OpenBatch {
    /// Dictionaries stay packed: one long text that a million rows name would be a million texts.
    fn of(batch: &RecordBatch, width: usize, places: Option<&[usize]>) -> Result<Self, ArrowError> {
        let mut columns = Vec::with_capacity(width);
        let mut decoded = batch.columns().iter();
        for place in 0..width {
            if places.is_some_and(|places| !places.contains(&place)) {
                columns.push(None);
                continue;
            }
            let column = decoded.next().ok_or_else(|| {
                ArrowError::SchemaError("a batch has fewer columns than the file".to_owned())
            })?;
            columns.push(Some(OpenColumn::of(column)));
        }
        Ok(Self {
            rows: batch.num_rows(),
            columns,
        })
    }
}

impl OpenColumn {
    fn of(column: &ArrayRef) -> Self {
        match column.as_any_dictionary_opt() {
            Some(packed) => Self {
                values: ArrayRef::clone(packed.values()),
                // An empty dictionary has no place for the keys of rows without a value.
                keys: Some(if packed.values().is_empty() {
                    Vec::new()
                } else {
                    packed.normalized_keys()
                }),
                packed: Some(ArrayRef::clone(column)),
            },
            None => Self {
                values: ArrayRef::clone(column),
                keys: None,
                packed: None,
            },
        }
    }

    /// The text of a row's value; empty for none.
    fn cell(&self, row: usize) -> String {
        let Some(keys) = &self.keys else {
            return cell(&self.values, row);
        };
        let is_null = self
            .packed
            .as_ref()
            .is_none_or(|packed| row >= packed.len() || packed.is_null(row));
        let key = keys.get(row).filter(|_| !is_null);
        key.map_or_else(String::new, |key| cell(&self.values, *key))
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
        &self.header.names
    }

    fn project(&mut self, places: &[usize]) {
        let mut places = places.to_vec();
        places.sort_unstable();
        places.dedup();
        self.places = Some(places);
    }

    fn next(&mut self) -> Result<SourceRecord<'_>, IngestError> {
        if !self.fill()? {
            return Ok(SourceRecord::End);
        }
        self.text.clear();
        self.ends.clear();
        if let Some(batch) = &self.batch {
            for column in &batch.columns {
                if let Some(column) = column {
                    self.text.push_str(&column.cell(self.row));
                }
                self.ends.push(self.text.len());
                self.text.push(',');
                // Before the next cell: each of them may be as long as a file.
                if self.text.len() > ROW_BYTES_MAX {
                    break;
                }
            }
        }
        self.text.pop();
        self.row = self.row.saturating_add(1);
        self.rows = self.rows.saturating_add(1);
        let line = self.rows.saturating_add(1);
        if self.text.len() > ROW_BYTES_MAX {
            return Ok(too_long(&mut self.text, line));
        }
        let fields = fields(&self.text, &self.ends).ok_or_else(|| IngestError::Internal {
            file: self.name.clone(),
            reason: format!("the fields of row {} cannot be cut", self.rows),
        })?;
        Ok(SourceRecord::Row {
            line,
            fields,
            raw: self.text.as_bytes(),
        })
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn typed(&self) -> &[bool] {
        &self.header.typed
    }

    fn format(&self) -> (&'static str, &'static str) {
        (self.format.name(), "none")
    }
}

/// The answer for a row that is longer than a row may be; its beginning is kept.
fn too_long(text: &mut String, line: u64) -> SourceRecord<'_> {
    let message = format!("the row has more than {ROW_BYTES_MAX} bytes; its beginning is kept");
    text.truncate(text.floor_char_boundary(ROW_BYTES_MAX));
    SourceRecord::Invalid {
        line,
        error: RowError {
            code: RowErrorCode::RowTooLong,
            message,
        },
        raw: text.as_bytes(),
    }
}

/// The fields of a row's text, which end where `ends` says and have a sign between them.
pub(super) fn fields<'a>(text: &'a str, ends: &[usize]) -> Option<Vec<&'a str>> {
    let mut from = 0;
    let mut fields = Vec::with_capacity(ends.len());
    for end in ends {
        fields.push(text.get(from..*end)?);
        from = end.checked_add(1)?;
    }
    Some(fields)
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
            .map(|values| beginning(values.value(row))),
        DataType::LargeUtf8 => column
            .as_string_opt::<i64>()
            .map(|values| beginning(values.value(row))),
        DataType::Utf8View => column
            .as_string_view_opt()
            .map(|values| beginning(values.value(row))),
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

/// A text, cut where a row with it is too long anyway: one of megabytes may stand in a million rows.
fn beginning(text: &str) -> String {
    let end = text.ceil_char_boundary(ROW_BYTES_MAX.saturating_add(1));
    text.get(..end).unwrap_or_default().to_owned()
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
