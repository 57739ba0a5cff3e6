//! Market data from venues: the messages of a stream become closed bars and events, each with a
//! stated treatment. It must never know what a run does with a bar.

pub mod alpaca;
pub mod binance;
pub mod config;
pub mod event;
pub mod history;
pub mod inbox;
pub mod intake;
pub mod listing;
pub mod market;
mod open_slice;
pub mod protocol;
pub mod slicer;
pub mod task;
pub mod trades;
