//! Break-glass: one person does acts that take two signatures, for a few hours, and another person signs the
//! retrospective. It must never let the same person break glass again before that.

use std::collections::{BTreeMap, BTreeSet};

use counterfoil_trading::time::UnixNanos;

use super::LedgerState;
use crate::act::{Act, BreakGlass};
use crate::id::Id;
use crate::registry::RecordRef;
use crate::rule::{Denial, Rule};
use counterfoil_base::digest::Digest;
use counterfoil_journal::public_key::PublicKey;

/// The longest break-glass, in nanoseconds: four hours, enough to reach a second person.
pub const BREAK_GLASS_NANOS_MAX: i64 = 4 * 3_600 * 1_000_000_000;

/// A break-glass as recorded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BreakGlassRecord {
    /// For what, why, until when.
    pub glass: BreakGlass,
    /// Who broke it.
    pub record_ref: RecordRef,
    /// Every act under it: its record and its name.
    pub acts: Vec<(u64, &'static str)>,
    /// The principals whom those acts added or gave roles or keys.
    pub raised: BTreeSet<Id>,
    /// Why and by whom it was closed early.
    pub closed: Option<(String, RecordRef)>,
    /// The retrospective: the digest of its report, its findings, and who signed it.
    pub retrospective: Option<(Digest, String, RecordRef)>,
}

impl BreakGlassRecord {
    /// Whether it covers acts at this time, at this point of the ledger.
    #[must_use]
    pub fn open(&self, time: UnixNanos) -> bool {
        self.closed.is_none() && time < self.glass.until
    }
}

/// The principal whom an act gives a role or a key.
pub(super) fn raises(act: &Act) -> Option<&Id> {
    if let Act::PrincipalAdd { id, .. } | Act::RolesSet { id, .. } | Act::KeyAdd { id, .. } = act {
        return Some(id);
    }
    None
}

impl LedgerState {
    /// Every break-glass, by the record that opened it.
    #[must_use]
    pub const fn broken(&self) -> &BTreeMap<u64, BreakGlassRecord> {
        &self.broken
    }

    /// The break-glass of this record.
    pub(super) fn glass(&self, opened: u64) -> Result<&BreakGlassRecord, Denial> {
        self.broken.get(&opened).ok_or_else(|| {
            let why = format!("record {opened} is not a break-glass");
            Denial::new(
                Rule::BreakGlassUnknown,
                why,
                "counterfoil change break-glass list shows them",
            )
        })
    }

    /// The record of the break-glass whose retrospective a principal owes.
    pub(super) fn owed(&self, id: &Id) -> Option<u64> {
        let mut all = self.broken.iter();
        // Owed from the moment it opens: with a second break-glass before the first was accounted for, one
        // person could act alone without end.
        let owes =
            |glass: &BreakGlassRecord| glass.record_ref.by == *id && glass.retrospective.is_none();
        all.find(|(_, glass)| owes(glass)).map(|(index, _)| *index)
    }

    /// Whether a principal, or the key that signs, owes its role to this break-glass.
    pub(super) fn raised_by(&self, broken: &BreakGlassRecord, id: &Id, key: &PublicKey) -> bool {
        // By key as well as by id: a key added under the glass to an honest principal's name would let
        // its breaker sign their own retrospective.
        let added = self.keys.get(key).map(|key| key.added);
        broken.raised.contains(id) || broken.acts.iter().any(|(index, _)| Some(*index) == added)
    }
}
