//! Builds a strategy crate into a component: the toolchain, the cargo call and the step from
//! module to component, in one place for `counterfoil build` and the tests.
//! It must never decide whether a component may run; that is admission.

mod component;
mod error;
mod guest;
mod symbols;
mod toolchain;

pub use component::{ALLOWED_IMPORTS, componentize, digest, imports};
pub use error::BuildError;
pub use guest::{BuiltGuest, GuestCrate, build, recipe_id};
pub use symbols::SYMBOLS_FORMAT;
pub use toolchain::{DESCRIPTION_VARIABLE, Toolchain};
