//! `data`: what the checks found, who accepted it, where a snapshot comes from, and corporate
//! actions.

use std::fs::File;

use anyhow::{Context as _, Result};
use counterfoil_os::files::write_whole;
use counterfoil_os::files::write_whole;
use counterfoil_runner::clock::now;
use counterfoil_runner::run::inputs::snapshot_store;
use counterfoil_runner::times::show_time;
use counterfoil_snapshot::layers::lineage::LineageFile;
use counterfoil_snapshot::quality::accept::{ACCEPTANCE_FORMAT, FindingAcceptance};
use counterfoil_snapshot::quality::actions::format_actions;
use counterfoil_snapshot::quality::findings::{QualityFinding, Severity};
use counterfoil_snapshot::source::options::IngestOptions;
use counterfoil_snapshot::store::snapshot::Snapshot;
use serde_json::{Value, json};

use super::ingest::{self, side_file};
use crate::args::{Data, DataAccept, DataLineage, DataReport, DeriveActions};
use crate::output::{Answer, pairs, say, say_json, table};
use crate::places::Places;

pub(crate) fn run(places: &Places, args: &Data) -> Result<Answer> {
    match args {
        Data::Report(args) => report(places, args),
        Data::Accept(args) => accept(places, args),
        Data::Lineage(args) => lineage(places, args),
        Data::DeriveActions(args) => derive_actions(places, args),
    }
}

fn open(places: &Places, id: &str) -> Result<Snapshot> {
    let store = snapshot_store(&places.data)?;
    Ok(store.load(&store.resolve(id)?)?)
}

fn report(places: &Places, args: &DataReport) -> Result<Answer> {
    let snapshot = open(places, &args.snapshot)?;
    let mut findings = snapshot.findings(usize::MAX)?;
    findings.retain(|one| args.rule.as_ref().is_none_or(|rule| *rule == one.rule));
    let all = findings.len();
    findings.truncate(args.most);
    let data = snapshot.manifest().findings.as_ref();
    let open = data.map_or(0, |data| data.open(Severity::Error));
    let answer = if open == 0 { Answer::Yes } else { Answer::No };
    if places.json {
        say_json(&json!({
            "snapshot": snapshot.id().to_string(),
            "open-errors": open,
            "rules": data.map(|data| &data.rules),
            "findings": findings,
        }));
        return Ok(answer);
    }
    let mut rows = vec![
        ["rule", "severity", "found", "accepted"]
            .map(String::from)
            .to_vec(),
    ];
    for (rule, found) in data.iter().flat_map(|data| &data.rules) {
        let (count, accepted) = (found.count.to_string(), found.accepted.to_string());
        rows.push(vec![
            rule.clone(),
            found.severity.to_string(),
            count,
            accepted,
        ]);
    }
    table(&rows);
    say("");
    print_findings(&findings);
    if findings.len() < all {
        say(&format!(
            "{} of {all}; see more with --most",
            findings.len()
        ));
    }
    Ok(answer)
}

/// Findings as a table.
pub(crate) fn print_findings(findings: &[QualityFinding]) {
    let head = ["severity", "rule", "where", "what", "accepted by"];
    let mut rows = vec![head.map(String::from).to_vec()];
    for one in findings {
        let place = [
            one.file.clone(),
            one.line.map(|line| format!("line {line}")),
        ];
        let place = place
            .into_iter()
            .chain([one.instrument.clone(), one.date.clone()]);
        let place: Vec<String> = place.flatten().collect();
        rows.push(vec![
            one.severity.to_string(),
            one.rule.clone(),
            place.join(" "),
            one.message.clone(),
            one.accepted_by.clone().unwrap_or_default(),
        ]);
    }
    table(&rows);
}

fn accept(places: &Places, args: &DataAccept) -> Result<Answer> {
    let store = snapshot_store(&places.data)?;
    let id = store.resolve(&args.snapshot)?;
    let acceptance = FindingAcceptance {
        at: Some(now()),
        by: args.by.clone(),
        date: args.date.clone(),
        file: args.file.clone(),
        format: ACCEPTANCE_FORMAT.to_owned(),
        instrument: args.instrument.clone(),
        line: args.line,
        reason: args.reason.clone(),
        rule: args.rule.clone(),
    };
    let done = store.accept(&id, &acceptance, &mut |_| {})?;
    if places.json {
        say_json(&json!({
            "snapshot": done.id.to_string(),
            "before": id.to_string(),
            "acceptance": acceptance,
        }));
    } else {
        ingest::print(&done);
    }
    Ok(Answer::Yes)
}

fn lineage(places: &Places, args: &DataLineage) -> Result<Answer> {
    let store = snapshot_store(&places.data)?;
    let all = store.lineage(&store.resolve(&args.snapshot)?)?;
    if places.json {
        let normalized = all.normalized.iter().map(|one| {
            json!({
                "normalized": one.id.to_string(),
                "data": one.data_sha256.to_string(),
                "settings": one.settings,
                "files": one.files.iter().map(file_json).collect::<Vec<_>>(),
            })
        });
        say_json(&json!({
            "snapshot": all.id.to_string(),
            "drawn-from": all.drawn_from.map(|id| id.to_string()),
            "settings": all.settings,
            "files": all.files.iter().map(file_json).collect::<Vec<_>>(),
            "normalized": normalized.collect::<Vec<_>>(),
        }));
        return Ok(Answer::Yes);
    }
    pairs(&[("snapshot", all.id.to_string())]);
    for (name, value) in &all.settings {
        say(&format!("  {name} = {value}"));
    }
    if let Some(source) = &all.drawn_from {
        say(&format!("  drawn from  {source}"));
    }
    all.files.iter().for_each(|file| print_file(file, "  "));
    for one in &all.normalized {
        say(&format!("  normalized  {}", one.id));
        for (name, value) in &one.settings {
            say(&format!("    {name} = {value}"));
        }
        one.files.iter().for_each(|file| print_file(file, "    "));
    }
    Ok(Answer::Yes)
}

fn file_json(file: &LineageFile) -> Value {
    json!({
        "role": file.role,
        "sha256": file.sha256.to_string(),
        "receipts": file.receipts,
    })
}

fn print_file(file: &LineageFile, indent: &str) {
    say(&format!("{indent}{}  {}", file.role, file.sha256));
    for one in &file.receipts {
        let vendor = one.vendor.as_deref().unwrap_or("vendor not stated");
        let when = one
            .ingested_at
            .map_or("time not stated".to_owned(), show_time);
        say(&format!("{indent}  {} from {vendor}, {when}", one.name));
    }
    if file.receipts.is_empty() {
        say(&format!("{indent}  no longer in the raw layer"));
    }
}

fn derive_actions(places: &Places, args: &DeriveActions) -> Result<Answer> {
    let path = args.file.display();
    let file = File::open(&args.file).with_context(|| format!("cannot open {path}"))?;
    let name = args.file.file_name().context("the file has no name")?;
    let options = IngestOptions {
        symbol: args.symbol.clone(),
        mapping: side_file(args.mapping.as_deref())?,
        ingested_at: Some(now()),
        ..IngestOptions::default()
    };
    let store = snapshot_store(&places.data)?;
    let derived = store.derive_actions(file, &name.to_string_lossy(), &options)?;
    let text = format_actions(&derived.actions);
    if let Some(output) = &args.output {
        write_whole(output, text.as_bytes())?;
    }
    if places.json {
        say_json(&json!({
            "actions": derived.actions.len(),
            "unexplained": derived.unexplained,
            "file": args.output,
            "csv": text,
        }));
    } else if let Some(output) = &args.output {
        say(&format!(
            "{} actions in {}",
            derived.actions.len(),
            output.display()
        ));
    } else {
        say(text.trim_end());
    }
    for one in &derived.unexplained {
        crate::output::note(&format!("not explained: {one}"));
    }
    let explained = derived.unexplained.is_empty();
    Ok(if explained { Answer::Yes } else { Answer::No })
}
