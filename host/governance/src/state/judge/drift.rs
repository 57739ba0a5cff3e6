//! Judges records of drift and refusals. It must never look at the machine: the recorder did.

use super::{ActContext, Judgment, LedgerState};
use crate::act::{DriftFinding, HostRefusal};
use crate::role::Role;
use crate::rule::{Denial, Rule};

/// The roles that may record drift.
const WATCH: [Role; 5] = [
    Role::Operator,
    Role::Approver,
    Role::Auditor,
    Role::Compliance,
    Role::Administrator,
];

/// An open difference is recorded once.
pub(super) fn found(
    state: &LedgerState,
    context: ActContext<'_>,
    drift: &DriftFinding,
) -> Judgment {
    watches(state, context)?;
    let missing = drift.named().into_iter().find(|(_, text)| empty(text));
    let wrong = match missing {
        Some((name, _)) => Some(format!("it names no {name}")),
        None if drift.declared == drift.found => Some("declared and found are the same".to_owned()),
        None => None,
    };
    if let Some(wrong) = wrong {
        let why = format!("incomplete drift: {wrong}");
        let hint = "record what the ledger declares and what the machine holds";
        return Err(Denial::new(Rule::DriftIncomplete, why, hint));
    }
    // Recorded once: a check that runs every minute would otherwise fill the ledger with one difference.
    let Some(index) = state.standing(drift) else {
        return Ok(());
    };
    let why = format!("record {index} already has this difference, and it is open");
    Err(Denial::new(
        Rule::DriftRepeated,
        why,
        "nothing is left to do",
    ))
}

/// Denies ending a difference that is not open.
pub(super) fn end(state: &LedgerState, context: ActContext<'_>, drifted: u64) -> Judgment {
    watches(state, context)?;
    let found = state.drifts().get(&drifted);
    if found.is_some_and(|drift| drift.ended.is_none()) {
        return Ok(());
    }
    let why = format!("record {drifted} is not an open drift");
    let hint = "counterfoil ledger search --act drift lists all drift";
    Err(Denial::new(Rule::DriftUnknown, why, hint))
}

/// A refusal names the act, its subject, the rule and the reason.
pub(super) fn refused(refused: &HostRefusal) -> Judgment {
    // Any principal may record a refusal, so its fields are all there is to check: with an empty one the audit
    // trail would have a refusal without its reason.
    let texts = [
        ("act", &refused.act),
        ("subject", &refused.subject),
        ("rule", &refused.rule),
        ("reason", &refused.why),
    ];
    let Some((name, _)) = texts.into_iter().find(|(_, text)| empty(text)) else {
        return Ok(());
    };
    let why = format!("incomplete refusal: it names no {name}");
    let hint = "record what was refused and why";
    Err(Denial::new(Rule::RefusalIncomplete, why, hint))
}

fn empty(text: &str) -> bool {
    text.trim().is_empty()
}

fn watches(state: &LedgerState, context: ActContext<'_>) -> Judgment {
    let by = context.by;
    if super::runs::is_service(state, by) || WATCH.iter().any(|role| state.has_role(by, *role)) {
        return Ok(());
    }
    let why = format!("{by} has no role that may record drift");
    let who = state.who(&WATCH, context.time, &[by]);
    Err(Denial::new(Rule::RoleMissing, why, who))
}
