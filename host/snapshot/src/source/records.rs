//! The rows of a source as text fields, whatever its format. It must never know what a field
//! means.

mod archive;
mod archived;
pub(crate) mod columnar;
mod csv;
mod decoded;
mod foreign;
pub(crate) mod row_stream;
mod tupled;
mod wide;

use std::io::{Read as _, Seek as _, SeekFrom};

use cap_std::fs::File;

use crate::error::IngestError;
use crate::source::options::IngestOptions;
use crate::source::row_error::RowError;
use crate::store::manifest::LayerNote;

/// One row, or what was read instead of one.
pub(crate) enum SourceRecord<'a> {
    /// A row and its fields.
    Row {
        line: u64,
        fields: Vec<&'a str>,
        raw: &'a [u8],
    },
    /// A line that cannot be used.
    Invalid {
        line: u64,
        error: RowError,
        raw: &'a [u8],
    },
    /// A blank line.
    Blank,
    /// The end of the source.
    End,
}

/// The rows of a source, one after the other.
pub(crate) trait SourceRecords {
    /// The names of the columns.
    fn header(&self) -> &[String];
    /// The line of the header, or of the first row if there is no header.
    fn header_line(&self) -> u64 {
        1
    }
    /// Whether the columns have names in the source.
    fn has_names(&self) -> bool {
        true
    }
    /// Says which columns are used, before the first row: the others may be left empty.
    fn project(&mut self, _places: &[usize]) {}
    /// The next row.
    fn next(&mut self) -> Result<SourceRecord<'_>, IngestError>;
    /// Bytes read so far, after decompression.
    fn bytes(&self) -> u64;
    /// Lines read so far, if the source is text.
    fn text_lines(&self) -> Option<u64> {
        None
    }
    /// By place, whether a column's values are numbers in the file; empty for text.
    fn typed(&self) -> &[bool] {
        &[]
    }
    /// What a person should know of how the source was read.
    fn note(&self) -> Option<LayerNote> {
        None
    }
    /// `csv`, `parquet` or `arrow`, and how it is packed.
    fn format(&self) -> (&'static str, &'static str);
}

/// Opens a source in the format that its first bytes show.
pub(crate) fn open(
    mut file: File,
    name: &str,
    options: &IngestOptions,
) -> Result<Box<dyn SourceRecords>, IngestError> {
    let source = IngestError::source;
    let mut magic = Vec::new();
    file.by_ref()
        .take(6)
        .read_to_end(&mut magic)
        .and_then(|_| file.seek(SeekFrom::Start(0)))
        .map_err(source(name, 0))?;
    let size = file.metadata().map_err(source(name, 0))?.len();
    let options = &IngestOptions {
        limits: options.limits.of_packed(size),
        ..options.clone()
    };
    if let Some(format) = columnar::ColumnarFormat::of(&magic) {
        let file = file.into_std();
        // In a process of its own where there is a program for it: the decoders allocate what a file states, and
        // when that fails the whole process ends.
        let records = match &options.decoder {
            Some(program) => decoded::open(file, format, name, options.limits, program),
            None => columnar::open(file, format, name, options.limits),
        };
        return records.map(tupled::by_instrument);
    }
    if archive::ZIP_MAGIC
        .iter()
        .any(|start| magic.starts_with(start))
    {
        let file = file.into_std();
        return Ok(Box::new(archived::ArchivedRecords::open(
            file, name, options,
        )?));
    }
    Ok(Box::new(csv::CsvRecords::open(file, name, options)?))
}
