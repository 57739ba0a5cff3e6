//! What the demo says in the end.

use std::path::Path;

use super::operator::Operated;
use super::people::{Approved, STRATEGY};
use super::strategies::Shown;
use crate::output::{print_fields, print_line, print_table, short_digest};

/// What was proven, where the files are, what to try next.
pub(super) fn tell(
    folder: &Path,
    snapshot: &str,
    shown: &[Shown],
    approved: &Approved,
    operated: &Operated,
) {
    print_line("What was proven");
    print_line(
        "  Every journal is intact and complete: one signed decision for each bar of the snapshot.",
    );
    print_line(
        "  Every fill, fee and amount follows from the rules, recomputed without the component.",
    );
    print_line("  Every component, run again by its digest on another back end, decided the same.");
    print_line("  So it did while every bar beyond the one at hand was garbage: no look-ahead.");
    print_line("");
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
            short_digest(&hex::encode(close.decision_digest)),
        ]);
    }
    print_table(&rows);
    print_line("");
    print_line(&format!(
        "Who let {STRATEGY} in, each with a key of their own"
    ));
    approved.tell();
    print_line("");
    print_line("What the operator ran");
    operated.tell();
    print_line("");
    print_line("Where the files are");
    let at = |name: &str| folder.join(name).display().to_string();
    print_fields(&[
        ("  snapshots, runs", at("data")),
        ("  ledger", at("data/ledger")),
        ("  keys", at("keys")),
        ("  snapshot", snapshot.to_owned()),
    ]);
    print_line("");
    print_line("What to try next");
    if let Some(last) = shown.last() {
        let flags = format!("--data-dir {} --key-dir {}", at("data"), at("keys"));
        let run = last.outcome.execution.short();
        let program = std::env::current_exe()
            .map_or("counterfoil".to_owned(), |path| path.display().to_string());
        print_line(&format!("  open {} in a browser", last.report.display()));
        print_line(&format!("  {program} show {run} --fills {flags}"));
        print_line(&format!(
            "  {program} verify {} {flags}",
            last.proof.display()
        ));
        print_line(&format!(
            "  {program} replay {run} --backend cranelift-none {flags}"
        ));
        print_line(&format!("  {program} parity {} {flags}", operated.run()));
        print_line(&format!("  {program} ledger tail {flags}"));
        print_line("  Operate a run yourself: README.md, An operator's day");
        print_line("  Change a byte of a journal and verify it again.");
        print_line("  Write a strategy of your own: docs/WRITE_A_STRATEGY.md");
    }
}
