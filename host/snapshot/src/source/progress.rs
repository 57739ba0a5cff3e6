//! How far an ingestion is, for a caller that shows it. It must never read a clock.

/// How far an ingestion is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum IngestProgress {
    /// The source is read.
    Reading {
        /// Rows read.
        rows: u64,
        /// Bytes read, after decompression.
        bytes: u64,
    },
    /// The bars are written.
    Writing {
        /// Bars written.
        bars: u64,
        /// Bars in all.
        bars_total: u64,
    },
}
