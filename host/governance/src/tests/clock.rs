//! The ledger's clock: a record of a fast clock keeps every act out but those by which two people set it back.

use super::*;
use crate::state::CLOCK_STEP_MAX;

const YEARS: i64 = 200 * 365 * 86_400 * 1_000_000_000;

fn reset(ahead: u64) -> Act {
    Act::ClockReset {
        ahead,
        reason: "the clock of host b was fast".to_owned(),
    }
}

fn propose(act: Act) -> Act {
    Act::ChangePropose { act: Box::new(act) }
}

/// Records a denied act of a clock that is so many nanoseconds fast; returns its record.
fn fast(desk: &mut Desk, nanos: i64) -> u64 {
    let right = desk.time;
    desk.time += nanos;
    desk.denied("bob", validate("one"), Rule::RoleMissing);
    desk.time = right;
    u64::try_from(desk.verified().places.count()).unwrap() - 1
}

/// Asserts that the act is too old to be written at all.
fn kept_out(desk: &mut Desk, who: &str, act: Act) {
    let seed = desk.hands[who];
    desk.time += 1;
    let time = UnixNanos(desk.time);
    let result = desk.ledger.act(time, &id(who), act, &signing_key(seed));
    let text = result.unwrap_err().to_string();
    assert!(text.contains("is back-dated"), "{text}");
    assert!(text.contains("ledger reset-clock"), "{text}");
}

#[test]
fn two_people_set_a_clock_back_that_was_fast() {
    let mut desk = Desk::settled();
    desk.denied("ada", reset(1), Rule::ApprovalsMissing);
    desk.denied("ada", propose(reset(1)), Rule::ClockUnfit);
    // A denied act is enough.
    let ahead = fast(&mut desk, YEARS);
    let clock = desk.ledger.state().clock();
    let kill = Act::Kill {
        scope: KillScope::Installation,
        reason: "now".to_owned(),
    };
    kept_out(&mut desk, "erin", kill.clone());
    kept_out(&mut desk, "ada", propose(policy("other")));
    // Denied or not yet signed, they leave the clock where it is.
    desk.denied("ada", reset(ahead), Rule::ApprovalsMissing);
    desk.denied("bob", propose(reset(ahead)), Rule::RoleMissing);
    for other in [ahead - 1, ahead + 1] {
        desk.denied("ada", propose(reset(other)), Rule::ClockUnfit);
    }
    let leftover = desk.act("amy", propose(reset(ahead))).unwrap();
    let proposed = desk.act("ada", propose(reset(ahead))).unwrap();
    let approve = |proposed| Act::ChangeApprove { proposed };
    desk.denied("ada", approve(proposed), Rule::DutyProposer);
    assert_eq!(desk.ledger.state().clock(), clock);
    kept_out(&mut desk, "erin", kill.clone());
    // Not as of a time at which it was not proposed yet.
    desk.time -= 10;
    desk.denied("amy", approve(proposed), Rule::ChangeOver);
    desk.time += 10;
    desk.act("amy", approve(proposed)).unwrap();
    assert_eq!(desk.ledger.state().clock(), Some(UnixNanos(desk.time)));
    desk.act("erin", kill).unwrap();
    // Once: neither the same signatures nor a proposal that is left over sets it back again.
    desk.denied("amy", approve(proposed), Rule::ChangeOver);
    desk.denied("ada", approve(leftover), Rule::ChangeOver);
    let time = UnixNanos(desk.time - 1);
    let back = desk
        .ledger
        .act(time, &id("ada"), policy("x"), &signing_key(1));
    assert!(back.unwrap_err().to_string().contains("is back-dated"));
}

/// A signer chooses the time of such an act, so it must not be one at which more would count.
#[test]
fn signers_count_at_the_ledgers_clock_and_no_proposal_is_signed_once_the_ledger_went_on() {
    let mut desk = Desk::settled();
    let until = Some(UnixNanos(desk.time + 1_000_000_000_000));
    for (who, seed) in [("ada", 71), ("amy", 72)] {
        let key = key(seed);
        let (id, other) = (id(who), if who == "ada" { "amy" } else { "ada" });
        desk.change(who, Act::KeyAdd { id, key, until }, &[other])
            .unwrap();
    }
    let ahead = fast(&mut desk, YEARS);
    let proposal = propose(reset(ahead));
    let denied = desk.act_with("ada", proposal.clone(), 71).unwrap_err();
    assert_eq!(denied.rule, Rule::KeyExpired);
    let proposed = desk.act("ada", proposal).unwrap();
    let approve = Act::ChangeApprove { proposed };
    let denied = desk.act_with("amy", approve.clone(), 72).unwrap_err();
    assert_eq!(denied.rule, Rule::KeyExpired);
    // The fast machine writes on.
    fast(&mut desk, YEARS + 1);
    desk.denied("amy", approve, Rule::ChangeOver);
    // No time from before the ledger's first record, however many sign.
    desk.time = -1_000_000_000;
    desk.denied("ada", propose(reset(ahead)), Rule::ClockUnfit);
    desk.denied("ada", propose(reset(0)), Rule::ClockUnfit);
}

#[test]
fn what_one_person_did_under_a_break_glass_signs_no_reset() {
    let mut desk = Desk::settled();
    let glass = |scope: &str, until: i64| {
        Act::BreakGlassOpen(BreakGlass {
            scope: [scope.to_owned()].into(),
            reason: "nobody else is here".to_owned(),
            until: UnixNanos(until),
        })
    };
    let until = desk.time + 1_000;
    desk.denied("ada", glass("clock-reset", until), Rule::BreakGlassUnfit);
    let opened = desk.act("ada", glass("principal-add", until)).unwrap();
    let act = Box::new(add("mal", &[Role::Administrator], 73));
    desk.act("ada", Act::Emergency { opened, act }).unwrap();
    desk.hands.insert("mal".to_owned(), 73);
    let ahead = fast(&mut desk, YEARS);
    let proposed = desk.act("ada", propose(reset(ahead))).unwrap();
    desk.denied("mal", propose(reset(ahead)), Rule::DutyBreakGlass);
    let approve = Act::ChangeApprove { proposed };
    desk.denied("mal", approve.clone(), Rule::DutyBreakGlass);
    desk.act("amy", approve).unwrap();
}

/// A break-glass of four hours that began a year ahead was open for a year.
#[test]
fn what_was_given_while_the_clock_was_fast_ends_with_the_reset() {
    let mut desk = Desk::settled();
    let right = desk.time;
    desk.time += YEARS;
    let until = UnixNanos(desk.time + 1_000);
    let glass = Act::BreakGlassOpen(BreakGlass {
        scope: ["roles-set".to_owned()].into(),
        reason: "nobody else is here".to_owned(),
        until,
    });
    let opened = desk.act("ada", glass).unwrap();
    let delegation = Act::Delegate(Delegation {
        class: ApprovalClass::Risk,
        to: id("carol"),
        until,
        reason: "away".to_owned(),
    });
    let delegated = desk.act("dan", delegation).unwrap();
    let other = desk.act("ada", propose(policy("other"))).unwrap();
    desk.time = right;
    let proposed = desk.act("ada", propose(reset(opened))).unwrap();
    desk.act("amy", Act::ChangeApprove { proposed }).unwrap();
    let state = desk.ledger.state();
    assert!(!state.broken()[&opened].open(UnixNanos(desk.time)));
    assert!(!state.delegations()[&delegated].holds(UnixNanos(desk.time)));
    assert!(!state.changes()[&other].waits(UnixNanos(desk.time)));
    let act = Box::new(Act::RolesSet {
        id: id("bob"),
        roles: Roles::new(),
    });
    desk.denied("ada", Act::Emergency { opened, act }, Rule::BreakGlassScope);
}

#[test]
fn a_reset_is_withdrawn_while_the_clock_is_ahead_and_needs_a_reason_and_a_clock_that_is_ahead() {
    let mut desk = Desk::settled();
    let first = fast(&mut desk, CLOCK_STEP_MAX);
    for (ahead, allowed) in [(CLOCK_STEP_MAX, false), (2 * CLOCK_STEP_MAX, true)] {
        fast(&mut desk, ahead);
        // The first wrong time is that of the first of them.
        let proposed = desk.act("ada", propose(reset(first)));
        assert_eq!(proposed.is_ok(), allowed, "{ahead}");
        if let Ok(proposed) = proposed {
            let reason = "two clocks were".to_owned();
            desk.act("amy", Act::ChangeWithdraw { proposed, reason })
                .unwrap();
        }
    }
    let (ahead, reason) = (1, " ".to_owned());
    let act = propose(Act::ClockReset { ahead, reason });
    desk.denied("ada", act, Rule::ReasonMissing);
}

#[test]
fn one_administrator_sets_it_back_during_the_set_up() {
    let mut desk = Desk::staffed();
    let ahead = fast(&mut desk, YEARS);
    desk.denied("bob", reset(ahead), Rule::RoleMissing);
    desk.act("ada", reset(ahead)).unwrap();
    desk.act("ada", Act::SetupEnd {}).unwrap();
}
