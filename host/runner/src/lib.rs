//! One loop for backtest, paper, live and replay: feeds, the journal directory, keys and clocks.
//!
//! This crate must never name wasmtime or axum, and reads no clock itself: `counterfoil-os` does.

pub mod build;
pub mod clock;
pub mod fetch;
pub mod orders;
pub mod run;
pub mod store;
pub mod study;
pub mod times;
