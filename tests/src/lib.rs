//! What the whole-system tests share: a data directory with the real bars in it, manifests, and
//! the records of a journal. They may use everything; nothing uses them.

#![expect(
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests: a panic is how a test fails"
)]

pub mod acts;
pub mod child;
pub mod desk;
pub mod journals;
pub mod ledgers;
pub mod world;
