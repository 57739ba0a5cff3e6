//! The broker as a run's thread sees it, against a broker with its own thread: every call ends in
//! its time, and whatever happens to the stream, every execution is reported once.

use core::time::Duration;
use std::sync::Arc;

use counterfoil_connect::broker::bridge::{
    BridgeConfig, BrokerBridge, BrokerConnection, BrokerReport,
};
use counterfoil_connect::broker::order::{SendGuard, VenueFill, VenueStatus};
use counterfoil_connect::broker::tracker::TrackerEvent;
use counterfoil_connect::broker::{BrokerError, CancelOutcome, client, updates};
use counterfoil_connect::net::credentials::Credentials;
use counterfoil_connect::net::endpoint::{Endpoint, EndpointKind};
use counterfoil_trading::instrument::InstrumentId;
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::units::{Money, Price, Quantity};

use crate::venue::broker::wanted;
use crate::venue::dialer;
use crate::venue::exchange::Exchange;
use crate::venue::fault::Fault;
use crate::venue::market::listings;

/// The machine's time in all tests: 2024-01-02T15:00:00Z.
const NOW: i64 = 1_704_207_600;

fn exchange() -> Exchange {
    let exchange = Exchange::start(10_000_000);
    exchange.with(|state| state.time = Some(NOW));
    exchange
}

/// A bridge with waits that a test need not sit through.
fn bridge(exchange: &Exchange, call_max: Duration) -> BrokerBridge {
    let base = format!("http://127.0.0.1:{}", exchange.requests);
    let stream = format!("ws://127.0.0.1:{}", exchange.stream);
    let base = Endpoint::parse(&base, EndpointKind::Http).unwrap();
    let stream = Endpoint::parse(&stream, EndpointKind::WebSocket).unwrap();
    let mut requests = client::BrokerApiConfig::new(base, 3);
    requests.request_timeout = Duration::from_millis(200);
    requests.backoff_first = Duration::from_micros(10);
    requests.backoff_max = Duration::from_micros(10);
    let mut updates = updates::UpdateStreamConfig::new(stream, 1);
    updates.backoff_first = Duration::from_micros(100);
    updates.backoff_max = Duration::from_micros(100);
    let mut settings = BridgeConfig::new(requests, updates);
    settings.call_max = call_max;
    settings.settle = Duration::from_millis(1);
    BrokerBridge::open(BrokerConnection {
        settings,
        credentials: Credentials::new("KEY", "SECRET").unwrap(),
        listings: listings(1),
        dialer: dialer(),
        now: Arc::new(|| UnixNanos(NOW * 1_000_000_000)),
    })
    .unwrap()
}

/// A bridge whose stream is connected.
fn connected() -> (Exchange, BrokerBridge) {
    let exchange = exchange();
    exchange.listen();
    let bridge = bridge(&exchange, Duration::from_mins(1));
    exchange.wait(|state| state.listeners == 1);
    (exchange, bridge)
}

/// Adds reports to `lines` until one ends with `until`.
fn read_until(bridge: &BrokerBridge, lines: &mut Vec<String>, until: &str) {
    while !lines.iter().any(|line| line.ends_with(until)) {
        lines.extend(bridge.events().unwrap().iter().map(line_of));
    }
}

fn line_of(report: &BrokerReport) -> String {
    match report {
        BrokerReport::Reconnected => "back".to_owned(),
        BrokerReport::Disconnected { .. } => "lost".to_owned(),
        BrokerReport::Denied { reason } => format!("denied {reason}"),
        BrokerReport::Order { event, is_over } => {
            let over = if *is_over { ", over" } else { "" };
            match event {
                TrackerEvent::Moved { status, .. } => format!("{status:?}{over}"),
                TrackerEvent::Filled { fill, status, .. } => {
                    format!("{} to {} {status:?}{over}", fill.quantity.0, fill.filled.0)
                }
                other => format!("{other:?}{over}"),
            }
        }
    }
}

#[test]
fn an_order_goes_out_once_and_its_executions_come_back_once() {
    for fault in Fault::ALL {
        let (exchange, bridge) = connected();
        exchange.with(|state| state.faults = vec![fault]);
        let placed = bridge
            .submit(wanted("cf-1"), SendGuard::unconditional())
            .unwrap();
        assert_eq!(placed.name, "cf-1", "{fault:?}");
        assert_eq!(exchange.with(|state| state.orders.len()), 1, "{fault:?}");
        exchange.fill(0, 4, 10_025);
        exchange.fill(0, 6, 10_050);
        let mut lines = Vec::new();
        read_until(&bridge, &mut lines, "6 to 10 Filled, over");
        // Its first execution alone may show that the order works.
        lines.retain(|line| line != "back" && line != "Working");
        let expect = ["4 to 4 Working", "6 to 10 Filled, over"];
        assert_eq!(lines, expect, "{fault:?}");
    }
}

/// The stream ends before each of four things that happen, and is back after each.
#[test]
fn a_stream_that_ends_anywhere_loses_nothing_and_says_when_it_is_back() {
    for cut in 0..4 {
        for back in cut..=4 {
            let (exchange, bridge) = connected();
            bridge
                .submit(wanted("cf-1"), SendGuard::unconditional())
                .unwrap();
            for step in 0..4 {
                if step == cut {
                    exchange.cut();
                }
                match step {
                    0 => exchange.fill(0, 1, 10_025),
                    1 => exchange.fill(0, 2, 10_025),
                    2 => exchange.fill_unheard(0, 3, 10_025),
                    _ => assert_eq!(
                        bridge.cancel(wanted("cf-1").name).unwrap(),
                        CancelOutcome::Requested
                    ),
                }
                if step + 1 == back {
                    exchange.wait(|state| state.listeners == 1);
                }
            }
            let mut lines = Vec::new();
            read_until(&bridge, &mut lines, ", over");
            let filled: i64 = lines
                .iter()
                .filter_map(|line| line.split_once(" to ")?.0.parse::<i64>().ok())
                .sum();
            assert_eq!(filled, 6, "{cut} {back}: {lines:?}");
            let ends = lines.iter().filter(|line| line.starts_with("Canceled"));
            assert!(ends.count() <= 1, "{cut} {back}: {lines:?}");
            read_until(&bridge, &mut lines, "lost");
            read_until(&bridge, &mut lines, "back");
        }
    }
}

#[test]
fn without_a_stream_every_question_looks() {
    let exchange = exchange();
    let bridge = bridge(&exchange, Duration::from_mins(1));
    bridge
        .submit(wanted("cf-1"), SendGuard::unconditional())
        .unwrap();
    exchange.fill_unheard(0, 10, 10_000);
    let lines: Vec<String> = bridge.events().unwrap().iter().map(line_of).collect();
    assert_eq!(lines, ["10 to 10 Filled, over"]);
    assert_eq!(bridge.events().unwrap(), []);
}

#[test]
fn what_could_not_be_looked_at_is_told_by_a_later_call() {
    let exchange = exchange();
    let bridge = bridge(&exchange, Duration::from_mins(1));
    bridge
        .submit(wanted("cf-1"), SendGuard::unconditional())
        .unwrap();
    exchange.fill_unheard(0, 10, 10_000);
    exchange.with(|state| state.is_blind = true);
    assert!(bridge.events().is_err());
    assert!(bridge.account().is_err());
    exchange.with(|state| state.is_blind = false);
    let lines: Vec<String> = bridge.events().unwrap().iter().map(line_of).collect();
    assert_eq!(lines, ["10 to 10 Filled, over"]);
}

#[test]
fn a_call_ends_in_its_time_and_says_that_nothing_is_known() {
    let exchange = exchange();
    let bridge = bridge(&exchange, Duration::from_millis(100));
    exchange.with(|state| state.faults = vec![Fault::TakenThenSilent]);
    let late = bridge.submit(wanted("cf-1"), SendGuard::unconditional());
    assert!(matches!(late, Err(BrokerError::Late { .. })), "{late:?}");
    // It is not reported lost while its outcome is open; a lookup finds it.
    exchange.fill_unheard(0, 10, 10_000);
    let found = bridge.find(wanted("cf-1").name).unwrap().unwrap();
    assert_eq!(found.status, VenueStatus::Filled);
    let lines: Vec<String> = bridge.events().unwrap().iter().map(line_of).collect();
    assert_eq!(lines, ["10 to 10 Filled, over"]);
}

#[test]
fn what_the_venue_does_not_have_is_forgotten_and_what_it_lost_is_told() {
    let exchange = exchange();
    let bridge = bridge(&exchange, Duration::from_millis(100));
    exchange.with(|state| state.faults = vec![Fault::LostThenSilent]);
    assert!(
        bridge
            .submit(wanted("cf-1"), SendGuard::unconditional())
            .is_err()
    );
    assert_eq!(bridge.events().unwrap(), []);
    assert_eq!(bridge.find(wanted("cf-1").name).unwrap(), None);
    assert_eq!(bridge.events().unwrap(), []);
    bridge
        .submit(wanted("cf-2"), SendGuard::unconditional())
        .unwrap();
    exchange.with(|state| state.orders.clear());
    let lost = TrackerEvent::Lost {
        name: wanted("cf-2").name,
    };
    let report = BrokerReport::Order {
        event: lost,
        is_over: false,
    };
    assert_eq!(bridge.events().unwrap(), [report]);
    let error = bridge.cancel(wanted("cf-9").name).unwrap_err();
    assert_eq!(error.to_string(), "the venue has no order cf-9");
}

#[test]
fn a_refusal_leaves_nothing_behind() {
    let exchange = exchange();
    let bridge = bridge(&exchange, Duration::from_mins(1));
    exchange.with(|state| state.refuses = Some((403, "insufficient buying power")));
    let refused = bridge
        .submit(wanted("cf-1"), SendGuard::unconditional())
        .unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the venue refused it with status 403: insufficient buying power"
    );
    assert_eq!(bridge.events().unwrap(), []);
}

#[test]
fn an_account_and_what_happened_until_it_was_read_agree() {
    let (exchange, bridge) = connected();
    bridge
        .submit(wanted("cf-1"), SendGuard::unconditional())
        .unwrap();
    exchange.fill_unheard(0, 3, 10_000);
    let (snapshot, reports) = bridge.account().unwrap();
    let lines: Vec<String> = reports.iter().map(line_of).collect();
    assert!(lines.contains(&"3 to 3 Working".to_owned()), "{lines:?}");
    assert_eq!(snapshot.cash, Money::parse("99700").unwrap());
    let held = (InstrumentId(0), Quantity(3));
    assert_eq!(snapshot.positions[0].held, Some(held));
    assert_eq!(snapshot.open_orders[0].filled, Quantity(3));
}

#[test]
fn a_run_that_comes_back_recalls_its_orders_and_hears_the_rest() {
    let exchange = exchange();
    let first = bridge(&exchange, Duration::from_mins(1));
    first
        .submit(wanted("cf-1"), SendGuard::unconditional())
        .unwrap();
    exchange.fill_unheard(0, 3, 10_000);
    first.events().unwrap();
    drop(first);
    exchange.fill_unheard(0, 7, 10_010);
    let second = bridge(&exchange, Duration::from_mins(1));
    let fill = |quantity, filled| VenueFill {
        price: Price(10_000),
        quantity: Quantity(quantity),
        filled: Quantity(filled),
        time: UnixNanos(0),
    };
    let wrong = second.recall(wanted("cf-1"), vec![fill(3, 4)]);
    assert!(matches!(wrong, Err(BrokerError::Recall { .. })));
    second.recall(wanted("cf-1"), vec![fill(3, 3)]).unwrap();
    let lines: Vec<String> = second.events().unwrap().iter().map(line_of).collect();
    assert_eq!(lines, ["7 to 10 Filled, over"]);
    let replaced = second.replace(
        wanted("cf-1").name,
        wanted("cf-2"),
        SendGuard::unconditional(),
    );
    assert!(replaced.is_ok());
}
