//! One line to its fields. It must never know what a field means.

use csv_core::ReadRecordResult;

use crate::source::row_error::{RowError, RowErrorCode};

/// Cuts a line into fields. Owns the buffers, so that a row costs no allocation.
pub(crate) struct FieldSplitter {
    reader: csv_core::Reader,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl FieldSplitter {
    /// Cuts at a delimiter, which is ASCII.
    pub(crate) fn new(delimiter: u8) -> Self {
        Self {
            reader: csv_core::ReaderBuilder::new().delimiter(delimiter).build(),
            bytes: Vec::new(),
            ends: vec![0; 64],
        }
    }

    /// The fields of a line, white space around them apart.
    pub(crate) fn split<'a>(&'a mut self, line: &str) -> Result<Vec<&'a str>, RowError> {
        // One line at a time, from a fresh state: in a reader of whole files a stray quote would
        // swallow every line up to the next quote.
        self.reader.reset();
        self.bytes.clear();
        self.bytes.resize(line.len().saturating_add(1), 0);
        let (mut input, mut written, mut fields) = (line.as_bytes(), 0, 0);
        let mut ended = false;
        loop {
            let out = self.bytes.get_mut(written..).unwrap_or_default();
            let ends = self.ends.get_mut(fields..).unwrap_or_default();
            let (result, used, wrote, ended_fields) = self.reader.read_record(input, out, ends);
            input = input.get(used..).unwrap_or_default();
            written = written.saturating_add(wrote);
            fields = fields.saturating_add(ended_fields);
            match result {
                ReadRecordResult::Record | ReadRecordResult::End => break,
                // The line is over: its end is the record's end, unless a quote is open.
                ReadRecordResult::InputEmpty if !ended => (ended, input) = (true, b"\n"),
                ReadRecordResult::InputEmpty => {
                    let message = "a quote is open at the end of the line".to_owned();
                    return Err(RowError {
                        code: RowErrorCode::Quotes,
                        message,
                    });
                }
                // Both buffers grow with the line, whose length is bounded where it is read.
                ReadRecordResult::OutputFull => {
                    self.bytes.resize(self.bytes.len().saturating_add(64), 0);
                }
                ReadRecordResult::OutputEndsFull => {
                    self.ends
                        .resize(self.ends.len().saturating_mul(2).max(64), 0);
                }
            }
        }
        let mut from = 0;
        let mut all = Vec::with_capacity(fields);
        for end in self.ends.iter().take(fields) {
            // Quotes and delimiters are ASCII, so what is between them is UTF-8 like the line.
            let field = self
                .bytes
                .get(from..*end)
                .and_then(|field| core::str::from_utf8(field).ok())
                .ok_or_else(|| RowError {
                    code: RowErrorCode::NotUtf8,
                    message: format!("field {} is not UTF-8", all.len()),
                })?;
            all.push(field.trim());
            from = *end;
        }
        Ok(all)
    }
}

/// Whether a field is a number or a time and not a name: it begins with a digit, after a sign of some kind.
pub(crate) fn begins_with_digit(field: &str) -> bool {
    let mut letters = field.chars();
    let first = letters.find(|letter| !matches!(letter, '-' | '+' | '.' | '$' | '€' | '£' | '¥'));
    first.is_some_and(|letter| letter.is_ascii_digit())
}
