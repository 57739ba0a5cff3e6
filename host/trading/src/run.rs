//! The one path a bar takes. Backtest, paper, live, replay and verification all call
//! [`Run::step`] with other strategies, venues, journals and clocks plugged in; nothing here
//! knows which of them it serves.

mod decide;
mod deliver;
mod error;
mod host_orders;
mod recorded_times;

use alloc::vec;
use alloc::vec::Vec;

pub use error::RunError;
pub use recorded_times::RecordedTimes;

use crate::account::Account;
use crate::decision_digest::DecisionDigest;
use crate::execution::{Delivery, OrderCode, OrderEvent};
use crate::instrument::Instrument;
use crate::journal::{self, Journal, Receipt, RecordBytes};
use crate::manifest::RunSetup;
use crate::order::{Intent, Request};
use crate::plan::{Authorized, TokenIssuer};
use crate::record::{Callback, CloseReason, CloseRecord, FaultAction, FaultRecord};
use crate::risk::{Approved, MaintenanceMargin, RiskContext, RiskGate};
use crate::seen_ids::SeenIds;
use crate::slice::Slice;
use crate::strategy::{AccountView, Strategy, StrategyFault, WorkingOrder};
use crate::time::UnixNanos;
use crate::units::{BasisPoints, Money};
use crate::venue::Venue;

/// Where the run's times come from. A backtest's clock knows none.
pub trait RunClock {
    /// When the slice being decided was received, and what time it is now.
    fn times(&mut self) -> Option<(UnixNanos, UnixNanos)>;

    /// Notes that the next slice was received now. A clock that knows no time does nothing.
    fn receive(&mut self) {}
}

/// A clock that knows no time.
#[derive(Clone, Copy, Debug)]
pub struct NoClock;

impl RunClock for NoClock {
    fn times(&mut self) -> Option<(UnixNanos, UnixNanos)> {
        None
    }
}

/// What is plugged into the path.
#[derive(Debug)]
pub struct RunPorts<'a, S, V, J, C> {
    /// Decides.
    pub strategy: &'a mut S,
    /// Takes released orders and says what became of them.
    pub venue: &'a mut V,
    /// Takes records.
    pub journal: &'a mut J,
    /// Tells times.
    pub clock: &'a mut C,
}

/// Whether a run goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub enum RunProgress {
    /// It waits for the next slice.
    Running,
    /// The guest was at fault: the fault is recorded, the run can only be closed.
    Faulted,
}

/// Counts of what a run did.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RunTotals {
    /// Bars decided.
    pub decisions: u64,
    /// Fills booked.
    pub fills: u64,
    /// Requests let through.
    pub approved: u64,
    /// Requests refused.
    pub refused: u64,
}

/// One component over one feed: the state machine.
#[derive(Debug)]
pub struct Run {
    instruments: Vec<Instrument>,
    warm_up: u64,
    on_fault: FaultAction,
    gate: RiskGate,
    maintenance: MaintenanceMargin,
    borrow: BasisPoints,
    account: Account,
    /// Whether equity was below the maintenance margin at the last mark.
    margin_call: bool,
    /// How many orders the host sent of its own accord.
    host_orders: u64,
    tokens: TokenIssuer,
    seen: SeenIds,
    working: Vec<WorkingOrder>,
    /// Refusals that the strategy hears of at the start of the next slice.
    refusals: Vec<OrderEvent>,
    /// Bars decided, by instrument.
    indices: Vec<u64>,
    last_close: Option<UnixNanos>,
    /// Why it takes no more slices, once it does not.
    ended: Option<CloseReason>,
    /// The UTC day at hand: orders let through on it, and equity before it.
    day: (u32, Money),
    /// Nanoseconds from the close of the bar at hand to its decision, where a clock tells.
    bar_age: Option<i64>,
    revision: u64,
    totals: RunTotals,
    room: StepBuffers,
}

/// Buffers that are used again for every bar.
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
            maintenance: setup.maintenance,
            borrow: setup.costs.borrow,
            account: Account::new(setup.account_kind, setup.cash, count),
            margin_call: false,
            host_orders: 0,
            tokens: TokenIssuer::default(),
            seen: SeenIds::default(),
            working: Vec::new(),
            refusals: Vec::new(),
            indices: vec![0; count],
            last_close: None,
            ended: None,
            day: (0, setup.cash),
            bar_age: None,
            revision: 0,
            totals: RunTotals::default(),
            room: StepBuffers::default(),
        }
    }

    /// Takes one slice down the path: corporate actions, executions, account, deliveries, marks,
    /// margin, then for each bar strategy, risk gate, plan, token, record, journal, and only then
    /// release to the venue.
    ///
    /// # Errors
    ///
    /// Returns [`RunError`] if the host, the venue or the journal cannot go on. Nothing that was
    /// not released before is released then.
    pub fn step<S, V, J, C>(
        &mut self,
        slice: &Slice,
        ports: &mut RunPorts<'_, S, V, J, C>,
    ) -> Result<RunProgress, RunError<J::Error>>
    where
        S: Strategy,
        V: Venue,
        J: Journal,
        C: RunClock,
    {
        let (time, before) = self.enter(slice)?;
        if before.is_some_and(|before| before.day() != time.day()) {
            self.day = (0, self.account.equity());
        }
        self.take_deliveries(slice, (time, before), ports.venue)?;
        let mut fault = self.deliver(time, ports)?;
        for bar in slice.bars() {
            let id = bar.get().instrument;
            let instrument = self
                .instruments
                .get(id.index())
                .ok_or(RunError::UnknownInstrument { id })?;
            self.account.mark(instrument, bar)?;
        }
        self.account.settle()?;
        self.revision = self.revision.wrapping_add(1);
        if fault.is_none() {
            self.check_margin(time, ports)?;
        }
        for (place, bar) in slice.bars().iter().enumerate() {
            let view = self.view_of(bar, place, slice)?;
            if fault.is_none() {
                let stopped = self.decide(&view, ports)?;
                fault = stopped.map(|fault| (Callback::OnBar, fault));
            } else {
                // The rest of the slice is recorded without an answer, so that the journal
                // alone holds the whole input of every slice.
                self.pass_over(&view, ports)?;
            }
        }
        if let Some((callback, fault)) = fault {
            return self.stop(callback, time, fault, ports);
        }
        Ok(RunProgress::Running)
    }

    /// Records a fault of `init`. The run can only be closed after it.
    ///
    /// # Errors
    ///
    /// Returns [`RunError`] if the journal does not take the record.
    pub fn fail_init<S, V, J, C>(
        &mut self,
        fault: StrategyFault,
        ports: &mut RunPorts<'_, S, V, J, C>,
    ) -> Result<RunProgress, RunError<J::Error>>
    where
        V: Venue,
        J: Journal,
    {
        self.stop(Callback::Init, UnixNanos(0), fault, ports)
    }

    /// Appends the closing record with the run's summary.
    ///
    /// # Errors
    ///
    /// Returns [`RunError`] if the journal does not take the record.
    pub fn close<J: Journal>(
        &mut self,
        digest: &DecisionDigest,
        journal: &mut J,
    ) -> Result<CloseRecord, RunError<J::Error>> {
        let close = CloseRecord {
            reason: self.ended.unwrap_or(CloseReason::EndOfData),
            decisions: self.totals.decisions,
            fills: self.totals.fills,
            requests: (self.totals.approved, self.totals.refused),
            decision_digest: digest.value(),
            cash: self.account.cash(),
            equity: self.account.equity(),
            fees: self.account.fees(),
            slippage: self.account.slippage(),
            realized: self.account.realized(),
            borrow: self.account.borrow(),
            dividends: self.account.dividends(),
            positions: self
                .account
                .positions()
                .iter()
                .map(|position| position.quantity)
                .collect(),
        };
        self.room.body.clear();
        close.encode(&mut self.room.body);
        let record = RecordBytes {
            body: &self.room.body,
            digested: None,
            is_decision: false,
        };
        let _receipt = journal::append(journal, record).map_err(RunError::Journal)?;
        Ok(close)
    }

    /// The account as of now.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// Close time of the last slice; none before the first.
    #[must_use]
    pub fn last_close(&self) -> Option<UnixNanos> {
        self.last_close
    }

    /// Counts of what the run did so far.
    #[must_use]
    pub fn totals(&self) -> RunTotals {
        self.totals
    }

    /// Checks that the slice may come now, and returns its close time and that of the slice
    /// before.
    fn enter<E>(&mut self, slice: &Slice) -> Result<(UnixNanos, Option<UnixNanos>), RunError<E>> {
        let time = slice.close_time().ok_or(RunError::EmptySlice)?;
        if self.ended.is_some() {
            return Err(RunError::Ended);
        }
        if let Some(last) = self.last_close.filter(|last| *last >= time) {
            return Err(RunError::OutOfOrder { time, last });
        }
        let before = self.last_close;
        for action in slice.actions() {
            let (id, ex_time) = (action.instrument, action.ex_time);
            if ex_time >= time || before.is_some_and(|before| ex_time < before) {
                return Err(RunError::ActionTime { id, ex_time, time });
            }
        }
        self.last_close = Some(time);
        Ok((time, before))
    }

    /// Records the fault, and does about working orders what the manifest says.
    fn stop<S, V, J, C>(
        &mut self,
        callback: Callback,
        time: UnixNanos,
        fault: StrategyFault,
        ports: &mut RunPorts<'_, S, V, J, C>,
    ) -> Result<RunProgress, RunError<J::Error>>
    where
        V: Venue,
        J: Journal,
    {
        self.ended = Some(CloseReason::Fault);
        let (canceled, flattened, _) = self.wind_down(self.on_fault)?;
        let record = FaultRecord {
            callback,
            time,
            fault: fault.fault,
            message: fault.message,
            action: self.on_fault,
            canceled,
            flattened,
            trace: fault.trace,
        };
        self.room.digested.clear();
        record.encode_digested(&mut self.room.digested);
        self.room.body.clear();
        record.encode(&self.room.digested, &mut self.room.body);
        let receipt = self.append(ports.journal, true)?;
        self.release(&receipt, ports.venue)?;
        Ok(RunProgress::Faulted)
    }

    /// Appends the record in the room.
    fn append<J: Journal>(
        &self,
        journal: &mut J,
        is_decision: bool,
    ) -> Result<Receipt, RunError<J::Error>> {
        let digested = Some(self.room.digested.as_slice());
        let record = RecordBytes {
            body: &self.room.body,
            digested,
            is_decision,
        };
        journal::append(journal, record).map_err(RunError::Journal)
    }

    /// Lets the authorized plans in the room out to the venue. After one that it does not take, only
    /// those that take orders back.
    fn release<V: Venue, E>(
        &mut self,
        receipt: &Receipt,
        venue: &mut V,
    ) -> Result<(), RunError<E>> {
        let mut first = Ok(());
        for authorized in self.room.authorized.drain(..) {
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
    ) -> Result<Approved, OrderCode> {
        let situation = self.situation(warming_up, approved_on_bar);
        self.gate.review(intent, &situation)
    }

    /// What the gate looks at.
    fn situation(&self, warming_up: bool, approved_on_bar: u32) -> RiskContext<'_> {
        RiskContext {
            instruments: &self.instruments,
            account: &self.account,
            working: &self.working,
            approved_on_bar,
            warming_up,
            margin_call: self.margin_call,
            approved_on_day: self.day.0,
            day_equity: self.day.1,
            bar_age: self.bar_age,
        }
    }
}
