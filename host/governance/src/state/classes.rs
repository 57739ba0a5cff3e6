//! Members of approval classes, their delegates, and how many must sign. It must never count a person twice, nor a
//! vote of a principal whom the act is about.

use std::collections::{BTreeMap, BTreeSet};

use counterfoil_trading::time::UnixNanos;

use super::{LedgerState, PrincipalRecord};
use crate::act::{Act, ApprovalClass, ApprovalClassRules, Delegation};
use crate::id::Id;
use crate::registry::RecordRef;
use crate::role::PrincipalKind;
use crate::rule::{Denial, Rule};

/// A delegation as recorded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DelegationRecord {
    pub delegation: Delegation,
    /// Who delegated.
    pub record_ref: RecordRef,
    /// Why and by whom it was ended early.
    pub ended: Option<(String, RecordRef)>,
}

impl DelegationRecord {
    /// Whether it is open at this time, at this point of the ledger.
    #[must_use]
    pub fn holds(&self, time: UnixNanos) -> bool {
        self.ended.is_none() && time < self.delegation.until
    }
}

/// Whether a principal is a member of a class. Only people are: a service never votes.
fn belongs(class: &ApprovalClassRules, id: &Id, principal: Option<&PrincipalRecord>) -> bool {
    principal.is_some_and(|principal| {
        principal.kind == PrincipalKind::Person
            && (class.members.contains(id) || !class.roles.is_disjoint(&principal.roles))
    })
}

impl LedgerState {
    /// The members of a class and the number of signatures it takes.
    #[must_use]
    pub fn class(&self, class: ApprovalClass) -> ApprovalClassRules {
        let set = self.classes.get(&class);
        set.cloned().unwrap_or_else(|| class.first())
    }

    /// The class of which more than one member must sign a proposal of this act; none if one
    /// signature is enough.
    #[must_use]
    pub fn multi_signature_class(&self, act: &Act) -> Option<ApprovalClass> {
        let class = act.act_name().proposal_class()?;
        (self.class(class).approvals > 1).then_some(class)
    }

    /// The class to which a principal must propose this act now, instead of doing it; none before the
    /// set-up has ended, when administrators act alone.
    #[must_use]
    pub fn proposed_to(&self, act: &Act) -> Option<ApprovalClass> {
        self.setup_end.as_ref()?;
        self.multi_signature_class(act)
    }

    /// Every delegation, by the record that made it.
    #[must_use]
    pub const fn delegations(&self) -> &BTreeMap<u64, DelegationRecord> {
        &self.delegations
    }

    /// Whether a principal is a member of a class, not by delegation.
    #[must_use]
    pub fn belongs(&self, class: ApprovalClass, id: &Id) -> bool {
        belongs(&self.class(class), id, self.principals.get(id))
    }

    /// The members whose vote a principal can cast in a class: their own first, then those of members who
    /// delegated to them.
    #[must_use]
    pub fn votes(&self, class: ApprovalClass, id: &Id, time: UnixNanos) -> Vec<Id> {
        let principal = self.principals.get(id);
        let is_person = principal.is_some_and(|found| found.kind == PrincipalKind::Person);
        // The own vote first, so that a member who is also a delegate votes for themselves with their first
        // signature.
        let own = Some(id).filter(|id| self.belongs(class, id));
        let delegated = self.delegations.values().filter(|record| {
            let delegation = &record.delegation;
            delegation.class == class && delegation.to == *id && record.holds(time)
        });
        let from = delegated.map(|record| &record.record_ref.by);
        // A delegation ends with its giver's membership: a former member must not keep a vote through a
        // delegate.
        let from = from.filter(|from| self.belongs(class, from) && *from != id);
        let all = own.into_iter().chain(from);
        if is_person {
            all.cloned().collect()
        } else {
            Vec::new()
        }
    }

    /// The member whose vote `id` casts: the first of theirs that is not used yet and not among `excluded`, who
    /// may not vote on the act.
    pub(super) fn vote(
        &self,
        class: ApprovalClass,
        time: UnixNanos,
        id: &Id,
        excluded: &[&Id],
        used: &BTreeSet<Id>,
    ) -> Result<Id, Denial> {
        let votes = self.votes(class, id, time);
        if votes.is_empty() {
            let why = format!(
                "{id} does not belong to the approval class {}",
                class.name()
            );
            let who = self.who_signs(class, time, excluded);
            return Err(Denial::new(Rule::RoleMissing, why, who));
        }
        // A delegate of two members votes for the first of them that has not voted: two votes by one person
        // take two signatures, and each names its member.
        let free = |vote: &&Id| !excluded.contains(vote) && !used.contains(*vote);
        if let Some(vote) = votes.iter().find(free) {
            return Ok(vote.clone());
        }
        let names: Vec<_> = votes.iter().map(Id::as_str).collect();
        let names = names.join(", ");
        let why = format!(
            "{id} can vote only for {names}, who has signed already or may not vote on this act"
        );
        let mut excluded = excluded.to_vec();
        excluded.push(id);
        excluded.extend(used);
        let who = self.who_signs(class, time, &excluded);
        Err(Denial::new(Rule::DutyDelegation, why, who))
    }

    /// A hint that names the principals who can sign in a class and have a key, except `excluded`.
    pub(super) fn who_signs(
        &self,
        class: ApprovalClass,
        time: UnixNanos,
        excluded: &[&Id],
    ) -> String {
        let can = self.principals.keys().filter(|id| {
            let votes = self.votes(class, id, time);
            let has_vote = votes.iter().any(|vote| !excluded.contains(&vote));
            !excluded.contains(id) && self.has_key(id, time) && has_vote
        });
        let can: Vec<_> = can.map(Id::as_str).collect();
        let class = class.name();
        if can.is_empty() {
            return format!(
                "no other member of the class {class} has a key; a member can delegate: \
                 counterfoil people delegation add"
            );
        }
        format!("who could do it ({class}): {}", can.join(", "))
    }

    /// Checks that every class has as many members with a key as must sign.
    pub(super) fn check_classes(
        &self,
        rule: Rule,
        time: UnixNanos,
        principals: &BTreeMap<Id, PrincipalRecord>,
        set: Option<&ApprovalClassRules>,
    ) -> Result<(), Denial> {
        for class in ApprovalClass::ALL {
            let now = self.class(class);
            let now = set.filter(|set| set.class == class).unwrap_or(&now);
            // Only members with a valid key: a class of people without keys could never sign again, not even
            // for new keys.
            let members = principals.iter().filter(|(id, principal)| {
                belongs(now, id, Some(principal)) && self.has_key(id, time)
            });
            let members = members.count();
            if u64::try_from(members).unwrap_or(u64::MAX) >= now.approvals {
                continue;
            }
            let (name, needed) = (class.name(), now.approvals);
            let why = format!(
                "the class {name} would have {members} members with a key, and {needed} must sign"
            );
            let hint = "add people with the roles of that class first";
            return Err(Denial::new(rule, why, hint));
        }
        Ok(())
    }
}
