//! Policy as code: a bundle of Rego is evaluated at a gate, and every outcome is a verdict.
//! Time and every other fact are in the input; this crate must never read a clock, a
//! random number, the network or a file that is not part of a bundle.

pub mod bundle;
pub mod child;
mod engine;
pub mod input;
pub mod starter;
pub mod suite;
pub mod verdict;
