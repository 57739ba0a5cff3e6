//! Random orders on random bars: what must hold of every run, recomputed from its records alone.

use core::convert::Infallible;
use std::collections::{BTreeMap, BTreeSet};

use counterfoil_base::digest::Digest;
use counterfoil_trading::account::AccountKind;
use counterfoil_trading::bar::{ClosedBar, RawBar};
use counterfoil_trading::corporate::CorporateAction;
use counterfoil_trading::costs::{CostModel, FeeSchedule, SlippageModel};
use counterfoil_trading::decimal::divide_half_even;
use counterfoil_trading::exchange_calendar::InstrumentCalendars;
use counterfoil_trading::execution::{Delivery, Fill, OrderEvent};
use counterfoil_trading::instrument::{Instrument, InstrumentGrid, InstrumentId};
use counterfoil_trading::journal::{Journal, RecordBytes};
use counterfoil_trading::manifest::RunSetup;
use counterfoil_trading::order::{
    ClientOrderId, Intent, Order, OrderStatus, OrderType, Request, Side, TimeInForce,
};
use counterfoil_trading::plan::PlanDigest;
use counterfoil_trading::record::{
    DecisionRecord, DeliveriesRecord, FaultAction, RiskVerdict, RunRecord,
};
use counterfoil_trading::risk::{
    Leverage, LiveRiskLimits, MaintenanceMargin, MarginCallPolicy, RiskLimits,
};
use counterfoil_trading::run::{NoClock, Run, RunPorts, StepOutcome};
use counterfoil_trading::slice::Slice;
use counterfoil_trading::strategy::{AccountView, BarView, CallbackError, Strategy};
use counterfoil_trading::time::{DAY_NANOS, UnixNanos};
use counterfoil_trading::units::{BasisPoints, Money, Price, Quantity, Volume};
use counterfoil_trading::venue::matching::MatchingRules;
use counterfoil_trading::venue::simulated::SimulatedVenue;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

const INSTRUMENTS: usize = 2;
/// Money (scale 9) of one unit at price 1 (scale 2).
const NANOS_PER_CENT: i128 = 10_000_000;

/// One bar's four loose numbers: low, range, open and close inside it in percent, volume. None:
/// the instrument has no bar in this slice.
type LooseBar = Option<(i64, i64, i64, i64, i64)>;
/// One wish: on which slice and instrument, which order, and what is done about another id.
type LooseWish = ((usize, u32), (u64, bool, i64), (u8, i64), bool, (u8, u64));

#[derive(Clone, Debug)]
struct Case {
    slices: Vec<[LooseBar; INSTRUMENTS]>,
    wishes: Vec<LooseWish>,
    kind: AccountKind,
    cash: i64,
    fee: u32,
    slippage: u32,
    cap: Option<u32>,
}

fn loose_bar() -> impl Strategy2<Value = LooseBar> {
    let bar = (50..150_i64, 0..40_i64, 0..=100_i64, 0..=100_i64, 0..400_i64);
    prop_oneof![5 => bar.prop_map(Some), 1 => Just(None)]
}

use proptest::strategy::Strategy as Strategy2;

prop_compose! {
    fn case()(
        slices in vec([loose_bar(), loose_bar()], 1..25),
        wishes in vec(
            ((0..25_usize, 0..3_u32), (0..60_u64, any::<bool>(), -1..300_i64),
             (0..4_u8, 40..200_i64), any::<bool>(), (0..8_u8, 0..60_u64)),
            0..60,
        ),
        margin in any::<bool>(),
        cash in 0..100_000_i64,
        fee in 0..100_u32,
        slippage in 0..500_u32,
        cap in proptest::option::of(1..10_000_u32),
    ) -> Case {
        let kind = if margin { AccountKind::Margin } else { AccountKind::Cash };
        Case { slices, wishes, kind, cash, fee, slippage, cap }
    }
}

fn bps(value: u32) -> BasisPoints {
    BasisPoints::parse(&value.to_string()).unwrap()
}

impl Case {
    fn setup(&self) -> RunSetup {
        let instrument =
            |name: &str| Instrument::new(name.to_owned(), InstrumentGrid::whole_units(2)).unwrap();
        let wide = Money::parse("1000000000").unwrap();
        RunSetup {
            broker: None,
            component: Digest::default(),
            engine: Digest::default(),
            timeframe: "1d".parse().unwrap(),
            calendars: InstrumentCalendars::default(),
            instruments: vec![instrument("AAA"), instrument("BBB")],
            warm_up: 0,
            account_kind: self.kind,
            cash: Money(i128::from(self.cash) * NANOS_PER_CENT),
            leverage: Leverage(200),
            maintenance: MaintenanceMargin {
                rate: BasisPoints::ZERO,
                policy: MarginCallPolicy::Reduce,
            },
            costs: CostModel {
                fees: FeeSchedule {
                    taker: bps(self.fee),
                    maker: bps(self.fee),
                    ..FeeSchedule::default()
                },
                slippage: SlippageModel {
                    rate: bps(self.slippage),
                    ..SlippageModel::default()
                },
                volume_cap: self.cap.map(bps),
                borrow: BasisPoints::ZERO,
            },
            matching: MatchingRules::default(),
            risk: RiskLimits {
                orders_per_bar_max: 4,
                working_orders_max: 12,
                order_notional_max: wide,
                position_notional_max: wide,
                gross_exposure_max: wide,
                price_collar: bps(9_000),
                drawdown_max: bps(9_000),
                live: LiveRiskLimits::default(),
            },
            on_fault: FaultAction::Leave,
            requests_per_bar: 64,
            seed: 0,
            cadence: 1,
        }
    }

    fn slices(&self) -> Vec<Slice> {
        let mut all = Vec::new();
        for (day, bars) in (1_i64..).zip(&self.slices) {
            let mut slice = Slice::default();
            for (id, bar) in (0..).zip(bars) {
                let Some((low, range, open, close, volume)) = *bar else {
                    continue;
                };
                let raw = RawBar {
                    instrument: InstrumentId(id),
                    open_time: UnixNanos((day - 1) * DAY_NANOS),
                    close_time: UnixNanos(day * DAY_NANOS),
                    open: Price(low + range * open / 100),
                    high: Price(low + range),
                    low: Price(low),
                    close: Price(low + range * close / 100),
                    volume: Volume(volume),
                };
                slice.add(ClosedBar::parse(raw).unwrap()).unwrap();
            }
            if slice.close_time().is_some() {
                all.push(slice);
            }
        }
        all
    }

    /// The wishes as requests, by bar number and instrument on which they are made.
    fn script(&self) -> BTreeMap<(u64, u32), Vec<Request>> {
        let mut script: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (place, order, of, day, other) in &self.wishes {
            let price = Price(of.1);
            let order = Order {
                // Some are for the other instrument, some for one that is not there.
                instrument: InstrumentId(place.1),
                client_order_id: ClientOrderId(order.0),
                side: if order.1 { Side::Buy } else { Side::Sell },
                quantity: Quantity(order.2),
                order_type: match of.0 {
                    0 | 1 => OrderType::Market,
                    2 => OrderType::Limit(price),
                    _ => OrderType::Stop(price),
                },
                time_in_force: if *day {
                    TimeInForce::Day
                } else {
                    TimeInForce::Gtc
                },
            };
            let intent = match other.0 {
                0 => Intent::Cancel(ClientOrderId(other.1)),
                1 => Intent::Replace {
                    replaces: ClientOrderId(other.1),
                    with: order,
                },
                _ => Intent::Submit(order),
            };
            let key = (place.0 as u64, place.1 % 2);
            let request = Request {
                intent,
                reason: None,
            };
            script.entry(key).or_default().push(request);
        }
        script
    }
}

/// Requests what the script states, and keeps the deliveries.
struct Scripted {
    script: BTreeMap<(u64, u32), Vec<Request>>,
    delivered: Vec<Delivery>,
}

impl Strategy for Scripted {
    fn on_bar(
        &mut self,
        bar: &BarView,
        _account: &AccountView<'_>,
        requests: &mut Vec<Request>,
    ) -> Result<(), CallbackError> {
        let key = (bar.index, bar.bar.get().instrument.0);
        requests.extend(self.script.remove(&key).unwrap_or_default());
        Ok(())
    }

    fn on_fill(&mut self, fill: &Fill, _account: &AccountView<'_>) -> Result<(), CallbackError> {
        self.delivered.push(Delivery::Fill(*fill));
        Ok(())
    }

    fn on_order_event(
        &mut self,
        event: &OrderEvent,
        _time: UnixNanos,
        _account: &AccountView<'_>,
    ) -> Result<(), CallbackError> {
        self.delivered.push(Delivery::Event(*event));
        Ok(())
    }

    fn on_corporate_action(
        &mut self,
        _action: &CorporateAction,
        _account: &AccountView<'_>,
    ) -> Result<(), CallbackError> {
        Ok(())
    }

    fn take_fuel(&mut self) -> u64 {
        0
    }
}

/// A journal in memory.
#[derive(Default)]
struct Kept(Vec<Vec<u8>>);

impl Journal for Kept {
    type Error = Infallible;

    fn accept(&mut self, record: RecordBytes<'_>) -> Result<(), Infallible> {
        self.0.push(record.body.to_vec());
        Ok(())
    }
}

/// Runs the case; its records, and the deliveries to the strategy.
fn run(case: &Case) -> (Vec<Vec<u8>>, Vec<Delivery>) {
    let setup = case.setup();
    let mut run = Run::new(&setup);
    let mut strategy = Scripted {
        script: case.script(),
        delivered: Vec::new(),
    };
    let mut venue = SimulatedVenue::new(&setup);
    let mut journal = Kept::default();
    for slice in case.slices() {
        let mut ports = RunPorts {
            strategy: &mut strategy,
            venue: &mut venue,
            journal: &mut journal,
            clock: &mut NoClock,
        };
        assert_eq!(run.step(&slice, &mut ports), Ok(StepOutcome::Running));
    }
    (journal.0, strategy.delivered)
}

/// What is known of an order that the gate let through.
struct Sent {
    order: Order,
    time: UnixNanos,
    filled: i64,
    ended: bool,
}

/// The run's own books, kept by other code.
struct Books<'a> {
    case: &'a Case,
    bars: BTreeMap<(InstrumentId, UnixNanos), RawBar>,
    sent: BTreeMap<ClientOrderId, Sent>,
    used_ids: BTreeSet<ClientOrderId>,
    cash: i128,
    held: [i64; INSTRUMENTS],
    last: [i64; INSTRUMENTS],
    done: BTreeMap<(InstrumentId, UnixNanos, Side), i64>,
    tokens: u64,
    plans: BTreeSet<PlanDigest>,
    fills: usize,
}

impl Books<'_> {
    fn fill(&mut self, fill: &Fill) -> TestCaseResult {
        let case = self.case;
        let bar = self.bars.get(&(fill.instrument, fill.time));
        let bar = bar.expect("a fill on a bar that there is");
        prop_assert!(
            bar.low <= fill.price && fill.price <= bar.high,
            "outside the bar"
        );
        prop_assert!(bar.volume.0 > 0, "nothing was traded");
        let sent = self
            .sent
            .get_mut(&fill.client_order_id)
            .expect("a fill of an order that was let through");
        prop_assert!(sent.time < fill.time, "filled on the bar that caused it");
        prop_assert!(!sent.ended, "filled after its end");
        prop_assert_eq!(sent.order.side, fill.side);
        prop_assert_eq!(sent.order.instrument, fill.instrument);
        prop_assert!(fill.quantity.0 > 0);
        sent.filled += fill.quantity.0;
        prop_assert_eq!(sent.order.quantity.0 - sent.filled, fill.leaves_quantity.0);
        prop_assert!(fill.leaves_quantity.0 >= 0, "more than ordered");
        sent.ended = fill.leaves_quantity.0 == 0;
        let sign = if fill.side == Side::Buy { 1 } else { -1 };
        match sent.order.order_type {
            OrderType::Limit(limit) => {
                prop_assert!(
                    i128::from(sign) * i128::from(fill.price.0 - limit.0) <= 0,
                    "worse than the limit"
                );
            }
            OrderType::Stop(stop) => {
                // Triggered once, it stays so: what the volume left of it fills later.
                let since = (fill.instrument, UnixNanos(sent.time.0 + 1));
                let mut bars = self.bars.range(since..=(fill.instrument, fill.time));
                let reached = bars.any(|(_, bar)| {
                    bar.volume.0 > 0
                        && if sign > 0 {
                            bar.high >= stop
                        } else {
                            bar.low <= stop
                        }
                });
                prop_assert!(reached, "a stop that was not reached");
            }
            OrderType::Market => prop_assert_eq!(fill.reference_price, bar.open),
            OrderType::StopLimit { .. } => {
                return Err(TestCaseError::fail("a type that no wish asks for"));
            }
        }
        let done = self
            .done
            .entry((fill.instrument, fill.time, fill.side))
            .or_default();
        *done += fill.quantity.0;
        if let Some(cap) = case.cap {
            prop_assert!(
                *done <= bar.volume.0 * i64::from(cap) / 10_000,
                "more than the cap"
            );
        }
        let notional = i128::from(fill.price.0) * i128::from(fill.quantity.0) * NANOS_PER_CENT;
        let fee = divide_half_even(notional * i128::from(case.fee), 10_000).unwrap();
        prop_assert_eq!(fill.fee.0, fee);
        self.cash -= i128::from(sign) * notional + fee;
        let held = &mut self.held[fill.instrument.index()];
        *held += sign * fill.quantity.0;
        if case.kind == AccountKind::Cash {
            prop_assert!(*held >= 0, "a cash account is short");
            prop_assert!(self.cash >= 0, "a cash account owes {}", self.cash);
        }
        self.fills += 1;
        Ok(())
    }

    fn deliveries(&mut self, all: &DeliveriesRecord) -> TestCaseResult {
        for delivery in &all.deliveries {
            match delivery {
                Delivery::Fill(fill) => self.fill(fill)?,
                Delivery::Event(event) if event.status.is_final() => {
                    if let Some(sent) = self.sent.get_mut(&event.client_order_id)
                        && sent.time < all.time
                        && event.status != OrderStatus::Refused
                    {
                        sent.ended = true;
                    }
                }
                Delivery::Event(_) | Delivery::Action(_) | Delivery::Borrow(_) => {}
            }
        }
        Ok(())
    }

    fn decision(&mut self, decision: &DecisionRecord) -> TestCaseResult {
        let requests = decision.requests.as_ref().expect("no decision faulted");
        prop_assert_eq!(
            requests.len(),
            decision.verdicts.len(),
            "a request without a verdict"
        );
        let mut plans = decision.circumstances.plans.iter();
        for (request, verdict) in requests.iter().zip(&decision.verdicts) {
            let order = request.intent.order();
            let fresh = order.is_none_or(|order| self.used_ids.insert(order.client_order_id));
            if *verdict != RiskVerdict::Approved {
                continue;
            }
            prop_assert!(fresh, "an id was let through twice");
            let plan = plans.next().expect("approved without a plan");
            prop_assert_eq!(plan.token, self.tokens, "tokens count up");
            prop_assert!(self.plans.insert(plan.plan), "two plans are equal");
            self.tokens += 1;
            if let Some(order) = order {
                let sent = Sent {
                    order: *order,
                    time: decision.bar.get().close_time,
                    filled: 0,
                    ended: false,
                };
                self.sent.insert(order.client_order_id, sent);
            }
        }
        prop_assert!(plans.next().is_none(), "a plan that was not approved");
        let value = |place: usize| i128::from(self.held[place]) * i128::from(self.last[place]);
        let equity = self.cash + (value(0) + value(1)) * NANOS_PER_CENT;
        prop_assert_eq!(decision.cash.0, self.cash);
        prop_assert_eq!(decision.equity.0, equity);
        let id = decision.bar.get().instrument;
        prop_assert_eq!(decision.position.0, self.held[id.index()]);
        Ok(())
    }
}

fn check(case: &Case) -> Result<usize, TestCaseError> {
    let (bodies, delivered) = run(case);
    prop_assert_eq!(&run(case).0, &bodies, "the same again");
    let slices = case.slices();
    let bars = slices.iter().flat_map(Slice::bars).map(|bar| {
        let bar = *bar.get();
        ((bar.instrument, bar.close_time), bar)
    });
    let mut books = Books {
        case,
        bars: bars.collect(),
        sent: BTreeMap::new(),
        used_ids: BTreeSet::new(),
        cash: i128::from(case.cash) * NANOS_PER_CENT,
        held: [0; INSTRUMENTS],
        last: [0; INSTRUMENTS],
        done: BTreeMap::new(),
        tokens: 0,
        plans: BTreeSet::new(),
        fills: 0,
    };
    let mut recorded = Vec::new();
    let mut decided = Vec::new();
    for body in &bodies {
        match RunRecord::decode(body).unwrap() {
            RunRecord::Deliveries(all) => {
                books.deliveries(&all)?;
                recorded.extend(all.deliveries);
            }
            RunRecord::Decision(decision) => {
                let bar = decision.bar.get();
                // All bars of a slice are marked before its first decision.
                for slice in slices
                    .iter()
                    .filter(|slice| slice.close_time() == Some(bar.close_time))
                {
                    for bar in slice.bars() {
                        books.last[bar.get().instrument.index()] = bar.get().close.0;
                    }
                }
                decided.push(decision.bar);
                books.decision(&decision)?;
            }
            RunRecord::Open(_)
            | RunRecord::Manifest(_)
            | RunRecord::Commitments(_)
            | RunRecord::Positions(_)
            | RunRecord::WindDown(_)
            | RunRecord::Inputs(_)
            | RunRecord::Fault(_)
            | RunRecord::Close(_)
            | RunRecord::Refused(_)
            | RunRecord::Stop(_)
            | RunRecord::MarginCall(_) => {
                return Err(TestCaseError::fail("a record that no step writes"));
            }
        }
    }
    let all: Vec<_> = slices
        .iter()
        .flat_map(|slice| slice.bars().to_vec())
        .collect();
    prop_assert_eq!(decided, all, "one decision for each bar");
    prop_assert_eq!(
        recorded,
        delivered,
        "the strategy receives what is recorded"
    );
    Ok(books.fills)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_is_ordered_the_rules_hold(case in case()) {
        check(&case)?;
    }
}

#[test]
fn the_random_runs_do_trade() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut fills = 0;
    for _ in 0..50 {
        use proptest::strategy::ValueTree as _;
        let case = case().new_tree(&mut runner).unwrap().current();
        fills += check(&case).unwrap();
    }
    assert!(fills > 100, "{fills} fills in 50 runs");
}
