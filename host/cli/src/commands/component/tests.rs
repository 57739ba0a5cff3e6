//! `component attest-tests`: the author says that the tests ran, where, and what they printed.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use counterfoil_base::digest::Digest;
use counterfoil_governance::act::EvidenceKind;
use counterfoil_runner::study::evidence::EvidenceCheck;
use serde_json::json;

use super::evidence::Maker;
use super::submit::commit_of;
use crate::args::AttestTests;
use crate::output::Answer;
use crate::people;
use crate::people::view::View;
use crate::places::Places;

pub(super) fn run(places: &Places, args: &AttestTests) -> Result<Answer> {
    let view = View::open(places)?;
    let component = people::component(view.state(), &args.component)?;
    let maker = Maker::new(places, &view, component)?;
    let commit = match &args.commit {
        Some(commit) => commit.clone(),
        None => commit_of(&args.source)?.to_string(),
    };
    let (program, arguments) = args.command.split_first().context("which command?")?;
    let output = Command::new(program)
        .args(arguments)
        .current_dir(&args.source)
        .stdin(Stdio::null())
        .output();
    let output = output.with_context(|| format!("cannot run {program}"))?;
    let mut reasons = Vec::new();
    if !output.status.success() {
        reasons.push(format!(
            "{} ended with {}",
            args.command.join(" "),
            output.status
        ));
    }
    let facts = json!({
        "command": args.command,
        "source-commit": commit,
        "exit-code": output.status.code(),
        "stdout": Digest::of(&output.stdout).to_string(),
        "stderr": Digest::of(&output.stderr).to_string(),
    });
    let made = maker.keep(EvidenceKind::UnitTests, &EvidenceCheck { reasons, facts })?;
    Ok(super::check::tell(places, &component, &[made], "validate"))
}
