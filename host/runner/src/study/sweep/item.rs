//! The items of a sweep: a manifest for each combination of values.

use counterfoil_trading::manifest::{Manifest, ManifestError};
use serde_json::Value;

use super::SweepAxis;

/// The most items of one sweep: a journal is kept for each.
const ITEMS_MAX: usize = 100_000;

/// One combination of values.
#[derive(Clone, Debug)]
pub struct SweepItem {
    /// The value on each axis, in the sequence of the axes.
    pub values: Vec<String>,
    /// The manifest with these values in it.
    pub manifest: Manifest,
}

/// Why there are no items.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SweepError {
    /// More combinations than one sweep may have.
    #[error("the sweep has more than {ITEMS_MAX} items")]
    TooMany,
    /// A field that the manifest does not have.
    #[error("the manifest has no field {field:?}")]
    NoField {
        /// The field.
        field: String,
    },
    /// Two axes for one field.
    #[error("{field} is varied twice")]
    Twice {
        /// The field.
        field: String,
    },
    /// A row of a list that has not as many values as there are fields.
    #[error("row {row} has {values} values for {fields} fields")]
    Row {
        /// The row, from 1.
        row: usize,
        /// How many values it has.
        values: usize,
        /// How many fields there are.
        fields: usize,
    },
    /// A value that the field does not take.
    #[error("{values}: {source}")]
    Value {
        /// The values.
        values: String,
        /// What the manifest's own reader says.
        source: ManifestError,
    },
    /// The manifest itself.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

/// An item for each combination of the axes' values; the last axis varies fastest.
///
/// # Errors
///
/// Returns [`SweepError`] if a field is unknown or a value does not fit it.
pub fn items_from_grid(base: &Manifest, axes: &[SweepAxis]) -> Result<Vec<SweepItem>, SweepError> {
    let mut rows = vec![Vec::new()];
    for axis in axes {
        if rows.len().saturating_mul(axis.values.len()) > ITEMS_MAX {
            return Err(SweepError::TooMany);
        }
        rows = rows
            .iter()
            .flat_map(|row| {
                axis.values.iter().map(|value| {
                    let mut row: Vec<String> = row.clone();
                    row.push(value.clone());
                    row
                })
            })
            .collect();
    }
    let fields: Vec<String> = axes.iter().map(|axis| axis.field.clone()).collect();
    items_from_rows(base, &fields, rows)
}

/// An item for each row of values.
///
/// # Errors
///
/// As [`items_from_grid`].
pub fn items_from_rows(
    base: &Manifest,
    fields: &[String],
    rows: Vec<Vec<String>>,
) -> Result<Vec<SweepItem>, SweepError> {
    if rows.len() > ITEMS_MAX {
        return Err(SweepError::TooMany);
    }
    for (place, field) in fields.iter().enumerate() {
        if fields.iter().take(place).any(|other| other == field) {
            return Err(SweepError::Twice {
                field: field.clone(),
            });
        }
    }
    let json: Value = serde_json::from_str(&base.canonical()?).unwrap_or_default();
    let items = rows.into_iter().zip(1..).map(|(values, row)| {
        if values.len() != fields.len() {
            return Err(SweepError::Row {
                row,
                values: values.len(),
                fields: fields.len(),
            });
        }
        let mut json = json.clone();
        for (field, value) in fields.iter().zip(&values) {
            set(&mut json, field, value)?;
        }
        let manifest = Manifest::parse(&json.to_string())
            .and_then(|manifest| manifest.setup().map(|_| manifest))
            .map_err(|source| SweepError::Value {
                values: values.join(" "),
                source,
            })?;
        Ok(SweepItem { values, manifest })
    });
    items.collect()
}

/// Puts a value into a field: a parameter by its bare name, another field by its place.
fn set(json: &mut Value, field: &str, value: &str) -> Result<(), SweepError> {
    let no_field = || SweepError::NoField {
        field: field.to_owned(),
    };
    if !field.contains('.') {
        let parameters = json.get_mut("parameters").and_then(Value::as_object_mut);
        // The component says whether it has such a parameter; it is asked when the run starts.
        parameters
            .ok_or_else(no_field)?
            .insert(field.to_owned(), Value::from(value));
        return Ok(());
    }
    let mut at = json;
    for name in field.split('.') {
        at = at.get_mut(name).ok_or_else(no_field)?;
    }
    *at = match at {
        Value::String(_) | Value::Null => Value::from(value),
        // Numbers keep their form; what is no number is the manifest reader's to refuse.
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            serde_json::from_str(value).unwrap_or_else(|_| Value::from(value))
        }
    };
    Ok(())
}
