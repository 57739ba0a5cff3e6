//! What a verification found: integrity, the re-run, completeness and times, each a verdict of its own.

mod json;
mod text;

use counterfoil_base::digest::Digest;
use counterfoil_journal::checkpoint::Checkpoint;
use counterfoil_trading::manifest::Manifest;
use counterfoil_trading::record::CloseRecord;
use counterfoil_trading::time::UnixNanos;

use crate::anchors::AnchorsReport;
use crate::finding::Finding;
use crate::orders::OrdersJoin;
use crate::times::TimesVerdict;

/// Whether the records are as they were written, by hashes, signatures and rules.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Integrity {
    /// Every byte is vouched for, and every record is what the rules give.
    Intact,
    /// As far as the last checkpoint; what comes after it is covered by no signature, as after
    /// a crash.
    IntactUpTo {
        /// Records that the last checkpoint covers.
        covered: u64,
        /// Whole records after it.
        uncovered: u64,
        /// Bytes at the end that are no whole record.
        torn_bytes: u64,
    },
    /// Something is wrong; the finding with the lowest index.
    Broken(Finding),
}

/// What running every record again, except the guest, gave.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Rerun {
    /// It was not asked for.
    NotAsked,
    /// Every record is what the rules give.
    Agrees,
    /// Every record is what the rules give, apart from some that cannot be derived from the
    /// journal alone.
    AgreesExceptFrom {
        /// The first of them.
        index: u64,
        /// Why they cannot be derived.
        why: String,
    },
    /// It ended at a finding.
    Stopped,
}

/// Whether all that belongs into the journal is there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Completeness {
    /// One decision for each bar, and the closing record.
    Complete,
    /// Something is missing, or there is more than was promised.
    Incomplete {
        /// What, one sentence each.
        why: Vec<String>,
    },
    /// Not known.
    Unknown { why: String },
}

/// The bars of one instrument that the journal decides.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BarsSeen {
    /// The ticker.
    pub symbol: String,
    pub bars: u64,
    /// How many the open record promises; none for a feed.
    pub promised: Option<u64>,
    /// Close times of the first and the last.
    pub closes: Option<(UnixNanos, UnixNanos)>,
}

/// What is known of a journal after verification.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VerifyReport {
    /// The run id: SHA-256 of the manifest in record 0.
    pub run_id: Option<Digest>,
    /// Which execution of the manifest it is.
    pub execution: Option<u64>,
    /// The build of the host that wrote it, for people.
    pub host: Option<String>,
    pub manifest: Option<Manifest>,
    /// The log's origin.
    pub origin: Option<String>,
    /// Records that hold together, from the first on.
    pub entries: u64,
    /// Decisions among them.
    pub decisions: u64,
    /// Refused inputs among them.
    pub refused_inputs: u64,
    /// Checkpoints that hold.
    pub checkpoints: u64,
    /// The last checkpoint that holds.
    pub last_checkpoint: Option<Checkpoint>,
    /// Fills, if the re-run reached the end.
    pub fills: Option<u64>,
    /// The decision digest of all records, if the re-run reached the end.
    pub decision_digest: Option<Digest>,
    /// The closing record, if there is one and the re-run reached it.
    pub closed: Option<CloseRecord>,
    /// The bars decided, by instrument; empty if they were not counted.
    pub bars: Vec<BarsSeen>,
    /// All findings, by index.
    pub findings: Vec<Finding>,
    /// The first verdict.
    pub integrity: Integrity,
    /// What the re-run gave; part of the first verdict.
    pub rerun: Rerun,
    /// A verdict of its own: whether the times can be a clock's.
    pub times: TimesVerdict,
    /// The comparison with the order log, where that was given.
    pub orders: Option<OrdersJoin>,
    /// The comparison with the ledger, where that was given.
    pub anchors: Option<AnchorsReport>,
    /// The second verdict.
    pub completeness: Completeness,
}

impl VerifyReport {
    /// Whether the answer is yes: intact, and complete where that was asked for.
    #[must_use]
    pub fn is_good(&self) -> bool {
        let complete = match &self.completeness {
            Completeness::Complete => true,
            // Unknown is good only where it was not asked for: a broken journal is unknown as well.
            Completeness::Unknown { .. } => self.rerun == Rerun::NotAsked,
            Completeness::Incomplete { .. } => false,
        };
        let in_order = !matches!(self.times, TimesVerdict::Wrong { .. });
        let joined = self.orders.as_ref().is_none_or(|join| join.why.is_empty());
        let anchored = self.anchors.as_ref().is_none_or(AnchorsReport::is_good);
        // All verdicts: an intact journal can still lack bars, and a complete one can be forged.
        self.integrity == Integrity::Intact && complete && in_order && joined && anchored
    }
}

impl VerifyReport {
    /// The report on a journal whose first record does not hold.
    pub(crate) fn unopened(finding: Finding) -> Self {
        Self {
            run_id: None,
            execution: None,
            host: None,
            manifest: None,
            origin: None,
            entries: 0,
            decisions: 0,
            refused_inputs: 0,
            checkpoints: 0,
            last_checkpoint: None,
            fills: None,
            decision_digest: None,
            closed: None,
            bars: Vec::new(),
            findings: vec![finding.clone()],
            integrity: Integrity::Broken(finding),
            rerun: Rerun::Stopped,
            times: TimesVerdict::NotAsked,
            orders: None,
            anchors: None,
            completeness: Completeness::Unknown {
                why: "the first record is invalid".to_owned(),
            },
        }
    }
}
