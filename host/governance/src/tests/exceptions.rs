//! Exceptions: who grants them, and how they end.

use super::*;

const DAY: i64 = 86_400_000_000_000;

fn exception(owner: &str, until: i64) -> PolicyException {
    PolicyException {
        rule: "limits.drawdown".to_owned(),
        subject: ExceptionSubject::Account(id("desk-7")),
        reason: "the venue changes its calendar".to_owned(),
        control: "half the size, watched".to_owned(),
        owner: id(owner),
        until: UnixNanos(until),
    }
}

#[test]
fn an_exception_ends_by_itself_or_before_its_time() {
    let mut desk = Desk::staffed();
    let until = desk.time + 10;
    let grant = Act::ExceptionGrant(exception("erin", until));
    let granted = desk.act("dan", grant.clone()).unwrap();
    let other = desk.act("dan", grant).unwrap();
    let holds =
        |desk: &Desk, index, time| desk.ledger.state().exceptions()[&index].holds(UnixNanos(time));
    assert!(holds(&desk, granted, until - 1));
    assert!(!holds(&desk, granted, until));
    let end = |granted| Act::ExceptionEnd {
        granted,
        reason: "no longer needed".to_owned(),
    };
    desk.denied("bob", end(granted), Rule::RoleMissing);
    desk.act("dan", end(granted)).unwrap();
    assert!(!holds(&desk, granted, desk.time));
    desk.denied("dan", end(granted), Rule::ExceptionUnknown);
    desk.denied("dan", end(0), Rule::ExceptionUnknown);
    desk.time = until;
    desk.denied("dan", end(other), Rule::ExceptionUnknown);
}

#[test]
fn nobody_grants_an_exception_to_themselves_or_without_a_control_and_an_end() {
    let mut desk = Desk::staffed();
    let until = desk.time + 100;
    let good = exception("erin", until);
    let own = Act::ExceptionGrant(exception("dan", until));
    let text = desk.denied("dan", own, Rule::DutyException);
    assert!(
        text.contains("no other principal has the role approver"),
        "{text}"
    );
    desk.denied("erin", Act::ExceptionGrant(good.clone()), Rule::RoleMissing);
    let mut bad = [(); 5].map(|()| good.clone());
    bad[0].rule.clear();
    bad[1].reason = " ".to_owned();
    bad[2].control.clear();
    bad[3].until = UnixNanos(desk.time);
    bad[4].owner = id("nobody");
    let parts = [
        "no rule",
        "no reason",
        "no control",
        "ends before",
        "not a principal",
    ];
    for (one, part) in bad.into_iter().zip(parts) {
        let act = Act::ExceptionGrant(one);
        let text = desk.denied("dan", act, Rule::ExceptionIncomplete);
        assert!(text.contains(part), "{text}");
    }
    desk.act("dan", Act::ExceptionGrant(good)).unwrap();
}

#[test]
fn no_exception_bends_a_rule_of_the_ledger_or_becomes_the_rule_by_lasting() {
    let mut desk = Desk::staffed();
    for rule in Rule::ALL {
        let mut one = exception("erin", desk.time + DAY);
        one.rule = rule.code().to_owned();
        let text = desk.denied("dan", Act::ExceptionGrant(one), Rule::ExceptionUnfit);
        assert!(text.contains("rule of the ledger"), "{text}");
    }
    let long = exception("erin", desk.time + 2 + 90 * DAY);
    let text = desk.denied("dan", Act::ExceptionGrant(long), Rule::ExceptionUnfit);
    assert!(text.contains("90 days"), "{text}");
    let most = exception("erin", desk.time + 1 + 90 * DAY);
    desk.act("dan", Act::ExceptionGrant(most)).unwrap();
    let mut unseen = exception("erin", desk.time + DAY);
    unseen.subject = ExceptionSubject::Component(digest("unseen"));
    desk.denied("dan", Act::ExceptionGrant(unseen), Rule::ComponentUnknown);
}

/// A verdict that an exception had let pass promoted long after the exception was ended.
#[test]
fn a_verdict_opens_no_gate_once_an_exception_that_it_may_rest_on_has_ended() {
    //     whose exception, how it ends, whether the verdict may rest on it
    let here = || ExceptionSubject::Component(digest("one"));
    let other = ExceptionSubject::Account(id("desk-7"));
    let table = [
        (here(), true, true),
        (here(), false, true),
        (ExceptionSubject::Installation, true, true),
        (other, true, false),
    ];
    for (subject, by_hand, rests) in table {
        let mut desk = Desk::settled();
        desk.act("bob", submit("one")).unwrap();
        desk.act("carol", validate("one")).unwrap();
        let set = set("one");
        desk.act("dan", desk.approve("dan", set)).unwrap();
        let until = desk.time + 10;
        let grant = PolicyException {
            subject,
            ..exception("erin", until)
        };
        let granted = desk.act("dan", Act::ExceptionGrant(grant)).unwrap();
        desk.act("carol", pass(set)).unwrap();
        if by_hand {
            let reason = "no longer needed".to_owned();
            desk.act("dan", Act::ExceptionEnd { granted, reason })
                .unwrap();
        } else {
            desk.time = until;
        }
        if rests {
            let text = desk.denied("dan", promote(set), Rule::VerdictStale);
            assert!(text.contains(&format!("record {granted} to")), "{text}");
            desk.act("carol", pass(set)).unwrap();
        }
        desk.act("dan", promote(set)).unwrap();
    }
}
