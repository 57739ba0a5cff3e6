//! The routes, by what they are about. Each asks who calls, asks the crates below, and answers.

pub(crate) mod about;
pub(crate) mod bars;
pub(crate) mod events;
pub(crate) mod logins;
pub(crate) mod runs;
