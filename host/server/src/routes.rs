//! The routes, by subject. Each authenticates the caller, calls the crates below, and answers; it must never decide
//! what a caller may do.

pub(crate) mod about;
pub(crate) mod bars;
pub(crate) mod events;
pub(crate) mod logins;
pub(crate) mod runs;
