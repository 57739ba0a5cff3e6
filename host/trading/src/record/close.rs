//! The close record: why the run ended, and its summary.

use alloc::vec::Vec;

use counterfoil_base::digest::Digest;

use super::KIND_CLOSE;
use crate::cbor::{self, CborError, CborReader};
use crate::units::Money;

/// Why a run ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CloseReason {
    /// The data or the feed ended.
    EndOfData,
    /// The guest was at fault.
    Fault,
    /// The host stopped the run; a stop record has the cause.
    Stopped,
}

impl CloseReason {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EndOfData => "end-of-data",
            Self::Fault => "fault",
            Self::Stopped => "stopped",
        }
    }
}

/// Verdicts of the risk gate on a run's requests.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RequestCounts {
    pub approved: u64,
    pub refused: u64,
}

/// The last record of a journal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CloseRecord {
    /// Why the run ended.
    pub reason: CloseReason,
    /// How many decisions.
    pub decisions: u64,
    /// How many fills.
    pub fills: u64,
    pub requests: RequestCounts,
    /// SHA-256 over the deterministic parts, each behind its length as four bytes.
    pub decision_digest: Digest,
    /// Cash at the end.
    pub cash: Money,
    /// Equity at the end.
    pub equity: Money,
    /// All fees.
    pub fees: Money,
    /// What slippage cost.
    pub slippage: Money,
    /// Booked profit and loss, fees apart.
    pub realized: Money,
    /// All borrow fees.
    pub borrow: Money,
    /// Dividends received less those paid.
    pub dividends: Money,
    /// The digest of the positions in all instruments, which are in the records before this one.
    pub positions_sha256: Digest,
}

impl CloseRecord {
    /// Appends the record.
    pub fn encode(&self, out: &mut Vec<u8>) {
        cbor::put_array(out, 15);
        cbor::put_u64(out, KIND_CLOSE);
        cbor::put_u64(
            out,
            // Written out and not taken from the sequence of the enum: a variant in between would change
            // what old journals mean.
            match self.reason {
                CloseReason::EndOfData => 0,
                CloseReason::Fault => 1,
                CloseReason::Stopped => 2,
            },
        );
        let RequestCounts { approved, refused } = self.requests;
        for count in [self.decisions, self.fills, approved, refused] {
            cbor::put_u64(out, count);
        }
        cbor::put_bytes(out, self.decision_digest.bytes());
        let amounts = [
            self.cash,
            self.equity,
            self.fees,
            self.slippage,
            self.realized,
            self.borrow,
            self.dividends,
        ];
        for amount in amounts {
            cbor::put_i128(out, amount.0);
        }
        cbor::put_bytes(out, self.positions_sha256.bytes());
    }

    /// The close record in `body`.
    ///
    /// # Errors
    ///
    /// Returns [`CborError`] if the bytes are not what [`CloseRecord::encode`] writes.
    pub fn decode(body: &[u8]) -> Result<Self, CborError> {
        let mut reader = CborReader::new(body);
        reader.array_of(15, "a close record of 15 items")?;
        // The kind: it chose this decoder.
        reader.u64()?;
        let reason = match reader.u64()? {
            0 => CloseReason::EndOfData,
            1 => CloseReason::Fault,
            2 => CloseReason::Stopped,
            _ => {
                return Err(CborError {
                    offset: 2,
                    expected: "a known reason",
                });
            }
        };
        let close = Self {
            reason,
            decisions: reader.u64()?,
            fills: reader.u64()?,
            // In the sequence of the record: a struct's fields are evaluated as they are written here.
            requests: RequestCounts {
                approved: reader.u64()?,
                refused: reader.u64()?,
            },
            decision_digest: reader.digest()?,
            cash: Money(reader.i128()?),
            equity: Money(reader.i128()?),
            fees: Money(reader.i128()?),
            slippage: Money(reader.i128()?),
            realized: Money(reader.i128()?),
            borrow: Money(reader.i128()?),
            dividends: Money(reader.i128()?),
            positions_sha256: reader.digest()?,
        };
        reader.end()?;
        Ok(close)
    }
}
