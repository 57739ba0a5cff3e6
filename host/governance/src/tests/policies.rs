//! What a policy said, and what it opens.

use super::*;
use crate::registry::ComponentStage;

/// A desk where `one` is validated and approved, and nobody asked the policy.
fn approved() -> (Desk, DigestSet) {
    let mut desk = Desk::settled();
    let set = set("one");
    desk.act("bob", submit("one")).unwrap();
    desk.act("carol", validate("one")).unwrap();
    desk.act("dan", desk.approve("dan", set)).unwrap();
    (desk, set)
}

#[test]
fn nothing_is_promoted_unless_the_policy_in_force_passed_it_last() {
    let (mut desk, set) = approved();
    let stage = |desk: &Desk| desk.ledger.state().registry().components()[&set.component].stage;
    desk.denied("dan", promote(set), Rule::VerdictMissing);
    // A verdict that fails is recorded as well, and its reasons are told.
    let failed = desk.act("carol", fail(set)).unwrap();
    let text = desk.denied("dan", promote(set), Rule::VerdictFailed);
    let told = format!("in record {failed}: drawdown.max (31 % is more than 20 %)");
    assert!(text.contains(&told), "{text}");
    // One for another set, or at another gate, opens nothing.
    let mut other = set;
    other.limits = digest("other");
    desk.act("carol", pass(other)).unwrap();
    let Act::Verdict(mut start) = pass(set) else {
        panic!()
    };
    start.gate = Gate::Start;
    desk.act("carol", Act::Verdict(start)).unwrap();
    desk.denied("dan", promote(set), Rule::VerdictFailed);
    // Nor does the author's own word, which does not count against them either.
    desk.act("bob", pass(set)).unwrap();
    desk.denied("dan", promote(set), Rule::VerdictFailed);
    let passed = desk.act("carol", pass(set)).unwrap();
    desk.act("bob", fail(set)).unwrap();
    assert_eq!(stage(&desk), ComponentStage::Validated);
    desk.act("dan", promote(set)).unwrap();
    assert_eq!(stage(&desk), ComponentStage::Approved);
    let one = &desk.ledger.state().registry().components()[&set.component];
    assert_eq!(one.promotions[0].verdict, passed);
    desk.denied("dan", promote(set), Rule::PromotionExists);
}

#[test]
fn an_approval_counts_until_promotion_as_long_as_its_key_and_role_do() {
    let (mut desk, set) = approved();
    desk.act("carol", pass(set)).unwrap();
    desk.change("ada", add("fay", &[Role::Approver], 30), &["amy"])
        .unwrap();
    desk.change("ada", roles("dan", &[Role::Operator]), &["amy"])
        .unwrap();
    let text = desk.denied("erin", promote(set), Rule::ApprovalMissing);
    assert!(text.contains("0 of the 1 approvals"), "{text}");
    assert!(text.ends_with("(promotion): fay"), "{text}");
    desk.change("ada", roles("dan", &[Role::Approver]), &["amy"])
        .unwrap();
    let rotate = Act::KeyRotate {
        key: key(44),
        until: None,
    };
    desk.act("dan", rotate).unwrap();
    let text = desk.denied("erin", promote(set), Rule::ApprovalMissing);
    assert!(text.contains("(promotion): dan, fay"), "{text}");
    desk.act_with("dan", approve("dan", set, 44), 44).unwrap();
    desk.act("erin", promote(set)).unwrap();
}

#[test]
fn another_policy_in_force_ends_what_the_old_one_allowed() {
    let mut desk = Desk::staffed();
    let old = desk.walk("one");
    desk.start("run", old).unwrap();
    let again = desk.change("dan", policy("policy"), &[]).unwrap_err();
    assert_eq!(again.rule, Rule::PolicyRepeated);
    desk.change("dan", policy("stricter"), &["gus"]).unwrap();
    let text = desk.not_started("run 2", old, Rule::PolicyChanged);
    let told = format!("policy was {}, is {}", digest("policy"), digest("stricter"));
    assert!(text.contains(&told), "{text}");
    // Approved, passed and promoted again, it may be started again.
    let mut new = old;
    new.policy = digest("stricter");
    desk.not_started("run 2", new, Rule::ApprovalChanged);
    desk.denied("erin", promote(new), Rule::ApprovalChanged);
    desk.act("dan", desk.approve("dan", new)).unwrap();
    desk.denied("carol", pass(old), Rule::PolicyChanged);
    desk.act("carol", pass(new)).unwrap();
    desk.act("erin", promote(new)).unwrap();
    desk.start("run 2", new).unwrap();
    assert_eq!(desk.ledger.state().policies().len(), 2);
}

#[test]
fn without_a_policy_every_gate_is_shut_and_a_failure_is_still_recorded() {
    let mut desk = Desk::new();
    desk.denied("ada", pass(set("one")), Rule::PolicyMissing);
    let index = desk.act("ada", fail(set("one"))).unwrap();
    let said = &desk.ledger.state().verdicts()[&index];
    assert_eq!(said.verdict.outcome, GateOutcome::Fail);
}

#[test]
fn a_verdict_gives_its_reasons_and_limits_only_where_they_belong() {
    let mut desk = Desk::staffed();
    let Act::Verdict(passed) = pass(set("one")) else {
        panic!()
    };
    let Act::Verdict(failed) = fail(set("one")) else {
        panic!()
    };
    let limits = Some(digest("limits"));
    let mut bad = vec![
        failed.clone(),
        failed.clone(),
        failed,
        passed.clone(),
        passed,
    ];
    bad[0].reasons.clear();
    bad[1].reasons[0].code = " ".to_owned();
    (bad[2].gate, bad[2].limits) = (Gate::Limits, limits);
    bad[3].limits = limits;
    bad[4].gate = Gate::Limits;
    for one in bad.clone() {
        desk.denied("carol", Act::Verdict(one), Rule::VerdictIncomplete);
    }
    let mut good = bad.remove(4);
    good.limits = limits;
    desk.act("carol", Act::Verdict(good)).unwrap();
}
