//! The state of a ledger after its records. It must never change except by an act that was judged,
//! and it reads no clock: time is in the act.

use std::collections::BTreeMap;

use counterfoil_trading::time::UnixNanos;

use crate::act::{ActName, ApprovalClass, ApprovalClassRules};
use crate::id::Id;
use crate::record::SignedAct;
use crate::registry::{ComponentRegistry, RecordRef};
use crate::role::{PrincipalKind, Role, Roles};
use crate::rule::Denial;
use counterfoil_base::digest::Digest;
use counterfoil_base::gate::Gate;
use counterfoil_journal::public_key::PublicKey;

mod access;
mod apply;
mod budgets;
mod changes;
mod classes;
mod clock;
mod control;
mod drift;
mod duties;
mod glass;
mod judge;
mod runs;

pub use access::Access;
pub use budgets::{BudgetBooks, DAY_NANOS, EXCESS_NANOS_MAX, ExcessRecord, day_of};
pub use changes::{CHANGE_NANOS_MAX, ChangeEnd, ProposedChange};
pub use classes::DelegationRecord;
use clock::LedgerClock;
pub use clock::{BackDated, CLOCK_STEP_MAX};
pub use control::{ExceptionRecord, VerdictRecord};
pub use drift::DriftRecord;
pub use glass::{BREAK_GLASS_NANOS_MAX, BreakGlassRecord};
pub use runs::{AuthorizationRecord, KillRecord, LimitsRecord};

/// The longest delegation, in nanoseconds: 90 days, a leave.
pub const DELEGATION_NANOS_MAX: i64 = 90 * 86_400 * 1_000_000_000;

/// A principal: a person or a service.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PrincipalRecord {
    pub kind: PrincipalKind,
    /// What it may do.
    pub roles: Roles,
}

/// What a principal did last.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LastAct {
    pub act: ActName,
    pub time: UnixNanos,
}

/// A key as recorded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyRecord {
    pub owner: Id,
    /// The record that added it.
    pub added: u64,
    /// When it expires, if it does.
    pub until: Option<UnixNanos>,
    /// The record that revoked or rotated it.
    pub ended: Option<u64>,
}

impl KeyRecord {
    /// Whether the key is valid at this time, at this point of the ledger.
    #[must_use]
    pub fn counts(&self, time: UnixNanos) -> bool {
        self.ended.is_none() && self.until.is_none_or(|until| time < until)
    }
}

/// The state after the records so far.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LedgerState {
    origin: String,
    log_key: PublicKey,
    /// The earlier keys of the log, and the records that rotated them.
    log_keys: BTreeMap<PublicKey, u64>,
    log_holder: Option<Id>,
    principals: BTreeMap<Id, PrincipalRecord>,
    keys: BTreeMap<PublicKey, KeyRecord>,
    setup_end: Option<RecordRef>,
    classes: BTreeMap<ApprovalClass, ApprovalClassRules>,
    delegations: BTreeMap<u64, DelegationRecord>,
    changes: BTreeMap<u64, ProposedChange>,
    broken: BTreeMap<u64, BreakGlassRecord>,
    registry: ComponentRegistry,
    exceptions: BTreeMap<u64, ExceptionRecord>,
    policies: Vec<(Digest, RecordRef)>,
    verdicts: BTreeMap<u64, VerdictRecord>,
    /// The records of the verdicts on each subject.
    verdicts_of: BTreeMap<(Gate, Digest), Vec<u64>>,
    limits: BTreeMap<Id, LimitsRecord>,
    authorizations: BTreeMap<u64, AuthorizationRecord>,
    kills: BTreeMap<u64, KillRecord>,
    books: BudgetBooks,
    drifts: BTreeMap<u64, DriftRecord>,
    last_acts: BTreeMap<Id, LastAct>,
    denials: u64,
    clock: LedgerClock,
}

impl LedgerState {
    /// The state of an empty ledger whose checkpoints `log_key` signs.
    #[must_use]
    pub fn new(origin: &str, log_key: PublicKey) -> Self {
        Self {
            origin: origin.to_owned(),
            log_key,
            log_keys: BTreeMap::new(),
            log_holder: None,
            principals: BTreeMap::new(),
            keys: BTreeMap::new(),
            setup_end: None,
            classes: BTreeMap::new(),
            delegations: BTreeMap::new(),
            changes: BTreeMap::new(),
            broken: BTreeMap::new(),
            registry: ComponentRegistry::default(),
            exceptions: BTreeMap::new(),
            policies: Vec::new(),
            verdicts: BTreeMap::new(),
            verdicts_of: BTreeMap::new(),
            limits: BTreeMap::new(),
            authorizations: BTreeMap::new(),
            kills: BTreeMap::new(),
            books: BudgetBooks::default(),
            drifts: BTreeMap::new(),
            last_acts: BTreeMap::new(),
            denials: 0,
            clock: LedgerClock::default(),
        }
    }

    /// The ledger's origin.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Every principal.
    #[must_use]
    pub const fn principals(&self) -> &BTreeMap<Id, PrincipalRecord> {
        &self.principals
    }

    /// Every key that was ever added.
    #[must_use]
    pub const fn keys(&self) -> &BTreeMap<PublicKey, KeyRecord> {
        &self.keys
    }

    /// The record that revoked this key; `None` if it is not revoked, or was rotated by its owner.
    #[must_use]
    pub fn revoked(&self, key: &PublicKey) -> Option<u64> {
        let found = self.keys.get(key)?;
        let index = found.ended?;
        // The record that rotates a key also adds the next one.
        let mut all = self.keys.values();
        let is_rotated = all.any(|other| other.owner == found.owner && other.added == index);
        (!is_rotated).then_some(index)
    }

    /// The log's public key, which signs the next checkpoint.
    #[must_use]
    pub const fn log_key(&self) -> PublicKey {
        self.log_key
    }

    /// Whether the log has or had this key. Each rotation is signed by both keys, so trust in one leads
    /// to the others.
    #[must_use]
    pub fn had_log_key(&self, key: &PublicKey) -> bool {
        *key == self.log_key || self.log_keys.contains_key(key)
    }

    /// Who holds the log's secret key; none before the first record.
    #[must_use]
    pub const fn log_holder(&self) -> Option<&Id> {
        self.log_holder.as_ref()
    }

    /// The record that ended the set-up; until then administrators act alone, and nothing is promoted.
    #[must_use]
    pub const fn setup_end(&self) -> Option<&RecordRef> {
        self.setup_end.as_ref()
    }

    /// Whether a principal has a role.
    #[must_use]
    pub fn has_role(&self, id: &Id, role: Role) -> bool {
        let principal = self.principals.get(id);
        principal.is_some_and(|principal| principal.roles.contains(&role))
    }

    /// Components and runs.
    #[must_use]
    pub const fn registry(&self) -> &ComponentRegistry {
        &self.registry
    }

    /// Every exception, by the record that granted it.
    #[must_use]
    pub const fn exceptions(&self) -> &BTreeMap<u64, ExceptionRecord> {
        &self.exceptions
    }

    /// What this principal did last, done or denied; `None` if nothing yet.
    #[must_use]
    pub fn last_act(&self, id: &Id) -> Option<&LastAct> {
        self.last_acts.get(id)
    }

    /// The number of acts denied by the ledger or refused by the host.
    #[must_use]
    pub const fn denials(&self) -> u64 {
        self.denials
    }

    /// Judges an act in this state.
    ///
    /// # Errors
    ///
    /// Returns the [`Denial`] by the first rule that it breaks.
    pub fn judge(&self, signed: &SignedAct) -> Result<(), Denial> {
        judge::judge(self, signed)
    }

    /// Judges the act of record `index`, and applies it or counts the denial.
    ///
    /// # Errors
    ///
    /// As [`LedgerState::judge`].
    pub fn act(&mut self, index: u64, signed: &SignedAct) -> Result<(), Denial> {
        let judged = self.judge(signed);
        if judged.is_ok() {
            self.apply(index, signed);
        } else {
            self.deny(signed);
        }
        judged
    }

    /// Counts a denied act.
    pub(crate) fn deny(&mut self, signed: &SignedAct) {
        self.clock.pass(signed.time);
        self.note_act(signed);
        self.count_denial();
    }

    /// Notes an act as its actor's last one, whether it took effect or not.
    fn note_act(&mut self, signed: &SignedAct) {
        let last = LastAct {
            act: signed.act.act_name(),
            time: signed.time,
        };
        self.last_acts.insert(signed.actor.clone(), last);
    }

    const fn count_denial(&mut self) {
        self.denials = self.denials.saturating_add(1);
    }
}
