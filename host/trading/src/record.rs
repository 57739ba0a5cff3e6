//! What a run writes down. One encoder and one decoder side by side for each kind of record;
//! `docs/reference/JOURNAL_FORMAT.md` shows the bytes.
//!
//! It must never know hashes, files or signatures: a record is the body of one journal entry.

mod close;
mod decision;
pub mod deliveries;
mod fault;
mod margin;
mod open;
mod order;
mod refused;
mod stop;

pub use close::{Close, CloseReason};
pub use decision::{Decision, DecisionCircumstances, PlanNote, Verdict};
pub use deliveries::Deliveries;
pub use fault::{Callback, FaultAction, FaultRecord};
pub use margin::MarginCall;
pub use open::{Commitment, Open};
pub use order::encode_plan;
pub use refused::RefusedInput;
pub use stop::{Stop, StopCause, StopRecord};

use crate::cbor::{CborError, Reader};

/// Number of an [`Open`] record.
pub const KIND_OPEN: u64 = 0;
/// Number of a [`Deliveries`] record.
pub const KIND_DELIVERIES: u64 = 1;
/// Number of a [`Decision`] record.
pub const KIND_DECISION: u64 = 2;
/// Number of a [`FaultRecord`].
pub const KIND_FAULT: u64 = 3;
/// Number of a [`Close`] record.
pub const KIND_CLOSE: u64 = 4;
/// Number of a [`RefusedInput`] record.
pub const KIND_REFUSED: u64 = 5;
/// Number of a [`MarginCall`] record.
pub const KIND_MARGIN_CALL: u64 = 6;
/// Number of a [`StopRecord`].
pub const KIND_STOP: u64 = 7;

/// A decoded record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Record {
    /// The first of a journal: the manifest and what is to come.
    Open(Open),
    /// Fills, order events, corporate actions and borrow fees of one slice.
    Deliveries(Deliveries),
    /// What became of one bar.
    Decision(Decision),
    /// The guest's fault, which ended the run.
    Fault(FaultRecord),
    /// The last of a journal: the summary.
    Close(Close),
    /// Something from the feed that no run may see.
    Refused(RefusedInput),
    /// What the host did because equity fell below the maintenance margin.
    MarginCall(MarginCall),
    /// The host's stop, which ended the run.
    Stop(StopRecord),
}

impl Record {
    /// The record in `body`.
    ///
    /// # Errors
    ///
    /// Returns [`CborError`] if the bytes are not what an encoder of this module writes.
    pub fn decode(body: &[u8]) -> Result<Self, CborError> {
        match kind_of(body)? {
            KIND_OPEN => Open::decode(body).map(Self::Open),
            KIND_DELIVERIES => Deliveries::decode(body).map(Self::Deliveries),
            KIND_DECISION => Decision::decode(body).map(Self::Decision),
            KIND_FAULT => FaultRecord::decode(body).map(Self::Fault),
            KIND_CLOSE => Close::decode(body).map(Self::Close),
            KIND_REFUSED => RefusedInput::decode(body).map(Self::Refused),
            KIND_MARGIN_CALL => MarginCall::decode(body).map(Self::MarginCall),
            KIND_STOP => StopRecord::decode(body).map(Self::Stop),
            _ => Err(CborError {
                offset: 1,
                expected: "a kind of record from 0 to 7",
            }),
        }
    }
}

/// The number of the kind of record in `body`.
///
/// # Errors
///
/// Returns [`CborError`] if the body is no record.
pub fn kind_of(body: &[u8]) -> Result<u64, CborError> {
    let mut reader = Reader::new(body);
    reader.array()?;
    reader.u64()
}

/// The deterministic part of `body`, if its kind counts for the decision digest.
///
/// # Errors
///
/// Returns [`CborError`] if the body is no record.
pub fn digested_part(body: &[u8]) -> Result<Option<&[u8]>, CborError> {
    let mut reader = Reader::new(body);
    reader.array()?;
    match reader.u64()? {
        KIND_DELIVERIES | KIND_DECISION | KIND_FAULT | KIND_MARGIN_CALL | KIND_STOP => {
            reader.bytes_string().map(Some)
        }
        _ => Ok(None),
    }
}
