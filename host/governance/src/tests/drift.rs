//! Drift is recorded once while it stands, by whoever watches; refusals by whoever was refused.

use super::*;
use crate::report::health;

#[test]
fn a_difference_is_recorded_once_until_its_end() {
    let mut desk = Desk::settled();
    let first = desk.act("robot", Act::Drift(drift("missing"))).unwrap();
    desk.denied("gus", Act::Drift(drift("missing")), Rule::DriftRepeated);
    // Another value is another difference.
    let second = desk.act("gus", Act::Drift(drift("changed"))).unwrap();
    let stands = |desk: &Desk| health(desk.ledger.state(), UnixNanos(desk.time)).drifts;
    assert_eq!(stands(&desk), [first, second].into());
    desk.act("erin", Act::DriftEnd { drifted: first }).unwrap();
    desk.denied("erin", Act::DriftEnd { drifted: first }, Rule::DriftUnknown);
    desk.denied("erin", Act::DriftEnd { drifted: 0 }, Rule::DriftUnknown);
    assert_eq!(stands(&desk), [second].into());
    // It comes back: a record of its own.
    let again = desk.act("robot", Act::Drift(drift("missing"))).unwrap();
    assert_eq!(stands(&desk), [second, again].into());
    let found = &desk.ledger.state().drifts()[&first];
    assert_eq!(found.ended.as_ref().unwrap().by, id("erin"));
}

#[test]
fn drift_is_recorded_by_who_watches_and_says_what_differs() {
    let mut desk = Desk::settled();
    for who in ["bob", "carol"] {
        desk.denied(who, Act::Drift(drift("missing")), Rule::RoleMissing);
        desk.denied(who, Act::DriftEnd { drifted: 0 }, Rule::RoleMissing);
    }
    let mut same = drift("missing");
    same.declared = "missing".to_owned();
    desk.denied("gus", Act::Drift(same), Rule::DriftIncomplete);
    for field in 0..4 {
        let mut one = drift("missing");
        let text = match field {
            0 => &mut one.rule,
            1 => &mut one.subject,
            2 => &mut one.declared,
            _ => &mut one.found,
        };
        " ".clone_into(text);
        desk.denied("gus", Act::Drift(one), Rule::DriftIncomplete);
    }
    let key = key(9);
    let add = Act::PrincipalAdd {
        id: id("kim"),
        kind: PrincipalKind::Person,
        roles: [Role::Auditor].into(),
        key,
        until: None,
    };
    desk.change("ada", add, &["amy"]).unwrap();
    desk.hands.insert("kim".to_owned(), 9);
    desk.act("kim", Act::Drift(drift("missing"))).unwrap();
}

#[test]
fn a_refusal_is_counted_with_the_denials_and_changes_nothing_else() {
    let mut desk = Desk::settled();
    let before = desk.ledger.state().denials();
    desk.act("bob", Act::Refused(refused("policy.tests")))
        .unwrap();
    assert_eq!(desk.ledger.state().denials(), before + 1);
    desk.denied("bob", Act::Refused(refused("")), Rule::RefusalIncomplete);
    assert_eq!(desk.ledger.state().denials(), before + 2);
}
