//! CBOR as people read it: the diagnostic notation of RFC 8949, section 8. It must never know what an item means.

use counterfoil_trading::cbor::{CborError, CborReader};
use serde_json::Value;

/// The deepest nesting shown. The records of a ledger have seven levels at most, and a deeper one could use up the stack.
const DEPTH_MAX: usize = 16;

/// The next item in diagnostic notation.
pub(crate) fn diagnostic(reader: &mut CborReader<'_>) -> Result<String, CborError> {
    item(reader, 0)
}

fn item(reader: &mut CborReader<'_>, depth: usize) -> Result<String, CborError> {
    if reader.null() {
        return Ok("null".to_owned());
    }
    if reader.is_array() {
        let items = reader.array()?;
        if depth >= DEPTH_MAX {
            return Err(CborError {
                offset: 0,
                expected: "at most 16 levels of arrays",
            });
        }
        let items: Vec<String> = (0..items)
            .map(|_| item(reader, depth.saturating_add(1)))
            .collect::<Result<_, _>>()?;
        return Ok(format!("[{}]", items.join(", ")));
    }
    // Each kind is tried on a copy: a reader that refuses an item may have gone past its head.
    let mut ahead = reader.clone();
    if let Ok(text) = ahead.text() {
        *reader = ahead;
        return Ok(Value::String(text).to_string());
    }
    ahead = reader.clone();
    if let Ok(bytes) = ahead.byte_string() {
        *reader = ahead;
        return Ok(format!("h'{}'", hex::encode(bytes)));
    }
    reader.i128().map(|number| number.to_string())
}
