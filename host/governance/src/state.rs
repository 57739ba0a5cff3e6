//! The state that the records of a ledger add up to: principals, keys, and the registry. It must
//! never change but by an act that was judged, and it reads no clock: time is in the act.

use std::collections::BTreeMap;

use counterfoil_trading::time::UnixNanos;

use crate::act::{Act, Exception};
use crate::digest::{Digest, PublicKey};
use crate::id::Id;
use crate::record::Signed;
use crate::registry::{Approval, Component, Deed, Registry, Stage, Started};
use crate::role::{Kind, Role, Roles};
use crate::rule::Denial;

mod duties;
mod judge;

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

/// An exception that was granted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Granted {
    /// What was granted.
    pub exception: Exception,
    /// Who granted it.
    pub deed: Deed,
    /// Who ended it before its time, and why.
    pub ended: Option<(String, Deed)>,
}

impl Granted {
    /// Whether it holds at this time, at this point of the ledger.
    #[must_use]
    pub fn holds(&self, time: UnixNanos) -> bool {
        self.ended.is_none() && time < self.exception.until
    }
}

/// What the records so far add up to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct State {
    origin: String,
    log_key: PublicKey,
    log_holder: Option<Id>,
    principals: BTreeMap<Id, Principal>,
    keys: BTreeMap<PublicKey, Key>,
    registry: Registry,
    exceptions: BTreeMap<u64, Granted>,
    denials: u64,
}

impl State {
    /// The state of a ledger without records, whose checkpoints `log_key` signs.
    #[must_use]
    pub fn new(origin: &str, log_key: PublicKey) -> Self {
        Self {
            origin: origin.to_owned(),
            log_key,
            log_holder: None,
            principals: BTreeMap::new(),
            keys: BTreeMap::new(),
            registry: Registry::default(),
            exceptions: BTreeMap::new(),
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

    /// Who holds the log's secret key; nobody before the first record.
    #[must_use]
    pub const fn log_holder(&self) -> Option<&Id> {
        self.log_holder.as_ref()
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

    /// How many acts were denied.
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

    /// Counts an act that was denied.
    pub(crate) const fn deny(&mut self) {
        self.denials = self.denials.saturating_add(1);
    }

    /// Does an act that was judged, by the record in entry `index`.
    pub(crate) fn apply(&mut self, index: u64, signed: &Signed) {
        let deed = Deed {
            by: signed.actor.clone(),
            key: signed.key,
            time: signed.time,
            index,
        };
        match &signed.act {
            Act::Genesis {
                administrators,
                log_holder,
                ..
            } => {
                self.log_holder = Some(log_holder.clone());
                for (id, key) in administrators {
                    let roles = Roles::from([Role::Administrator]);
                    self.add_principal(id, Kind::Person, &roles);
                    self.add_key(index, id, *key, None);
                }
            }
            Act::PrincipalAdd {
                id,
                kind,
                roles,
                key,
                until,
            } => {
                self.add_principal(id, *kind, roles);
                self.add_key(index, id, *key, *until);
            }
            Act::RolesSet { id, roles } => {
                if let Some(principal) = self.principals.get_mut(id) {
                    principal.roles.clone_from(roles);
                }
            }
            Act::KeyAdd { id, key, until } => self.add_key(index, id, *key, *until),
            Act::KeyRotate { key, until } => {
                self.end_key(index, signed.key);
                self.add_key(index, &signed.actor, *key, *until);
            }
            Act::KeyRevoke { key, .. } => self.end_key(index, *key),
            Act::LogHolder { id } => self.log_holder = Some(id.clone()),
            Act::ExceptionGrant(exception) => {
                let granted = Granted {
                    exception: exception.clone(),
                    deed,
                    ended: None,
                };
                self.exceptions.insert(index, granted);
            }
            Act::ExceptionEnd { granted, reason } => {
                if let Some(found) = self.exceptions.get_mut(granted) {
                    found.ended = Some((reason.clone(), deed));
                }
            }
            Act::ComponentSubmit { .. }
            | Act::ComponentValidate { .. }
            | Act::ComponentApprove { .. }
            | Act::ComponentArchive { .. }
            | Act::RunStart(_) => self.apply_to_registry(deed, &signed.act),
        }
    }

    fn add_principal(&mut self, id: &Id, kind: Kind, roles: &Roles) {
        let roles = roles.clone();
        self.principals
            .insert(id.clone(), Principal { kind, roles });
    }

    fn add_key(&mut self, added: u64, owner: &Id, key: PublicKey, until: Option<UnixNanos>) {
        let owner = owner.clone();
        let ended = None;
        self.keys.insert(
            key,
            Key {
                owner,
                added,
                until,
                ended,
            },
        );
    }

    fn end_key(&mut self, index: u64, key: PublicKey) {
        if let Some(key) = self.keys.get_mut(&key) {
            key.ended = Some(index);
        }
    }

    fn apply_to_registry(&mut self, deed: Deed, act: &Act) {
        match act {
            Act::ComponentSubmit {
                component,
                strategy,
                provenance,
            } => {
                let submitted = Component {
                    strategy: strategy.clone(),
                    provenance: provenance.clone(),
                    submitted: deed,
                    stage: Stage::Draft,
                    validated: None,
                    approvals: Vec::new(),
                    archived: None,
                };
                self.registry.components.insert(*component, submitted);
            }
            Act::ComponentValidate {
                component,
                evidence,
            } => self.change(component, Stage::Validated, |one| {
                one.validated = Some((evidence.clone(), deed));
            }),
            Act::ComponentApprove { set, signature } => {
                let approval = Approval {
                    set: *set,
                    signature: *signature,
                    deed,
                };
                self.change(&set.component, Stage::Approved, |one| {
                    one.approvals.push(approval);
                });
            }
            Act::ComponentArchive { component, reason } => {
                self.change(component, Stage::Archived, |one| {
                    one.archived = Some((reason.clone(), deed));
                });
            }
            Act::RunStart(start) => {
                let (run, start) = (start.run, start.clone());
                self.registry.runs.insert(run, Started { start, deed });
            }
            Act::Genesis { .. }
            | Act::PrincipalAdd { .. }
            | Act::RolesSet { .. }
            | Act::KeyAdd { .. }
            | Act::KeyRotate { .. }
            | Act::KeyRevoke { .. }
            | Act::LogHolder { .. }
            | Act::ExceptionGrant(_)
            | Act::ExceptionEnd { .. } => {}
        }
    }

    fn change(&mut self, digest: &Digest, stage: Stage, how: impl FnOnce(&mut Component)) {
        if let Some(component) = self.registry.components.get_mut(digest) {
            component.stage = stage;
            how(component);
        }
    }
}
