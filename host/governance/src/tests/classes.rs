//! Approval classes and delegation: who signs, and for whom.

use super::*;
use crate::state::DELEGATION_NANOS_MAX;

fn delegate(class: ApprovalClass, to: &str, until: i64) -> Act {
    Act::Delegate(Delegation {
        class,
        to: id(to),
        until: UnixNanos(until),
        reason: "on leave".to_owned(),
    })
}

#[test]
fn a_delegate_approves_for_an_absent_approver_until_the_delegation_ends() {
    let mut desk = Desk::settled();
    let until = desk.time + 1_000;
    desk.act("bob", submit("one")).unwrap();
    desk.act("carol", validate("one")).unwrap();
    desk.act("carol", pass(set("one"))).unwrap();
    let by_gus = approve("gus", set("one"), 7);
    desk.denied("gus", by_gus.clone(), Rule::RoleMissing);
    let delegated = desk
        .act("dan", delegate(ApprovalClass::Promotion, "gus", until))
        .unwrap();
    desk.act("gus", by_gus.clone()).unwrap();
    let one = &desk.ledger.state().registry().components()[&digest("one")];
    let approval = &one.approvals[0];
    assert_eq!(
        (&approval.record_ref.by, &approval.vote),
        (&id("gus"), &id("dan"))
    );
    let end = |reason: &str| Act::DelegateEnd {
        delegated,
        reason: reason.to_owned(),
    };
    desk.denied("bob", end("no"), Rule::RoleMissing);
    desk.denied("dan", end(""), Rule::ReasonMissing);
    desk.act("dan", end("back")).unwrap();
    desk.denied("gus", by_gus.clone(), Rule::RoleMissing);
    desk.denied("dan", end("back"), Rule::DelegationUnknown);
    // What was approved while it held stands.
    desk.act("erin", promote(set("one"))).unwrap();
    // It ends by itself, and with the place of the one who delegated.
    desk.act("dan", delegate(ApprovalClass::Promotion, "gus", until))
        .unwrap();
    desk.act("gus", by_gus.clone()).unwrap();
    desk.time = until - 1;
    desk.denied("gus", by_gus, Rule::RoleMissing);
}

#[test]
fn delegation_never_gets_round_the_segregation_of_duties() {
    let mut desk = Desk::staffed();
    let until = desk.time + 1_000;
    let all = [Role::Author, Role::Reviewer, Role::Approver];
    desk.add("max", &all, 50).unwrap();
    desk.act("max", submit("one")).unwrap();
    desk.act("carol", validate("one")).unwrap();
    // The author lends a second person their vote, or borrows another's.
    desk.act("max", delegate(ApprovalClass::Promotion, "gus", until))
        .unwrap();
    let text = desk.denied("gus", approve("gus", set("one"), 7), Rule::DutyDelegation);
    assert!(text.contains("can vote only for max"), "{text}");
    assert!(text.ends_with("(promotion): dan"), "{text}");
    desk.act("dan", delegate(ApprovalClass::Promotion, "max", until))
        .unwrap();
    desk.denied("max", approve("max", set("one"), 50), Rule::DutyAuthor);
    // Nor the reviewer.
    desk.act("dan", delegate(ApprovalClass::Promotion, "carol", until))
        .unwrap();
    desk.denied("carol", approve("carol", set("one"), 3), Rule::DutyReviewer);
}

#[test]
fn two_people_with_one_voice_are_one_signature() {
    let mut desk = Desk::settled();
    let until = desk.time + 1_000;
    desk.act("dan", delegate(ApprovalClass::Risk, "erin", until))
        .unwrap();
    let act = Box::new(policy("other"));
    let proposed = desk.act("ada", Act::ChangePropose { act }).unwrap();
    let sign = Act::ChangeApprove { proposed };
    desk.act("erin", sign.clone()).unwrap();
    let text = desk.denied("dan", sign.clone(), Rule::DutyDelegation);
    assert!(text.ends_with("(risk): gus"), "{text}");
    // The proposer's own vote is not lent to the one who signs.
    desk.act("gus", sign).unwrap();
    let propose = Act::ChangePropose {
        act: Box::new(policy("third")),
    };
    let proposed = desk.act("dan", propose).unwrap();
    let sign = Act::ChangeApprove { proposed };
    desk.denied("erin", sign, Rule::DutyDelegation);
}

#[test]
fn only_a_member_delegates_and_only_to_another_person_for_a_while() {
    let mut desk = Desk::staffed();
    let soon = desk.time + 1_000;
    let long = desk.time + DELEGATION_NANOS_MAX + 1_000;
    let risk = |to, until| delegate(ApprovalClass::Risk, to, until);
    for (who, act, part) in [
        ("erin", risk("gus", soon), "erin does not belong"),
        ("dan", risk("dan", soon), "cannot delegate to themselves"),
        ("dan", risk("robot", soon), "is a service"),
        ("dan", risk("erin", 0), "ends before"),
        ("dan", risk("erin", long), "longer than 90 days"),
    ] {
        let text = desk.denied(who, act, Rule::DelegationUnfit);
        assert!(text.contains(part), "{text}");
    }
    desk.denied("dan", risk("nobody", soon), Rule::PrincipalUnknown);
    // What was delegated is not delegated on.
    desk.act("dan", risk("erin", soon)).unwrap();
    desk.denied("erin", risk("bob", soon), Rule::DelegationUnfit);
}

#[test]
fn a_class_never_asks_for_less_than_its_risk_and_can_ask_for_more() {
    let mut desk = Desk::staffed();
    let with = |class: ApprovalClass, approvals, members: &[&str]| {
        let mut set = class.first();
        set.approvals = approvals;
        set.members = members.iter().map(|name| id(name)).collect();
        Act::ClassSet(set)
    };
    desk.denied("ada", with(ApprovalClass::Risk, 1, &[]), Rule::ClassUnfit);
    desk.denied(
        "ada",
        with(ApprovalClass::Risk, 2, &["nobody"]),
        Rule::PrincipalUnknown,
    );
    desk.act("ada", with(ApprovalClass::Promotion, 2, &["gus"]))
        .unwrap();
    desk.act("ada", Act::SetupEnd {}).unwrap();
    let short = with(ApprovalClass::Promotion, 3, &["gus"]);
    let denial = desk.change("ada", short, &[]).unwrap_err();
    assert_eq!(denial.rule, Rule::ClassShort);
    // Two must approve now, and one of them by name.
    let set = set("one");
    desk.act("bob", submit("one")).unwrap();
    desk.act("carol", validate("one")).unwrap();
    desk.act("carol", pass(set)).unwrap();
    desk.act("dan", desk.approve("dan", set)).unwrap();
    desk.act("dan", desk.approve("dan", set)).unwrap();
    let text = desk.denied("erin", promote(set), Rule::ApprovalMissing);
    assert!(text.contains("1 of the 2 approvals"), "{text}");
    assert!(text.ends_with("(promotion): gus"), "{text}");
    desk.act("gus", desk.approve("gus", set)).unwrap();
    desk.act("erin", promote(set)).unwrap();
}

#[test]
fn every_act_is_in_the_table_with_the_class_that_signs_it() {
    use crate::act::ActName as A;
    use ApprovalClass::{Administration, Operations, Promotion, Risk};
    let table = [
        (A::Genesis, None),
        (A::PrincipalAdd, Some(Administration)),
        (A::RolesSet, Some(Administration)),
        (A::KeyAdd, Some(Administration)),
        (A::KeyRotate, None),
        (A::KeyRevoke, None),
        (A::LogHolder, Some(Administration)),
        (A::LogRotate, Some(Administration)),
        (A::SetupEnd, None),
        (A::ClockReset, Some(Administration)),
        (A::DelegateEnd, None),
        (A::ChangePropose, None),
        (A::ChangeApprove, None),
        (A::ChangeWithdraw, None),
        (A::ComponentSubmit, None),
        (A::ComponentValidate, None),
        (A::ComponentApprove, Some(Promotion)),
        (A::ComponentPromote, None),
        (A::ComponentArchive, None),
        (A::LimitsSet, Some(Risk)),
        (A::StartWithdraw, None),
        (A::RunsAnchor, None),
        (A::Kill, None),
        (A::KillLift, Some(Operations)),
        (A::TeamSet, Some(Operations)),
        (A::BudgetExcess, Some(Operations)),
        (A::PolicySet, Some(Risk)),
        (A::ExceptionEnd, None),
        (A::Emergency, None),
        (A::BreakGlassClose, None),
        (A::Retrospective, None),
        (A::DriftEnd, None),
        (A::ClassSet, Some(Administration)),
        (A::Delegate, None),
        (A::BreakGlassOpen, None),
        (A::StartAuthorize, None),
        (A::RunStart, None),
        (A::RunResume, None),
        (A::RunEnd, None),
        (A::BudgetSet, Some(Operations)),
        (A::Usage, None),
        (A::Verdict, None),
        (A::ExceptionGrant, Some(Operations)),
        (A::Drift, None),
        (A::Refused, None),
    ];
    let names = table.map(|(name, _)| name);
    assert_eq!(names.as_slice(), A::ALL, "an act without a row");
    for (name, class) in table {
        assert_eq!(name.class(), class, "{}", name.as_str());
        assert_eq!(A::parse(name.as_str()), Some(name));
        // An approval is a signature itself; everything else that a class signs can be proposed.
        let proposed = class.filter(|_| name != A::ComponentApprove);
        assert_eq!(name.proposal_class(), proposed, "{}", name.as_str());
    }
    assert_eq!(A::parse("nothing-of-the-kind"), None);
}
