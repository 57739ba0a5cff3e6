//! Conditions on the fields of a row: what the lists of the command line and the search of the ledger are filtered by.
//! It must never know which list it filters.

use serde_json::Value;

use crate::value_text::plain;

/// A field, and the value that it must have or begin with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FieldCondition {
    /// The field's name in the JSON of a row.
    pub field: String,
    pub value: String,
}

impl FieldCondition {
    /// The condition written `FIELD=VALUE`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (field, value) = text.split_once('=')?;
        Some(Self {
            field: field.to_owned(),
            value: value.to_owned(),
        })
    }

    /// Whether the field of this row has the value.
    #[must_use]
    pub fn holds(&self, row: &Value) -> bool {
        has_value(row.get(&self.field), &self.value)
    }
}

/// The rows for which every condition holds.
#[must_use]
pub fn filter(rows: Vec<Value>, conditions: &[FieldCondition]) -> Vec<Value> {
    let fits = |row: &Value| conditions.iter().all(|condition| condition.holds(row));
    rows.into_iter().filter(fits).collect()
}

/// Whether a field has this value. Digests and times may be cut short, a list has it if one of its items does, and a
/// field without a value has the value `none`.
fn has_value(field: Option<&Value>, value: &str) -> bool {
    match field {
        None | Some(Value::Null) => value == "none",
        Some(Value::Array(items)) => items.iter().any(|item| has_value(Some(item), value)),
        Some(found) => {
            let found = plain(found);
            let digits = found.strip_prefix("sha256:").unwrap_or(&found);
            let bare = value.strip_prefix("sha256:").unwrap_or(value);
            !value.is_empty() && (found.starts_with(value) || digits.starts_with(bare))
        }
    }
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
            let asked = [FieldCondition::parse(condition).unwrap()];
            let found = filter(vec![row.clone()], &asked);
            assert_eq!(!found.is_empty(), fits, "{condition}");
        }
        assert_eq!(FieldCondition::parse("owner"), None);
    }
}
