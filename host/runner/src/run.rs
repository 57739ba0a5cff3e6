//! One run, from its manifest to its closed journal: backtest, live, resume, replay. It must never know who
//! may start it.

pub mod backtest;
pub mod component;
pub mod drive;
pub mod end_cause;
pub mod execute;
pub mod extent;
pub mod feed;
pub mod inputs;
pub mod journal;
mod keep_log;
pub mod live;
pub mod mismatch;
pub mod opening;
pub mod permission;
pub mod replay;
pub mod resume;
pub mod run_end;
pub(crate) mod signed_prefix;
pub mod usage;
