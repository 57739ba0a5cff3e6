//! The evaluating process: `evaluate-policy`, with the question on standard input and the answer
//! on standard error.

use std::io::Write as _;

use anyhow::{Context as _, Result};
use counterfoil_policy::child::{EvaluationLimits, Evaluator, child_main};

use crate::output::CommandAnswer;

/// This program as the evaluating process.
pub(super) fn evaluator() -> Result<Evaluator> {
    Ok(Evaluator {
        program: std::env::current_exe().context("this program's own path")?,
        arguments: vec!["evaluate-policy".into()],
        limits: EvaluationLimits::default(),
    })
}

pub(crate) fn run() -> Result<CommandAnswer> {
    let (mut stdin, mut stderr) = (std::io::stdin(), std::io::stderr());
    match child_main(EvaluationLimits::default(), &mut stdin, &mut stderr) {
        Ok(()) => Ok(CommandAnswer::Yes),
        Err((code, reason)) => {
            // Standard error is the answer's channel, and the parent reads it as bytes: nothing is
            // added to it.
            let _closed = write!(stderr, "{reason}");
            std::process::exit(code.into())
        }
    }
}
