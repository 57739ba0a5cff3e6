//! Whether limits, starts, ends, kill switches and budgets are what they must be.

use counterfoil_trading::time::UnixNanos;

use super::changes::told;
use super::{Doing, State, Verdict};
use crate::act::{Authorization, Budget, Payer, RunEnd, RunStart, Scope, Usage, account_digest};
use crate::id::Id;
use crate::role::{Kind, Role};
use crate::rule::{Denial, Rule};
use crate::state::EXCESS_NANOS_MAX;
use counterfoil_base::digest::Digest;
use counterfoil_base::gate::Gate;

/// The longest window of an authorization, in nanoseconds: 30 days.
const WINDOW_NANOS_MAX: i64 = 30 * 86_400 * 1_000_000_000;

/// A second, in nanoseconds.
const SECOND_NANOS: i64 = 1_000_000_000;

/// How long a verdict at the gate for starts counts, in nanoseconds: an hour. What it judged (open
/// exceptions, retrospectives, limits) goes on changing.
const START_VERDICT_NANOS_MAX: i64 = 3_600 * 1_000_000_000;

/// Limits are what the policy in force gave last for exactly this account.
pub(super) fn limits_set(
    state: &State,
    doing: Doing<'_>,
    (account, limits, verdict): (&Id, Digest, u64),
) -> Verdict {
    let (index, said) = state.check_verdict(Gate::Limits, account_digest(account), None)?;
    if index != verdict {
        let why = format!("record {index}, not {verdict}, has the last verdict on {account}");
        let way = "propose the limits that the last verdict gave";
        return Err(Denial::new(Rule::VerdictStale, why, way));
    }
    if said.verdict.limits == Some(limits) {
        return state.check_excepted((index, doing.time), None, Some(account));
    }
    let gave = said
        .verdict
        .limits
        .map_or_else(String::new, |digest| digest.to_string());
    let why = format!("the policy gave the limits {gave}, not {limits}");
    let way = "propose the limits that the verdict gave";
    Err(Denial::new(Rule::LimitsChanged, why, way))
}

pub(super) fn authorize(state: &State, doing: Doing<'_>, asked: &Authorization) -> Verdict {
    state.check_setup()?;
    let (from, until) = (asked.not_before, asked.not_after);
    let longest = from.0.saturating_add(WINDOW_NANOS_MAX);
    if until <= doing.time || until <= from || until.0 > longest {
        let wrong = if until <= from {
            "is empty"
        } else if until <= doing.time {
            "is over"
        } else {
            "is longer than 30 days"
        };
        let why = format!("the window {wrong}");
        let way = "authorize a window of 30 days at most that is to come";
        return Err(Denial::new(Rule::StartWindow, why, way));
    }
    let terms = &asked.terms;
    state.registry.may_start(&terms.set)?;
    state.check_policy(&terms.set)?;
    state.check_limits_of(terms)
}

pub(super) fn withdraw(state: &State, (authorized, reason): (u64, &str)) -> Verdict {
    state.authorized(authorized)?;
    told(reason)
}

/// A run starts by a service, on exactly the terms that were authorized, while everything that
/// they rest on still holds.
pub(super) fn start(state: &State, doing: Doing<'_>, start: &RunStart) -> Verdict {
    service(state, doing)?;
    state.check_setup()?;
    if state.registry.runs.contains_key(&start.run) {
        let why = format!("run {} was started before", start.run);
        let way = "use a new start nonce in its manifest";
        return Err(Denial::new(Rule::RunExists, why, way));
    }
    let found = state.authorized(start.authorized)?;
    let (asked, terms) = (&found.authorization, &start.terms);
    let changes = asked.terms.changes(terms);
    if !changes.is_empty() {
        let why = format!("another start was authorized: {changes}");
        let way = "start what was authorized, or have this authorized";
        return Err(Denial::new(Rule::StartChanged, why, way));
    }
    check_window(asked, doing.time)?;
    let mut running = state.registry.open_runs();
    if let Some(other) = running.find(|one| one.start.authorized == start.authorized) {
        let why = format!(
            "run {} of this authorization has not ended",
            other.start.run
        );
        let way = "stop it first (counterfoil run stop RUN), or authorize another start";
        return Err(Denial::new(Rule::StartRunning, why, way));
    }
    state.registry.may_start(&terms.set)?;
    state.check_policy(&terms.set)?;
    state.check_limits_of(terms)?;
    state.check_killed(&start.run, &terms.account)?;
    asked_policy(state, doing, (start.authorized, asked))?;
    state.check_budget(&terms.owner, doing.time)
}

/// The policy passed the start lately, and not by the word of the component's author.
fn asked_policy(
    state: &State,
    doing: Doing<'_>,
    (authorized, asked): (u64, &Authorization),
) -> Verdict {
    let component = state.registry.component(&asked.terms.set.component)?;
    let author = Some(&component.submitted.by);
    let (index, said) = state.check_verdict(Gate::Start, asked.digest(), author)?;
    let over = said.deed.time.0.saturating_add(START_VERDICT_NANOS_MAX);
    if index > authorized && doing.time.0 < over {
        let (component, account) = (&asked.terms.set.component, &asked.terms.account);
        return state.check_excepted((index, doing.time), Some(component), Some(account));
    }
    let why = format!("the verdict of record {index} is older than an hour, or than what it is on");
    let way = "ask the policy again and record its verdict";
    Err(Denial::new(Rule::VerdictStale, why, way))
}

/// The window of an authorization is open.
fn check_window(found: &Authorization, time: UnixNanos) -> Verdict {
    let (from, until) = (found.not_before, found.not_after);
    if from <= time && time < until {
        return Ok(());
    }
    let seconds = |from: UnixNanos, until: UnixNanos| until.0.saturating_sub(from.0) / SECOND_NANOS;
    let why = if time < from {
        let left = seconds(time, from);
        format!("its window is not open yet: it opens in {left} s")
    } else {
        format!("its window is over since {} s", seconds(until, time))
    };
    let way = "start within the window, or authorize another";
    Err(Denial::new(Rule::StartWindow, why, way))
}

pub(super) fn is_service(state: &State, id: &Id) -> bool {
    let principal = state.principals.get(id);
    principal.is_some_and(|one| one.kind == Kind::Service)
}

fn service(state: &State, doing: Doing<'_>) -> Verdict {
    if is_service(state, doing.by) {
        return Ok(());
    }
    let services = state
        .principals
        .iter()
        .filter(|(_, one)| one.kind == Kind::Service);
    let names: Vec<_> = services.map(|(id, _)| id.as_str()).collect();
    let why = format!(
        "{} is a person, and runs are started and ended by a service",
        doing.by
    );
    let who = format!("who could do it (service): {}", names.join(", "));
    Err(Denial::new(Rule::ServiceOnly, why, who))
}

pub(super) fn end(state: &State, doing: Doing<'_>, end: &RunEnd) -> Verdict {
    service(state, doing)?;
    told(&end.reason)?;
    let found = known_run(state, &end.run)?;
    let Some((_, deed)) = &found.ended else {
        return Ok(());
    };
    let why = format!("run {} ended with record {}", end.run, deed.index);
    Err(Denial::new(Rule::RunEnded, why, "nothing is left to do"))
}

fn known_run<'a>(state: &'a State, run: &Digest) -> Result<&'a crate::registry::Started, Denial> {
    state.registry.runs.get(run).ok_or_else(|| {
        let why = format!("run {run} was not started");
        Denial::new(
            Rule::RunUnknown,
            why,
            "counterfoil ledger search --act run-start shows those that were",
        )
    })
}

/// Whoever watches may stop, and so may a service; stopping early does no harm.
pub(super) fn kill(state: &State, doing: Doing<'_>, (scope, reason): (&Scope, &str)) -> Verdict {
    const MAY: [Role; 4] = [
        Role::Operator,
        Role::Approver,
        Role::Compliance,
        Role::Administrator,
    ];
    if !is_service(state, doing.by) && !MAY.iter().any(|role| state.has_role(doing.by, *role)) {
        let why = format!("{} has no role in which runs are stopped", doing.by);
        let who = state.who(&MAY, doing.time, &[doing.by]);
        return Err(Denial::new(Rule::RoleMissing, why, who));
    }
    told(reason)?;
    if let Scope::Run(run) = scope {
        known_run(state, run)?;
    }
    Ok(())
}

/// Who stopped it does not say that it may go on.
pub(super) fn kill_lift(state: &State, doing: Doing<'_>, (killed, reason): (u64, &str)) -> Verdict {
    let found = state.kills.get(&killed).filter(|one| one.lifted.is_none());
    let Some(found) = found else {
        let why = format!("record {killed} throws no kill switch that is still thrown");
        let way = "counterfoil ledger search --act kill shows those that were thrown";
        return Err(Denial::new(Rule::KillUnknown, why, way));
    };
    told(reason)?;
    if found.deed.by != *doing.by {
        return Ok(());
    }
    let why = format!("{} threw this kill switch", doing.by);
    let who = state.who_signs(crate::act::Class::Operations, doing.time, &[doing.by]);
    Err(Denial::new(Rule::DutyKill, why, who))
}

/// Nobody is given what they use by themselves.
pub(super) fn budget_set(state: &State, doing: Doing<'_>, budget: &Budget) -> Verdict {
    own_budget(state, doing, &budget.of)
}

pub(super) fn budget_excess(
    state: &State,
    doing: Doing<'_>,
    (of, until, reason): (&Payer, UnixNanos, &str),
) -> Verdict {
    told(reason)?;
    let longest = doing.time.0.saturating_add(EXCESS_NANOS_MAX);
    if until <= doing.time || until.0 > longest {
        let why = "the excess is over before it begins, or lasts longer than seven days";
        let way = "approve it for seven days at most, or change the budget";
        return Err(Denial::new(Rule::BudgetUnfit, why, way));
    }
    if !state.books.budgets.contains_key(of) {
        let why = format!("{of} has no budget to be over");
        return Err(Denial::new(Rule::BudgetUnfit, why, "nothing is needed"));
    }
    own_budget(state, doing, of)
}

fn own_budget(state: &State, doing: Doing<'_>, of: &Payer) -> Verdict {
    let mine = match of {
        Payer::Owner(owner) => owner == doing.by,
        Payer::Team(_) => state.books.payers(doing.by).contains(of),
    };
    if !mine {
        return Ok(());
    }
    let why = format!(
        "{} would decide on the budget of {of}, which is their own",
        doing.by
    );
    let who = state.who_signs(crate::act::Class::Operations, doing.time, &[doing.by]);
    Err(Denial::new(Rule::DutyBudget, why, who))
}

/// A run's use is the use of whoever it was started for.
pub(super) fn usage(state: &State, doing: Doing<'_>, usage: &Usage) -> Verdict {
    if !is_service(state, doing.by) && !state.has_role(doing.by, Role::Operator) {
        let why = format!("{} is neither a service nor an operator", doing.by);
        let who = state.who(&[Role::Operator], doing.time, &[doing.by]);
        return Err(Denial::new(Rule::RoleMissing, why, who));
    }
    let started = state.registry.runs.get(&usage.run);
    let owner = started.map_or(&usage.owner, |one| &one.start.terms.owner);
    if *owner == usage.owner {
        return Ok(());
    }
    let why = format!("run {} is {owner}'s, not {}'s", usage.run, usage.owner);
    let way = "record its use with its own owner";
    Err(Denial::new(Rule::UsageOwner, why, way))
}
