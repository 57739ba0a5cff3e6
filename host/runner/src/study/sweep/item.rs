//! The items of a sweep: a manifest for each combination of values. It must never know what a field means.

use counterfoil_trading::manifest::{Manifest, ManifestError};
use serde_json::Value;

use super::SweepAxis;

/// The most items of one sweep, each of which leaves a journal.
const ITEMS_MAX: usize = 100_000;

/// One combination of values.
#[derive(Clone, Debug)]
pub struct SweepItem {
    /// The value on each axis, in the order of the axes.
    pub values: Vec<String>,
    /// The manifest with these values in it.
    pub manifest: Manifest,
}

/// Why a sweep's items could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SweepError {
    #[error("the sweep has more than {ITEMS_MAX} items")]
    TooMany,
    #[error("the manifest has no field {field:?}")]
    NoField { field: String },
    #[error("{field} is varied twice")]
    Twice { field: String },
    /// The number of values in a row is not the number of fields.
    #[error("row {row} has {values} values for {fields} fields")]
    Row {
        /// The row, from 1.
        row: usize,
        values: usize,
        fields: usize,
    },
    /// The manifest with these values is not valid.
    #[error("{values}: {source}")]
    Value {
        values: String,
        source: ManifestError,
    },
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

/// One item for each combination of the axes' values. The last axis varies fastest.
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

/// One item for each row of values.
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
    // The later axis would overwrite the earlier one, and the table would show values that never ran.
    for (place, field) in fields.iter().enumerate() {
        if fields.iter().take(place).any(|other| other == field) {
            return Err(SweepError::Twice {
                field: field.clone(),
            });
        }
    }
    let json: Value =
        serde_json::from_str(&base.canonical()?).map_err(|error| ManifestError::Json {
            message: error.to_string(),
        })?;
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

/// Sets a field: a parameter by its bare name, another field by its path.
fn set(json: &mut Value, field: &str, value: &str) -> Result<(), SweepError> {
    let no_field = || SweepError::NoField {
        field: field.to_owned(),
    };
    if !field.contains('.') {
        let parameters = json.get_mut("parameters").and_then(Value::as_object_mut);
        // Whether the component has such a parameter is known only when the run starts.
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
        // A number stays a number; other text is kept as a string, which the manifest's parser refuses.
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            serde_json::from_str(value).unwrap_or_else(|_| Value::from(value))
        }
    };
    Ok(())
}
