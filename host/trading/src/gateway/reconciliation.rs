//! What the order log holds of a reconciliation with the venue's books, and of each difference to
//! the run's. A difference is recorded; no book is ever set to the venue's value.

use alloc::string::String;
use alloc::vec::Vec;

use crate::cbor::{self, CborError, CborReader, KNOWN_NUMBER, number_in};
use crate::time::UnixNanos;
use crate::units::{Money, Quantity};

/// The most instruments of one record: as many as a run may have.
const POSITIONS_MAX: usize = 10_000;

/// What caused a reconciliation with the venue's books.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum ReconcileTrigger {
    /// The run begins: what the account holds besides it is the baseline of all later reconciliations.
    Baseline,
    /// A process resumes the run.
    Start,
    /// The connection was lost and is back.
    Reconnect,
    /// The time between two reconciliations was over.
    Timer,
    /// Something happened to an order that the run did not send.
    ForeignOrder,
}

impl ReconcileTrigger {
    /// Every trigger, in the sequence of its number in the order log: append only.
    pub const ALL: [Self; 5] = [
        Self::Baseline,
        Self::Start,
        Self::Reconnect,
        Self::Timer,
        Self::ForeignOrder,
    ];
}

/// The venue's books at one reconciliation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reconciliation {
    pub trigger: ReconcileTrigger,
    /// The account's cash.
    pub cash: Money,
    /// The account's positions by instrument.
    pub positions: Vec<Quantity>,
    /// How many orders of the run could still fill.
    pub open_orders: u64,
    /// When.
    pub time: UnixNanos,
}

/// One difference between the venue's books and the run's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VenueDifference {
    /// What differs: `cash`, `position AAA` or `order <name>`.
    pub what: String,
    /// The value in the run's books.
    pub ours: String,
    /// The value in the venue's books.
    pub theirs: String,
    /// What may explain it.
    pub explanation: String,
    /// The largest difference that is tolerated; beyond it the run halts.
    pub tolerance: String,
    /// When.
    pub time: UnixNanos,
}

impl Reconciliation {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        super::order_log::head(out, 6, 6);
        cbor::put_u64(out, number_in(&ReconcileTrigger::ALL, &self.trigger));
        cbor::put_i128(out, self.cash.0);
        cbor::put_array(out, self.positions.len());
        for position in &self.positions {
            cbor::put_i64(out, position.0);
        }
        cbor::put_u64(out, self.open_orders);
        cbor::put_i64(out, self.time.0);
    }

    pub(super) fn decode(reader: &mut CborReader<'_>) -> Result<Self, CborError> {
        let trigger = reader.item_of(&ReconcileTrigger::ALL, KNOWN_NUMBER)?;
        let cash = Money(reader.i128()?);
        let count = reader.array()?;
        // No run has more. The count comes from the file, and the list must not grow with it.
        if count > POSITIONS_MAX {
            return Err(CborError {
                offset: 3,
                expected: "at most 10,000 positions",
            });
        }
        let mut positions = Vec::new();
        for _ in 0..count {
            positions.push(Quantity(reader.i64()?));
        }
        Ok(Self {
            trigger,
            cash,
            positions,
            open_orders: reader.u64()?,
            time: UnixNanos(reader.i64()?),
        })
    }
}

impl VenueDifference {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        super::order_log::head(out, 7, 7);
        let texts = [
            &self.what,
            &self.ours,
            &self.theirs,
            &self.explanation,
            &self.tolerance,
        ];
        // Some of these hold the venue's values, so each is cut.
        for text in texts {
            cbor::put_text(out, &super::order_log::kept(text));
        }
        cbor::put_i64(out, self.time.0);
    }

    pub(super) fn decode(reader: &mut CborReader<'_>) -> Result<Self, CborError> {
        Ok(Self {
            what: reader.text()?,
            ours: reader.text()?,
            theirs: reader.text()?,
            explanation: reader.text()?,
            tolerance: reader.text()?,
            time: UnixNanos(reader.i64()?),
        })
    }
}
