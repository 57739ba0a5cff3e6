//! Lists: rows as JSON objects, filtered by any of their fields, printed as a table.

use anyhow::Result;
use serde_json::Value;

use crate::args::RowFilter;
use crate::cli_context::CliContext;
use crate::output::{CommandLineError, print_json, print_line, print_table};

/// The rows whose fields have the values asked for.
pub(crate) fn filter(rows: Vec<Value>, filter: &RowFilter) -> Result<Vec<Value>> {
    let mut conditions = Vec::new();
    for text in &filter.conditions {
        let pair = text.split_once('=');
        let pair = pair
            .ok_or_else(|| CommandLineError::new(format!("--where {text}: expected FIELD=VALUE")));
        conditions.push(pair?);
    }
    let fits = |row: &Value| {
        conditions
            .iter()
            .all(|(field, value)| holds(row.get(field), value))
    };
    Ok(rows.into_iter().filter(fits).collect())
}

/// Whether a field has this value. Digests and times may be cut short, a list holds it if one of
/// its items does, and nothing has the value `none`.
fn holds(field: Option<&Value>, value: &str) -> bool {
    match field {
        None | Some(Value::Null) => value == "none",
        Some(Value::Array(items)) => items.iter().any(|item| holds(Some(item), value)),
        Some(found) => {
            let found = plain(found);
            let digits = found.strip_prefix("sha256:").unwrap_or(&found);
            let bare = value.strip_prefix("sha256:").unwrap_or(value);
            !value.is_empty() && (found.starts_with(value) || digits.starts_with(bare))
        }
    }
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
        let cell = |name: &&str| row.get(*name).map(short).unwrap_or_default();
        lines.push(columns.iter().map(cell).collect());
    }
    print_table(&lines);
}

/// A value as people read it, whole.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => {
            let pair = |(name, value): (&String, &Value)| format!("{name} {}", plain(value));
            fields.iter().map(pair).collect::<Vec<_>>().join(", ")
        }
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => number.to_string(),
    }
}

/// A value as it stands in a table: long hex is cut.
pub(crate) fn short(value: &Value) -> String {
    let text = plain(value);
    text.split(' ').map(cut).collect::<Vec<_>>().join(" ")
}

fn cut(word: &str) -> String {
    let digits = word.strip_prefix("sha256:").unwrap_or(word);
    let Some((digits, rest)) = digits.split_at_checked(digits.len().min(64)) else {
        return word.to_owned();
    };
    let is_hex = digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hex {
        return word.to_owned();
    }
    format!("{}{rest}", digits.get(..12).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn any_field_can_be_asked_for() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let row = json!({
            "owner": "bob", "roles": ["author", "auditor"], "ended": null, "component": digest, "holds": true,
        });
        for (condition, fits) in [
            ("owner=bob", true),
            ("owner=carol", false),
            ("roles=auditor", true),
            ("roles=operator", false),
            ("ended=none", true),
            ("owner=none", false),
            ("nosuch=x", false),
            ("component=abab", true),
            ("component=sha256:abab", true),
            ("component=abb", false),
            ("component=", false),
            ("holds=yes", true),
        ] {
            let ask = RowFilter {
                conditions: vec![condition.to_owned()],
            };
            let found = filter(vec![row.clone()], &ask).unwrap();
            assert_eq!(!found.is_empty(), fits, "{condition}");
        }
        let ask = RowFilter {
            conditions: vec!["owner".to_owned()],
        };
        assert!(filter(vec![row], &ask).is_err());
        // Not hex at the cut: a name of many bytes.
        let long = format!("{}ä", "a".repeat(63));
        assert_eq!((cut("ä"), cut(&long)), ("ä".to_owned(), long));
    }
}
