//! The records of a run's journal. One encoder and one decoder side by side for each kind of record;
//! `docs/reference/journal.cddl` shows the form.
//!
//! It must never know hashes, files or signatures: a record is the body of one journal entry.

mod close;
mod decision;
pub mod deliveries;
mod fault;
mod margin;
mod open;
mod order;
mod refused_input;
mod stop;

pub use close::{CloseReason, CloseRecord, RequestCounts};
pub use decision::{DecisionCircumstances, DecisionRecord, PlanNote, RiskVerdict};
pub use deliveries::DeliveriesRecord;
pub use fault::{Callback, FaultAction, FaultRecord};
pub use margin::MarginCallRecord;
pub use open::{DataCommitment, OpenRecord};
pub use order::encode_plan;
pub use refused_input::RefusedInput;
pub use stop::{RunStop, StopCause, StopRecord};

use crate::cbor::{CborError, CborReader};

/// Number of an [`OpenRecord`].
pub const KIND_OPEN: u64 = 0;
/// Number of a [`DeliveriesRecord`].
pub const KIND_DELIVERIES: u64 = 1;
/// Number of a [`DecisionRecord`].
pub const KIND_DECISION: u64 = 2;
/// Number of a [`FaultRecord`].
pub const KIND_FAULT: u64 = 3;
/// Number of a [`CloseRecord`].
pub const KIND_CLOSE: u64 = 4;
/// Number of a [`RefusedInput`] record.
pub const KIND_REFUSED: u64 = 5;
/// Number of a [`MarginCallRecord`].
pub const KIND_MARGIN_CALL: u64 = 6;
/// Number of a [`StopRecord`].
pub const KIND_STOP: u64 = 7;

/// A decoded record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RunRecord {
    /// The first of a journal: the manifest and a commitment to the data.
    Open(OpenRecord),
    /// Fills, order events, corporate actions and borrow fees of one slice.
    Deliveries(DeliveriesRecord),
    /// The decision on one bar.
    Decision(DecisionRecord),
    /// The guest's fault, which ended the run.
    Fault(FaultRecord),
    /// The last of a journal: the summary.
    Close(CloseRecord),
    /// Input from the feed that no strategy may see.
    Refused(RefusedInput),
    /// What the host did because equity fell below the maintenance margin.
    MarginCall(MarginCallRecord),
    /// The host's stop, which ended the run.
    Stop(StopRecord),
}

impl RunRecord {
    /// The record in `body`.
    ///
    /// # Errors
    ///
    /// Returns [`CborError`] if the bytes are not what an encoder of this module writes.
    pub fn decode(body: &[u8]) -> Result<Self, CborError> {
        match record_kind(body)? {
            KIND_OPEN => OpenRecord::decode(body).map(Self::Open),
            KIND_DELIVERIES => DeliveriesRecord::decode(body).map(Self::Deliveries),
            KIND_DECISION => DecisionRecord::decode(body).map(Self::Decision),
            KIND_FAULT => FaultRecord::decode(body).map(Self::Fault),
            KIND_CLOSE => CloseRecord::decode(body).map(Self::Close),
            KIND_REFUSED => RefusedInput::decode(body).map(Self::Refused),
            KIND_MARGIN_CALL => MarginCallRecord::decode(body).map(Self::MarginCall),
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
/// Returns [`CborError`] if the body is not a record.
pub fn record_kind(body: &[u8]) -> Result<u64, CborError> {
    let mut reader = CborReader::new(body);
    reader.array()?;
    reader.u64()
}

/// The deterministic part of `body`, if its kind counts for the decision digest.
///
/// # Errors
///
/// Returns [`CborError`] if the body is not a record.
pub fn digested_part(body: &[u8]) -> Result<Option<&[u8]>, CborError> {
    let mut reader = CborReader::new(body);
    reader.array()?;
    // Only the kind is read here; the length is checked by the decoder of the kind.
    match reader.u64()? {
        KIND_DELIVERIES | KIND_DECISION | KIND_FAULT | KIND_MARGIN_CALL | KIND_STOP => {
            reader.byte_string().map(Some)
        }
        // Open, close and refused-input records are outside the digest. `RunRecord::decode` refuses an
        // unknown kind.
        _ => Ok(None),
    }
}
