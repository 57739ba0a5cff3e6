//! Whatever is not an answer is a fail with its own code: nothing a policy or a caller gets wrong
//! lets anything pass.

use counterfoil_base::gate::Gate;
use counterfoil_policy::bundle::Bundle;
use counterfoil_policy::child::{EvaluationLimits, INPUT_BYTES_MAX};
use counterfoil_policy::verdict::PolicyVerdict;
use serde_json::{Value, json};

use crate::world::{ask, bundle, check_refused, evaluator, start};

#[test]
fn an_answer_of_the_policy_is_the_verdict() {
    let policy = start(r#"verdict := {"outcome": "pass", "reasons": []} if input.good"#);
    assert!(ask(&policy, &json!({ "good": true })).passes());
    let policy = start(
        r#"verdict := {"outcome": "fail", "reasons": {
            {"code": "b", "text": "2"}, {"code": "a.b-1", "text": "1"}}}"#,
    );
    let verdict = ask(&policy, &json!({}));
    let codes: Vec<_> = verdict
        .reasons
        .iter()
        .map(|one| one.code.as_str())
        .collect();
    assert_eq!(codes, ["a.b-1", "b"]);
    assert_eq!(verdict.bundle, Some(policy.digest()));
}

#[test]
fn an_answer_that_is_none_is_refused() {
    let table = [
        ("", "policy.undefined"),
        ("other := 1", "policy.undefined"),
        ("verdict := true if input.good", "policy.undefined"),
        ("verdict := true", "policy.shape"),
        (r#"verdict := "pass""#, "policy.shape"),
        (r#"verdict := {"outcome": "pass"}"#, "policy.shape"),
        (
            r#"verdict := {"outcome": "yes", "reasons": []}"#,
            "policy.shape",
        ),
        (
            r#"verdict := {"outcome": "fail", "reasons": []}"#,
            "policy.shape",
        ),
        (
            r#"verdict := {"outcome": "pass", "reasons": [], "more": 1}"#,
            "policy.shape",
        ),
        (
            r#"verdict := {"outcome": "pass", "reasons": ["a"]}"#,
            "policy.shape",
        ),
        (
            r#"verdict := {"outcome": "pass", "reasons": [{"code": "A b", "text": ""}]}"#,
            "policy.shape",
        ),
        (
            r#"verdict := {"outcome": "pass", "reasons": [{"code": "policy.error", "text": ""}]}"#,
            "policy.shape",
        ),
        (
            r#"verdict := {"outcome": "pass", "reasons": [], "limits": {}}"#,
            "policy.shape",
        ),
        ("verdict := 1 / 0", "policy.error"),
        ("verdict := 1\nverdict := 2", "policy.error"),
        (
            r#"verdict := {"outcome": "pass", "reasons": to_number("x")}"#,
            "policy.error",
        ),
    ];
    for (lines, code) in table {
        check_refused(lines, code);
    }
}

#[test]
fn a_policy_that_cannot_be_read_is_refused() {
    check_refused("verdict := {", "policy.unreadable");
    let broken = [
        bundle(&[("a.rego", "package a\n"), ("data.json", "[1]")]),
        bundle(&[("a.rego", "package a\n"), ("data.json", "{")]),
        bundle(&[("a.rego", "no package")]),
    ];
    for bundle in broken {
        let verdict = ask(&bundle, &json!({}));
        assert_eq!(verdict.reasons[0].code, "policy.unreadable");
    }
    let no_text = Bundle::new([("a.rego".to_owned(), vec![0xff])].into()).unwrap();
    assert_eq!(
        ask(&no_text, &json!({})).reasons[0].code,
        "policy.unreadable"
    );
}

#[test]
fn no_policy_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let cases = [
        (folder.path().join("nowhere"), "policy.missing"),
        (folder.path().to_path_buf(), "policy.missing"),
        (file_in(folder.path()), "policy.missing"),
    ];
    for (path, code) in cases {
        let read = Bundle::read(&path);
        let verdict =
            evaluator(EvaluationLimits::default()).evaluate(read.as_ref(), Gate::Start, &json!({}));
        check_host(&verdict, code);
        assert_eq!(verdict.bundle, None);
        assert!(verdict.input.is_some());
    }
    std::fs::write(folder.path().join("a.rego"), "package a\n").unwrap();
    std::fs::write(folder.path().join("date.json"), "{}").unwrap();
    let read = Bundle::read(folder.path());
    let verdict =
        evaluator(EvaluationLimits::default()).evaluate(read.as_ref(), Gate::Start, &json!({}));
    check_host(&verdict, "policy.unreadable");
}

fn file_in(folder: &std::path::Path) -> std::path::PathBuf {
    let path = folder.join(".hidden");
    std::fs::write(&path, "package a\n").unwrap();
    path
}

#[track_caller]
fn check_host(verdict: &PolicyVerdict, code: &str) {
    assert!(!verdict.passes());
    assert_eq!(verdict.reasons.len(), 1);
    assert_eq!(verdict.reasons[0].code, code, "{:?}", verdict.reasons);
    let bytes = verdict.encode().unwrap();
    assert_eq!(PolicyVerdict::decode(&bytes).unwrap(), *verdict);
}

#[test]
fn an_input_that_readers_disagree_on_is_refused() {
    let policy = start(r#"verdict := {"outcome": "pass", "reasons": []}"#);
    for input in [
        json!(0.5),
        json!(-1),
        json!(1_u64 << 53),
        json!({ "a": [1.0] }),
    ] {
        let verdict = ask(&policy, &input);
        check_host(&verdict, "policy.input");
        assert_eq!(verdict.input, None);
    }
    let long = Value::String("x".repeat(INPUT_BYTES_MAX));
    check_host(&ask(&policy, &long), "policy.input-size");
}

#[test]
fn limits_are_parsed_or_refused() {
    let with = |limits: &str| {
        let text = format!(
            "package counterfoil.limits\nverdict := {{\"outcome\": \"pass\", \"reasons\": [], \"limits\": {limits}}}\n"
        );
        let bundle = bundle(&[("limits.rego", &text)]);
        evaluator(EvaluationLimits::default()).evaluate(Ok(&bundle), Gate::Limits, &json!({}))
    };
    let limits = |order: &str, working: u32| {
        format!(
            r#"{{"orders-per-bar-max": 1, "working-orders-max": {working}, "order-notional-max": {order},
                "position-notional-max": "1", "gross-exposure-max": "1", "price-collar-bps": "1",
                "drawdown-max-bps": "1"}}"#
        )
    };
    let good = with(&limits("\"2.5\"", 1));
    assert!(good.passes(), "{:?}", good.reasons);
    assert_eq!(good.limits.as_ref().unwrap().order_notional_max, "2.5");
    assert_eq!(
        PolicyVerdict::decode(&good.encode().unwrap()).unwrap(),
        good
    );
    let table = [
        (limits("\"-1\"", 1), "policy.limits"),
        (limits("\"many\"", 1), "policy.limits"),
        (limits("\"1\"", 20_001), "policy.limits"),
        (limits("1", 1), "policy.shape"),
        ("{}".to_owned(), "policy.shape"),
        ("null".to_owned(), "policy.shape"),
    ];
    for (limits, code) in table {
        let verdict = with(&limits);
        check_host(&verdict, code);
        assert_eq!(verdict.limits, None);
    }
}

#[test]
fn a_process_that_cannot_be_started_is_a_refusal() {
    let policy = start(r#"verdict := {"outcome": "pass", "reasons": []}"#);
    let mut nobody = evaluator(EvaluationLimits::default());
    nobody.program = "no-such-program".into();
    check_host(
        &nobody.evaluate(Ok(&policy), Gate::Start, &json!({})),
        "policy.unavailable",
    );
    // One that says nothing, and one that says something else.
    for (program, code) in [("true", "policy.shape"), ("false", "policy.killed")] {
        nobody.program = program.into();
        nobody.arguments = Vec::new();
        let verdict = nobody.evaluate(Ok(&policy), Gate::Start, &json!({}));
        check_host(&verdict, code);
    }
}

#[test]
fn tests_are_no_policy() {
    let bundle = bundle(&[
        ("start.rego", "package counterfoil.start\n"),
        (
            "start_test.rego",
            "package counterfoil.start\nverdict := {\"outcome\": \"pass\", \"reasons\": []}\n",
        ),
    ]);
    assert_eq!(ask(&bundle, &json!({})).reasons[0].code, "policy.undefined");
}
