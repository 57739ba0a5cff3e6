//! Separation of duties: which pairs of acts one principal may not do, and who can do them instead.
//! It must never change the state.

use std::collections::BTreeSet;

use counterfoil_trading::time::UnixNanos;

use super::LedgerState;
use crate::act::{ApprovalClass, DigestSet};
use crate::id::Id;
use crate::registry::{ApprovalRecord, RegisteredComponent};
use crate::role::{Role, Roles};
use crate::rule::{Denial, Rule};

impl LedgerState {
    /// A hint that names the principals with one of these roles and a valid key, except `excluded`.
    pub(super) fn who(&self, roles: &[Role], time: UnixNanos, excluded: &[&Id]) -> String {
        let names: Vec<_> = roles.iter().map(|role| role.name()).collect();
        let names = names.join(" or ");
        // Without a valid key a principal cannot act: a hint that names them would lead to a second denial.
        let can = self.principals.iter().filter(|(id, principal)| {
            !excluded.contains(id)
                && roles.iter().any(|role| principal.roles.contains(role))
                && self.has_key(id, time)
        });
        let can: Vec<_> = can.map(|(id, _)| id.as_str()).collect();
        if can.is_empty() {
            return format!(
                "no other principal has the role {names} and a key: an administrator gives both"
            );
        }
        format!("who could do it ({names}): {}", can.join(", "))
    }

    pub(super) fn has_key(&self, id: &Id, time: UnixNanos) -> bool {
        let mut keys = self.keys.values();
        keys.any(|key| key.owner == *id && key.counts(time))
    }

    /// Checks that an administrator with a valid key is left after the principals and keys that `goes`
    /// names are gone.
    pub(super) fn administrator_left(
        &self,
        time: UnixNanos,
        goes: impl Fn(&Id, &counterfoil_journal::public_key::PublicKey) -> bool,
    ) -> Result<(), Denial> {
        let is_administrator = |id: &Id| {
            let principal = self.principals.get(id);
            principal.is_some_and(|found| found.roles.contains(&Role::Administrator))
        };
        let mut keys = self.keys.iter();
        if keys.any(|(key, record)| {
            record.counts(time) && is_administrator(&record.owner) && !goes(&record.owner, key)
        }) {
            return Ok(());
        }
        let why = "no administrator with a key would be left";
        let hint = "make another principal an administrator first";
        Err(Denial::new(Rule::AdministratorLast, why, hint))
    }

    /// No principal both starts runs and holds the log's signing key.
    pub(super) fn check_log_duty(&self, id: &Id, roles: &Roles) -> Result<(), Denial> {
        // An operator who also signs the log could deploy a strategy and then rewrite the record of it.
        if self.log_holder.as_ref() != Some(id) || !roles.contains(&Role::Operator) {
            return Ok(());
        }
        let why = format!("{id} holds the log's signing key, so {id} may not be an operator");
        let hint = "give the role or the key to another principal";
        Err(Denial::new(Rule::DutyLogKey, why, hint))
    }

    /// No principal judges a component that they authored.
    pub(super) fn check_author(
        &self,
        component: &RegisteredComponent,
        actor: &Id,
        role: Role,
        time: UnixNanos,
    ) -> Result<(), Denial> {
        if component.submitted.by != *actor {
            return Ok(());
        }
        let why = format!("{actor} is the author, and authors may not judge their own work");
        let who = if role == Role::Approver {
            self.who_signs(ApprovalClass::Promotion, time, &[actor])
        } else {
            self.who(&[role], time, &[actor])
        };
        Err(Denial::new(Rule::DutyAuthor, why, who))
    }

    /// No principal approves a component that they validated.
    pub(super) fn check_reviewer(
        &self,
        component: &RegisteredComponent,
        actor: &Id,
        time: UnixNanos,
    ) -> Result<(), Denial> {
        let validated = component.validated.as_ref();
        if validated.is_none_or(|(_, record_ref)| record_ref.by != *actor) {
            return Ok(());
        }
        let why = format!("{actor} validated it, and another person must approve it (four-eyes)");
        let excluded = [actor, &component.submitted.by];
        let who = self.who_signs(ApprovalClass::Promotion, time, &excluded);
        Err(Denial::new(Rule::DutyReviewer, why, who))
    }

    /// The votes for exactly this set that count now: the member still belongs to the class, and the key
    /// that signed the approval is still valid.
    pub(super) fn approved_by(
        &self,
        component: &RegisteredComponent,
        set: &DigestSet,
        time: UnixNanos,
    ) -> BTreeSet<Id> {
        // The vote belongs to the member, the signature to the key. A member who left the class, or a key that
        // was revoked, takes the approval with it, also after it was given.
        let counts = |approval: &&ApprovalRecord| {
            let key = self.keys.get(&approval.record_ref.key);
            approval.set == *set
                && self.belongs(ApprovalClass::Promotion, &approval.vote)
                && key.is_some_and(|key| key.counts(time))
        };
        let approvals = component.approvals.iter().filter(counts);
        approvals.map(|approval| approval.vote.clone()).collect()
    }

    /// Checks that enough members approved exactly this set.
    pub(super) fn check_approvals(
        &self,
        component: &RegisteredComponent,
        set: &DigestSet,
        time: UnixNanos,
    ) -> Result<(), Denial> {
        let votes = self.approved_by(component, set, time);
        let needed = self.class(ApprovalClass::Promotion).approvals;
        let found = u64::try_from(votes.len()).unwrap_or(u64::MAX);
        if found >= needed {
            return Ok(());
        }
        let mut excluded = vec![&component.submitted.by];
        excluded.extend(
            component
                .validated
                .as_ref()
                .map(|(_, record_ref)| &record_ref.by),
        );
        excluded.extend(&votes);
        let who = self.who_signs(ApprovalClass::Promotion, time, &excluded);
        // If only another set was approved, the difference explains the denial better than a count of zero.
        let other = component.approvals.last().filter(|last| last.set != *set);
        if let Some(last) = other.filter(|_| votes.is_empty()) {
            let why = format!("the approval is for another set: {}", last.set.changes(set));
            return Err(Denial::new(Rule::ApprovalChanged, why, who));
        }
        let why = format!(
            "{found} of the {needed} approvals that component {} needs are valid",
            set.component
        );
        Err(Denial::new(Rule::ApprovalMissing, why, who))
    }

    /// Checks that the set-up has ended: before that nothing is promoted or started.
    pub(super) fn check_setup(&self) -> Result<(), Denial> {
        if self.setup_end.is_some() {
            return Ok(());
        }
        let why = "the set-up has not ended: administrators may act alone, so nothing is promoted or started";
        let hint = "an administrator ends the set-up: counterfoil ledger end-setup";
        Err(Denial::new(Rule::SetupOpen, why, hint))
    }
}
