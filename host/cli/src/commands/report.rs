//! `report`: a run's journal as a page to read, with its tables and figures beside it.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use counterfoil_os::file_path::FilePath;
use counterfoil_os::files;
use counterfoil_report::{
    DataFinding, EffectiveParameter, FILES, ReportFigures, ReportSubject, RunFacts, RunReport,
    StrategySummary, VerifierReport,
};
use counterfoil_runner::run::component::compile_component;
use counterfoil_runner::run::inputs::snapshot_store;
use counterfoil_runner::store::data_dir::Execution;
use counterfoil_runner::times::parse_time;
use counterfoil_sandbox::arguments::parse_arguments;
use counterfoil_sandbox::describe::ParameterType;
use counterfoil_sandbox::setup::ArgumentValue;
use counterfoil_snapshot::store::snapshot::Snapshot;
use counterfoil_trading::corporate::{CorporateAction, CorporateActionKind};
use counterfoil_trading::decimal;
use counterfoil_trading::manifest::{DataSource, Manifest};
use serde_json::json;

use super::verify;
use crate::args::ReportArgs;
use crate::cli_context::CliContext;
use crate::output::{CommandAnswer, print_fields, print_json, print_line};
use crate::progress::bar;
use crate::report::readable_trace;
use crate::run_facts;

/// Findings read for their sentences; the counts are in the snapshot's manifest.
const FINDINGS_READ: usize = 10_000;

/// What was written.
pub(crate) struct WrittenReport {
    pub(crate) folder: PathBuf,
    pub(crate) good: bool,
    json: serde_json::Value,
    headline: Vec<(&'static str, String)>,
    /// The strategy's name and version.
    strategy: Option<String>,
    /// The first line of what is wrong.
    why: Option<String>,
}

pub(crate) fn run(cli: &CliContext, args: &ReportArgs) -> Result<CommandAnswer> {
    let written = write(cli, args)?;
    let page = written.folder.join("report.html");
    if cli.json {
        let mut value = written.json;
        value["folder"] = json!(written.folder);
        value["files"] = json!(FILES);
        print_json(&value);
    } else {
        if !written.good {
            print_line(
                "THE JOURNAL DOES NOT VERIFY: do not trust this report, which carries the same warning",
            );
            print_line(&written.why.unwrap_or_default());
            print_line("");
        }
        let mut rows = vec![("report", page.display().to_string())];
        rows.extend(written.strategy.map(|name| ("strategy", name)));
        print_fields(&rows);
        let rows: Vec<(&str, String)> = written.headline;
        print_fields(&rows);
        print_line("");
        let beside = FILES
            .split_last()
            .map_or(String::new(), |(_, others)| others.join(", "));
        print_line(&format!("beside it: {beside}"));
        print_line("next: open the report in a browser; it ends with the commands that check it");
    }
    Ok(CommandAnswer::yes_if(written.good))
}

/// Verifies the journal, reads it again, and writes the folder.
pub(crate) fn write(cli: &CliContext, args: &ReportArgs) -> Result<WrittenReport> {
    let execution = cli.data.find(&args.run)?;
    let folder = match &args.out {
        Some(out) => FilePath::named(std::path::absolute(out)?),
        None => default_folder(cli, &execution),
    };
    // Before the journal is read: a mistyped --out must not replace a directory of other files
    // after an hour of work.
    check_folder(&folder)?;
    let key = verify::public_key(cli, args.key.as_deref())?;
    // The figures are only as good as the journal. It is verified first, and a report of a broken
    // one is still written, with a warning on it, because an auditor needs to see its content.
    let found = verify::verify(&execution.journal(), &key, None)?;
    let good = found.is_good();
    let (manifest, mut facts) = gather(&execution, good)?;
    facts.change_trace(|trace| readable_trace(&cli.data, &manifest, trace));
    let subject = ReportSubject {
        run: execution.run,
        execution: execution.number,
        short: execution.short(),
        decision_digest: found.decision_digest,
        verdict: VerifierReport {
            good,
            text: found.to_string(),
        },
        // A forged manifest must not choose a component that this command runs.
        strategy: good.then(|| strategy_of(cli, &manifest)).flatten(),
        data: data_findings(cli, &manifest),
    };
    let periods = args.periods_per_year.map(f64::from);
    let figures = ReportFigures::from_facts(&facts, periods)
        .context("an amount of the report does not fit")?;
    let render = RunReport {
        subject: &subject,
        manifest: &manifest,
        facts: &facts,
        figures: &figures,
    };
    write_folder(&folder, &render.files()?)?;
    let shown = folder.path().to_path_buf();
    Ok(WrittenReport {
        folder: args.out.clone().unwrap_or(shown),
        good,
        json: render.json()?,
        headline: render.headline(),
        strategy: subject
            .strategy
            .as_ref()
            .map(|strategy| format!("{} {}", strategy.name, strategy.version)),
        why: found.findings.first().map(ToString::to_string),
    })
}

fn default_folder(cli: &CliContext, execution: &Execution) -> FilePath {
    let number = execution.number.to_string();
    let reports = cli.data.root().join("reports");
    reports.join(execution.run.hex()).join(number)
}

/// The facts of a journal. One that does not verify is read as far as it can be.
fn gather(execution: &Execution, good: bool) -> Result<(Manifest, RunFacts)> {
    let (mut reader, manifest, mut gather) = run_facts::begin(execution)?;
    let bar = bar("reading", 0);
    let outcome = run_facts::gather_all(&mut reader, &mut gather, |records| {
        bar.set_position(records);
    });
    bar.finish_and_clear();
    if good {
        outcome?;
    }
    Ok((manifest, gather.finish()))
}

/// What the component says of itself, and the parameters that the run used; `None` where the component is
/// not here, or this host's sandbox does not run it.
fn strategy_of(cli: &CliContext, manifest: &Manifest) -> Option<StrategySummary> {
    let component = manifest.setup().ok()?.component;
    let bytes = cli.data.component(&component).ok()?;
    let engine = cli.engine("cranelift").ok()?;
    let description = compile_component(&bytes, &manifest.limits, engine)
        .ok()?
        .description;
    let arguments = parse_arguments(&description, &manifest.parameters).ok()?;
    let parameters = description.parameters.iter().zip(arguments);
    let parameters = parameters.map(|(parameter, argument)| {
        let value = match (&argument.value, &parameter.of) {
            (ArgumentValue::Number { value, scale }, _) => number_text(*value, *scale),
            (ArgumentValue::Boolean(value), _) => value.to_string(),
            (ArgumentValue::Choice(index), ParameterType::Choice(choices)) => {
                let index = usize::try_from(*index).ok()?;
                choices.get(index)?.clone()
            }
            (ArgumentValue::Choice(_), ParameterType::Number { .. } | ParameterType::Boolean) => {
                return None;
            }
        };
        Some(EffectiveParameter {
            is_default: !manifest.parameters.contains_key(&parameter.name),
            name: argument.name,
            value,
        })
    });
    Some(StrategySummary {
        parameters: parameters.collect::<Option<_>>()?,
        name: description.name,
        version: description.version,
    })
}

/// A number without the zeros that only show its scale.
fn number_text(value: i64, scale: u8) -> String {
    let text = decimal::format(i128::from(value), scale);
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// What ingestion noted of the run's data; `None` where the snapshot is not here.
fn data_findings(cli: &CliContext, manifest: &Manifest) -> Option<Vec<DataFinding>> {
    let DataSource::Snapshot { id, .. } = &manifest.data else {
        return None;
    };
    let store = snapshot_store(&cli.data).ok()?;
    let snapshot = store.load(&store.resolve(id).ok()?).ok()?;
    let data = snapshot.manifest();
    // A sentence for each rule: that of its first finding.
    let examples = snapshot.findings(FINDINGS_READ).ok()?;
    let broken = data.findings.iter().flat_map(|findings| &findings.rules);
    let rules = broken.map(|(rule, found)| {
        let example = examples
            .iter()
            .find(|finding| finding.rule == *rule)
            .map_or("", |finding| finding.message.as_str());
        let accepted = match found.accepted {
            0 => String::new(),
            accepted => format!("; {accepted} accepted"),
        };
        DataFinding {
            code: rule.clone(),
            count: found.count,
            message: format!("{}{accepted}. The first: {example}", found.severity),
        }
    });
    let quarantined = data
        .quarantine
        .reasons
        .iter()
        .map(|(reason, count)| DataFinding {
            code: format!("quarantined: {reason}"),
            count: *count,
            message: "quarantined: no strategy saw these rows".to_owned(),
        });
    let after_end = actions_after_bars(&snapshot, manifest);
    Some(quarantined.chain(rules).chain(after_end).collect())
}

/// What the snapshot states after the run's end, which the account does not have, or without an end after the last
/// bar, which it has.
fn actions_after_bars(snapshot: &Snapshot, manifest: &Manifest) -> Option<DataFinding> {
    let DataSource::Snapshot { to, .. } = &manifest.data else {
        return None;
    };
    let symbols = manifest
        .instruments
        .iter()
        .map(|entry| entry.symbol.clone());
    let symbols: Vec<String> = symbols.collect();
    let all = snapshot.select(&symbols, None, None).ok()?;
    let (end, code, what) = match to {
        Some(to) => (
            parse_time(to)?,
            "actions-after-end",
            "after the run's end, which the account does not have",
        ),
        None => (
            all.last_close()?,
            "actions-after-bars",
            "after the last bar, which the account has",
        ),
    };
    let is_after = |action: &CorporateAction| {
        action.ex_time >= end && action.kind != CorporateActionKind::SessionEnd
    };
    let mut after = all.actions().ok()?.into_iter().filter(is_after);
    let first = after.next()?;
    let symbol = symbols.get(first.instrument.index())?;
    let (kind, time) = (first.kind.name(), first.ex_time.date_or_time());
    Some(DataFinding {
        code: code.to_owned(),
        count: u64::try_from(after.count()).ok()?.saturating_add(1),
        message: format!("corporate actions {what}. The first: {symbol}, {kind} at {time}"),
    })
}

/// A folder that holds something other than a report is not written over.
fn check_folder(folder: &FilePath) -> Result<()> {
    if !files::is_there(folder)? {
        return Ok(());
    }
    for name in files::names_in(folder)? {
        if !FILES.iter().any(|file| name == *file) {
            let folder = folder.display();
            bail!("{folder} holds {name}, which is not part of a report; give another --out");
        }
    }
    Ok(())
}

/// Writes the files beside the folder's place and moves them there together. After a crash there
/// is the old report, the new one, or none, but never a mixture.
fn write_folder(folder: &FilePath, contents: &[(&'static str, Vec<u8>)]) -> Result<()> {
    let parent = folder
        .parent()
        .context("the folder has no place to be in")?;
    files::make_folder(&parent)?;
    let name = folder.file_name().context("the folder has no name")?;
    let process = std::process::id();
    let beside = |what: &str| parent.join(format!(".{what}-{process}-{}", name.display()));
    let (new, old) = (beside("new"), beside("old"));
    // An earlier process with this number may have crashed here.
    for left in [&new, &old] {
        files::remove_tree(left)?;
    }
    // Everything is written into a hidden directory beside the target first. A crash up to here
    // leaves the old report untouched.
    files::make_folder(&new)?;
    for (name, bytes) in contents {
        files::write_whole(&new.join(name), bytes)?;
    }
    let moved = || format!("cannot move the report to {}", folder.display());
    // Two renames, because a directory cannot replace one that is not empty. A crash between them
    // leaves no report, and both versions in hidden directories; running the command again makes
    // it.
    if files::own_facts_of(folder)?.is_some() {
        files::rename(folder, &old).with_context(moved)?;
    }
    files::rename(&new, folder).with_context(moved)?;
    // The names are durable before the old report is removed: after a power cut there is one of the
    // two.
    files::sync_folder(&parent)?;
    files::remove_tree(&old)?;
    Ok(())
}
