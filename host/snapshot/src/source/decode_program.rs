//! The program that decodes columnar files, and what one of its processes may take. It must never read a file.

use std::path::PathBuf;

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

/// The program that decodes. It calls `decode_child_main` with the arguments after these.
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

    pub(crate) fn parse(text: &str) -> Option<Self> {
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
