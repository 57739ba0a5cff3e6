//! What kept an order from filling, as tables of orders and bars.

use counterfoil_trading::execution::OrderCode;
use counterfoil_trading::instrument::{InstrumentGrid, InstrumentId};
use counterfoil_trading::order::{ClientOrderId, Side};
use counterfoil_trading::time::DAY_NANOS;
use counterfoil_trading::units::{Price, Volume};

use super::*;

const ID: InstrumentId = InstrumentId(0);

fn instrument() -> Instrument {
    Instrument::new("ABC".to_owned(), InstrumentGrid::whole_units(0)).unwrap()
}

fn watch() -> OrderWatch {
    OrderWatch {
        rules: Some(VenueRules {
            limits: LimitFillRule::Touch,
            cap: Some(BasisPoints::parse("1000").unwrap()),
        }),
        open: BTreeMap::new(),
        expired: Vec::new(),
        halts: vec![None],
        unfilled: UnfilledOrders::default(),
    }
}

fn event(status: OrderStatus, code: OrderCode) -> OrderEvent {
    OrderEvent {
        instrument: ID,
        client_order_id: ClientOrderId(1),
        status,
        code,
        leaves_quantity: Quantity(10),
    }
}

/// `buy limit 95 gtc`
fn order(text: &str) -> Order {
    let mut words = text.split_whitespace();
    let side = if words.next() == Some("buy") {
        Side::Buy
    } else {
        Side::Sell
    };
    let kind = words.next().unwrap();
    let mut price = || Price(words.next().unwrap().parse().unwrap());
    let order_type = match kind {
        "market" => OrderType::Market,
        "limit" => OrderType::Limit(price()),
        "stop" => OrderType::Stop(price()),
        _ => OrderType::StopLimit {
            stop: price(),
            limit: price(),
        },
    };
    let time_in_force = match words.next().unwrap() {
        "gtc" => TimeInForce::Gtc,
        "ioc" => TimeInForce::Ioc,
        _ => TimeInForce::Fok,
    };
    Order {
        instrument: ID,
        client_order_id: ClientOrderId(1),
        side,
        quantity: Quantity(10),
        order_type,
        time_in_force,
    }
}

/// `open high low close volume`, on the given day.
fn bar(day: i64, text: &str) -> RawBar {
    let mut numbers = text.split_whitespace().map(|word| word.parse().unwrap());
    let mut next = || numbers.next().unwrap();
    RawBar {
        instrument: ID,
        open_time: UnixNanos(day * DAY_NANOS),
        close_time: UnixNanos((day + 1) * DAY_NANOS),
        open: Price(next()),
        high: Price(next()),
        low: Price(next()),
        close: Price(next()),
        volume: Volume(next()),
    }
}

fn told(watch: OrderWatch) -> String {
    let (_, unfilled) = watch.finish();
    let Some(one) = unfilled.first.first() else {
        return "filled".to_owned();
    };
    let obstacles = one.obstacles.iter();
    let obstacles = obstacles.map(|(obstacle, bars)| format!(", {} {bars}", obstacle.name()));
    let obstacles: Vec<String> = obstacles.collect();
    let outcome = format!("{} {}", one.outcome, one.code);
    format!(
        "{} on {} bars{}",
        outcome.trim_end(),
        one.bars,
        obstacles.concat()
    )
}

#[track_caller]
fn check(text: &str, bars: &[&str], expect: &str) {
    let mut watch = watch();
    let origin = OrderOrigin {
        entry: 1,
        reason: None,
    };
    watch.sent(order(text), origin);
    // On its way: this bar is not one on which it could have filled.
    watch.bar(&bar(0, "100 110 90 105 0"), &instrument());
    watch.event(&event(OrderStatus::Accepted, OrderCode::None));
    for (day, text) in (1..).zip(bars) {
        watch.bar(&bar(day, text), &instrument());
    }
    assert_eq!(told(watch), expect, "{text}");
}

#[test]
fn each_bar_that_an_order_rests_through_has_its_reason() {
    let none = "100 110 90 105 0";
    let thin = "100 110 90 105 9";
    let small = "100 110 90 105 50";
    let full = "100 110 90 105 1000";
    check(
        "buy market gtc",
        &[none, none],
        "working on 2 bars, no-volume 2",
    );
    check(
        "buy market gtc",
        &[thin],
        "working on 1 bars, volume-cap-below-lot 1",
    );
    check(
        "buy market gtc",
        &[full],
        "working on 1 bars, volume-cap-used 1",
    );
    check(
        "buy market fok",
        &[small],
        "working on 1 bars, volume-cap-below-order 1",
    );
    check(
        "buy limit 89 gtc",
        &[full, none, full],
        "working on 3 bars, no-volume 1, limit-not-reached 2",
    );
    check(
        "sell limit 111 gtc",
        &[thin],
        "working on 1 bars, limit-not-reached 1",
    );
    check(
        "buy stop 111 gtc",
        &[full],
        "working on 1 bars, stop-not-reached 1",
    );
    // Once triggered it is a market order, or a limit order.
    check(
        "buy stop 109 gtc",
        &[thin, "80 80 80 80 9"],
        "working on 2 bars, volume-cap-below-lot 2",
    );
    check(
        "buy stop-limit 111 112 gtc",
        &[full],
        "working on 1 bars, stop-not-reached 1",
    );
    check(
        "buy stop-limit 109 89 gtc",
        &[full, full],
        "working on 2 bars, limit-not-reached 2",
    );
}

#[test]
fn an_order_that_ended_without_a_fill_has_its_status_and_code() {
    let run = |text: &str, status, code| {
        let mut watch = watch();
        let origin = OrderOrigin {
            entry: 1,
            reason: None,
        };
        watch.sent(order(text), origin);
        watch.event(&event(OrderStatus::Accepted, OrderCode::None));
        watch.event(&event(status, code));
        watch.bar(&bar(1, "100 110 90 105 0"), &instrument());
        told(watch)
    };
    let rejected = run(
        "buy market gtc",
        OrderStatus::Rejected,
        OrderCode::NoBuyingPower,
    );
    assert_eq!(rejected, "rejected no-buying-power on 0 bars");
    let canceled = run("buy market gtc", OrderStatus::Canceled, OrderCode::None);
    assert_eq!(canceled, "canceled on 0 bars");
    // It expires after its bar, and its event comes before the decision on that bar.
    let expired = run("buy market ioc", OrderStatus::Expired, OrderCode::None);
    assert_eq!(expired, "expired on 1 bars, no-volume 1");
}

#[test]
fn a_broker_s_reasons_are_not_guessed() {
    let mut watch = watch();
    watch.rules = None;
    let origin = OrderOrigin {
        entry: 1,
        reason: None,
    };
    watch.sent(order("buy market gtc"), origin);
    watch.event(&event(OrderStatus::Accepted, OrderCode::None));
    watch.bar(&bar(1, "100 110 90 105 0"), &instrument());
    assert_eq!(told(watch), "working on 1 bars");
}

#[test]
fn a_halt_and_a_split_reach_a_resting_order() {
    let mut watch = watch();
    let origin = OrderOrigin {
        entry: 1,
        reason: None,
    };
    watch.sent(order("buy limit 80 gtc"), origin);
    watch.event(&event(OrderStatus::Accepted, OrderCode::None));
    let action = |kind| CorporateAction {
        instrument: ID,
        ex_time: UnixNanos(0),
        kind,
    };
    let until = UnixNanos(2 * DAY_NANOS);
    watch.action(&action(CorporateActionKind::Halt { until }), &instrument());
    watch.bar(&bar(1, "100 110 90 105 1000"), &instrument());
    let two = core::num::NonZeroU32::new(2).unwrap();
    let one = core::num::NonZeroU32::MIN;
    let split = CorporateActionKind::Split { new: two, old: one };
    watch.action(&action(split), &instrument());
    // Half the price: the limit of 80 is one of 40 now, and 50 does not reach it.
    watch.bar(&bar(2, "50 55 45 52 1000"), &instrument());
    assert_eq!(
        told(watch),
        "working on 2 bars, halted 1, limit-not-reached 1"
    );
}
