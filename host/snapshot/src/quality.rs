//! Checks of bars, and what they find and accept. It must never change a value.

pub mod actions;
pub mod findings;

pub(crate) mod accept;
pub(crate) mod action_columns;
pub(crate) mod action_days;
pub(crate) mod calendar;
pub(crate) mod checks;
pub(crate) mod findings_file;
pub(crate) mod grid;
pub(crate) mod market_clock;
pub(crate) mod sessions;
