//! Exceptions: who grants them, and how they end.

use super::*;

fn exception(owner: &str, until: i64) -> Exception {
    Exception {
        rule: "limits.drawdown".to_owned(),
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
    assert!(text.contains("nobody else has the role approver"), "{text}");
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
        "over before",
        "no principal",
    ];
    for (one, part) in bad.into_iter().zip(parts) {
        let act = Act::ExceptionGrant(one);
        let text = desk.denied("dan", act, Rule::ExceptionIncomplete);
        assert!(text.contains(part), "{text}");
    }
    desk.act("dan", Act::ExceptionGrant(good)).unwrap();
}
