//! A small language for markets and orders, so that a test is a table.
//!
//! One row is a slice: the bar of instrument A with corporate actions before it, what the
//! strategy sends on it, and what was reported to it before. Prices and quantities are whole numbers.
//! Instrument B has a bar of 50 without volume in every slice, so that A may be missing (`-`).

use core::convert::Infallible;
use core::num::NonZeroU32;

use counterfoil_base::digest::Digest;
use counterfoil_trading::account::{Account, AccountKind};
use counterfoil_trading::bar::{ClosedBar, RawBar};
use counterfoil_trading::corporate::{CorporateAction, CorporateActionKind};
use counterfoil_trading::costs::{CostModel, FeeCap, LiquiditySide};
use counterfoil_trading::exchange_calendar::InstrumentCalendars;
use counterfoil_trading::execution::{Delivery, Fill, OrderEvent};
use counterfoil_trading::instrument::{
    Instrument, InstrumentGrid, InstrumentId, InstrumentTraits, PriceRange, VolumeKind,
};
use counterfoil_trading::journal::{Journal, RecordBytes};
use counterfoil_trading::manifest::RunSetup;
use counterfoil_trading::order::{
    ClientOrderId, Intent, Order, OrderType, Request, Side, TimeInForce,
};
use counterfoil_trading::record::{FaultAction, RiskVerdict, RunRecord, RunStop, StopCause};
use counterfoil_trading::risk::{
    Leverage, LiveRiskLimits, MaintenanceMargin, MarginCallPolicy, RiskLimits,
};
use counterfoil_trading::run::{NoClock, Run, RunClock, RunError, RunPorts};
use counterfoil_trading::slice::Slice;
use counterfoil_trading::strategy::{
    AccountView, BarView, CallbackError, Fault, Strategy, WorkingOrder,
};
use counterfoil_trading::time::{DAY_NANOS, UnixNanos};
use counterfoil_trading::units::{BasisPoints, Money, Price, Quantity, Volume};
use counterfoil_trading::venue::matching::{LimitFillRule, MatchingRules};
use counterfoil_trading::venue::simulated::SimulatedVenue;

/// One slice: bar, orders, what was reported.
pub(crate) type Row = (&'static str, &'static str, &'static str);

pub(crate) fn money(text: &str) -> Money {
    Money::parse(text).unwrap()
}

pub(crate) fn bps(text: &str) -> BasisPoints {
    BasisPoints::parse(text).unwrap()
}

/// An amount without the zeros behind it.
pub(crate) fn short(amount: Money) -> String {
    let text = amount.to_text();
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A setup with no costs and no limit that a test would meet; `settings` are `name=value` words.
pub(crate) fn setup(settings: &str) -> RunSetup {
    let instrument =
        |name: &str| Instrument::new(name.to_owned(), InstrumentGrid::whole_units(0)).unwrap();
    let wide = money("1000000000");
    let mut setup = RunSetup {
        component: Digest([0; 32]),
        engine: Digest([0; 32]),
        timeframe: "1d".parse().unwrap(),
        calendars: InstrumentCalendars::default(),
        instruments: vec![instrument("A"), instrument("B")],
        warm_up: 0,
        account_kind: AccountKind::Margin,
        cash: money("100000"),
        leverage: Leverage(10_000),
        maintenance: MaintenanceMargin {
            rate: BasisPoints::ZERO,
            policy: MarginCallPolicy::Reduce,
        },
        costs: CostModel::default(),
        matching: MatchingRules::default(),
        risk: RiskLimits {
            orders_per_bar_max: 64,
            working_orders_max: 64,
            order_notional_max: wide,
            position_notional_max: wide,
            gross_exposure_max: wide,
            price_collar: BasisPoints::MAX,
            drawdown_max: BasisPoints::MAX,
            live: LiveRiskLimits::default(),
        },
        requests_per_bar: 64,
        on_fault: FaultAction::Leave,
        seed: 0,
        cadence: 1,
        broker: None,
    };
    for word in settings.split_whitespace() {
        let (name, value) = word.split_once('=').unwrap();
        set(&mut setup, name, value);
    }
    setup
}

fn set(setup: &mut RunSetup, name: &str, value: &str) {
    let costs = &mut setup.costs;
    match name {
        "account" if value == "cash" => setup.account_kind = AccountKind::Cash,
        "cash" => setup.cash = money(value),
        "fee" => costs.fees.taker = bps(value),
        "maker" => costs.fees.maker = bps(value),
        "per-unit" => costs.fees.per_unit = money(value),
        "fixed" => costs.fees.fixed = money(value),
        "min" => costs.fees.min = money(value),
        "max" => {
            costs.fees.max = Some(match value.strip_suffix('%') {
                Some(share) => FeeCap::Share(BasisPoints::parse_percent(share).unwrap()),
                None => FeeCap::Amount(money(value)),
            });
        }
        "slip" => costs.slippage.rate = bps(value),
        "ticks" => costs.slippage.ticks = value.parse().unwrap(),
        "impact" => costs.slippage.volume_rate = bps(value),
        "cap" => costs.volume_cap = Some(bps(value)),
        "borrow" => costs.borrow = bps(value),
        "latency" => setup.matching.latency_bars = value.parse().unwrap(),
        "limits" if value == "through" => setup.matching.limits = LimitFillRule::TradeThrough,
        "maintenance" => setup.maintenance.rate = bps(value),
        "margin-call" if value == "liquidate" => {
            setup.maintenance.policy = MarginCallPolicy::Liquidate;
        }
        "collar" => setup.risk.price_collar = bps(value),
        "order-max" => setup.risk.order_notional_max = money(value),
        "position-max" => setup.risk.position_notional_max = money(value),
        "requests" => setup.requests_per_bar = value.parse().unwrap(),
        "per-day" => setup.risk.live.orders_per_day_max = Some(value.parse().unwrap()),
        "gross-max" => setup.risk.gross_exposure_max = money(value),
        "net-max" => setup.risk.live.net_exposure_max = Some(money(value)),
        "age-max" => setup.risk.live.bar_age_max = Some(value.parse().unwrap()),
        "day-loss" => setup.risk.live.daily_loss_max = Some(money(value)),
        "drawdown" => setup.risk.drawdown_max = bps(value),
        "limit" => {
            setup.risk.order_notional_max = money(value);
            setup.risk.position_notional_max = money(value);
            setup.risk.gross_exposure_max = money(value);
        }
        "on-fault" => {
            let all = FaultAction::ALL.into_iter();
            setup.on_fault = all.clone().find(|one| one.name() == value).unwrap();
        }
        "lot" => {
            let lot = value.parse().unwrap();
            let grid = InstrumentGrid {
                lot_size: lot,
                ..InstrumentGrid::whole_units(0)
            };
            let lots = |symbol: &str| Instrument::new(symbol.to_owned(), grid).unwrap();
            setup.instruments = vec![lots("A"), lots("B")];
        }
        "prices" if value == "any" => {
            change_traits(setup, |traits| traits.prices = PriceRange::Any);
        }
        "volume" if value == "none" => {
            change_traits(setup, |traits| traits.volume = VolumeKind::None);
        }
        "step" => setup.timeframe = value.parse().unwrap(),
        other => panic!("no setting {other}={value}"),
    }
}

/// Changes the traits of instrument A.
fn change_traits(setup: &mut RunSetup, change: fn(&mut InstrumentTraits)) {
    let instrument = setup.instruments[0].clone();
    let mut traits = instrument.traits();
    change(&mut traits);
    setup.instruments[0] = instrument.with_traits(traits);
}

fn price(word: Option<&str>) -> Price {
    Price(word.unwrap().parse().unwrap())
}

/// `buy 10 limit 95 day`, `cancel 1`, `replace 1 buy 5 market`.
fn request(text: &str, id: &mut u64) -> Request {
    let mut words = text.split_whitespace().peekable();
    let first = words.next().unwrap();
    let mut number = || ClientOrderId(words.next().unwrap().parse().unwrap());
    let intent = match first {
        "cancel" => Intent::Cancel(number()),
        "replace" => {
            let replaces = number();
            let side = words.next().unwrap();
            let with = order(side, words, id);
            Intent::Replace { replaces, with }
        }
        side => Intent::Submit(order(side, words, id)),
    };
    Request {
        intent,
        reason: None,
    }
}

fn order<'a>(side: &str, mut words: impl Iterator<Item = &'a str>, id: &mut u64) -> Order {
    *id += 1;
    let (side, instrument) = match side {
        "buy" => (Side::Buy, 0),
        // Of instrument B, which has volume in no bar.
        "buy-b" => (Side::Buy, 1),
        _ => (Side::Sell, 0),
    };
    let quantity = Quantity(words.next().unwrap().parse().unwrap());
    let order_type = match words.next().unwrap() {
        "market" => OrderType::Market,
        "limit" => OrderType::Limit(price(words.next())),
        "stop" => OrderType::Stop(price(words.next())),
        "stop-limit" => OrderType::StopLimit {
            stop: price(words.next()),
            limit: price(words.next()),
        },
        other => panic!("no order type {other}"),
    };
    let time_in_force = match words.next() {
        None => TimeInForce::Gtc,
        Some("day") => TimeInForce::Day,
        Some("ioc") => TimeInForce::Ioc,
        Some("fok") => TimeInForce::Fok,
        // Until the end of this day, the first being 1.
        Some("gtd") => {
            let day: i64 = words.next().unwrap().parse().unwrap();
            TimeInForce::Gtd(UnixNanos(day * DAY_NANOS))
        }
        Some(other) => panic!("no time in force {other}"),
    };
    Order {
        instrument: InstrumentId(instrument),
        client_order_id: ClientOrderId(*id),
        side,
        quantity,
        order_type,
        time_in_force,
    }
}

/// `split 2:1`, `dividend 1.5`, `special 1.5`, `symbol NEW`, `delisting 3`, `halt 4`, `end 30`, `end-b 30`.
fn action(text: &str, mut ex_time: UnixNanos) -> CorporateAction {
    let (name, value) = text.split_once(' ').unwrap();
    let kind = match name {
        "split" => {
            let (new, old) = value.split_once(':').unwrap();
            let number = |text: &str| text.parse::<NonZeroU32>().unwrap();
            CorporateActionKind::Split {
                new: number(new),
                old: number(old),
            }
        }
        "dividend" | "special" => CorporateActionKind::Dividend {
            per_unit: money(value),
            special: name == "special",
        },
        "symbol" => CorporateActionKind::SymbolChange {
            symbol: value.to_owned(),
        },
        "delisting" => CorporateActionKind::Delisting {
            per_unit: money(value),
        },
        // Until the end of this day, the first being 1.
        "halt" => {
            let day: i64 = value.parse().unwrap();
            CorporateActionKind::Halt {
                until: UnixNanos(day * DAY_NANOS),
            }
        }
        // Of a session, so many minutes after the bar's open.
        "end" | "end-b" => {
            ex_time.0 += value.parse::<i64>().unwrap() * 60_000_000_000;
            CorporateActionKind::SessionEnd
        }
        other => panic!("no action {other}"),
    };
    CorporateAction {
        instrument: InstrumentId(u32::from(name == "end-b")),
        ex_time,
        kind,
    }
}

/// The slice of a row: `action / action / open high low close volume`.
pub(crate) fn slice(text: &str, open_time: i64, close_time: i64) -> Slice {
    let mut slice = Slice::default();
    let mut parts: Vec<&str> = text.split(" / ").map(str::trim).collect();
    let bar = parts.pop().unwrap();
    for part in parts {
        let ex_time = UnixNanos(open_time);
        slice.add_action(action(part, ex_time)).unwrap();
    }
    let raw = |instrument, values: [i64; 5]| RawBar {
        instrument: InstrumentId(instrument),
        open_time: UnixNanos(open_time),
        close_time: UnixNanos(close_time),
        open: Price(values[0]),
        high: Price(values[1]),
        low: Price(values[2]),
        close: Price(values[3]),
        volume: Volume(values[4]),
    };
    if bar != "-" {
        let values: Vec<i64> = bar
            .split_whitespace()
            .map(|one| one.parse().unwrap())
            .collect();
        let bar = raw(0, values.try_into().unwrap());
        let bar = ClosedBar::parse_in(bar, PriceRange::Any).unwrap();
        slice.add(bar).unwrap();
    }
    let other = raw(1, [50, 50, 50, 50, 0]);
    slice.add(ClosedBar::parse(other).unwrap()).unwrap();
    slice
}

/// Sends what the row says on the last bar of its slice, and keeps what is reported to it.
#[derive(Default)]
pub(crate) struct Scripted {
    pub(crate) next: Vec<Request>,
    pub(crate) reported: Vec<Delivery>,
    /// The orders that could still fill, as it saw them last.
    pub(crate) working: Vec<WorkingOrder>,
    /// How many corporate actions were reported to it.
    pub(crate) actions: u64,
    /// Traps in `on-bar`.
    pub(crate) traps: bool,
}

impl Strategy for Scripted {
    fn on_bar(
        &mut self,
        bar: &BarView,
        account: &AccountView<'_>,
        requests: &mut Vec<Request>,
    ) -> Result<(), CallbackError> {
        if self.traps {
            return Err(CallbackError::from(Fault::Unreachable));
        }
        self.working = account.working.to_vec();
        if bar.last_in_slice {
            requests.append(&mut self.next);
        }
        Ok(())
    }

    fn on_fill(&mut self, fill: &Fill, _: &AccountView<'_>) -> Result<(), CallbackError> {
        self.reported.push(Delivery::Fill(*fill));
        Ok(())
    }

    fn on_order_event(
        &mut self,
        event: &OrderEvent,
        _: UnixNanos,
        _: &AccountView<'_>,
    ) -> Result<(), CallbackError> {
        self.reported.push(Delivery::Event(*event));
        Ok(())
    }

    fn on_corporate_action(
        &mut self,
        _: &CorporateAction,
        _: &AccountView<'_>,
    ) -> Result<(), CallbackError> {
        self.actions += 1;
        Ok(())
    }

    fn take_fuel(&mut self) -> u64 {
        0
    }
}

/// A journal in memory, decoded.
#[derive(Default)]
pub(crate) struct Kept(pub(crate) Vec<RunRecord>);

impl Journal for Kept {
    type Error = Infallible;

    fn accept(&mut self, record: RecordBytes<'_>) -> Result<(), Infallible> {
        self.0.push(RunRecord::decode(record.body).unwrap());
        Ok(())
    }
}

/// A clock that stands still.
struct At(Option<UnixNanos>);

impl RunClock for At {
    fn times(&mut self) -> Option<(UnixNanos, UnixNanos)> {
        self.0.map(|time| (time, time))
    }
}

/// A run of rows.
pub(crate) struct Played {
    pub(crate) run: Run,
    pub(crate) venue: SimulatedVenue,
    pub(crate) strategy: Scripted,
    pub(crate) journal: Kept,
    /// Nanoseconds from a bar's close to its decision, if there is a clock.
    pub(crate) age: Option<i64>,
    step: i64,
    slices: i64,
    ids: u64,
}

impl Played {
    pub(crate) fn new(settings: &str) -> Self {
        let setup = setup(settings);
        let step = match setup.timeframe {
            counterfoil_trading::time::Timeframe::Fixed(nanos) => nanos,
            counterfoil_trading::time::Timeframe::Months(_) => DAY_NANOS,
        };
        Self {
            run: Run::new(&setup),
            venue: SimulatedVenue::new(&setup),
            strategy: Scripted::default(),
            journal: Kept::default(),
            age: None,
            step,
            slices: 0,
            ids: 0,
        }
    }

    /// Takes one slice, and returns what it delivered, in words.
    pub(crate) fn row(&mut self, bar: &str, orders: &str) -> String {
        self.try_row(bar, orders).unwrap()
    }

    pub(crate) fn try_row(
        &mut self,
        bar: &str,
        orders: &str,
    ) -> Result<String, RunError<Infallible>> {
        let orders = orders.split(';').filter(|one| !one.trim().is_empty());
        for text in orders {
            self.strategy.next.push(request(text, &mut self.ids));
        }
        let open = self.slices * self.step;
        self.slices += 1;
        let slice = slice(bar, open, open + self.step);
        let mut clock = At(self.age.map(|age| UnixNanos(open + self.step + age)));
        let from = self.journal.0.len();
        let mut ports = RunPorts {
            strategy: &mut self.strategy,
            venue: &mut self.venue,
            journal: &mut self.journal,
            clock: &mut clock,
        };
        let _progress = self.run.step(&slice, &mut ports)?;
        let reported = self.journal.0.iter().skip(from).flat_map(reported);
        Ok(reported.collect::<Vec<_>>().join("; "))
    }

    /// The host stops the run; what it recorded, in words.
    pub(crate) fn halt(&mut self) -> String {
        let from = self.journal.0.len();
        let stop = RunStop::of(StopCause::AccountKilled, "a drill".to_owned());
        let mut ports = RunPorts {
            strategy: &mut self.strategy,
            venue: &mut self.venue,
            journal: &mut self.journal,
            clock: &mut NoClock,
        };
        self.run.halt(stop, &mut ports).unwrap();
        let reported = self.journal.0.iter().skip(from).flat_map(reported);
        reported.collect::<Vec<_>>().join("; ")
    }

    pub(crate) fn account(&self) -> &Account {
        self.run.account()
    }

    /// Quantity and cost of A, cash, equity, realized profit, dividends and borrow fees.
    pub(crate) fn books(&self) -> String {
        let account = self.account();
        let position = account.position(InstrumentId(0));
        format!(
            "holds {} cost {} cash {} equity {} realized {} dividends {} borrow {}",
            position.quantity.0,
            short(position.cost),
            short(account.cash()),
            short(account.equity()),
            short(account.realized()),
            short(account.dividends()),
            short(account.borrow())
        )
    }
}

/// A record in words: deliveries, refusals and margin calls.
fn reported(record: &RunRecord) -> Vec<String> {
    match record {
        RunRecord::Deliveries(all) => all.deliveries.iter().map(delivery).collect(),
        RunRecord::Decision(one) => one
            .verdicts
            .iter()
            .filter_map(|verdict| match verdict {
                RiskVerdict::Approved => None,
                RiskVerdict::Refused(refusal) => Some(format!("gate: {}", refusal.code.name())),
            })
            .collect(),
        RunRecord::MarginCall(call) => vec![format!(
            "margin call: {} below {}, canceled {:?}, {:?}",
            short(call.equity),
            short(call.requirement),
            call.canceled.iter().map(|id| id.0).collect::<Vec<_>>(),
            call.orders
                .iter()
                .map(|one| format!("{} {}", one.side.name(), one.quantity.0))
                .collect::<Vec<_>>()
        )],
        RunRecord::Fault(fault) => vec![format!("fault: {}", fault.action.name())],
        RunRecord::Stop(stop) => vec![format!(
            "stop: {} {}",
            stop.stop.cause.name(),
            stop.action.name()
        )],
        RunRecord::WindDown(part) => vec![format!(
            "wind-down: canceled {:?}, {:?}, {} plans",
            part.canceled.iter().map(|id| id.0).collect::<Vec<_>>(),
            part.flattened
                .iter()
                .map(|one| format!("{} {}", one.side.name(), one.quantity.0))
                .collect::<Vec<_>>(),
            part.plans.len()
        )],
        RunRecord::Inputs(record) => vec![format!("inputs: {:?}", record.inputs)],
        RunRecord::Open(_)
        | RunRecord::Manifest(_)
        | RunRecord::Commitments(_)
        | RunRecord::Positions(_)
        | RunRecord::Close(_)
        | RunRecord::Refused(_) => Vec::new(),
    }
}

fn name(id: ClientOrderId) -> String {
    if id.is_host() {
        format!("h{}", id.0 - ClientOrderId::HOST_FIRST.0)
    } else {
        id.0.to_string()
    }
}

/// A delivery in words, without what is zero.
fn delivery(delivery: &Delivery) -> String {
    match delivery {
        Delivery::Fill(fill) => {
            let mut text = format!(
                "{} {} {} at {}",
                name(fill.client_order_id),
                fill.side.name(),
                fill.quantity.0,
                fill.price.0
            );
            let mut say = |is: bool, what: String| {
                if is {
                    text.push(' ');
                    text.push_str(&what);
                }
            };
            let slips = fill.reference_price != fill.price;
            say(slips, format!("slip {}", short(fill.slippage)));
            say(fill.clamped, "cut".to_owned());
            say(fill.fee != Money::ZERO, format!("fee {}", short(fill.fee)));
            say(fill.liquidity == LiquiditySide::Maker, "maker".to_owned());
            let leaves = fill.leaves_quantity.0;
            say(leaves > 0, format!("left {leaves}"));
            text
        }
        Delivery::Event(event) => {
            let mut text = format!("{} {}", name(event.client_order_id), event.status.name());
            let code = event.code.name();
            if !code.is_empty() {
                text.push(' ');
                text.push_str(code);
            }
            text
        }
        Delivery::Action(applied) => format!(
            "{}: holds {} cash {}",
            applied.action.kind.name(),
            applied.quantity.0,
            short(applied.cash)
        ),
        Delivery::Borrow(borrow) => format!("borrow {}", short(borrow.fee)),
    }
}

/// Plays the rows and compares what each slice reported.
#[track_caller]
pub(crate) fn check(settings: &str, rows: &[Row]) -> Played {
    let mut played = Played::new(settings);
    for (place, (bar, orders, expect)) in rows.iter().enumerate() {
        let reported = played.row(bar, orders);
        assert_eq!(&reported, expect, "row {place} of {settings:?}");
    }
    played
}

impl Played {
    /// Takes a slice that must stop the run, and returns why it did.
    pub(crate) fn step(&mut self, slice: &Slice) -> String {
        let mut ports = RunPorts {
            strategy: &mut self.strategy,
            venue: &mut self.venue,
            journal: &mut self.journal,
            clock: &mut NoClock,
        };
        self.run.step(slice, &mut ports).unwrap_err().to_string()
    }
}
