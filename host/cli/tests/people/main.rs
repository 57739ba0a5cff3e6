//! The commands about people as they use them: real files, real keys, the program itself.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests may fail as tests do"
)]

mod day;
mod desk;
mod drift;
mod folders;
mod keys;
mod kills;
mod ledger;
mod operate;
mod policy;
mod runs;
mod stages;
mod together;
mod walk;
