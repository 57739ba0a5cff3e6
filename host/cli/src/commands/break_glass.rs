//! `break-glass`: temporarily waives the two-person rule; another principal reviews it afterwards.

use anyhow::Result;
use counterfoil_approval::record_json;
use counterfoil_base::digest::Digest;
use counterfoil_governance::act::{self, Act};
use counterfoil_governance::state::BreakGlassRecord;
use counterfoil_os::files::read_whole;
use counterfoil_runner::clock::now;
use counterfoil_trading::time::UnixNanos;
use serde_json::{Value, json};

use crate::args::{BreakGlassCommand, RowFilter};
use crate::cli_context::CliContext;
use crate::output::CommandAnswer;
use crate::people::ledger_access;
use crate::people::outcome::print_outcome;
use crate::people::{self, table};

pub(crate) fn run(cli: &CliContext, args: &BreakGlassCommand) -> Result<CommandAnswer> {
    match args {
        BreakGlassCommand::Open { act, until, reason } => {
            let glass = act::BreakGlass {
                scope: act.iter().cloned().collect(),
                reason: reason.clone(),
                until: people::time("--until", until)?,
            };
            let end = glass.until.date_or_time();
            let mut client = ledger_access::open(cli)?;
            let outcome = client.act(Act::BreakGlassOpen(glass))?;
            let record = outcome.clone().index().unwrap_or_default();
            let what = format!(
                "{} may act without the second signature until {end}: {}; use --emergency {record}; a retrospective is owed",
                client.actor(),
                act.join(", ")
            );
            Ok(print_outcome(
                cli,
                outcome,
                &what,
                json!({ "scope": act, "until": end }),
            ))
        }
        BreakGlassCommand::Close { record, reason } => {
            let (opened, reason) = (*record, reason.clone());
            let outcome = ledger_access::open(cli)?.act(Act::BreakGlassClose { opened, reason })?;
            let what =
                format!("the break-glass of record {opened} is closed; its retrospective is owed");
            Ok(print_outcome(
                cli,
                outcome,
                &what,
                json!({ "opened-by": opened }),
            ))
        }
        BreakGlassCommand::Review {
            record,
            report,
            findings,
        } => {
            let opened = *record;
            // Only the digest is recorded: the report may name people and incidents that do not
            // belong into a ledger that auditors copy.
            let report = Digest::of(&read_whole(report)?);
            let findings = findings.clone();
            let outcome = ledger_access::open(cli)?.act(Act::Retrospective {
                opened,
                report,
                findings,
            })?;
            let what = format!("the retrospective of record {opened} is signed");
            let facts = json!({ "opened-by": opened, "report": record_json::digest(&report) });
            Ok(print_outcome(cli, outcome, &what, facts))
        }
        BreakGlassCommand::List(filter) => list(cli, filter),
    }
}

fn list(cli: &CliContext, filter: &RowFilter) -> Result<CommandAnswer> {
    let view = ledger_access::view(cli)?;
    let now = now();
    let all = view.state().broken().iter();
    let found = all.map(|(index, one)| row(*index, one, now)).collect();
    let columns = [
        "record", "by", "scope", "until", "open", "owed", "acts", "reason",
    ];
    table::print(
        cli,
        table::filter(found, filter)?,
        &columns,
        "no break-glass",
    );
    Ok(CommandAnswer::Yes)
}

fn row(index: u64, one: &BreakGlassRecord, now: UnixNanos) -> Value {
    let acts = one
        .acts
        .iter()
        .map(|(entry, name)| format!("{name} ({entry})"));
    json!({
        "record": index,
        "by": one.record_ref.by.as_str(),
        "time": one.record_ref.time.date_or_time(),
        "scope": one.glass.scope,
        "until": one.glass.until.date_or_time(),
        "open": one.open(now),
        "owed": one.retrospective.is_none(),
        "acts": acts.collect::<Vec<_>>(),
        "reason": one.glass.reason,
        "closed": one.closed.as_ref().map(|(why, record_ref)| format!("by {}: {why}", record_ref.by)),
        "retrospective": one.retrospective.as_ref().map(|(report, findings, record_ref)| {
            record_json::join(record_json::record_ref(record_ref), json!({ "report": record_json::digest(report), "findings": findings }))
        }),
    })
}
