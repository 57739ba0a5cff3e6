//! The acts that a ledger holds, and the one form of each in deterministic CBOR. Who may do them,
//! and what they change, must never be known here.

use std::collections::BTreeSet;

use counterfoil_trading::cbor::{CborError, CborReader};
use counterfoil_trading::time::UnixNanos;

use crate::id::Id;
use crate::role::{Kind, Role, Roles};
use counterfoil_base::digest::Digest;
use counterfoil_journal::public_key::PublicKey;

mod codec;
mod control;
mod people;
mod registry;
mod runs;

pub(crate) use codec::{id, signature};
pub use control::{BreakGlass, Drift, Exception, Refused, Subject, Verdict};
pub use people::{Class, ClassSet, Delegation};
pub use registry::{DigestSet, Evidence, EvidenceKind, Provenance};
pub use runs::{
    Authorization, Budget, Payer, RunEnd, RunStart, Scope, Terms, Usage, account_digest,
};

/// What somebody does, or asks to do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Act {
    /// Begins the ledger.
    Genesis {
        /// The first administrators, each with a key.
        administrators: Vec<(Id, PublicKey)>,
        /// The log's public key.
        log_key: PublicKey,
        /// Who holds the log's secret key.
        log_holder: Id,
    },
    /// Adds a principal with its first key.
    PrincipalAdd {
        /// Its id.
        id: Id,
        /// What it is.
        kind: Kind,
        /// Its roles.
        roles: Roles,
        /// Its first key.
        key: PublicKey,
        /// When the key's time is over.
        until: Option<UnixNanos>,
    },
    /// Gives a principal these roles and no others.
    RolesSet {
        /// The principal.
        id: Id,
        /// Its roles from here on.
        roles: Roles,
    },
    /// Gives a principal one more key.
    KeyAdd {
        /// The principal.
        id: Id,
        /// The key.
        key: PublicKey,
        /// When its time is over.
        until: Option<UnixNanos>,
    },
    /// Puts a new key in the place of the one that signs this.
    KeyRotate {
        /// The new key.
        key: PublicKey,
        /// When its time is over.
        until: Option<UnixNanos>,
    },
    /// Ends a key.
    KeyRevoke {
        /// The principal.
        id: Id,
        /// The key.
        key: PublicKey,
        /// Why.
        reason: String,
    },
    /// Says who holds the log's secret key from here on.
    LogHolder {
        /// The holder.
        id: Id,
    },
    /// Puts a new key in the place of the log's.
    LogRotate {
        /// The new key.
        key: PublicKey,
        /// The signature of the old key over [`crate::record::rotation_message`].
        old_signature: [u8; 64],
        /// That of the new key.
        new_signature: [u8; 64],
    },
    /// Ends the time in which administrators act alone.
    SetupEnd {},
    /// Says who belongs to an approval class, and how many must sign.
    ClassSet(ClassSet),
    /// Lets somebody speak for the one who signs this, for a while.
    Delegate(Delegation),
    /// Ends a delegation before its time.
    DelegateEnd {
        /// The entry that made it.
        delegated: u64,
        /// Why.
        reason: String,
    },
    /// Proposes an act that others must sign.
    ChangePropose {
        /// The act.
        act: Box<Act>,
    },
    /// Signs a change; the signature that completes it does the act.
    ChangeApprove {
        /// The entry that proposes it.
        proposed: u64,
    },
    /// Withdraws a change.
    ChangeWithdraw {
        /// The entry that proposes it.
        proposed: u64,
        /// Why.
        reason: String,
    },
    /// Registers a component as a draft.
    ComponentSubmit {
        /// The component.
        component: Digest,
        /// The strategy that it is a version of.
        strategy: Id,
        /// What it was made from.
        provenance: Provenance,
    },
    /// Says that the evidence for a draft is complete.
    ComponentValidate {
        /// The component.
        component: Digest,
        /// The evidence.
        evidence: Evidence,
    },
    /// Approves a digest set.
    ComponentApprove {
        /// What is approved.
        set: DigestSet,
        /// The signature of the approval's statement, see [`crate::attest::approval`].
        signature: [u8; 64],
    },
    /// Makes a validated component approved under one digest set.
    ComponentPromote {
        /// What was approved.
        set: DigestSet,
    },
    /// Takes a component out of use.
    ComponentArchive {
        /// The component.
        component: Digest,
        /// Why.
        reason: String,
    },
    /// Sets the limits of an account, as the policy gave them.
    LimitsSet {
        /// The account.
        account: Id,
        /// The limits.
        limits: Digest,
        /// The entry with the verdict that gave them.
        verdict: u64,
    },
    /// Lets runs on some terms start within a window of time.
    StartAuthorize(Authorization),
    /// Withdraws that.
    StartWithdraw {
        /// The entry that authorizes it.
        authorized: u64,
        /// Why.
        reason: String,
    },
    /// Starts a run.
    RunStart(RunStart),
    /// Ends a run, and anchors its journal.
    RunEnd(RunEnd),
    /// Throws a kill switch.
    Kill {
        /// What it stops.
        scope: Scope,
        /// Why.
        reason: String,
    },
    /// Lifts it.
    KillLift {
        /// The entry that threw it.
        killed: u64,
        /// Why.
        reason: String,
    },
    /// Sets a budget.
    BudgetSet(Budget),
    /// Says which owners are a team.
    TeamSet {
        /// The team.
        team: Id,
        /// Its owners.
        members: BTreeSet<Id>,
    },
    /// Lets somebody be over budget for a while.
    BudgetExcess {
        /// Who.
        of: Payer,
        /// Until when.
        until: UnixNanos,
        /// Why.
        reason: String,
    },
    /// Records what a run used.
    Usage(Usage),
    /// Says which policy bundle is in force from here on.
    PolicySet {
        /// The bundle.
        bundle: Digest,
    },
    /// Records what a policy said at a gate.
    Verdict(Verdict),
    /// Grants an exception.
    ExceptionGrant(Exception),
    /// Ends an exception before its time.
    ExceptionEnd {
        /// The entry that granted it.
        granted: u64,
        /// Why.
        reason: String,
    },
    /// Breaks glass: acts that take two may be done alone for a while.
    BreakGlassOpen(BreakGlass),
    /// Does one of them.
    Emergency {
        /// The entry that broke the glass.
        opened: u64,
        /// The act.
        act: Box<Act>,
    },
    /// Closes a break-glass before its time.
    BreakGlassClose {
        /// The entry that broke the glass.
        opened: u64,
        /// Why.
        reason: String,
    },
    /// Signs the retrospective of a break-glass.
    Retrospective {
        /// The entry that broke the glass.
        opened: u64,
        /// The digest of the report.
        report: Digest,
        /// What was found.
        findings: String,
    },
    /// Records a difference between what is declared and what is there.
    Drift(Drift),
    /// Says that such a difference is there no more.
    DriftEnd {
        /// The entry that records it.
        drifted: u64,
    },
    /// Records what a program refused before it asked the ledger.
    Refused(Refused),
}

impl Act {
    /// The name of the act, for people and in records.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        codec::name(self)
    }

    /// The roles of which one is needed to do the act, or to propose it; none for what every
    /// principal may do, within the rules.
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
            | Self::ClassSet(_) => &[Role::Administrator],
            // An administrator any key, everybody their own: see the state's rules.
            // Whoever asked a gate says what it answered; whose word counts is for the rules too.
            // Who may delegate, sign, or withdraw a change is for its class to say.
            Self::KeyRotate { .. }
            | Self::KeyRevoke { .. }
            | Self::Verdict(_)
            | Self::Delegate(_)
            | Self::DelegateEnd { .. }
            | Self::ChangePropose { .. }
            | Self::ChangeApprove { .. }
            | Self::ChangeWithdraw { .. }
            // Services do these, and for some of them people who watch: see the state's rules.
            | Self::RunStart(_)
            | Self::RunEnd(_)
            | Self::Kill { .. }
            | Self::Usage(_)
            | Self::Drift(_)
            | Self::DriftEnd { .. }
            // A denial needs no role.
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

    /// The approval class that signs such acts; none for what one principal does alone.
    #[must_use]
    pub fn class(&self) -> Option<Class> {
        Class::of_act(self.name())
    }

    /// Appends the act's one form: an array of its name and its fields.
    pub fn encode(&self, out: &mut Vec<u8>) {
        codec::put_act(out, self);
    }

    /// The act that stands next.
    ///
    /// # Errors
    ///
    /// Returns [`CborError`] if none does, or not in its one form.
    pub fn decode(reader: &mut CborReader<'_>) -> Result<Self, CborError> {
        codec::act(reader)
    }
}
