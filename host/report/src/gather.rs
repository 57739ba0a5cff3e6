//! From a journal's records to facts, one record at a time: the only file that reads records. It
//! must never know where records are stored or how facts are shown.

use std::collections::BTreeMap;

use counterfoil_trading::corporate::{CorporateActionKind, SplitRatio};
use counterfoil_trading::execution::{AppliedAction, BorrowFee, Delivery, Fill, OrderEvent};
use counterfoil_trading::instrument::Instrument;
use counterfoil_trading::manifest::{Manifest, ManifestError, RunSetup};
use counterfoil_trading::record::{
    CloseReason, CloseRecord, DecisionRecord, DecisionStarts, FaultAction, PositionsRecord,
    RiskVerdict, RunRecord,
};
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::units::{Money, Price, Quantity};

use crate::book::{BookedFill, TradeBook};
use crate::facts::{
    FaultFacts, FillMark, InstrumentFacts, OrderFacts, RunEnding, RunFacts, SliceFacts,
    TradingCosts,
};
use crate::number;
use crate::order_watch::{OrderOrigin, OrderWatch};
use crate::thin::{BUCKETS_WIDE, ThinnedLine};
use crate::trade::{RoundTrip, TradeEnd};

/// Why no facts could be gathered from a journal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GatherError {
    /// The manifest does not hold.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A record names an instrument that the manifest does not have.
    #[error("entry {entry} names instrument {instrument}, which the manifest does not have")]
    UnknownInstrument { entry: u64, instrument: u32 },
    /// An amount does not fit.
    #[error("an amount in entry {entry} does not fit in 128 bits")]
    Overflow { entry: u64 },
}

/// One instrument while records come in.
#[derive(Debug, Default)]
struct HeldInstrument {
    book: TradeBook,
    mark: Option<Price>,
    /// The absolute value of the position.
    value: Money,
}

impl HeldInstrument {
    /// Values a position at the mark, and returns the run's exposure with it; `None` on overflow.
    fn revalue(
        &mut self,
        instrument: &Instrument,
        position: Quantity,
        exposure: Money,
    ) -> Option<Money> {
        let value = match self.mark {
            None => Money::ZERO,
            Some(mark) => instrument.notional(mark, position)?,
        };
        // Gross: a long and a short position of one size are twice the risk and not none.
        let value = Money(value.0.checked_abs()?);
        // Only this instrument's part changes: summing all positions at every bar would take the
        // square of their number.
        let others = exposure.minus(self.value)?;
        self.value = value;
        others.plus(value)
    }
}

/// Gathers facts from records.
#[derive(Debug)]
pub struct FactsGatherer {
    facts: RunFacts,
    held: Vec<HeldInstrument>,
    exposure: Money,
    orders: OrderWatch,
    /// The time of deliveries after the last decision.
    undecided: Option<UnixNanos>,
    starts: DecisionStarts,
    /// How many instruments' positions at the end were read.
    positions: usize,
}

impl FactsGatherer {
    /// Nothing gathered yet, for a run of this manifest.
    ///
    /// # Errors
    ///
    /// Returns [`GatherError`] if the manifest does not hold.
    pub fn new(manifest: &Manifest) -> Result<Self, GatherError> {
        let setup: RunSetup = manifest.setup()?;
        let lines = |_: &Instrument| InstrumentFacts {
            price: ThinnedLine::new(BUCKETS_WIDE),
            position: ThinnedLine::new(BUCKETS_WIDE),
            marks: Vec::new(),
            traded: Money::ZERO,
            bars: 0,
            slices: Vec::new(),
        };
        Ok(Self {
            held: setup
                .instruments
                .iter()
                .map(|_| HeldInstrument::default())
                .collect(),
            exposure: Money::ZERO,
            orders: OrderWatch::new(&setup),
            undecided: None,
            starts: DecisionStarts::default(),
            positions: 0,
            facts: RunFacts {
                starting_cash: setup.cash,
                timeframe: setup.timeframe,
                host: String::new(),
                slices: Vec::new(),
                tickers: vec![Vec::new(); setup.instruments.len()],
                lines: setup.instruments.iter().map(lines).collect(),
                instruments: setup.instruments,
                trades: Vec::new(),
                costs: TradingCosts::default(),
                traded: Money::ZERO,
                fuel: Vec::new(),
                orders: OrderFacts::default(),
                fault: None,
                refused_inputs: BTreeMap::new(),
                first_entries: (None, None),
                ending: RunEnding::NotClosed,
                stop: None,
            },
        })
    }

    /// Takes the next record of the journal, the one in `entry`.
    ///
    /// # Errors
    ///
    /// Returns [`GatherError`] if the record does not fit the manifest.
    pub fn record(&mut self, entry: u64, record: &RunRecord) -> Result<(), GatherError> {
        match record {
            RunRecord::Open(open) => self.facts.host.clone_from(&open.host.version),
            RunRecord::Deliveries(deliveries) => {
                self.undecided = Some(deliveries.time);
                for delivery in &deliveries.deliveries {
                    match delivery {
                        Delivery::Fill(fill) => self.fill(entry, fill)?,
                        Delivery::Event(event) => self.event(event),
                        Delivery::Action(applied) => {
                            self.action(entry, deliveries.time, applied)?;
                        }
                        Delivery::Borrow(borrow) => self.borrow(entry, borrow)?,
                    }
                }
            }
            RunRecord::Decision(decision) => self.decision(entry, decision)?,
            RunRecord::Fault(fault) => {
                self.facts.orders.canceled_at_end = fault.action != FaultAction::Leave;
                self.facts.fault = Some(FaultFacts {
                    name: fault.fault.name(),
                    callback: fault.callback.name(),
                    slice_close: fault.slice_close(),
                    message: fault.message.clone(),
                    trace: fault.trace.clone(),
                });
            }
            RunRecord::Stop(stop) => {
                let why = &stop.stop;
                self.facts.orders.canceled_at_end = stop.action != FaultAction::Leave;
                self.facts.stop = Some((why.cause.name(), why.message.clone()));
            }
            RunRecord::Close(close) => {
                self.final_slice(close);
                self.facts.ending = match close.reason {
                    CloseReason::EndOfData => RunEnding::EndOfData,
                    CloseReason::Fault => RunEnding::Fault,
                    CloseReason::Stopped => RunEnding::Stopped,
                };
            }
            RunRecord::MarginCall(call) => {
                self.facts.orders.margin_calls += 1;
                // The host's own orders: without this their trades would name no reason, as if the
                // strategy had kept it to itself.
                for order in &call.orders {
                    let reason = Some("margin call: the host's own order".to_owned());
                    self.orders.sent(*order, OrderOrigin { entry, reason });
                }
            }
            RunRecord::Positions(part) => self.end_positions(entry, part)?,
            // The manifest was read before.
            RunRecord::Manifest(_)
            | RunRecord::Commitments(_)
            | RunRecord::WindDown(_)
            | RunRecord::Inputs(_) => {}
            RunRecord::Refused(input) => {
                let seen = self.facts.refused_inputs.entry(input.reason.clone());
                *seen.or_default() += 1;
            }
        }
        Ok(())
    }

    /// Whether an order has not ended yet, or waits for the decision on the bar that ended it.
    pub(crate) fn has_open_orders(&self) -> bool {
        self.orders.has_open()
    }

    /// The facts, once all records were taken.
    #[must_use]
    pub fn finish(mut self) -> RunFacts {
        let instruments = &self.facts.instruments;
        // Open trades come after all closed ones, by instrument, whatever the journal's sequence.
        for (instrument, held) in instruments.iter().zip(self.held) {
            let open: Option<RoundTrip> = held.book.finish(instrument, held.mark);
            self.facts.trades.extend(open);
        }
        let orders = &mut self.facts.orders;
        (orders.working, orders.unfilled) = self.orders.finish();
        self.facts.fuel.sort_unstable();
        self.facts.count_slices();
        self.facts
    }

    fn fill(&mut self, entry: u64, fill: &Fill) -> Result<(), GatherError> {
        let place = fill.instrument.index();
        let (Some(instrument), Some(lines), Some(held)) = (
            self.facts.instruments.get(place),
            self.facts.lines.get_mut(place),
            self.held.get_mut(place),
        ) else {
            // A journal from elsewhere may verify and still name what its manifest lacks. It is refused
            // before anything of the record is counted.
            return Err(unknown(entry, fill.instrument.0));
        };
        let overflow = || GatherError::Overflow { entry };
        let value = instrument
            .notional(fill.price, fill.quantity)
            .ok_or_else(overflow)?;
        let asked = self.orders.filled(fill);
        let done = BookedFill {
            side: fill.side,
            quantity: fill.quantity,
            price: fill.price,
            fee: fill.fee,
            slippage: fill.slippage,
            end: TradeEnd {
                time: fill.time,
                // A fill comes before the decision on its bar.
                bar: lines.bars,
                entry: asked.as_ref().map(|asked| asked.entry),
                reason: asked.and_then(|asked| asked.reason),
            },
        };
        let trades = &mut self.facts.trades;
        held.book
            .fill(fill.instrument, instrument, &done, trades)
            .ok_or_else(overflow)?;
        lines.marks.push(FillMark {
            time: fill.time.0,
            price: number::decimal(fill.price.0.into(), instrument.price_scale()),
            side: fill.side,
        });
        // All four sums before any is stored, so that an error leaves no half-counted fill.
        let sums = || {
            Some((
                lines.traded.plus(value)?,
                self.facts.traded.plus(value)?,
                self.facts.costs.fees.plus(fill.fee)?,
                self.facts.costs.slippage.plus(fill.slippage)?,
            ))
        };
        let (here, all, fees, slipped) = sums().ok_or_else(overflow)?;
        lines.traded = here;
        self.facts.traded = all;
        self.facts.costs.fees = fees;
        self.facts.costs.slippage = slipped;
        self.facts.orders.fills += 1;
        self.facts.orders.clamped += u64::from(fill.clamped);
        Ok(())
    }

    /// Cash and holding that a corporate action changed.
    fn action(
        &mut self,
        entry: u64,
        time: UnixNanos,
        applied: &AppliedAction,
    ) -> Result<(), GatherError> {
        let id = applied.action.instrument;
        let place = id.index();
        let (Some(lines), Some(held)) = (self.facts.lines.get(place), self.held.get_mut(place))
        else {
            return Err(unknown(entry, id.0));
        };
        if let Some(instrument) = self.facts.instruments.get(place) {
            self.orders.action(&applied.action, instrument);
        }
        if let CorporateActionKind::SymbolChange { symbol } = &applied.action.kind
            && let Some(tickers) = self.facts.tickers.get_mut(place)
        {
            tickers.push((applied.action.ex_time, symbol.clone()));
        }
        let overflow = || GatherError::Overflow { entry };
        let end = || TradeEnd {
            time,
            bar: lines.bars,
            entry: None,
            reason: Some("corporate action".to_owned()),
        };
        let trades = &mut self.facts.trades;
        held.book
            .action(applied.quantity, applied.cash, end, trades)
            .ok_or_else(overflow)?;
        // The holding is in new units at once; at the old price it would show a gain that never was.
        if let (&CorporateActionKind::Split { new, old }, Some(mark)) =
            (&applied.action.kind, held.mark)
        {
            let mark = SplitRatio { new, old }.mark(mark);
            held.mark = Some(mark.ok_or_else(overflow)?);
        }
        if let Some(instrument) = self.facts.instruments.get(place) {
            let exposure = held.revalue(instrument, applied.quantity, self.exposure);
            self.exposure = exposure.ok_or_else(overflow)?;
        }
        if let CorporateActionKind::Dividend { .. } = applied.action.kind {
            let sum = self.facts.costs.dividends.plus(applied.cash);
            self.facts.costs.dividends = sum.ok_or_else(overflow)?;
        }
        Ok(())
    }

    fn borrow(&mut self, entry: u64, borrow: &BorrowFee) -> Result<(), GatherError> {
        let id = borrow.instrument;
        let held = self
            .held
            .get_mut(id.index())
            .ok_or_else(|| unknown(entry, id.0))?;
        let overflow = || GatherError::Overflow { entry };
        let sum = self.facts.costs.borrow.plus(borrow.fee);
        self.facts.costs.borrow = sum.ok_or_else(overflow)?;
        let trades = &mut self.facts.trades;
        held.book
            .borrow(id, borrow.fee, trades)
            .ok_or_else(overflow)
    }

    fn event(&mut self, event: &OrderEvent) {
        let key = (event.status.name(), event.code.name());
        *self.facts.orders.events.entry(key).or_default() += 1;
        self.orders.event(event);
    }

    fn decision(&mut self, entry: u64, decision: &DecisionRecord) -> Result<(), GatherError> {
        // A record that continues a decision adds its requests, and nothing else.
        if !self.starts.begins(decision.decided_bar()) {
            self.requests(entry, decision);
            return Ok(());
        }
        let bar = decision.bar.get();
        let place = bar.instrument.index();
        let (Some(instrument), Some(lines), Some(held)) = (
            self.facts.instruments.get(place),
            self.facts.lines.get_mut(place),
            self.held.get_mut(place),
        ) else {
            return Err(unknown(entry, bar.instrument.0));
        };
        // The account has the last word: a delisting or a symbol change moves a holding without a fill.
        let ended = held.book.settle(decision.position, || TradeEnd {
            time: bar.close_time,
            bar: decision.index,
            entry: None,
            reason: None,
        });
        self.facts.trades.extend(ended);
        held.mark = Some(bar.close);
        self.orders.bar(bar, instrument);
        let overflow = || GatherError::Overflow { entry };
        let exposure = held.revalue(instrument, decision.position, self.exposure);
        self.exposure = exposure.ok_or_else(overflow)?;
        let time = bar.close_time.0;
        let price = number::decimal(bar.close.0.into(), instrument.price_scale());
        let units = number::decimal(decision.position.0.into(), instrument.quantity_scale());
        lines.price.push((time, price));
        lines.position.push((time, units));
        lines.bars += 1;
        self.facts.fuel.push(decision.circumstances.fuel);
        self.undecided = None;
        let slice = SliceFacts {
            time: bar.close_time,
            cash: decision.cash,
            equity: decision.equity,
            exposure: self.exposure,
            counts: false,
        };
        // All decisions of a slice show one account; the last one knows every position.
        match self.facts.slices.last_mut() {
            Some(last) if last.time == slice.time => *last = slice,
            _ => self.facts.slices.push(slice),
        }
        let slice = self.facts.slices.len().saturating_sub(1);
        lines
            .slices
            .push(u32::try_from(slice).map_err(|_| overflow())?);
        self.requests(entry, decision);
        Ok(())
    }

    /// Values the positions at the end, which corporate actions after the last bar may have changed.
    fn end_positions(&mut self, entry: u64, part: &PositionsRecord) -> Result<(), GatherError> {
        let overflow = || GatherError::Overflow { entry };
        for position in &part.positions {
            let place = self.positions;
            let (Some(instrument), Some(held)) =
                (self.facts.instruments.get(place), self.held.get_mut(place))
            else {
                return Err(unknown(entry, u32::try_from(place).unwrap_or(u32::MAX)));
            };
            self.positions = place.saturating_add(1);
            let exposure = held.revalue(instrument, *position, self.exposure);
            self.exposure = exposure.ok_or_else(overflow)?;
        }
        Ok(())
    }

    /// The account after deliveries that no bar followed: without this a company that was delisted after its last bar
    /// would keep its last price.
    fn final_slice(&mut self, close: &CloseRecord) {
        let Some(time) = self.undecided.take() else {
            return;
        };
        let slice = SliceFacts {
            time,
            cash: close.cash,
            equity: close.equity,
            exposure: self.exposure,
            counts: true,
        };
        match self.facts.slices.last_mut() {
            // The market's time ends with the last bar. At the time of the action, a change of name years later would
            // stretch every figure of a year.
            Some(last) => {
                *last = SliceFacts {
                    time: last.time,
                    counts: last.counts,
                    ..slice
                };
            }
            None => self.facts.slices.push(slice),
        }
    }

    fn requests(&mut self, entry: u64, decision: &DecisionRecord) {
        let requests = decision.requests.as_deref().unwrap_or_default();
        let (first, asking) = &mut self.facts.first_entries;
        first.get_or_insert(entry);
        if !requests.is_empty() {
            asking.get_or_insert(entry);
        }
        for (request, verdict) in requests.iter().zip(&decision.verdicts) {
            match verdict {
                RiskVerdict::Approved => {
                    self.facts.orders.approved += 1;
                    if let Some(order) = request.intent.order() {
                        let reason = request.reason.clone();
                        self.orders.sent(*order, OrderOrigin { entry, reason });
                    }
                }
                RiskVerdict::Refused(refusal) => {
                    let code = refusal.code.name();
                    *self.facts.orders.refused.entry(code).or_default() += 1;
                }
            }
        }
    }
}

fn unknown(entry: u64, instrument: u32) -> GatherError {
    GatherError::UnknownInstrument { entry, instrument }
}
