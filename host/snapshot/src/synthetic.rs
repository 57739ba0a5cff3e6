//! Snapshots of bars that did not happen. It must never know what a run does with them.

pub mod resample;
pub mod resample_error;

pub(crate) mod drawn;
