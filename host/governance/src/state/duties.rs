//! The segregation of duties: what two things no one principal may do, and who could do them
//! instead. It must never change the state.

use counterfoil_trading::time::UnixNanos;

use super::State;
use crate::act::DigestSet;
use crate::id::Id;
use crate::registry::{Approval, Component};
use crate::role::{Role, Roles};
use crate::rule::{Denial, Rule};

impl State {
    /// Who could act in one of these roles: the principals with a key that counts, but for some.
    pub(super) fn who(&self, roles: &[Role], time: UnixNanos, but: &[&Id]) -> String {
        let names: Vec<_> = roles.iter().map(|role| role.name()).collect();
        let names = names.join(" or ");
        let can = self.principals.iter().filter(|(id, principal)| {
            !but.contains(id)
                && roles.iter().any(|role| principal.roles.contains(role))
                && self.has_key(id, time)
        });
        let can: Vec<_> = can.map(|(id, _)| id.as_str()).collect();
        if can.is_empty() {
            return format!(
                "nobody else has the role {names} and a key: an administrator gives both"
            );
        }
        format!("who could do it ({names}): {}", can.join(", "))
    }

    fn has_key(&self, id: &Id, time: UnixNanos) -> bool {
        let mut keys = self.keys.values();
        keys.any(|key| key.owner == *id && key.counts(time))
    }

    /// Whether an administrator with a key is left, if `without` says which principals and keys
    /// go.
    pub(super) fn administrator_left(
        &self,
        time: UnixNanos,
        goes: impl Fn(&Id, &crate::digest::PublicKey) -> bool,
    ) -> Result<(), Denial> {
        let is_administrator = |id: &Id| {
            let principal = self.principals.get(id);
            principal.is_some_and(|one| one.roles.contains(&Role::Administrator))
        };
        let mut keys = self.keys.iter();
        if keys.any(|(key, one)| {
            one.counts(time) && is_administrator(&one.owner) && !goes(&one.owner, key)
        }) {
            return Ok(());
        }
        let why = "no administrator with a key would be left";
        let way = "make somebody else an administrator first";
        Err(Denial::new(Rule::AdministratorLast, why, way))
    }

    /// Nobody both starts runs and holds the log's signing key.
    pub(super) fn check_log_duty(&self, id: &Id, roles: &Roles) -> Result<(), Denial> {
        if self.log_holder.as_ref() != Some(id) || !roles.contains(&Role::Operator) {
            return Ok(());
        }
        let why = format!("{id} holds the log's signing key, so {id} may not be an operator");
        let way = "give the role, or the key, to somebody else";
        Err(Denial::new(Rule::DutyLogKey, why, way))
    }

    /// Nobody judges what they authored.
    pub(super) fn check_author(
        &self,
        component: &Component,
        actor: &Id,
        (role, time): (Role, UnixNanos),
    ) -> Result<(), Denial> {
        if component.submitted.by != *actor {
            return Ok(());
        }
        let why = format!("{actor} is the author, and nobody judges what they authored");
        let who = self.who(&[role], time, &[actor]);
        Err(Denial::new(Rule::DutyAuthor, why, who))
    }

    /// Nobody approves what they validated.
    pub(super) fn check_reviewer(
        &self,
        component: &Component,
        actor: &Id,
        time: UnixNanos,
    ) -> Result<(), Denial> {
        let validated = component.validated.as_ref();
        if validated.is_none_or(|(_, deed)| deed.by != *actor) {
            return Ok(());
        }
        let why = format!("{actor} validated it, and approving takes a second pair of eyes");
        let who = self.who(&[Role::Approver], time, &[actor, &component.submitted.by]);
        Err(Denial::new(Rule::DutyReviewer, why, who))
    }

    /// Enough people approved exactly this set: each is an approver still, and the key that signed
    /// the approval counts still.
    pub(super) fn check_approvals(
        &self,
        component: &Component,
        set: &DigestSet,
        time: UnixNanos,
    ) -> Result<(), Denial> {
        let counts = |one: &&Approval| {
            let principal = self.principals.get(&one.deed.by);
            let key = self.keys.get(&one.deed.key);
            principal.is_some_and(|one| one.roles.contains(&Role::Approver))
                && key.is_some_and(|key| key.counts(time))
        };
        let fits = |one: &&Approval| one.set == *set;
        if component
            .approvals
            .iter()
            .filter(counts)
            .any(|one| fits(&one))
        {
            return Ok(());
        }
        let author = &component.submitted.by;
        let mut but = vec![author];
        but.extend(component.validated.as_ref().map(|(_, deed)| &deed.by));
        let who = self.who(&[Role::Approver], time, &but);
        let Some(last) = component.approvals.iter().rfind(counts) else {
            let why = format!("nobody approved component {}", set.component);
            return Err(Denial::new(Rule::ApprovalMissing, why, who));
        };
        let why = format!("the approval is for another set: {}", last.set.changes(set));
        Err(Denial::new(Rule::ApprovalChanged, why, who))
    }
}
