//! Prints findings of data quality checks.

use counterfoil_snapshot::quality::findings::QualityFinding;

use crate::output::print_table;

/// Prints findings as a table.
pub(crate) fn print_findings(findings: &[QualityFinding]) {
    let head = ["severity", "rule", "place", "finding", "accepted by"];
    let mut rows = vec![head.map(String::from).to_vec()];
    for finding in findings {
        let place = [
            finding.file.clone(),
            finding.line.map(|line| format!("line {line}")),
        ];
        let place = place
            .into_iter()
            .chain([finding.instrument.clone(), finding.date.clone()]);
        let place: Vec<String> = place.flatten().collect();
        rows.push(vec![
            finding.severity.to_string(),
            finding.rule.clone(),
            place.join(" "),
            finding.message.clone(),
            finding.accepted_by.clone().unwrap_or_default(),
        ]);
    }
    print_table(&rows);
}
