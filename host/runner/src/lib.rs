//! One loop for backtest, paper, live and replay: feeds, the journal directory, keys and clocks.
//!
//! This crate must never name wasmtime or axum, and only `clock.rs` reads a clock.

pub mod backtest;
pub mod clock;
pub mod compare;
pub mod component;
pub mod data_dir;
pub mod drift;
pub mod drive;
pub mod ending;
pub mod error;
pub mod evidence;
pub mod execute;
pub mod extent;
pub mod feed;
pub mod files;
pub mod gates;
pub mod gateway;
pub mod journal;
pub mod keys;
pub mod kill;
pub mod lease;
pub mod limits;
pub mod live;
pub mod lock;
pub mod lookahead;
pub mod parity;
pub mod permit;
pub mod proof;
pub mod publish;
pub mod reconcile;
pub mod replay;
pub mod resume;
pub mod supervisor;
pub mod sweep;
pub mod tape;
pub mod times;
pub mod usage;
pub mod venues;
