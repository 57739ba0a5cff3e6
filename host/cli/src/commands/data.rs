//! `data`: findings of the checks, their acceptance, lineage, corporate actions.

use anyhow::{Context as _, Result, ensure};
use counterfoil_os::files::{open_plain, write_whole};
use counterfoil_runner::clock::now;
use counterfoil_runner::run::inputs::snapshot_store;
use counterfoil_snapshot::layers::lineage::LineageFile;
use counterfoil_snapshot::quality::actions::format_actions;
use counterfoil_snapshot::quality::findings::Severity;
use counterfoil_snapshot::source::formats::{FORMATS, SourceFormat};
use counterfoil_snapshot::source::options::IngestOptions;
use counterfoil_snapshot::store::acceptance::{ACCEPTANCE_FORMAT, FindingAcceptance};
use counterfoil_snapshot::store::manifest::NOT_STATED;
use counterfoil_snapshot::store::snapshot::Snapshot;
use counterfoil_trading::time::UnixNanos;
use serde_json::{Value, json};

use super::findings::print_findings;
use super::ingest::{self, side_file};
use super::{fetch, snapshots};
use crate::args::{
    DataAcceptArgs, DataCommand, DataFormatsArgs, DataLineageArgs, DataReportArgs,
    DeriveActionsArgs,
};
use crate::cli_context::CliContext;
use crate::output::{
    CommandAnswer, counted, print_block, print_fields, print_json, print_line, print_table,
};

pub(crate) fn run(cli: &CliContext, args: &DataCommand) -> Result<CommandAnswer> {
    match args {
        DataCommand::Ingest(args) => ingest::run(cli, args),
        DataCommand::Fetch(args) => fetch::run(cli, args),
        DataCommand::Formats(args) => Ok(formats(cli, args)),
        DataCommand::List => snapshots::run(cli),
        DataCommand::Report(args) => report(cli, args),
        DataCommand::Accept(args) => accept(cli, args),
        DataCommand::Lineage(args) => lineage(cli, args),
        DataCommand::DeriveActions(args) => derive_actions(cli, args),
    }
}

/// Lists the formats, or prints the mapping of one.
fn formats(cli: &CliContext, args: &DataFormatsArgs) -> CommandAnswer {
    let named = args.name.as_deref().and_then(SourceFormat::named);
    if let Some(format) = named {
        // The mapping is JSON already, with or without --json.
        print_block(format.mapping.trim_end());
        return CommandAnswer::Yes;
    }
    if cli.json {
        let format = |format: &SourceFormat| json!({ "name": format.name, "writer": format.writer, "times": format.times });
        let all: Vec<Value> = FORMATS.iter().map(format).collect();
        print_json(&json!({ "formats": all }));
        return CommandAnswer::Yes;
    }
    let mut rows = vec![["format", "written by", "times"].map(String::from).to_vec()];
    rows.extend(FORMATS.iter().map(|format| {
        [format.name, format.writer, format.times]
            .map(String::from)
            .to_vec()
    }));
    print_table(&rows);
    CommandAnswer::Yes
}

fn open(cli: &CliContext, id: &str) -> Result<Snapshot> {
    let store = snapshot_store(&cli.data)?;
    Ok(store.load(&store.resolve(id)?)?)
}

fn report(cli: &CliContext, args: &DataReportArgs) -> Result<CommandAnswer> {
    let snapshot = open(cli, &args.snapshot)?;
    // All are read, since the filter may keep the last one.
    let mut findings = snapshot.findings(usize::MAX)?;
    findings.retain(|finding| args.rule.as_ref().is_none_or(|rule| *rule == finding.rule));
    let all = findings.len();
    findings.truncate(args.most);
    let data = snapshot.manifest().findings.as_ref();
    // Counted over all findings, not over those that --rule and --most leave: a filter must not
    // turn the answer into yes.
    let open = data.map_or(0, |data| data.open(Severity::Error));
    let answer = CommandAnswer::yes_if(open == 0);
    if cli.json {
        print_json(&json!({
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
    print_table(&rows);
    print_line("");
    print_findings(&findings);
    if findings.len() < all {
        print_line(&format!(
            "{} of {all} findings; --most shows more",
            findings.len()
        ));
    }
    Ok(answer)
}

fn accept(cli: &CliContext, args: &DataAcceptArgs) -> Result<CommandAnswer> {
    let store = snapshot_store(&cli.data)?;
    let id = store.resolve(&args.snapshot)?;
    let before = store.load(&id)?.manifest().data_sha256;
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
    // A snapshot never changes. Accepting a finding makes another snapshot that names the first, so
    // that a run shows which findings were open when it was made.
    let done = store.accept(&id, &acceptance, &mut |_| {})?;
    let is_same = done.manifest.data_sha256 == before;
    if cli.json {
        print_json(&json!({
            "snapshot": done.id.to_string(),
            "before": id.to_string(),
            "acceptance": acceptance,
            "bars-changed": !is_same,
        }));
    } else {
        if is_same {
            print_line(&nothing_changed(&args.rule));
        }
        ingest::print(&done);
    }
    Ok(CommandAnswer::Yes)
}

/// What to say of an acceptance after which the bars are what they were.
fn nothing_changed(rule: &str) -> String {
    let way = if rule == "not-positive" {
        "; to use a row with prices of zero or below, ingest the file again with --negative-prices SYMBOL"
    } else {
        ""
    };
    format!(
        "no bar changed: the acceptance is recorded, and a row that is not a valid bar stays in quarantine{way}"
    )
}

fn lineage(cli: &CliContext, args: &DataLineageArgs) -> Result<CommandAnswer> {
    let store = snapshot_store(&cli.data)?;
    let all = store.lineage(&store.resolve(&args.snapshot)?)?;
    let files = || {
        let normalized = all.normalized.iter().flat_map(|layer| &layer.files);
        all.files.iter().chain(normalized)
    };
    let missing = files().filter(|file| file.receipts.is_empty()).count();
    if cli.json {
        let normalized = all.normalized.iter().map(|layer| {
            json!({
                "normalized": layer.id.to_string(),
                "data": layer.data_sha256.to_string(),
                "settings": layer.settings,
                "files": layer.files.iter().map(file_json).collect::<Vec<_>>(),
            })
        });
        print_json(&json!({
            "snapshot": all.id.to_string(),
            "drawn-from": all.drawn_from.map(|id| id.to_string()),
            "settings": all.settings,
            "files": all.files.iter().map(file_json).collect::<Vec<_>>(),
            "normalized": normalized.collect::<Vec<_>>(),
        }));
        return whole(missing);
    }
    print_fields(&[("snapshot", all.id.to_string())]);
    for (name, value) in &all.settings {
        print_line(&format!("  {name} = {value}"));
    }
    if let Some(source) = &all.drawn_from {
        print_line(&format!("  drawn from  {source}"));
    }
    all.files.iter().for_each(|file| print_file(file, "  "));
    for layer in &all.normalized {
        print_line(&format!("  normalized  {}", layer.id));
        for (name, value) in &layer.settings {
            print_line(&format!("    {name} = {value}"));
        }
        layer.files.iter().for_each(|file| print_file(file, "    "));
    }
    whole(missing)
}

/// An error if a raw file is gone: what is left is shown, and is no lineage to the source.
fn whole(missing: usize) -> Result<CommandAnswer> {
    ensure!(
        missing == 0,
        "the raw layer lacks {} of the snapshot; put what is missing back into the data directory's raw folder",
        counted(missing, "raw file")
    );
    Ok(CommandAnswer::Yes)
}

fn file_json(file: &LineageFile) -> Value {
    json!({
        "role": file.role,
        "sha256": file.sha256.to_string(),
        "receipts": file.receipts,
    })
}

fn print_file(file: &LineageFile, indent: &str) {
    print_line(&format!("{indent}{}  {}", file.role, file.sha256));
    for receipt in &file.receipts {
        let vendor = match receipt.vendor.as_str() {
            NOT_STATED => "a vendor that was not stated",
            vendor => vendor,
        };
        let when = receipt
            .ingested_at
            .map_or("time unknown".to_owned(), UnixNanos::date_or_time);
        print_line(&format!("{indent}  {} from {vendor}, {when}", receipt.name));
        if let Some(origin) = &receipt.origin {
            print_line(&format!(
                "{indent}    {} (status {})",
                origin.url, origin.status
            ));
        }
    }
    if file.receipts.is_empty() {
        print_line(&format!("{indent}  no longer in the raw layer"));
    }
}

fn derive_actions(cli: &CliContext, args: &DeriveActionsArgs) -> Result<CommandAnswer> {
    let path = args.file.display();
    let file = open_plain(&args.file)?;
    let name = args
        .file
        .file_name()
        .with_context(|| format!("{path} has no file name"))?;
    let options = IngestOptions {
        symbol: args.symbol.clone(),
        mapping: side_file(args.mapping.as_deref())?,
        ingested_at: Some(now()),
        decoder: Some(super::decode::program()?),
        ..IngestOptions::default()
    };
    let store = snapshot_store(&cli.data)?;
    let derived = store.derive_actions(file, &name.to_string_lossy(), &options)?;
    let text = format_actions(&derived.actions);
    if let Some(output) = &args.output {
        write_whole(output, text.as_bytes())?;
    }
    if cli.json {
        print_json(&json!({
            "actions": derived.actions.len(),
            "unexplained": derived.unexplained,
            "file": args.output,
            "csv": text,
        }));
    } else if let Some(output) = &args.output {
        print_line(&format!(
            "{} actions in {}",
            derived.actions.len(),
            output.display()
        ));
    } else {
        print_block(text.trim_end());
    }
    for move_text in &derived.unexplained {
        crate::output::warn(&format!("no split or dividend explains {move_text}"));
    }
    // A move that no action explains may be an error of the source: the file is written all the
    // same, and the answer is negative.
    let explained = derived.unexplained.is_empty();
    Ok(CommandAnswer::yes_if(explained))
}
