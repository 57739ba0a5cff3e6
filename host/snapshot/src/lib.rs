//! Immutable market data in three layers, named by digest: a vendor's file becomes a
//! snapshot, and every bar read from it later is checked against the digest in its name.
//!
//! ```text
//! raw/<hex>/file                     a file, unchanged; <hex> is the SHA-256 of its bytes
//! raw/<hex>/receipt-<hex>.json       who sent it, when, and what it was called
//! normalized/<hex>/manifest.json     its bars with canonical ids, UTC and integer prices
//! snapshots/<hex>/manifest.json      the curated layer; the snapshot's id is the SHA-256 of this
//! snapshots/<hex>/0000-AAPL-2000-03.arrow  by instrument and first month, digests in the manifest
//! snapshots/<hex>/quarantine.jsonl   every row and bar that is not used: file, line, reason, text
//! snapshots/<hex>/findings.jsonl     what the checks found
//! snapshots/<hex>/actions.csv        the corporate actions, if there are any
//! snapshots/<hex>/sessions.csv       when sessions ended, if there is a calendar
//! recipes/<layer>-<hex>              from a recipe to its result; can be removed
//! fetches/<hex>.json                 which raw file answers a request of a venue; can be removed
//! locks/…                            which temporary directories are in use
//! ```
//!
//! This crate must never know a strategy, an account, a clock or a path outside the directory
//! handle that it is given.

pub mod error;
pub mod layers;
mod layout;
pub mod quality;
pub mod snapshot_store;
pub mod source;
pub mod spool;
pub mod store;
pub mod synthetic;
