//! The state that the records of a ledger add up to: principals, keys, and the registry. It must
//! never change but by an act that was judged, and it reads no clock: time is in the act.

use std::collections::BTreeMap;

use counterfoil_trading::time::UnixNanos;

use crate::act::{Class, ClassSet};
use crate::id::Id;
use crate::record::Signed;
use crate::registry::{Deed, Registry};
use crate::role::{Kind, Role, Roles};
use crate::rule::Denial;
use counterfoil_base::digest::Digest;
use counterfoil_base::gate::Gate;
use counterfoil_journal::public_key::PublicKey;

mod apply;
mod budgets;
mod changes;
mod classes;
mod control;
mod drift;
mod duties;
mod glass;
mod judge;
mod runs;

pub use budgets::{Books, DAY_NANOS, EXCESS_NANOS_MAX, Excess, day_of};
pub use changes::{CHANGE_NANOS_MAX, Change, Ending};
pub use classes::Delegated;
pub use control::{Granted, Said};
pub use drift::Drifted;
pub use glass::{BREAK_GLASS_NANOS_MAX, Broken};
pub use runs::{Authorized, Killed, Limits};

/// The longest delegation, in nanoseconds: 90 days, a leave.
pub const DELEGATION_NANOS_MAX: i64 = 90 * 86_400 * 1_000_000_000;

/// A person or a service.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Principal {
    /// What it is.
    pub kind: Kind,
    /// What it may do.
    pub roles: Roles,
}

/// A key, and how long it counts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Key {
    /// Whose it is.
    pub owner: Id,
    /// The entry that added it.
    pub added: u64,
    /// From when on it no longer counts, if that was said when it was added.
    pub until: Option<UnixNanos>,
    /// The entry that revoked or rotated it.
    pub ended: Option<u64>,
}

impl Key {
    /// Whether the key counts at this time, at this point of the ledger.
    #[must_use]
    pub fn counts(&self, time: UnixNanos) -> bool {
        self.ended.is_none() && self.until.is_none_or(|until| time < until)
    }
}

/// What the records so far add up to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct State {
    origin: String,
    log_key: PublicKey,
    /// The keys that the log had before, and the entries that rotated them.
    log_keys: BTreeMap<PublicKey, u64>,
    log_holder: Option<Id>,
    principals: BTreeMap<Id, Principal>,
    keys: BTreeMap<PublicKey, Key>,
    setup_end: Option<Deed>,
    classes: BTreeMap<Class, ClassSet>,
    delegations: BTreeMap<u64, Delegated>,
    changes: BTreeMap<u64, Change>,
    broken: BTreeMap<u64, Broken>,
    registry: Registry,
    exceptions: BTreeMap<u64, Granted>,
    policies: Vec<(Digest, Deed)>,
    verdicts: BTreeMap<u64, Said>,
    /// The entries of the verdicts on each subject.
    said: BTreeMap<(Gate, Digest), Vec<u64>>,
    limits: BTreeMap<Id, Limits>,
    authorizations: BTreeMap<u64, Authorized>,
    kills: BTreeMap<u64, Killed>,
    books: Books,
    drifts: BTreeMap<u64, Drifted>,
    denials: u64,
}

impl State {
    /// The state of a ledger without records, whose checkpoints `log_key` signs.
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
            registry: Registry::default(),
            exceptions: BTreeMap::new(),
            policies: Vec::new(),
            verdicts: BTreeMap::new(),
            said: BTreeMap::new(),
            limits: BTreeMap::new(),
            authorizations: BTreeMap::new(),
            kills: BTreeMap::new(),
            books: Books::default(),
            drifts: BTreeMap::new(),
            denials: 0,
        }
    }

    /// The ledger's origin.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Every principal.
    #[must_use]
    pub const fn principals(&self) -> &BTreeMap<Id, Principal> {
        &self.principals
    }

    /// Every key that was ever added.
    #[must_use]
    pub const fn keys(&self) -> &BTreeMap<PublicKey, Key> {
        &self.keys
    }

    /// The entry that revoked this key; `None` if none did, or if its owner rotated it.
    #[must_use]
    pub fn revoked(&self, key: &PublicKey) -> Option<u64> {
        let found = self.keys.get(key)?;
        let index = found.ended?;
        // The entry that rotates a key is the one that adds the next.
        let mut all = self.keys.values();
        let is_rotated = all.any(|one| one.owner == found.owner && one.added == index);
        (!is_rotated).then_some(index)
    }

    /// The log's public key: the next checkpoints are signed by it.
    #[must_use]
    pub const fn log_key(&self) -> PublicKey {
        self.log_key
    }

    /// Whether the log has this key, or had it: whoever trusts one of them can follow it to the
    /// others, since each rotation is signed by both.
    #[must_use]
    pub fn had_log_key(&self, key: &PublicKey) -> bool {
        *key == self.log_key || self.log_keys.contains_key(key)
    }

    /// Who holds the log's secret key; nobody before the first record.
    #[must_use]
    pub const fn log_holder(&self) -> Option<&Id> {
        self.log_holder.as_ref()
    }

    /// Who ended the set-up; until then administrators act alone, and nothing is promoted.
    #[must_use]
    pub const fn setup_end(&self) -> Option<&Deed> {
        self.setup_end.as_ref()
    }

    /// Whether a principal has a role.
    #[must_use]
    pub fn has_role(&self, id: &Id, role: Role) -> bool {
        let principal = self.principals.get(id);
        principal.is_some_and(|one| one.roles.contains(&role))
    }

    /// The components and runs.
    #[must_use]
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Every exception that was ever granted, by the entry that granted it.
    #[must_use]
    pub const fn exceptions(&self) -> &BTreeMap<u64, Granted> {
        &self.exceptions
    }

    /// How many acts were denied, and how many programs refused before they asked.
    #[must_use]
    pub const fn denials(&self) -> u64 {
        self.denials
    }

    /// Whether the act may be done now.
    ///
    /// # Errors
    ///
    /// Returns the [`Denial`] by the first rule that it breaks.
    pub fn judge(&self, signed: &Signed) -> Result<(), Denial> {
        judge::judge(self, signed)
    }

    /// Judges an act, and does it by the record in entry `index` or counts the denial.
    ///
    /// # Errors
    ///
    /// As [`State::judge`].
    pub fn act(&mut self, index: u64, signed: &Signed) -> Result<(), Denial> {
        let judged = self.judge(signed);
        if judged.is_ok() {
            self.apply(index, signed);
        } else {
            self.deny();
        }
        judged
    }

    /// Counts an act that was denied.
    pub(crate) const fn deny(&mut self) {
        self.denials = self.denials.saturating_add(1);
    }
}
