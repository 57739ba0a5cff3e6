//! What the gate of a start is told. It must never be filled from anything but the ledger and the
//! manifest of the run that starts.

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
    /// The digest of the account's limits that it keeps.
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
    /// Kills that hold for this run, its account or the installation, and were not lifted.
    pub kills: Vec<KillInput>,
    /// The exceptions that the ledger holds, ended ones too.
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
    /// Who gave it.
    pub by: String,
    /// For what.
    pub set: DigestSetInput,
    /// For which owner.
    pub owner: String,
    /// For which account.
    pub account: String,
    /// For which market.
    pub market: String,
    /// For which timeframe.
    pub timeframe: String,
    /// For which parameters.
    pub parameters: Digest,
    /// For which limits of the account.
    pub limits: Digest,
    /// From when on.
    pub not_before: UnixSeconds,
    /// Until before when.
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

/// A kill that was not lifted.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct KillInput {
    /// The ledger's entry.
    pub entry: u64,
    /// What it stops: `run`, `account` or `installation`.
    pub scope: String,
    pub reason: String,
}
