//! The one crate that opens sockets: market-data feeds and a broker's protocol, each a pure parser and
//! state machine with a thin task around it.
//!
//! It must never know a journal, a strategy or a clock: the time is an argument, and so is the
//! seed of every jitter.

pub mod backoff;
pub mod broker;
pub mod feed;
pub mod fetch;
pub mod field;
pub mod net;
mod reconnect;
mod wait;
