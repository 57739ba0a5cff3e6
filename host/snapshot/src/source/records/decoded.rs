//! Rows of a file that another process decodes, within limits that it sets on itself. It must never decode anything
//! itself.

use std::fs::File;
use std::io::{self, BufReader, Seek as _};
use std::process::Command;

use counterfoil_os::child::{ChildEnd, OutputChild};

use super::columnar::{ColumnNames, ColumnarFormat};
use super::row_stream::{ReceivedRow, receive_header};
use super::{SourceRecord, SourceRecords};
use crate::error::IngestError;
use crate::source::decode_program::{
    ANSWER_BYTES_MAX, EXIT_SETUP, EXIT_UNREADABLE, EXIT_UNSUPPORTED,
};
use crate::source::decode_program::{DecodeProgram, DecodedColumns, ProcessLimits, answer_text};
use crate::source::options::IngestLimits;

/// Bytes that are received at once.
const CHUNK_BYTES: usize = 65_536;

/// The rows that another process decodes.
struct DecodedRecords {
    file: File,
    name: String,
    format: ColumnarFormat,
    program: DecodeProgram,
    header: ColumnNames,
    columns: DecodedColumns,
    /// Started at the first row, when it is known which columns are used.
    child: Option<BufReader<OutputChild>>,
    row: ReceivedRow,
    rows: u64,
    bytes: u64,
    limits: IngestLimits,
}

pub(super) fn open(
    file: File,
    format: ColumnarFormat,
    name: &str,
    limits: IngestLimits,
    program: &DecodeProgram,
) -> Result<Box<dyn SourceRecords>, IngestError> {
    let mut records = DecodedRecords {
        file,
        name: name.to_owned(),
        format,
        program: program.clone(),
        header: ColumnNames::default(),
        columns: DecodedColumns::All,
        child: None,
        row: ReceivedRow::default(),
        rows: 0,
        bytes: 0,
        limits,
    };
    // The names first, by a child of its own: which columns are decoded depends on them.
    let mut child = records.start(&DecodedColumns::Names)?;
    records.header = receive_header(&mut child).or_else(|error| records.failed(child, &error))?;
    Ok(Box::new(records))
}

impl DecodedRecords {
    fn process_limits(&self) -> Result<ProcessLimits, IngestError> {
        let size = self
            .file
            .metadata()
            .map_err(IngestError::source(&self.name, 0))?;
        Ok(ProcessLimits::of(size.len()))
    }

    fn start(&mut self, columns: &DecodedColumns) -> Result<BufReader<OutputChild>, IngestError> {
        let limits = self.process_limits()?;
        let mut command = Command::new(&self.program.file);
        command
            .args(&self.program.arguments)
            .args(limits.arguments())
            .arg(columns.argument())
            // Nothing of the user's environment belongs to the decoding of a stranger's file.
            .env_clear();
        let start = self.file.rewind().and_then(|()| {
            let input = self.file.try_clone()?;
            OutputChild::start(&mut command, input, ANSWER_BYTES_MAX)
        });
        let child = start.map_err(|error| IngestError::Decoder {
            file: self.name.clone(),
            reason: error.to_string(),
        })?;
        Ok(BufReader::with_capacity(CHUNK_BYTES, child))
    }

    /// Why rows do not go on, from how the child ended.
    fn failed<T>(
        &self,
        child: BufReader<OutputChild>,
        error: &io::Error,
    ) -> Result<T, IngestError> {
        let (file, format) = (self.name.clone(), self.format.name());
        let decoder = |reason: String| IngestError::Decoder {
            file: self.name.clone(),
            reason,
        };
        let end = child.into_inner().end();
        let ChildEnd::Exited { status, answer } =
            end.map_err(|error| decoder(error.to_string()))?
        else {
            return Err(decoder("it was ended".to_owned()));
        };
        let reason = answer_text(&answer);
        // The exit code decides, never the text: a file could make the decoder print what it likes.
        Err(match status.code().map(u8::try_from) {
            Some(Ok(EXIT_UNREADABLE)) => IngestError::Unreadable {
                file,
                format,
                reason,
            },
            Some(Ok(EXIT_UNSUPPORTED)) => IngestError::Unsupported {
                file,
                format,
                reason,
            },
            Some(Ok(EXIT_SETUP)) => decoder(reason),
            Some(Ok(0)) => decoder(error.to_string()),
            _ => IngestError::Unsupported {
                file,
                format,
                reason: self.process_limits()?.reached(),
            },
        })
    }
}

impl SourceRecords for DecodedRecords {
    fn header(&self) -> &[String] {
        &self.header.names
    }

    fn project(&mut self, places: &[usize]) {
        self.columns = DecodedColumns::Places(places.to_vec());
    }

    fn next(&mut self) -> Result<SourceRecord<'_>, IngestError> {
        let mut child = match self.child.take() {
            Some(child) => child,
            None => self.start(&self.columns.clone())?,
        };
        match self.row.receive(&mut child, self.header.names.len()) {
            Err(error) => return self.failed(child, &error),
            // The child is dropped. It ends by itself, and has sent everything.
            Ok(false) => return Ok(SourceRecord::End),
            Ok(true) => self.child = Some(child),
        }
        self.rows = self.rows.saturating_add(1);
        let bytes = u64::try_from(self.row.len()).unwrap_or(u64::MAX);
        self.bytes = self.bytes.saturating_add(bytes);
        // Ends the child as well: a file of a few bytes can hold rows without end.
        self.limits
            .check_unpacked(&self.name, self.rows, self.bytes)?;
        let line = self.rows.saturating_add(1);
        self.row.record(line).ok_or_else(|| IngestError::Decoder {
            file: self.name.clone(),
            reason: "the fields of a row cannot be cut".to_owned(),
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
