//! The demo's summary.

use std::path::Path;

use super::operator::OperatedRun;
use super::people::{ApprovalChain, STRATEGY};
use super::strategies::DemoRun;
use crate::output::{print_fields, print_line, print_table, short_digest};

/// Prints what was proven, where the files are and what to try next.
pub(super) fn print(
    folder: &Path,
    snapshot: &str,
    shown: &[DemoRun],
    approved: &ApprovalChain,
    operated: &OperatedRun,
) {
    print_line("What was proven");
    print_line(
        "  Every journal is intact and complete: one signed decision for each bar of the snapshot.",
    );
    print_line(
        "  Every fill, fee and amount follows from the rules, recomputed without the component.",
    );
    print_line("  Every component, replayed by its digest on another back end, decided the same.");
    print_line(
        "  It also decided the same with every later bar replaced by garbage: no look-ahead.",
    );
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
    for run in shown {
        let close = &run.outcome.close;
        rows.push(vec![
            run.name.to_owned(),
            run.outcome.execution.short(),
            run.records.to_string(),
            close.fills.to_string(),
            close.equity.to_text(),
            short_digest(&close.decision_digest.hex()),
        ]);
    }
    print_table(&rows);
    print_line("");
    print_line(&format!("Who approved {STRATEGY}, each with their own key"));
    approved.print();
    print_line("");
    print_line("What olga, the operator, ran");
    operated.print();
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
    print_next(folder, shown, operated);
}

/// Prints commands to try on the demo's own files.
fn print_next(folder: &Path, shown: &[DemoRun], operated: &OperatedRun) {
    let at = |name: &str| folder.join(name).display().to_string();
    print_line("What to try next");
    if let Some(last) = shown.last() {
        let flags = format!("--data-dir {} --key-dir {}", at("data"), at("keys"));
        let run = last.outcome.execution.short();
        let program = std::env::current_exe()
            .map_or("counterfoil".to_owned(), |path| path.display().to_string());
        print_line(&format!("  open {} in a browser", last.report.display()));
        print_line(&format!("  {program} run show {run} --fills {flags}"));
        print_line(&format!(
            "  {program} verify {} {flags}",
            last.proof.display()
        ));
        print_line(&format!(
            "  {program} replay {run} --backend cranelift-none {flags}"
        ));
        print_line(&format!(
            "  {program} audit parity {} {flags}",
            operated.run()
        ));
        print_line(&format!("  {program} ledger tail {flags}"));
        print_line("  Operate a run yourself: README.md, \"You operate\"");
        print_line("  Change a byte of a journal and verify it again.");
        print_line("  Write a strategy of your own: docs/start/WRITE_A_STRATEGY.md");
    }
}
