//! The positions record: what a run holds when it closes, in parts in front of the close record, which has the digest
//! of them.

use alloc::vec::Vec;

use counterfoil_base::digest::Digest;

use super::{ITEMS_PER_RECORD_MAX, KIND_POSITIONS};
use crate::cbor::{self, CborError, CborReader};
use crate::units::Quantity;

/// The positions in some of the instruments, in the sequence of the manifest.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PositionsRecord {
    pub positions: Vec<Quantity>,
}

impl PositionsRecord {
    /// The most positions in one record.
    pub const ITEMS_MAX: usize = ITEMS_PER_RECORD_MAX;

    /// Appends the record.
    pub fn encode(positions: &[Quantity], out: &mut Vec<u8>) {
        cbor::put_array(out, 2);
        cbor::put_u64(out, KIND_POSITIONS);
        cbor::put_array(out, positions.len());
        for position in positions {
            cbor::put_i64(out, position.0);
        }
    }

    /// The positions in `body`.
    ///
    /// # Errors
    ///
    /// Returns [`CborError`] if the bytes are not what [`PositionsRecord::encode`] writes.
    pub fn decode(body: &[u8]) -> Result<Self, CborError> {
        let mut reader = CborReader::new(body);
        reader.array_of(2, "positions of 2 items")?;
        if reader.u64()? != KIND_POSITIONS {
            return Err(CborError {
                offset: 1,
                expected: "positions",
            });
        }
        let items = reader.array()?;
        if items == 0 || items > ITEMS_PER_RECORD_MAX {
            return Err(CborError {
                offset: 2,
                expected: "1 to 256 positions",
            });
        }
        let positions = (0..items)
            .map(|_| reader.i64().map(Quantity))
            .collect::<Result<_, _>>()?;
        reader.end()?;
        Ok(Self { positions })
    }
}

/// The digest that a close record holds: SHA-256 over every position as eight bytes, big-endian two's complement.
#[must_use]
pub fn positions_digest(positions: impl Iterator<Item = Quantity>) -> Digest {
    let mut bytes = Vec::new();
    for position in positions {
        bytes.extend_from_slice(&position.0.to_be_bytes());
    }
    Digest::of(&bytes)
}
