//! `ledger health`: what is open, expired or incomplete, and where to look. It must never judge how bad
//! that is.

use anyhow::Result;
use counterfoil_approval::anchors::compare_execution;
use counterfoil_approval::value_text;
use counterfoil_governance::report::{EvidenceHealth, health};
use counterfoil_governance::state::{CLOCK_STEP_MAX, LedgerState};
use counterfoil_runner::clock::now;
use counterfoil_trading::time::UnixNanos;
use serde_json::{Value, json};

use crate::cli_context::CliContext;
use crate::output::{CommandAnswer, print_fields, print_json};
use crate::people::ledger_access;

/// Prints every list; succeeds if all are empty.
pub(super) fn run(cli: &CliContext) -> Result<CommandAnswer> {
    let view = ledger_access::view(cli)?;
    let (state, now) = (view.state(), now());
    let found = health(state, now);
    let contradicted = contradicted(cli, state)?;
    // Nothing can be recorded until it is set back.
    let ahead = state
        .clock()
        .filter(|clock| clock.0.saturating_sub(now.0) > CLOCK_STEP_MAX);
    let ahead: Vec<String> = ahead.into_iter().map(UnixNanos::rfc3339).collect();
    let open = found
        .open_items()
        .saturating_add(contradicted.len().saturating_add(ahead.len()));
    let mut lists = lists(&found).to_vec();
    lists.push(("runs-contradicted", json!(contradicted)));
    lists.push(("clock-ahead", json!(ahead)));
    if cli.json {
        let pair = |(name, list): &(&str, Value)| ((*name).to_owned(), list.clone());
        let mut value = Value::Object(lists.iter().map(pair).collect());
        value["open-items"] = json!(open);
        value["denials"] = json!(found.denials);
        print_json(&value);
    } else {
        let mut told = vec![("open items", open.to_string())];
        let some = lists.iter().filter(|(_, list)| *list != json!([]));
        told.extend(some.map(|(name, list)| (*name, value_text::short(list))));
        told.push(("denials, ever", found.denials.to_string()));
        print_fields(&told);
    }
    Ok(CommandAnswer::yes_if(open == 0))
}

/// The runs that the ledger started and whose logs contradict it, or are gone.
fn contradicted(cli: &CliContext, state: &LedgerState) -> Result<Vec<String>> {
    let executions = cli.data.executions()?;
    let mut all = Vec::new();
    for (run, started) in state.registry().runs() {
        let own = executions.iter().filter(|one| one.run == *run);
        let mut is_there = started.has_no_logs();
        for execution in own {
            is_there = true;
            let compared = compare_execution(state, execution);
            if !compared.is_ok_and(|report| report.is_good()) {
                all.push(execution.short());
            }
        }
        if !is_there {
            all.push(run.to_string());
        }
    }
    Ok(all)
}

/// Each list by what it is of: records by their numbers, components and runs by their digests.
fn lists(found: &EvidenceHealth) -> [(&'static str, Value); 12] {
    let digests = |all: &std::collections::BTreeSet<counterfoil_base::digest::Digest>| {
        json!(all.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    [
        ("exceptions", json!(found.exceptions)),
        ("break-glass", json!(found.break_glass)),
        ("retrospectives-owed", json!(found.retrospectives)),
        ("keys-expired", json!(found.keys_expired)),
        ("keyless", json!(found.keyless)),
        ("evidence-missing", digests(&found.evidence_missing)),
        ("policy-old", digests(&found.policy_old)),
        ("verdicts-failed", json!(found.verdicts_failed)),
        ("changes-waiting", json!(found.changes)),
        ("kills", json!(found.kills)),
        ("drift", json!(found.drifts)),
        ("runs-open", digests(&found.runs_open)),
    ]
}
