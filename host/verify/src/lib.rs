//! The auditor's library: a journal's bytes and a public key in, verdicts out. It must never know
//! WebAssembly, a network or where files are; it runs every record again except the guest.

mod chain;
mod chunk;
mod completeness;
pub mod describe;
mod differ;
pub mod finding;
mod key_file;
mod ledger;
mod opened;
mod proof;
mod report;
mod rerun;
mod verify;

pub use finding::{Finding, FindingCause};
pub use key_file::{KeyFileError, parse_key_file};
pub use ledger::{LEDGER_ORIGIN, LedgerProofError, ProvedAct, is_of_ledger, verify_ledger_proof};
pub use proof::{ProvedRecord, RecordProofError, verify_proof};
pub use report::{BarsSeen, Completeness, Integrity, Rerun, VerifyReport};
pub use verify::{VerifyError, VerifyOptions, VerifyProgress, verify_journal};
