//! `run list`: lists the runs of the data directory.

use anyhow::Result;
use counterfoil_runner::run::extent::JournalExtent;
use counterfoil_runner::store::data_dir::Execution;
use counterfoil_trading::manifest::Manifest;
use serde_json::{Value, json};

use crate::cli_context::CliContext;
use crate::output::{
    CommandAnswer, counted, print_json, print_line, print_table, short_digest, warn,
};
use crate::run_facts;
use crate::runs_seen::RunsSeen;

pub(crate) fn run(cli: &CliContext) -> Result<CommandAnswer> {
    let all = cli.data.executions()?;
    let seen = RunsSeen::of(cli)?;
    let gone = seen.as_ref().map_or(Vec::new(), |seen| seen.gone(&all));
    if let Some(seen) = seen {
        if !gone.is_empty() {
            warn(&format!(
                "gone since an earlier list: {}; restore what is gone, or delete {} to forget what was listed",
                counted(gone.len(), "run"),
                seen.path.display()
            ));
        }
        seen.keep(&all);
    }
    if cli.json {
        let gone = gone.iter().map(|run| gone_as_json(run));
        let all = all.iter().map(as_json).chain(gone);
        print_json(&Value::from(all.collect::<Vec<_>>()));
        return Ok(CommandAnswer::Yes);
    }
    if all.is_empty() && gone.is_empty() {
        print_line(
            "no runs; make one with: counterfoil backtest --component FILE --snapshot ID --risk research",
        );
        return Ok(CommandAnswer::Yes);
    }
    let head = [
        "run",
        "component",
        "decisions",
        "fills",
        "working",
        "refused",
        "rejected",
        "equity",
        "ended",
        "decision digest",
    ];
    let mut rows = vec![head.map(String::from).to_vec()];
    for execution in &all {
        rows.push(run_row(execution));
    }
    for run in gone {
        let (id, number) = run.split_once('/').unwrap_or((&run, ""));
        let short = format!("{}/{number}", short_digest(id));
        rows.push(vec![short, "gone".to_owned()]);
    }
    print_table(&rows);
    Ok(CommandAnswer::Yes)
}

fn run_row(execution: &Execution) -> Vec<String> {
    // A damaged journal is a row of the list and not its end: the other runs must stay visible.
    let Ok(extent) = JournalExtent::read(&execution.journal()) else {
        return vec![execution.short(), "unreadable journal".to_owned()];
    };
    let component = Manifest::parse(&extent.open.manifest)
        .map(|manifest| manifest.component)
        .map(|digest| short_digest(&digest))
        .unwrap_or_default();
    let decisions = extent.decisions.to_string();
    // The extent counts and does not verify. What it shows of an open journal may still be cut by a
    // resumption.
    let Some(close) = extent.close else {
        let nothing = String::new;
        return vec![
            execution.short(),
            component,
            decisions,
            nothing(),
            nothing(),
            nothing(),
            nothing(),
            nothing(),
            "not closed".to_owned(),
        ];
    };
    // A journal whose records do not fit its manifest still has its row, without these counts.
    let orders = run_facts::orders(execution).map(|orders| orders.json());
    let count = |name: &str| {
        let orders = orders.as_ref().ok();
        orders.map_or(String::new(), |orders| orders[name].to_string())
    };
    vec![
        execution.short(),
        component,
        decisions,
        close.fills.to_string(),
        count("working-at-end"),
        count("refused"),
        count("rejected"),
        close.equity.to_text(),
        close.reason.name().to_owned(),
        short_digest(&close.decision_digest.hex()),
    ]
}

fn gone_as_json(run: &str) -> Value {
    let (id, number) = run.split_once('/').unwrap_or((run, ""));
    json!({ "run": id, "execution": number.parse::<u64>().ok(), "gone": true })
}

fn as_json(execution: &Execution) -> Value {
    let mut value = json!({ "run": execution.run.hex(), "execution": execution.number, "folder": execution.folder.path() });
    match JournalExtent::read(&execution.journal()) {
        Err(error) => value["error"] = json!(error.to_string()),
        Ok(extent) => {
            value["decisions"] = json!(extent.decisions);
            value["closed"] = json!(extent.close.is_some());
            if let Some(close) = extent.close {
                if let Ok(orders) = run_facts::orders(execution) {
                    value["orders"] = orders.json();
                }
                value["ended"] = json!(close.reason.name());
                value["fills"] = json!(close.fills);
                value["final-equity"] = json!(close.equity.to_text());
                value["decision-digest"] = json!(close.decision_digest.to_string());
            }
        }
    }
    value
}
