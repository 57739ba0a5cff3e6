//! The ground floor: types and texts that every other crate shares and that must mean the same in all of
//! them. It must never know what a digest names, what is drawn, or which crate asks.

#![no_std]
extern crate alloc;

pub mod calendar_date;
pub mod digest;
pub mod draws;
pub mod gate;
pub mod keyed_hash;
pub mod text;
pub mod time_text;
