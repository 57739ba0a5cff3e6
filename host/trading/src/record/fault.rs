//! The fault record: which fault of the guest ended the run, and what was done about its orders.

use alloc::string::String;
use alloc::vec::Vec;

use super::KIND_FAULT;
use crate::cbor::{self, CborError, CborReader, KNOWN_NUMBER, number_in};
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
    /// `on-corporate-action`.
    OnCorporateAction,
}

impl Callback {
    /// Every callback, in the sequence of its number in the record format: append only.
    pub const ALL: [Self; 5] = [
        Self::Init,
        Self::OnBar,
        Self::OnFill,
        Self::OnOrderEvent,
        Self::OnCorporateAction,
    ];

    /// The name of the export.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::OnBar => "on-bar",
            Self::OnFill => "on-fill",
            Self::OnOrderEvent => "on-order-event",
            Self::OnCorporateAction => "on-corporate-action",
        }
    }
}

/// What the host does about working orders after a fault: the manifest's `on-fault`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FaultAction {
    /// They stay.
    Leave,
    /// They are canceled.
    Cancel,
    /// They are canceled, and every position is sold or bought back at the market.
    CancelAndFlatten,
}

impl FaultAction {
    /// Every action, in the sequence of its number in the record format: append only.
    pub const ALL: [Self; 3] = [Self::Leave, Self::Cancel, Self::CancelAndFlatten];

    /// Its name in the manifest.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Leave => "leave",
            Self::Cancel => "cancel",
            Self::CancelAndFlatten => "cancel-and-flatten",
        }
    }
}

/// The guest's fault, which ended the run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FaultRecord {
    pub callback: Callback,
    /// The close time of the slice; 0 for `init`.
    pub time: UnixNanos,
    pub fault: Fault,
    /// The strategy's own sentence, or nothing.
    pub message: String,
    /// What is done about working orders; wind-down records follow with them.
    pub action: FaultAction,
    /// The trap's text from the engine; not part of the digest.
    pub trace: String,
}

impl FaultRecord {
    /// The close time of the slice; none for `init`, which comes before every slice.
    #[must_use]
    pub fn slice_close(&self) -> Option<UnixNanos> {
        (self.callback != Callback::Init).then_some(self.time)
    }

    /// Appends the deterministic part.
    pub fn encode_digested(&self, out: &mut Vec<u8>) {
        cbor::put_array(out, 6);
        cbor::put_u64(out, KIND_FAULT);
        cbor::put_u64(out, number_in(&Callback::ALL, &self.callback));
        cbor::put_i64(out, self.time.0);
        cbor::put_u64(out, number_in(&Fault::ALL, &self.fault));
        cbor::put_text(out, &self.message);
        cbor::put_u64(out, number_in(&FaultAction::ALL, &self.action));
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
        let mut outer = CborReader::new(body);
        outer.array_of(3, "a fault of 3 items")?;
        outer.u64()?;
        let mut reader = CborReader::new(outer.byte_string()?);
        outer.array_of(1, "circumstances of 1 item")?;
        // Outside the digest: the text names functions and addresses, which differ between back ends.
        let trace = outer.text()?;
        outer.end()?;
        reader.array_of(6, "a deterministic part of 6 items")?;
        if reader.u64()? != KIND_FAULT {
            return Err(CborError {
                offset: 1,
                expected: "a fault",
            });
        }
        let record = Self {
            callback: reader.item_of(&Callback::ALL, KNOWN_NUMBER)?,
            time: UnixNanos(reader.i64()?),
            fault: reader.item_of(&Fault::ALL, KNOWN_NUMBER)?,
            message: reader.text()?,
            action: reader.item_of(&FaultAction::ALL, KNOWN_NUMBER)?,
            trace,
        };
        reader.end()?;
        Ok(record)
    }
}
