//! The only file that names the engine: it loads a bundle, evaluates one rule, counts the steps, and turns every
//! outcome into a verdict. It must never run outside a process that may die, except with a trusted bundle: the
//! engine bounds its steps, not its memory or its stack.

use core::cell::Cell;
use core::num::NonZeroU32;
use core::time::Duration;
use std::sync::OnceLock;

use counterfoil_trading::manifest::{RiskEntry, canonical_json};
use regorus::utils::limits::{ExecutionTimerConfig, TimeSource, set_time_source};
use regorus::{LimitError, Value};
use serde::Deserialize;

use crate::bundle::{Bundle, DATA_FILE};
use crate::suite::{LineCoverage, TestCase, TestSuite};
use crate::verdict::{CODE_BYTES_MAX, PolicyRefusal, REASONS_MAX, TEXT_BYTES_MAX};
use crate::verdict::{PolicyVerdict, VerdictDigests, bounded};
use counterfoil_base::digest::Digest;
use counterfoil_base::gate::{Gate, GateOutcome, GateReason};

/// The engine reads the time at every step. This clock returns the number of times that it was read, in
/// nanoseconds: so the engine's execution timer counts steps, and a policy times out on every machine or on none.
struct StepCounter;

thread_local! {
    static STEPS: Cell<u64> = const { Cell::new(0) };
}

impl TimeSource for StepCounter {
    fn now(&self) -> Option<Duration> {
        // Counted, not measured: a slow or busy machine must not turn a pass into a time-out.
        let steps = STEPS.get().saturating_add(1);
        STEPS.set(steps);
        Some(Duration::from_nanos(steps))
    }
}

/// Why the policy gave no valid answer.
struct EngineFault {
    refusal: PolicyRefusal,
    text: String,
}

impl EngineFault {
    fn new(refusal: PolicyRefusal, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { refusal, text }
    }
}

/// Turns an error of the engine into a fault.
macro_rules! fault {
    ($refusal:expr) => {
        |error| match error.downcast_ref::<LimitError>() {
            Some(_) => {
                EngineFault::new(PolicyRefusal::TimeOut, "the evaluation took too many steps")
            }
            None => EngineFault::new($refusal, error.to_string()),
        }
    };
}

/// The answer of a policy.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyAnswer {
    outcome: GateOutcome,
    reasons: Vec<GateReason>,
    #[serde(default)]
    limits: Option<RiskEntry>,
}

/// Evaluates the bundle at the gate. `input` is canonical JSON.
pub(crate) fn decide(bundle: &Bundle, gate: Gate, input: &str, steps: u64) -> PolicyVerdict {
    let digests = VerdictDigests {
        bundle: Some(bundle.digest()),
        input: Some(Digest::of(input.as_bytes())),
    };
    match ask(bundle, gate, input, steps) {
        Ok(answer) => {
            PolicyVerdict::of_policy(gate, digests, answer.outcome, answer.reasons, answer.limits)
        }
        Err(EngineFault { refusal, text }) => PolicyVerdict::refused(gate, digests, refusal, &text),
    }
}

fn ask(bundle: &Bundle, gate: Gate, input: &str, steps: u64) -> Result<PolicyAnswer, EngineFault> {
    let mut engine = load(bundle, steps)?;
    // After the bundle: one that does not compile is refused whatever the input says.
    let input = Value::from_json_str(input).map_err(fault!(PolicyRefusal::Input))?;
    engine.set_input(input);
    let value = value_of(&mut engine, verdict_rule(gate))?;
    // No value is not a fail of the policy but of the bundle, which does not cover this input. Both keep the gate
    // shut, under different codes.
    if value == Value::Undefined {
        let text = format!("{} has no value for this input", verdict_rule(gate));
        return Err(EngineFault::new(PolicyRefusal::Undefined, text));
    }
    parse(gate, &value)
}

/// The rule that answers at a gate.
const fn verdict_rule(gate: Gate) -> &'static str {
    match gate {
        Gate::Promotion => "data.counterfoil.promotion.verdict",
        Gate::Start => "data.counterfoil.start.verdict",
        Gate::Limits => "data.counterfoil.limits.verdict",
    }
}

/// The value of one rule; the rules of other gates are not evaluated. A missing rule has no value, like a rule
/// whose conditions are not met.
fn value_of(engine: &mut regorus::Engine, rule: &str) -> Result<Value, EngineFault> {
    match engine.eval_rule(rule.to_owned()) {
        // The engine has no other sign of a missing rule than this text. If it ever changes, the rule is an
        // error, and the gate stays shut either way.
        Err(error) if error.to_string() == "not a valid rule path" => Ok(Value::Undefined),
        value => value.map_err(fault!(PolicyRefusal::Error)),
    }
}

/// Parses a value into an answer. Any value that is not exactly an answer is refused.
fn parse(gate: Gate, value: &Value) -> Result<PolicyAnswer, EngineFault> {
    let shape = |text: String| EngineFault::new(PolicyRefusal::Shape, text);
    let json = value.to_json_str().map_err(fault!(PolicyRefusal::Shape))?;
    let answer: PolicyAnswer =
        serde_json::from_str(&json).map_err(|error| shape(error.to_string()))?;
    // All reasons must fit into one entry of the ledger: cut off there, the recorded verdict would not be this one.
    if answer.reasons.len() > REASONS_MAX {
        let count = answer.reasons.len();
        return Err(shape(format!("{count} reasons, more than {REASONS_MAX}")));
    }
    for reason in &answer.reasons {
        let code = reason.code.as_str();
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let spelled = code
            .bytes()
            .all(|byte| plain(byte) || b".-".contains(&byte));
        if code.is_empty() || code.len() > CODE_BYTES_MAX || !spelled {
            let text = format!("the code {code:?} is not of a-z, 0-9, dot and hyphen");
            return Err(shape(text));
        }
        // These codes are the host's: a policy that used one could make its own answer look like a failure of the
        // machine.
        if code.starts_with("policy.") {
            return Err(shape(format!("the code {code} is one of the host's own")));
        }
        if reason.text.len() > TEXT_BYTES_MAX {
            return Err(shape(format!(
                "{code}: more than {TEXT_BYTES_MAX} bytes of text"
            )));
        }
    }
    // A refusal without a reason cannot be acted on, and cannot be appealed.
    if answer.outcome == GateOutcome::Fail && answer.reasons.is_empty() {
        return Err(shape(String::from("a fail without a reason")));
    }
    // Limits on any other answer would be recorded without being asked for, and could be mistaken for approved
    // ones.
    let due = gate == Gate::Limits && answer.outcome == GateOutcome::Pass;
    match &answer.limits {
        Some(_) if !due => Err(shape(String::from("limits in an answer that sets none"))),
        None if due => Err(shape(String::from("no limits in an answer that sets them"))),
        Some(limits) => match limits.limits() {
            Ok(_) => Ok(answer),
            Err(error) => Err(EngineFault::new(PolicyRefusal::Limits, error.to_string())),
        },
        None => Ok(answer),
    }
}

/// An engine that holds the bundle's policies and data, and no tests.
fn load(bundle: &Bundle, steps: u64) -> Result<regorus::Engine, EngineFault> {
    static COUNTS: OnceLock<bool> = OnceLock::new();
    // The engine's time source is global and can be set once. If another one is in place, no steps are counted, and
    // a policy could run for ever.
    if !COUNTS.get_or_init(|| set_time_source(&StepCounter).is_ok()) {
        let text = "the engine's clock is not the host's, so nothing bounds its steps";
        return Err(EngineFault::new(PolicyRefusal::Error, text));
    }
    let mut engine = regorus::Engine::new();
    engine.set_execution_timer_config(ExecutionTimerConfig {
        limit: Duration::from_nanos(steps),
        check_interval: NonZeroU32::MIN,
    });
    // A built-in that fails is an error, not a rule that is silently undefined.
    engine.set_strict_builtin_errors(true);
    // Tests stay out: their rules could define a value that the policy itself does not.
    for (path, content) in bundle.policies() {
        add(&mut engine, path, content)?;
    }
    if let Some(content) = bundle.data() {
        let data = text(DATA_FILE, content)?;
        let data = Value::from_json_str(data).map_err(fault!(PolicyRefusal::Unreadable))?;
        engine
            .add_data(data)
            .map_err(fault!(PolicyRefusal::Unreadable))?;
    }
    Ok(engine)
}

/// Adds a file and returns its package, such as `data.counterfoil.start`.
fn add(engine: &mut regorus::Engine, path: &str, content: &[u8]) -> Result<String, EngineFault> {
    let content = text(path, content)?.to_owned();
    engine
        .add_policy(path.to_owned(), content)
        .map_err(fault!(PolicyRefusal::Unreadable))
}

fn text<'a>(path: &str, content: &'a [u8]) -> Result<&'a str, EngineFault> {
    core::str::from_utf8(content)
        .map_err(|error| EngineFault::new(PolicyRefusal::Unreadable, format!("{path}: {error}")))
}

/// Runs the bundle's tests: every rule `test_…` of its test files.
pub(crate) fn test(bundle: &Bundle, steps: u64) -> TestSuite {
    let refused = |EngineFault { refusal, text }| {
        TestSuite::refused(bundle.digest(), refusal, &bounded(&text))
    };
    let mut engine = match load(bundle, steps) {
        Ok(engine) => engine,
        Err(fault) => return refused(fault),
    };
    let mut names = Vec::new();
    for (path, content) in bundle.tests() {
        match add(&mut engine, path, content) {
            Ok(package) => names.extend(rules(content).map(|rule| format!("{package}.{rule}"))),
            Err(fault) => return refused(fault),
        }
    }
    engine.set_enable_coverage(true);
    let mut cases = Vec::new();
    for rule in names {
        let failure = match value_of(&mut engine, &rule) {
            // Exactly true. Any other value, even a defined one, is a test that failed.
            Ok(Value::Bool(true)) => None,
            Ok(Value::Undefined) => Some(String::from("the rule is not true")),
            Ok(other) => Some(bounded(&format!("the rule is {other}, not true"))),
            Err(fault) => Some(bounded(&fault.text)),
        };
        cases.push(TestCase { rule, failure });
    }
    TestSuite {
        digest: bundle.digest(),
        refused: None,
        cases,
        coverage: coverage(&engine),
    }
}

/// The names of the test rules of a file, in its order, each once: the first words of its lines.
/// A name that is not a rule's becomes a test that fails, so no test is left out unnoticed.
fn rules(content: &[u8]) -> impl Iterator<Item = String> {
    let content = String::from_utf8_lossy(content);
    let mut names: Vec<String> = Vec::new();
    for line in content.lines() {
        let is_name = |letter: &char| letter.is_ascii_alphanumeric() || *letter == '_';
        let name: String = line.chars().take_while(is_name).collect();
        if name.starts_with("test_") && !names.contains(&name) {
            names.push(name);
        }
    }
    names.into_iter()
}

/// The lines of the policies that the tests reached; empty if the engine has no report.
fn coverage(engine: &regorus::Engine) -> Vec<LineCoverage> {
    let files = engine
        .get_coverage_report()
        .map_or_else(|_| Vec::new(), |report| report.files)
        .into_iter();
    let policies = files.filter(|file| !file.path.ends_with("_test.rego"));
    policies
        .map(|file| LineCoverage {
            path: file.path,
            covered: file.covered.len(),
            not_covered: file.not_covered.into_iter().collect(),
        })
        .collect()
}

/// The canonical form of an input.
pub(crate) fn canonical(input: &serde_json::Value) -> Result<String, String> {
    canonical_json(input).map_err(|error| error.to_string())
}
