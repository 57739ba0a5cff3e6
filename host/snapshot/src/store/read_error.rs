//! Why a snapshot cannot be read. A message names the file and what to do.

use std::io;

use arrow_schema::ArrowError;
use counterfoil_trading::bar::BarError;
use counterfoil_trading::slice::SliceError;
use counterfoil_trading::time::UnixNanos;

use counterfoil_base::digest::Digest;

/// Why a snapshot cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// No snapshot of that name.
    #[error("no snapshot {id} in the data directory; list the snapshots, or ingest its source")]
    NotFound { id: String },
    /// The text can be no name of a snapshot.
    #[error(
        "{text:?} is not a valid snapshot id: expected sha256: and up to 64 lower-case hexadecimal digits"
    )]
    BadId { text: String },
    /// More than one snapshot begins so.
    #[error("{count} snapshots begin with {prefix:?}; give more digits")]
    AmbiguousId { prefix: String, count: usize },
    /// The system cannot read a file.
    #[error("cannot read {file}")]
    Io {
        file: String,
        #[source]
        source: io::Error,
    },
    /// Bytes are not those that the digest was taken over.
    #[error(
        "{file}: {part} was changed: its digest is {got}, not {expected}; restore the file, or remove the snapshot and ingest again"
    )]
    Digest {
        file: String,
        part: String,
        expected: Digest,
        got: Digest,
    },
    /// The digest holds, the contents do not: it was not made by this program.
    #[error("{file}: {reason}; the snapshot was not made by this program")]
    Malformed { file: String, reason: String },
    /// A manifest of another format: an older or a newer program made it.
    #[error(
        "{file} has format {got:?}, but this program reads {expected:?}; ingest the source again, or use the program that made it"
    )]
    Format {
        file: String,
        got: String,
        expected: String,
    },
    /// A bar that does not hold, under a digest that does.
    #[error(
        "{file}: bar {index} is not a valid closed bar; the snapshot was not made by this program"
    )]
    Bar {
        file: String,
        /// Counted from 0.
        index: u64,
        #[source]
        source: BarError,
    },
    /// The snapshot has no such instrument.
    #[error("no instrument {symbol:?} in the snapshot; it has {known}")]
    UnknownSymbol { symbol: String, known: String },
    /// A range that ends before it begins.
    #[error(
        "the range is empty: it starts at {} and ends before {}", UnixNanos(*.from).date_or_time(), UnixNanos(*.to).date_or_time()
    )]
    EmptyRange { from: i64, to: i64 },
    /// Bars that cannot share a slice: a bug here.
    #[error("bars cannot share a slice; please report this bug")]
    Slice(#[from] SliceError),
}

impl ReadError {
    pub(crate) fn io(file: &str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io {
            file: file.to_owned(),
            source,
        }
    }

    pub(crate) fn malformed(file: &str, reason: impl Into<String>) -> Self {
        Self::Malformed {
            file: file.to_owned(),
            reason: reason.into(),
        }
    }

    pub(crate) fn arrow(file: &str) -> impl FnOnce(ArrowError) -> Self {
        move |error| Self::malformed(file, error.to_string())
    }
}
