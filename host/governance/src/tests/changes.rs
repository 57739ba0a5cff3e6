//! What takes more than one person: proposed, signed, and done by the last signature.

use super::*;
use crate::state::{CHANGE_NANOS_MAX, ChangeEnd};

#[test]
fn in_the_set_up_administrators_act_alone_and_afterwards_every_risky_act_takes_two() {
    let mut desk = Desk::staffed();
    desk.not_started("run", set("one"), Rule::SetupOpen);
    desk.denied("dan", promote(set("one")), Rule::SetupOpen);
    desk.denied("dan", Act::SetupEnd {}, Rule::RoleMissing);
    desk.act("ada", Act::SetupEnd {}).unwrap();
    desk.denied("amy", Act::SetupEnd {}, Rule::SetupOver);
    let key_add = Act::KeyAdd {
        id: id("bob"),
        key: key(60),
        until: None,
    };
    let class = Act::ClassSet(ApprovalClass::Promotion.first());
    for (who, act, others) in [
        (
            "ada",
            add("fay", &[Role::Author], 61),
            "(administration): amy",
        ),
        ("ada", roles("bob", &[]), "(administration): amy"),
        ("ada", key_add, "(administration): amy"),
        (
            "ada",
            Act::LogHolder { id: id("fay") },
            "(administration): amy",
        ),
        ("ada", class, "(administration): amy"),
        ("dan", policy("other"), "(risk): gus"),
        ("ada", policy("other"), "(risk): dan, gus"),
    ] {
        let text = desk.denied(who, act.clone(), Rule::ApprovalsMissing);
        assert!(text.ends_with(others), "{text}");
        assert!(text.contains("takes 2 signatures"), "{text}");
        let done = if who == "dan" { &["gus"][..] } else { &["amy"] };
        let done = if others.contains("dan") {
            &["dan", "gus"]
        } else {
            done
        };
        if act != policy("other") || who == "ada" {
            desk.change(who, act, done).unwrap();
        }
    }
    let state = desk.ledger.state();
    assert_eq!(state.policy(), Some(digest("other")));
    assert!(state.principals()[&id("bob")].roles.is_empty());
    assert_eq!(state.log_holder(), Some(&id("fay")));
}

#[test]
fn the_set_up_does_not_end_before_every_class_has_its_members() {
    let mut desk = Desk::new();
    let text = desk.denied("ada", Act::SetupEnd {}, Rule::SetupIncomplete);
    assert!(text.contains("administration would have 1"), "{text}");
    desk.add("amy", &[Role::Administrator], 6).unwrap();
    let text = desk.denied("ada", Act::SetupEnd {}, Rule::SetupIncomplete);
    assert!(text.contains("risk would have 0"), "{text}");
    desk.add("gus", &[Role::Compliance], 7).unwrap();
    desk.add("hal", &[Role::Compliance], 8).unwrap();
    let text = desk.denied("ada", Act::SetupEnd {}, Rule::SetupIncomplete);
    assert!(text.contains("promotion would have 0"), "{text}");
    // A service is no member, whatever its roles.
    let service = Act::PrincipalAdd {
        id: id("robot"),
        kind: PrincipalKind::Service,
        roles: [Role::Approver].into(),
        key: key(9),
        until: None,
    };
    desk.act("ada", service).unwrap();
    desk.denied("ada", Act::SetupEnd {}, Rule::SetupIncomplete);
    desk.add("dan", &[Role::Approver], 4).unwrap();
    desk.act("ada", Act::SetupEnd {}).unwrap();
}

#[test]
fn a_change_is_done_by_the_signature_that_completes_it_and_by_no_other() {
    let mut desk = Desk::settled();
    let act = Box::new(policy("other"));
    // The operator may not propose a policy; administrators may, and their proposal is no
    // signature of the class that signs policies.
    let propose = Act::ChangePropose { act };
    desk.denied("erin", propose.clone(), Rule::RoleMissing);
    let proposed = desk.act("ada", propose).unwrap();
    let sign = Act::ChangeApprove { proposed };
    desk.denied("ada", sign.clone(), Rule::DutyProposer);
    desk.denied("erin", sign.clone(), Rule::RoleMissing);
    desk.denied("amy", sign.clone(), Rule::RoleMissing);
    desk.act("dan", sign.clone()).unwrap();
    let text = desk.denied("dan", sign.clone(), Rule::ChangeRepeated);
    assert!(text.ends_with("(risk): gus"), "{text}");
    assert_eq!(desk.ledger.state().policy(), Some(digest("policy")));
    let done = desk.act("gus", sign.clone()).unwrap();
    assert_eq!(desk.ledger.state().policy(), Some(digest("other")));
    let (_, record_ref) = desk.ledger.state().policies().last().unwrap();
    assert_eq!((&record_ref.by, record_ref.index), (&id("ada"), done));
    let change = &desk.ledger.state().changes()[&proposed];
    assert!(
        matches!(&change.ended, Some((ChangeEnd::Done, record_ref)) if record_ref.by == id("gus"))
    );
    let text = desk.denied("gus", sign, Rule::ChangeOver);
    assert!(
        text.contains(&format!("was done in record {done}")),
        "{text}"
    );
    desk.denied(
        "gus",
        Act::ChangeApprove { proposed: 3 },
        Rule::ChangeUnknown,
    );
}

#[test]
fn a_change_is_judged_again_when_it_is_completed() {
    let mut desk = Desk::settled();
    let propose = |act| Act::ChangePropose { act: Box::new(act) };
    // Wrong when it is proposed.
    desk.denied("ada", propose(add("bob", &[], 70)), Rule::PrincipalExists);
    desk.denied("ada", propose(submit("one")), Rule::ChangeKind);
    let set_of = approve("dan", set("one"), 4);
    desk.denied("dan", propose(set_of), Rule::ChangeKind);
    // Right then, wrong later: somebody else took the name, or the proposer's role is gone.
    let first = desk.act("ada", propose(add("fay", &[], 71))).unwrap();
    desk.change("ada", add("fay", &[Role::Administrator], 72), &["amy"])
        .unwrap();
    desk.hands.insert("fay".to_owned(), 72);
    let sign = |proposed| Act::ChangeApprove { proposed };
    desk.denied("amy", sign(first), Rule::PrincipalExists);
    let second = desk.act("ada", propose(add("hal", &[], 73))).unwrap();
    desk.change("fay", roles("ada", &[]), &["amy"]).unwrap();
    // ada's own signature counts no longer, so two others must sign; and ada may not ask now.
    desk.act("amy", sign(second)).unwrap();
    desk.denied("fay", sign(second), Rule::RoleMissing);
    assert!(!desk.ledger.state().principals().contains_key(&id("hal")));
}

#[test]
fn a_signature_counts_as_long_as_its_key_and_place_do() {
    let mut desk = Desk::settled();
    let act = Box::new(policy("other"));
    let proposed = desk.act("ada", Act::ChangePropose { act }).unwrap();
    let sign = Act::ChangeApprove { proposed };
    desk.act("dan", sign.clone()).unwrap();
    let revoke = Act::KeyRevoke {
        id: id("dan"),
        key: key(4),
        reason: "stolen".to_owned(),
    };
    // Revoking takes one, at once.
    desk.act("amy", revoke).unwrap();
    desk.act("gus", sign.clone()).unwrap();
    assert_eq!(desk.ledger.state().policy(), Some(digest("policy")));
    let act = Act::KeyAdd {
        id: id("dan"),
        key: key(40),
        until: None,
    };
    desk.change("ada", act, &["amy"]).unwrap();
    // The new key signs in place of the stolen one.
    desk.act_with("dan", sign, 40).unwrap();
    assert_eq!(desk.ledger.state().policy(), Some(digest("other")));
}

#[test]
fn a_change_ends_by_itself_or_is_withdrawn_with_a_reason() {
    let mut desk = Desk::settled();
    let propose = Act::ChangePropose {
        act: Box::new(policy("other")),
    };
    let proposed = desk.act("dan", propose.clone()).unwrap();
    let withdraw = |reason: &str| Act::ChangeWithdraw {
        proposed,
        reason: reason.to_owned(),
    };
    desk.denied("bob", withdraw("no"), Rule::RoleMissing);
    desk.denied("gus", withdraw(" "), Rule::ReasonMissing);
    desk.act("gus", withdraw("the wrong bundle")).unwrap();
    let text = desk.denied("gus", Act::ChangeApprove { proposed }, Rule::ChangeOver);
    assert!(
        text.contains("withdrawn by gus (the wrong bundle)"),
        "{text}"
    );
    let proposed = desk.act("dan", propose.clone()).unwrap();
    let again = desk.act("dan", propose).unwrap();
    desk.time += CHANGE_NANOS_MAX - 3;
    desk.act("gus", Act::ChangeApprove { proposed: again })
        .unwrap();
    desk.time += 3;
    desk.denied("gus", Act::ChangeApprove { proposed }, Rule::ChangeOver);
}

#[test]
fn nobody_signs_a_change_of_their_own_roles_and_no_class_is_left_short() {
    let mut desk = Desk::settled();
    desk.change("ada", add("fay", &[Role::Administrator], 74), &["amy"])
        .unwrap();
    desk.hands.insert("fay".to_owned(), 74);
    let all = roles("amy", &Role::ALL);
    let denial = desk.change("ada", all.clone(), &["amy"]).unwrap_err();
    assert_eq!(denial.rule, Rule::DutyDelegation);
    let denial = desk.change("amy", all, &[]).unwrap_err();
    assert_eq!(denial.rule, Rule::RolesOwn);
    let denial = desk.change("ada", roles("gus", &[]), &[]).unwrap_err();
    assert_eq!(denial.rule, Rule::ClassShort);
    desk.change("ada", roles("fay", &[]), &["amy"]).unwrap();
    let denial = desk.change("ada", roles("amy", &[]), &[]).unwrap_err();
    assert_eq!(denial.rule, Rule::ClassShort);
}

#[test]
fn an_act_within_an_act_holds_no_other() {
    use counterfoil_trading::cbor::{CborReader, put_array, put_text};
    // Bytes that nest as deep as an entry is long must be refused, not followed.
    for name in ["change-propose", "emergency"] {
        let mut bytes = Vec::new();
        for _ in 0..4_000 {
            put_array(&mut bytes, 2);
            put_text(&mut bytes, "change-propose");
            put_array(&mut bytes, 2);
            put_text(&mut bytes, name);
        }
        assert!(Act::decode(&mut CborReader::new(&bytes)).is_err());
    }
}
