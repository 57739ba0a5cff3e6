//! The evaluating process: `evaluate-policy`, with the question on standard input and the answer
//! on standard error.

use std::io::Write as _;

use anyhow::{Context as _, Result};
use counterfoil_policy::child::{EvaluationLimits, Evaluator, child_main};

use crate::output::Answer;

/// This program as the evaluating process.
pub(super) fn evaluator() -> Result<Evaluator> {
    Ok(Evaluator {
        program: std::env::current_exe().context("this program's own path")?,
        arguments: vec!["evaluate-policy".into()],
        environment: Vec::new(),
        limits: EvaluationLimits::default(),
    })
}

pub(crate) fn run() -> Result<Answer> {
    let (mut stdin, mut stderr) = (std::io::stdin(), std::io::stderr());
    match child_main(EvaluationLimits::default(), &mut stdin, &mut stderr) {
        Ok(()) => Ok(Answer::Yes),
        Err((code, reason)) => {
            let _closed = write!(stderr, "{reason}");
            std::process::exit(code.into())
        }
    }
}
