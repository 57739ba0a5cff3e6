//! The ledger's clock: a record of a fast clock keeps every act out but those by which two people set it back.

use super::*;
use crate::state::CLOCK_STEP_MAX;

const YEARS: i64 = 200 * 365 * 86_400 * 1_000_000_000;

fn reset() -> Act {
    Act::ClockReset {
        reason: "the clock of host b was fast".to_owned(),
    }
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
    desk.denied("ada", reset(), Rule::ApprovalsMissing);
    let act = Box::new(reset());
    desk.denied("ada", Act::ChangePropose { act }, Rule::ClockRight);
    let right = desk.time;
    desk.time += YEARS;
    // A denied act is enough.
    desk.denied("bob", validate("one"), Rule::RoleMissing);
    let fast = desk.time;
    desk.time = right;
    let kill = |reason: &str| Act::Kill {
        scope: KillScope::Installation,
        reason: reason.to_owned(),
    };
    kept_out(&mut desk, "erin", kill("now"));
    let propose = |act: Act| Act::ChangePropose { act: Box::new(act) };
    kept_out(&mut desk, "ada", propose(policy("other")));
    // Denied or not yet signed, they leave the clock where it is.
    desk.denied("ada", reset(), Rule::ApprovalsMissing);
    desk.denied("bob", propose(reset()), Rule::RoleMissing);
    let proposed = desk.act("ada", propose(reset())).unwrap();
    let approve = Act::ChangeApprove { proposed };
    desk.denied("ada", approve.clone(), Rule::DutyProposer);
    assert_eq!(desk.ledger.state().clock(), Some(UnixNanos(fast)));
    kept_out(&mut desk, "erin", kill("now"));
    desk.act("amy", approve.clone()).unwrap();
    assert_eq!(desk.ledger.state().clock(), Some(UnixNanos(desk.time)));
    desk.act("erin", kill("now")).unwrap();
    // Once: the same signatures do not set it back again.
    desk.denied("amy", approve, Rule::ChangeOver);
    let time = UnixNanos(desk.time - 1);
    let back = desk
        .ledger
        .act(time, &id("ada"), policy("x"), &signing_key(1));
    assert!(back.unwrap_err().to_string().contains("is back-dated"));
}

#[test]
fn a_reset_is_withdrawn_while_the_clock_is_ahead_and_needs_a_reason_and_a_clock_that_is_ahead() {
    let mut desk = Desk::settled();
    let propose = |act: Act| Act::ChangePropose { act: Box::new(act) };
    let right = desk.time;
    for (ahead, allowed) in [(CLOCK_STEP_MAX, false), (CLOCK_STEP_MAX + 1, true)] {
        desk.time = right + ahead;
        // The next three acts, the first of which passes a nanosecond.
        desk.denied("bob", validate("one"), Rule::RoleMissing);
        desk.time = right;
        let proposed = desk.act("ada", propose(reset()));
        assert_eq!(proposed.is_ok(), allowed, "{ahead}");
        if let Ok(proposed) = proposed {
            let reason = "two clocks were".to_owned();
            desk.act("amy", Act::ChangeWithdraw { proposed, reason })
                .unwrap();
        }
    }
    let reason = " ".to_owned();
    desk.denied(
        "ada",
        propose(Act::ClockReset { reason }),
        Rule::ReasonMissing,
    );
}

#[test]
fn one_administrator_sets_it_back_during_the_set_up() {
    let mut desk = Desk::staffed();
    let right = desk.time;
    desk.time += YEARS;
    desk.denied("bob", validate("one"), Rule::RoleMissing);
    desk.time = right;
    desk.denied("bob", reset(), Rule::RoleMissing);
    desk.act("ada", reset()).unwrap();
    desk.act("ada", Act::SetupEnd {}).unwrap();
}
