//! Applies acts that were judged. It must never decide whether an act is allowed.

use std::collections::{BTreeMap, BTreeSet};

use counterfoil_trading::time::UnixNanos;

use super::glass::raises;
use super::judge::registry::approval_vote;
use super::{
    AuthorizationRecord, BreakGlassRecord, ChangeEnd, DelegationRecord, DriftRecord,
    ExceptionRecord, ExcessRecord, KeyRecord, KillRecord, LedgerState, LimitsRecord,
    PrincipalRecord, ProposedChange, VerdictRecord,
};
use crate::act::Act;
use crate::id::Id;
use crate::record::SignedAct;
use crate::registry::{
    ApprovalRecord, ComponentStage, PromotionRecord, RecordRef, RegisteredComponent, RegisteredRun,
};
use crate::role::{PrincipalKind, Role, Roles};
use counterfoil_base::digest::Digest;
use counterfoil_base::gate::Gate;
use counterfoil_journal::public_key::PublicKey;

impl LedgerState {
    /// Applies the already judged act of record `index`.
    pub(crate) fn apply(&mut self, index: u64, signed: &SignedAct) {
        let record_ref = RecordRef {
            by: signed.actor.clone(),
            key: signed.key,
            time: signed.time,
            index,
        };
        // Before the act, which may set the clock back.
        self.clock.pass(signed.time);
        self.note_act(signed);
        self.apply_act(record_ref, &signed.act);
    }

    /// Applies an act, recorded under the principal who is responsible for it.
    #[expect(
        clippy::too_many_lines,
        reason = "one arm for each act, and the compiler sees that none is missing"
    )]
    fn apply_act(&mut self, record_ref: RecordRef, act: &Act) {
        let index = record_ref.index;
        match act {
            Act::Genesis {
                administrators,
                log_holder,
                ..
            } => {
                self.log_holder = Some(log_holder.clone());
                for (id, key) in administrators {
                    let roles = Roles::from([Role::Administrator]);
                    self.add_principal(id, PrincipalKind::Person, &roles);
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
                self.end_key(index, record_ref.key);
                self.add_key(index, &record_ref.by, *key, *until);
            }
            Act::KeyRevoke { key, .. } => self.end_key(index, *key),
            Act::LogHolder { id } => self.log_holder = Some(id.clone()),
            Act::ExceptionGrant(exception) => {
                let granted = ExceptionRecord {
                    exception: exception.clone(),
                    record_ref,
                    ended: None,
                };
                self.exceptions.insert(index, granted);
            }
            Act::ExceptionEnd { granted, reason } => {
                if let Some(found) = self.exceptions.get_mut(granted) {
                    found.ended = Some((reason.clone(), record_ref));
                }
            }
            Act::LogRotate { key, .. } => {
                // Earlier keys stay known: a reader who trusts an old one can still verify the ledger,
                // and no principal can ever register one as its own.
                self.log_keys.insert(self.log_key, index);
                self.log_key = *key;
            }
            Act::SetupEnd {} => self.setup_end = Some(record_ref),
            Act::ClockReset { .. } => self.reset_clock(&record_ref),
            Act::ClassSet(set) => drop(self.classes.insert(set.class, set.clone())),
            Act::Delegate(delegation) => {
                let delegation = delegation.clone();
                let delegated = DelegationRecord {
                    delegation,
                    record_ref,
                    ended: None,
                };
                self.delegations.insert(index, delegated);
            }
            Act::DelegateEnd { delegated, reason } => {
                if let Some(found) = self.delegations.get_mut(delegated) {
                    found.ended = Some((reason.clone(), record_ref));
                }
            }
            Act::ChangePropose { act } => self.propose(record_ref, act),
            Act::ChangeApprove { proposed } => self.sign(&record_ref, *proposed),
            Act::ChangeWithdraw { proposed, reason } => {
                if let Some(found) = self.changes.get_mut(proposed) {
                    found.ended = Some((ChangeEnd::Withdrawn(reason.clone()), record_ref));
                }
            }
            Act::BreakGlassOpen(glass) => {
                let broken = BreakGlassRecord {
                    glass: glass.clone(),
                    record_ref,
                    acts: Vec::new(),
                    raised: BTreeSet::new(),
                    closed: None,
                    retrospective: None,
                };
                self.broken.insert(index, broken);
            }
            Act::Emergency { opened, act } => {
                if let Some(found) = self.broken.get_mut(opened) {
                    // Kept with the break-glass: the retrospective accounts for each act, and a principal whom
                    // an act raised may not sign it.
                    found.acts.push((index, act.name()));
                    found.raised.extend(raises(act).cloned());
                }
                self.apply_act(record_ref, act);
            }
            Act::BreakGlassClose { opened, reason } => {
                if let Some(found) = self.broken.get_mut(opened) {
                    found.closed = Some((reason.clone(), record_ref));
                }
            }
            Act::Retrospective {
                opened,
                report,
                findings,
            } => {
                if let Some(found) = self.broken.get_mut(opened) {
                    found.retrospective = Some((*report, findings.clone(), record_ref));
                }
            }
            Act::PolicySet { bundle } => self.policies.push((*bundle, record_ref)),
            Act::Verdict(verdict) => {
                let subject = (verdict.gate, verdict.subject);
                self.verdicts_of
                    .entry(subject)
                    .or_default()
                    .push(record_ref.index);
                let verdict = verdict.clone();
                self.verdicts.insert(
                    record_ref.index,
                    VerdictRecord {
                        verdict,
                        record_ref,
                    },
                );
            }
            Act::ComponentSubmit {
                component,
                strategy,
                provenance,
            } => {
                let submitted = RegisteredComponent {
                    strategy: strategy.clone(),
                    provenance: provenance.clone(),
                    submitted: record_ref,
                    stage: ComponentStage::Draft,
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
            } => self.change(component, Some(ComponentStage::Validated), |registered| {
                registered.validated = Some((evidence.clone(), record_ref));
            }),
            Act::ComponentApprove { set, signature } => {
                let component = self.registry.components.get(&set.component);
                let vote = component.and_then(|found| {
                    approval_vote(self, &record_ref.by, record_ref.time, found, set).ok()
                });
                let approval = ApprovalRecord {
                    set: *set,
                    signature: *signature,
                    // The vote was found when the act was judged, in this same state, so the signer's own id
                    // is never used in its place.
                    vote: vote.unwrap_or_else(|| record_ref.by.clone()),
                    record_ref,
                };
                self.change(&set.component, None, |registered| {
                    registered.approvals.push(approval);
                });
            }
            Act::ComponentPromote { set } => {
                let author = self.registry.components.get(&set.component);
                let author = author.map(|registered| registered.submitted.by.clone());
                // The verdict that the promotion was judged by: the record keeps which one it was, whatever
                // the policy decides later.
                let verdict = self.check_verdict(Gate::Promotion, set.digest(), author.as_ref());
                let verdict = verdict.map_or(0, |(index, _)| index);
                let promotion = PromotionRecord {
                    set: *set,
                    verdict,
                    record_ref,
                };
                self.change(
                    &set.component,
                    Some(ComponentStage::Approved),
                    |registered| {
                        registered.promotions.push(promotion);
                    },
                );
            }
            Act::ComponentArchive { component, reason } => {
                self.change(component, Some(ComponentStage::Archived), |registered| {
                    registered.archived = Some((reason.clone(), record_ref));
                });
            }
            Act::LimitsSet {
                account,
                limits,
                verdict,
            } => {
                let (limits, verdict) = (*limits, *verdict);
                let limits = LimitsRecord {
                    limits,
                    verdict,
                    record_ref,
                };
                self.limits.insert(account.clone(), limits);
            }
            Act::StartAuthorize(authorization) => {
                let authorized = AuthorizationRecord {
                    authorization: authorization.clone(),
                    record_ref,
                    withdrawn: None,
                };
                self.authorizations.insert(index, authorized);
            }
            Act::StartWithdraw { authorized, reason } => {
                if let Some(found) = self.authorizations.get_mut(authorized) {
                    found.withdrawn = Some((reason.clone(), record_ref));
                }
            }
            Act::RunStart(start) => {
                let started = RegisteredRun {
                    start: start.clone(),
                    record_ref,
                    resumed: Vec::new(),
                    anchors: Vec::new(),
                    ended: None,
                };
                self.registry.runs.insert(start.run, started);
            }
            Act::RunResume(resume) => {
                if let Some(found) = self.registry.runs.get_mut(&resume.run) {
                    found.resumed.push((resume.clone(), record_ref));
                }
            }
            Act::RunsAnchor { runs } => {
                for one in runs {
                    if let Some(found) = self.registry.runs.get_mut(&one.run) {
                        found.anchors.push((one.clone(), record_ref.clone()));
                    }
                }
            }
            Act::RunEnd(end) => {
                if let Some(found) = self.registry.runs.get_mut(&end.run) {
                    found.ended = Some((end.clone(), record_ref));
                }
            }
            Act::Kill { scope, reason } => {
                let killed = KillRecord {
                    scope: scope.clone(),
                    reason: reason.clone(),
                    record_ref,
                    lifted: None,
                };
                self.kills.insert(index, killed);
            }
            Act::KillLift { killed, reason } => {
                if let Some(found) = self.kills.get_mut(killed) {
                    found.lifted = Some((reason.clone(), record_ref));
                }
            }
            Act::BudgetSet(budget) => {
                let (of, budget) = (budget.of.clone(), budget.clone());
                self.books.budgets.insert(of, (budget, record_ref));
            }
            Act::TeamSet { team, members } => {
                self.books.teams.insert(team.clone(), members.clone());
            }
            Act::BudgetExcess { of, until, reason } => {
                let (until, reason) = (*until, reason.clone());
                let excess = ExcessRecord {
                    until,
                    reason,
                    record_ref,
                };
                self.books.excesses.insert(of.clone(), excess);
            }
            Act::Usage(usage) => self.books.add(usage, record_ref),
            Act::Drift(drift) => {
                let drifted = DriftRecord {
                    drift: drift.clone(),
                    record_ref,
                    ended: None,
                };
                self.drifts.insert(index, drifted);
            }
            Act::DriftEnd { drifted } => {
                if let Some(found) = self.drifts.get_mut(drifted) {
                    found.ended = Some(record_ref);
                }
            }
            Act::Refused(_) => self.count_denial(),
        }
    }

    /// Adds a proposal. A proposer who has a vote in the class casts it with the proposal.
    fn propose(&mut self, record_ref: RecordRef, act: &Act) {
        let mut signed = BTreeMap::new();
        let excluded = self.about(act);
        // A proposer outside the class casts no vote: an operator may propose limits, and the class alone puts
        // them in force.
        let vote = act.class().and_then(|class| {
            let none = BTreeSet::new();
            self.vote(class, record_ref.time, &record_ref.by, &excluded, &none)
                .ok()
        });
        if let Some(vote) = vote {
            signed.insert(record_ref.by.clone(), (vote, record_ref.clone()));
        }
        let (index, act) = (record_ref.index, act.clone());
        let change = ProposedChange {
            act,
            record_ref,
            signed,
            ended: None,
            clock: self.clock(),
        };
        self.changes.insert(index, change);
    }

    /// Adds a signature to a proposal; the last one needed applies the act, recorded under the proposer.
    fn sign(&mut self, record_ref: &RecordRef, proposed: u64) {
        let found = self.changes.get(&proposed);
        let signed = found.and_then(|change| {
            self.sign_change(change, &record_ref.by, record_ref.time)
                .ok()
        });
        // A signature that has no vote was denied when it was judged, so this applies nothing in doubt.
        let Some((vote, complete)) = signed else {
            return;
        };
        let Some(change) = self.changes.get_mut(&proposed) else {
            return;
        };
        change
            .signed
            .insert(record_ref.by.clone(), (vote, record_ref.clone()));
        if !complete {
            return;
        }
        // Ended before it is applied: the act may itself change who could sign, and must not be signed
        // again.
        change.ended = Some((ChangeEnd::Done, record_ref.clone()));
        // Recorded under the proposer and their key, which were checked again for this signature; time and
        // index are those of the signature that completed it.
        let act = change.act.clone();
        let record_ref = RecordRef {
            by: change.record_ref.by.clone(),
            key: change.record_ref.key,
            ..record_ref.clone()
        };
        self.apply_act(record_ref, &act);
    }

    fn add_principal(&mut self, id: &Id, kind: PrincipalKind, roles: &Roles) {
        let roles = roles.clone();
        self.principals
            .insert(id.clone(), PrincipalRecord { kind, roles });
    }

    fn add_key(&mut self, added: u64, owner: &Id, key: PublicKey, until: Option<UnixNanos>) {
        let owner = owner.clone();
        let ended = None;
        self.keys.insert(
            key,
            KeyRecord {
                owner,
                added,
                until,
                ended,
            },
        );
    }

    fn end_key(&mut self, index: u64, key: PublicKey) {
        // Never removed: what it signed before stays attributable, and the key stays taken.
        if let Some(key) = self.keys.get_mut(&key) {
            key.ended = Some(index);
        }
    }

    fn change(
        &mut self,
        digest: &Digest,
        stage: Option<ComponentStage>,
        how: impl FnOnce(&mut RegisteredComponent),
    ) {
        if let Some(component) = self.registry.components.get_mut(digest) {
            component.stage = stage.unwrap_or(component.stage);
            how(component);
        }
    }
}
