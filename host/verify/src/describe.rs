//! Records in plain words. Names and scales come from the manifest, where it is known.

use core::fmt::Write as _;

use counterfoil_trading::bar::ClosedBar;
use counterfoil_trading::corporate::CorporateActionKind;
use counterfoil_trading::decimal;
use counterfoil_trading::execution::{AppliedAction, BorrowFee, Delivery, Fill, OrderEvent};
use counterfoil_trading::instrument::{Instrument, InstrumentId};
use counterfoil_trading::order::{ClientOrderId, Intent, Order, OrderType, Request, TimeInForce};
use counterfoil_trading::record::{
    ApprovalAnswer, CloseRecord, DecisionRecord, DeliveriesRecord, FaultAction, FaultRecord,
    InputsRecord, MarginCallRecord, OpenRecord, PositionsRecord, RequestCounts, RiskVerdict,
    RunInput, RunRecord, StopRecord, WindDownRecord,
};
use counterfoil_trading::risk::{FigureUnit, LimitFigures, RiskRefusal};
use counterfoil_trading::units::{Money, Price, Quantity, Volume};

use counterfoil_base::text::harmless_line;

/// The name of a record's kind.
#[must_use]
pub const fn kind_name(record: &RunRecord) -> &'static str {
    match record {
        RunRecord::Open(_) => "open",
        RunRecord::Deliveries(_) => "deliveries",
        RunRecord::Decision(_) => "decision",
        RunRecord::Fault(_) => "fault",
        RunRecord::Stop(_) => "stop",
        RunRecord::Close(_) => "close",
        RunRecord::Refused(_) => "refused-input",
        RunRecord::MarginCall(_) => "margin-call",
        RunRecord::Manifest(_) => "manifest",
        RunRecord::Commitments(_) => "commitments",
        RunRecord::Positions(_) => "positions",
        RunRecord::WindDown(_) => "wind-down",
        RunRecord::Inputs(_) => "inputs",
    }
}

/// Describes records in words, in the names and scales of a manifest's instruments.
#[derive(Clone, Copy, Debug)]
pub struct RecordDescriber<'a> {
    instruments: &'a [Instrument],
}

impl<'a> RecordDescriber<'a> {
    /// With the instruments of a run's manifest; with none, numbers are shown unscaled.
    #[must_use]
    pub const fn new(instruments: &'a [Instrument]) -> Self {
        Self { instruments }
    }

    /// The record in plain words, on one line.
    #[must_use]
    pub fn record(&self, record: &RunRecord) -> String {
        let text = match record {
            RunRecord::Open(open) => open_text(open),
            RunRecord::Manifest(part) => {
                format!("{} bytes of the manifest", part.text.len())
            }
            RunRecord::Commitments(part) => {
                let names = part
                    .commitments
                    .iter()
                    .map(|promise| promise.symbol.as_str());
                format!(
                    "promises the bars of {}",
                    names.collect::<Vec<_>>().join(", ")
                )
            }
            RunRecord::Positions(part) => positions_text(part),
            RunRecord::WindDown(part) => self.wind_down(part),
            RunRecord::Inputs(record) => self.inputs(record),
            RunRecord::Deliveries(deliveries) => self.deliveries(deliveries),
            RunRecord::Decision(decision) => self.decision(decision),
            RunRecord::Fault(fault) => Self::fault(fault),
            RunRecord::Stop(stop) => Self::stop(stop),
            RunRecord::Close(close) => Self::close(close),
            RunRecord::MarginCall(call) => self.margin_call(call),
            RunRecord::Refused(refused) => format!(
                "refused an input of {} bytes: {}",
                refused.input.len(),
                refused.reason
            ),
        };
        // Messages and reasons come from the guest, and the record is printed as one line of the report.
        harmless_line(&text)
    }

    /// The ticker of an instrument, on one line.
    #[must_use]
    pub fn symbol(&self, id: InstrumentId) -> String {
        self.instruments.get(id.index()).map_or_else(
            || format!("instrument {}", id.0),
            |instrument| harmless_line(instrument.symbol()),
        )
    }

    fn price(&self, id: InstrumentId, price: Price) -> String {
        self.instruments.get(id.index()).map_or_else(
            || format!("{} (unscaled)", price.0),
            |instrument| instrument.price_text(price),
        )
    }

    fn quantity(&self, id: InstrumentId, quantity: Quantity) -> String {
        self.instruments.get(id.index()).map_or_else(
            || format!("{} (unscaled)", quantity.0),
            |instrument| instrument.quantity_text(quantity),
        )
    }

    fn volume(&self, id: InstrumentId, volume: Volume) -> String {
        self.instruments.get(id.index()).map_or_else(
            || format!("{} (unscaled)", volume.0),
            |instrument| instrument.volume_text(volume),
        )
    }

    fn bar(&self, bar: &ClosedBar, index: u64) -> String {
        let bar = bar.get();
        let price = |price| self.price(bar.instrument, price);
        format!(
            "bar {index} of {} from {} to {}: open {}, high {}, low {}, close {}, volume {}",
            self.symbol(bar.instrument),
            bar.open_time.rfc3339(),
            bar.close_time.rfc3339(),
            price(bar.open),
            price(bar.high),
            price(bar.low),
            price(bar.close),
            self.volume(bar.instrument, bar.volume)
        )
    }

    fn decision(&self, decision: &DecisionRecord) -> String {
        let mut text = self.bar(&decision.bar, decision.index);
        match &decision.requests {
            None => text.push_str("; the strategy was at fault"),
            Some(requests) if requests.is_empty() => text.push_str("; no requests"),
            Some(requests) => {
                for (place, request) in requests.iter().enumerate() {
                    let verdict = decision.verdicts.get(place).copied();
                    text.push_str("; ");
                    text.push_str(&self.request(request, verdict));
                }
            }
        }
        let id = decision.bar.get().instrument;
        let circumstances = &decision.circumstances;
        let _infallible = write!(
            text,
            "; cash {}, equity {}, position {}; fuel {}",
            decision.cash,
            decision.equity,
            self.quantity(id, decision.position),
            circumstances.fuel
        );
        for note in &circumstances.plans {
            let _infallible = write!(
                text,
                "; plan {} with token {}",
                note.plan.0.hex(),
                note.token
            );
        }
        if let Some((received, decided)) = circumstances.times {
            let _infallible = write!(
                text,
                "; received {}, decided {}",
                received.rfc3339(),
                decided.rfc3339()
            );
        }
        text
    }

    fn request(&self, request: &Request, verdict: Option<RiskVerdict>) -> String {
        let what = self.intent(&request.intent);
        let reason = request
            .reason
            .as_ref()
            .map_or_else(String::new, |reason| format!(" because {reason:?}"));
        let verdict = match verdict {
            None => "without a verdict".to_owned(),
            Some(RiskVerdict::Approved) => "approved".to_owned(),
            Some(RiskVerdict::Refused(refusal)) => self.refusal(request.intent.order(), refusal),
        };
        format!("{what}{reason} ({verdict})")
    }

    fn intent(&self, intent: &Intent) -> String {
        match intent {
            Intent::Submit(order) => self.order(order),
            Intent::Cancel(id) => format!("cancel order {}", id.0),
            Intent::Replace { replaces, with } => {
                format!("replace order {} by: {}", replaces.0, self.order(with))
            }
        }
    }

    fn refusal(&self, order: Option<&Order>, refusal: RiskRefusal) -> String {
        let sentence = refusal.code.sentence();
        let figures = refusal.figures.zip(refusal.code.figure_unit());
        let Some((LimitFigures { asked, limit }, unit)) = figures else {
            return format!("refused: {sentence}");
        };
        let id = order.map(|order| order.instrument);
        let text = |value| self.figure(value, unit, id);
        format!(
            "refused: {sentence}; asked {}, limit {}",
            text(asked),
            text(limit)
        )
    }

    /// A figure of a refusal.
    fn figure(&self, value: i128, unit: FigureUnit, id: Option<InstrumentId>) -> String {
        let small = i64::try_from(value).ok().zip(id);
        match (unit, small) {
            (FigureUnit::Money, _) => Money(value).to_string(),
            (FigureUnit::Quantity, Some((value, id))) => self.quantity(id, Quantity(value)),
            (FigureUnit::Price, Some((value, id))) => self.price(id, Price(value)),
            (FigureUnit::Nanos, _) => format!("{} s", decimal::format(value, 9)),
            (FigureUnit::Count | FigureUnit::Quantity | FigureUnit::Price, _) => value.to_string(),
        }
    }

    fn inputs(&self, record: &InputsRecord) -> String {
        let texts = record.inputs.iter().map(|input| self.input(input));
        format!(
            "at {}: {}",
            record.time.rfc3339(),
            texts.collect::<Vec<_>>().join("; ")
        )
    }

    fn input(&self, input: &RunInput) -> String {
        match input {
            RunInput::OtherRuns(held) => format!(
                "the account's other runs hold {} gross and {} net, have {} working orders, sent {} today and lost {} \
                 today",
                held.gross, held.net, held.working_orders, held.orders_today, held.day_loss
            ),
            RunInput::Approval { orders, answer, by } => {
                let answer = match answer {
                    ApprovalAnswer::Approved => "approved",
                    ApprovalAnswer::Refused => "refused",
                    ApprovalAnswer::Expired => "not answered in time",
                };
                format!("orders {orders} {answer} by {by}")
            }
            RunInput::Manual { intent, by, reason } => {
                let reason = reason.as_deref();
                let reason =
                    reason.map_or_else(String::new, |reason| format!(" because {reason:?}"));
                format!("{by} asks for: {}{reason}", self.intent(intent))
            }
            RunInput::SeriesValue {
                series,
                instrument,
                effective,
                known_at,
                value,
            } => format!(
                "series {series}{} of {}, known at {}: {value} (unscaled)",
                instrument.map_or_else(String::new, |id| format!(" of {}", self.symbol(id))),
                effective.rfc3339(),
                known_at.rfc3339()
            ),
            RunInput::Limit { code, value } => {
                let unit = code.figure_unit().unwrap_or(FigureUnit::Count);
                format!(
                    "the limit of {} is {}",
                    code.name(),
                    self.figure(*value, unit, None)
                )
            }
            RunInput::Deadline { instrument, age } => format!(
                "the bar of {} is decided {} after its close, later than allowed",
                self.symbol(*instrument),
                self.figure(i128::from(*age), FigureUnit::Nanos, None)
            ),
        }
    }

    fn order(&self, order: &Order) -> String {
        let id = order.instrument;
        let price = |price| self.price(id, price);
        let kind = match order.order_type {
            OrderType::Market => "at market".to_owned(),
            OrderType::Limit(limit) => format!("at limit {}", price(limit)),
            OrderType::Stop(stop) => format!("at stop {}", price(stop)),
            OrderType::StopLimit { stop, limit } => {
                format!("at stop {} and limit {}", price(stop), price(limit))
            }
        };
        let until = match order.time_in_force {
            TimeInForce::Gtc => "until canceled".to_owned(),
            TimeInForce::Day => "for the day".to_owned(),
            TimeInForce::Gtd(time) => format!("until {}", time.rfc3339()),
            TimeInForce::Ioc => "immediate or cancel".to_owned(),
            TimeInForce::Fok => "fill or kill".to_owned(),
        };
        format!(
            "order {}: {} {} {} {kind} {until}",
            order.client_order_id.0,
            order.side.name(),
            self.quantity(id, order.quantity),
            self.symbol(id)
        )
    }

    fn deliveries(&self, deliveries: &DeliveriesRecord) -> String {
        let mut text = format!("at {}", deliveries.time.rfc3339());
        for delivery in &deliveries.deliveries {
            text.push_str("; ");
            text.push_str(&match delivery {
                Delivery::Fill(fill) => self.fill(fill),
                Delivery::Event(event) => self.event(event),
                Delivery::Action(applied) => self.action(applied),
                Delivery::Borrow(borrow) => self.borrow(borrow),
            });
        }
        let _infallible = write!(text, "; fuel {}", deliveries.fuel);
        text
    }

    fn fill(&self, fill: &Fill) -> String {
        let id = fill.instrument;
        format!(
            "order {} filled: {} {} {} at {}{} (reference {}), fee {} as {}, slippage {}, {} left",
            fill.client_order_id.0,
            fill.side.name(),
            self.quantity(id, fill.quantity),
            self.symbol(id),
            self.price(id, fill.price),
            if fill.clamped {
                ", clamped to the bar"
            } else {
                ""
            },
            self.price(id, fill.reference_price),
            fill.fee,
            fill.liquidity.name(),
            fill.slippage,
            self.quantity(id, fill.leaves_quantity)
        )
    }

    fn borrow(&self, borrow: &BorrowFee) -> String {
        let symbol = self.symbol(borrow.instrument);
        format!("borrow fee of {} for {symbol}", borrow.fee)
    }

    fn action(&self, applied: &AppliedAction) -> String {
        let id = applied.action.instrument;
        let what = match &applied.action.kind {
            CorporateActionKind::Split { new, old } => format!("split {new} for {old}"),
            CorporateActionKind::Dividend { per_unit, special } => {
                let kind = if *special { "special " } else { "" };
                format!("{kind}dividend of {per_unit}")
            }
            CorporateActionKind::SymbolChange { symbol } => format!("symbol change to {symbol}"),
            CorporateActionKind::Delisting { per_unit } => format!("delisting at {per_unit}"),
            CorporateActionKind::Halt { until } => format!("halt until {}", until.rfc3339()),
            CorporateActionKind::SessionEnd => "session end".to_owned(),
        };
        format!(
            "{what} of {} from {}: position {}, cash {}",
            self.symbol(id),
            applied.action.ex_time.rfc3339(),
            self.quantity(id, applied.quantity),
            applied.cash
        )
    }

    fn event(&self, event: &OrderEvent) -> String {
        let why = event.code.sentence();
        format!(
            "order {} {}{}{why}, {} left",
            event.client_order_id.0,
            event.status.name(),
            if why.is_empty() { "" } else { ": " },
            self.quantity(event.instrument, event.leaves_quantity)
        )
    }

    fn fault(fault: &FaultRecord) -> String {
        let action = action_text(fault.action);
        let (name, callback) = (fault.fault.name(), fault.callback.name());
        // A fault in `init` has no slice yet.
        let at = fault
            .slice_close()
            .map_or_else(String::new, |close| format!(" at {}", close.rfc3339()));
        let message = &fault.message;
        format!("the guest's fault {name} in {callback}{at}, message {message:?}; {action}")
    }

    fn stop(stop: &StopRecord) -> String {
        let after = stop.last_close().map_or_else(
            || "before its first slice".to_owned(),
            |close| format!("after {}", close.rfc3339()),
        );
        format!(
            "the host stops the run {after}: {}, {:?}{}; {}",
            stop.stop.cause.name(),
            stop.stop.message,
            stop.stop
                .by
                .as_ref()
                .map_or_else(String::new, |by| format!(", asked for by {by}")),
            action_text(stop.action),
        )
    }

    fn wind_down(&self, part: &WindDownRecord) -> String {
        format!(
            "the host cancels [{}] and sends [{}]",
            ids(&part.canceled),
            self.orders(&part.flattened)
        )
    }

    fn margin_call(&self, call: &MarginCallRecord) -> String {
        format!(
            "at {} equity {} is below the maintenance margin {}; the host cancels [{}] and sends \
             [{}]",
            call.time.rfc3339(),
            call.equity,
            call.requirement,
            ids(&call.canceled),
            self.orders(&call.orders)
        )
    }

    fn orders(&self, orders: &[Order]) -> String {
        let orders: Vec<String> = orders.iter().map(|order| self.order(order)).collect();
        orders.join(", ")
    }

    fn close(close: &CloseRecord) -> String {
        let RequestCounts { approved, refused } = close.requests;
        format!(
            "closed by {}: {} decisions, {} fills, {approved} requests approved, {refused} \
             refused, decision digest sha256:{}, cash {}, equity {}, fees {}, slippage {}, \
             realized {}, borrow fees {}, dividends {}, positions {}",
            close.reason.name(),
            close.decisions,
            close.fills,
            close.decision_digest.hex(),
            close.cash,
            close.equity,
            close.fees,
            close.slippage,
            close.realized,
            close.borrow,
            close.dividends,
            close.positions_sha256
        )
    }
}

fn open_text(open: &OpenRecord) -> String {
    let starter = open.start.starter.as_ref();
    format!(
        "opens execution {} of a manifest of {} bytes, written by {}{}",
        open.execution,
        open.manifest_bytes,
        open.host.version,
        starter.map_or_else(String::new, |starter| format!(", started by {starter}"))
    )
}

/// Without the instruments' names and scales: a part does not say where it begins.
fn positions_text(part: &PositionsRecord) -> String {
    let positions = part.positions.iter().map(|held| held.0.to_string());
    format!(
        "positions at the end, unscaled: {}",
        positions.collect::<Vec<_>>().join(", ")
    )
}

const fn action_text(action: FaultAction) -> &'static str {
    match action {
        FaultAction::Leave => "working orders stay",
        FaultAction::Cancel => "working orders are canceled",
        FaultAction::CancelAndFlatten => "working orders are canceled, positions flattened",
    }
}

fn ids(ids: &[ClientOrderId]) -> String {
    let ids: Vec<String> = ids.iter().map(|id| id.0.to_string()).collect();
    ids.join(", ")
}
