//! The sandbox from outside: hostile guests, conversions, determinism, admission.

mod admission;
mod child;
mod determinism;
mod hostile;
mod real_guest;
mod support;
