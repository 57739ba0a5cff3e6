//! `drift`: what differs between what the ledger declares and what is there.

use counterfoil_approval::ledger_client::LedgerClient;
use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use counterfoil_approval::drift::{hint, is_seen_from, look};
use counterfoil_approval::{record_json, value_text};
use counterfoil_governance::act::{Act, DriftFinding};
use counterfoil_governance::state::LedgerState;
use counterfoil_runner::clock::now;
use counterfoil_trading::time::UnixNanos;
use serde_json::{Value, json};

use crate::args;
use crate::cli_context::CliContext;
use crate::output::{CommandAnswer, print_error, print_json, print_line};
use crate::people::ledger_access;
use crate::people::table;

/// What a list of differences shows.
const COLUMNS: [&str; 5] = ["rule", "subject", "declared", "found", "record"];

pub(crate) fn run(cli: &CliContext, args: &args::DriftArgs) -> Result<CommandAnswer> {
    if !args.record {
        let view = ledger_access::view_with_own_key(cli)?;
        let found = seen(cli, view.state(), now())?;
        let all = found.iter().map(|one| row(view.state(), one)).collect();
        let all = table::filter(all, &args.filter)?;
        return Ok(tell(cli, all, &DriftRecords::default()));
    }
    let mut client = match ledger_access::open(cli) {
        Ok(client) => client,
        // What keeps the record from being made may be the very drift: it is told all the same.
        Err(error) => return untold(cli, args, &error),
    };
    // Looked at under the open ledger, so that no act changes what is declared between the look and
    // the records.
    let found = seen(cli, client.state(), client.time())?;
    let recorded = record(cli, &mut client, &found)?;
    let all = found.iter().map(|one| row(client.state(), one)).collect();
    Ok(tell(cli, table::filter(all, &args.filter)?, &recorded))
}

/// Tells what is there when nothing can be recorded.
fn untold(
    cli: &CliContext,
    args: &args::DriftArgs,
    error: &anyhow::Error,
) -> Result<CommandAnswer> {
    let Ok(view) = ledger_access::view_with_own_key(cli) else {
        return Err(anyhow::anyhow!("{error:#}"));
    };
    let found = seen(cli, view.state(), now())?;
    if found.is_empty() {
        return Err(anyhow::anyhow!("{error:#}")).context("cannot record the drift");
    }
    // A tampered ledger or log key is the drift that matters most and the one that cannot be
    // recorded. It is printed, with exit code 1, instead of only failing.
    print_error(&anyhow::anyhow!("not recorded: {error:#}"));
    let all = found.iter().map(|one| row(view.state(), one)).collect();
    let all = table::filter(all, &args.filter)?;
    Ok(tell(cli, all, &DriftRecords::default()))
}

fn seen(cli: &CliContext, state: &LedgerState, time: UnixNanos) -> Result<BTreeSet<DriftFinding>> {
    look(&cli.data, &cli.keys, state, time).context("cannot read what the installation has now")
}

/// The records that were made.
#[derive(Default)]
struct DriftRecords {
    new: Vec<u64>,
    ended: Vec<u64>,
}

/// Records what is new, and the end of what stood and is there no more.
fn record(
    cli: &CliContext,
    client: &mut LedgerClient,
    found: &BTreeSet<DriftFinding>,
) -> Result<DriftRecords> {
    let mut recorded = DriftRecords::default();
    let drifts = client.state().drifts().iter();
    let gone = drifts.filter(|(_, one)| {
        one.ended.is_none() && is_seen_from(&cli.keys, &one.drift) && !found.contains(&one.drift)
    });
    // Only differences that this machine can see are ended: a key directory elsewhere may still
    // hold the undeclared key that was found there.
    let gone: Vec<u64> = gone.map(|(index, _)| *index).collect();
    for drifted in gone {
        let _record = client.act(Act::DriftEnd { drifted })?.index()?;
        recorded.ended.push(drifted);
    }
    for drift in found {
        if client.state().standing(drift).is_some() {
            continue;
        }
        // One record for each difference. A crash in between leaves the rest unrecorded, and the
        // next call finds and records them, because recorded ones are skipped.
        let index = client.act(Act::Drift(drift.clone()))?.index()?;
        recorded.new.push(index);
    }
    Ok(recorded)
}

fn row(state: &LedgerState, drift: &DriftFinding) -> Value {
    let mut value = record_json::drift(drift);
    let record = state.standing(drift);
    let since = record.and_then(|index| state.drifts().get(&index));
    value["record"] = json!(record);
    value["since"] = json!(since.map(|one| one.record_ref.time.date_or_time()));
    value["hint"] = json!(hint(&drift.rule));
    value
}

fn tell(cli: &CliContext, all: Vec<Value>, recorded: &DriftRecords) -> CommandAnswer {
    let answer = CommandAnswer::yes_if(all.is_empty());
    if cli.json {
        print_json(&json!({ "drift": all, "recorded": recorded.new, "ended": recorded.ended }));
        return answer;
    }
    let mut hints: Vec<String> = Vec::new();
    for row in &all {
        let hint = format!(
            "{}: {}",
            value_text::plain(&row["rule"]),
            value_text::plain(&row["hint"])
        );
        if !hints.contains(&hint) {
            hints.push(hint);
        }
    }
    table::print(
        cli,
        all,
        &COLUMNS,
        "no drift: the data directory matches the ledger",
    );
    for hint in hints {
        print_line(&hint);
    }
    let list = |all: &[u64]| {
        all.iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ")
    };
    if !recorded.new.is_empty() {
        print_line(&format!("recorded in {}", list(&recorded.new)));
    }
    if !recorded.ended.is_empty() {
        print_line(&format!(
            "no longer found, recorded as ended in {}",
            list(&recorded.ended)
        ));
    }
    answer
}
