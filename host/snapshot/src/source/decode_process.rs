//! The decoding process: reads a columnar file on its standard input within limits that it sets on itself, and writes its
//! rows. Decoders allocate what a file states, which in the process of the caller would end the caller.

use std::fs::File;
use std::io::{BufWriter, Read as _, Seek as _, Write};
use std::path::PathBuf;

use counterfoil_os::child::{OwnLimits, lower_own_limits};

use crate::error::IngestError;
use crate::source::options::IngestLimits;
use crate::source::records::columnar::{self, ColumnarFormat};
use crate::source::records::row_stream::{SendError, send_header, send_rows};

/// The child could not lower its limits or read its arguments.
pub(crate) const EXIT_SETUP: u8 = 20;
/// The file is damaged.
pub(crate) const EXIT_UNREADABLE: u8 = 21;
/// The file is of a kind that is not read.
pub(crate) const EXIT_UNSUPPORTED: u8 = 22;

/// Bytes of an answer on standard error.
pub(crate) const ANSWER_BYTES_MAX: usize = 1_024;

/// Address space of the smallest file: the program's own file, some 300 MiB where it is not optimized, and batches.
const MEMORY_BYTES_MIN: u64 = 768 << 20;
/// Address space for each byte of the file: a batch of bars unpacks to some five times its size.
const MEMORY_PER_BYTE: u64 = 8;
/// Address space of the largest file.
const MEMORY_BYTES_MAX: u64 = 4 << 30;

/// Processor seconds of the smallest file, which may be a gigabyte of rows.
const CPU_SECONDS_MIN: u64 = 300;
/// Bytes of the file for each further second.
const BYTES_PER_CPU_SECOND: u64 = 1 << 20;

/// The program that decodes. It calls [`decode_child_main`] with the arguments after these.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DecodeProgram {
    /// Its file.
    pub file: PathBuf,
    /// Its first arguments.
    pub arguments: Vec<String>,
}

/// The columns that a child decodes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum DecodedColumns {
    /// Only the names of all.
    Names,
    All,
    Places(Vec<usize>),
}

impl DecodedColumns {
    pub(crate) fn argument(&self) -> String {
        match self {
            Self::Names => "names".to_owned(),
            Self::All => "all".to_owned(),
            Self::Places(places) => {
                let places: Vec<String> = places.iter().map(usize::to_string).collect();
                places.join(",")
            }
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match text {
            "names" => Some(Self::Names),
            "all" => Some(Self::All),
            places => {
                let places = places.split(',').map(|place| place.parse().ok());
                places.collect::<Option<_>>().map(Self::Places)
            }
        }
    }
}

/// What decoding a file may take.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct ProcessLimits {
    memory_bytes: u64,
    cpu_seconds: u64,
    file_bytes: u64,
}

impl ProcessLimits {
    /// In proportion to the file: one of kilobytes that takes gigabytes was made to do so.
    pub(crate) fn of(file_bytes: u64) -> Self {
        let memory = file_bytes.saturating_mul(MEMORY_PER_BYTE);
        Self {
            memory_bytes: memory
                .saturating_add(MEMORY_BYTES_MIN)
                .min(MEMORY_BYTES_MAX),
            cpu_seconds: CPU_SECONDS_MIN.saturating_add(file_bytes / BYTES_PER_CPU_SECOND),
            file_bytes,
        }
    }

    pub(crate) fn arguments(self) -> [String; 2] {
        [self.memory_bytes.to_string(), self.cpu_seconds.to_string()]
    }

    /// The message for a child that did not end by itself.
    pub(crate) fn reached(self) -> String {
        format!(
            "decoding it takes more than {} MiB of memory or {} s of processor time, the limits for a file of {} bytes; \
             write it again with smaller row groups or batches, or as CSV",
            self.memory_bytes >> 20,
            self.cpu_seconds,
            self.file_bytes
        )
    }
}

/// The answer of a child as text.
pub(crate) fn answer_text(answer: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(answer).trim().to_owned();
    text.truncate(text.floor_char_boundary(ANSWER_BYTES_MAX));
    text
}

/// The child's side: takes its limits and the columns as arguments, lowers its limits, and writes names or rows of the
/// file in `input`. The caller writes the text to standard error and exits with the code.
///
/// # Errors
///
/// Returns the exit code and the reason.
pub fn decode_child_main(
    arguments: &[String],
    mut input: File,
    output: impl Write,
) -> Result<(), (u8, String)> {
    let setup =
        |what: &str, error: &dyn core::fmt::Display| (EXIT_SETUP, format!("{what}: {error}"));
    let [memory, cpu, columns] = arguments else {
        return Err(setup("arguments", &"expected MEMORY SECONDS COLUMNS"));
    };
    let number = |text: &String| text.parse().map_err(|error| setup(text, &error));
    // Before a byte of the file is read: from here on the operating system bounds what it can take.
    lower_own_limits(OwnLimits {
        memory_bytes: number(memory)?,
        cpu_seconds: number(cpu)?,
    })
    .map_err(|error| setup("limits", &error))?;
    let columns = DecodedColumns::parse(columns).ok_or_else(|| setup("columns", columns))?;
    // The decoders panic at some damaged files; the error that follows has the reason.
    std::panic::set_hook(Box::new(|_| {}));
    let mut magic = [0; 6];
    input
        .read_exact(&mut magic)
        .and_then(|()| input.rewind())
        .map_err(|error| setup("file", &error))?;
    let format = ColumnarFormat::of(&magic).ok_or_else(|| setup("file", &"unknown format"))?;
    // The reader counts what it receives.
    let limits = IngestLimits {
        bytes_max: u64::MAX,
        ..IngestLimits::default()
    };
    let source = |error| SendError::Source(error);
    let mut output = BufWriter::new(output);
    let sent = columnar::open(input, format, "", limits)
        .map_err(source)
        .and_then(|mut records| {
            match &columns {
                DecodedColumns::Names => {
                    return send_header(&*records, &mut output).map_err(SendError::Output);
                }
                DecodedColumns::All => {}
                DecodedColumns::Places(places) => records.project(places),
            }
            send_rows(&mut *records, &mut output)
        })
        .and_then(|()| output.flush().map_err(SendError::Output));
    sent.map_err(|error| match error {
        SendError::Source(IngestError::Unreadable { reason, .. }) => (EXIT_UNREADABLE, reason),
        SendError::Source(IngestError::Unsupported { reason, .. }) => (EXIT_UNSUPPORTED, reason),
        SendError::Source(other) => (EXIT_UNREADABLE, other.to_string()),
        SendError::Output(error) => setup("output", &error),
    })
}
