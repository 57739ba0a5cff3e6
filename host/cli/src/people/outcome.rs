//! Prints what became of an act: the record, or the rule that denied it with a hint.

use anyhow::Result;
use counterfoil_approval::ledger_client::{ActOutcome, DeniedRequest};
use serde_json::{Value, json};

use crate::output::{Answer, pairs, say, say_json};
use crate::places::Places;

/// Prints a denial that a command returned as its error; the answer is no then.
pub(crate) fn print_if_denied(places: &Places, result: Result<Answer>) -> Result<Answer> {
    let error = match result {
        Ok(answer) => return Ok(answer),
        Err(error) => error,
    };
    let denied = error.downcast::<DeniedRequest>()?;
    Ok(print_denied(places, &denied, &[]))
}

/// Prints a denial, with more reasons below it.
pub(crate) fn print_denied(places: &Places, denied: &DeniedRequest, reasons: &[String]) -> Answer {
    let denial = &denied.denial;
    if places.json {
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
        say_json(&value);
        return Answer::No;
    }
    let record = denied.record.map_or_else(
        || "none (read-only query)".to_owned(),
        |index| format!("{index} (counterfoil ledger show {index})"),
    );
    pairs(&[
        ("denied by", denial.rule.to_string()),
        ("why", denial.why.clone()),
        ("hint", denial.hint.clone()),
        ("record", record),
    ]);
    for reason in reasons {
        say(&format!("  {reason}"));
    }
    Answer::No
}

/// Prints what became of an act: `what` it does, and its facts in JSON.
pub(crate) fn print_outcome(
    places: &Places,
    outcome: ActOutcome,
    what: &str,
    facts: Value,
) -> Answer {
    let (index, class) = match outcome {
        ActOutcome::Denied(denied) => return print_denied(places, &denied, &[]),
        ActOutcome::Recorded { index } => (index, None),
        ActOutcome::Proposed { index, class } => (index, Some(class.name())),
    };
    if places.json {
        let mut value = facts;
        value["record"] = json!(index);
        if let Some(class) = class {
            value["proposed-to"] = json!(class);
        }
        say_json(&value);
    } else if let Some(class) = class {
        say(&format!("record {index} proposes: {what}"));
        say(&format!(
            "it takes effect once enough members of the class {class} have signed it:"
        ));
        say(&format!(
            "  counterfoil change approve {index} --as ANOTHER"
        ));
    } else {
        say(&format!("record {index}: {what}"));
    }
    Answer::Yes
}
