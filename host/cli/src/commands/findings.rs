//! Prints findings of data quality checks.

use counterfoil_snapshot::quality::findings::QualityFinding;

use crate::output::print_table;

/// Prints findings as a table.
pub(crate) fn print_findings(findings: &[QualityFinding]) {
    let head = ["severity", "rule", "place", "finding", "accepted by"];
    let mut rows = vec![head.map(String::from).to_vec()];
    for one in findings {
        let place = [
            one.file.clone(),
            one.line.map(|line| format!("line {line}")),
        ];
        let place = place
            .into_iter()
            .chain([one.instrument.clone(), one.date.clone()]);
        let place: Vec<String> = place.flatten().collect();
        rows.push(vec![
            one.severity.to_string(),
            one.rule.clone(),
            place.join(" "),
            one.message.clone(),
            one.accepted_by.clone().unwrap_or_default(),
        ]);
    }
    print_table(&rows);
}
