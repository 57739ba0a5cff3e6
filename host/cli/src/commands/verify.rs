//! `verify`: a run's journal or a proof, by the auditor's own library.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use counterfoil_runner::data_dir::JOURNAL_FILE;
use counterfoil_runner::files::read_whole;
use counterfoil_verify::{Completeness, Integrity, Options, Progress, PublicKey, Report, Rerun};
use counterfoil_verify::{verify_journal, verify_proof};
use serde_json::json;

use crate::args::Verify;
use crate::output::{Answer, pairs, say, say_json};
use crate::places::Places;
use crate::progress::bar;

pub(crate) fn run(places: &Places, args: &Verify) -> Result<Answer> {
    let key = public_key(places, args.key.as_deref())?;
    let path = Path::new(&args.what);
    if path.is_file() && path.extension().is_some_and(|end| end == "tlog-proof") {
        return proof(places, path, &key);
    }
    let journal = journal_path(places, &args.what)?;
    let report = verify(&journal, &key)?;
    if places.json {
        say_json(&as_json(&report));
    } else {
        print(&report);
    }
    Ok(if report.is_good() {
        Answer::Yes
    } else {
        Answer::No
    })
}

pub(crate) fn verify(journal: &Path, key: &PublicKey) -> Result<Report> {
    let file = File::open(journal).with_context(|| format!("cannot open {}", journal.display()))?;
    let total = file.metadata().map_or(0, |meta| meta.len());
    let bar = bar("verifying", total);
    let mut progress = |progress: Progress| bar.set_position(progress.read);
    let options = Options {
        progress: Some(&mut progress),
        ..Options::default()
    };
    let report = verify_journal(file, key, options);
    bar.finish_and_clear();
    Ok(report?)
}

pub(crate) fn public_key(places: &Places, path: Option<&Path>) -> Result<PublicKey> {
    let Some(path) = path else {
        let key = places
            .keys
            .public_key()
            .context("no public key: give --key FILE")?;
        return Ok(PublicKey::new(key)?);
    };
    let bytes = read_whole(path)?;
    PublicKey::parse(&bytes).with_context(|| format!("{}", path.display()))
}

fn journal_path(places: &Places, what: &str) -> Result<PathBuf> {
    let path = Path::new(what);
    if path.is_file() {
        return Ok(path.to_path_buf());
    }
    if path.is_dir() {
        return Ok(path.join(JOURNAL_FILE));
    }
    Ok(places.data.find(what)?.journal())
}

fn proof(places: &Places, path: &Path, key: &PublicKey) -> Result<Answer> {
    let bytes = read_whole(path)?;
    // The run's manifest only makes the numbers readable; without it they are shown unscaled.
    let manifest = manifest_of(places, &bytes);
    let outcome = verify_proof(&bytes, key, manifest.as_deref());
    let good = outcome.is_ok();
    match outcome {
        Ok(proved) if places.json => say_json(&json!({
            "proved": true,
            "entry": proved.index,
            "run-id": format!("sha256:{}", hex::encode(proved.run_id)),
            "execution": proved.execution,
            "tree-size": proved.tree_size,
            "record": proved.text,
        })),
        Ok(proved) => {
            let run = hex::encode(proved.run_id);
            say(&format!(
                "proved: entry {} of run {run}, execution {}",
                proved.index, proved.execution
            ));
            say(&proved.text);
        }
        Err(error) if places.json => {
            say_json(&json!({ "proved": false, "reason": error.to_string() }));
        }
        Err(error) => say(&format!("not proved: {error}")),
    }
    Ok(if good { Answer::Yes } else { Answer::No })
}

/// The manifest of the run that the proof names, if it is here.
fn manifest_of(places: &Places, bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let origin = text
        .lines()
        .find_map(|line| line.strip_prefix("counterfoil/run/"))?;
    places
        .data
        .find(origin)
        .and_then(|run| places.data.manifest_text(&run))
        .ok()
}

fn integrity(report: &Report) -> (&'static str, String) {
    match &report.integrity {
        Integrity::Intact => (
            "intact",
            "every record, hash and signature holds".to_owned(),
        ),
        Integrity::IntactUpTo {
            covered,
            uncovered,
            torn_bytes,
        } => (
            "intact-up-to",
            format!(
                "intact up to its last checkpoint, which covers {covered} records; {uncovered} \
                 records and {torn_bytes} torn bytes after it are not signed"
            ),
        ),
        Integrity::Broken(finding) => ("broken", finding.to_string()),
    }
}

fn completeness(report: &Report) -> (&'static str, String) {
    match &report.completeness {
        Completeness::Complete => (
            "complete",
            "one decision for every bar, and closed".to_owned(),
        ),
        Completeness::Incomplete { why } => ("incomplete", why.join("; ")),
        Completeness::Unknown { why } => ("unknown", why.clone()),
    }
}

fn rerun(report: &Report) -> String {
    match &report.rerun {
        Rerun::NotAsked => "not asked for".to_owned(),
        Rerun::Agrees => "every fill, amount and verdict follows from the rules".to_owned(),
        Rerun::AgreesExceptFrom { index, why } => format!("agrees up to record {index}: {why}"),
        Rerun::Stopped => "stopped at the finding".to_owned(),
    }
}

fn digest_text(digest: Option<[u8; 32]>) -> String {
    digest.map(hex::encode).unwrap_or_default()
}

fn as_json(report: &Report) -> serde_json::Value {
    let (integrity, integrity_text) = integrity(report);
    let (completeness, completeness_text) = completeness(report);
    json!({
        "good": report.is_good(),
        "integrity": integrity,
        "integrity-reason": integrity_text,
        "completeness": completeness,
        "completeness-reason": completeness_text,
        "rules": rerun(report),
        "run-id": report.run_id.map(|id| format!("sha256:{}", hex::encode(id))),
        "execution": report.execution,
        "entries": report.entries,
        "decisions": report.decisions,
        "checkpoints": report.checkpoints,
        "fills": report.fills,
        "decision-digest": report.decision_digest.map(|id| format!("sha256:{}", hex::encode(id))),
        "findings": report.findings.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

pub(crate) fn print(report: &Report) {
    let (integrity, why) = integrity(report);
    let (completeness, missing) = completeness(report);
    pairs(&[
        ("integrity", format!("{integrity}: {why}")),
        ("rules", rerun(report)),
        ("completeness", format!("{completeness}: {missing}")),
        ("run", digest_text(report.run_id)),
        (
            "records",
            format!(
                "{}, {} decisions, {} checkpoints",
                report.entries, report.decisions, report.checkpoints
            ),
        ),
        ("decision digest", digest_text(report.decision_digest)),
    ]);
    for finding in report.findings.iter().skip(1) {
        say(&format!("also: {finding}"));
    }
}
