//! What the order log holds of a look at the venue's books, and of each way in which they are not
//! the run's. A difference is written down; nothing is ever set to what the venue says.

use alloc::string::String;
use alloc::vec::Vec;

use crate::cbor::{self, CborError, CborReader};
use crate::time::UnixNanos;
use crate::units::{Money, Quantity};

/// The most instruments of one record: as many as a run may have.
const POSITIONS_MAX: usize = 10_000;

/// Why the venue's books were looked at.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum ReconcileTrigger {
    /// The run begins: what the account holds besides it is the baseline of all later looks.
    Baseline,
    /// A process goes on with the run.
    Start,
    /// The connection was lost and is back.
    Reconnect,
    /// It was time.
    Timer,
    /// Something happened to an order that the run did not send.
    ForeignOrder,
}

impl ReconcileTrigger {
    /// Every occasion, in the sequence of its number in the order log: append only.
    pub const ALL: [Self; 5] = [
        Self::Baseline,
        Self::Start,
        Self::Reconnect,
        Self::Timer,
        Self::ForeignOrder,
    ];
}

/// What the venue's books held.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reconciliation {
    /// Why they were looked at.
    pub occasion: ReconcileTrigger,
    /// The account's cash.
    pub cash: Money,
    /// The account's positions by instrument.
    pub positions: Vec<Quantity>,
    /// How many orders of the run could still fill.
    pub open_orders: u64,
    /// When.
    pub time: UnixNanos,
}

/// One way in which they were not the run's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VenueDifference {
    /// Of what: `cash`, `position AAA` or `order <name>`.
    pub what: String,
    /// What it should be, by the run's books.
    pub ours: String,
    /// What the venue has.
    pub theirs: String,
    /// What may explain it.
    pub explanation: String,
    /// How much of it is tolerated; beyond it the run halts.
    pub tolerance: String,
    /// When.
    pub time: UnixNanos,
}

impl Reconciliation {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        super::order_log::head(out, 6, 6);
        cbor::put_u64(
            out,
            super::order_log::number(&ReconcileTrigger::ALL, &self.occasion),
        );
        cbor::put_i128(out, self.cash.0);
        cbor::put_array(out, self.positions.len());
        for position in &self.positions {
            cbor::put_i64(out, position.0);
        }
        cbor::put_u64(out, self.open_orders);
        cbor::put_i64(out, self.time.0);
    }

    pub(super) fn decode(reader: &mut CborReader<'_>) -> Result<Self, CborError> {
        let occasion = super::order_log::pick(&ReconcileTrigger::ALL, reader.u64()?)?;
        let cash = Money(reader.i128()?);
        let count = reader.array()?;
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
            occasion,
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
