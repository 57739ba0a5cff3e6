//! Ingestion and snapshots from outside, as one program: a part each. The test of peak memory is a
//! program of its own.
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod answers;
mod archives;
mod bounded;
mod column_actions;
mod columnar;
mod dates;
mod footers;
mod formats;
mod instruments;
mod layers;
mod resample;
mod reused_tickers;
mod snapshot;
mod test_store;
mod timeframes;
mod vendor_files;
