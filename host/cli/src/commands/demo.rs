//! `demo`: everything the program claims, on real data, in one command.

mod child;
mod operator;
mod people;
mod stage;
mod strategies;
mod summary;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use counterfoil_os::clock::Stopwatch;
use counterfoil_os::files::make_folder;
use serde_json::{Value, json};

use self::stage::DemoStage;
use self::strategies::{DemoRun, EXAMPLES, ingest_data, show, sweep_it};
use crate::args;
use crate::cli_context::CliContext;
use crate::output::{CommandAnswer, print_block, print_json, print_line};
use crate::{report, run_facts};

pub(crate) fn run(global: &CliContext, args: &args::DemoArgs) -> Result<CommandAnswer> {
    let watch = Stopwatch::start();
    let folder = args
        .folder
        .clone()
        .unwrap_or_else(|| PathBuf::from("demo-data"));
    make_folder(&folder)?;
    let folder = folder
        .canonicalize()
        .with_context(|| format!("cannot open the directory {}", folder.display()))?;
    // Directories and keys of its own: the demo must never sign with the user's key, or leave runs
    // among real ones.
    let cli = global.in_directories(&folder.join("data"), folder.join("keys"))?;
    let step = |text: &str| {
        if !cli.json {
            print_block(text);
        }
    };
    step("1. Ingest real data with its splits and dividends into an immutable snapshot.");
    let snapshot = ingest_data(&cli, &folder)?;
    let mut shown = Vec::new();
    for (place, example) in EXAMPLES.iter().enumerate() {
        let number = place.saturating_add(2);
        step(&format!(
            "{number}. {}: backtest, verify, replay on another back end, test for look-ahead, prove one \
             decision, report.",
            example.name
        ));
        shown.push(show(&cli, &folder, example, &snapshot)?);
    }
    let number = shown.len().saturating_add(2);
    step(&format!(
        "{number}. Sweep six parameter sets of moving-average-cross on all cores; the run above is reused."
    ));
    let swept = sweep_it(&cli, &folder, &snapshot)?;
    if !cli.json {
        swept.print(usize::MAX);
        print_line("");
    }
    let number = number.saturating_add(1);
    step(&format!(
        "{number}. Take {} from draft to approved: each step signed by another person and recorded.",
        people::STRATEGY
    ));
    // The strategy that is approved is one that was verified above: the people of the demo sign for
    // evidence that exists.
    let walked = shown
        .iter()
        .find(|run| run.name == people::STRATEGY)
        .context("the demo ran the strategy that it approves")?;
    let walked = &walked.outcome.execution;
    let (cli, folder) = (&cli, folder.as_path());
    let stage = DemoStage { cli, folder };
    let approved = people::walk(&stage, walked)?;
    let number = number.saturating_add(1);
    step(&format!(
        "\n{number}. Operate it: authorize and start a run, kill its process, resume it, compare it with its own \
         backtest."
    ));
    let operated = operator::operate(&stage, walked, &snapshot)?;
    if cli.json {
        let list = runs_json(cli, &shown)?;
        print_json(
            &json!({ "folder": folder, "snapshot": snapshot, "runs": list, "sweep": swept.json(), "approved": approved.json(), "operated": operated.json() }),
        );
    } else {
        print_line("");
        summary::print(folder, &snapshot, &shown, &approved, &operated);
        print_line(&format!(
            "Finished in {:.1} s.",
            watch.elapsed().as_secs_f64()
        ));
    }
    Ok(CommandAnswer::Yes)
}

fn runs_json(cli: &CliContext, shown: &[DemoRun]) -> Result<Vec<Value>> {
    shown.iter().map(|one| as_json(cli, one)).collect()
}

fn as_json(cli: &CliContext, shown: &DemoRun) -> Result<Value> {
    let orders = run_facts::orders(&shown.outcome.execution)?;
    let mut value = report::outcome_json(&cli.data, &shown.manifest, &shown.outcome, &orders)?;
    value["strategy"] = json!(shown.name);
    value["verified"] = json!(true);
    value["replay"] = json!("identical");
    value["proof"] = json!(shown.proof);
    value["report"] = json!(shown.report);
    Ok(value)
}
