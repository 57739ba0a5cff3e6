//! The guest's part, played from the journal's own records: what the strategy asked for, the fuel it used and
//! its fault.

use counterfoil_trading::corporate::CorporateAction;
use counterfoil_trading::execution::{Fill, OrderEvent};
use counterfoil_trading::order::Request;
use counterfoil_trading::record::{Callback, DecidedBar, DecisionRecord};
use counterfoil_trading::strategy::{AccountView, BarView, CallbackError, Strategy, StrategyFault};
use counterfoil_trading::time::UnixNanos;

/// One slice's part for the strategy.
#[derive(Debug, Default)]
pub(super) struct RecordedStrategy {
    lines: Vec<ScriptedBar>,
    at: usize,
    deliveries_fuel: u64,
    fault: Option<(Callback, StrategyFault)>,
    /// What the next question for fuel is answered with.
    fuel: u64,
}

/// What the strategy did about one bar; no requests where it was at fault.
#[derive(Debug)]
struct ScriptedBar {
    bar: DecidedBar,
    /// Whether another record of the decision may follow.
    is_full: bool,
    requests: Option<Vec<Request>>,
    fuel: u64,
}

impl RecordedStrategy {
    /// Makes room for the next slice.
    pub(super) fn clear(&mut self) {
        self.lines.clear();
        self.at = 0;
        self.deliveries_fuel = 0;
        self.fault = None;
        self.fuel = 0;
    }

    pub(super) fn add_decision(&mut self, decision: DecisionRecord) {
        self.lines.push(ScriptedBar {
            bar: decision.decided_bar(),
            is_full: decision.is_full(),
            requests: decision.requests,
            fuel: decision.circumstances.fuel,
        });
    }

    /// Whether the record continues the last decision.
    pub(super) fn continues(&self, decision: &DecisionRecord) -> bool {
        let last = self.lines.last();
        last.is_some_and(|line| line.is_full && line.bar == decision.decided_bar())
    }

    /// Adds the requests of a record that continues the last decision.
    pub(super) fn add_part(&mut self, part: DecisionRecord) {
        let Some(line) = self.lines.last_mut() else {
            return;
        };
        line.is_full = part.is_full();
        if let (Some(requests), Some(more)) = (&mut line.requests, part.requests) {
            requests.extend(more);
        }
    }

    /// Whether the last decision may go on in another record.
    pub(super) fn may_continue(&self) -> bool {
        self.lines.last().is_some_and(|line| line.is_full)
    }

    /// Whether the last decision records a fault of the strategy on its bar.
    pub(super) fn ends_in_fault(&self) -> bool {
        self.lines
            .last()
            .is_some_and(|line| line.requests.is_none())
    }

    /// Only the first deliveries record of a slice holds fuel.
    pub(super) const fn set_deliveries_fuel(&mut self, fuel: u64) {
        self.deliveries_fuel = fuel;
    }

    pub(super) fn set_fault(&mut self, callback: Callback, fault: StrategyFault) {
        self.fault = Some((callback, fault));
    }

    /// The fault, if it happened in this callback.
    fn fault_of(&mut self, callback: Callback) -> Option<StrategyFault> {
        // Taken once: the same fault in a second callback would be another run.
        let fault = self.fault.take_if(|(found, _)| *found == callback);
        fault.map(|(_, fault)| fault)
    }

    fn play_callback(&mut self, callback: Callback) -> Result<(), CallbackError> {
        self.fuel = self.deliveries_fuel;
        match self.fault_of(callback) {
            None => Ok(()),
            Some(fault) => Err(CallbackError::Fault(fault)),
        }
    }
}

impl Strategy for RecordedStrategy {
    fn on_bar(
        &mut self,
        _bar: &BarView,
        _account: &AccountView<'_>,
        requests: &mut Vec<Request>,
    ) -> Result<(), CallbackError> {
        // The rules ask for a bar that the journal did not decide: reported as an error, since an empty answer would look
        // like a strategy that did nothing.
        let Some(line) = self.lines.get_mut(self.at) else {
            return Err(CallbackError::Host(
                "no decision is recorded for the bar".to_owned(),
            ));
        };
        self.at = self.at.saturating_add(1);
        self.fuel = line.fuel;
        if let Some(recorded) = &mut line.requests {
            requests.append(recorded);
            return Ok(());
        }
        // A decision without requests must have its fault record: else a decision could be emptied after the fact.
        let fault = self.fault_of(Callback::OnBar).ok_or_else(|| {
            CallbackError::Host(
                "the decision says that the strategy was at fault, and no record of a fault in \
                 on-bar follows"
                    .to_owned(),
            )
        })?;
        Err(CallbackError::Fault(fault))
    }

    fn on_fill(&mut self, _fill: &Fill, _account: &AccountView<'_>) -> Result<(), CallbackError> {
        self.play_callback(Callback::OnFill)
    }

    fn on_order_event(
        &mut self,
        _event: &OrderEvent,
        _time: UnixNanos,
        _account: &AccountView<'_>,
    ) -> Result<(), CallbackError> {
        self.play_callback(Callback::OnOrderEvent)
    }

    fn on_corporate_action(
        &mut self,
        _action: &CorporateAction,
        _account: &AccountView<'_>,
    ) -> Result<(), CallbackError> {
        self.play_callback(Callback::OnCorporateAction)
    }

    fn take_fuel(&mut self) -> u64 {
        core::mem::take(&mut self.fuel)
    }
}
