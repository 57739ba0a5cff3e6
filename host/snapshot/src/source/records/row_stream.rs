//! Rows on their way from the process that decodes a file to the one that reads them: lengths before bytes, all of them
//! bounded. It must never know what a field means.

use std::io::{self, Read, Write};

use super::columnar::{COLUMNS_MAX, ColumnNames, fields};
use super::{SourceRecord, SourceRecords};
use crate::error::IngestError;
use crate::source::options::ROW_BYTES_MAX;
use crate::source::row_error::{RowError, RowErrorCode};

/// What follows: nothing more, a row, or a row that cannot be used. Without the first the rows are incomplete.
const END: u8 = 0;
const ROW: u8 = 1;
const INVALID: u8 = 2;

/// Bytes of the reason why a row cannot be used.
const MESSAGE_BYTES_MAX: usize = 1_024;

/// Why rows were not sent.
pub(crate) enum SendError {
    /// The source cannot be read on.
    Source(IngestError),
    /// The reader went away.
    Output(io::Error),
}

/// Sends names and kinds of the columns.
pub(crate) fn send_header(records: &dyn SourceRecords, output: &mut impl Write) -> io::Result<()> {
    send_length(records.header().len(), output)?;
    for (name, typed) in records.header().iter().zip(records.typed()) {
        // A name is not needed whole: no mapping has one as long as a row.
        let end = name.floor_char_boundary(ROW_BYTES_MAX);
        output.write_all(&[u8::from(*typed)])?;
        send_text(name.get(..end).unwrap_or_default().as_bytes(), output)?;
    }
    Ok(())
}

/// Sends all rows, and that they are all.
pub(crate) fn send_rows(
    records: &mut dyn SourceRecords,
    output: &mut impl Write,
) -> Result<(), SendError> {
    loop {
        match records.next().map_err(SendError::Source)? {
            SourceRecord::End => return output.write_all(&[END]).map_err(SendError::Output),
            SourceRecord::Blank => {}
            SourceRecord::Row { fields, raw, .. } => {
                send_row(&fields, raw, output).map_err(SendError::Output)?;
            }
            SourceRecord::Invalid { error, raw, .. } => {
                let sent = output
                    .write_all(&[INVALID])
                    .and_then(|()| send_text(error.message.as_bytes(), output))
                    .and_then(|()| send_text(raw, output));
                sent.map_err(SendError::Output)?;
            }
        }
    }
}

fn send_row(fields: &[&str], raw: &[u8], output: &mut impl Write) -> io::Result<()> {
    output.write_all(&[ROW])?;
    let mut end: usize = 0;
    for field in fields {
        end = end.saturating_add(field.len());
        send_length(end, output)?;
        end = end.saturating_add(1);
    }
    send_text(raw, output)
}

fn send_length(length: usize, output: &mut impl Write) -> io::Result<()> {
    let length = u32::try_from(length).map_err(|_| io::Error::other("longer than 4 GiB"))?;
    output.write_all(&length.to_le_bytes())
}

fn send_text(text: &[u8], output: &mut impl Write) -> io::Result<()> {
    send_length(text.len(), output)?;
    output.write_all(text)
}

/// Receives names and kinds of the columns.
pub(super) fn receive_header(input: &mut impl Read) -> io::Result<ColumnNames> {
    let mut header = ColumnNames::default();
    for _ in 0..receive_length(input, COLUMNS_MAX)? {
        let mut typed = [0];
        input.read_exact(&mut typed)?;
        let mut name = Vec::new();
        receive_text(input, ROW_BYTES_MAX, &mut name)?;
        header.typed.push(typed != [0]);
        header.names.push(into_text(name)?);
    }
    Ok(header)
}

/// The row that was received last.
#[derive(Debug, Default)]
pub(super) struct ReceivedRow {
    ends: Vec<usize>,
    message: Option<String>,
    text: String,
}

impl ReceivedRow {
    /// Receives the next row of so many columns; `false` after the last.
    pub(super) fn receive(&mut self, input: &mut impl Read, columns: usize) -> io::Result<bool> {
        let mut tag = [0];
        input.read_exact(&mut tag)?;
        self.message = None;
        self.ends.clear();
        match tag {
            [END] => return Ok(false),
            [ROW] => {
                for _ in 0..columns {
                    self.ends.push(receive_length(input, ROW_BYTES_MAX)?);
                }
            }
            [INVALID] => {
                let mut message = Vec::new();
                receive_text(input, MESSAGE_BYTES_MAX, &mut message)?;
                self.message = Some(into_text(message)?);
            }
            _ => return Err(malformed("no row follows")),
        }
        let mut bytes = core::mem::take(&mut self.text).into_bytes();
        receive_text(input, ROW_BYTES_MAX, &mut bytes)?;
        self.text = into_text(bytes)?;
        Ok(true)
    }

    /// Its bytes.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// The row as a record of the source.
    pub(super) fn record(&self, line: u64) -> Option<SourceRecord<'_>> {
        let raw = self.text.as_bytes();
        Some(match &self.message {
            Some(message) => SourceRecord::Invalid {
                line,
                error: RowError {
                    // The one reason that a decoder has.
                    code: RowErrorCode::RowTooLong,
                    message: message.clone(),
                },
                raw,
            },
            None => SourceRecord::Row {
                line,
                fields: fields(&self.text, &self.ends)?,
                raw,
            },
        })
    }
}

fn receive_length(input: &mut impl Read, most: usize) -> io::Result<usize> {
    let mut length = [0; 4];
    input.read_exact(&mut length)?;
    // Checked before anything is allocated: the decoder has read the file, which may have taken it over.
    usize::try_from(u32::from_le_bytes(length))
        .ok()
        .filter(|length| *length <= most)
        .ok_or_else(|| malformed("a length is out of range"))
}

fn receive_text(input: &mut impl Read, most: usize, text: &mut Vec<u8>) -> io::Result<()> {
    let length = receive_length(input, most)?;
    text.clear();
    text.resize(length, 0);
    input.read_exact(text)
}

fn into_text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|_| malformed("a text is not UTF-8"))
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
