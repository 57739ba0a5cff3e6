//! The acts that a ledger holds, and the one form of each in deterministic CBOR. Who may do them,
//! and what they change, must never be known here.

use std::collections::BTreeMap;

use counterfoil_trading::cbor::{self, CborError, Reader};
use counterfoil_trading::time::UnixNanos;

use crate::digest::{Digest, PublicKey};
use crate::id::Id;
use crate::role::{Kind, Role, Roles};

mod codec;

pub(crate) use codec::{id, signature};

/// What a component was made from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Provenance {
    /// The commit of its source.
    pub source_commit: String,
    /// The digest of its lock file.
    pub lock_file: Digest,
    /// The compiler, with its version.
    pub toolchain: String,
    /// The WIT world that it is for.
    pub wit_world: String,
}

/// What must be shown of a component before it is validated.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum EvidenceKind {
    /// Admission passed.
    Admission,
    /// Its unit tests were attested.
    UnitTests,
    /// The quality of the snapshot was accepted.
    SnapshotQuality,
    /// The backtest was replayed identically on two back ends.
    Replay,
    /// It does not look ahead.
    NoLookAhead,
    /// Drawdown, slippage sensitivity and fuel stay within their thresholds.
    Thresholds,
}

impl EvidenceKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Admission,
        Self::UnitTests,
        Self::SnapshotQuality,
        Self::Replay,
        Self::NoLookAhead,
        Self::Thresholds,
    ];

    /// The name in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admission => "admission",
            Self::UnitTests => "unit-tests",
            Self::SnapshotQuality => "snapshot-quality",
            Self::Replay => "replay",
            Self::NoLookAhead => "no-look-ahead",
            Self::Thresholds => "thresholds",
        }
    }

    /// The kind with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// The pieces of evidence for one component, each by the digest of its attestation.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Evidence(pub BTreeMap<EvidenceKind, Digest>);

impl Evidence {
    /// The digest of the whole set.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut out = Vec::new();
        codec::put_evidence(&mut out, self);
        Digest::of(&out)
    }
}

/// Exactly what is approved: one changed bit in any of it is another set.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DigestSet {
    /// The component.
    pub component: Digest,
    /// The limits it runs under.
    pub limits: Digest,
    /// The policy bundle it was judged by.
    pub policy: Digest,
    /// The evidence, see [`Evidence::digest`].
    pub evidence: Digest,
}

impl DigestSet {
    /// The four digests with their names.
    #[must_use]
    pub const fn named(&self) -> [(&'static str, Digest); 4] {
        [
            ("component", self.component),
            ("limits", self.limits),
            ("policy", self.policy),
            ("evidence", self.evidence),
        ]
    }

    /// What differs from `other`, with both digests; empty if nothing does.
    #[must_use]
    pub fn changes(&self, other: &Self) -> String {
        let pairs = self.named().into_iter().zip(other.named());
        let changed = pairs.filter(|((_, old), (_, new))| old != new);
        let told = changed.map(|((name, old), (_, new))| format!("{name} was {old}, is {new}"));
        told.collect::<Vec<_>>().join("; ")
    }
}

/// The start of one run, for one market, timeframe and account.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RunStart {
    /// The run id.
    pub run: Digest,
    /// What it runs, under what.
    pub set: DigestSet,
    /// The account.
    pub account: Id,
    /// The market.
    pub market: String,
    /// The timeframe.
    pub timeframe: String,
}

/// A rule that is not kept for a while, and what stands in for it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Exception {
    /// The rule, by whatever code its policy gives it.
    pub rule: String,
    /// Why.
    pub reason: String,
    /// What is done instead.
    pub control: String,
    /// Who answers for it.
    pub owner: Id,
    /// When it ends by itself.
    pub until: UnixNanos,
}

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
    /// Takes a component out of use.
    ComponentArchive {
        /// The component.
        component: Digest,
        /// Why.
        reason: String,
    },
    /// Starts a run.
    RunStart(RunStart),
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
    /// The name of the act, for people.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Genesis { .. } => "genesis",
            Self::PrincipalAdd { .. } => "principal-add",
            Self::RolesSet { .. } => "roles-set",
            Self::KeyAdd { .. } => "key-add",
            Self::KeyRotate { .. } => "key-rotate",
            Self::KeyRevoke { .. } => "key-revoke",
            Self::LogHolder { .. } => "log-holder",
            Self::ComponentSubmit { .. } => "component-submit",
            Self::ComponentValidate { .. } => "component-validate",
            Self::ComponentApprove { .. } => "component-approve",
            Self::ComponentArchive { .. } => "component-archive",
            Self::RunStart(_) => "run-start",
            Self::ExceptionGrant(_) => "exception-grant",
            Self::ExceptionEnd { .. } => "exception-end",
        }
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
            Self::KeyRotate { .. } | Self::KeyRevoke { .. } => &[],
            Self::ComponentSubmit { .. } => &[Role::Author],
            Self::ComponentValidate { .. } => &[Role::Reviewer],
            Self::ComponentApprove { .. } | Self::ExceptionGrant(_) => &[Role::Approver],
            Self::ExceptionEnd { .. } => &[Role::Approver, Role::Compliance],
            Self::ComponentArchive { .. } => &[Role::Approver, Role::Operator],
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

/// Appends a time, or null.
fn put_until(out: &mut Vec<u8>, until: Option<UnixNanos>) {
    match until {
        None => cbor::put_null(out),
        Some(time) => cbor::put_i64(out, time.0),
    }
}
