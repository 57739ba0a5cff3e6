//! Budgets: who may use how much, and who says that it may be more.

use super::*;
use crate::report::daily_usage;
use crate::state::{DAY_NANOS, EXCESS_NANOS_MAX};

fn budget(of: BudgetHolder, [fuel, runs, bytes, wall_nanos]: [u64; 4]) -> Act {
    Act::BudgetSet(UsageBudget {
        of,
        fuel,
        runs,
        bytes,
        wall_nanos,
    })
}

fn usage(run: &str, owner: &str, [fuel, wall_nanos, bytes]: [u64; 3], tags: &[&str]) -> Act {
    Act::Usage(Usage {
        run: digest(run),
        owner: id(owner),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        fuel,
        wall_nanos,
        bytes,
    })
}

fn owner() -> BudgetHolder {
    BudgetHolder::Owner(id("team-lead"))
}

fn team() -> BudgetHolder {
    BudgetHolder::Team(id("desk"))
}

#[test]
fn over_budget_nothing_starts_unless_somebody_approves_the_excess() {
    let mut desk = Desk::staffed();
    let set = desk.walk("one");
    desk.give_limits();
    desk.start("run", set).unwrap();
    desk.act("robot", usage("run", "team-lead", [10, 20, 30], &[]))
        .unwrap();
    let rest = u64::MAX;
    for (allowed, part) in [
        ([rest, 1, rest, rest], "1 of 1 runs at once"),
        ([10, rest, rest, rest], "10 of 10 fuel today"),
        ([rest, rest, 30, rest], "30 of 30 stored bytes"),
        (
            [rest, rest, rest, 19],
            "20 of 19 nanoseconds of wall time today",
        ),
    ] {
        desk.act("dan", budget(owner(), allowed)).unwrap();
        let text = desk.not_started("run 2", set, Rule::BudgetOver);
        assert!(
            text.contains(&format!("owner team-lead has used {part}")),
            "{text}"
        );
    }
    let excess = |until| Act::BudgetExcess {
        of: owner(),
        until: UnixNanos(until),
        reason: "the end of the quarter".to_owned(),
    };
    let until = desk.time + 500;
    desk.denied("gus", excess(until), Rule::RoleMissing);
    desk.denied("dan", excess(desk.time), Rule::BudgetUnfit);
    desk.denied(
        "dan",
        excess(desk.time + EXCESS_NANOS_MAX + 9),
        Rule::BudgetUnfit,
    );
    desk.act("dan", excess(until)).unwrap();
    desk.start("run 2", set).unwrap();
    desk.time = until;
    desk.not_started("run 3", set, Rule::BudgetOver);
}

#[test]
fn a_day_begins_anew_and_what_is_stored_stays() {
    let mut desk = Desk::settled();
    let lead = id("team-lead");
    let check = |desk: &Desk, time| desk.ledger.state().check_budget(&lead, UnixNanos(time));
    desk.act("dan", budget(owner(), [100, 9, 50, 100])).unwrap();
    desk.act("robot", usage("a", "team-lead", [60, 0, 20], &[]))
        .unwrap();
    assert!(check(&desk, desk.time).is_ok());
    desk.act("robot", usage("b", "team-lead", [40, 0, 20], &[]))
        .unwrap();
    assert!(check(&desk, desk.time).is_err());
    assert!(check(&desk, DAY_NANOS - 1).is_err());
    assert!(check(&desk, DAY_NANOS).is_ok());
    // What a run holds is what it said last, not the sum of what it said.
    desk.act("robot", usage("b", "team-lead", [0, 0, 29], &[]))
        .unwrap();
    assert!(check(&desk, DAY_NANOS).is_ok());
    desk.act("robot", usage("b", "team-lead", [0, 0, 30], &[]))
        .unwrap();
    assert!(check(&desk, DAY_NANOS).is_err());
    desk.act("robot", usage("a", "team-lead", [0, 0, 0], &[]))
        .unwrap();
    assert!(check(&desk, DAY_NANOS).is_ok());
}

#[test]
fn a_teams_budget_counts_all_its_owners_and_nobody_decides_on_their_own() {
    let mut desk = Desk::settled();
    let members = [id("team-lead"), id("dan")].into();
    let team_set = Act::TeamSet {
        team: id("desk"),
        members,
    };
    desk.denied("gus", team_set.clone(), Rule::RoleMissing);
    desk.act("dan", team_set).unwrap();
    desk.denied("dan", budget(team(), [100, 9, 50, 100]), Rule::DutyBudget);
    desk.denied(
        "dan",
        budget(BudgetHolder::Owner(id("dan")), [1; 4]),
        Rule::DutyBudget,
    );
    desk.change("ada", add("fay", &[Role::Approver], 90), &["amy"])
        .unwrap();
    desk.hands.insert("fay".to_owned(), 90);
    desk.act("fay", budget(team(), [100, 9, 50, 100])).unwrap();
    desk.act("robot", usage("a", "team-lead", [60, 0, 0], &[]))
        .unwrap();
    desk.act("robot", usage("b", "dan", [40, 0, 0], &[]))
        .unwrap();
    let time = UnixNanos(desk.time);
    let state = desk.ledger.state();
    let denial = state.check_budget(&id("team-lead"), time).unwrap_err();
    assert!(
        denial.why.contains("team desk has used 100 of 100 fuel"),
        "{denial}"
    );
    assert!(state.check_budget(&id("fay"), time).is_ok());
}

#[test]
fn use_is_recorded_by_services_and_operators_for_the_runs_own_owner() {
    let mut desk = Desk::staffed();
    let set = desk.walk("one");
    desk.start("run", set).unwrap();
    desk.denied(
        "bob",
        usage("run", "team-lead", [1; 3], &[]),
        Rule::RoleMissing,
    );
    let text = desk.denied("robot", usage("run", "bob", [1; 3], &[]), Rule::UsageOwner);
    assert!(text.contains("belongs to team-lead, not to bob"), "{text}");
    // A backtest was never started here, and is whose its record says.
    desk.act("erin", usage("backtest", "bob", [1; 3], &[]))
        .unwrap();
}

#[test]
fn the_daily_report_sums_by_owner_team_and_tag() {
    let mut desk = Desk::settled();
    let members = [id("bob"), id("carol")].into();
    let team = id("desk");
    desk.act("dan", Act::TeamSet { team, members }).unwrap();
    desk.act("robot", usage("a", "bob", [1, 10, 100], &["btc", "trend"]))
        .unwrap();
    desk.act("robot", usage("a", "bob", [2, 20, 150], &["btc"]))
        .unwrap();
    desk.act("robot", usage("b", "carol", [4, 40, 400], &["trend"]))
        .unwrap();
    desk.time = DAY_NANOS;
    desk.act("robot", usage("c", "bob", [8, 80, 800], &["btc"]))
        .unwrap();
    let report = daily_usage(desk.ledger.state(), 0);
    let row = |part: &BTreeMap<String, crate::report::UsageTotals>, name: &str| {
        let used = part[name];
        [used.runs, used.fuel, used.wall_nanos, used.bytes]
    };
    assert_eq!(row(&report.owners, "bob"), [1, 3, 30, 150]);
    assert_eq!(row(&report.owners, "carol"), [1, 4, 40, 400]);
    assert_eq!(row(&report.teams, "desk"), [2, 7, 70, 550]);
    assert_eq!(row(&report.tags, "btc"), [1, 3, 30, 150]);
    assert_eq!(row(&report.tags, "trend"), [2, 5, 50, 500]);
    assert_eq!(daily_usage(desk.ledger.state(), 1).owners.len(), 1);
    assert!(daily_usage(desk.ledger.state(), 2).owners.is_empty());
}
