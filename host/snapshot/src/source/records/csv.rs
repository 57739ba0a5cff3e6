//! Rows of CSV, plain or packed, one a line, with or without a header, or several a line under two lines of names.

use std::io::Read;

use super::foreign::foreign;
use super::wide::{self, WideRow, WideTable};
use super::{SourceRecord, SourceRecords};
use crate::error::IngestError;
use crate::source::choices::HeaderRule;
use crate::source::field_count::wrong_count;
use crate::source::fields::{FieldSplitter, begins_with_digit};
use crate::source::footer::{FooterLines, footer_lines};
use crate::source::formats;
use crate::source::lines::{LineReader, SourceLine};
use crate::source::mapping::delimiter;
use crate::source::options::{IngestLimits, IngestOptions};
use crate::source::row_error::{RowError, RowErrorCode};

/// The lines of a CSV file.
pub(super) struct CsvRecords {
    name: String,
    lines: FooterLines,
    delimiter: u8,
    fields: FieldSplitter,
    buffer: Vec<u8>,
    header: Vec<String>,
    header_line: u64,
    has_names: bool,
    /// The first line is in the buffer, and is a row.
    is_row_read: bool,
    wide: Option<WideTable>,
    limits: IngestLimits,
}

impl CsvRecords {
    pub(super) fn open(
        source: impl Read + 'static,
        name: &str,
        options: &IngestOptions,
    ) -> Result<Self, IngestError> {
        let delimiter = delimiter(options)?;
        let footer = footer_lines(options)?;
        let mut lines =
            LineReader::open(source, options.encoding).map_err(IngestError::source(name, 0))?;
        lines.bytes_max = options.limits.bytes_max;
        let mut csv = Self {
            name: name.to_owned(),
            lines: FooterLines::new(lines, footer),
            delimiter,
            fields: FieldSplitter::new(delimiter),
            buffer: Vec::new(),
            header: Vec::new(),
            header_line: 1,
            has_names: true,
            is_row_read: false,
            wide: None,
            limits: options.limits,
        };
        csv.skip(options.skip.unwrap_or(0))?;
        csv.header = csv.read_header(options.header.unwrap_or_default())?;
        Ok(csv)
    }

    /// Passes over the lines before the header.
    fn skip(&mut self, count: u64) -> Result<(), IngestError> {
        for _ in 0..count {
            let read = self.read_line()?;
            // Lines that were asked for and are not there: a mapping of another file.
            if read == SourceLine::End {
                return Err(IngestError::NoHeader {
                    file: self.name.clone(),
                    line: self.lines.number(),
                    reason: format!("the file ends within the {count} lines to skip"),
                });
            }
        }
        Ok(())
    }

    fn read_line(&mut self) -> Result<SourceLine, IngestError> {
        let before = self.lines.number();
        let read = self
            .lines
            .next_into(&mut self.buffer)
            .map_err(IngestError::source(&self.name, before))?;
        // After decompression, and on every line: a gzip bomb of some megabytes ends here.
        let lines = &self.lines;
        self.limits
            .check_unpacked(&self.name, lines.number(), lines.bytes())?;
        Ok(read)
    }

    /// Reads up to the first line that is not blank.
    fn read_first_line(&mut self) -> Result<(), IngestError> {
        let read = loop {
            let read = self.read_line()?;
            if read != SourceLine::Whole || !self.buffer.iter().all(u8::is_ascii_whitespace) {
                break read;
            }
        };
        self.header_line = self.lines.number().max(1);
        match read {
            SourceLine::Whole if self.lines.is_footer() => {
                let count = self.lines.footer_count();
                Err(self.no_header(&format!(
                    "the file ends within the {count} lines of its footer"
                )))
            }
            SourceLine::Whole => Ok(()),
            SourceLine::TooLong(_) => Err(self.no_header("the line is too long")),
            SourceLine::End => Err(self.no_header("the file is empty")),
        }
    }

    fn no_header(&self, reason: &str) -> IngestError {
        IngestError::NoHeader {
            file: self.name.clone(),
            line: self.header_line,
            reason: reason.to_owned(),
        }
    }

    /// The names of the columns, from the first line that is not blank.
    fn read_header(&mut self, rule: HeaderRule) -> Result<Vec<String>, IngestError> {
        self.read_first_line()?;
        let (file, line) = (self.name.clone(), self.header_line);
        let none = |reason: &str| IngestError::NoHeader {
            file: file.clone(),
            line,
            reason: reason.to_owned(),
        };
        if let Some(reason) = foreign(&self.buffer) {
            return Err(IngestError::Unsupported {
                file,
                format: "a table",
                reason: reason.to_owned(),
            });
        }
        // Every second byte of UTF-16 without its mark.
        if self.buffer.contains(&0) {
            return Err(none(
                "the line has null bytes; if it is UTF-16, state --encoding utf-16le or utf-16be",
            ));
        }
        // Excel writes a byte order mark, which would become part of the first field.
        if self.buffer.starts_with(UTF8_MARK) {
            self.buffer.drain(..UTF8_MARK.len());
        }
        let text = core::str::from_utf8(&self.buffer).map_err(|_| {
            none("the line is not valid UTF-8; state --encoding, such as latin-1 or windows-1252")
        })?;
        if let Some(way) = spreadsheet_hint(text) {
            return Err(none(&way));
        }
        let first = self.fields.split(text).map_err(|bad| none(&bad.message))?;
        // No source of bars or trades has one column: the line is cut at the wrong sign, and every name
        // that is missed now would be blamed on the header.
        if let ([whole], Some(found)) = (first.as_slice(), likely_delimiter(text))
            && !whole.is_empty()
        {
            let hint = formats::of_first_row(text)
                .map(|name| format!("; the line is like those of {name}: state --format {name}"));
            return Err(IngestError::OtherDelimiter {
                file: self.name.clone(),
                line,
                found: delimiter_text(found),
                stated: delimiter_text(self.delimiter),
                hint: hint.unwrap_or_default(),
            });
        }
        self.has_names = match rule {
            HeaderRule::Present => true,
            HeaderRule::Absent => false,
            // Every row has a time and prices.
            HeaderRule::Optional => !first.iter().any(|field| begins_with_digit(field)),
        };
        if self.has_names {
            let names: Vec<String> = first.into_iter().map(str::to_owned).collect();
            return self.read_levels(names);
        }
        let places = 1..=first.len();
        self.is_row_read = true;
        Ok(places.map(|place| place.to_string()).collect())
    }

    /// The names of a wide table's rows if the next lines are names as well, and the first line's names if not.
    fn read_levels(&mut self, first: Vec<String>) -> Result<Vec<String>, IngestError> {
        if !wide::may_be_level(&first) {
            return Ok(first);
        }
        let Some(second) = self.read_cells()? else {
            return Ok(first);
        };
        let table = Some(&second).filter(|cells| wide::may_be_level(cells));
        let Some(mut table) = table.and_then(|second| WideTable::of(&first, second)) else {
            return Ok(first);
        };
        self.is_row_read = false;
        if let Some(third) = self.read_cells()?
            && let Some(name) = wide::time_name(&third)
        {
            table.name_time(name);
            self.is_row_read = false;
        }
        let names = table.names().to_vec();
        self.wide = Some(table);
        Ok(names)
    }

    /// The fields of the next line, which is a row until the caller knows better; `None` at the end.
    fn read_cells(&mut self) -> Result<Option<Vec<String>>, IngestError> {
        match self.read_line()? {
            SourceLine::End => Ok(None),
            // It is no line of names, and is reported with the rows.
            SourceLine::TooLong(_) => Err(IngestError::NoHeader {
                file: self.name.clone(),
                line: self.lines.number(),
                reason: "the line is too long".to_owned(),
            }),
            SourceLine::Whole => {
                self.is_row_read = true;
                let text = core::str::from_utf8(&self.buffer).unwrap_or_default();
                let cells = self.fields.split(text).unwrap_or_default();
                Ok(Some(cells.into_iter().map(str::to_owned).collect()))
            }
        }
    }

    /// Whether no row follows.
    pub(super) fn is_at_end(&mut self) -> Result<bool, IngestError> {
        if self.is_row_read || self.wide.as_ref().is_some_and(WideTable::has_row) {
            return Ok(false);
        }
        let before = self.lines.number();
        self.lines
            .is_at_end()
            .map_err(IngestError::source(&self.name, before))
    }

    /// Lines read so far.
    pub(super) fn lines_read(&self) -> u64 {
        self.lines.number()
    }

    /// Whether the line in the buffer is one of a wide table, whose cells were taken.
    fn take_wide(&mut self) -> bool {
        let Some(table) = &mut self.wide else {
            return false;
        };
        let text = core::str::from_utf8(&self.buffer).ok();
        let cells = text.and_then(|text| self.fields.split(text).ok());
        let Some(cells) = cells.filter(|cells| cells.len() == table.count()) else {
            return false;
        };
        table.take(&cells);
        true
    }

    /// The row of the next instrument of the line last read.
    fn wide_row(&mut self) -> SourceRecord<'_> {
        let line = self.lines.number();
        match self.wide.as_mut().map(WideTable::row) {
            Some(WideRow::Fields(fields)) => SourceRecord::Row {
                line,
                fields,
                raw: &self.buffer,
            },
            Some(WideRow::Blank) | None => SourceRecord::Blank,
        }
    }
}

/// The way on where the first line tells spreadsheets the sign between fields.
fn spreadsheet_hint(text: &str) -> Option<String> {
    let delimiter = match text.trim().strip_prefix("sep=")? {
        "" | "," => String::new(),
        sign => format!(" --delimiter {sign:?}"),
    };
    Some(format!(
        "the line tells spreadsheets the sign between fields: state --skip 1{delimiter}"
    ))
}

fn in_footer(count: usize) -> String {
    match count {
        1 => "the last line, which is stated to be a footer".to_owned(),
        count => format!("one of the last {count} lines, which are stated to be a footer"),
    }
}

/// The byte order mark of UTF-8.
const UTF8_MARK: &[u8] = "\u{feff}".as_bytes();

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

    fn header_line(&self) -> u64 {
        self.header_line
    }

    fn has_names(&self) -> bool {
        self.has_names
    }

    fn next(&mut self) -> Result<SourceRecord<'_>, IngestError> {
        if self.wide.as_ref().is_some_and(WideTable::has_row) {
            return Ok(self.wide_row());
        }
        let read = if self.is_row_read {
            self.is_row_read = false;
            SourceLine::Whole
        } else {
            self.read_line()?
        };
        let line = self.lines.number();
        let is_footer = self.lines.is_footer();
        if read == SourceLine::Whole && !is_footer && self.take_wide() {
            return Ok(self.wide_row());
        }
        let raw = self.buffer.as_slice();
        let invalid = |code, message| {
            let error = RowError { code, message };
            Ok(SourceRecord::Invalid { line, error, raw })
        };
        let is_blank = raw.iter().all(u8::is_ascii_whitespace);
        match read {
            SourceLine::End => return Ok(SourceRecord::End),
            // Kept with the rows that cannot be used: a row that was left out by mistake can be found.
            SourceLine::Whole | SourceLine::TooLong(_) if is_footer && !is_blank => {
                let count = self.lines.footer_count();
                return invalid(RowErrorCode::Footer, in_footer(count));
            }
            SourceLine::TooLong(bytes) => {
                let message = format!("the row has {bytes} bytes; its beginning is kept");
                return invalid(RowErrorCode::RowTooLong, message);
            }
            SourceLine::Whole if is_blank => return Ok(SourceRecord::Blank),
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
        let fields = match self.fields.split(text) {
            Ok(fields) => fields,
            Err(error) => return Ok(SourceRecord::Invalid { line, error, raw }),
        };
        if let Some(table) = &self.wide {
            let error = wrong_count(&fields, table.count(), "the header");
            return Ok(SourceRecord::Invalid { line, error, raw });
        }
        Ok(SourceRecord::Row { line, fields, raw })
    }

    fn text_lines(&self) -> Option<u64> {
        Some(self.lines.number())
    }

    fn bytes(&self) -> u64 {
        self.lines.bytes()
    }

    fn format(&self) -> (&'static str, &'static str) {
        ("csv", self.lines.packing())
    }
}
