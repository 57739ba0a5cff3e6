//! The starter bundle: its own tests pass, reach every line, and the documents of the Rust types
//! are those that it reads.

use counterfoil_policy::child::EvaluationLimits;
use counterfoil_policy::starter;
use counterfoil_policy::suite::TestSuite;
use serde_json::{Value, json};

use crate::world::{bundle, evaluator};

fn test_of(bundle: &counterfoil_policy::bundle::Bundle) -> TestSuite {
    evaluator(EvaluationLimits::default()).test(bundle)
}

#[test]
fn its_tests_pass_and_reach_every_line() {
    let suite = test_of(&starter::bundle().unwrap());
    assert_eq!(suite.refused, None);
    for case in &suite.cases {
        assert_eq!(case.failure, None, "{}", case.rule);
    }
    assert!(suite.passes() && suite.cases.len() > 20);
    assert_eq!(suite.coverage.len(), 4);
    for file in &suite.coverage {
        assert!(
            file.not_covered.is_empty(),
            "{}: {:?}",
            file.path,
            file.not_covered
        );
    }
}

/// `policy init` says to set its numbers; its tests once failed for whoever did.
#[test]
fn its_tests_pass_whatever_numbers_and_exceptions_are_set() {
    fn changed(value: &Value) -> Value {
        match value {
            Value::Number(number) => json!(number.as_u64().unwrap() * 2 + 7),
            Value::Array(_) => json!([]),
            Value::Object(all) => {
                let all = all.iter().map(|(name, one)| (name.clone(), changed(one)));
                Value::Object(all.collect())
            }
            Value::Null | Value::Bool(_) | Value::String(_) => value.clone(),
        }
    }
    let (_, data) = starter::FILES[0];
    let data = changed(&serde_json::from_str(data).unwrap()).to_string();
    assert!(data.contains("\"drawdown_max_bps\":6007"), "{data}");
    let mut files = starter::FILES;
    files[0].1 = &data;
    let suite = test_of(&bundle(&files));
    for case in &suite.cases {
        assert_eq!(case.failure, None, "{}", case.rule);
    }
    assert!(suite.passes());
}

#[test]
fn a_test_that_fails_is_named() {
    let suite = test_of(&bundle(&[
        (
            "a.rego",
            "package a\n\nx := 1\n\ny := 2 if {\n\tinput.y\n\tinput.z\n}\n",
        ),
        (
            "a_test.rego",
            "package a_test\n\nimport data.a\n\ntest_good if a.x == 1\n\ntest_bad if a.x == 2\n\n\
             test_number := 7\n\ntest_false := false\n\ntest_error if 1 / 0 == 1\n",
        ),
    ]));
    let found: Vec<_> = suite
        .cases
        .iter()
        .map(|case| (case.rule.as_str(), case.failure.as_deref().unwrap_or("")))
        .collect();
    assert_eq!(found.len(), 5);
    assert_eq!(found[0], ("data.a_test.test_good", ""));
    assert_eq!(found[1], ("data.a_test.test_bad", "the rule is not true"));
    assert_eq!(
        found[2],
        ("data.a_test.test_number", "the rule is 7, not true")
    );
    assert_eq!(
        found[3],
        ("data.a_test.test_false", "the rule is false, not true")
    );
    assert!(found[4].1.contains("divide by zero"), "{}", found[4].1);
    assert!(!suite.passes());
    assert_eq!(suite.coverage[0].not_covered, [5, 7]);
}

#[test]
fn a_bundle_without_tests_does_not_pass_them() {
    let suite = test_of(&bundle(&[("a.rego", "package a\n")]));
    assert!(suite.refused.is_none() && !suite.passes());
    let suite = test_of(&bundle(&[("a.rego", "package")]));
    assert_eq!(suite.refused.unwrap().code, "policy.unreadable");
}
