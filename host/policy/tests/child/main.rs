//! The evaluating process of this crate's tests. A program of its own and no test of a test program, since the process
//! confines itself, and a test program has threads.

use std::io::Write as _;
use std::process::ExitCode;

use counterfoil_policy::child::{EvaluationLimits, child_main};

fn main() -> ExitCode {
    let mut memory = std::env::args().skip(1);
    let Some(memory_bytes) = memory.next().and_then(|bytes| bytes.parse().ok()) else {
        return ExitCode::FAILURE;
    };
    let limits = EvaluationLimits {
        memory_bytes,
        cpu_seconds: 5,
        ..EvaluationLimits::default()
    };
    let answer = child_main(limits, &mut std::io::stdin(), &mut std::io::stderr());
    let Err((code, reason)) = answer else {
        return ExitCode::SUCCESS;
    };
    let _closed = write!(std::io::stderr(), "{reason}");
    code.into()
}
