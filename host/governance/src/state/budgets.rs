//! Budgets and usage: what each owner used on which day, and whether a budget is exceeded. It must never
//! read the machine: runs report what they use.

use std::collections::{BTreeMap, BTreeSet};

use counterfoil_trading::time::UnixNanos;

use super::LedgerState;
use crate::act::{BudgetHolder, Usage, UsageBudget};
use crate::id::Id;
use crate::registry::RecordRef;
use crate::report::UsageTotals;
use crate::rule::{Denial, Rule};
use counterfoil_base::digest::Digest;

/// The longest excess of a budget, in nanoseconds: seven days, after which the budget itself should be
/// changed.
pub const EXCESS_NANOS_MAX: i64 = 7 * DAY_NANOS;

/// A day of UTC, in nanoseconds.
pub const DAY_NANOS: i64 = 86_400 * 1_000_000_000;

/// The day of UTC of a time, counted from 1970-01-01.
#[must_use]
pub const fn day_of(time: UnixNanos) -> i64 {
    time.0.div_euclid(DAY_NANOS)
}

/// An approved excess of a budget.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ExcessRecord {
    /// When it expires.
    pub until: UnixNanos,
    pub reason: String,
    /// Who approved it.
    pub record_ref: RecordRef,
}

/// Budgets, teams and usage.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct BudgetBooks {
    /// Every budget in force, and who set it.
    pub budgets: BTreeMap<BudgetHolder, (UsageBudget, RecordRef)>,
    pub teams: BTreeMap<Id, BTreeSet<Id>>,
    /// The last approved excess of each.
    pub excesses: BTreeMap<BudgetHolder, ExcessRecord>,
    /// Every usage record, in order.
    pub usages: Vec<(Usage, RecordRef)>,
    /// Fuel and wall time of each owner on each day.
    spent: BTreeMap<(i64, Id), (u64, u64)>,
    /// The bytes that each run stores, and their owner.
    stored: BTreeMap<Digest, (Id, u64)>,
    /// The stored bytes of each owner.
    bytes: BTreeMap<Id, u64>,
}

impl BudgetBooks {
    /// Adds a run's usage; its bytes replace the ones it reported before.
    pub(super) fn add(&mut self, usage: &Usage, record_ref: RecordRef) {
        let day = (day_of(record_ref.time), usage.owner.clone());
        let (fuel, wall) = self.spent.entry(day).or_default();
        *fuel = fuel.saturating_add(usage.fuel);
        *wall = wall.saturating_add(usage.wall_nanos);
        let now = (usage.owner.clone(), usage.bytes);
        // Bytes are a level, not a flow: each report replaces the run's last one. Summed, the same stored bytes
        // would use up the owner's budget report by report.
        if let Some((owner, before)) = self.stored.insert(usage.run, now) {
            let bytes = self.bytes.entry(owner).or_default();
            *bytes = bytes.saturating_sub(before);
        }
        let bytes = self.bytes.entry(usage.owner.clone()).or_default();
        *bytes = bytes.saturating_add(usage.bytes);
        self.usages.push((usage.clone(), record_ref));
    }

    /// The owner and the teams whose budgets a run of this owner counts against.
    pub(super) fn payers(&self, owner: &Id) -> Vec<BudgetHolder> {
        let teams = self
            .teams
            .iter()
            .filter(|(_, members)| members.contains(owner));
        let teams = teams.map(|(team, _)| BudgetHolder::Team(team.clone()));
        let own = core::iter::once(BudgetHolder::Owner(owner.clone()));
        own.chain(teams).collect()
    }

    /// The owners whose usage counts against a budget.
    fn owners(&self, payer: &BudgetHolder) -> BTreeSet<Id> {
        match payer {
            BudgetHolder::Owner(owner) => BTreeSet::from([owner.clone()]),
            BudgetHolder::Team(team) => self.teams.get(team).cloned().unwrap_or_default(),
        }
    }
}

impl LedgerState {
    /// Budgets, teams and usage.
    #[must_use]
    pub const fn books(&self) -> &BudgetBooks {
        &self.books
    }

    /// Checks that the budgets let one more run of this owner start.
    ///
    /// # Errors
    ///
    /// Returns the [`Denial`] `budget.over` that names the budget and what is used up.
    pub fn check_budget(&self, owner: &Id, time: UnixNanos) -> Result<(), Denial> {
        for payer in self.books.payers(owner) {
            let Some((budget, _)) = self.books.budgets.get(&payer) else {
                continue;
            };
            let excess = self.books.excesses.get(&payer);
            // An approved excess lifts the whole budget, not an amount: that is why it ends after seven days
            // at most.
            if excess.is_some_and(|excess| time < excess.until) {
                continue;
            }
            let now = self.standing_use(&payer, time);
            let used = [
                ("runs at once", now.runs, budget.runs),
                ("fuel today", now.fuel, budget.fuel),
                (
                    "nanoseconds of wall time today",
                    now.wall_nanos,
                    budget.wall_nanos,
                ),
                ("stored bytes", now.bytes, budget.bytes),
            ];
            // A budget that is reached is over: one more run would exceed it at once.
            let over = used.into_iter().find(|(_, used, budget)| used >= budget);
            if let Some((what, used, budget)) = over {
                let why = format!("{payer} has used {used} of {budget} {what}");
                let hint = "a member of the class operations approves the excess: counterfoil account budget \
                           excess";
                return Err(Denial::new(Rule::BudgetOver, why, hint));
            }
        }
        Ok(())
    }

    /// What is used of a budget at a time: open runs, fuel and wall time of the day, stored bytes.
    pub(crate) fn standing_use(&self, payer: &BudgetHolder, time: UnixNanos) -> UsageTotals {
        let owners = self.books.owners(payer);
        let sum = |of: &dyn Fn(&Id) -> u64| {
            let all = owners.iter().map(of);
            all.fold(0_u64, u64::saturating_add)
        };
        let spent = |owner: &Id| {
            let day = (day_of(time), owner.clone());
            self.books.spent.get(&day).copied().unwrap_or_default()
        };
        let running = self.registry.open_runs();
        let running = running.filter(|run| owners.contains(&run.start.terms.owner));
        UsageTotals {
            runs: u64::try_from(running.count()).unwrap_or(u64::MAX),
            fuel: sum(&|owner| spent(owner).0),
            wall_nanos: sum(&|owner| spent(owner).1),
            bytes: sum(&|owner| self.books.bytes.get(owner).copied().unwrap_or(0)),
        }
    }
}
