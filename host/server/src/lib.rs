//! The program's local HTTP API with its client, and the supervisor that owns the runs behind it. It must
//! never name wasmtime, and holds no rule of trading: the crates below decide.

mod accept_errors;
pub mod app;
pub mod client;
mod events;
mod guard;
pub mod login;
mod metrics;
mod places;
pub mod problem;
mod router;
mod routes;
pub mod serve;
pub mod service_ledger;
pub mod supervisor;
mod timed_writes;
pub mod types;

pub use router::openapi;
