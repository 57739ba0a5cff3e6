//! Immutable market data in three layers, named by digest: a vendor's file goes in, a snapshot
//! comes out, and every bar read from it later was checked against the digest in its name.
//!
//! ```text
//! raw/<hex>/file                     a file as it came; <hex> is the SHA-256 of its bytes
//! raw/<hex>/receipt-<hex>.json       who sent it, when, and what it was called
//! normalized/<hex>/manifest.json     its bars with canonical ids, UTC and integer prices
//! snapshots/<hex>/manifest.json      the curated layer; the snapshot's id is the SHA-256 of this
//! snapshots/<hex>/0000-AAPL-2000-03.arrow  by instrument and first month, digests in the manifest
//! snapshots/<hex>/quarantine.jsonl   every row and bar that is not used: file, line, reason, text
//! snapshots/<hex>/findings.jsonl     what the checks found
//! snapshots/<hex>/actions.csv        the corporate actions, if there are any
//! recipes/<layer>-<hex>              from a recipe to its result; can be removed
//! locks/…                            which temporary directories are in use
//! ```
//!
//! This crate must never know a strategy, an account, a clock or a path outside the directory
//! handle that it is given.

pub mod accept;
pub mod actions;
pub mod derive;
pub mod digest;
pub mod error;
pub mod findings;
pub mod ingest;
pub mod lineage;
pub mod manifest;
pub mod options;
pub mod quarantine;
pub mod raw;
pub mod recipe;
pub mod report;
pub mod resample;
pub mod selection;
pub mod slices;
pub mod snapshot;
pub mod store;

mod arrow_file;
mod aside;
mod bars;
mod batches;
mod calendar;
mod checks;
mod columns;
mod curate;
mod drawn;
mod fields;
mod frames;
mod interval;
mod mapping;
mod merge;
mod normalize;
mod read_error;
mod records;
mod row;
mod scales;
mod series;
mod sort;
mod source;
mod staging;
mod symbols;
mod table;
mod text;
mod times;
mod trades;
mod write;
