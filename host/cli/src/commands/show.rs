//! `show`: one run.

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

use crate::args::Show;
use crate::output::{Answer, pairs, say, say_json};
use crate::places::Places;
use crate::report;

pub(crate) fn run(places: &Places, args: &Show) -> Result<Answer> {
    let execution = places.data.find(&args.run)?;
    let extent = JournalExtent::read(&execution.journal())?;
    let manifest = Manifest::parse(&extent.open.manifest)?;
    let setup = manifest.setup()?;
    if args.manifest {
        let value: Value = serde_json::from_str(&extent.open.manifest)?;
        say_json(&value);
    } else if args.fills {
        let fills = report::fills(&execution)?;
        if places.json {
            let list = fills
                .iter()
                .map(|row| report::fill_json(row, &setup.instruments));
            say_json(&Value::from(list.collect::<Result<Vec<_>>>()?));
        } else {
            report::print_fills(&fills, &setup.instruments)?;
        }
    } else if args.decisions {
        decisions(places, &execution, &setup.instruments)?;
    } else if args.refused {
        refused(places, &execution)?;
    } else {
        summary(places, execution, extent, &manifest)?;
    }
    Ok(Answer::Yes)
}

fn summary(
    places: &Places,
    execution: Execution,
    extent: JournalExtent,
    manifest: &Manifest,
) -> Result<()> {
    match extent.close {
        Some(close) => {
            let outcome = ExecutionOutcome { execution, close };
            if places.json {
                say_json(&report::outcome_json(manifest, &outcome)?);
                return Ok(());
            }
            report::print_outcome(manifest, &outcome)
        }
        None if places.json => {
            say_json(&json!({
                "run-id": format!("sha256:{}", execution.run),
                "execution": execution.number,
                "ended": null,
                "bars": extent.decisions,
            }));
            Ok(())
        }
        None => {
            pairs(&[
                (
                    "run",
                    format!("{} (execution {})", execution.run, execution.number),
                ),
                (
                    "ended",
                    "not closed: it is under way, or its process was stopped".to_owned(),
                ),
                ("bars decided", extent.decisions.to_string()),
                ("journal", execution.journal().display().to_string()),
            ]);
            Ok(())
        }
    }
}

/// Each decision that asked for something or was a fault, with its journal entry.
fn decisions(places: &Places, execution: &Execution, instruments: &[Instrument]) -> Result<()> {
    let describe = RecordDescriber::new(instruments);
    records(places, execution, KIND_DECISION, |index, record| {
        let RunRecord::Decision(decision) = record else {
            return None;
        };
        let asked = !decision.requests.as_ref().is_some_and(Vec::is_empty);
        let text = asked.then(|| describe.record(record))?;
        Some(if places.json {
            json!({ "entry": index, "bar": decision.index, "decision": text })
        } else {
            Value::String(text)
        })
    })
}

/// Each input that no run may see, with its journal entry.
fn refused(places: &Places, execution: &Execution) -> Result<()> {
    records(places, execution, KIND_REFUSED, |index, record| {
        let RunRecord::Refused(refused) = record else {
            return None;
        };
        let input = String::from_utf8_lossy(&refused.input);
        let reason = &refused.reason;
        Some(if places.json {
            json!({ "entry": index, "reason": reason, "input": input })
        } else {
            Value::String(format!("{reason}  {input}").replace(['\n', '\r'], " "))
        })
    })
}

/// Each record of a kind that `tell` has something to say about: what it says is printed, with the
/// record's journal entry.
fn records(
    places: &Places,
    execution: &Execution,
    kind: u64,
    tell: impl Fn(u64, &RunRecord) -> Option<Value>,
) -> Result<()> {
    let mut reader = JournalReader::open(&execution.journal())?;
    let mut list = Vec::new();
    loop {
        let index = reader.index();
        let Some(body) = reader.next_body()? else {
            break;
        };
        if record_kind(body).map_err(ReadJournalError::from)? != kind {
            continue;
        }
        let record = RunRecord::decode(body).map_err(ReadJournalError::from)?;
        match tell(index, &record) {
            None => {}
            Some(Value::String(text)) => say(&format!("{index:>8}  {text}")),
            Some(value) => list.push(value),
        }
    }
    if places.json {
        say_json(&Value::from(list));
    }
    Ok(())
}
