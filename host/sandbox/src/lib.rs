//! The only crate that names wasmtime: admission, limits, one guest instance, and WIT values to
//! trading types and back.
//!
//! It must never know a journal, a feed or a clock. What a guest may see is what
//! [`guest::Guest`] passes to it; what a guest may do is what [`engine`] and [`limits`] allow.

pub mod admission;
pub mod arguments;
mod call_fuel;
pub mod child;
pub mod code_cache;
pub mod compile;
pub mod compile_class;
pub mod compile_process;
mod convert;
mod cut;
pub mod describe;
pub mod engine;
mod fault;
pub mod guest;
mod imports;
pub mod limits;
pub mod setup;
mod state;
pub mod thread;
pub mod watchdog;
mod wit;
