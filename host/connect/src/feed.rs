//! Market data from outside: what a venue's stream says becomes closed bars and events, each with
//! a stated treatment. It must never know what a run does with a bar.

pub mod alpaca;
pub mod binance;
pub mod event;
pub mod history;
pub mod inbox;
pub mod intake;
pub mod listing;
pub mod market;
mod open_slice;
pub mod protocol;
pub mod session;
pub mod slicer;
pub mod trades;
