//! The one path a bar takes. Backtest, paper, live, replay and verification all call
//! [`Run::step`] with other strategies, venues, journals and clocks plugged in; nothing here
//! knows which of them it serves.

mod decide;
mod deliver;
mod error;
mod host_orders;
mod recorded_times;

use alloc::string::ToString as _;
use alloc::vec;
use alloc::vec::Vec;

pub use error::RunError;
pub use recorded_times::RecordedTimes;

use crate::account::Account;
use crate::bar_grid::BarSequence;
use crate::decision_digest::DecisionDigest;
use crate::execution::{Delivery, OrderEvent};
use crate::instrument::Instrument;
use crate::journal::{self, Journal, Receipt, RecordBytes, RecordSeal};
use crate::manifest::RunSetup;
use crate::order::{Intent, Request};
use crate::plan::{Authorized, TokenIssuer};
use crate::record::{
    Callback, CloseReason, CloseRecord, FaultAction, FaultRecord, PositionsRecord, RequestCounts,
    positions_digest,
};
use crate::risk::{Approved, MaintenanceMargin, RiskContext, RiskGate, RiskRefusal};
use crate::seen_ids::SeenIds;
use crate::slice::Slice;
use crate::strategy::{AccountView, Strategy, StrategyFault, WorkingOrder};
use crate::time::UnixNanos;
use crate::units::{BasisPoints, Money, Quantity};
use crate::venue::Venue;

/// Where the times of a run's decisions come from. A backtest's clock has none.
pub trait RunClock {
    /// When the slice being decided was received, and what time it is now.
    fn times(&mut self) -> Option<(UnixNanos, UnixNanos)>;

    /// Notes that the next slice was received now. A clock without time does nothing.
    fn note_receipt(&mut self) {}
}

/// The clock of a backtest: it has no time.
#[derive(Clone, Copy, Debug)]
pub struct NoClock;

impl RunClock for NoClock {
    fn times(&mut self) -> Option<(UnixNanos, UnixNanos)> {
        None
    }
}

/// The strategy, venue, journal and clock that a run is plugged into.
#[derive(Debug)]
pub struct RunPorts<'a, S, V, J, C> {
    /// Decides on each bar.
    pub strategy: &'a mut S,
    /// Takes released orders and reports their executions.
    pub venue: &'a mut V,
    /// Accepts records.
    pub journal: &'a mut J,
    /// Gives the times that decisions are recorded with.
    pub clock: &'a mut C,
}

/// Whether a run takes another slice.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub enum StepOutcome {
    /// It takes the next slice.
    Running,
    /// The guest was at fault: the fault is recorded, and the run can only be closed.
    Faulted,
}

/// How a run ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClosedRun {
    pub close: CloseRecord,
    /// The position in each instrument.
    pub positions: Vec<Quantity>,
}

/// What a run has counted so far.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RunTotals {
    /// Bars decided.
    pub decisions: u64,
    /// Fills booked.
    pub fills: u64,
    /// Requests that the risk gate approved.
    pub approved: u64,
    /// Requests that the risk gate refused.
    pub refused: u64,
}

/// One component over one feed: the state machine that [`Run::step`] advances.
#[derive(Debug)]
pub struct Run {
    instruments: Vec<Instrument>,
    warm_up: u64,
    on_fault: FaultAction,
    gate: RiskGate,
    /// Requests of one answer that the gate reviews.
    requests_per_bar: usize,
    /// Requests of the current slice so far.
    slice_requests: usize,
    maintenance: MaintenanceMargin,
    borrow: BasisPoints,
    account: Account,
    /// Whether equity was below the maintenance margin at the last mark.
    margin_call: bool,
    /// How many orders the host itself has sent.
    host_orders: u64,
    tokens: TokenIssuer,
    seen: SeenIds,
    working: Vec<WorkingOrder>,
    /// Refusals to report to the strategy at the start of the next slice.
    refusals: Vec<OrderEvent>,
    bars: BarSequence,
    /// Bars decided, by instrument.
    indices: Vec<u64>,
    last_close: Option<UnixNanos>,
    /// Whether a slice without bars was taken: it comes after the last bars, and no slice after it.
    is_past_bars: bool,
    /// Why the run takes no more slices; `None` while it does.
    ended: Option<CloseReason>,
    day: DayLimitsState,
    /// Nanoseconds from the current bar's close to its decision; `None` without a clock.
    bar_age: Option<i64>,
    /// The most of it.
    bar_age_max: Option<i64>,
    revision: u64,
    totals: RunTotals,
    buffers: StepBuffers,
}

/// What the limits of one UTC day are measured against.
#[derive(Clone, Copy, Debug)]
struct DayLimitsState {
    /// Orders approved on the current day.
    orders_approved: u32,
    /// Equity at the last mark of the day before.
    opening_equity: Money,
}

/// The close times of the current slice and of the one before it.
#[derive(Clone, Copy, Debug)]
struct SliceTimes {
    close: UnixNanos,
    /// `None` for the first slice.
    previous_close: Option<UnixNanos>,
}

/// Buffers that every bar reuses, so that a step allocates little.
#[derive(Debug, Default)]
struct StepBuffers {
    deliveries: Vec<Delivery>,
    requests: Vec<Request>,
    authorized: Vec<Authorized>,
    digested: Vec<u8>,
    body: Vec<u8>,
}

impl Run {
    /// A run that has seen no bar.
    #[must_use]
    pub fn new(setup: &RunSetup) -> Self {
        let count = setup.instruments.len();
        Self {
            instruments: setup.instruments.clone(),
            warm_up: setup.warm_up,
            on_fault: setup.on_fault,
            gate: RiskGate::new(setup.risk, setup.leverage),
            requests_per_bar: setup.requests_per_bar,
            slice_requests: 0,
            maintenance: setup.maintenance,
            borrow: setup.costs.borrow,
            account: Account::new(setup.account_kind, setup.cash, count),
            margin_call: false,
            host_orders: 0,
            tokens: TokenIssuer::default(),
            bar_age_max: setup.risk.live.bar_age_max,
            seen: SeenIds::default(),
            working: Vec::new(),
            refusals: Vec::new(),
            bars: setup.bar_sequence(),
            indices: vec![0; count],
            last_close: None,
            is_past_bars: false,
            ended: None,
            day: DayLimitsState {
                orders_approved: 0,
                opening_equity: setup.cash,
            },
            bar_age: None,
            revision: 0,
            totals: RunTotals::default(),
            buffers: StepBuffers::default(),
        }
    }

    /// Takes one slice down the path: corporate actions, executions, account, deliveries, marks,
    /// margin, then for each bar strategy, risk gate, plan, token, record, journal, and only then
    /// release to the venue. A slice without bars ends with its deliveries.
    ///
    /// # Errors
    ///
    /// Returns [`RunError`] if the host, the venue or the journal fails. No further order is released
    /// then.
    pub fn step<S, V, J, C>(
        &mut self,
        slice: &Slice,
        ports: &mut RunPorts<'_, S, V, J, C>,
    ) -> Result<StepOutcome, RunError<J::Error>>
    where
        S: Strategy,
        V: Venue,
        J: Journal,
        C: RunClock,
    {
        let times = self.enter(slice)?;
        let time = times.close;
        // Before anything of the new day is booked: the day's loss is measured from the last mark of the
        // day before, so a gap over night counts for the new day.
        if times
            .previous_close
            .is_some_and(|before| before.day() != time.day())
        {
            self.day = DayLimitsState {
                orders_approved: 0,
                opening_equity: self.account.equity(),
            };
        }
        self.take_deliveries(slice, times, ports.venue)?;
        // All executions are booked before the first callback: a fault in one of them leaves nothing
        // unbooked.
        let mut fault = self.deliver(time, ports)?;
        // Every instrument is marked before the first decision: a strategy that trades two of them must
        // not see one at this close and the other at the close before.
        for bar in slice.bars() {
            let id = bar.get().instrument;
            let instrument = self
                .instruments
                .get(id.index())
                .ok_or(RunError::UnknownInstrument { id })?;
            self.account.mark(instrument, bar)?;
        }
        // Checks the account's identities. A run whose books do not add up stops here, before it can
        // decide on wrong numbers.
        self.account.settle()?;
        // A guest keeps its copy of the account until this changes. Only equality counts, so it may wrap.
        self.revision = self.revision.wrapping_add(1);
        // Without a bar there is no mark, and an order of the host could not fill any more.
        if fault.is_none() && !slice.bars().is_empty() {
            self.check_margin(time, ports)?;
        }
        self.slice_requests = 0;
        for (place, bar) in slice.bars().iter().enumerate() {
            let view = self.view_of(bar, place, slice)?;
            if fault.is_none() {
                let stopped = self.decide(&view, ports)?;
                fault = stopped.map(|fault| (Callback::OnBar, fault));
            } else {
                // The guest is dead, but the rest of the slice is still recorded, without an answer, so
                // that the journal alone holds the whole input of every slice.
                self.record_undecided(&view, ports)?;
            }
        }
        if let Some((callback, fault)) = fault {
            return self.stop_on_fault(callback, time, fault, ports);
        }
        Ok(StepOutcome::Running)
    }

    /// Records a fault of `init`; the run can only be closed after it.
    ///
    /// # Errors
    ///
    /// Returns [`RunError`] if the journal does not take the record.
    pub fn fail_init<S, V, J, C>(
        &mut self,
        fault: StrategyFault,
        ports: &mut RunPorts<'_, S, V, J, C>,
    ) -> Result<StepOutcome, RunError<J::Error>>
    where
        V: Venue,
        J: Journal,
    {
        self.stop_on_fault(Callback::Init, UnixNanos(0), fault, ports)
    }

    /// Appends what the run holds, and the close record with its summary.
    ///
    /// # Errors
    ///
    /// Returns [`RunError`] if the journal does not take the record.
    pub fn close<J: Journal>(
        &mut self,
        digest: &DecisionDigest,
        journal: &mut J,
    ) -> Result<ClosedRun, RunError<J::Error>> {
        let positions = self.account.positions().iter();
        let positions: Vec<Quantity> = positions.map(|position| position.quantity).collect();
        // The close record is the last one, so that a journal that lacks its end shows it.
        for part in positions.chunks(PositionsRecord::ITEMS_MAX) {
            self.buffers.body.clear();
            PositionsRecord::encode(part, &mut self.buffers.body);
            self.append_outside(journal, RecordSeal::Later)?;
        }
        let close = CloseRecord {
            reason: self.ended.unwrap_or(CloseReason::EndOfData),
            decisions: self.totals.decisions,
            fills: self.totals.fills,
            requests: RequestCounts {
                approved: self.totals.approved,
                refused: self.totals.refused,
            },
            decision_digest: digest.value(),
            cash: self.account.cash(),
            equity: self.account.equity(),
            fees: self.account.fees(),
            slippage: self.account.slippage(),
            realized: self.account.realized(),
            borrow: self.account.borrow(),
            dividends: self.account.dividends(),
            positions_sha256: positions_digest(positions.iter().copied()),
        };
        self.buffers.body.clear();
        close.encode(&mut self.buffers.body);
        self.append_outside(journal, RecordSeal::Now)?;
        Ok(ClosedRun { close, positions })
    }

    /// The account as of now.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// Close time of the last slice; `None` before the first.
    #[must_use]
    pub fn last_close(&self) -> Option<UnixNanos> {
        self.last_close
    }

    /// What the run has counted so far.
    #[must_use]
    pub fn totals(&self) -> RunTotals {
        self.totals
    }

    /// Checks that the run can take the slice now, and returns its close time and that of the slice
    /// before.
    fn enter<E>(&mut self, slice: &Slice) -> Result<SliceTimes, RunError<E>> {
        let time = slice.time().ok_or(RunError::EmptySlice)?;
        if self.ended.is_some() {
            return Err(RunError::Ended);
        }
        let has_bars = !slice.bars().is_empty();
        // Between bars it would begin a day of its own, and the limits of a day anew.
        if self.is_past_bars {
            return Err(RunError::PastBars { time });
        }
        // A feed that repeats or reorders slices would let a strategy decide twice on one bar, or on a
        // bar older than its own orders. Actions alone may follow at the last close itself, the first moment
        // after its bars.
        let is_late = |last: &UnixNanos| {
            if has_bars {
                *last >= time
            } else {
                *last > time
            }
        };
        if let Some(last) = self.last_close.filter(is_late) {
            return Err(RunError::OutOfOrder { time, last });
        }
        for bar in slice.bars() {
            // The manifest's timeframe is what was authorized. Whatever feed, journal or snapshot a bar comes from,
            // none of another length is decided.
            let id = bar.get().instrument;
            let instrument = self
                .instruments
                .get(id.index())
                .ok_or(RunError::UnknownInstrument { id })?;
            self.bars
                .check(bar.get())
                .map_err(|misfit| RunError::BarMisfit {
                    symbol: instrument.symbol().to_string(),
                    misfit,
                })?;
            // The range of prices is in the manifest too, which whoever read the bars may not have had.
            if !instrument.prices().allows(bar.get().low) {
                let symbol = instrument.symbol().into();
                return Err(RunError::NotPositive { symbol });
            }
        }
        let before = self.last_close;
        for action in slice.actions() {
            let (id, ex_time) = (action.instrument, action.ex_time);
            // An action of another slice would be applied to positions and prices of the wrong time.
            let is_after = has_bars && ex_time >= time;
            if is_after || before.is_some_and(|before| ex_time < before) {
                return Err(RunError::ActionTime { id, ex_time, time });
            }
        }
        // Last: a refused slice must not move the time that the next one is compared with.
        self.last_close = Some(time);
        self.is_past_bars = !has_bars;
        slice
            .bars()
            .iter()
            .for_each(|bar| self.bars.take(bar.get()));
        Ok(SliceTimes {
            close: time,
            previous_close: before,
        })
    }

    /// Records the fault, and treats working orders as the manifest's `on-fault` says.
    fn stop_on_fault<S, V, J, C>(
        &mut self,
        callback: Callback,
        time: UnixNanos,
        fault: StrategyFault,
        ports: &mut RunPorts<'_, S, V, J, C>,
    ) -> Result<StepOutcome, RunError<J::Error>>
    where
        V: Venue,
        J: Journal,
    {
        // Set first: whatever fails below, this run takes no further slice.
        self.ended = Some(CloseReason::Fault);
        let record = FaultRecord {
            callback,
            time,
            fault: fault.fault,
            message: fault.message,
            action: self.on_fault,
            trace: fault.trace,
        };
        self.buffers.digested.clear();
        record.encode_digested(&mut self.buffers.digested);
        self.buffers.body.clear();
        record.encode(&self.buffers.digested, &mut self.buffers.body);
        let _receipt = self.append(ports.journal, RecordSeal::AtCadence)?;
        self.wind_down(self.on_fault, ports)?;
        Ok(StepOutcome::Faulted)
    }

    /// Appends the record in the buffers.
    fn append<J: Journal>(
        &self,
        journal: &mut J,
        seal: RecordSeal,
    ) -> Result<Receipt, RunError<J::Error>> {
        self.append_noting(journal, seal, false)
    }

    /// As [`Run::append`], of a record that may be silent.
    fn append_noting<J: Journal>(
        &self,
        journal: &mut J,
        seal: RecordSeal,
        is_silent: bool,
    ) -> Result<Receipt, RunError<J::Error>> {
        let digested = Some(self.buffers.digested.as_slice());
        let record = RecordBytes {
            body: &self.buffers.body,
            digested,
            seal,
            is_silent,
        };
        journal::append(journal, record).map_err(RunError::Journal)
    }

    /// Appends the body in the buffers as a record outside the decision digest. The close record states the digest, so
    /// it cannot be part of it.
    fn append_outside<J: Journal>(
        &self,
        journal: &mut J,
        seal: RecordSeal,
    ) -> Result<(), RunError<J::Error>> {
        let record = RecordBytes {
            body: &self.buffers.body,
            digested: None,
            seal,
            is_silent: false,
        };
        let _receipt = journal::append(journal, record).map_err(RunError::Journal)?;
        Ok(())
    }

    /// Releases the authorized plans in the buffers to the venue. After one that the venue did not
    /// take, it releases only cancels.
    fn release<V: Venue, E>(
        &mut self,
        receipt: &Receipt,
        venue: &mut V,
    ) -> Result<(), RunError<E>> {
        // After an error the state of that one order is unknown, so no new risk may go out. Cancels still
        // do: they cannot add risk, and the run may not come back to send them.
        let mut first = Ok(());
        for authorized in self.buffers.authorized.drain(..) {
            let released = authorized.release(receipt);
            if first.is_err() && !matches!(released.intent(), Intent::Cancel(_)) {
                continue;
            }
            let sent = venue.send(released);
            first = first.and(sent);
        }
        Ok(first?)
    }

    /// The account with its working orders as of now.
    #[must_use]
    pub fn account_view(&self) -> AccountView<'_> {
        AccountView {
            account: &self.account,
            working: &self.working,
            revision: self.revision,
        }
    }

    fn review(
        &self,
        intent: Intent,
        warming_up: bool,
        approved_on_bar: u32,
    ) -> Result<Approved, RiskRefusal> {
        let context = self.risk_context(warming_up, approved_on_bar);
        self.gate.review(intent, &context)
    }

    /// What the gate decides from.
    fn risk_context(&self, warming_up: bool, approved_on_bar: u32) -> RiskContext<'_> {
        RiskContext {
            instruments: &self.instruments,
            account: &self.account,
            working: &self.working,
            approved_on_bar,
            warming_up,
            margin_call: self.margin_call,
            approved_on_day: self.day.orders_approved,
            day_equity: self.day.opening_equity,
            bar_age: self.bar_age,
        }
    }
}
