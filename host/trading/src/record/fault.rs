//! The fault record: which fault of the guest ended the run, and what was done about its orders.

use alloc::string::String;
use alloc::vec::Vec;

use super::KIND_FAULT;
use crate::cbor::{self, CborError, Reader};
use crate::order::ClientOrderId;
use crate::strategy::Fault;
use crate::time::UnixNanos;

/// The callback in which the fault happened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Callback {
    /// `init`.
    Init,
    /// `on-bar`.
    OnBar,
    /// `on-fill`.
    OnFill,
    /// `on-order-event`.
    OnOrderEvent,
}

impl Callback {
    const ALL: [Self; 4] = [Self::Init, Self::OnBar, Self::OnFill, Self::OnOrderEvent];

    /// The name of the export.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::OnBar => "on-bar",
            Self::OnFill => "on-fill",
            Self::OnOrderEvent => "on-order-event",
        }
    }
}

/// What is done about working orders after a fault: the manifest's `on-fault`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FaultAction {
    /// They stay.
    Leave,
    /// They are taken back.
    Cancel,
}

/// The guest's fault, which ended the run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FaultRecord {
    /// Where.
    pub callback: Callback,
    /// The close time of the slice; 0 for `init`.
    pub time: UnixNanos,
    /// Which.
    pub fault: Fault,
    /// The strategy's own sentence, or nothing.
    pub message: String,
    /// What was done about working orders.
    pub action: FaultAction,
    /// The orders that were taken back.
    pub canceled: Vec<ClientOrderId>,
    /// What the engine says; not part of the digest.
    pub trace: String,
}

impl FaultRecord {
    /// Appends the deterministic part.
    pub fn encode_digested(&self, out: &mut Vec<u8>) {
        cbor::put_array(out, 7);
        cbor::put_u64(out, KIND_FAULT);
        cbor::put_u64(
            out,
            number(Callback::ALL.iter().position(|one| *one == self.callback)),
        );
        cbor::put_i64(out, self.time.0);
        cbor::put_u64(
            out,
            number(Fault::ALL.iter().position(|one| *one == self.fault)),
        );
        cbor::put_text(out, &self.message);
        cbor::put_u64(
            out,
            match self.action {
                FaultAction::Leave => 0,
                FaultAction::Cancel => 1,
            },
        );
        cbor::put_array(out, self.canceled.len());
        for id in &self.canceled {
            cbor::put_u64(out, id.0);
        }
    }

    /// Appends the record, given its deterministic part.
    pub fn encode(&self, digested: &[u8], out: &mut Vec<u8>) {
        cbor::put_array(out, 3);
        cbor::put_u64(out, KIND_FAULT);
        cbor::put_bytes(out, digested);
        cbor::put_array(out, 1);
        cbor::put_text(out, &self.trace);
    }

    /// The fault in `body`.
    ///
    /// # Errors
    ///
    /// Returns [`CborError`] if the bytes are not what [`FaultRecord::encode`] writes.
    pub fn decode(body: &[u8]) -> Result<Self, CborError> {
        let mut outer = Reader::new(body);
        outer.array_of(3, "a fault of 3 items")?;
        outer.u64()?;
        let mut reader = Reader::new(outer.bytes_string()?);
        outer.array_of(1, "circumstances of 1 item")?;
        let trace = outer.text()?;
        outer.end()?;
        reader.array_of(7, "a deterministic part of 7 items")?;
        if reader.u64()? != KIND_FAULT {
            return Err(CborError {
                offset: 1,
                expected: "a fault",
            });
        }
        let record = Self {
            callback: pick(&Callback::ALL, reader.u64()?)?,
            time: UnixNanos(reader.i64()?),
            fault: pick(&Fault::ALL, reader.u64()?)?,
            message: reader.text()?,
            action: pick(&[FaultAction::Leave, FaultAction::Cancel], reader.u64()?)?,
            canceled: {
                let items = reader.array()?;
                (0..items)
                    .map(|_| reader.u64().map(ClientOrderId))
                    .collect::<Result<_, _>>()?
            },
            trace,
        };
        reader.end()?;
        Ok(record)
    }
}

fn number(place: Option<usize>) -> u64 {
    place
        .and_then(|place| u64::try_from(place).ok())
        .unwrap_or(u64::MAX)
}

fn pick<T: Copy>(all: &[T], place: u64) -> Result<T, CborError> {
    let error = CborError {
        offset: 0,
        expected: "a known number",
    };
    let place = usize::try_from(place).map_err(|_| error)?;
    all.get(place).copied().ok_or(error)
}
