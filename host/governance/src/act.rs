//! The acts that a ledger holds, and the one form of each in deterministic CBOR. Who may do them,
//! and what they change, must never be known here.

use counterfoil_trading::cbor::{CborError, Reader};
use counterfoil_trading::time::UnixNanos;

use crate::digest::{Digest, PublicKey};
use crate::id::Id;
use crate::role::{Kind, Role, Roles};

mod codec;
mod control;
mod registry;
mod runs;

pub(crate) use codec::{id, signature};
pub use control::{Exception, Gate, Outcome, Reason, Verdict};
pub use registry::{DigestSet, Evidence, EvidenceKind, Provenance};
pub use runs::RunStart;

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
    /// Starts a run.
    RunStart(RunStart),
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
}

impl Act {
    /// The name of the act, for people and in records.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        codec::name(self)
    }

    /// The roles of which one is needed; none for what every principal may do.
    #[must_use]
    pub const fn roles(&self) -> &'static [Role] {
        match self {
            Self::Genesis { .. }
            | Self::PrincipalAdd { .. }
            | Self::RolesSet { .. }
            | Self::KeyAdd { .. }
            | Self::LogHolder { .. } => &[Role::Administrator],
            // An administrator any key, everybody their own: see the state's rules.
            // Whoever asked a gate says what it answered; whose word counts is for the rules too.
            Self::KeyRotate { .. } | Self::KeyRevoke { .. } | Self::Verdict(_) => &[],
            Self::PolicySet { .. } => &[Role::Administrator, Role::Approver, Role::Compliance],
            Self::ComponentSubmit { .. } => &[Role::Author],
            Self::ComponentValidate { .. } => &[Role::Reviewer],
            Self::ComponentApprove { .. } | Self::ExceptionGrant(_) => &[Role::Approver],
            Self::ExceptionEnd { .. } => &[Role::Approver, Role::Compliance],
            Self::ComponentPromote { .. } | Self::ComponentArchive { .. } => {
                &[Role::Approver, Role::Operator]
            }
            Self::RunStart(_) => &[Role::Operator],
        }
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
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self, CborError> {
        codec::act(reader)
    }
}
