//! The wind-down record: orders that the host cancels and positions that it flattens when a fault or a stop ends the run.
//! The record of the fault or stop is in front of it and says why.

use alloc::vec::Vec;

use super::decision::{PlanNote, put_plans, read_plans};
use super::order::{put_ids, put_orders, read_ids, read_orders};
use super::{ITEMS_PER_RECORD_MAX, KIND_WIND_DOWN};
use crate::cbor::{self, CborError, CborReader};
use crate::order::{ClientOrderId, Order};

/// Some of the orders with which the host winds a run down.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct WindDownRecord {
    /// The orders that were canceled.
    pub canceled: Vec<ClientOrderId>,
    /// The host's orders that flatten positions. They are released to the venue, and the run is over: no record holds
    /// their outcome.
    pub flattened: Vec<Order>,
    /// A note for each plan, cancels first; not part of the digest.
    pub plans: Vec<PlanNote>,
}

impl WindDownRecord {
    /// Appends the deterministic part.
    pub fn encode_digested(&self, out: &mut Vec<u8>) {
        cbor::put_array(out, 3);
        cbor::put_u64(out, KIND_WIND_DOWN);
        // The host's own orders are digested too: a verifier derives them again, and an order that the rules do not
        // give shows.
        put_ids(out, &self.canceled);
        put_orders(out, &self.flattened);
    }

    /// Appends the record, given its deterministic part.
    pub fn encode(&self, digested: &[u8], out: &mut Vec<u8>) {
        cbor::put_array(out, 3);
        cbor::put_u64(out, KIND_WIND_DOWN);
        cbor::put_bytes(out, digested);
        cbor::put_array(out, 1);
        put_plans(out, &self.plans);
    }

    /// The record in `body`.
    ///
    /// # Errors
    ///
    /// Returns [`CborError`] if the bytes are not what [`WindDownRecord::encode`] writes.
    pub fn decode(body: &[u8]) -> Result<Self, CborError> {
        let mut outer = CborReader::new(body);
        outer.array_of(3, "a wind-down of 3 items")?;
        outer.u64()?;
        let mut reader = CborReader::new(outer.byte_string()?);
        outer.array_of(1, "circumstances of 1 item")?;
        let plans = read_plans(&mut outer)?;
        outer.end()?;
        reader.array_of(3, "a deterministic part of 3 items")?;
        if reader.u64()? != KIND_WIND_DOWN {
            return Err(CborError {
                offset: 1,
                expected: "a wind-down",
            });
        }
        let record = Self {
            canceled: read_ids(&mut reader)?,
            flattened: read_orders(&mut reader)?,
            plans,
        };
        reader.end()?;
        let most = record.canceled.len().max(record.flattened.len());
        if most == 0 || most > ITEMS_PER_RECORD_MAX {
            return Err(CborError {
                offset: 1,
                expected: "1 to 256 cancels or orders",
            });
        }
        Ok(record)
    }
}
