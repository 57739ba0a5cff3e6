//! One run, from its manifest to its closed journal: backtest, live, resume, replay. It must never know who
//! may start it.

pub mod backtest;
pub mod component;
pub mod drive;
pub mod end_cause;
pub mod ending;
pub mod execute;
pub mod extent;
pub mod feed;
pub mod journal;
pub mod live;
pub mod replay;
pub mod resume;
pub mod usage;
