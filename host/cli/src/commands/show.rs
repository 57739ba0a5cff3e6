//! `run show`: prints one run.

use anyhow::Result;
use counterfoil_runner::run::execute::ExecutionOutcome;
use counterfoil_runner::run::extent::JournalExtent;
use counterfoil_runner::run::journal::{JournalReader, ReadJournalError};
use counterfoil_runner::store::data_dir::Execution;
use counterfoil_trading::instrument::Instrument;
use counterfoil_trading::manifest::Manifest;
use counterfoil_trading::record::{KIND_DECISION, KIND_REFUSED, RunRecord, record_kind};
use counterfoil_verify::describe::RecordDescriber;
use serde_json::{Value, json};

use crate::args::RunShowArgs;
use crate::cli_context::CliContext;
use crate::output::{CommandAnswer, print_fields, print_json, print_line};
use crate::report;
use crate::run_facts;

pub(crate) fn run(cli: &CliContext, args: &RunShowArgs) -> Result<CommandAnswer> {
    let execution = cli.data.find(&args.run)?;
    let extent = JournalExtent::read(&execution.journal())?;
    // From the journal's first record, which is signed, and not from the file beside it, which
    // anyone with access could edit.
    let manifest = Manifest::parse(&extent.open.manifest)?;
    let setup = manifest.setup()?;
    if args.manifest {
        let value: Value = serde_json::from_str(&extent.open.manifest)?;
        print_json(&value);
    } else if args.fills {
        let fills = report::fills(&execution)?;
        let facts = run_facts::facts(&execution)?;
        if cli.json {
            let list = fills
                .iter()
                .map(|row| report::fill_json(row, &setup.instruments, &facts));
            print_json(&Value::from(list.collect::<Result<Vec<_>>>()?));
        } else {
            report::print_fills(&fills, &setup.instruments, &facts)?;
        }
    } else if args.decisions {
        decisions(cli, &execution, &setup.instruments)?;
    } else if args.refused {
        refused(cli, &execution)?;
    } else {
        summary(cli, execution, extent, &manifest)?;
    }
    Ok(CommandAnswer::Yes)
}

fn summary(
    cli: &CliContext,
    execution: Execution,
    extent: JournalExtent,
    manifest: &Manifest,
) -> Result<()> {
    match extent.close {
        Some(close) => {
            let positions = extent.positions;
            let outcome = ExecutionOutcome {
                execution,
                close,
                positions,
            };
            let orders = run_facts::orders(&outcome.execution)?;
            if cli.json {
                print_json(&report::outcome_json(
                    &cli.data, manifest, &outcome, &orders,
                )?);
                return Ok(());
            }
            report::print_outcome(&cli.data, manifest, &outcome, &orders)
        }
        None if cli.json => {
            print_json(&json!({
                "run-id": execution.run,
                "execution": execution.number,
                "ended": null,
                "bars": extent.decisions,
            }));
            Ok(())
        }
        None => {
            print_fields(&[
                (
                    "run",
                    format!("{} (execution {})", execution.run.hex(), execution.number),
                ),
                (
                    "ended",
                    "not closed: it is running, or its process was killed".to_owned(),
                ),
                ("bars decided", extent.decisions.to_string()),
                ("journal", execution.journal().display().to_string()),
            ]);
            Ok(())
        }
    }
}

/// Prints each decision with requests or a fault, with its journal entry.
fn decisions(cli: &CliContext, execution: &Execution, instruments: &[Instrument]) -> Result<()> {
    let describe = RecordDescriber::new(instruments);
    records(cli, execution, KIND_DECISION, |index, record| {
        let RunRecord::Decision(decision) = record else {
            return None;
        };
        let asked = !decision.requests.as_ref().is_some_and(Vec::is_empty);
        let text = asked.then(|| describe.record(record))?;
        Some(if cli.json {
            json!({ "entry": index, "bar": decision.index, "decision": text })
        } else {
            Value::String(text)
        })
    })
}

/// Prints each refused input, with its journal entry.
fn refused(cli: &CliContext, execution: &Execution) -> Result<()> {
    records(cli, execution, KIND_REFUSED, |index, record| {
        let RunRecord::Refused(refused) = record else {
            return None;
        };
        // Refused inputs are bytes of a feed, in any encoding. They are shown on one line, so that
        // none can imitate another record's.
        let input = String::from_utf8_lossy(&refused.input);
        let reason = &refused.reason;
        Some(if cli.json {
            json!({ "entry": index, "reason": reason, "input": input })
        } else {
            Value::String(format!("{reason}  {input}").replace(['\n', '\r'], " "))
        })
    })
}

/// Prints the records of a kind for which `describe` returns a value, with their journal entries.
fn records(
    cli: &CliContext,
    execution: &Execution,
    kind: u64,
    describe: impl Fn(u64, &RunRecord) -> Option<Value>,
) -> Result<()> {
    let mut reader = JournalReader::open(&execution.journal())?;
    let mut list = Vec::new();
    loop {
        let index = reader.index();
        let Some(body) = reader.next_body()? else {
            break;
        };
        // The kind is read before the record is decoded: most records are of other kinds, and a
        // journal may have millions.
        if record_kind(body).map_err(ReadJournalError::from)? != kind {
            continue;
        }
        let record = RunRecord::decode(body).map_err(ReadJournalError::from)?;
        match describe(index, &record) {
            None => {}
            Some(Value::String(text)) => print_line(&format!("{index:>8}  {text}")),
            Some(value) => list.push(value),
        }
    }
    if cli.json {
        print_json(&Value::from(list));
    }
    Ok(())
}
