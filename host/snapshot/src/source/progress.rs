//! How far an ingestion is, for a caller that shows it. It must never read a clock.

/// How far an ingestion is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum IngestProgress {
    /// The source is read.
    Reading { rows: u64, bytes: u64 },
    /// The bars are written.
    Writing { bars: u64, bars_total: u64 },
}
