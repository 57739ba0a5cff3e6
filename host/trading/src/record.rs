//! The records of a run's journal. One encoder and one decoder side by side for each kind of record;
//! `docs/reference/journal.cddl` shows the form.
//!
//! It must never know hashes, files or signatures: a record is the body of one journal entry.

mod close;
mod decision;
pub mod deliveries;
mod fault;
mod inputs;
mod margin;
mod open;
mod order;
mod positions;
mod refused_input;
mod start;
mod stop;
mod wind_down;

pub use close::{CloseReason, CloseRecord, RequestCounts};
pub use decision::{
    DecidedBar, DecisionCircumstances, DecisionRecord, DecisionStarts, PlanNote,
    REQUESTS_PER_RECORD_MAX, RiskVerdict, is_silent_decision,
};
pub use deliveries::DeliveriesRecord;
pub use fault::{Callback, FaultAction, FaultRecord};
pub use inputs::{ApprovalAnswer, InputsRecord, OtherRunsExposure, RunInput};
pub use margin::MarginCallRecord;
pub use open::{
    CommitmentsDigest, CommitmentsRecord, DataCommitment, HostBuild, ManifestPart, OpenRecord,
    Opening, OpeningReader,
};
pub use order::encode_plan;
pub use positions::{PositionsRecord, positions_digest};
pub use refused_input::RefusedInput;
pub use start::{LedgerEntry, RunStarter};
pub use stop::{RunStop, StopCause, StopRecord};
pub use wind_down::WindDownRecord;

use alloc::boxed::Box;

use crate::cbor::{CborError, CborReader};
use crate::journal::RecordSeal;

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
/// Number of a [`ManifestPart`].
pub const KIND_MANIFEST: u64 = 8;
/// Number of a [`CommitmentsRecord`].
pub const KIND_COMMITMENTS: u64 = 9;
/// Number of a [`PositionsRecord`].
pub const KIND_POSITIONS: u64 = 10;
/// Number of a [`WindDownRecord`].
pub const KIND_WIND_DOWN: u64 = 11;
/// Number of an [`InputsRecord`].
pub const KIND_INPUTS: u64 = 12;

/// The most items of a list in one record; what is longer takes several records. An item takes at most 175 bytes, so a
/// record stays below 60,000.
pub const ITEMS_PER_RECORD_MAX: usize = 256;

/// A decoded record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RunRecord {
    /// The first of a journal: the manifest and a commitment to the data.
    Open(Box<OpenRecord>),
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
    /// A part of the manifest.
    Manifest(ManifestPart),
    /// What a snapshot run promises about its data.
    Commitments(CommitmentsRecord),
    /// What a run holds when it closes.
    Positions(PositionsRecord),
    /// Orders of the host that end a run.
    WindDown(WindDownRecord),
    /// Inputs from outside.
    Inputs(InputsRecord),
}

impl RunRecord {
    /// The record in `body`.
    ///
    /// # Errors
    ///
    /// Returns [`CborError`] if the bytes are not what an encoder of this module writes.
    pub fn decode(body: &[u8]) -> Result<Self, CborError> {
        match record_kind(body)? {
            KIND_OPEN => OpenRecord::decode(body).map(|open| Self::Open(Box::new(open))),
            KIND_DELIVERIES => DeliveriesRecord::decode(body).map(Self::Deliveries),
            KIND_DECISION => DecisionRecord::decode(body).map(Self::Decision),
            KIND_FAULT => FaultRecord::decode(body).map(Self::Fault),
            KIND_CLOSE => CloseRecord::decode(body).map(Self::Close),
            KIND_REFUSED => RefusedInput::decode(body).map(Self::Refused),
            KIND_MARGIN_CALL => MarginCallRecord::decode(body).map(Self::MarginCall),
            KIND_STOP => StopRecord::decode(body).map(Self::Stop),
            KIND_MANIFEST => ManifestPart::decode(body).map(Self::Manifest),
            KIND_COMMITMENTS => CommitmentsRecord::decode(body).map(Self::Commitments),
            KIND_POSITIONS => PositionsRecord::decode(body).map(Self::Positions),
            KIND_WIND_DOWN => WindDownRecord::decode(body).map(Self::WindDown),
            KIND_INPUTS => InputsRecord::decode(body).map(Self::Inputs),
            _ => Err(CborError {
                offset: 1,
                expected: "a kind of record from 0 to 12",
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

/// When a checkpoint covers a record of this kind. The one that completes the opening is covered at once, whatever its
/// kind.
#[must_use]
pub const fn seal_of_kind(kind: u64) -> RecordSeal {
    match kind {
        // Every record that can release orders counts for the cadence: without this a writer could send orders under
        // no signature.
        KIND_DECISION | KIND_MARGIN_CALL | KIND_FAULT | KIND_STOP | KIND_WIND_DOWN => {
            RecordSeal::AtCadence
        }
        // Refused input is signed at once: it is the host's claim against its data source, which it could otherwise
        // drop. After a close record nothing follows that could cover it.
        KIND_REFUSED | KIND_CLOSE => RecordSeal::Now,
        _ => RecordSeal::Later,
    }
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
        KIND_DELIVERIES | KIND_DECISION | KIND_FAULT | KIND_MARGIN_CALL | KIND_STOP
        | KIND_WIND_DOWN | KIND_INPUTS => reader.byte_string().map(Some),
        // The opening, the end and refused inputs are outside the digest. `RunRecord::decode` refuses an
        // unknown kind.
        _ => Ok(None),
    }
}
