//! The segregation of duties: what two things no one principal may do, and who could do them
//! instead. It must never change the state.

use counterfoil_trading::time::UnixNanos;

use super::State;
use crate::act::Exception;
use crate::id::Id;
use crate::record::Signed;
use crate::registry::Component;
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

    /// Nobody grants an exception that they answer for; and it says what stands in for the rule,
    /// until when.
    pub(super) fn check_exception(
        &self,
        signed: &Signed,
        exception: &Exception,
    ) -> Result<(), Denial> {
        let (owner, time) = (&exception.owner, signed.time);
        let texts = [
            ("rule", &exception.rule),
            ("reason", &exception.reason),
            ("control", &exception.control),
        ];
        let empty = texts.iter().find(|(_, text)| text.trim().is_empty());
        let missing = empty.map(|(name, _)| format!("it names no {name}"));
        let over = (exception.until <= time).then(|| "it is over before it begins".to_owned());
        let unknown = (!self.principals.contains_key(owner))
            .then(|| format!("its owner {owner} is no principal"));
        if let Some(what) = missing.or(over).or(unknown) {
            let why = format!("the exception cannot be granted: {what}");
            let way = "ask again with a rule, a reason, a control, an owner and an end to come";
            return Err(Denial::new(Rule::ExceptionIncomplete, why, way));
        }
        if *owner != signed.actor {
            return Ok(());
        }
        let why = format!("{owner} would grant an exception to themselves");
        let who = self.who(&[Role::Approver], time, &[owner]);
        Err(Denial::new(Rule::DutyException, why, who))
    }

    /// Only what holds can be ended.
    pub(super) fn check_exception_end(&self, time: UnixNanos, granted: u64) -> Result<(), Denial> {
        let found = self.exceptions.get(&granted);
        if found.is_some_and(|one| one.holds(time)) {
            return Ok(());
        }
        let why = format!("record {granted} grants no exception that still holds");
        let way = "the state lists those that do";
        Err(Denial::new(Rule::ExceptionUnknown, why, way))
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
}
