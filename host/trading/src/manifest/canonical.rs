//! Canonical JSON for the values a manifest holds: objects, arrays, texts, booleans, null and
//! integers below 2^53.
//!
//! Source: RFC 8785. Keys are sorted here and not by the map, because another crate's
//! `preserve_order` feature would change the map for everyone.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt::Write as _;

use serde_json::Value;

use super::field::ManifestError;

/// Integers beyond this are not exact in every JSON reader (RFC 8785, 3.2.2.3).
const INTEGER_MAX: u64 = 1 << 53;

/// The value as canonical JSON.
///
/// # Errors
///
/// Returns [`ManifestError`] for a number that is not an integer below 2^53.
pub fn canonical_json(value: &Value) -> Result<String, ManifestError> {
    let mut out = String::new();
    write(value, &mut out)?;
    Ok(out)
}

fn write(value: &Value, out: &mut String) -> Result<(), ManifestError> {
    // The recursion is bounded: the JSON reader refuses what is nested deeper than 128 levels.
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => {
            // Refused and not rounded: a reader that holds numbers as doubles would hash another
            // manifest.
            let exact = number.as_u64().filter(|number| *number < INTEGER_MAX);
            let Some(number) = exact else {
                let message = alloc::format!("{number} is not an integer below 2^53");
                return Err(ManifestError::Json { message });
            };
            let _infallible = write!(out, "{number}");
        }
        Value::String(text) => text_to(text, out)?,
        Value::Array(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                write(item, out)?;
            }
            out.push(']');
        }
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            // By UTF-16 code units, as the RFC asks: any other sequence would be another run id for the
            // same manifest.
            keys.sort_by_key(|key| key.encode_utf16().collect::<Vec<u16>>());
            out.push('{');
            for (place, key) in keys.into_iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                text_to(key, out)?;
                out.push(':');
                write(map.get(key).unwrap_or(&Value::Null), out)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

/// `serde_json` escapes exactly what RFC 8785, 3.2.2.2 asks for.
fn text_to(text: &str, out: &mut String) -> Result<(), ManifestError> {
    let quoted = serde_json::to_string(text).map_err(|error| ManifestError::Json {
        message: error.to_string(),
    })?;
    out.push_str(&quoted);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_the_one_that_another_library_writes() {
        let text = r#"{ "b": [1, 2, {"z": null, "a": "q\"\u0001\n\u20ac/é"}], "a": true, "\ud83d\ude00": 9007199254740991, "\ufb33": "" }"#;
        let value: Value = serde_json::from_str(text).unwrap();
        let oracle = serde_json_canonicalizer::to_string(&value).unwrap();
        assert_eq!(canonical_json(&value).unwrap(), oracle);
    }

    #[test]
    fn numbers_that_readers_disagree_on_are_refused() {
        for text in ["1.5", "-1", "9007199254740992", "1e2"] {
            let value: Value = serde_json::from_str(text).unwrap();
            assert!(canonical_json(&value).is_err(), "{text}");
        }
    }
}
