//! The stop record: the host ended the run between two slices, why, and what was done about its
//! orders. An input of the run: a verifier takes it from the journal.

use alloc::string::String;
use alloc::vec::Vec;

use super::KIND_STOP;
use super::fault::FaultAction;
use crate::cbor::{self, CborError, CborReader, KNOWN_NUMBER, number_in};
use crate::time::UnixNanos;

/// Why the host ends a run. The names are stable.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum StopCause {
    /// A kill switch stopped this run.
    RunKilled,
    /// A kill switch stopped every run of the account.
    AccountKilled,
    /// A kill switch stopped every run of the installation.
    InstallationKilled,
    /// The account has no limits.
    LimitsMissing,
    /// The account's limits cannot be read.
    LimitsUnreadable,
    /// The account's limits have expired, or are not valid yet.
    LimitsStale,
    /// The account's limits have changed since the start, or the run's own exceed them.
    LimitsInconsistent,
    /// Another process has the account's lease.
    LeaseLost,
    /// The authorization no longer permits the run; the message begins with the rule.
    NotPermitted,
    /// This machine's clock is not synchronized, or may be further off than allowed.
    ClockOff,
    /// The venue's books differ from the run's by more than the tolerance.
    VenueDiffers,
    /// The venue reports something impossible about an order, or stops reporting.
    VenueUnclear,
    /// It is unknown whether another process has the account's lease.
    LeaseUnclear,
    /// The feed of a broker's run ended, and its orders would rest unattended.
    FeedEnded,
}

impl StopCause {
    /// Every cause, in the sequence of its number in the record format: append only.
    pub const ALL: [Self; 14] = [
        Self::RunKilled,
        Self::AccountKilled,
        Self::InstallationKilled,
        Self::LimitsMissing,
        Self::LimitsUnreadable,
        Self::LimitsStale,
        Self::LimitsInconsistent,
        Self::LeaseLost,
        Self::NotPermitted,
        Self::ClockOff,
        Self::VenueDiffers,
        Self::VenueUnclear,
        Self::LeaseUnclear,
        Self::FeedEnded,
    ];

    /// Its stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RunKilled => "run-killed",
            Self::AccountKilled => "account-killed",
            Self::InstallationKilled => "installation-killed",
            Self::LimitsMissing => "limits-missing",
            Self::LimitsUnreadable => "limits-unreadable",
            Self::LimitsStale => "limits-stale",
            Self::LimitsInconsistent => "limits-inconsistent",
            Self::LeaseLost => "lease-lost",
            Self::NotPermitted => "not-permitted",
            Self::ClockOff => "clock-off",
            Self::VenueDiffers => "venue-differs",
            Self::VenueUnclear => "venue-unclear",
            Self::LeaseUnclear => "lease-unclear",
            Self::FeedEnded => "feed-ended",
        }
    }

    /// Whether a kill switch is the cause.
    #[must_use]
    pub const fn is_kill(self) -> bool {
        matches!(
            self,
            Self::RunKilled | Self::AccountKilled | Self::InstallationKilled
        )
    }

    /// Whether the run knows the positions of its account. An uncertain position is not flattened.
    #[must_use]
    pub const fn is_certain(self) -> bool {
        !matches!(self, Self::VenueDiffers | Self::VenueUnclear)
    }
}

/// What ends a run from outside it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RunStop {
    /// Why.
    pub cause: StopCause,
    /// A sentence for people, beside the cause.
    pub message: String,
    /// Who asked for it; `None` where nobody did and a condition of the run failed.
    pub by: Option<String>,
}

impl RunStop {
    /// A stop that nobody asked for: a condition of the run failed.
    #[must_use]
    pub const fn of(cause: StopCause, message: String) -> Self {
        Self {
            cause,
            message,
            by: None,
        }
    }
}

/// The host's stop, which ended the run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StopRecord {
    /// Why.
    pub stop: RunStop,
    /// The close time of the last slice that was decided; 0 without one.
    pub time: UnixNanos,
    /// What is done about working orders; wind-down records follow with them.
    pub action: FaultAction,
}

impl StopRecord {
    /// The close time of the last slice that was decided, if one was.
    #[must_use]
    pub fn last_close(&self) -> Option<UnixNanos> {
        (self.time.0 != 0).then_some(self.time)
    }

    /// Appends the deterministic part.
    pub fn encode_digested(&self, out: &mut Vec<u8>) {
        cbor::put_array(out, 6);
        cbor::put_u64(out, KIND_STOP);
        // By its place in `ALL`, to which causes are only appended: the numbers of old journals keep
        // their meaning.
        cbor::put_u64(out, number_in(&StopCause::ALL, &self.stop.cause));
        cbor::put_i64(out, self.time.0);
        cbor::put_text(out, &self.stop.message);
        cbor::put_text_or_null(out, self.stop.by.as_deref());
        cbor::put_u64(out, number_in(&FaultAction::ALL, &self.action));
    }

    /// Appends the record, given its deterministic part.
    pub fn encode(digested: &[u8], out: &mut Vec<u8>) {
        cbor::put_array(out, 2);
        cbor::put_u64(out, KIND_STOP);
        cbor::put_bytes(out, digested);
    }

    /// The stop in `body`.
    ///
    /// # Errors
    ///
    /// Returns [`CborError`] if the bytes are not what [`StopRecord::encode`] writes.
    pub fn decode(body: &[u8]) -> Result<Self, CborError> {
        let mut outer = CborReader::new(body);
        outer.array_of(2, "a stop of 2 items")?;
        outer.u64()?;
        let mut reader = CborReader::new(outer.byte_string()?);
        outer.end()?;
        reader.array_of(6, "a deterministic part of 6 items")?;
        if reader.u64()? != KIND_STOP {
            return Err(CborError {
                offset: 1,
                expected: "a stop",
            });
        }
        let cause = reader.item_of(&StopCause::ALL, KNOWN_NUMBER)?;
        let time = UnixNanos(reader.i64()?);
        let message = reader.text()?;
        let by = reader.text_or_null()?;
        let record = Self {
            stop: RunStop { cause, message, by },
            time,
            action: reader.item_of(&FaultAction::ALL, KNOWN_NUMBER)?,
        };
        reader.end()?;
        Ok(record)
    }
}
