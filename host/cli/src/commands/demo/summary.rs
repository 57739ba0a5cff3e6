//! What the demo says in the end.

use std::path::Path;

use super::operator::Operated;
use super::people::{Approved, STRATEGY};
use super::strategies::Shown;
use crate::output::{pairs, say, short, table};

/// What was proven, where the files are, what to try next.
pub(super) fn tell(
    folder: &Path,
    snapshot: &str,
    shown: &[Shown],
    approved: &Approved,
    operated: &Operated,
) {
    say("What was proven");
    say(
        "  Every journal is intact and complete: one signed decision for each bar of the snapshot.",
    );
    say("  Every fill, fee and amount follows from the rules, recomputed without the component.");
    say("  Every component, run again by its digest on another back end, decided the same.");
    say("  So it did while every bar beyond the one at hand was garbage: no look-ahead.");
    say("");
    let head = [
        "strategy",
        "run",
        "records",
        "fills",
        "final equity",
        "decision digest",
    ];
    let mut rows = vec![head.map(String::from).to_vec()];
    for one in shown {
        let close = &one.outcome.close;
        rows.push(vec![
            one.name.to_owned(),
            one.outcome.execution.short(),
            one.records.to_string(),
            close.fills.to_string(),
            close.equity.to_text(),
            short(&hex::encode(close.decision_digest)),
        ]);
    }
    table(&rows);
    say("");
    say(&format!(
        "Who let {STRATEGY} in, each with a key of their own"
    ));
    approved.tell();
    say("");
    say("What the operator ran");
    operated.tell();
    say("");
    say("Where the files are");
    let at = |name: &str| folder.join(name).display().to_string();
    pairs(&[
        ("  snapshots, runs", at("data")),
        ("  ledger", at("data/ledger")),
        ("  keys", at("keys")),
        ("  snapshot", snapshot.to_owned()),
    ]);
    say("");
    say("What to try next");
    if let Some(last) = shown.last() {
        let flags = format!("--data-dir {} --key-dir {}", at("data"), at("keys"));
        let run = last.outcome.execution.short();
        let program = std::env::current_exe()
            .map_or("counterfoil".to_owned(), |path| path.display().to_string());
        say(&format!("  open {} in a browser", last.report.display()));
        say(&format!("  {program} show {run} --fills {flags}"));
        say(&format!(
            "  {program} verify {} {flags}",
            last.proof.display()
        ));
        say(&format!(
            "  {program} replay {run} --backend cranelift-none {flags}"
        ));
        say(&format!("  {program} parity {} {flags}", operated.run()));
        say(&format!("  {program} ledger tail {flags}"));
        say("  Operate a run yourself: README.md, An operator's day");
        say("  Change a byte of a journal and verify it again.");
        say("  Write a strategy of your own: docs/start/WRITE_A_STRATEGY.md");
    }
}
