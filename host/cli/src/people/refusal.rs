//! How a refusal is told: which rule, why, and who could do it or what to do instead.

use counterfoil_governance::act::{Class, Refused};
use counterfoil_governance::rule::Denial;
use serde_json::{Value, json};

use super::desk::Done;
use crate::cli_context::CliContext;
use crate::output::{CommandAnswer, print_fields, print_json, print_line};

/// What was refused.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    rule: String,
    why: String,
    way_on: String,
    /// The record of the denial; none where nothing was asked of the ledger.
    record: Option<u64>,
}

impl Refusal {
    pub(crate) fn new(denial: &Denial, record: Option<u64>) -> Self {
        Self {
            rule: denial.rule.to_string(),
            why: denial.why.clone(),
            way_on: denial.who.clone(),
            record,
        }
    }

    /// The answer to a question about what is not there; nobody asked to do anything.
    pub(crate) fn answer(rule: &str, why: String, way_on: &str) -> Self {
        let (rule, way_on) = (rule.to_owned(), way_on.to_owned());
        Self {
            rule,
            why,
            way_on,
            record: None,
        }
    }

    /// A refusal of the program's own, recorded at the word of who asked.
    pub(crate) fn of(refused: &Refused, way_on: &str, record: u64) -> Self {
        Self {
            rule: refused.rule.clone(),
            why: refused.why.clone(),
            way_on: way_on.to_owned(),
            record: Some(record),
        }
    }

    /// It in one line, for where something else is told first.
    pub(crate) fn line(&self) -> String {
        let record = self.record.map(|index| format!(" (record {index})"));
        let record = record.unwrap_or_default();
        format!("{}: {}; {}{record}", self.rule, self.why, self.way_on)
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "denied": true,
            "rule": self.rule,
            "why": self.why,
            "way-on": self.way_on,
            "record": self.record,
        })
    }

    /// Tells it, with what else is to be said.
    pub(crate) fn tell(&self, places: &CliContext, more: &[String]) -> CommandAnswer {
        if places.json {
            let mut value = self.json();
            if !more.is_empty() {
                value["reasons"] = json!(more);
            }
            print_json(&value);
            return CommandAnswer::No;
        }
        let record = self.record.map_or_else(
            || "none: nothing was asked to be done".to_owned(),
            |index| format!("{index} (counterfoil ledger show {index})"),
        );
        print_fields(&[
            ("denied by", self.rule.clone()),
            ("why", self.why.clone()),
            ("way on", self.way_on.clone()),
            ("record", record),
        ]);
        for line in more {
            print_line(&format!("  {line}"));
        }
        CommandAnswer::No
    }
}

/// Tells what came of an act: the record, and what else there is to say of it.
pub(crate) fn tell(
    places: &CliContext,
    done: Result<Done, Refusal>,
    what: &str,
    facts: Value,
) -> CommandAnswer {
    let done = match done {
        Err(refusal) => return refusal.tell(places, &[]),
        Ok(done) => done,
    };
    let index = done.index;
    let class = done.proposed.map(Class::name);
    if places.json {
        let mut value = facts;
        value["record"] = json!(index);
        if let Some(class) = class {
            value["proposed-to"] = json!(class);
        }
        print_json(&value);
    } else if let Some(class) = class {
        print_line(&format!("record {index} proposes: {what}"));
        print_line(&format!(
            "it takes effect once enough of the class {class} have signed:"
        ));
        print_line(&format!(
            "  counterfoil change approve {index} --as ANOTHER"
        ));
    } else {
        print_line(&format!("record {index}: {what}"));
    }
    CommandAnswer::Yes
}
