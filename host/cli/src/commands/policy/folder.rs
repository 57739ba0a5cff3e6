//! `policy init|show|test|set`: a policy's folder.

use std::path::Path;

use anyhow::{Result, bail};
use counterfoil_approval::gates::PolicyArchive;
use counterfoil_approval::host_checks::{check_policy_tests, policy_in_force};
use counterfoil_base::digest::Digest;
use counterfoil_governance::act::{Act, ActName};
use counterfoil_os::files::{make_folder, write_whole};
use counterfoil_policy::bundle::Bundle;
use counterfoil_policy::starter;
use counterfoil_policy::suite::TestSuite;
use serde_json::json;

use super::child::evaluator;
use crate::cli_context::CliContext;
use crate::output::{CommandAnswer, print_fields, print_json, print_line};
use crate::people::ledger_access;
use crate::people::outcome::{print_denied, print_outcome};

pub(super) fn init(cli: &CliContext, folder: &Path) -> Result<CommandAnswer> {
    if folder.exists() {
        bail!(
            "{} exists already; choose another directory",
            folder.display()
        );
    }
    make_folder(folder)?;
    for (name, text) in starter::FILES {
        write_whole(&folder.join(name), text.as_bytes())?;
    }
    let bundle = Bundle::read(folder)?;
    if cli.json {
        print_json(&json!({ "folder": folder, "digest": bundle.digest() }));
        return Ok(CommandAnswer::Yes);
    }
    let name = folder.display();
    print_line(&format!("wrote the starter policy {}", bundle.digest()));
    print_line("next: edit its limits, test it, propose it");
    print_line(&format!("  {name}/data.json"));
    print_line(&format!("  counterfoil policy test {name}"));
    print_line(&format!("  counterfoil policy set {name} --as YOU"));
    Ok(CommandAnswer::Yes)
}

pub(super) fn show(cli: &CliContext, folder: Option<&Path>) -> Result<CommandAnswer> {
    let (place, bundle, since) = if let Some(folder) = folder {
        (folder.display().to_string(), Bundle::read(folder)?, None)
    } else {
        let view = ledger_access::view(cli)?;
        let bundle = policy_in_force(&cli.data, view.state())?;
        let since = view
            .state()
            .policies()
            .last()
            .map(|(_, record_ref)| record_ref.index);
        ("in force".to_owned(), bundle, since)
    };
    let files: Vec<(String, usize, Digest)> = bundle
        .files()
        .iter()
        .map(|(path, content)| (path.clone(), content.len(), Digest::of(content)))
        .collect();
    if cli.json {
        let file = |(path, bytes, digest): &(String, usize, Digest)| json!({ "path": path, "bytes": bytes, "digest": digest.to_string() });
        print_json(&json!({
            "policy": place,
            "digest": bundle.digest(),
            "since-record": since,
            "files": files.iter().map(file).collect::<Vec<_>>(),
        }));
        return Ok(CommandAnswer::Yes);
    }
    let mut rows = vec![
        ("policy", place),
        ("digest", bundle.digest().to_string()),
        ("files", files.len().to_string()),
    ];
    if let Some(record) = since {
        rows.push(("since record", record.to_string()));
    }
    print_fields(&rows);
    for (path, bytes, digest) in files {
        print_line(&format!("  {digest}  {bytes:>7}  {path}"));
    }
    Ok(CommandAnswer::Yes)
}

pub(super) fn test(cli: &CliContext, folder: &Path) -> Result<CommandAnswer> {
    let suite = evaluator()?.test(&Bundle::read(folder)?);
    if cli.json {
        print_json(&serde_json::to_value(&suite)?);
    } else {
        told(&suite);
    }
    Ok(CommandAnswer::yes_if(suite.passes()))
}

fn told(suite: &TestSuite) {
    if let Some(reason) = &suite.refused {
        print_line(&format!("no tests ran: {reason}"));
        return;
    }
    for case in &suite.cases {
        match &case.failure {
            None => print_line(&format!("pass  {}", case.rule)),
            Some(why) => print_line(&format!("FAIL  {}: {why}", case.rule)),
        }
    }
    for file in &suite.coverage {
        let lines: Vec<String> = file.not_covered.iter().map(ToString::to_string).collect();
        let missed = if lines.is_empty() {
            "every line covered".to_owned()
        } else {
            format!("lines not covered: {}", lines.join(", "))
        };
        print_line(&format!("{}: {missed}", file.path));
    }
    let failed = suite.cases.iter().filter(|case| case.failure.is_some());
    let (failed, all) = (failed.count(), suite.cases.len());
    print_line(&format!("{all} tests, {failed} failed"));
}

/// Keeps the policy in the archive and puts it in force. Its own tests must pass: a policy that
/// contradicts them is a mistake.
pub(super) fn set(cli: &CliContext, folder: &Path) -> Result<CommandAnswer> {
    let bundle = Bundle::read(folder)?;
    let suite = evaluator()?.test(&bundle);
    let mut client = ledger_access::open(cli)?;
    if let Err(denial) = check_policy_tests(&suite) {
        let failed = suite.cases.iter().filter(|case| case.failure.is_some());
        let mut reasons: Vec<String> = failed.map(|case| case.rule.clone()).collect();
        reasons.extend(suite.refused.iter().map(ToString::to_string));
        let subject = bundle.digest().to_string();
        let denied = client.refuse(ActName::PolicySet, subject, denial)?;
        return Ok(print_denied(cli, &denied, &reasons));
    }
    // Archived before it is proposed: signers must be able to read what they sign, and a crash in
    // between leaves only an unused file.
    let digest = PolicyArchive::new(&cli.data).put(&bundle.encode())?;
    let outcome = client.act(Act::PolicySet { bundle: digest })?;
    let what = format!("policy {digest} is in force");
    Ok(print_outcome(
        cli,
        outcome,
        &what,
        json!({ "policy": digest.to_string() }),
    ))
}
