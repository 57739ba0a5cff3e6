//! The input of the start gate. It must never be filled from anything but the ledger and the manifest of the run
//! that starts.

use serde::Serialize;

use super::{DigestSetInput, ExceptionInput, UnixSeconds};
use counterfoil_base::digest::Digest;

/// A run is about to start.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct StartInput {
    pub time: UnixSeconds,
    /// What starts.
    pub set: DigestSetInput,
    /// The set that was last approved for this component.
    pub approved: Option<DigestSetInput>,
    /// The component's stage, such as `approved`.
    pub stage: String,
    /// Who owns the run.
    pub owner: String,
    /// The account that it trades for.
    pub account: String,
    pub market: String,
    /// The length of a bar, such as `1d`.
    pub timeframe: String,
    pub parameters: Digest,
    /// The digest of the limits that the run is started under.
    pub limits: Digest,
    /// Who starts it, and who holds the log's key.
    pub people: OperatorsInput,
    /// The authorization of this start.
    pub authorization: Option<AuthorizationInput>,
    /// The digest of the limits in force for the account.
    pub limits_in_force: Option<Digest>,
    /// The digest of the policy bundle in force.
    pub policy_in_force: Option<Digest>,
    /// Break-glass without a signed retrospective.
    pub retrospectives_owed: Vec<RetrospectiveInput>,
    /// Kill switches on the account or the installation that were not lifted.
    pub kills: Vec<KillInput>,
    /// The exceptions in the ledger, including ended ones.
    pub exceptions: Vec<ExceptionInput>,
}

/// The starter of a run, and the principals that the starter must differ from.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct OperatorsInput {
    /// Who authorized the start, as an operator.
    pub operator: String,
    /// Who holds the log's signing key.
    pub log_holder: String,
}

/// An authorization to start.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct AuthorizationInput {
    /// The ledger's entry.
    pub entry: u64,
    /// The operator who gave it.
    pub by: String,
    /// The digest set that may start.
    pub set: DigestSetInput,
    pub owner: String,
    pub account: String,
    pub market: String,
    pub timeframe: String,
    pub parameters: Digest,
    /// The account's limits.
    pub limits: Digest,
    /// Start of the window, inclusive.
    pub not_before: UnixSeconds,
    /// End of the window, exclusive.
    pub not_after: UnixSeconds,
    /// Whether it was withdrawn.
    pub withdrawn: bool,
}

/// A break-glass whose retrospective is not signed.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct RetrospectiveInput {
    /// The ledger's entry that opened it.
    pub entry: u64,
    pub opened_by: String,
}

/// A kill switch that was not lifted.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct KillInput {
    /// The ledger's entry.
    pub entry: u64,
    /// What it stops: `account` or `installation`.
    pub scope: String,
    pub reason: String,
}
