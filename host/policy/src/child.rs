//! Evaluation in a process of its own. The engine bounds its steps; a policy can still build a value that fills
//! memory or nests beyond the stack in a few of them. So a process with limits of its own evaluates, and if it dies
//! the verdict is a refusal. It must never decide what a policy decides.

use core::time::Duration;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::Command;

use counterfoil_os::child::{ChildBounds, ChildEnd, OwnLimits, ask_child, lower_own_limits};
use counterfoil_os::confine::{NeededAccess, confine};
use counterfoil_trading::cbor::{self, CborReader};

use crate::bundle::{BUNDLE_BYTES_MAX, Bundle, BundleError};
use crate::engine;
use crate::suite::TestSuite;
use crate::verdict::{PolicyRefusal, PolicyVerdict, VerdictDigests};
use counterfoil_base::digest::Digest;
use counterfoil_base::gate::Gate;

/// The largest input, in bytes of canonical JSON: the input of a promotion has a few thousand.
pub const INPUT_BYTES_MAX: usize = 1 << 20;
/// The largest answer of the process, in bytes: the tests and line coverage of a large bundle.
pub const ANSWER_BYTES_MAX: usize = 1 << 20;

/// The process answered.
pub const EXIT_DONE: u8 = 0;
/// The process could not lower its limits or read the question.
pub const EXIT_SETUP: u8 = 20;
/// The answer is larger than it may be.
pub const EXIT_OUTPUT: u8 = 21;

/// The first item of a question to the process.
const FORMAT: &str = "counterfoil/policy-question/1";
/// The name in place of a gate's that asks for the tests.
const TESTS: &str = "tests";

/// What one evaluation may use.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct EvaluationLimits {
    /// Steps of the engine; of each test, where tests are run.
    pub steps: u64,
    /// Wall-clock milliseconds, kept by the asking process.
    pub wall_ms: u64,
    /// Processor seconds, kept by the operating system.
    pub cpu_seconds: u64,
    /// Bytes of address space, kept by the operating system.
    pub memory_bytes: u64,
}

impl Default for EvaluationLimits {
    /// The starter bundle takes a few thousand steps at a gate; an operator waits for seconds.
    fn default() -> Self {
        Self {
            steps: 1_000_000,
            wall_ms: 10_000,
            cpu_seconds: 10,
            memory_bytes: 512 << 20,
        }
    }
}

/// How the evaluating process is started; it must end in [`child_main`].
#[derive(Clone, Debug)]
pub struct Evaluator {
    pub program: PathBuf,
    pub arguments: Vec<OsString>,
    /// What it may use.
    pub limits: EvaluationLimits,
}

/// Why the process gave no answer.
struct NoAnswer {
    refusal: PolicyRefusal,
    text: String,
}

impl NoAnswer {
    fn new(refusal: PolicyRefusal, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { refusal, text }
    }
}

impl Evaluator {
    /// Evaluates the policy at the gate. There is always a verdict, and it passes only if the policy passes the
    /// input: a missing or unreadable bundle, an error, a time-out, a missing or invalid answer are refusals, each
    /// with its code.
    #[must_use]
    pub fn evaluate(
        &self,
        bundle: Result<&Bundle, &BundleError>,
        gate: Gate,
        input: &serde_json::Value,
    ) -> PolicyVerdict {
        // The digest is of the bytes that the process gets, so a verdict can be checked against its input years
        // later.
        let canonical = engine::canonical(input);
        let digests = VerdictDigests {
            bundle: bundle.ok().map(Bundle::digest),
            input: canonical
                .as_ref()
                .ok()
                .map(|text| Digest::of(text.as_bytes())),
        };
        let refused = |refusal, text: &str| PolicyVerdict::refused(gate, digests, refusal, text);
        let bundle = match bundle {
            Ok(bundle) => bundle,
            Err(error @ BundleError::Missing { .. }) => {
                return refused(PolicyRefusal::Missing, &error.to_string());
            }
            Err(error) => return refused(PolicyRefusal::Unreadable, &error.to_string()),
        };
        let input = match canonical {
            // Checked here as well as in the process: what it refuses to read would look like a crash.
            Ok(input) if input.len() <= INPUT_BYTES_MAX => input,
            Ok(input) => {
                let bytes = input.len();
                let text = format!("the input has {bytes} bytes, more than {INPUT_BYTES_MAX}");
                return refused(PolicyRefusal::InputSize, &text);
            }
            Err(text) => return refused(PolicyRefusal::Input, &text),
        };
        let answer = match self.ask(&question(gate.name(), bundle, &input, self.limits.steps)) {
            Ok(answer) => answer,
            Err(NoAnswer { refusal, text }) => return refused(refusal, &text),
        };
        // The process runs other people's rules. Its bytes count only in the one form of a verdict, for exactly
        // this gate, bundle and input: else an answer to an easier question could open the gate.
        match PolicyVerdict::decode(&answer) {
            Ok(verdict) if verdict.gate == gate && verdict.digests() == digests => verdict,
            Ok(_) => refused(
                PolicyRefusal::Shape,
                "the process answered another question",
            ),
            Err(error) => refused(PolicyRefusal::Shape, &error.to_string()),
        }
    }

    /// Runs the bundle's own tests.
    #[must_use]
    pub fn test(&self, bundle: &Bundle) -> TestSuite {
        let refused = |refusal, text: &str| TestSuite::refused(bundle.digest(), refusal, text);
        match self.ask(&question(TESTS, bundle, "", self.limits.steps)) {
            Ok(answer) => serde_json::from_slice(&answer)
                .unwrap_or_else(|error| refused(PolicyRefusal::Shape, &error.to_string())),
            Err(NoAnswer { refusal, text }) => refused(refusal, &text),
        }
    }

    fn ask(&self, question: &[u8]) -> Result<Vec<u8>, NoAnswer> {
        let io = |error: io::Error| {
            let text = format!("the evaluating process cannot be run: {error}");
            NoAnswer::new(PolicyRefusal::Unavailable, text)
        };
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            // No variable reaches the process: keys and tokens of the caller's environment stay out of an
            // evaluation, and two machines evaluate alike.
            .env_clear();
        let bounds = ChildBounds {
            wall_time: Duration::from_millis(self.limits.wall_ms),
            answer_bytes_max: ANSWER_BYTES_MAX,
        };
        let ChildEnd::Exited { status, answer } =
            ask_child(&mut command, question, bounds).map_err(io)?
        else {
            let text = format!("no answer within {} ms", self.limits.wall_ms);
            return Err(NoAnswer::new(PolicyRefusal::TimeOut, text));
        };
        // Cut off, a long answer might end in a smaller one that parses.
        let too_large = answer.len() > ANSWER_BYTES_MAX;
        match status.code().map(u8::try_from) {
            // Every other way to end is a refusal: a gate that cannot be asked stays shut.
            Some(Ok(EXIT_DONE)) if !too_large => Ok(answer),
            Some(Ok(EXIT_DONE | EXIT_OUTPUT)) => {
                let text = format!("the answer has more than {ANSWER_BYTES_MAX} bytes");
                Err(NoAnswer::new(PolicyRefusal::Output, text))
            }
            Some(Ok(EXIT_SETUP)) => {
                let text = String::from_utf8_lossy(&answer);
                Err(NoAnswer::new(PolicyRefusal::Unavailable, text))
            }
            _ => {
                let text = format!("the evaluating process ended without an answer ({status})");
                Err(NoAnswer::new(PolicyRefusal::Killed, text))
            }
        }
    }
}

fn question(what: &str, bundle: &Bundle, input: &str, steps: u64) -> Vec<u8> {
    let mut out = Vec::new();
    cbor::put_array(&mut out, 5);
    cbor::put_text(&mut out, FORMAT);
    cbor::put_text(&mut out, what);
    cbor::put_u64(&mut out, steps);
    cbor::put_bytes(&mut out, &bundle.encode());
    cbor::put_text(&mut out, input);
    out
}

/// The process's side: lowers its own limits, reads the question from `question`, and writes the answer to
/// `answer`. The caller exits with the code.
///
/// # Errors
///
/// Returns the exit code, [`EXIT_SETUP`] or [`EXIT_OUTPUT`], and the reason, which the caller
/// writes in place of the answer.
pub fn child_main(
    limits: EvaluationLimits,
    question: &mut dyn Read,
    answer: &mut dyn Write,
) -> Result<(), (u8, String)> {
    let setup = |error: &dyn core::fmt::Display| (EXIT_SETUP, error.to_string());
    // Before a byte of the question is read: from here on the operating system bounds what it can do.
    lower_own_limits(OwnLimits {
        memory_bytes: limits.memory_bytes,
        cpu_seconds: limits.cpu_seconds,
    })
    .map_err(|error| setup(&error))?;
    // And confined: a rule that breaks its engine has a process without files, sockets or programs.
    let _by = confine(&NeededAccess::default()).map_err(|error| setup(&error))?;
    // The question's own bounds and its frame. More is not a question of ours, and would be read into limited
    // memory.
    let most = u64::try_from(BUNDLE_BYTES_MAX + INPUT_BYTES_MAX + 1_024).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    question
        .take(most)
        .read_to_end(&mut bytes)
        .map_err(|error| setup(&error))?;
    let reply = answer_to(&bytes).map_err(|text| (EXIT_SETUP, text))?;
    // Not cut: a verdict with its last reasons missing would be another verdict.
    if reply.len() > ANSWER_BYTES_MAX {
        return Err((EXIT_OUTPUT, String::new()));
    }
    answer
        .write_all(&reply)
        .and_then(|()| answer.flush())
        .map_err(|error| setup(&error))
}

fn answer_to(question: &[u8]) -> Result<Vec<u8>, String> {
    let wrong = |error: cbor::CborError| error.to_string();
    let mut reader = CborReader::new(question);
    reader
        .array_of(5, "a question to a policy")
        .map_err(wrong)?;
    let format = reader.text().map_err(wrong)?;
    if format != FORMAT {
        return Err(format!("the question is {format:?}, not {FORMAT:?}"));
    }
    let what = reader.text().map_err(wrong)?;
    let steps = reader.u64().map_err(wrong)?;
    let bundle = reader.byte_string().map_err(wrong)?;
    let input = reader.text().map_err(wrong)?;
    // Decoded again in the process: the engine must see the bytes that the digest is of, not what the parent
    // parsed.
    let bundle = Bundle::decode(bundle).map_err(|error| error.to_string())?;
    if what == TESTS {
        let suite = engine::test(&bundle, steps);
        return serde_json::to_vec(&suite).map_err(|error| error.to_string());
    }
    let gate = Gate::parse(&what).ok_or_else(|| format!("there is no gate {what:?}"))?;
    let verdict = engine::decide(&bundle, gate, &input, steps);
    verdict.encode().map_err(|error| error.to_string())
}
