//! The records of the order log. One encoder and one decoder; `docs/reference/order-log.cddl` shows the form.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use counterfoil_base::digest::Digest;

use super::{Reconciliation, SubmissionEnd, TokenRefusal, VenueDifference};
use crate::cbor::{self, CborError, CborReader, KNOWN_NUMBER, number_in};
use crate::record::RunStarter;
use crate::time::UnixNanos;

/// The version of the form.
const FORMAT: u64 = 2;
/// The most bytes of a venue's sentence, or of a refused token, that are kept.
const KEPT_BYTES_MAX: usize = 1_024;

/// How an order ended at the gateway.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EndedSubmission {
    /// The number of the plan.
    pub sequence: u64,
    /// Tokens spent for it.
    pub attempt: u32,
    /// How.
    pub end: SubmissionEnd,
    /// Why it was not sent; `None` for an order that was.
    pub refusal: Option<TokenRefusal>,
    /// The text of the venue's answer; empty without one.
    pub detail: String,
    /// When.
    pub time: UnixNanos,
}

/// One record of an order log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum OrderLogRecord {
    /// The first: whose orders these are.
    Open {
        /// The run id.
        run: Digest,
        /// Which execution.
        execution: u64,
        /// The account's id.
        account: String,
        /// The venue's name.
        venue: String,
        /// The runner's public key.
        approver: [u8; 32],
    },
    /// A process takes the account's lease, and the run begins or goes on.
    Process {
        fencing_token: u64,
        /// How many records of the journal were under a signed checkpoint; `None` where the run begins.
        resumed_at: Option<u64>,
        /// Who started the process, and what allowed it.
        start: RunStarter,
        /// When.
        time: UnixNanos,
    },
    /// A token is spent: what follows may be at the venue.
    Spent {
        /// The token, an [`OrderAuthorization`](super::OrderAuthorization) in its canonical form.
        token: Vec<u8>,
        /// The signed note over its digest.
        signature: String,
        /// The order's name at the venue.
        venue_order: String,
        /// When.
        time: UnixNanos,
    },
    /// An order ended.
    Ended(EndedSubmission),
    /// The outcome of what was sent is unknown.
    Unknown {
        /// The number of the plan.
        sequence: u64,
        /// Which attempt.
        attempt: u32,
        /// What is known.
        detail: String,
        /// When.
        time: UnixNanos,
    },
    /// A token was refused.
    Refused {
        /// Why.
        refusal: TokenRefusal,
        /// The first bytes of what was presented.
        token: Vec<u8>,
        /// When.
        time: UnixNanos,
    },
    /// The venue's books were read.
    Reconciled(Reconciliation),
    /// They are not the run's.
    Difference(VenueDifference),
    /// The kernel's report on the clock that all these times are from.
    Clock {
        /// `None` if the kernel does not report.
        report: Option<ClockReport>,
        /// When it was asked.
        time: UnixNanos,
    },
    /// The clock was set back. Records have the time before until the clock has it again.
    ClockStep {
        /// What the clock says.
        clock: UnixNanos,
        /// The last time given.
        time: UnixNanos,
    },
}

/// A kernel's report on its own clock.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ClockReport {
    /// Whether something keeps it in step with other clocks.
    pub is_synchronized: bool,
    /// The most by which it may be off, in nanoseconds.
    pub offset_max_nanos: i64,
    /// By how much it is thought to be off, in nanoseconds.
    pub offset_estimate_nanos: i64,
}

impl OrderLogRecord {
    /// Appends the record. Texts and bytes from outside are cut to what is kept.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Open {
                run,
                execution,
                account,
                venue,
                approver,
            } => {
                head(out, 7, 0);
                cbor::put_u64(out, FORMAT);
                cbor::put_bytes(out, run.bytes());
                cbor::put_u64(out, *execution);
                cbor::put_text(out, account);
                cbor::put_text(out, venue);
                cbor::put_bytes(out, approver);
            }
            Self::Process {
                fencing_token,
                resumed_at,
                start,
                time,
            } => {
                head(out, 5, 1);
                cbor::put_u64(out, *fencing_token);
                put_count_or_null(out, *resumed_at);
                start.encode(out);
                cbor::put_i64(out, time.0);
            }
            Self::Spent {
                token,
                signature,
                venue_order,
                time,
            } => {
                head(out, 5, 2);
                cbor::put_bytes(out, token);
                cbor::put_text(out, signature);
                cbor::put_text(out, venue_order);
                cbor::put_i64(out, time.0);
            }
            Self::Ended(ended) => put_ended(out, ended),
            Self::Unknown {
                sequence,
                attempt,
                detail,
                time,
            } => {
                head(out, 5, 4);
                cbor::put_u64(out, *sequence);
                cbor::put_u64(out, u64::from(*attempt));
                // The venue's text, of any length.
                cbor::put_text(out, &kept(detail));
                cbor::put_i64(out, time.0);
            }
            Self::Refused {
                refusal,
                token,
                time,
            } => put_refused(out, *refusal, token, *time),
            Self::Reconciled(reconciliation) => reconciliation.encode(out),
            Self::Difference(difference) => difference.encode(out),
            Self::Clock { report, time } => put_clock(out, *report, *time),
            Self::ClockStep { clock, time } => {
                head(out, 3, 9);
                cbor::put_i64(out, clock.0);
                cbor::put_i64(out, time.0);
            }
        }
    }

    /// The record in `body`.
    ///
    /// # Errors
    ///
    /// Returns [`CborError`] if the bytes are not what [`OrderLogRecord::encode`] writes.
    pub fn decode(body: &[u8]) -> Result<Self, CborError> {
        let mut reader = CborReader::new(body);
        let items = reader.array()?;
        let kind = reader.u64()?;
        // Kind and length together: a record with an item more or less is refused and not read by
        // position.
        let record = match (kind, items) {
            (0, 7) => read_open(&mut reader)?,
            (1, 5) => Self::Process {
                fencing_token: reader.u64()?,
                resumed_at: if reader.null() {
                    None
                } else {
                    Some(reader.u64()?)
                },
                start: RunStarter::read(&mut reader)?,
                time: UnixNanos(reader.i64()?),
            },
            (2, 5) => Self::Spent {
                token: reader.byte_string()?.to_vec(),
                signature: reader.text()?,
                venue_order: reader.text()?,
                time: UnixNanos(reader.i64()?),
            },
            (3, 7) => Self::Ended(read_ended(&mut reader)?),
            (4, 5) => Self::Unknown {
                sequence: reader.u64()?,
                attempt: reader.u32()?,
                detail: reader.text()?,
                time: UnixNanos(reader.i64()?),
            },
            (5, 4) => Self::Refused {
                refusal: reader.item_of(&TokenRefusal::ALL, KNOWN_NUMBER)?,
                token: reader.byte_string()?.to_vec(),
                time: UnixNanos(reader.i64()?),
            },
            (6, 6) => Self::Reconciled(Reconciliation::decode(&mut reader)?),
            (7, 7) => Self::Difference(VenueDifference::decode(&mut reader)?),
            (8, 2) => Self::Clock {
                report: None,
                time: UnixNanos(reader.i64()?),
            },
            (8, 5) => Self::Clock {
                report: Some(ClockReport {
                    is_synchronized: reader.item_of(&[false, true], KNOWN_NUMBER)?,
                    offset_max_nanos: reader.i64()?,
                    offset_estimate_nanos: reader.i64()?,
                }),
                time: UnixNanos(reader.i64()?),
            },
            (9, 3) => Self::ClockStep {
                clock: UnixNanos(reader.i64()?),
                time: UnixNanos(reader.i64()?),
            },
            _ => {
                return Err(CborError {
                    offset: 1,
                    expected: "a kind of order-log record from 0 to 9",
                });
            }
        };
        reader.end()?;
        Ok(record)
    }
}

impl OrderLogRecord {
    /// When it was written; `None` for the first.
    #[must_use]
    pub const fn time(&self) -> Option<UnixNanos> {
        match self {
            Self::Open { .. } => None,
            Self::Process { time, .. }
            | Self::Spent { time, .. }
            | Self::Unknown { time, .. }
            | Self::Refused { time, .. }
            | Self::Clock { time, .. }
            | Self::ClockStep { time, .. } => Some(*time),
            Self::Ended(ended) => Some(ended.time),
            Self::Reconciled(books) => Some(books.time),
            Self::Difference(difference) => Some(difference.time),
        }
    }
}

fn read_open(reader: &mut CborReader<'_>) -> Result<OrderLogRecord, CborError> {
    // A later format may have other items in the same places.
    if reader.u64()? != FORMAT {
        return Err(CborError {
            offset: 2,
            expected: "an order log of format 2",
        });
    }
    Ok(OrderLogRecord::Open {
        run: reader.digest()?,
        execution: reader.u64()?,
        account: reader.text()?,
        venue: reader.text()?,
        approver: reader.bytes_32()?,
    })
}

fn put_ended(out: &mut Vec<u8>, ended: &EndedSubmission) {
    head(out, 7, 3);
    cbor::put_u64(out, ended.sequence);
    cbor::put_u64(out, u64::from(ended.attempt));
    cbor::put_u64(out, number_in(&SubmissionEnd::ALL, &ended.end));
    match ended.refusal {
        None => cbor::put_null(out),
        Some(refusal) => cbor::put_u64(out, number_in(&TokenRefusal::ALL, &refusal)),
    }
    cbor::put_text(out, &kept(&ended.detail));
    cbor::put_i64(out, ended.time.0);
}

fn put_count_or_null(out: &mut Vec<u8>, count: Option<u64>) {
    match count {
        None => cbor::put_null(out),
        Some(count) => cbor::put_u64(out, count),
    }
}

fn put_refused(out: &mut Vec<u8>, refusal: TokenRefusal, token: &[u8], time: UnixNanos) {
    head(out, 4, 5);
    cbor::put_u64(out, number_in(&TokenRefusal::ALL, &refusal));
    // What was presented is not trusted, and may have any length: it must not fill the log.
    cbor::put_bytes(out, token.get(..KEPT_BYTES_MAX).unwrap_or(token));
    cbor::put_i64(out, time.0);
}

fn put_clock(out: &mut Vec<u8>, report: Option<ClockReport>, time: UnixNanos) {
    head(out, if report.is_some() { 5 } else { 2 }, 8);
    if let Some(report) = report {
        cbor::put_u64(out, u64::from(report.is_synchronized));
        cbor::put_i64(out, report.offset_max_nanos);
        cbor::put_i64(out, report.offset_estimate_nanos);
    }
    cbor::put_i64(out, time.0);
}

fn read_ended(reader: &mut CborReader<'_>) -> Result<EndedSubmission, CborError> {
    Ok(EndedSubmission {
        sequence: reader.u64()?,
        attempt: reader.u32()?,
        end: reader.item_of(&SubmissionEnd::ALL, KNOWN_NUMBER)?,
        refusal: if reader.null() {
            None
        } else {
            Some(reader.item_of(&TokenRefusal::ALL, KNOWN_NUMBER)?)
        },
        detail: reader.text()?,
        time: UnixNanos(reader.i64()?),
    })
}

pub(super) fn head(out: &mut Vec<u8>, items: usize, kind: u64) {
    cbor::put_array(out, items);
    cbor::put_u64(out, kind);
}

/// The beginning of a text that came from outside.
pub(super) fn kept(text: &str) -> String {
    // Cut between letters and not between bytes: the log refuses its own record if the text is not UTF-8.
    let ends = text
        .char_indices()
        .map(|(at, letter)| (at, letter.len_utf8()));
    let end = ends
        .map(|(at, bytes)| at.saturating_add(bytes))
        .take_while(|end| *end <= KEPT_BYTES_MAX)
        .last();
    text.get(..end.unwrap_or(0)).unwrap_or_default().to_string()
}
