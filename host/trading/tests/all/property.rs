//! Random orders, costs and corporate actions on random bars: what must hold of every run,
//! recomputed from its records by other code.

use core::fmt::Write as _;
use std::collections::BTreeMap;

use counterfoil_trading::account::{Account, AccountKind};
use counterfoil_trading::bar::RawBar;
use counterfoil_trading::corporate::{CorporateAction, CorporateActionKind};
use counterfoil_trading::costs::LiquiditySide;
use counterfoil_trading::execution::{AppliedAction, Delivery, Fill};
use counterfoil_trading::instrument::{Instrument, InstrumentGrid, InstrumentId};
use counterfoil_trading::order::{ClientOrderId, Order, OrderType, Side, TimeInForce};
use counterfoil_trading::record::{DecisionRecord, RiskVerdict, RunRecord};
use counterfoil_trading::time::{DAY_NANOS, UnixNanos};
use counterfoil_trading::units::{Money, Price, Quantity};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use crate::support::{Played, slice};

/// Money (scale 9) of one unit at price 1.
const UNIT: i128 = 1_000_000_000;

#[derive(Clone, Debug)]
struct Case {
    settings: String,
    cap: Option<i64>,
    rows: Vec<(String, String)>,
}

fn bar() -> impl Strategy<Value = String> {
    let values = (
        50..150_i64,
        0..40_i64,
        0..=100_i64,
        0..=100_i64,
        -30..400_i64,
    );
    let bar = values.prop_map(|(low, range, open, close, volume)| {
        let at = |share: i64| low + range * share / 100;
        let volume = volume.max(0);
        format!("{} {} {low} {} {volume}", at(open), low + range, at(close))
    });
    prop_oneof![6 => bar, 1 => Just(String::from("-"))]
}

fn action() -> impl Strategy<Value = String> {
    prop_oneof![
        40 => Just(String::new()),
        1 => Just(String::from("split 2:1 / ")),
        1 => Just(String::from("split 1:2 / ")),
        1 => Just(String::from("split 3:2 / ")),
        1 => Just(String::from("split 7:9 / dividend 0.3 / ")),
        2 => Just(String::from("dividend 1.25 / ")),
        1 => Just(String::from("symbol C / ")),
        1 => (0..200_u32).prop_map(|cash| format!("delisting {cash} / ")),
        10 => (0..1_440_u32).prop_map(|minute| format!("end {minute} / ")),
    ]
}

fn order() -> impl Strategy<Value = String> {
    let side = prop_oneof![Just("buy"), Just("sell")];
    let price = 40..200_i64;
    let kind = prop_oneof![
        Just(String::from("market")),
        price.clone().prop_map(|limit| format!("limit {limit}")),
        price.clone().prop_map(|stop| format!("stop {stop}")),
        (price.clone(), price).prop_map(|(stop, limit)| format!("stop-limit {stop} {limit}")),
    ];
    let life = prop_oneof![
        3 => Just(String::new()),
        1 => Just(String::from(" day")),
        1 => Just(String::from(" ioc")),
        1 => Just(String::from(" fok")),
        1 => (1..25_i64).prop_map(|day| format!(" gtd {day}")),
    ];
    let one = (side, 1..250_i64, kind, life)
        .prop_map(|(side, quantity, kind, life)| format!("{side} {quantity} {kind}{life}"));
    prop_oneof![
        6 => one.clone(),
        1 => (1..30_u64).prop_map(|id| format!("cancel {id}")),
        1 => (1..30_u64, one).prop_map(|(id, one)| format!("replace {id} {one}")),
    ]
}

prop_compose! {
    fn case()(
        rows in proptest::collection::vec(
            (action(), bar(), proptest::collection::vec(order(), 0..3)), 1..25),
        (cash, margin, liquidate, through) in (100..100_000_i64, any::<bool>(), any::<bool>(), any::<bool>()),
        (fee, maker, fixed, least) in (0..50_u32, 0..50_u32, 0..3_u32, 0..5_u32),
        (slip, ticks, impact) in (0..300_u32, 0..3_u32, 0..3_000_u32),
        (borrow, maintenance, latency) in (0..2_000_u32, 0..5_000_u32, 0..3_u32),
        cap in proptest::option::of(1..10_000_i64),
    ) -> Case {
        let mut settings = format!(
            "cash={cash} fee={fee} maker={maker} fixed={fixed} min={least} max=20 per-unit=0.001 \
             slip={slip} ticks={ticks} impact={impact} borrow={borrow} maintenance={maintenance} \
             latency={latency} collar=9000"
        );
        for (is, word) in [(!margin, " account=cash"), (liquidate, " margin-call=liquidate"), (through, " limits=through")] {
            if is {
                settings.push_str(word);
            }
        }
        if let Some(cap) = cap {
            write!(settings, " cap={cap}").unwrap();
        }
        let rows = rows.into_iter().map(|(action, bar, orders)| (format!("{action}{bar}"), orders.join(";")));
        Case { settings, cap, rows: rows.collect() }
    }
}

/// What is known of an order that was let through.
struct Sent {
    order: Order,
    time: UnixNanos,
    leaves: i64,
}

/// The run's own books, kept by other code.
#[derive(Default)]
struct Books {
    bars: BTreeMap<UnixNanos, RawBar>,
    cap: Option<i64>,
    is_cash: bool,
    /// Whether the venue has an order at the close at which it is sent.
    at_once: bool,
    /// Sessions that ended.
    ends: Vec<UnixNanos>,
    sent: BTreeMap<ClientOrderId, Sent>,
    cash: i128,
    held: i64,
    value: i128,
    done: BTreeMap<(UnixNanos, bool), i64>,
    fills: usize,
    actions: usize,
}

impl Books {
    fn send(&mut self, order: &Order, time: UnixNanos) {
        let sent = Sent {
            order: *order,
            time,
            leaves: order.quantity.0,
        };
        self.sent.insert(order.client_order_id, sent);
    }

    fn fill(&mut self, fill: &Fill) -> TestCaseResult {
        let bar = self.bars.get(&fill.time);
        let bar = bar.expect("a fill on a bar that there is");
        prop_assert!(
            bar.low <= fill.price && fill.price <= bar.high,
            "outside the bar"
        );
        prop_assert!(bar.low <= fill.reference_price && fill.reference_price <= bar.high);
        prop_assert!(bar.volume.0 > 0, "nothing was traded");
        let sent = self.sent.get_mut(&fill.client_order_id);
        let sent = sent.expect("a fill of an order that was let through and lives");
        prop_assert!(sent.time < fill.time, "filled on the bar that caused it");
        prop_assert_eq!(sent.order.side, fill.side);
        prop_assert!(fill.quantity.0 > 0);
        sent.leaves -= fill.quantity.0;
        prop_assert_eq!(sent.leaves, fill.leaves_quantity.0, "more than ordered");
        match sent.order.time_in_force {
            TimeInForce::Fok => prop_assert_eq!(sent.leaves, 0, "not whole"),
            TimeInForce::Gtd(until) => prop_assert!(fill.time <= until, "too late"),
            TimeInForce::Day if self.at_once => {
                let ended = |end: &UnixNanos| sent.time < *end && *end <= bar.open_time;
                prop_assert!(!self.ends.iter().any(ended), "after its session");
            }
            TimeInForce::Gtc | TimeInForce::Day | TimeInForce::Ioc => {}
        }
        let sign = if fill.side == Side::Buy { 1 } else { -1 };
        if let OrderType::Limit(limit) | OrderType::StopLimit { limit, .. } = sent.order.order_type
        {
            prop_assert!(sign * (fill.price.0 - limit.0) <= 0, "worse than the limit");
            prop_assert_eq!(fill.slippage, Money::ZERO);
        } else {
            prop_assert_eq!(fill.liquidity, LiquiditySide::Taker);
        }
        let worse = sign * (fill.price.0 - fill.reference_price.0);
        prop_assert!(worse >= 0, "slippage in the trader's favour");
        prop_assert_eq!(fill.slippage.0, i128::from(worse * fill.quantity.0) * UNIT);
        prop_assert!(fill.fee >= Money::ZERO && fill.fee.0 <= 20 * UNIT);
        if sent.leaves == 0 {
            self.sent.remove(&fill.client_order_id);
        }
        let done = self.done.entry((fill.time, sign > 0)).or_default();
        *done += fill.quantity.0;
        if let Some(cap) = self.cap {
            prop_assert!(*done <= bar.volume.0 * cap / 10_000, "more than the cap");
        }
        self.cash -= i128::from(sign * fill.price.0 * fill.quantity.0) * UNIT + fill.fee.0;
        self.held += sign * fill.quantity.0;
        if self.is_cash {
            prop_assert!(self.held >= 0, "a cash account is short");
        }
        self.fills += 1;
        Ok(())
    }

    fn action(&mut self, applied: &AppliedAction) -> TestCaseResult {
        self.actions += 1;
        self.cash += applied.cash.0;
        match applied.action.kind {
            CorporateActionKind::Split { new, old } => {
                let (new, old) = (i64::from(new.get()), i64::from(old.get()));
                prop_assert_eq!(applied.quantity.0, self.held * new / old);
                self.value -= applied.cash.0;
                // What is left of each order, and its prices, at worst one unit against it.
                for sent in self.sent.values_mut() {
                    sent.leaves = sent.leaves * new / old;
                    let up = i64::from(sent.order.side == Side::Buy);
                    let split = |price: Price| {
                        let exact = i64::from(price.0 * old % new != 0);
                        Price(price.0 * old / new + up * exact)
                    };
                    sent.order.order_type = match sent.order.order_type {
                        OrderType::Limit(limit) => OrderType::Limit(split(limit)),
                        OrderType::StopLimit { stop, limit } => OrderType::StopLimit {
                            stop: split(stop),
                            limit: split(limit),
                        },
                        other @ (OrderType::Market | OrderType::Stop(_)) => other,
                    };
                }
            }
            CorporateActionKind::Delisting { per_unit } => {
                prop_assert_eq!(applied.cash.0, per_unit.0 * i128::from(self.held));
                self.value = 0;
            }
            CorporateActionKind::Dividend { per_unit, .. } => {
                prop_assert_eq!(applied.cash.0, per_unit.0 * i128::from(self.held));
            }
            CorporateActionKind::SymbolChange { .. } | CorporateActionKind::Halt { .. } => {
                prop_assert_eq!(applied.cash, Money::ZERO);
            }
            CorporateActionKind::SessionEnd => {
                prop_assert_eq!(applied.cash, Money::ZERO);
                self.ends.push(applied.action.ex_time);
            }
        }
        self.held = applied.quantity.0;
        if self.held == 0 {
            self.value = 0;
        }
        Ok(())
    }

    fn decision(&mut self, one: &DecisionRecord) -> TestCaseResult {
        let requests = one.requests.as_ref().expect("no guest was at fault");
        for (request, verdict) in requests.iter().zip(&one.verdicts) {
            if *verdict == RiskVerdict::Approved
                && let Some(order) = request.intent.order()
            {
                self.send(order, one.bar.get().close_time);
            }
        }
        prop_assert_eq!(one.cash.0, self.cash, "money came or went");
        prop_assert_eq!(
            one.equity.0,
            self.cash + self.value,
            "equity is not cash and positions"
        );
        Ok(())
    }

    fn record(&mut self, record: &RunRecord) -> TestCaseResult {
        match record {
            RunRecord::Deliveries(all) => {
                for delivery in &all.deliveries {
                    match delivery {
                        Delivery::Fill(fill) => self.fill(fill)?,
                        Delivery::Action(applied) => self.action(applied)?,
                        Delivery::Borrow(borrow) => {
                            prop_assert!(borrow.fee >= Money::ZERO);
                            self.cash -= borrow.fee.0;
                        }
                        Delivery::Event(event) => {
                            let gone = event.status.is_final()
                                && event.status != counterfoil_trading::order::OrderStatus::Refused;
                            if gone {
                                self.sent.remove(&event.client_order_id);
                            }
                        }
                    }
                }
                // The bar's close marks what is held after the fills.
                if let Some(bar) = self.bars.get(&all.time) {
                    self.value = i128::from(bar.close.0 * self.held) * UNIT;
                }
            }
            RunRecord::Decision(one) => {
                if let Some(bar) = self.bars.get(&one.bar.get().close_time) {
                    self.value = i128::from(bar.close.0 * self.held) * UNIT;
                }
                self.decision(one)?;
            }
            RunRecord::MarginCall(call) => {
                prop_assert!(call.equity < call.requirement);
                prop_assert!(call.orders.len() == call.orders.len().min(1));
                for order in &call.orders {
                    let signed = if order.side == Side::Buy { 1 } else { -1 };
                    prop_assert_eq!(self.held + signed * order.quantity.0, 0);
                    self.send(order, call.time);
                }
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
            | RunRecord::Stop(_) => {
                return Err(TestCaseError::fail("a record that no step writes"));
            }
        }
        Ok(())
    }
}

fn check(case: &Case) -> Result<(usize, usize), TestCaseError> {
    let mut played = Played::new(&case.settings);
    let mut again = Played::new(&case.settings);
    let mut books = Books {
        cap: case.cap,
        is_cash: case.settings.contains("account=cash"),
        at_once: case.settings.contains("latency=0"),
        cash: played.account().cash().0,
        ..Books::default()
    };
    for ((bar, orders), day) in case.rows.iter().zip(0_i64..) {
        let all = slice(bar, day * DAY_NANOS, (day + 1) * DAY_NANOS);
        if let Some(bar) = all.bar_of(InstrumentId(0)) {
            books.bars.insert(bar.get().close_time, *bar.get());
        }
        played.row(bar, orders);
        again.row(bar, orders);
    }
    prop_assert_eq!(&played.journal.0, &again.journal.0, "the same again");
    for record in &played.journal.0 {
        books.record(record)?;
    }
    Ok((books.fills, books.actions))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 600,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_is_ordered_charged_and_split_the_rules_hold(case in case()) {
        check(&case)?;
    }

    #[test]
    fn equity_does_not_change_by_a_split(
        (quantity, price, mark) in (-1_000_000..1_000_000_i64, 1..10_000_000_i64, 1..10_000_000_i64),
        (new, old) in (1..200_u32, 1..200_u32),
        (price_scale, quantity_scale, lot) in (0..6_u8, 0..4_u8, 1..50_i64),
    ) {
        let instrument = Instrument::new(
            "A".to_owned(),
            InstrumentGrid {
                quantity_scale,
                lot_size: lot,
                ..InstrumentGrid::whole_units(price_scale)
            },
        );
        let instrument = instrument.unwrap();
        let mut account = Account::new(AccountKind::Margin, Money(10_i128.pow(20)), 1);
        let quantity = quantity / lot * lot;
        prop_assume!(quantity != 0);
        let fill = Fill {
            instrument: InstrumentId(0),
            client_order_id: ClientOrderId(1),
            side: if quantity > 0 { Side::Buy } else { Side::Sell },
            quantity: Quantity(quantity.abs()),
            leaves_quantity: Quantity(0),
            reference_price: Price(price),
            price: Price(price),
            clamped: false,
            fee: Money(7),
            slippage: Money::ZERO,
            liquidity: LiquiditySide::Taker,
            time: UnixNanos(1),
        };
        account.book(&instrument, &fill).unwrap();
        let bar = RawBar {
            close_time: UnixNanos(1),
            open: Price(mark), high: Price(mark), low: Price(mark), close: Price(mark),
            ..RawBar::default()
        };
        account.mark(&instrument, &counterfoil_trading::bar::ClosedBar::parse(bar).unwrap()).unwrap();
        account.settle().unwrap();
        let before = account.equity();
        let action = CorporateAction {
            instrument: InstrumentId(0),
            ex_time: UnixNanos(2),
            kind: CorporateActionKind::Split { new: new.try_into().unwrap(), old: old.try_into().unwrap() },
        };
        let applied = account.apply(&instrument, &action).unwrap();
        account.settle().unwrap();
        prop_assert_eq!(account.equity(), before);
        prop_assert_eq!(applied.quantity.0 % lot, 0);
        prop_assert_eq!(account.position(InstrumentId(0)).quantity, applied.quantity);
    }
}

#[test]
fn the_random_runs_do_trade_and_split() {
    use proptest::strategy::ValueTree as _;

    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut fills, mut actions) = (0, 0);
    for _ in 0..100 {
        let case = case().new_tree(&mut runner).unwrap().current();
        let (filled, applied) = check(&case).unwrap();
        fills += filled;
        actions += applied;
    }
    assert!(
        fills > 200 && actions > 100,
        "{fills} fills, {actions} actions"
    );
}
