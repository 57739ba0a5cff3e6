//! One file a command.

pub(crate) mod admit;
pub(crate) mod backtest;
pub(crate) mod build;
pub(crate) mod compile;
pub(crate) mod demo;
pub(crate) mod ingest;
pub(crate) mod live;
pub(crate) mod new;
pub(crate) mod proof;
pub(crate) mod replay;
pub(crate) mod report;
pub(crate) mod runs;
pub(crate) mod show;
pub(crate) mod snapshots;
pub(crate) mod terms;
pub(crate) mod verify;
