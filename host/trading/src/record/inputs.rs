//! Inputs from outside that can change a verdict or the account, beside bars and what the venue reports. They are in
//! the decision digest: whoever derives a run again takes them from the journal.

use alloc::string::String;
use alloc::vec::Vec;

use counterfoil_base::digest::Digest;

use super::decision::{code_number, read_code};
use super::order::{put_intent, read_intent};
use super::{ITEMS_PER_RECORD_MAX, KIND_INPUTS};
use crate::cbor::{self, CborError, CborReader, number_in};
use crate::execution::OrderCode;
use crate::instrument::InstrumentId;
use crate::order::Intent;
use crate::time::UnixNanos;
use crate::units::Money;

/// The most bytes of one record, so that an entry holds it with its link and salt.
const RECORD_BYTES_MAX: usize = 60_000;

/// One input. Only [`RunInput::Deadline`] is written so far; a run refuses the others, because none of its rules takes
/// them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RunInput {
    /// What the account's other runs held when the gate was asked.
    OtherRuns(OtherRunsExposure),
    /// The answer of a person to orders that waited for it.
    Approval {
        /// The digest of exactly these orders.
        orders: Digest,
        answer: ApprovalAnswer,
        /// The person's id.
        by: String,
    },
    /// An order or a cancel by a person.
    Manual {
        intent: Intent,
        /// The person's id.
        by: String,
        reason: Option<String>,
    },
    /// A value of a series.
    SeriesValue {
        /// The series' place in the manifest.
        series: u32,
        /// `None` for a value of no instrument.
        instrument: Option<InstrumentId>,
        /// The time that the value is of.
        effective: UnixNanos,
        /// When it was known.
        known_at: UnixNanos,
        /// At the series' scale.
        value: i64,
    },
    /// What a limit that moves by a rule is from now on.
    Limit {
        /// The code of its refusals.
        code: OrderCode,
        /// In the unit of the code's figures.
        value: i128,
    },
    /// The next decision came too late: its bar was older than the manifest allows.
    Deadline {
        instrument: InstrumentId,
        /// Nanoseconds from the bar's close to the decision; below zero if the close was still to come.
        age: i64,
    },
}

/// What an account's other runs hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct OtherRunsExposure {
    /// The sum of the absolute values of their positions and working orders.
    pub gross: Money,
    /// The sum of the signed values.
    pub net: Money,
    /// Orders that they sent on the current UTC day.
    pub orders_today: u32,
    /// Orders of theirs that can still fill.
    pub working_orders: u32,
    /// What they lost on the current UTC day; below zero for a gain.
    pub day_loss: Money,
}

/// How waiting orders were answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ApprovalAnswer {
    Approved,
    Refused,
    /// Nobody answered in time.
    Expired,
}

impl ApprovalAnswer {
    /// Every answer, in the sequence of its number.
    const ALL: [Self; 3] = [Self::Approved, Self::Refused, Self::Expired];
}

/// Inputs of one slice, in front of the records that they can change.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InputsRecord {
    /// The slice's close time.
    pub time: UnixNanos,
    /// At least one.
    pub inputs: Vec<RunInput>,
}

impl InputsRecord {
    /// Appends the deterministic part.
    pub fn encode_digested(&self, out: &mut Vec<u8>) {
        cbor::put_array(out, 3);
        cbor::put_u64(out, KIND_INPUTS);
        cbor::put_i64(out, self.time.0);
        cbor::put_array(out, self.inputs.len());
        for input in &self.inputs {
            put_input(out, input);
        }
    }

    /// Appends the record, given its deterministic part.
    pub fn encode(digested: &[u8], out: &mut Vec<u8>) {
        cbor::put_array(out, 2);
        cbor::put_u64(out, KIND_INPUTS);
        cbor::put_bytes(out, digested);
    }

    /// The record in `body`.
    ///
    /// # Errors
    ///
    /// Returns [`CborError`] if the bytes are not what [`InputsRecord::encode`] writes.
    pub fn decode(body: &[u8]) -> Result<Self, CborError> {
        let error = |expected| CborError {
            offset: 1,
            expected,
        };
        if body.len() > RECORD_BYTES_MAX {
            return Err(error("inputs of at most 60,000 bytes"));
        }
        let mut outer = CborReader::new(body);
        outer.array_of(2, "inputs of 2 items")?;
        outer.u64()?;
        let mut reader = CborReader::new(outer.byte_string()?);
        outer.end()?;
        reader.array_of(3, "a deterministic part of 3 items")?;
        // The outer kind is not digested.
        if reader.u64()? != KIND_INPUTS {
            return Err(error("inputs"));
        }
        let time = UnixNanos(reader.i64()?);
        let items = reader.array()?;
        if items == 0 || items > ITEMS_PER_RECORD_MAX {
            return Err(error("1 to 256 inputs"));
        }
        let inputs = (0..items)
            .map(|_| read_input(&mut reader))
            .collect::<Result<_, _>>()?;
        reader.end()?;
        Ok(Self { time, inputs })
    }
}

fn put_input(out: &mut Vec<u8>, input: &RunInput) {
    let head = |out: &mut Vec<u8>, items, kind| {
        cbor::put_array(out, items);
        cbor::put_u64(out, kind);
    };
    match input {
        RunInput::OtherRuns(exposure) => {
            head(out, 6, 0);
            cbor::put_i128(out, exposure.gross.0);
            cbor::put_i128(out, exposure.net.0);
            cbor::put_u64(out, u64::from(exposure.orders_today));
            cbor::put_u64(out, u64::from(exposure.working_orders));
            cbor::put_i128(out, exposure.day_loss.0);
        }
        RunInput::Approval { orders, answer, by } => {
            head(out, 4, 1);
            cbor::put_bytes(out, orders.bytes());
            cbor::put_u64(out, number_in(&ApprovalAnswer::ALL, answer));
            cbor::put_text(out, by);
        }
        RunInput::Manual { intent, by, reason } => {
            head(out, 4, 2);
            put_intent(out, intent);
            cbor::put_text(out, by);
            cbor::put_text_or_null(out, reason.as_deref());
        }
        RunInput::SeriesValue {
            series,
            instrument,
            effective,
            known_at,
            value,
        } => {
            head(out, 6, 3);
            cbor::put_u64(out, u64::from(*series));
            match instrument {
                None => cbor::put_null(out),
                Some(id) => cbor::put_u64(out, u64::from(id.0)),
            }
            cbor::put_i64(out, effective.0);
            cbor::put_i64(out, known_at.0);
            cbor::put_i64(out, *value);
        }
        RunInput::Limit { code, value } => {
            head(out, 3, 4);
            cbor::put_u64(out, code_number(*code));
            cbor::put_i128(out, *value);
        }
        RunInput::Deadline { instrument, age } => {
            head(out, 3, 5);
            cbor::put_u64(out, u64::from(instrument.0));
            cbor::put_i64(out, *age);
        }
    }
}

fn read_input(reader: &mut CborReader<'_>) -> Result<RunInput, CborError> {
    let items = reader.array()?;
    let kind = reader.u64()?;
    // Kind and length together: an input with an item more or less is refused and not read by position.
    Ok(match (kind, items) {
        (0, 6) => RunInput::OtherRuns(OtherRunsExposure {
            gross: Money(reader.i128()?),
            net: Money(reader.i128()?),
            orders_today: reader.u32()?,
            working_orders: reader.u32()?,
            day_loss: Money(reader.i128()?),
        }),
        (1, 4) => RunInput::Approval {
            orders: reader.digest()?,
            answer: reader.item_of(&ApprovalAnswer::ALL, "an answer: 0, 1 or 2")?,
            by: reader.text()?,
        },
        (2, 4) => RunInput::Manual {
            intent: read_intent(reader)?,
            by: reader.text()?,
            reason: reader.text_or_null()?,
        },
        (3, 6) => RunInput::SeriesValue {
            series: reader.u32()?,
            instrument: if reader.null() {
                None
            } else {
                Some(InstrumentId(reader.u32()?))
            },
            effective: UnixNanos(reader.i64()?),
            known_at: UnixNanos(reader.i64()?),
            value: reader.i64()?,
        },
        (4, 3) => RunInput::Limit {
            code: read_code(reader)?,
            value: reader.i128()?,
        },
        (5, 3) => RunInput::Deadline {
            instrument: InstrumentId(reader.u32()?),
            age: reader.i64()?,
        },
        _ => {
            return Err(CborError {
                offset: 1,
                expected: "an input from 0 to 5",
            });
        }
    })
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;
    use alloc::vec;

    use super::*;
    use crate::order::ClientOrderId;

    fn every_input() -> Vec<RunInput> {
        let by = || "ada".to_string();
        vec![
            RunInput::OtherRuns(OtherRunsExposure {
                gross: Money(1 << 70),
                net: Money(-3),
                orders_today: 4,
                working_orders: 5,
                day_loss: Money(-(1 << 65)),
            }),
            RunInput::Approval {
                orders: Digest::of(b"orders"),
                answer: ApprovalAnswer::Expired,
                by: by(),
            },
            RunInput::Manual {
                intent: Intent::Cancel(ClientOrderId(7)),
                by: by(),
                reason: Some("news".to_string()),
            },
            RunInput::SeriesValue {
                series: 1,
                instrument: None,
                effective: UnixNanos(-2),
                known_at: UnixNanos(3),
                value: -4,
            },
            RunInput::SeriesValue {
                series: 1,
                instrument: Some(InstrumentId(2)),
                effective: UnixNanos(2),
                known_at: UnixNanos(3),
                value: 4,
            },
            RunInput::Limit {
                code: OrderCode::GrossExposureLimit,
                value: 9,
            },
            RunInput::Deadline {
                instrument: InstrumentId(3),
                age: -1,
            },
        ]
    }

    fn body_of(inputs: Vec<RunInput>) -> Vec<u8> {
        let record = InputsRecord {
            time: UnixNanos(5),
            inputs,
        };
        let (mut digested, mut body) = (Vec::new(), Vec::new());
        record.encode_digested(&mut digested);
        InputsRecord::encode(&digested, &mut body);
        body
    }

    #[test]
    fn every_input_comes_back_as_it_was_written() {
        let read = InputsRecord::decode(&body_of(every_input())).unwrap();
        assert_eq!((read.time, read.inputs), (UnixNanos(5), every_input()));
    }

    #[test]
    fn other_lengths_kinds_and_counts_are_refused() {
        let deadline = || RunInput::Deadline {
            instrument: InstrumentId(0),
            age: 1,
        };
        let many = |count| (0..count).map(|_| deadline()).collect::<Vec<_>>();
        assert!(InputsRecord::decode(&body_of(many(256))).is_ok());
        for count in [0, 257] {
            assert!(InputsRecord::decode(&body_of(many(count))).is_err());
        }
        let body = body_of(vec![deadline()]);
        // 83 05 00 01: the input's head, kind, instrument and age.
        let head = body.len() - 4;
        for (place, byte) in [(head, 0x82), (head, 0x84), (head + 1, 6)] {
            let mut other = body.clone();
            other[place] = byte;
            assert!(InputsRecord::decode(&other).is_err(), "{place}: {byte:#x}");
        }
        let long = RunInput::Manual {
            intent: Intent::Cancel(ClientOrderId(7)),
            by: "a".repeat(60_000),
            reason: None,
        };
        assert!(InputsRecord::decode(&body_of(vec![long])).is_err());
    }
}
