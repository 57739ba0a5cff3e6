//! The decision record: one bar, the strategy's requests, the risk gate's verdicts, and the account
//! after it.

use alloc::vec::Vec;

use super::KIND_DECISION;
use super::order::{put_request, read_request};
use crate::bar::{ClosedBar, RawBar};
use crate::cbor::{self, CborError, CborReader, number_in};
use crate::execution::OrderCode;
use crate::instrument::{InstrumentId, PriceRange};
use crate::order::Request;
use crate::plan::PlanDigest;
use crate::risk::{LimitFigures, RiskRefusal};
use crate::time::UnixNanos;
use crate::units::{Money, Price, Quantity, Volume};

/// The risk gate's verdict on one request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RiskVerdict {
    /// It was let through.
    Approved,
    /// It was refused.
    Refused(RiskRefusal),
}

/// One authorized plan: its digest and the number of the token that was spent for it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PlanNote {
    /// The plan's digest.
    pub plan: PlanDigest,
    /// The token's number.
    pub token: u64,
}

/// What a decision record holds beside the decision; it never counts for the decision digest.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct DecisionCircumstances {
    /// Fuel used by the callback, as the engine named in the open record charges it.
    pub fuel: u64,
    /// A note for each approved request.
    pub plans: Vec<PlanNote>,
    /// When the bar was received and when it was decided; none in a backtest.
    pub times: Option<(UnixNanos, UnixNanos)>,
}

/// The decision on one bar, and the account after it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DecisionRecord {
    /// The bar.
    pub bar: ClosedBar,
    /// Its number among its instrument's bars of this run.
    pub index: u64,
    /// What the strategy asked for; `None` where it was at fault, and for the bars of the same
    /// slice after that. A fault record follows the slice.
    pub requests: Option<Vec<Request>>,
    /// The gate's verdict on each request.
    pub verdicts: Vec<RiskVerdict>,
    /// Cash after the step.
    pub cash: Money,
    /// Equity after the step.
    pub equity: Money,
    /// Position in the bar's instrument after the step.
    pub position: Quantity,
    pub circumstances: DecisionCircumstances,
}

/// Requests in one record. With the longest reason, order, figures and plan a request takes 360 bytes, so a record
/// stays below 50,000.
pub const REQUESTS_PER_RECORD_MAX: usize = 128;

/// Integers of a bar in a record: instrument, index, two times, four prices and the volume.
const BAR_ITEMS: usize = 9;

/// The bar that a decision is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DecidedBar {
    /// What was traded.
    pub instrument: InstrumentId,
    /// The bar's number among its instrument's bars of the run.
    pub index: u64,
    /// End of the interval.
    pub close_time: UnixNanos,
}

impl DecidedBar {
    /// The bar of the decision in `body`, without the rest of it.
    ///
    /// # Errors
    ///
    /// Returns [`CborError`] if the body does not begin as a decision does.
    pub fn of(body: &[u8]) -> Result<Self, CborError> {
        let mut outer = CborReader::new(body);
        outer.array_of(3, "a decision of 3 items")?;
        outer.u64()?;
        let mut reader = CborReader::new(outer.byte_string()?);
        reader.array_of(7, "a deterministic part of 7 items")?;
        reader.u64()?;
        reader.array_of(BAR_ITEMS, "a bar of 9 items")?;
        let (instrument, index) = (InstrumentId(reader.u32()?), reader.u64()?);
        let _open_time = reader.i64()?;
        Ok(Self {
            instrument,
            index,
            close_time: UnixNanos(reader.i64()?),
        })
    }
}

/// Whether the decision in `body` is an answer without a request. Nothing behind the requests is read.
///
/// # Errors
///
/// Returns [`CborError`] if the body does not begin as a decision does.
pub fn is_silent_decision(body: &[u8]) -> Result<bool, CborError> {
    let mut outer = CborReader::new(body);
    outer.array_of(3, "a decision of 3 items")?;
    outer.u64()?;
    let mut reader = CborReader::new(outer.byte_string()?);
    reader.array_of(7, "a deterministic part of 7 items")?;
    // The digested kind, as in `decode`: the outer one could be that of another record.
    if reader.u64()? != KIND_DECISION {
        return Err(CborError {
            offset: 1,
            expected: "a decision",
        });
    }
    reader.array_of(BAR_ITEMS, "a bar of 9 items")?;
    for _ in 0..BAR_ITEMS {
        reader.skip_integer()?;
    }
    // Null is the bar of a fault, which is no answer.
    Ok(!reader.null() && reader.array()? == 0)
}

/// Tells the first record of each decision from those that continue it, in a journal read front to back.
#[derive(Clone, Copy, Debug, Default)]
pub struct DecisionStarts {
    last: Option<DecidedBar>,
}

impl DecisionStarts {
    /// Whether a record about this bar begins a decision. No bar is decided twice, so one about the bar of the record
    /// before continues it.
    pub fn begins(&mut self, bar: DecidedBar) -> bool {
        self.last.replace(bar) != Some(bar)
    }
}

impl DecisionRecord {
    /// The bar that is decided.
    #[must_use]
    pub fn decided_bar(&self) -> DecidedBar {
        let bar = self.bar.get();
        DecidedBar {
            instrument: bar.instrument,
            index: self.index,
            close_time: bar.close_time,
        }
    }

    /// The decision as records that fit in an entry each. All but the first have fuel 0.
    #[must_use]
    pub fn into_parts(mut self) -> Vec<Self> {
        let mut parts = Vec::new();
        loop {
            let rest = self.split_off();
            let next = rest.map(|(requests, verdicts, plans)| Self {
                requests: Some(requests),
                verdicts,
                circumstances: DecisionCircumstances {
                    fuel: 0,
                    plans,
                    times: self.circumstances.times,
                },
                ..self
            });
            parts.push(self);
            match next {
                None => return parts,
                Some(next) => self = next,
            }
        }
    }

    /// Takes out what no longer fits in one record.
    fn split_off(&mut self) -> Option<(Vec<Request>, Vec<RiskVerdict>, Vec<PlanNote>)> {
        let requests = self.requests.as_mut()?;
        if requests.len() <= REQUESTS_PER_RECORD_MAX {
            return None;
        }
        let requests = requests.split_off(REQUESTS_PER_RECORD_MAX);
        let verdicts = self.verdicts.len().min(REQUESTS_PER_RECORD_MAX);
        let verdicts = self.verdicts.split_off(verdicts);
        // One plan for each approved request, in their sequence.
        let approved = self.verdicts.iter();
        let approved = approved.filter(|one| **one == RiskVerdict::Approved);
        let plans = approved.count().min(self.circumstances.plans.len());
        Some((
            requests,
            verdicts,
            self.circumstances.plans.split_off(plans),
        ))
    }

    /// Adds the requests, verdicts and plans of a record that continues this one.
    pub fn append(&mut self, part: Self) {
        if let (Some(requests), Some(more)) = (&mut self.requests, part.requests) {
            requests.extend(more);
        }
        self.verdicts.extend(part.verdicts);
        self.circumstances.plans.extend(part.circumstances.plans);
    }

    /// Whether a record that continues this one may follow.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let requests = self.requests.as_ref().map_or(0, Vec::len);
        requests == REQUESTS_PER_RECORD_MAX
    }

    /// Appends the deterministic part.
    pub fn encode_digested(&self, out: &mut Vec<u8>) {
        cbor::put_array(out, 7);
        // In the digested part too: two kinds of record with equal items must not have equal digests.
        cbor::put_u64(out, KIND_DECISION);
        put_bar(out, &self.bar, self.index);
        match &self.requests {
            None => cbor::put_null(out),
            Some(requests) => {
                cbor::put_array(out, requests.len());
                for request in requests {
                    put_request(out, request);
                }
            }
        }
        cbor::put_array(out, self.verdicts.len());
        for verdict in &self.verdicts {
            put_verdict(out, verdict);
        }
        cbor::put_i128(out, self.cash.0);
        cbor::put_i128(out, self.equity.0);
        cbor::put_i64(out, self.position.0);
    }

    /// Appends the record, given its deterministic part.
    pub fn encode(&self, digested: &[u8], out: &mut Vec<u8>) {
        cbor::put_array(out, 3);
        cbor::put_u64(out, KIND_DECISION);
        cbor::put_bytes(out, digested);
        let circumstances = &self.circumstances;
        cbor::put_array(out, if circumstances.times.is_some() { 4 } else { 2 });
        cbor::put_u64(out, circumstances.fuel);
        put_plans(out, &circumstances.plans);
        if let Some((received, decided)) = circumstances.times {
            cbor::put_i64(out, received.0);
            cbor::put_i64(out, decided.0);
        }
    }

    /// The decision in `body`.
    ///
    /// # Errors
    ///
    /// Returns [`CborError`] if the bytes are not what [`DecisionRecord::encode`] writes.
    pub fn decode(body: &[u8]) -> Result<Self, CborError> {
        let mut outer = CborReader::new(body);
        outer.array_of(3, "a decision of 3 items")?;
        outer.u64()?;
        // Two readers: what is inside this byte string is digested as it was recorded, and what is beside
        // it is not.
        let mut reader = CborReader::new(outer.byte_string()?);
        let circumstances = read_circumstances(&mut outer)?;
        // Before the digested part is read: nothing may follow the circumstances.
        outer.end()?;
        reader.array_of(7, "a deterministic part of 7 items")?;
        // The outer kind is not digested: believed alone, it could pass the part of another kind off as a
        // decision.
        if reader.u64()? != KIND_DECISION {
            return Err(CborError {
                offset: 1,
                expected: "a decision",
            });
        }
        let (bar, index) = read_bar(&mut reader)?;
        let requests = if reader.null() {
            None
        } else {
            let items = reader.array()?;
            Some(
                (0..items)
                    .map(|_| read_request(&mut reader))
                    .collect::<Result<_, _>>()?,
            )
        };
        let items = reader.array()?;
        let verdicts = (0..items)
            .map(|_| read_verdict(&mut reader))
            .collect::<Result<_, _>>()?;
        let cash = Money(reader.i128()?);
        let equity = Money(reader.i128()?);
        let position = Quantity(reader.i64()?);
        reader.end()?;
        Ok(Self {
            bar,
            index,
            requests,
            verdicts,
            cash,
            equity,
            position,
            circumstances,
        })
    }
}

/// Appends the notes of plans.
pub(super) fn put_plans(out: &mut Vec<u8>, plans: &[PlanNote]) {
    cbor::put_array(out, plans.len());
    for note in plans {
        cbor::put_array(out, 2);
        cbor::put_bytes(out, note.plan.0.bytes());
        cbor::put_u64(out, note.token);
    }
}

pub(super) fn read_plans(reader: &mut CborReader<'_>) -> Result<Vec<PlanNote>, CborError> {
    let count = reader.array()?;
    // Safe to size: `array` allows at most as many items as bytes are left.
    let mut plans = Vec::with_capacity(count);
    for _ in 0..count {
        reader.array_of(2, "a plan of 2 items")?;
        plans.push(PlanNote {
            plan: PlanDigest(reader.digest()?),
            token: reader.u64()?,
        });
    }
    Ok(plans)
}

fn read_circumstances(reader: &mut CborReader<'_>) -> Result<DecisionCircumstances, CborError> {
    let items = reader.array()?;
    let fuel = reader.u64()?;
    let plans = read_plans(reader)?;
    // Both times or neither: the encoder writes no other form.
    let times = match items {
        2 => None,
        4 => Some((UnixNanos(reader.i64()?), UnixNanos(reader.i64()?))),
        _ => {
            return Err(CborError {
                offset: 0,
                expected: "circumstances of 2 or 4 items",
            });
        }
    };
    Ok(DecisionCircumstances { fuel, plans, times })
}

fn put_bar(out: &mut Vec<u8>, bar: &ClosedBar, index: u64) {
    let bar = bar.get();
    cbor::put_array(out, BAR_ITEMS);
    cbor::put_u64(out, u64::from(bar.instrument.0));
    cbor::put_u64(out, index);
    let fields = [
        bar.open_time.0,
        bar.close_time.0,
        bar.open.0,
        bar.high.0,
        bar.low.0,
    ];
    for field in fields.into_iter().chain([bar.close.0, bar.volume.0]) {
        cbor::put_i64(out, field);
    }
}

fn read_bar(reader: &mut CborReader<'_>) -> Result<(ClosedBar, u64), CborError> {
    reader.array_of(BAR_ITEMS, "a bar of 9 items")?;
    let instrument = InstrumentId(reader.u32()?);
    let index = reader.u64()?;
    let raw = RawBar {
        instrument,
        open_time: UnixNanos(reader.i64()?),
        close_time: UnixNanos(reader.i64()?),
        open: Price(reader.i64()?),
        high: Price(reader.i64()?),
        low: Price(reader.i64()?),
        close: Price(reader.i64()?),
        volume: Volume(reader.i64()?),
    };
    // A record is input too: a bar that could not have closed is refused before anything computes with
    // it. Which prices its instrument may have is in the manifest: the run that takes the bar checks it.
    let bar = ClosedBar::parse_in(raw, PriceRange::Any).map_err(|_| CborError {
        offset: 0,
        expected: "a closed bar",
    })?;
    Ok((bar, index))
}

/// A code's number: its place in [`OrderCode::ALL`]. 0 is "no code".
pub(super) fn code_number(code: OrderCode) -> u64 {
    number_in(&OrderCode::ALL, &code)
}

pub(super) fn read_code(reader: &mut CborReader<'_>) -> Result<OrderCode, CborError> {
    // Read as "no code", an unknown one would turn a refusal into an approval.
    reader.item_of(&OrderCode::ALL, "a known code")
}

fn put_verdict(out: &mut Vec<u8>, verdict: &RiskVerdict) {
    match verdict {
        RiskVerdict::Approved => cbor::put_u64(out, 0),
        RiskVerdict::Refused(RiskRefusal {
            code,
            figures: None,
        }) => cbor::put_u64(out, code_number(*code)),
        RiskVerdict::Refused(RiskRefusal {
            code,
            figures: Some(figures),
        }) => {
            cbor::put_array(out, 3);
            cbor::put_u64(out, code_number(*code));
            cbor::put_i128(out, figures.asked);
            cbor::put_i128(out, figures.limit);
        }
    }
}

fn read_verdict(reader: &mut CborReader<'_>) -> Result<RiskVerdict, CborError> {
    let has_figures = reader.is_array();
    if has_figures {
        reader.array_of(3, "a verdict of 3 items")?;
    }
    let code = read_code(reader)?;
    // A code has figures always or never: one refusal has one form.
    if has_figures != code.figure_unit().is_some() {
        return Err(CborError {
            offset: 0,
            expected: "figures for exactly the codes that have them",
        });
    }
    // The number of an approval is that of "no code".
    if code == OrderCode::None {
        return Ok(RiskVerdict::Approved);
    }
    let figures = if has_figures {
        Some(LimitFigures {
            asked: reader.i128()?,
            limit: reader.i128()?,
        })
    } else {
        None
    };
    Ok(RiskVerdict::Refused(RiskRefusal { code, figures }))
}
