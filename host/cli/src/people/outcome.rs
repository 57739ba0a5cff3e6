//! Prints what became of an act: the record, or the rule that denied it with a hint.

use anyhow::Result;
use counterfoil_approval::ledger_client::{ActOutcome, DeniedRequest};
use serde_json::{Value, json};

use crate::cli_context::CliContext;
use crate::output::{CommandAnswer, print_fields, print_json, print_line};

/// Prints a denial that a command returned as its error; the answer is no then.
pub(crate) fn print_if_denied(
    cli: &CliContext,
    result: Result<CommandAnswer>,
) -> Result<CommandAnswer> {
    let error = match result {
        Ok(answer) => return Ok(answer),
        Err(error) => error,
    };
    let denied = error.downcast::<DeniedRequest>()?;
    Ok(print_denied(cli, &denied, &[]))
}

/// Prints a denial, with more reasons below it.
pub(crate) fn print_denied(
    cli: &CliContext,
    denied: &DeniedRequest,
    reasons: &[String],
) -> CommandAnswer {
    let denial = &denied.denial;
    if cli.json {
        let mut value = json!({
            "denied": true,
            "rule": denial.rule.code(),
            "why": denial.why,
            "hint": denial.hint,
            "record": denied.record,
        });
        if !reasons.is_empty() {
            value["reasons"] = json!(reasons);
        }
        print_json(&value);
        return CommandAnswer::No;
    }
    let record = denied.record.map_or_else(
        || "none (read-only query)".to_owned(),
        |index| format!("{index} (counterfoil ledger show {index})"),
    );
    print_fields(&[
        ("denied by", denial.rule.to_string()),
        ("why", denial.why.clone()),
        ("hint", denial.hint.clone()),
        ("record", record),
    ]);
    for reason in reasons {
        print_line(&format!("  {reason}"));
    }
    CommandAnswer::No
}

/// Prints what became of an act: `what` it does, and its facts in JSON.
pub(crate) fn print_outcome(
    cli: &CliContext,
    outcome: ActOutcome,
    what: &str,
    facts: Value,
) -> CommandAnswer {
    let (index, class) = match outcome {
        ActOutcome::Denied(denied) => return print_denied(cli, &denied, &[]),
        ActOutcome::Recorded { index } => (index, None),
        ActOutcome::Proposed { index, class } => (index, Some(class.name())),
    };
    if cli.json {
        let mut value = facts;
        value["record"] = json!(index);
        if let Some(class) = class {
            value["proposed-to"] = json!(class);
        }
        print_json(&value);
    } else if let Some(class) = class {
        print_line(&format!("record {index} proposes: {what}"));
        print_line(&format!(
            "it takes effect once enough members of the class {class} have signed it:"
        ));
        print_line(&format!(
            "  counterfoil change approve {index} --as ANOTHER"
        ));
    } else {
        print_line(&format!("record {index}: {what}"));
    }
    CommandAnswer::Yes
}
