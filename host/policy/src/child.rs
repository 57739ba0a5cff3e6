//! Evaluation in a process of its own. The engine bounds its steps; a policy can still build a
//! value that fills memory or nests beyond the stack in a few of them. So a process that has
//! limits of its own evaluates, and its death is a verdict: refused.

use core::time::Duration;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;

use counterfoil_trading::cbor::{self, CborReader};
use rlimit::Resource;

use crate::bundle::{BUNDLE_BYTES_MAX, Bundle, BundleError};
use crate::engine;
use crate::gate::Gate;
use crate::suite::Suite;
use crate::verdict::{Refusal, Verdict};
use counterfoil_base::digest::Digest;

/// The largest input, in bytes of canonical JSON: one of an approval has a few thousand.
pub const INPUT_BYTES_MAX: usize = 1 << 20;
/// The most that the process may say: the tests of a large bundle, line by line.
pub const ANSWER_BYTES_MAX: usize = 1 << 20;

/// The process answered.
pub const EXIT_DONE: u8 = 0;
/// The process could not lower its limits or read what it is asked.
pub const EXIT_SETUP: u8 = 20;
/// The answer is larger than it may be.
pub const EXIT_OUTPUT: u8 = 21;

/// The first item of what the process is asked.
const FORMAT: &str = "counterfoil/policy-question/1";
/// What stands for a gate where the tests are asked for.
const TESTS: &str = "tests";
/// Milliseconds between two looks at the process.
const LOOK_MS: u64 = 2;

/// What one evaluation may take.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Steps of the engine; of each test, where tests are run.
    pub steps: u64,
    /// Wall-clock milliseconds, kept by the asking process.
    pub wall_ms: u64,
    /// Processor seconds, kept by the operating system.
    pub cpu_seconds: u64,
    /// Bytes of address space, kept by the operating system.
    pub memory_bytes: u64,
}

impl Default for Limits {
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
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Variables of its environment; it gets no others.
    pub environment: Vec<(OsString, OsString)>,
    /// What it may take.
    pub limits: Limits,
}

/// Why the process gave no answer.
struct Silence {
    refusal: Refusal,
    text: String,
}

impl Silence {
    fn new(refusal: Refusal, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { refusal, text }
    }
}

impl Evaluator {
    /// Asks the policy at the gate. There is always a verdict, and only what the policy passes
    /// is a pass: no bundle, an unreadable one, an error, a time-out, no answer or a wrong one
    /// are refused, each with its code.
    #[must_use]
    pub fn evaluate(
        &self,
        bundle: Result<&Bundle, &BundleError>,
        gate: Gate,
        input: &serde_json::Value,
    ) -> Verdict {
        let canonical = engine::canonical(input);
        let input = canonical.as_ref().ok();
        let input = input.map(|text| Digest::of(text.as_bytes()));
        let digests = (bundle.ok().map(Bundle::digest), input);
        let refused = |refusal, text: &str| Verdict::refused(gate, digests, refusal, text);
        let bundle = match bundle {
            Ok(bundle) => bundle,
            Err(error @ BundleError::Missing { .. }) => {
                return refused(Refusal::Missing, &error.to_string());
            }
            Err(error) => return refused(Refusal::Unreadable, &error.to_string()),
        };
        let input = match canonical {
            Ok(input) if input.len() <= INPUT_BYTES_MAX => input,
            Ok(input) => {
                let bytes = input.len();
                let text = format!("the input has {bytes} bytes, more than {INPUT_BYTES_MAX}");
                return refused(Refusal::InputSize, &text);
            }
            Err(text) => return refused(Refusal::Input, &text),
        };
        let answer = match self.ask(&question(gate.name(), bundle, &input, self.limits.steps)) {
            Ok(answer) => answer,
            Err(Silence { refusal, text }) => return refused(refusal, &text),
        };
        match Verdict::decode(&answer) {
            Ok(verdict) if verdict.gate == gate && (verdict.bundle, verdict.input) == digests => {
                verdict
            }
            Ok(_) => refused(Refusal::Shape, "the process answered another question"),
            Err(error) => refused(Refusal::Shape, &error.to_string()),
        }
    }

    /// Runs the bundle's own tests.
    #[must_use]
    pub fn test(&self, bundle: &Bundle) -> Suite {
        let refused = |refusal, text: &str| Suite::refused(bundle.digest(), refusal, text);
        match self.ask(&question(TESTS, bundle, "", self.limits.steps)) {
            Ok(answer) => serde_json::from_slice(&answer)
                .unwrap_or_else(|error| refused(Refusal::Shape, &error.to_string())),
            Err(Silence { refusal, text }) => refused(refusal, &text),
        }
    }

    fn ask(&self, question: &[u8]) -> Result<Vec<u8>, Silence> {
        let io = |error: io::Error| {
            let text = format!("the evaluating process cannot be run: {error}");
            Silence::new(Refusal::Unavailable, text)
        };
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(io)?;
        let answer = child
            .stderr
            .take()
            .map(|stderr| thread::spawn(move || hear(stderr)));
        if let Some(mut stdin) = child.stdin.take() {
            // A process that dies before it has read all is seen by how it ends.
            let _broken_pipe = stdin.write_all(question);
        }
        let status = wait(&mut child, self.limits.wall_ms).map_err(io)?;
        if status.is_none() {
            child.kill().and_then(|()| child.wait()).map_err(io)?;
        }
        let answer = answer
            .and_then(|answer| answer.join().ok())
            .unwrap_or_default();
        let Some(status) = status else {
            let text = format!("no answer within {} ms", self.limits.wall_ms);
            return Err(Silence::new(Refusal::TimeOut, text));
        };
        let too_large = answer.len() > ANSWER_BYTES_MAX;
        match status.code().map(u8::try_from) {
            Some(Ok(EXIT_DONE)) if !too_large => Ok(answer),
            Some(Ok(EXIT_DONE | EXIT_OUTPUT)) => {
                let text = format!("the answer has more than {ANSWER_BYTES_MAX} bytes");
                Err(Silence::new(Refusal::Output, text))
            }
            Some(Ok(EXIT_SETUP)) => {
                let text = String::from_utf8_lossy(&answer);
                Err(Silence::new(Refusal::Unavailable, text))
            }
            _ => {
                let text = format!("the evaluating process ended without an answer ({status})");
                Err(Silence::new(Refusal::Killed, text))
            }
        }
    }
}

/// Everything the process says, up to one byte more than it may.
fn hear(stderr: impl Read) -> Vec<u8> {
    let most = u64::try_from(ANSWER_BYTES_MAX).unwrap_or(u64::MAX);
    let mut said = Vec::new();
    // What could not be read is missing from the answer, which is then none.
    let _ = stderr.take(most.saturating_add(1)).read_to_end(&mut said);
    said
}

/// The process's end, or none when the time is over. The channel is never sent to: it is a clock
/// that this crate may have.
fn wait(child: &mut Child, wall_ms: u64) -> io::Result<Option<ExitStatus>> {
    let (_never_sends, clock) = mpsc::channel::<()>();
    for _ in 0..wall_ms.div_ceil(LOOK_MS) {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        let _ = clock.recv_timeout(Duration::from_millis(LOOK_MS));
    }
    child.try_wait()
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

/// The process's side: lowers its own limits, reads what it is asked from `question`, and writes
/// the answer to `answer`. The caller exits with the code.
///
/// # Errors
///
/// Returns the exit code, [`EXIT_SETUP`] or [`EXIT_OUTPUT`], and the reason, which the caller
/// writes where the answer would have stood.
pub fn child_main(
    limits: Limits,
    question: &mut dyn Read,
    answer: &mut dyn Write,
) -> Result<(), (u8, String)> {
    let setup = |error: &dyn core::fmt::Display| (EXIT_SETUP, error.to_string());
    let lower = |resource: Resource, limit: u64| rlimit::setrlimit(resource, limit, limit);
    lower(Resource::AS, limits.memory_bytes)
        .and_then(|()| lower(Resource::CPU, limits.cpu_seconds))
        .and_then(|()| lower(Resource::CORE, 0))
        .map_err(|error| setup(&error))?;
    let most = u64::try_from(BUNDLE_BYTES_MAX + INPUT_BYTES_MAX + 1_024).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    question
        .take(most)
        .read_to_end(&mut bytes)
        .map_err(|error| setup(&error))?;
    let said = answer_to(&bytes).map_err(|text| (EXIT_SETUP, text))?;
    if said.len() > ANSWER_BYTES_MAX {
        return Err((EXIT_OUTPUT, String::new()));
    }
    answer
        .write_all(&said)
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
    let bundle = Bundle::decode(bundle).map_err(|error| error.to_string())?;
    if what == TESTS {
        let suite = engine::test(&bundle, steps);
        return serde_json::to_vec(&suite).map_err(|error| error.to_string());
    }
    let gate = Gate::parse(&what).ok_or_else(|| format!("there is no gate {what:?}"))?;
    let verdict = engine::decide(&bundle, gate, &input, steps);
    verdict.encode().map_err(|error| error.to_string())
}
