//! The input of the promotion gate. It must never be filled from anything but records and verified attestations.

use serde::Serialize;

use super::{DigestSetInput, ExceptionInput, UnixSeconds};

/// A component is about to be approved for use.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct PromotionInput {
    pub time: UnixSeconds,
    /// What is promoted.
    pub set: DigestSetInput,
    /// Where the component comes from.
    pub component: ComponentInput,
    /// Who wrote, reviewed and approved it.
    pub people: ReviewersInput,
    /// The evidence for it.
    pub evidence: EvidenceInput,
    /// The exceptions in the ledger, including ended ones.
    pub exceptions: Vec<ExceptionInput>,
}

/// The strategy and the provenance of a component.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct ComponentInput {
    /// The strategy that it is a version of.
    pub strategy: String,
    pub source_commit: String,
    /// The compiler, with its version.
    pub toolchain: String,
    /// The WIT world that it is for.
    pub wit_world: String,
}

/// Who wrote, reviewed and approved.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct ReviewersInput {
    /// Who submitted the component.
    pub author: String,
    /// Who validated it.
    pub reviewer: String,
    /// Who approved this set.
    pub approvers: Vec<String>,
}

/// The evidence; `None` is a missing piece.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct EvidenceInput {
    /// The result of admission.
    pub admission: Option<AdmissionInput>,
    /// The attestation of the unit tests.
    pub unit_tests: Option<UnitTestsInput>,
    /// The quality of the backtest's snapshot.
    pub snapshot_quality: Option<SnapshotQualityInput>,
    /// The replays of the backtest.
    pub replay: Option<ReplayInput>,
    /// The audit for look-ahead.
    pub no_look_ahead: Option<LookAheadInput>,
    /// The measured values.
    pub thresholds: Option<ThresholdsInput>,
}

/// The result of admission.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct AdmissionInput {
    /// Whether the component was admitted.
    pub passed: bool,
}

/// An attestation of unit tests.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct UnitTestsInput {
    /// Whether all passed.
    pub passed: bool,
    /// Who attests it.
    pub by: String,
}

/// The quality of the backtest's snapshot.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct SnapshotQualityInput {
    /// The snapshot, as `sha256:` and hex.
    pub snapshot: String,
    /// Whether no error that the checks found in it is open.
    pub accepted: bool,
    /// How many rows and bars are in quarantine.
    pub quarantined: u64,
}

/// The replays of the backtest.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct ReplayInput {
    /// The run, as `sha256:` and hex.
    pub run: String,
    /// Whether every replay matched the decisions of the journal.
    pub identical: bool,
    /// The back ends, each once.
    pub back_ends: Vec<String>,
}

/// The audit for look-ahead.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct LookAheadInput {
    /// Whether no decision depends on later data.
    pub passed: bool,
}

/// The measured values of the backtest.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct ThresholdsInput {
    /// The largest fall of equity from its peak, in basis points, rounded up.
    pub drawdown_bps: u64,
    /// The equity that the same run loses with higher slippage, in basis points of its starting cash, rounded up; 0
    /// if it loses none.
    pub slippage_loss_bps: u64,
    /// The fuel that 99 of 100 decisions stay within, in basis points of the limit, rounded up.
    pub fuel_p99_bps: u64,
}
