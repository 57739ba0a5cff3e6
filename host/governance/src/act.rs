//! The acts that a ledger records, each with one encoding in deterministic CBOR. What an act changes must
//! never be known here.

use std::collections::BTreeSet;

use counterfoil_trading::cbor::{CborError, CborReader};
use counterfoil_trading::time::UnixNanos;

use crate::id::Id;
use crate::role::{PrincipalKind, Role, Roles};
use counterfoil_base::digest::Digest;
use counterfoil_journal::public_key::PublicKey;

mod codec;
mod control;
mod people;
mod registry;
mod runs;

pub use codec::ActName;
pub(crate) use codec::{id, signature};
pub use control::{
    BreakGlass, DriftFinding, ExceptionSubject, GateVerdict, HostRefusal, PolicyException,
};
pub use people::{ApprovalClass, ApprovalClassRules, Delegation};
pub use registry::{DigestSet, EvidenceKind, EvidenceSet, Provenance};
pub use runs::{
    ANCHORS_MAX, BudgetHolder, KillScope, NOT_STARTED, RunAnchor, RunEnd, RunResume, RunStart,
    RunTerms, StartAuthorization, Usage, UsageBudget, account_digest,
};

/// An act of a principal, as the ledger records it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Act {
    /// Begins the ledger.
    Genesis {
        /// The first administrators, each with a key.
        administrators: Vec<(Id, PublicKey)>,
        /// The log's public key.
        log_key: PublicKey,
        /// The principal who holds the log's secret key.
        log_holder: Id,
    },
    /// Adds a principal with its first key.
    PrincipalAdd {
        id: Id,
        kind: PrincipalKind,
        roles: Roles,
        /// Its first key.
        key: PublicKey,
        /// When the key expires.
        until: Option<UnixNanos>,
    },
    /// Replaces a principal's roles.
    RolesSet {
        /// The principal.
        id: Id,
        roles: Roles,
    },
    /// Adds a key to a principal.
    KeyAdd {
        /// The principal.
        id: Id,
        key: PublicKey,
        /// When it expires.
        until: Option<UnixNanos>,
    },
    /// Replaces the key that signs this act.
    KeyRotate {
        /// The new key.
        key: PublicKey,
        /// When it expires.
        until: Option<UnixNanos>,
    },
    /// Revokes a key.
    KeyRevoke {
        /// The principal.
        id: Id,
        key: PublicKey,
        reason: String,
    },
    /// Names a new holder of the log's secret key.
    LogHolder {
        id: Id,
    },
    /// Replaces the log's key.
    LogRotate {
        /// The new key.
        key: PublicKey,
        /// The old key's signature over [`crate::record::rotation_message`].
        old_signature: [u8; 64],
        /// The new key's signature over the same message.
        new_signature: [u8; 64],
    },
    /// Ends the set-up, in which administrators act alone.
    SetupEnd {},
    /// Sets the ledger's clock back to this act's time, after a machine whose clock was fast wrote to it.
    ClockReset {
        /// The first record of a time that was wrong.
        ahead: u64,
        reason: String,
    },
    /// Sets the members of an approval class and the number of signatures it takes.
    ClassSet(ApprovalClassRules),
    /// Lets another person vote for the signer until a date.
    Delegate(Delegation),
    /// Ends a delegation early.
    DelegateEnd {
        /// The record that made it.
        delegated: u64,
        reason: String,
    },
    /// Proposes an act for others to sign.
    ChangePropose {
        act: Box<Act>,
    },
    /// Signs a proposed change; the last signature needed applies the act.
    ChangeApprove {
        /// The record that proposes it.
        proposed: u64,
    },
    ChangeWithdraw {
        /// The record that proposes it.
        proposed: u64,
        reason: String,
    },
    /// Registers a component as a draft.
    ComponentSubmit {
        component: Digest,
        /// The strategy that it is a version of.
        strategy: Id,
        provenance: Provenance,
    },
    /// States that the evidence for a draft is complete.
    ComponentValidate {
        component: Digest,
        evidence: EvidenceSet,
    },
    /// Approves a digest set.
    ComponentApprove {
        set: DigestSet,
        /// The signature over the approval's statement, see [`crate::attest::approval`].
        signature: [u8; 64],
    },
    /// Puts a validated component into use under one digest set.
    ComponentPromote {
        set: DigestSet,
    },
    /// Takes a component out of use.
    ComponentArchive {
        component: Digest,
        reason: String,
    },
    /// Puts the limits that the policy gave an account in force.
    LimitsSet {
        account: Id,
        limits: Digest,
        /// The record of the verdict that gave them.
        verdict: u64,
    },
    /// Authorizes starts on given terms within a window of time.
    StartAuthorize(StartAuthorization),
    StartWithdraw {
        /// The record that authorizes it.
        authorized: u64,
        reason: String,
    },
    RunStart(RunStart),
    /// Goes on with an open run.
    RunResume(RunResume),
    /// Anchors the logs of open runs: they only grow from here on.
    RunsAnchor {
        runs: Vec<RunAnchor>,
    },
    /// Ends a run and anchors its logs.
    RunEnd(RunEnd),
    /// Throws a kill switch.
    Kill {
        /// What it stops.
        scope: KillScope,
        reason: String,
    },
    KillLift {
        /// The record that threw it.
        killed: u64,
        reason: String,
    },
    BudgetSet(UsageBudget),
    /// Sets the members of a team.
    TeamSet {
        team: Id,
        members: BTreeSet<Id>,
    },
    /// Lets an owner or a team exceed a budget until a date.
    BudgetExcess {
        of: BudgetHolder,
        until: UnixNanos,
        reason: String,
    },
    /// Records what a run used.
    Usage(Usage),
    /// Puts a policy bundle in force.
    PolicySet {
        bundle: Digest,
    },
    /// Records a policy's verdict at a gate.
    Verdict(GateVerdict),
    ExceptionGrant(PolicyException),
    /// Ends an exception early.
    ExceptionEnd {
        /// The record that granted it.
        granted: u64,
        reason: String,
    },
    /// Waives the two-person rule for the named acts until a time.
    BreakGlassOpen(BreakGlass),
    /// Does such an act alone.
    Emergency {
        /// The record that broke the glass.
        opened: u64,
        act: Box<Act>,
    },
    /// Closes a break-glass early.
    BreakGlassClose {
        /// The record that broke the glass.
        opened: u64,
        reason: String,
    },
    /// Signs the retrospective of a break-glass.
    Retrospective {
        /// The record that broke the glass.
        opened: u64,
        report: Digest,
        findings: String,
    },
    /// Records a difference between the ledger and the machine.
    Drift(DriftFinding),
    /// Records that such a difference is gone.
    DriftEnd {
        /// The record of the difference.
        drifted: u64,
    },
    /// Records a request that the host refused before it asked the ledger.
    Refused(HostRefusal),
}

impl Act {
    /// Which act it is, without its fields.
    #[must_use]
    pub const fn act_name(&self) -> ActName {
        codec::name(self)
    }

    /// The name of the act as text, for people and in records.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.act_name().as_str()
    }

    /// The roles of which one is needed to do or propose the act. Empty where the act's own rule
    /// decides who may do it.
    #[must_use]
    pub const fn roles(&self) -> &'static [Role] {
        match self {
            Self::Genesis { .. }
            | Self::PrincipalAdd { .. }
            | Self::RolesSet { .. }
            | Self::KeyAdd { .. }
            | Self::LogHolder { .. }
            | Self::LogRotate { .. }
            | Self::SetupEnd {}
            | Self::ClockReset { .. }
            | Self::ClassSet(_) => &[Role::Administrator],
            // Their own rules decide: an administrator revokes any key and each principal its own;
            // members of a class delegate, sign and withdraw; any principal records a verdict, and
            // the rules that rest on one decide whose verdict counts.
            Self::KeyRotate { .. }
            | Self::KeyRevoke { .. }
            | Self::Verdict(_)
            | Self::Delegate(_)
            | Self::DelegateEnd { .. }
            | Self::ChangePropose { .. }
            | Self::ChangeApprove { .. }
            | Self::ChangeWithdraw { .. }
            // Services do these, and for some of them people whose roles watch over runs.
            | Self::RunStart(_)
            | Self::RunResume(_)
            | Self::RunsAnchor { .. }
            | Self::RunEnd(_)
            | Self::Kill { .. }
            | Self::Usage(_)
            | Self::Drift(_)
            | Self::DriftEnd { .. }
            // A denial is recorded, whichever principal was denied.
            | Self::Refused(_) => &[],
            Self::BudgetSet(_) | Self::TeamSet { .. } => &[Role::Administrator, Role::Approver],
            Self::BreakGlassOpen(_) | Self::Emergency { .. } => {
                &[Role::Operator, Role::Administrator]
            }
            Self::BreakGlassClose { .. } | Self::StartWithdraw { .. } => &[
                Role::Operator,
                Role::Administrator,
                Role::Approver,
                Role::Compliance,
            ],
            Self::PolicySet { .. } => &[Role::Administrator, Role::Approver, Role::Compliance],
            Self::ComponentSubmit { .. } => &[Role::Author],
            Self::ComponentValidate { .. } => &[Role::Reviewer],
            Self::ComponentApprove { .. } | Self::ExceptionGrant(_) => &[Role::Approver],
            Self::ExceptionEnd { .. } | Self::Retrospective { .. } => {
                &[Role::Approver, Role::Compliance]
            }
            Self::ComponentPromote { .. }
            | Self::ComponentArchive { .. }
            | Self::LimitsSet { .. }
            | Self::KillLift { .. }
            | Self::BudgetExcess { .. } => {
                &[Role::Approver, Role::Operator]
            }
            Self::StartAuthorize(_) => &[Role::Operator],
        }
    }

    /// The approval class whose members sign such acts; none for what one principal does alone.
    #[must_use]
    pub const fn class(&self) -> Option<ApprovalClass> {
        self.act_name().class()
    }

    /// Appends the act's one encoding: an array of its name and its fields.
    pub fn encode(&self, out: &mut Vec<u8>) {
        codec::put_act(out, self);
    }

    /// Decodes the next act.
    ///
    /// # Errors
    ///
    /// Returns [`CborError`] if the bytes are not an act in its one encoding.
    pub fn decode(reader: &mut CborReader<'_>) -> Result<Self, CborError> {
        codec::act(reader)
    }
}

impl ActName {
    /// The act with this name in records.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|act| act.as_str() == name)
    }

    /// The approval class whose members sign such acts; none for what one principal does alone.
    #[must_use]
    pub const fn class(self) -> Option<ApprovalClass> {
        // No wildcard: a new act must be assigned explicitly. An act that fell into
        // a default of none would take effect with a single signature.
        match self {
            Self::PrincipalAdd
            | Self::RolesSet
            | Self::KeyAdd
            | Self::LogHolder
            | Self::LogRotate
            | Self::ClockReset
            | Self::ClassSet => Some(ApprovalClass::Administration),
            Self::PolicySet | Self::LimitsSet => Some(ApprovalClass::Risk),
            Self::ComponentApprove => Some(ApprovalClass::Promotion),
            Self::ExceptionGrant
            | Self::KillLift
            | Self::BudgetSet
            | Self::TeamSet
            | Self::BudgetExcess => Some(ApprovalClass::Operations),
            Self::Genesis
            | Self::KeyRotate
            | Self::KeyRevoke
            | Self::SetupEnd
            | Self::Delegate
            | Self::DelegateEnd
            | Self::ChangePropose
            | Self::ChangeApprove
            | Self::ChangeWithdraw
            | Self::ComponentSubmit
            | Self::ComponentValidate
            | Self::ComponentPromote
            | Self::ComponentArchive
            | Self::StartAuthorize
            | Self::StartWithdraw
            | Self::RunStart
            | Self::RunResume
            | Self::RunsAnchor
            | Self::RunEnd
            | Self::Kill
            | Self::Usage
            | Self::Verdict
            | Self::ExceptionEnd
            | Self::BreakGlassOpen
            | Self::Emergency
            | Self::BreakGlassClose
            | Self::Retrospective
            | Self::Drift
            | Self::DriftEnd
            | Self::Refused => None,
        }
    }

    /// The approval class whose members sign a proposal of such an act. An approval of a component is
    /// itself one of the signatures that its class gives, so it is never proposed.
    #[must_use]
    pub const fn proposal_class(self) -> Option<ApprovalClass> {
        if matches!(self, Self::ComponentApprove) {
            return None;
        }
        self.class()
    }
}
