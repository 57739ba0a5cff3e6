//! Who may do what, and who did it: every act of a principal is a signed record in the ledger before it
//! takes effect, and permissions derive from those records alone. This crate must never name an engine,
//! a server or a clock: times are arguments.

pub mod act;
pub mod attest;
pub mod evidence;
mod files;
pub mod id;
pub mod ledger;
pub mod proof;
pub mod record;
pub mod registry;
pub mod report;
pub mod role;
pub mod rule;
pub mod state;

#[cfg(test)]
mod tests;
