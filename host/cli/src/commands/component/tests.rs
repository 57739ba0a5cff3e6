//! `component attest-tests`: the author says that the tests ran, where, and what they printed.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use counterfoil_base::digest::Digest;
use counterfoil_governance::act::EvidenceKind;
use counterfoil_runner::study::evidence::EvidenceCheck;
use serde_json::json;

use super::evidence::EvidenceSigner;
use super::submit::commit_of;
use crate::args::AttestTestsArgs;
use crate::cli_context::CliContext;
use crate::output::CommandAnswer;
use crate::people;
use crate::people::ledger_access;

pub(super) fn run(cli: &CliContext, args: &AttestTestsArgs) -> Result<CommandAnswer> {
    let view = ledger_access::view(cli)?;
    let component = people::component(view.state(), &args.component)?;
    let maker = EvidenceSigner::new(cli, &view, component)?;
    let commit = match &args.commit {
        Some(commit) => commit.clone(),
        None => commit_of(&args.source)?.to_string(),
    };
    let (program, arguments) = args.command.split_first().context("which command?")?;
    // The command runs with the rights of its caller, who typed it. No input is passed, so that a
    // test cannot wait for a terminal.
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
    // The output is kept as a digest: it may hold paths and secrets of the author's machine, and
    // whoever has the output can compare it.
    let facts = json!({
        "command": args.command,
        "source-commit": commit,
        "exit-code": output.status.code(),
        "stdout": Digest::of(&output.stdout).to_string(),
        "stderr": Digest::of(&output.stderr).to_string(),
    });
    let made = maker.keep(EvidenceKind::UnitTests, &EvidenceCheck { reasons, facts })?;
    Ok(super::check::tell(cli, &component, &[made], "validate"))
}
