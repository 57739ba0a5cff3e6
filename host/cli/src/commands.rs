//! One file a command.

pub(crate) mod admit;
pub(crate) mod audit;
pub(crate) mod backtest;
pub(crate) mod build;
pub(crate) mod compare;
pub(crate) mod compile;
pub(crate) mod data;
pub(crate) mod demo;
pub(crate) mod ingest;
pub(crate) mod kill;
pub(crate) mod live;
pub(crate) mod monte_carlo;
pub(crate) mod new;
pub(crate) mod proof;
pub(crate) mod publish;
pub(crate) mod replay;
pub(crate) mod report;
pub(crate) mod resume;
pub(crate) mod runs;
pub(crate) mod show;
pub(crate) mod snapshots;
pub(crate) mod sweep;
pub(crate) mod terms;
pub(crate) mod verify;
pub(crate) mod walk_forward;
