//! The runner's local HTTP API, and a client for it. It must never name wasmtime, and holds no rule
//! of trading: it reads and changes everything through the crates below.

pub mod app;
pub mod client;
mod events;
mod guard;
pub mod login;
mod metrics;
pub mod problem;
mod router;
mod routes;
pub mod serve;
pub mod service_ledger;
pub mod types;

pub use router::openapi;
