//! Rows of CSV, plain or gzip, one a line.

use std::io::Read;

use super::{SourceRecord, SourceRecords};
use crate::error::IngestError;
use crate::source::fields::FieldSplitter;
use crate::source::lines::{LineReader, SourceLine};
use crate::source::mapping::delimiter;
use crate::source::options::{IngestLimits, IngestOptions};
use crate::source::row_error::{RowError, RowErrorCode};

/// The lines of a CSV file.
pub(super) struct CsvRecords {
    name: String,
    lines: LineReader<'static>,
    delimiter: u8,
    fields: FieldSplitter,
    buffer: Vec<u8>,
    header: Vec<String>,
    limits: IngestLimits,
}

impl CsvRecords {
    pub(super) fn open(
        source: impl Read + 'static,
        name: &str,
        options: &IngestOptions,
    ) -> Result<Self, IngestError> {
        let delimiter = delimiter(options)?;
        let mut csv = Self {
            name: name.to_owned(),
            lines: LineReader::open(source, options.encoding)
                .map_err(IngestError::source(name, 0))?,
            delimiter,
            fields: FieldSplitter::new(delimiter),
            buffer: Vec::new(),
            header: Vec::new(),
            limits: options.limits,
        };
        csv.header = csv.read_header()?;
        Ok(csv)
    }

    fn read_header(&mut self) -> Result<Vec<String>, IngestError> {
        let file = self.name.clone();
        let none = |reason: &str| IngestError::NoHeader {
            file: file.clone(),
            reason: reason.to_owned(),
        };
        let read = self
            .lines
            .next_into(&mut self.buffer)
            .map_err(IngestError::source(&self.name, 0))?;
        match read {
            SourceLine::Whole => {}
            SourceLine::TooLong(_) => return Err(none("the line is too long")),
            SourceLine::End => return Err(none("the file is empty")),
        }
        // Every second byte of UTF-16 without its mark.
        if self.buffer.contains(&0) {
            return Err(none(
                "the line has null bytes; if it is UTF-16, state --encoding utf-16le or utf-16be",
            ));
        }
        let text = core::str::from_utf8(&self.buffer).map_err(|_| {
            none("the line is not valid UTF-8; state --encoding, such as latin-1 or windows-1252")
        })?;
        // Excel writes a byte order mark, which would become part of the first column's name.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let header = self.fields.split(text).map_err(|bad| none(&bad.message))?;
        let header: Vec<String> = header.into_iter().map(str::to_owned).collect();
        // No source of bars or trades has one column: the line is cut at the wrong sign, and every name
        // that is missed now would be blamed on the header.
        if let ([whole], Some(found)) = (header.as_slice(), likely_delimiter(text))
            && !whole.is_empty()
        {
            return Err(IngestError::OtherDelimiter {
                file: self.name.clone(),
                found: delimiter_text(found),
                stated: delimiter_text(self.delimiter),
            });
        }
        Ok(header)
    }
}

/// Signs that separate fields, and the fewest fields of a source.
const DELIMITERS: [u8; 4] = *b",;\t|";
const FIELDS_MIN: usize = 3;

/// The sign that cuts a line into the most fields.
fn likely_delimiter(text: &str) -> Option<u8> {
    let fields = |sign: u8| {
        text.bytes()
            .filter(|byte| *byte == sign)
            .count()
            .saturating_add(1)
    };
    let best = DELIMITERS.into_iter().max_by_key(|sign| fields(*sign));
    best.filter(|sign| fields(*sign) >= FIELDS_MIN)
}

fn delimiter_text(sign: u8) -> String {
    match sign {
        b'\t' => "tab".to_owned(),
        other => format!("\"{}\"", char::from(other)),
    }
}

impl SourceRecords for CsvRecords {
    fn header(&self) -> &[String] {
        &self.header
    }

    fn next(&mut self) -> Result<SourceRecord<'_>, IngestError> {
        let before = self.lines.number;
        let read = self
            .lines
            .next_into(&mut self.buffer)
            .map_err(IngestError::source(&self.name, before))?;
        let line = self.lines.number;
        // After decompression, and on every line: a gzip bomb of some megabytes ends here.
        if self.lines.bytes > self.limits.bytes_max {
            return Err(IngestError::TooLarge {
                file: self.name.clone(),
                line,
                max: self.limits.bytes_max,
                unit: "bytes after decompression",
            });
        }
        let raw = self.buffer.as_slice();
        let invalid = |code, message| {
            let error = RowError { code, message };
            Ok(SourceRecord::Invalid { line, error, raw })
        };
        match read {
            SourceLine::End => return Ok(SourceRecord::End),
            SourceLine::TooLong(bytes) => {
                let message = format!("the row has {bytes} bytes; its beginning is kept");
                return invalid(RowErrorCode::RowTooLong, message);
            }
            SourceLine::Whole if raw.iter().all(u8::is_ascii_whitespace) => {
                return Ok(SourceRecord::Blank);
            }
            SourceLine::Whole => {}
        }
        // One bad line in a file of millions is quarantined; it must not cost the file.
        let text = match core::str::from_utf8(raw) {
            Ok(text) => text,
            Err(error) => {
                let at = error.valid_up_to().saturating_add(1);
                return invalid(
                    RowErrorCode::NotUtf8,
                    format!("byte {at} is no UTF-8; another encoding is stated with --encoding"),
                );
            }
        };
        match self.fields.split(text) {
            Ok(fields) => Ok(SourceRecord::Row { line, fields, raw }),
            Err(error) => Ok(SourceRecord::Invalid { line, error, raw }),
        }
    }

    fn bytes(&self) -> u64 {
        self.lines.bytes
    }

    fn format(&self) -> (&'static str, &'static str) {
        ("csv", if self.lines.gzip { "gzip" } else { "none" })
    }
}
