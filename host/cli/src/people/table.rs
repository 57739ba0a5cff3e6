//! Lists: rows as JSON objects, filtered by any of their fields, printed as a table.

use anyhow::Result;
use counterfoil_approval::field_condition::{self, FieldCondition};
use counterfoil_approval::value_text;
use serde_json::Value;

use crate::args::RowFilter;
use crate::cli_context::CliContext;
use crate::output::{CommandLineError, print_json, print_line, print_table};

/// The rows whose fields have the values asked for.
pub(crate) fn filter(rows: Vec<Value>, filter: &RowFilter) -> Result<Vec<Value>> {
    Ok(field_condition::filter(rows, &conditions(filter)?))
}

/// The conditions that were typed.
pub(crate) fn conditions(filter: &RowFilter) -> Result<Vec<FieldCondition>> {
    let parse = |text: &String| {
        FieldCondition::parse(text)
            .ok_or_else(|| CommandLineError::new(format!("--where {text}: expected FIELD=VALUE")))
    };
    filter.conditions.iter().map(parse).collect()
}

/// Prints rows: JSON, or a table of these columns.
pub(crate) fn print(cli: &CliContext, rows: Vec<Value>, columns: &[&str], none: &str) {
    if cli.json {
        print_json(&Value::Array(rows));
        return;
    }
    if rows.is_empty() {
        print_line(none);
        return;
    }
    let head: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
    let mut lines = vec![head];
    for row in &rows {
        let cell = |name: &&str| row.get(*name).map(value_text::short).unwrap_or_default();
        lines.push(columns.iter().map(cell).collect());
    }
    print_table(&lines);
}
