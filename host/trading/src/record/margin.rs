//! The margin-call record: the host cancels orders and flattens positions because equity fell below the maintenance margin.

use alloc::vec::Vec;

use super::KIND_MARGIN_CALL;
use super::decision::{PlanNote, put_plans, read_plans};
use super::order::{put_ids, put_orders, read_ids, read_orders};
use crate::cbor::{self, CborError, CborReader};
use crate::order::{ClientOrderId, Order};
use crate::time::UnixNanos;
use crate::units::Money;

/// What the host did on a margin call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MarginCallRecord {
    /// The slice's close time.
    pub time: UnixNanos,
    /// Equity at the mark.
    pub equity: Money,
    /// The equity that the positions ask for.
    pub requirement: Money,
    /// The strategy's working orders that were canceled.
    pub canceled: Vec<ClientOrderId>,
    /// The host's own orders, each of which flattens a position.
    pub orders: Vec<Order>,
    /// A note for each plan, cancels first; not part of the digest.
    pub plans: Vec<PlanNote>,
}

impl MarginCallRecord {
    /// Appends the deterministic part.
    pub fn encode_digested(&self, out: &mut Vec<u8>) {
        cbor::put_array(out, 6);
        cbor::put_u64(out, KIND_MARGIN_CALL);
        cbor::put_i64(out, self.time.0);
        cbor::put_i128(out, self.equity.0);
        cbor::put_i128(out, self.requirement.0);
        put_ids(out, &self.canceled);
        put_orders(out, &self.orders);
    }

    /// Appends the record, given its deterministic part.
    pub fn encode(&self, digested: &[u8], out: &mut Vec<u8>) {
        cbor::put_array(out, 3);
        cbor::put_u64(out, KIND_MARGIN_CALL);
        cbor::put_bytes(out, digested);
        cbor::put_array(out, 1);
        put_plans(out, &self.plans);
    }

    /// The margin call in `body`.
    ///
    /// # Errors
    ///
    /// Returns [`CborError`] if the bytes are not what [`MarginCallRecord::encode`] writes.
    pub fn decode(body: &[u8]) -> Result<Self, CborError> {
        let mut outer = CborReader::new(body);
        outer.array_of(3, "a margin call of 3 items")?;
        outer.u64()?;
        let mut reader = CborReader::new(outer.byte_string()?);
        outer.array_of(1, "circumstances of 1 item")?;
        // Outside the digest: a token number counts the approvals before it, which the digest has
        // already.
        let plans = read_plans(&mut outer)?;
        outer.end()?;
        reader.array_of(6, "a deterministic part of 6 items")?;
        if reader.u64()? != KIND_MARGIN_CALL {
            return Err(CborError {
                offset: 1,
                expected: "a margin call",
            });
        }
        let record = Self {
            time: UnixNanos(reader.i64()?),
            equity: Money(reader.i128()?),
            requirement: Money(reader.i128()?),
            canceled: read_ids(&mut reader)?,
            orders: read_orders(&mut reader)?,
            plans,
        };
        reader.end()?;
        Ok(record)
    }
}
