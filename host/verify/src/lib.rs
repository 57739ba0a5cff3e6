//! The auditor's library: the bytes of a journal, an order log, a ledger or a proof and a public key in, verdicts out. It
//! must never know WebAssembly, a network or where files are; it runs every record again except the guest.

mod anchors;
mod answers;
mod cbor_text;
mod chain;
mod chunk;
mod completeness;
pub mod describe;
mod differ;
mod example;
mod extent;
mod file_kind;
pub mod finding;
mod key_file;
mod ledger;
mod ledger_file;
mod note_threads;
mod opened;
mod orders;
mod proof;
mod report;
mod rerun;
mod source;
mod times;
mod verify;

pub use anchors::{AnchoredOrders, AnchorsReport, check_anchors};
pub use example::verify_example;
pub use file_kind::AuditFileKind;
pub use finding::{Finding, FindingCause};
pub use key_file::{KeyFileError, parse_key_file};
pub use ledger::{LEDGER_ORIGIN, LedgerProofError, ProvedAct, is_of_ledger, verify_ledger_proof};
pub use ledger_file::{LedgerFinding, LedgerReport, verify_ledger, verify_ledger_state};
pub use note_threads::open_notes;
pub use orders::{
    LimitsJoin, OrderLogFacts, OrderLogFinding, OrderLogReport, OrderLogSubject, OrdersJoin,
    verify_order_log,
};
pub use proof::{ProvedRecord, RecordProofError, verify_proof};
pub use report::{BarsSeen, Completeness, Integrity, Rerun, VerifyReport};
pub use source::JournalSource;
pub use times::{CLOCK_OFFSET_DEFAULT_NANOS, TimesVerdict};
pub use verify::{VerifyError, VerifyOptions, VerifyProgress, verify_journal};
