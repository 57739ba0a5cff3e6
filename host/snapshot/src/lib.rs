//! Immutable market data, named by digest: a CSV file goes in, a snapshot comes out, and every
//! bar read from it later was checked against the digest in its name.
//!
//! ```text
//! snapshots/<hex>/manifest.json      the snapshot's id is the SHA-256 of these bytes
//! snapshots/<hex>/0000-AAPL.arrow    one file an instrument, digests in the manifest
//! snapshots/<hex>/quarantine.jsonl   every row that is no bar: file, line, reason, text
//! ```
//!
//! This crate must never know a strategy, an account, a clock or a path outside the directory
//! handle that it is given.

pub mod digest;
pub mod error;
pub mod ingest;
pub mod manifest;
pub mod options;
pub mod quarantine;
pub mod report;
pub mod selection;
pub mod slices;
pub mod snapshot;
pub mod store;

mod arrow_file;
mod batches;
mod columns;
mod fields;
mod interval;
mod read_error;
mod row;
mod scales;
mod series;
mod source;
mod table;
mod text;
mod times;
mod write;
