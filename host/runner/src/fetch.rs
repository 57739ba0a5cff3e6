//! Bars from a venue's history into the raw layer, with an index that can be ingested. A fetch that ends early goes on
//! where it was. It must never look at a price.

mod archive;
pub mod job;
pub mod outcome;
mod pages;
pub mod perform;
pub mod port;
mod session;
#[cfg(test)]
mod tests;
