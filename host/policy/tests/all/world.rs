//! What the tests share: bundles of one file, and an evaluator.

use counterfoil_base::gate::Gate;
use counterfoil_policy::bundle::Bundle;
use counterfoil_policy::child::{EvaluationLimits, Evaluator};
use counterfoil_policy::verdict::PolicyVerdict;
use serde_json::{Value, json};

pub(crate) fn evaluator(limits: EvaluationLimits) -> Evaluator {
    Evaluator {
        program: env!("CARGO_BIN_EXE_counterfoil-policy-child").into(),
        arguments: vec![limits.memory_bytes.to_string().into()],
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
