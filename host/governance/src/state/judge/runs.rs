//! Judges limits, starts, ends, kill switches and budgets. It must never change the state.

use counterfoil_trading::time::UnixNanos;

use super::{ActContext, Judgment, LedgerState, check_reason};
use crate::act::{
    ANCHORS_MAX, BudgetHolder, KillScope, NOT_STARTED, RunAnchor, RunEnd, RunResume, RunStart,
    StartAuthorization, Usage, UsageBudget, account_digest,
};
use crate::id::Id;
use crate::registry::RegisteredRun;
use crate::role::{PrincipalKind, Role};
use crate::rule::{Denial, Rule};
use crate::state::EXCESS_NANOS_MAX;
use counterfoil_base::digest::Digest;
use counterfoil_base::gate::Gate;
use counterfoil_journal::consistency::TreeHead;

/// The longest window of an authorization, in nanoseconds: 30 days.
const WINDOW_NANOS_MAX: i64 = 30 * 86_400 * 1_000_000_000;

/// A second, in nanoseconds.
const SECOND_NANOS: i64 = 1_000_000_000;

/// How long a verdict at the gate for starts counts, in nanoseconds: an hour, since the exceptions,
/// retrospectives and limits that it judged keep changing.
const START_VERDICT_NANOS_MAX: i64 = 3_600 * 1_000_000_000;

/// Limits must be those that the policy in force gave last for exactly this account.
pub(super) fn limits_set(
    state: &LedgerState,
    context: ActContext<'_>,
    account: &Id,
    limits: Digest,
    verdict: u64,
) -> Judgment {
    let (index, record) = state.check_verdict(Gate::Limits, account_digest(account), None)?;
    // Only the last verdict: an earlier one may have given wider limits than the policy gives now.
    if index != verdict {
        let why = format!("the last verdict on {account} is in record {index}, not {verdict}");
        let hint = "propose the limits of the last verdict";
        return Err(Denial::new(Rule::VerdictStale, why, hint));
    }
    if record.verdict.limits == Some(limits) {
        return state.check_excepted(index, context.time, None, Some(account));
    }
    let gave = record
        .verdict
        .limits
        .map_or_else(String::new, |digest| digest.to_string());
    let why = format!("the policy gave the limits {gave}, not {limits}");
    let hint = "propose the limits of the verdict";
    Err(Denial::new(Rule::LimitsChanged, why, hint))
}

pub(super) fn authorize(
    state: &LedgerState,
    context: ActContext<'_>,
    asked: &StartAuthorization,
) -> Judgment {
    state.check_setup()?;
    let (from, until) = (asked.not_before, asked.not_after);
    let longest = from.0.saturating_add(WINDOW_NANOS_MAX);
    // Bounded, so that a forgotten authorization cannot start a run months later.
    if until <= context.time || until <= from || until.0 > longest {
        let wrong = if until <= from {
            "is empty"
        } else if until <= context.time {
            "is over"
        } else {
            "is longer than 30 days"
        };
        let why = format!("the window {wrong}");
        let hint = "authorize a window in the future, 30 days at most";
        return Err(Denial::new(Rule::StartWindow, why, hint));
    }
    let terms = &asked.terms;
    state.registry.may_start(&terms.set)?;
    state.check_policy(&terms.set)?;
    state.check_limits_of(terms)
}

pub(super) fn withdraw(state: &LedgerState, authorized: u64, reason: &str) -> Judgment {
    state.authorized(authorized)?;
    check_reason(reason)
}

/// A service starts a run, on exactly the authorized terms, while everything they rest on is still valid.
pub(super) fn start(state: &LedgerState, context: ActContext<'_>, start: &RunStart) -> Judgment {
    service(state, context)?;
    state.check_setup()?;
    // A run id names one journal. A second start under it would fork the history that replay checks.
    if state.registry.runs.contains_key(&start.run) {
        let why = format!("run {} was started before", start.run);
        let hint = "use a new start nonce in its manifest";
        return Err(Denial::new(Rule::RunExists, why, hint));
    }
    let found = state.authorized(start.authorized)?;
    let (asked, terms) = (&found.authorization, &start.terms);
    let changes = asked.terms.changes(terms);
    if !changes.is_empty() {
        let why = format!("another start was authorized: {changes}");
        let hint = "start what was authorized, or have this authorized";
        return Err(Denial::new(Rule::StartChanged, why, hint));
    }
    check_window(asked, context.time)?;
    // Two runners could hold the same authorization: the second start would trade the account twice.
    let mut running = state.registry.open_runs();
    if let Some(other) = running.find(|run| run.start.authorized == start.authorized) {
        let why = format!(
            "run {} of this authorization has not ended",
            other.start.run
        );
        let hint = "stop it first (counterfoil run stop RUN), or authorize another start";
        return Err(Denial::new(Rule::StartRunning, why, hint));
    }
    // Everything is checked again: between the authorization and the start a component may be archived,
    // a policy replaced, limits lowered, or a switch thrown.
    state.registry.may_start(&terms.set)?;
    state.check_policy(&terms.set)?;
    state.check_limits_of(terms)?;
    state.check_killed(&start.run, &terms.account)?;
    asked_policy(state, context, start.authorized, asked)?;
    state.check_budget(&terms.owner, context.time)
}

/// Checks that the policy passed the start within the last hour, by a verdict that the component's author
/// did not record.
fn asked_policy(
    state: &LedgerState,
    context: ActContext<'_>,
    authorized: u64,
    asked: &StartAuthorization,
) -> Judgment {
    let component = state.registry.component(&asked.terms.set.component)?;
    let author = Some(&component.submitted.by);
    let (index, record) = state.check_verdict(Gate::Start, asked.digest(), author)?;
    let over = record
        .record_ref
        .time
        .0
        .saturating_add(START_VERDICT_NANOS_MAX);
    if index > authorized && context.time.0 < over {
        let (component, account) = (&asked.terms.set.component, &asked.terms.account);
        return state.check_excepted(index, context.time, Some(component), Some(account));
    }
    let why = format!(
        "the verdict of record {index} is older than an hour, or older than the authorization"
    );
    let hint = "evaluate the policy again and record its verdict";
    Err(Denial::new(Rule::VerdictStale, why, hint))
}

/// Checks that the authorization's window is open.
fn check_window(found: &StartAuthorization, time: UnixNanos) -> Judgment {
    let (from, until) = (found.not_before, found.not_after);
    if from <= time && time < until {
        return Ok(());
    }
    let seconds = |from: UnixNanos, until: UnixNanos| until.0.saturating_sub(from.0) / SECOND_NANOS;
    let why = if time < from {
        let left = seconds(time, from);
        format!("its window is not open yet: it opens in {left} s")
    } else {
        format!("its window ended {} s ago", seconds(until, time))
    };
    let hint = "start within the window, or authorize another";
    Err(Denial::new(Rule::StartWindow, why, hint))
}

pub(super) fn is_service(state: &LedgerState, id: &Id) -> bool {
    let principal = state.principals.get(id);
    principal.is_some_and(|principal| principal.kind == PrincipalKind::Service)
}

fn service(state: &LedgerState, context: ActContext<'_>) -> Judgment {
    if is_service(state, context.by) {
        return Ok(());
    }
    let services = state
        .principals
        .iter()
        .filter(|(_, principal)| principal.kind == PrincipalKind::Service);
    let names: Vec<_> = services.map(|(id, _)| id.as_str()).collect();
    let why = format!(
        "{} is a person, and only a service starts and ends runs",
        context.by
    );
    let who = format!("who could do it (service): {}", names.join(", "));
    Err(Denial::new(Rule::ServiceOnly, why, who))
}

pub(super) fn resume(state: &LedgerState, context: ActContext<'_>, resume: &RunResume) -> Judgment {
    service(state, context)?;
    let found = known_run(state, &resume.run)?;
    not_ended(found, &resume.run)?;
    // Asked again here: between the caller's check and this record somebody may have thrown a switch.
    state.check_killed(&resume.run, &found.start.terms.account)?;
    // Before anything is sent: a run whose order log is gone would send its orders again, and could never end.
    logs_grew(found, resume.execution, resume.journal, resume.orders)
}

/// Judges that each open run's logs are what they were before, or longer. An anchor of fewer entries, or of another
/// root over as many, would be evidence for a journal that was exchanged.
pub(super) fn anchor(
    state: &LedgerState,
    context: ActContext<'_>,
    anchored: &[RunAnchor],
) -> Judgment {
    service(state, context)?;
    if anchored.is_empty() || anchored.len() > ANCHORS_MAX {
        let why = format!("it anchors {} runs", anchored.len());
        let hint = "1 to 400 runs belong into one record";
        return Err(Denial::new(Rule::AnchorUnfit, why, hint));
    }
    let mut earlier = None;
    for one in anchored {
        // In one order and each once: of two anchors of a run in one record, nobody could say which is later.
        if earlier.is_some_and(|earlier| earlier >= one.run) {
            let why = format!("run {} is not in its place by run id", one.run);
            let hint = "name each run once, in the order of their ids";
            return Err(Denial::new(Rule::AnchorUnfit, why, hint));
        }
        earlier = Some(one.run);
        state.check_anchor(one)?;
    }
    Ok(())
}

impl LedgerState {
    /// Checks that an anchor's run is open and that its logs are what they were before, or longer.
    ///
    /// # Errors
    ///
    /// Returns the [`Denial`] that an act with this anchor would get.
    pub fn check_anchor(&self, anchor: &RunAnchor) -> Result<(), Denial> {
        let found = known_run(self, &anchor.run)?;
        not_ended(found, &anchor.run)?;
        logs_grew(found, anchor.execution, anchor.journal, anchor.orders)
    }
}

/// What the ledger knows of a log from before, and the record that says so.
struct SeenLog {
    head: TreeHead,
    index: u64,
}

fn logs_grew(
    found: &RegisteredRun,
    execution: u64,
    journal: TreeHead,
    orders: TreeHead,
) -> Judgment {
    let mut resumed = found.resumed.iter().rev();
    let resumed = resumed.find(|(one, _)| one.execution == execution);
    let resumed = resumed.map(|(one, by)| (by.index, one.journal, one.orders));
    let mut anchored = found.anchors.iter().rev();
    let anchored = anchored.find(|(one, _)| one.execution == execution);
    let anchored = anchored.map(|(one, by)| (by.index, one.journal, one.orders));
    // Records are judged in their sequence, so the newer of the two holds what the older one held.
    let newer = resumed.into_iter().chain(anchored);
    let Some((index, had_journal, had_orders)) = newer.max_by_key(|(index, ..)| *index) else {
        return Ok(());
    };
    let seen = |head| SeenLog { head, index };
    not_rolled_back("journal", &seen(had_journal), journal)?;
    not_rolled_back("order log", &seen(had_orders), orders)
}

/// A log only grows: one that is shorter than before was rolled back, and one that is as long holds the same.
fn not_rolled_back(log: &str, seen: &SeenLog, now: TreeHead) -> Judgment {
    let (index, had, size) = (seen.index, seen.head.size, now.size);
    let why = if had > size {
        format!("the {log} has {size} signed entries, and had {had} by record {index}")
    } else if seen.head.size == size && seen.head.root != now.root {
        format!("the {log} has other entries than by record {index}, which are as many")
    } else {
        return Ok(());
    };
    let hint = "its folder was set back: restore the later logs";
    Err(Denial::new(Rule::RunRolledBack, why, hint))
}

pub(super) fn end(state: &LedgerState, context: ActContext<'_>, end: &RunEnd) -> Judgment {
    service(state, context)?;
    check_reason(&end.reason)?;
    let found = known_run(state, &end.run)?;
    // One end for each run: a second one could anchor another journal under the same run id.
    not_ended(found, &end.run)?;
    // A run that wrote nothing did not start, and one that started has at least entry 0.
    if (end.journal.size == 0) != (end.reason == NOT_STARTED) {
        let why = format!(
            "a journal of {} entries does not go with the reason {}",
            end.journal.size, end.reason
        );
        let hint = "end a run without a journal as not-started, and no other";
        return Err(Denial::new(Rule::AnchorUnfit, why, hint));
    }
    logs_grew(found, end.execution, end.journal, end.orders)
}

/// Nothing follows the end of a run: what it decided is anchored.
fn not_ended(found: &RegisteredRun, run: &Digest) -> Judgment {
    let Some((_, record_ref)) = &found.ended else {
        return Ok(());
    };
    let why = format!("run {run} ended with record {}", record_ref.index);
    Err(Denial::new(Rule::RunEnded, why, "nothing is left to do"))
}

fn known_run<'a>(state: &'a LedgerState, run: &Digest) -> Result<&'a RegisteredRun, Denial> {
    state.registry.runs.get(run).ok_or_else(|| {
        let why = format!("run {run} was not started");
        Denial::new(
            Rule::RunUnknown,
            why,
            "counterfoil ledger search --act run-start lists those that were",
        )
    })
}

/// Any role that watches over runs may stop them, and so may a service.
pub(super) fn kill(
    state: &LedgerState,
    context: ActContext<'_>,
    scope: &KillScope,
    reason: &str,
) -> Judgment {
    const MAY: [Role; 4] = [
        Role::Operator,
        Role::Approver,
        Role::Compliance,
        Role::Administrator,
    ];
    if !is_service(state, context.by) && !MAY.iter().any(|role| state.has_role(context.by, *role)) {
        let why = format!("{} has no role that may stop runs", context.by);
        let who = state.who(&MAY, context.time, &[context.by]);
        return Err(Denial::new(Rule::RoleMissing, why, who));
    }
    check_reason(reason)?;
    // A kill needs no second signature: it only stops, and a wrong one costs less than a late one.
    if let KillScope::Run(run) = scope {
        known_run(state, run)?;
    }
    Ok(())
}

/// The principal who threw a kill switch may not lift it.
pub(super) fn kill_lift(
    state: &LedgerState,
    context: ActContext<'_>,
    killed: u64,
    reason: &str,
) -> Judgment {
    let found = state
        .kills
        .get(&killed)
        .filter(|kill| kill.lifted.is_none());
    let Some(found) = found else {
        let why = format!("record {killed} is not a kill switch that is on");
        let hint = "counterfoil ledger search --act kill lists them";
        return Err(Denial::new(Rule::KillUnknown, why, hint));
    };
    check_reason(reason)?;
    if found.record_ref.by != *context.by {
        return Ok(());
    }
    let why = format!("{} threw this kill switch", context.by);
    let who = state.who_signs(
        crate::act::ApprovalClass::Operations,
        context.time,
        &[context.by],
    );
    Err(Denial::new(Rule::DutyKill, why, who))
}

/// A principal may not set the budget that applies to them.
pub(super) fn budget_set(
    state: &LedgerState,
    context: ActContext<'_>,
    budget: &UsageBudget,
) -> Judgment {
    own_budget(state, context, &budget.of)
}

pub(super) fn budget_excess(
    state: &LedgerState,
    context: ActContext<'_>,
    of: &BudgetHolder,
    until: UnixNanos,
    reason: &str,
) -> Judgment {
    check_reason(reason)?;
    let longest = context.time.0.saturating_add(EXCESS_NANOS_MAX);
    if until <= context.time || until.0 > longest {
        let why = "the excess ends before it begins, or lasts longer than seven days";
        let hint = "approve it for seven days at most, or change the budget";
        return Err(Denial::new(Rule::BudgetUnfit, why, hint));
    }
    if !state.books.budgets.contains_key(of) {
        let why = format!("{of} has no budget to exceed");
        let hint = "no excess is needed: without a budget nothing is limited";
        return Err(Denial::new(Rule::BudgetUnfit, why, hint));
    }
    own_budget(state, context, of)
}

fn own_budget(state: &LedgerState, context: ActContext<'_>, of: &BudgetHolder) -> Judgment {
    let is_own = match of {
        BudgetHolder::Owner(owner) => owner == context.by,
        BudgetHolder::Team(_) => state.books.payers(context.by).contains(of),
    };
    if !is_own {
        return Ok(());
    }
    let why = format!("{} may not decide on their own budget, {of}", context.by);
    let who = state.who_signs(
        crate::act::ApprovalClass::Operations,
        context.time,
        &[context.by],
    );
    Err(Denial::new(Rule::DutyBudget, why, who))
}

/// A run's usage counts for the owner it was started for.
pub(super) fn usage(state: &LedgerState, context: ActContext<'_>, usage: &Usage) -> Judgment {
    if !is_service(state, context.by) && !state.has_role(context.by, Role::Operator) {
        let why = format!("{} is neither a service nor an operator", context.by);
        let who = state.who(&[Role::Operator], context.time, &[context.by]);
        return Err(Denial::new(Rule::RoleMissing, why, who));
    }
    // The owner of the start decides: a service must not book one owner's use on another owner's budget.
    let started = state.registry.runs.get(&usage.run);
    let owner = started.map_or(&usage.owner, |run| &run.start.terms.owner);
    if *owner == usage.owner {
        return Ok(());
    }
    let why = format!(
        "run {} belongs to {owner}, not to {}",
        usage.run, usage.owner
    );
    let hint = "record its usage under its owner";
    Err(Denial::new(Rule::UsageOwner, why, hint))
}
