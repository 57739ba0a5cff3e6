//! The refused-input record: input from the feed that no strategy may see. It is kept byte for
//! byte, outside the decision digest.

use alloc::string::String;
use alloc::vec::Vec;

use super::KIND_REFUSED;
use crate::cbor::{self, CborError, CborReader};

/// The most bytes of an input that are kept: a bar takes a few hundred.
const INPUT_BYTES_MAX: usize = 4_096;

/// An input that was refused.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RefusedInput {
    /// Why, in a sentence.
    pub reason: String,
    /// The input, cut to 4,096 bytes.
    pub input: Vec<u8>,
}

impl RefusedInput {
    /// Appends the record.
    pub fn encode(&self, out: &mut Vec<u8>) {
        cbor::put_array(out, 3);
        cbor::put_u64(out, KIND_REFUSED);
        cbor::put_text(out, &self.reason);
        // A feed can send a line of any length. Its beginning is enough to recognize it, and the record
        // must fit in an entry.
        cbor::put_bytes(
            out,
            self.input.get(..INPUT_BYTES_MAX).unwrap_or(&self.input),
        );
    }

    /// The refused input in `body`.
    ///
    /// # Errors
    ///
    /// Returns [`CborError`] if the bytes are not what [`RefusedInput::encode`] writes.
    pub fn decode(body: &[u8]) -> Result<Self, CborError> {
        let mut reader = CborReader::new(body);
        reader.array_of(3, "a refused input of 3 items")?;
        reader.u64()?;
        let reason = reader.text()?;
        let input = reader.byte_string()?.to_vec();
        // The encoder never keeps more, so a longer input was not recorded by it.
        if input.len() > INPUT_BYTES_MAX {
            return Err(CborError {
                offset: 2,
                expected: "an input of at most 4,096 bytes",
            });
        }
        reader.end()?;
        Ok(Self { reason, input })
    }
}
