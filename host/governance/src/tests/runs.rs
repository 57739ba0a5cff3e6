//! What may be started, by whom, on which terms; and what stops it.

use super::*;

/// A desk where `one` is approved and may start, with the entry that authorizes it.
fn ready() -> (Desk, DigestSet, u64) {
    let mut desk = Desk::staffed();
    let set = desk.walk("one");
    desk.give_limits();
    let authorized = desk.authorize(set).unwrap();
    (desk, set, authorized)
}

fn kill(scope: KillScope) -> Act {
    let reason = "the venue answers twice".to_owned();
    Act::Kill { scope, reason }
}

fn lift(killed: u64) -> Act {
    let reason = "it answers once again".to_owned();
    Act::KillLift { killed, reason }
}

#[test]
fn a_run_starts_only_on_the_terms_that_were_authorized_and_the_message_names_what_changed() {
    let (mut desk, set, authorized) = ready();
    let with = |change: &dyn Fn(&mut RunTerms)| {
        let mut terms = terms(set);
        change(&mut terms);
        let run = digest("run");
        Act::RunStart(RunStart {
            run,
            authorized,
            terms,
            entry_0: Hash([7; 32]),
        })
    };
    let other = || digest("other");
    for (act, name) in [
        (
            with(&|t| t.owner = id("fay")),
            "owner was team-lead, is fay",
        ),
        (
            with(&|t| t.account = id("desk-8")),
            "account was desk-7, is desk-8",
        ),
        (
            with(&|t| t.market = "ETH-USD".to_owned()),
            "market was BTC-USD",
        ),
        (
            with(&|t| t.timeframe = "1m".to_owned()),
            "timeframe was 1h, is 1m",
        ),
        (with(&|t| t.parameters = other()), "parameters was sha256"),
        (with(&|t| t.limits = other()), "account's limits was sha256"),
        (with(&|t| t.set.component = other()), "component was sha256"),
        (with(&|t| t.set.limits = other()), "; limits was sha256"),
    ] {
        let text = desk.denied("robot", act, Rule::StartChanged);
        let one = text.replace("authorized: ", "authorized: ; ");
        assert!(one.contains(name), "{text}");
        assert_eq!(text.matches(" was ").count(), 3, "{text}");
    }
    desk.act("robot", with(&|_| ())).unwrap();
}

#[test]
fn people_authorize_and_services_start() {
    let (mut desk, set, authorized) = ready();
    for who in ["ada", "bob", "dan", "erin"] {
        let text = desk.denied(who, start("run", authorized, set), Rule::ServiceOnly);
        assert!(text.ends_with("(service): robot"), "{text}");
        desk.denied(who, end("run"), Rule::ServiceOnly);
    }
    let asked = authorization(set, desk.time, desk.time + 9);
    desk.denied("robot", Act::StartAuthorize(asked), Rule::RoleMissing);
    desk.denied("robot", start("run", 3, set), Rule::StartUnknown);
    desk.denied("robot", end("run"), Rule::RunUnknown);
    desk.act("robot", start("run", authorized, set)).unwrap();
    desk.denied("robot", start("run", authorized, set), Rule::RunExists);
    let text = desk.denied("robot", start("run 2", authorized, set), Rule::StartRunning);
    assert!(text.contains(&format!("run {}", digest("run"))), "{text}");
    desk.denied("erin", resume("run", None), Rule::ServiceOnly);
    desk.denied("robot", resume("run 2", None), Rule::RunUnknown);
    desk.act("robot", resume("run", Some(id("erin")))).unwrap();
    // A journal with fewer entries than before was set back.
    let back = Act::RunResume(RunResume {
        run: digest("run"),
        execution: 1,
        journal: head(6, "six"),
        orders: head(1, "one"),
        asked_by: None,
    });
    let text = desk.denied("robot", back, Rule::RunRolledBack);
    assert!(text.contains("6 signed entries, and had 7"), "{text}");
    desk.act("robot", end("run")).unwrap();
    desk.denied("robot", end("run"), Rule::RunEnded);
    desk.denied("robot", resume("run", None), Rule::RunEnded);
    desk.act("robot", start("run 2", authorized, set)).unwrap();
    let run = &desk.ledger.state().registry().runs()[&digest("run")];
    let (anchor, _) = run.ended.as_ref().unwrap();
    assert_eq!(anchor.journal, head(12, "root"));
    let resumed = run.resumed.iter().map(|(one, _)| one.asked_by.clone());
    assert_eq!(resumed.collect::<Vec<_>>(), [Some(id("erin"))]);
}

#[test]
fn an_authorization_has_a_window_and_can_be_withdrawn() {
    let (mut desk, set, authorized) = ready();
    let withdraw = |authorized| Act::StartWithdraw {
        authorized,
        reason: "not today".to_owned(),
    };
    desk.denied("bob", withdraw(authorized), Rule::RoleMissing);
    desk.act("gus", withdraw(authorized)).unwrap();
    desk.denied("gus", withdraw(authorized), Rule::StartWithdrawn);
    let text = desk.denied("robot", start("run", authorized, set), Rule::StartWithdrawn);
    assert!(
        text.contains("gus withdrew the authorization: not today"),
        "{text}"
    );
    let now = desk.time;
    let mut asked = authorization(set, now + 50, now + 60);
    let authorized = desk
        .act("erin", Act::StartAuthorize(asked.clone()))
        .unwrap();
    desk.act("robot", pass_at(Gate::Start, asked.digest(), None))
        .unwrap();
    let text = desk.denied("robot", start("run", authorized, set), Rule::StartWindow);
    assert!(text.contains("not open yet"), "{text}");
    desk.time = now + 59;
    let text = desk.denied("robot", start("run", authorized, set), Rule::StartWindow);
    assert!(text.contains("its window ended"), "{text}");
    asked.not_before = asked.not_after;
    desk.denied(
        "erin",
        Act::StartAuthorize(asked.clone()),
        Rule::StartWindow,
    );
    asked.not_after = UnixNanos(i64::MAX);
    desk.denied("erin", Act::StartAuthorize(asked), Rule::StartWindow);
}

#[test]
fn the_policy_is_asked_for_every_start_and_its_word_is_fresh() {
    let mut desk = Desk::staffed();
    let set = desk.walk("one");
    desk.give_limits();
    let asked = authorization(set, desk.time, desk.time + 1 + 4_000_000_000_000);
    let subject = asked.digest();
    desk.act("robot", pass_at(Gate::Start, subject, None))
        .unwrap();
    let authorized = desk.act("erin", Act::StartAuthorize(asked)).unwrap();
    let go = start("run", authorized, set);
    // Asked before there was anything to ask about; then by the author alone; then failed.
    desk.denied("robot", go.clone(), Rule::VerdictStale);
    desk.act("bob", pass_at(Gate::Start, subject, None))
        .unwrap();
    desk.denied("robot", go.clone(), Rule::VerdictStale);
    let Act::Verdict(mut failed) = fail(set) else {
        panic!()
    };
    (failed.gate, failed.subject) = (Gate::Start, subject);
    desk.act("robot", Act::Verdict(failed)).unwrap();
    desk.denied("robot", go.clone(), Rule::VerdictFailed);
    desk.act("robot", pass_at(Gate::Start, subject, None))
        .unwrap();
    desk.time += 3_600_000_000_000;
    desk.denied("robot", go.clone(), Rule::VerdictStale);
    desk.act("robot", pass_at(Gate::Start, subject, None))
        .unwrap();
    desk.act("robot", go).unwrap();
}

#[test]
fn what_a_start_rests_on_must_hold_when_it_starts() {
    let (mut desk, set, authorized) = ready();
    let go = start("run", authorized, set);
    // Other limits for the account.
    let account = id("desk-7");
    let limits = digest("tighter");
    let verdict = pass_at(Gate::Limits, account_digest(&account), Some(limits));
    let verdict = desk.act("robot", verdict).unwrap();
    let act = Act::LimitsSet {
        account,
        limits,
        verdict,
    };
    desk.change("dan", act, &["gus"]).unwrap();
    let text = desk.denied("robot", go.clone(), Rule::LimitsChanged);
    assert!(text.contains(&format!("are {limits} since")), "{text}");
    desk.denied(
        "erin",
        Act::StartAuthorize(authorization(set, 0, 9_999)),
        Rule::LimitsChanged,
    );
    desk.change("dan", policy("stricter"), &["gus"]).unwrap();
    desk.denied("robot", go.clone(), Rule::PolicyChanged);
    desk.act("dan", archive("one")).unwrap();
    desk.denied("robot", go, Rule::StageOrder);
}

#[test]
fn limits_are_what_the_policy_gave_last_for_that_account() {
    let mut desk = Desk::settled();
    let account = id("desk-7");
    let subject = account_digest(&account);
    let set = |limits: &str, verdict| Act::LimitsSet {
        account: id("desk-7"),
        limits: digest(limits),
        verdict,
    };
    let propose = |act| Act::ChangePropose { act: Box::new(act) };
    desk.denied("dan", set("a", 0), Rule::ApprovalsMissing);
    desk.denied("bob", propose(set("a", 0)), Rule::RoleMissing);
    desk.denied("erin", propose(set("a", 0)), Rule::VerdictMissing);
    let gave = |limits| pass_at(Gate::Limits, subject, Some(digest(limits)));
    let first = desk.act("robot", gave("a")).unwrap();
    desk.denied("erin", propose(set("b", first)), Rule::LimitsChanged);
    let second = desk.act("robot", gave("b")).unwrap();
    desk.denied("erin", propose(set("a", first)), Rule::VerdictStale);
    // A newer verdict while the change waits: the last signature finds it.
    let proposed = desk.act("erin", propose(set("b", second))).unwrap();
    desk.act("dan", Act::ChangeApprove { proposed }).unwrap();
    let third = desk.act("robot", gave("b")).unwrap();
    desk.denied("gus", Act::ChangeApprove { proposed }, Rule::VerdictStale);
    desk.change("erin", set("b", third), &["dan", "gus"])
        .unwrap();
    assert_eq!(desk.ledger.state().limits()[&account].verdict, third);
}

#[test]
fn a_kill_switch_stops_starts_until_somebody_else_lifts_it() {
    let (mut desk, set, authorized) = ready();
    let go = |run: &str| start(run, authorized, set);
    desk.denied("bob", kill(KillScope::Installation), Rule::RoleMissing);
    desk.denied("gus", kill(KillScope::Run(digest("run"))), Rule::RunUnknown);
    let silent = Act::Kill {
        scope: KillScope::Installation,
        reason: String::new(),
    };
    desk.denied("gus", silent, Rule::ReasonMissing);
    desk.act("robot", kill(KillScope::Account(id("desk-8"))))
        .unwrap();
    for scope in [KillScope::Installation, KillScope::Account(id("desk-7"))] {
        let killed = desk.act("dan", kill(scope)).unwrap();
        let text = desk.denied("robot", go("run"), Rule::KillOn);
        assert!(text.contains("dan threw the kill switch"), "{text}");
        desk.denied("dan", lift(killed), Rule::DutyKill);
        desk.denied("gus", lift(killed), Rule::RoleMissing);
        // Nor by lending somebody their vote.
        let delegation = Delegation {
            class: ApprovalClass::Operations,
            to: id("gus"),
            until: UnixNanos(desk.time + 3),
            reason: "on leave".to_owned(),
        };
        desk.act("dan", Act::Delegate(delegation)).unwrap();
        desk.denied("gus", lift(killed), Rule::DutyDelegation);
        let seed = u8::try_from(100 + killed).unwrap();
        let name = format!("approver-{killed}");
        desk.change("ada", add(&name, &[Role::Approver], seed), &["amy"])
            .unwrap();
        desk.hands.insert(name.clone(), seed);
        desk.act(&name, lift(killed)).unwrap();
        desk.denied(&name, lift(killed), Rule::KillUnknown);
    }
    desk.act("robot", go("run")).unwrap();
    // A runner asks, and goes on asking.
    let state = desk.ledger.state();
    assert!(state.killed(&digest("run"), &id("desk-7")).is_none());
    let killed = desk
        .act("erin", kill(KillScope::Run(digest("run"))))
        .unwrap();
    let state = desk.ledger.state();
    let found = state.killed(&digest("run"), &id("desk-7"));
    assert_eq!(found.map(|(index, _)| index), Some(killed));
    assert!(state.killed(&digest("other"), &id("desk-7")).is_none());
}

#[test]
fn a_killed_run_is_not_resumed() {
    let (mut desk, set, authorized) = ready();
    desk.act("robot", start("run", authorized, set)).unwrap();
    desk.act("erin", kill(KillScope::Run(digest("run"))))
        .unwrap();
    desk.denied("robot", resume("run", None), Rule::KillOn);
}

/// An anchor of one run, by the sizes and roots of its journal and order log.
fn anchored(run: &str, journal: (u64, &str), orders: (u64, &str)) -> RunAnchor {
    RunAnchor {
        run: digest(run),
        execution: 1,
        journal: head(journal.0, journal.1),
        orders: head(orders.0, orders.1),
    }
}

#[test]
fn logs_of_open_runs_only_grow_from_anchor_to_anchor() {
    let (mut desk, set, authorized) = ready();
    desk.act("robot", start("run", authorized, set)).unwrap();
    let one = |journal, orders| Act::RunsAnchor {
        runs: vec![anchored("run", journal, orders)],
    };
    desk.denied("erin", one((7, "a"), (3, "o")), Rule::ServiceOnly);
    desk.act("robot", one((7, "a"), (3, "o"))).unwrap();
    // The same again, and longer.
    desk.act("robot", one((7, "a"), (3, "o"))).unwrap();
    desk.act("robot", one((9, "b"), (3, "o"))).unwrap();
    let table = [
        (
            one((8, "b"), (3, "o")),
            "the journal has 8 signed entries, and had 9",
        ),
        (one((9, "x"), (3, "o")), "the journal has other entries"),
        (
            one((9, "b"), (2, "o")),
            "the order log has 2 signed entries, and had 3",
        ),
        (one((9, "b"), (3, "x")), "the order log has other entries"),
    ];
    for (act, why) in table {
        let text = desk.denied("robot", act, Rule::RunRolledBack);
        assert!(text.contains(why), "{text}");
    }
    // A resumption and an end are held against the anchors as well.
    let text = desk.denied("robot", resume("run", None), Rule::RunRolledBack);
    assert!(text.contains("has 7 signed entries, and had 9"), "{text}");
    let ended = |size, root: &str| {
        Act::RunEnd(RunEnd {
            journal: head(size, root),
            orders: head(3, "o"),
            ..run_end("run")
        })
    };
    desk.denied("robot", ended(9, "x"), Rule::RunRolledBack);
    desk.denied("robot", ended(8, "b"), Rule::RunRolledBack);
    desk.act("robot", ended(9, "b")).unwrap();
    desk.denied("robot", one((9, "b"), (3, "o")), Rule::RunEnded);
    let run = &desk.ledger.state().registry().runs()[&digest("run")];
    assert_eq!(run.anchors.len(), 3);
}

#[test]
fn an_anchor_names_each_run_once_in_the_order_of_ids() {
    let (mut desk, set, authorized) = ready();
    desk.act("robot", start("run", authorized, set)).unwrap();
    let one = |run| anchored(run, (7, "a"), (3, "o"));
    let all = |runs| Act::RunsAnchor { runs };
    desk.denied("robot", all(vec![]), Rule::AnchorUnfit);
    desk.denied(
        "robot",
        all(vec![one("run"), one("run")]),
        Rule::AnchorUnfit,
    );
    desk.denied("robot", all(vec![one("other")]), Rule::RunUnknown);
    desk.denied(
        "robot",
        all(vec![one("run"); ANCHORS_MAX + 1]),
        Rule::AnchorUnfit,
    );
    // As many as may be fit into one entry of a log.
    let mut most = Vec::new();
    let mut far = one("run");
    far.execution = u64::MAX;
    far.journal.size = u64::MAX;
    far.orders.size = u64::MAX;
    all(vec![far; ANCHORS_MAX]).encode(&mut most);
    assert!(most.len() < 65_000, "{}", most.len());
}

#[test]
fn only_a_run_without_a_journal_ends_as_not_started() {
    let (mut desk, set, authorized) = ready();
    desk.act("robot", start("run", authorized, set)).unwrap();
    let ended = |size, reason: &str| {
        Act::RunEnd(RunEnd {
            journal: head(size, "root"),
            reason: reason.to_owned(),
            ..run_end("run")
        })
    };
    desk.denied("robot", ended(1, NOT_STARTED), Rule::AnchorUnfit);
    desk.denied("robot", ended(0, "fault"), Rule::AnchorUnfit);
    desk.act("robot", ended(0, NOT_STARTED)).unwrap();
    // Its authorization is free again.
    desk.act("robot", start("run 2", authorized, set)).unwrap();
}
