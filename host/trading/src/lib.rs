//! What a bar does to an account: fixed-point numbers, instruments, bars, orders, fills, the
//! account, the risk gate, the simulated venue, and [`run::Run::step`], the one path a bar takes.
//!
//! This crate must never know the journal's format, a clock, randomness, files, floats or
//! threads: everything that decides a result comes in as an argument.
#![no_std]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::float_arithmetic,
        clippy::indexing_slicing
    )
)]

extern crate alloc;

pub mod account;
pub mod aggregate;
pub mod bar;
pub mod bar_grid;
pub mod cbor;
pub mod corporate;
pub mod costs;
pub mod decimal;
pub mod decision_digest;
pub mod exchange_calendar;
pub mod execution;
pub mod gateway;
pub mod instrument;
pub mod journal;
pub mod limits;
pub mod manifest;
pub mod order;
pub mod plan;
pub mod record;
pub mod risk;
pub mod run;
mod seen_ids;
pub mod slice;
pub mod strategy;
pub mod time;
pub mod units;
pub mod venue;
