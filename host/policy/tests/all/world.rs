//! What the tests share: bundles of one file, an evaluator, and the evaluating process itself.

use counterfoil_base::gate::Gate;
use counterfoil_policy::bundle::Bundle;
use counterfoil_policy::child::{EvaluationLimits, Evaluator, child_main};
use counterfoil_policy::verdict::PolicyVerdict;
use serde_json::{Value, json};

const CHILD: &str = "COUNTERFOIL_TEST_POLICY_MEMORY";

/// The evaluating process. Without the variable it is an ordinary test that has nothing to do.
#[test]
fn the_child_evaluates_what_it_is_told_to() {
    let Ok(memory) = std::env::var(CHILD) else {
        return;
    };
    let limits = EvaluationLimits {
        memory_bytes: memory.parse().unwrap(),
        cpu_seconds: 5,
        ..EvaluationLimits::default()
    };
    let answer = child_main(limits, &mut std::io::stdin(), &mut std::io::stderr());
    if let Err((code, text)) = answer {
        use std::io::Write as _;
        write!(std::io::stderr(), "{text}").unwrap();
        std::process::exit(code.into());
    }
}

pub(crate) fn evaluator(limits: EvaluationLimits) -> Evaluator {
    let arguments = [
        "--exact",
        "world::the_child_evaluates_what_it_is_told_to",
        "--nocapture",
    ];
    Evaluator {
        program: std::env::current_exe().unwrap(),
        arguments: arguments.map(Into::into).into(),
        environment: vec![(CHILD.into(), limits.memory_bytes.to_string().into())],
        limits,
    }
}

pub(crate) fn bundle(files: &[(&str, &str)]) -> Bundle {
    let file = |(path, text): &(&str, &str)| ((*path).to_owned(), text.as_bytes().to_vec());
    Bundle::new(files.iter().map(file).collect()).unwrap()
}

/// A bundle whose start gate answers with these lines.
pub(crate) fn start(lines: &str) -> Bundle {
    let text = format!("package counterfoil.start\n\n{lines}\n");
    bundle(&[("start.rego", &text)])
}

pub(crate) fn ask(bundle: &Bundle, input: &Value) -> PolicyVerdict {
    evaluator(EvaluationLimits::default()).evaluate(Ok(bundle), Gate::Start, input)
}

/// Holds that the start gate refuses with this code, for whatever the lines say.
#[track_caller]
pub(crate) fn check_refused(lines: &str, code: &str) {
    let verdict = ask(&start(lines), &json!({}));
    assert!(!verdict.passes(), "{lines}");
    let codes: Vec<_> = verdict
        .reasons
        .iter()
        .map(|one| one.code.as_str())
        .collect();
    assert_eq!(codes, [code], "{lines}: {:?}", verdict.reasons);
    assert_eq!(verdict.limits, None);
}
