//! What the gate of promotion is told. It must never be filled from anything but records and
//! attestations that were checked.

use serde::Serialize;

use super::{DigestSetInput, ExceptionInput, UnixSeconds};

/// A component is about to be approved for use.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct PromotionInput {
    pub time: UnixSeconds,
    /// What is promoted.
    pub set: DigestSetInput,
    /// What the component is.
    pub component: ComponentInput,
    /// Who wrote, reviewed and approved it.
    pub people: ReviewersInput,
    /// What was shown of it.
    pub evidence: EvidenceInput,
    /// The exceptions that the ledger holds, ended ones too.
    pub exceptions: Vec<ExceptionInput>,
}

/// Where a component comes from.
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

/// What was shown; nothing in place of a piece is a piece that is missing.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct EvidenceInput {
    /// The sandbox's answer.
    pub admission: Option<AdmissionInput>,
    /// What the author attests of the unit tests.
    pub unit_tests: Option<UnitTestsInput>,
    /// What was said of the snapshot.
    pub snapshot_quality: Option<SnapshotQualityInput>,
    /// The replays of the backtest.
    pub replay: Option<ReplayInput>,
    /// The audit for look-ahead.
    pub no_look_ahead: Option<LookAheadInput>,
    /// What was measured.
    pub thresholds: Option<ThresholdsInput>,
}

/// The sandbox's answer.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct AdmissionInput {
    /// Whether it admits the component.
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
    /// Whether all gave the decisions of the journal.
    pub identical: bool,
    /// The back ends, each once.
    pub back_ends: Vec<String>,
}

/// The audit for look-ahead.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct LookAheadInput {
    /// Whether no decision rests on what came after it.
    pub passed: bool,
}

/// What was measured of the backtest.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct ThresholdsInput {
    /// The largest fall of equity from its peak, in basis points, rounded up.
    pub drawdown_bps: u64,
    /// How much less equity the same run ends with when slippage is dearer, in basis points of its
    /// starting cash, rounded up; 0 if not less.
    pub slippage_loss_bps: u64,
    /// The fuel that 99 of 100 decisions stay within, in basis points of the limit, rounded up.
    pub fuel_p99_bps: u64,
}
