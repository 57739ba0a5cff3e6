//! The auditor's library: a journal's bytes and a public key in, verdicts out. It must never know
//! WebAssembly, a network or where files are; it runs every record again except the guest.

mod chain;
mod chunk;
mod completeness;
pub mod describe;
mod differ;
pub mod finding;
mod key;
mod ledger;
mod opened;
mod proof;
mod report;
mod rerun;
mod text;
pub mod time;
mod verify;

pub use finding::{Cause, Finding};
pub use key::{PublicKey, PublicKeyError};
pub use ledger::{LEDGER_ORIGIN, LedgerProofError, ProvedAct, is_of_ledger, verify_ledger_proof};
pub use proof::{ProofError, ProvedRecord, verify_proof};
pub use report::{BarsSeen, Completeness, Integrity, Report, Rerun};
pub use text::harmless;
pub use verify::{Options, Progress, VerifyError, verify_journal};
