//! Break-glass: one person does what takes two, loudly, for a short while, and somebody else signs
//! the retrospective. It must never let the same person break glass again before that.

use std::collections::{BTreeMap, BTreeSet};

use counterfoil_trading::time::UnixNanos;

use super::LedgerState;
use crate::act::{Act, BreakGlass};
use crate::id::Id;
use crate::registry::RecordRef;
use crate::rule::{Denial, Rule};
use counterfoil_base::digest::Digest;
use counterfoil_journal::public_key::PublicKey;

/// The longest time that a glass stays broken, in nanoseconds: four hours, in which a second person
/// can be woken.
pub const BREAK_GLASS_NANOS_MAX: i64 = 4 * 3_600 * 1_000_000_000;

/// A glass that was broken.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BreakGlassRecord {
    /// For what, why, until when.
    pub glass: BreakGlass,
    /// Who broke it.
    pub deed: RecordRef,
    /// Every act under it: its entry and its name.
    pub acts: Vec<(u64, &'static str)>,
    /// Whom those acts made principals or gave roles or keys.
    pub raised: BTreeSet<Id>,
    /// Who closed it before its time, and why.
    pub closed: Option<(String, RecordRef)>,
    /// The retrospective: the digest of its report, what was found, and who signed it.
    pub retrospective: Option<(Digest, String, RecordRef)>,
}

impl BreakGlassRecord {
    /// Whether acts may be done under it at this time, at this point of the ledger.
    #[must_use]
    pub fn open(&self, time: UnixNanos) -> bool {
        self.closed.is_none() && time < self.glass.until
    }
}

/// Whom an act gives a role or a key.
pub(super) fn raises(act: &Act) -> Option<&Id> {
    if let Act::PrincipalAdd { id, .. } | Act::RolesSet { id, .. } | Act::KeyAdd { id, .. } = act {
        return Some(id);
    }
    None
}

impl LedgerState {
    /// Every glass that was broken, by the entry that opened it.
    #[must_use]
    pub const fn broken(&self) -> &BTreeMap<u64, BreakGlassRecord> {
        &self.broken
    }

    /// The break-glass in this entry.
    pub(super) fn glass(&self, opened: u64) -> Result<&BreakGlassRecord, Denial> {
        self.broken.get(&opened).ok_or_else(|| {
            let why = format!("record {opened} breaks no glass");
            Denial::new(
                Rule::BreakGlassUnknown,
                why,
                "counterfoil change break-glass list shows those that do",
            )
        })
    }

    /// The retrospective that somebody owes.
    pub(super) fn owed(&self, id: &Id) -> Option<u64> {
        let mut all = self.broken.iter();
        let owes = |one: &BreakGlassRecord| one.deed.by == *id && one.retrospective.is_none();
        all.find(|(_, one)| owes(one)).map(|(index, _)| *index)
    }

    /// Whether whoever signs with this key stands in their place by this break-glass.
    pub(super) fn raised_by(&self, broken: &BreakGlassRecord, id: &Id, key: &PublicKey) -> bool {
        let added = self.keys.get(key).map(|key| key.added);
        broken.raised.contains(id) || broken.acts.iter().any(|(index, _)| Some(*index) == added)
    }
}
