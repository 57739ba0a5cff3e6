//! Checks of bars, and what they find, accept and quarantine. It must never change a value.

pub mod accept;
pub mod actions;
pub mod findings;
pub mod quarantine;

pub(crate) mod calendar;
pub(crate) mod checks;
pub(crate) mod deferred;
pub(crate) mod findings_file;
pub(crate) mod grid;
pub(crate) mod sessions;
