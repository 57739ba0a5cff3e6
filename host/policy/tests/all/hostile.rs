//! Policies that want to hang, fill memory or bring the program down: each is a verdict.

use core::fmt::Write as _;

use counterfoil_base::gate::Gate;
use counterfoil_policy::child::EvaluationLimits;
use counterfoil_policy::verdict::PolicyVerdict;
use serde_json::json;

use crate::world::{bundle, check_refused, evaluator, start};

const PASS: &str = r#"verdict := {"outcome": "pass", "reasons": []}"#;

fn ask(lines: &str) -> PolicyVerdict {
    let limits = EvaluationLimits {
        memory_bytes: 256 << 20,
        ..EvaluationLimits::default()
    };
    evaluator(limits).evaluate(Ok(&start(lines)), Gate::Start, &json!({}))
}

#[track_caller]
fn check(lines: &str, codes: &[&str]) {
    let verdict = ask(lines);
    assert!(!verdict.passes(), "{lines}");
    let code = verdict.reasons[0].code.as_str();
    assert!(codes.contains(&code), "{lines}: {:?}", verdict.reasons);
}

#[test]
fn a_policy_that_calls_itself_is_refused() {
    // The engine sees it for rules; a function goes on until the stack is used up.
    check("verdict := f(1)\nf(x) := f(x + 1)", &["policy.killed"]);
    check_refused("verdict := a\na := b\nb := a", "policy.error");
}

#[test]
fn a_comprehension_without_end_runs_out_of_steps() {
    let lines = format!(
        "{PASS} if count([1 | some a in n; some b in n; some c in n; a + b + c < 0]) == 0\n\
         n := numbers.range(1, 1000)"
    );
    check(&lines, &["policy.time-out"]);
    // The same number of steps on every machine: the verdict is the same to the byte.
    assert_eq!(ask(&lines).encode().unwrap(), ask(&lines).encode().unwrap());
}

#[test]
fn the_steps_are_counted_and_not_the_time() {
    let policy = start(&format!(
        "{PASS} if count([x | some x in numbers.range(1, 100)]) == 100"
    ));
    let mut least = evaluator(EvaluationLimits::default());
    let mut passes = |steps| {
        least.limits.steps = steps;
        let verdict = least.evaluate(Ok(&policy), Gate::Start, &json!({}));
        if !verdict.passes() {
            assert_eq!(verdict.reasons[0].code, "policy.time-out");
        }
        verdict.passes()
    };
    let (mut low, mut high) = (1, 100_000);
    assert!(!passes(low) && passes(high));
    while low + 1 < high {
        let middle = low.midpoint(high);
        if passes(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    // To the step, again and again.
    assert!((0..3).all(|_| passes(high) && !passes(low)));
}

#[test]
fn a_value_that_fills_memory_ends_the_process_and_not_this_one() {
    check(
        "verdict := numbers.range(1, 1000000000000)",
        &["policy.killed"],
    );
    let mut doubling = String::from("a0 := \"0123456789abcdef\"\n");
    for level in 1..40 {
        let before = level - 1;
        writeln!(doubling, "a{level} := concat(\"\", [a{before}, a{before}])").unwrap();
    }
    check(&format!("{doubling}verdict := a39"), &["policy.killed"]);
}

#[test]
fn an_answer_that_shares_its_parts_is_still_too_large() {
    let mut lines = String::from("a0 := [1, 2, 3, 4]\n");
    for level in 1..40 {
        let before = level - 1;
        writeln!(lines, "a{level} := [a{before}, a{before}]").unwrap();
    }
    lines.push_str(r#"verdict := {"outcome": "pass", "reasons": a39}"#);
    check(&lines, &["policy.killed", "policy.time-out"]);
}

#[test]
fn a_value_deeper_than_the_stack_ends_the_process_and_not_this_one() {
    let mut lines = String::from("a0 := 1\n");
    for level in 1..15_000 {
        let before = level - 1;
        writeln!(lines, "a{level} := [a{before}]").unwrap();
    }
    lines.push_str(r#"verdict := {"outcome": "pass", "reasons": a14999}"#);
    check(&lines, &["policy.killed", "policy.shape", "policy.error"]);
}

#[test]
fn an_expression_that_takes_the_parser_for_ever_is_refused() {
    // It tries each bracket as an array and as a comprehension, before anything counts steps.
    let lines = format!("verdict := {}1{}", "[".repeat(30), "]".repeat(30));
    let mut hurried = evaluator(EvaluationLimits::default());
    hurried.limits.wall_ms = 500;
    let verdict = hurried.evaluate(Ok(&start(&lines)), Gate::Start, &json!({}));
    assert_eq!(verdict.reasons[0].code, "policy.time-out");
}

#[test]
fn too_many_or_too_long_reasons_are_no_answer() {
    let many = r#"verdict := {"outcome": "fail", "reasons": [{"code": "a", "text": ""} | some x in numbers.range(1, 65)]}"#;
    check(many, &["policy.shape"]);
    let long = format!(
        r#"verdict := {{"outcome": "fail", "reasons": [{{"code": "a", "text": "{}"}}]}}"#,
        "x".repeat(401)
    );
    check(&long, &["policy.shape"]);
}

#[test]
fn time_is_over_when_the_asking_process_says_so() {
    let mut hurried = evaluator(EvaluationLimits::default());
    hurried.program = "cat".into();
    hurried.arguments = vec!["/dev/zero".into()];
    hurried.limits.wall_ms = 100;
    let policy = bundle(&[("a.rego", "package a\n")]);
    let verdict = hurried.evaluate(Ok(&policy), Gate::Start, &json!({}));
    assert_eq!(verdict.reasons[0].code, "policy.time-out");
}
