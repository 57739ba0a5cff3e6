//! Reports from the state: usage of a day, and the health of the evidence. They must never change anything,
//! nor read a clock.

use std::collections::{BTreeMap, BTreeSet};

use counterfoil_trading::time::UnixNanos;

use crate::registry::ComponentStage;
use crate::state::{LedgerState, day_of};
use counterfoil_base::digest::Digest;
use counterfoil_base::gate::GateOutcome;

/// Summed usage.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct UsageTotals {
    pub runs: u64,
    pub fuel: u64,
    /// Wall time, in nanoseconds.
    pub wall_nanos: u64,
    /// Bytes that those runs stored, by the last usage record of each.
    pub bytes: u64,
}

/// The usage of one day of UTC.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct DailyUsage {
    /// The day, counted from 1970-01-01.
    pub day: i64,
    pub owners: BTreeMap<String, UsageTotals>,
    /// By team, as the teams are now; an owner in two teams counts in both.
    pub teams: BTreeMap<String, UsageTotals>,
    /// By tag; a run with two tags counts under both.
    pub tags: BTreeMap<String, UsageTotals>,
}

/// The usage of a day, see [`day_of`].
#[must_use]
pub fn daily_usage(state: &LedgerState, day: i64) -> DailyUsage {
    let (mut owners, mut teams, mut tags) = (
        UsageSums::default(),
        UsageSums::default(),
        UsageSums::default(),
    );
    let books = state.books();
    let of_day = |record_ref: &crate::registry::RecordRef| day_of(record_ref.time) == day;
    for (usage, _) in books
        .usages
        .iter()
        .filter(|(_, record_ref)| of_day(record_ref))
    {
        owners.add(usage.owner.as_str(), usage);
        for (team, members) in &books.teams {
            if members.contains(&usage.owner) {
                teams.add(team.as_str(), usage);
            }
        }
        for tag in &usage.tags {
            tags.add(tag, usage);
        }
    }
    DailyUsage {
        day,
        owners: owners.used,
        teams: teams.used,
        tags: tags.used,
    }
}

/// What is used of a budget at a time: open runs, fuel and wall time of the day, stored bytes. A start is
/// denied by `budget.over` when one of them reaches the budget.
#[must_use]
pub fn standing(
    state: &LedgerState,
    of: &crate::act::BudgetHolder,
    time: UnixNanos,
) -> UsageTotals {
    state.standing_use(of, time)
}

#[derive(Default)]
struct UsageSums {
    used: BTreeMap<String, UsageTotals>,
    /// The bytes of each run that was counted under a name.
    runs: BTreeMap<(String, Digest), u64>,
}

impl UsageSums {
    fn add(&mut self, name: &str, usage: &crate::act::Usage) {
        let used = self.used.entry(name.to_owned()).or_default();
        used.fuel = used.fuel.saturating_add(usage.fuel);
        used.wall_nanos = used.wall_nanos.saturating_add(usage.wall_nanos);
        let run = (name.to_owned(), usage.run);
        // Stored bytes are a level: a run's later record replaces its earlier one, while fuel and time add up.
        match self.runs.insert(run, usage.bytes) {
            None => used.runs = used.runs.saturating_add(1),
            Some(before) => used.bytes = used.bytes.saturating_sub(before),
        }
        used.bytes = used.bytes.saturating_add(usage.bytes);
    }
}

/// What is open, expired or incomplete and needs attention.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct EvidenceHealth {
    /// Exceptions in force, by the entry that granted them.
    pub exceptions: BTreeSet<u64>,
    /// Break-glass that is open, by the entry that broke it.
    pub break_glass: BTreeSet<u64>,
    /// Break-glass that is over and whose retrospective is not signed.
    pub retrospectives: BTreeSet<u64>,
    /// Expired keys that were not rotated or revoked, with their owners.
    pub keys_expired: BTreeSet<String>,
    /// Principals with a role but no valid key.
    pub keyless: BTreeSet<String>,
    /// Components in use whose evidence is not complete.
    pub evidence_missing: BTreeSet<Digest>,
    /// Components whose last promotion was under another policy than the one in force.
    pub policy_old: BTreeSet<Digest>,
    /// Failed verdicts that are the last on their subject.
    pub verdicts_failed: BTreeSet<u64>,
    /// Changes that wait for signatures.
    pub changes: BTreeSet<u64>,
    /// Kill switches that are on.
    pub kills: BTreeSet<u64>,
    /// Open differences between the ledger and the machine.
    pub drifts: BTreeSet<u64>,
    /// Runs that have not ended.
    pub runs_open: BTreeSet<Digest>,
    /// Acts denied since the ledger began.
    pub denials: u64,
}

impl EvidenceHealth {
    /// The number of items that need attention; open runs and past denials do not count.
    #[must_use]
    pub fn open_items(&self) -> usize {
        let entries = [
            &self.exceptions,
            &self.break_glass,
            &self.retrospectives,
            &self.verdicts_failed,
            &self.changes,
            &self.kills,
            &self.drifts,
        ];
        let entries = entries.iter().map(|set| set.len());
        let others = [
            self.keys_expired.len(),
            self.keyless.len(),
            self.evidence_missing.len(),
            self.policy_old.len(),
        ];
        entries.chain(others).sum()
    }
}

/// The health of the evidence at a time.
#[must_use]
pub fn health(state: &LedgerState, time: UnixNanos) -> EvidenceHealth {
    let entries = |all: &mut dyn Iterator<Item = u64>| all.collect::<BTreeSet<u64>>();
    let broken = || state.broken().iter();
    let open = broken().filter(|(_, glass)| glass.open(time));
    let owed = broken().filter(|(_, glass)| !glass.open(time) && glass.retrospective.is_none());
    let held = state
        .exceptions()
        .iter()
        .filter(|(_, exception)| exception.holds(time));
    let waiting = state
        .changes()
        .iter()
        .filter(|(_, change)| change.waits(time));
    let drifted = state
        .drifts()
        .iter()
        .filter(|(_, drift)| drift.ended.is_none());
    let thrown = state
        .kills()
        .iter()
        .filter(|(_, kill)| kill.lifted.is_none());
    EvidenceHealth {
        exceptions: entries(&mut held.map(|(index, _)| *index)),
        break_glass: entries(&mut open.map(|(index, _)| *index)),
        retrospectives: entries(&mut owed.map(|(index, _)| *index)),
        changes: entries(&mut waiting.map(|(index, _)| *index)),
        kills: entries(&mut thrown.map(|(index, _)| *index)),
        drifts: entries(&mut drifted.map(|(index, _)| *index)),
        verdicts_failed: verdicts_failed(state),
        runs_open: state
            .registry()
            .open_runs()
            .map(|run| run.start.run)
            .collect(),
        denials: state.denials(),
        ..people_and_components(state, time)
    }
}

fn verdicts_failed(state: &LedgerState) -> BTreeSet<u64> {
    let mut last = BTreeMap::new();
    for (index, record) in state.verdicts() {
        let verdict = &record.verdict;
        // Only the last verdict on a subject: a failure that was corrected and passed needs no attention.
        last.insert((verdict.gate, verdict.subject), (*index, verdict.outcome));
    }
    let failed = last
        .into_values()
        .filter(|(_, outcome)| *outcome == GateOutcome::Fail);
    failed.map(|(index, _)| index).collect()
}

fn people_and_components(state: &LedgerState, time: UnixNanos) -> EvidenceHealth {
    let keys = state.keys().iter();
    let expired = keys.filter(|(_, key)| key.ended.is_none() && !key.counts(time));
    let counts = |id: &crate::id::Id| {
        let mut keys = state.keys().values();
        keys.any(|key| key.owner == *id && key.counts(time))
    };
    let people = state.principals().iter();
    let keyless = people.filter(|(id, principal)| !principal.roles.is_empty() && !counts(id));
    let used = || {
        let all = state.registry().components().iter();
        all.filter(|(_, component)| {
            matches!(
                component.stage,
                ComponentStage::Validated | ComponentStage::Approved
            )
        })
    };
    let incomplete = used().filter(|(_, component)| {
        let evidence = component
            .validated
            .as_ref()
            .map(|(evidence, _)| evidence.0.len());
        evidence != Some(crate::act::EvidenceKind::ALL.len())
    });
    let old = used().filter(|(_, component)| {
        let last = component.promotions.last();
        last.is_some_and(|last| Some(last.set.policy) != state.policy())
    });
    EvidenceHealth {
        keys_expired: expired
            .map(|(key, record)| format!("{} {key}", record.owner))
            .collect(),
        keyless: keyless.map(|(id, _)| id.to_string()).collect(),
        evidence_missing: incomplete.map(|(digest, _)| *digest).collect(),
        policy_old: old.map(|(digest, _)| *digest).collect(),
        ..EvidenceHealth::default()
    }
}
