//! `policy verdicts|re-evaluate`: what policies said, and whether they would say it again.

use anyhow::{Result, bail};
use counterfoil_approval::gates::{self, PolicyArchive};
use counterfoil_approval::value_text;
use counterfoil_governance::state::VerdictRecord;
use serde_json::{Value, json};

use super::child::evaluator;
use crate::args::{ReEvaluateArgs, RowFilter};
use crate::cli_context::CliContext;
use crate::output::{CommandAnswer, print_json, print_line};
use crate::people::ledger_access;
use crate::people::table;

pub(super) fn list(cli: &CliContext, filter: &RowFilter) -> Result<CommandAnswer> {
    let view = ledger_access::view(cli)?;
    let all = view.state().verdicts().iter();
    let found = all.map(|(index, said)| row(*index, said)).collect();
    let columns = [
        "record", "time", "gate", "subject", "outcome", "policy", "by", "reasons",
    ];
    table::print(cli, table::filter(found, filter)?, &columns, "no verdict");
    Ok(CommandAnswer::Yes)
}

fn row(index: u64, said: &VerdictRecord) -> Value {
    let one = &said.verdict;
    let reasons = one.reasons.iter().map(|reason| reason.code.clone());
    json!({
        "record": index,
        "time": said.record_ref.time.date_or_time(),
        "gate": one.gate.name(),
        "subject": one.subject.to_string(),
        "outcome": one.outcome.name(),
        "policy": one.bundle.to_string(),
        "input": one.input.to_string(),
        "limits": one.limits.map(|digest| digest.to_string()),
        "by": said.record_ref.by.as_str(),
        "reasons": reasons.collect::<Vec<_>>(),
    })
}

pub(super) fn again(cli: &CliContext, args: &ReEvaluateArgs) -> Result<CommandAnswer> {
    let view = ledger_access::view(cli)?;
    let verdicts = view.state().verdicts();
    let wanted = |index: &u64| args.record.is_none_or(|record| record == *index);
    let chosen: Vec<_> = verdicts.iter().filter(|(index, _)| wanted(index)).collect();
    if let (Some(record), true) = (args.record, chosen.is_empty()) {
        bail!("record {record} is not a verdict; `counterfoil policy verdicts` lists them");
    }
    let (archive, evaluator) = (PolicyArchive::new(&cli.data), evaluator()?);
    let mut all = Vec::new();
    for (index, said) in chosen {
        // The recorded input is evaluated, not today's state: the question is whether the answer
        // was right then.
        let (now, differences) = gates::again(&archive, &evaluator, &said.verdict)?;
        all.push(json!({
            "record": index,
            "identical": differences.is_empty(),
            "outcome": said.verdict.outcome.name(),
            "outcome-now": now.outcome.name(),
            "differences": differences,
        }));
    }
    let same = all.iter().all(|one| one["identical"] == json!(true));
    if cli.json {
        print_json(&Value::Array(all));
    } else {
        if all.is_empty() {
            print_line("no verdict");
        }
        for one in &all {
            let record = &one["record"];
            if one["identical"] == json!(true) {
                let outcome = value_text::plain(&one["outcome"]);
                print_line(&format!("record {record}: {outcome}, identical"));
            } else {
                print_line(&format!("record {record}: different"));
                for difference in one["differences"].as_array().into_iter().flatten() {
                    print_line(&format!("  {}", value_text::plain(difference)));
                }
            }
        }
    }
    Ok(CommandAnswer::yes_if(same))
}
