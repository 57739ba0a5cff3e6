//! What an act changes, once it was judged. It must never ask whether the act may be done.

use counterfoil_trading::time::UnixNanos;

use super::{Granted, Key, Principal, Said, State};
use crate::act::{Act, Gate};
use crate::digest::{Digest, PublicKey};
use crate::id::Id;
use crate::record::Signed;
use crate::registry::{Approval, Component, Deed, Promotion, Stage, Started};
use crate::role::{Kind, Role, Roles};

impl State {
    /// Does an act that was judged, by the record in entry `index`.
    pub(crate) fn apply(&mut self, index: u64, signed: &Signed) {
        let deed = Deed {
            by: signed.actor.clone(),
            key: signed.key,
            time: signed.time,
            index,
        };
        self.apply_act(deed, &signed.act);
    }

    /// Does an act in the name of whoever answers for it.
    #[expect(
        clippy::too_many_lines,
        reason = "one arm for each act, and the compiler sees that none is missing"
    )]
    fn apply_act(&mut self, deed: Deed, act: &Act) {
        let index = deed.index;
        match act {
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
                self.end_key(index, deed.key);
                self.add_key(index, &deed.by, *key, *until);
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
            Act::PolicySet { bundle } => self.policies.push((*bundle, deed)),
            Act::Verdict(verdict) => {
                let subject = (verdict.gate, verdict.subject);
                self.said.entry(subject).or_default().push(deed.index);
                let verdict = verdict.clone();
                self.verdicts.insert(deed.index, Said { verdict, deed });
            }
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
                    promotions: Vec::new(),
                    archived: None,
                };
                self.registry.components.insert(*component, submitted);
            }
            Act::ComponentValidate {
                component,
                evidence,
            } => self.change(component, Some(Stage::Validated), |one| {
                one.validated = Some((evidence.clone(), deed));
            }),
            Act::ComponentApprove { set, signature } => {
                let approval = Approval {
                    set: *set,
                    signature: *signature,
                    deed,
                };
                self.change(&set.component, None, |one| one.approvals.push(approval));
            }
            Act::ComponentPromote { set } => {
                let author = self.registry.components.get(&set.component);
                let author = author.map(|one| one.submitted.by.clone());
                let verdict = self.check_verdict(Gate::Promotion, set.digest(), author.as_ref());
                let verdict = verdict.map_or(0, |(index, _)| index);
                let promotion = Promotion {
                    set: *set,
                    verdict,
                    deed,
                };
                self.change(&set.component, Some(Stage::Approved), |one| {
                    one.promotions.push(promotion);
                });
            }
            Act::ComponentArchive { component, reason } => {
                self.change(component, Some(Stage::Archived), |one| {
                    one.archived = Some((reason.clone(), deed));
                });
            }
            Act::RunStart(start) => {
                let (run, start) = (start.run, start.clone());
                self.registry.runs.insert(run, Started { start, deed });
            }
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

    fn change(&mut self, digest: &Digest, stage: Option<Stage>, how: impl FnOnce(&mut Component)) {
        if let Some(component) = self.registry.components.get_mut(digest) {
            component.stage = stage.unwrap_or(component.stage);
            how(component);
        }
    }
}
