//! Break-glass: one person does what takes two, and somebody else looks at it afterwards.

use super::*;
use crate::state::BREAK_GLASS_NANOS_MAX;

fn glass(scope: &[&str], until: i64) -> Act {
    Act::BreakGlassOpen(BreakGlass {
        scope: scope.iter().map(|name| (*name).to_owned()).collect(),
        reason: "the venue is down and amy cannot be reached".to_owned(),
        until: UnixNanos(until),
    })
}

fn emergency(opened: u64, act: Act) -> Act {
    let act = Box::new(act);
    Act::Emergency { opened, act }
}

fn close(opened: u64) -> Act {
    Act::BreakGlassClose {
        opened,
        reason: "done".to_owned(),
    }
}

fn retrospective(opened: u64) -> Act {
    Act::Retrospective {
        opened,
        report: digest("report"),
        findings: "it was needed".to_owned(),
    }
}

#[test]
fn under_a_broken_glass_one_person_does_what_takes_two_within_its_scope_and_time() {
    let mut desk = Desk::settled();
    let until = desk.time + 20;
    desk.denied("bob", glass(&["key-add"], until), Rule::RoleMissing);
    let opened = desk.act("ada", glass(&["principal-add"], until)).unwrap();
    let fay = add("fay", &[Role::Operator], 80);
    desk.denied("ada", fay.clone(), Rule::ApprovalsMissing);
    desk.denied("amy", emergency(opened, fay.clone()), Rule::BreakGlassScope);
    let text = desk.denied(
        "ada",
        emergency(opened, roles("bob", &[])),
        Rule::BreakGlassScope,
    );
    assert!(text.contains("its scope (principal-add)"), "{text}");
    desk.denied("ada", emergency(0, fay.clone()), Rule::BreakGlassUnknown);
    let done = desk.act("ada", emergency(opened, fay.clone())).unwrap();
    // The rules hold all the same.
    desk.denied("ada", emergency(opened, fay), Rule::PrincipalExists);
    let broken = &desk.ledger.state().broken()[&opened];
    assert_eq!(broken.acts, vec![(done, "principal-add")]);
    desk.time = until;
    let hal = add("hal", &[], 81);
    let text = desk.denied("ada", emergency(opened, hal), Rule::BreakGlassScope);
    assert!(text.contains("it is over"), "{text}");
}

#[test]
fn a_broken_glass_stays_owed_until_somebody_else_signs_its_retrospective() {
    let mut desk = Desk::settled();
    let until = desk.time + 1_000;
    let opened = desk.act("ada", glass(&["principal-add"], until)).unwrap();
    let helper = add("hal", &[Role::Compliance], 81);
    desk.act("ada", emergency(opened, helper)).unwrap();
    desk.hands.insert("hal".to_owned(), 81);
    desk.denied("gus", retrospective(opened), Rule::BreakGlassOpen);
    desk.denied("ada", glass(&["key-add"], until), Rule::BreakGlassOwed);
    desk.denied("bob", close(opened), Rule::RoleMissing);
    desk.act("gus", close(opened)).unwrap();
    desk.denied("gus", close(opened), Rule::BreakGlassClosed);
    desk.denied("ada", glass(&["key-add"], until), Rule::BreakGlassOwed);
    desk.denied("ada", retrospective(opened), Rule::RoleMissing);
    // Who came by it cannot say that it was right.
    let text = desk.denied("hal", retrospective(opened), Rule::DutyBreakGlass);
    assert!(text.ends_with("compliance): dan, gus"), "{text}");
    desk.act("gus", retrospective(opened)).unwrap();
    desk.denied("gus", retrospective(opened), Rule::BreakGlassClosed);
    desk.act("ada", glass(&["key-add"], until)).unwrap();
}

#[test]
fn nobody_signs_their_own_retrospective_whatever_their_roles() {
    let mut desk = Desk::staffed();
    desk.add("ivy", &[Role::Operator, Role::Compliance], 82)
        .unwrap();
    let until = desk.time + 100;
    let opened = desk.act("ivy", glass(&["policy-set"], until)).unwrap();
    desk.act("ivy", close(opened)).unwrap();
    desk.denied("ivy", retrospective(opened), Rule::DutyBreakGlass);
    desk.act("dan", retrospective(opened)).unwrap();
}

#[test]
fn glass_is_broken_for_acts_that_take_two_and_for_four_hours_at_most() {
    let mut desk = Desk::staffed();
    let soon = desk.time + 100;
    let late = desk.time + BREAK_GLASS_NANOS_MAX + 100;
    for (act, part) in [
        (glass(&[], soon), "no act"),
        (
            glass(&["component-submit"], soon),
            "component-submit is not an act that takes two",
        ),
        (
            glass(&["component-approve"], soon),
            "component-approve is no",
        ),
        (
            glass(&["component-promote"], soon),
            "component-promote is no",
        ),
        (glass(&["key-add"], 0), "ends before"),
        (glass(&["key-add"], late), "four hours"),
    ] {
        let text = desk.denied("erin", act, Rule::BreakGlassUnfit);
        assert!(text.contains(part), "{text}");
    }
    let service = Act::PrincipalAdd {
        id: id("machine"),
        kind: PrincipalKind::Service,
        roles: [Role::Operator].into(),
        key: key(83),
        until: None,
    };
    desk.act("ada", service).unwrap();
    desk.hands.insert("machine".to_owned(), 83);
    desk.denied("machine", glass(&["key-add"], soon), Rule::BreakGlassUnfit);
}
