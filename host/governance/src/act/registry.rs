//! Contents of acts on components: provenance, evidence, and the exact set of digests that is approved.
//! When a set may be approved must never be known here.

use std::collections::BTreeMap;

use super::codec::CborItem as _;
use counterfoil_base::digest::Digest;

/// What a component was made from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Provenance {
    pub source_commit: String,
    pub lock_file: Digest,
    /// The compiler, with its version.
    pub toolchain: String,
    pub wit_world: String,
}

/// The kinds of evidence that a component needs before it is validated.
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

/// The evidence for one component: the digest of each attestation, by kind.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct EvidenceSet(pub BTreeMap<EvidenceKind, Digest>);

impl EvidenceSet {
    /// The digest of the whole set.
    #[must_use]
    pub fn digest(&self) -> Digest {
        // The encoding of the record itself, so that an auditor computes the digest from the ledger alone.
        let mut out = Vec::new();
        self.put(&mut out);
        Digest::of(&out)
    }
}

/// Exactly what is approved. Any changed bit makes another set.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct DigestSet {
    pub component: Digest,
    /// The limits it runs under.
    pub limits: Digest,
    /// The policy bundle it was judged by.
    pub policy: Digest,
    /// The evidence, see [`EvidenceSet::digest`].
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
        let texts = changed.map(|((name, old), (_, new))| format!("{name} was {old}, is {new}"));
        texts.collect::<Vec<_>>().join("; ")
    }

    /// The digest of the set, over its CBOR form: the subject of a verdict on its promotion.
    #[must_use]
    pub fn digest(&self) -> Digest {
        // Component, limits, policy and evidence together: a verdict on one set says nothing about the same
        // component under wider limits.
        let mut out = Vec::new();
        self.put(&mut out);
        Digest::of(&out)
    }
}
