//! The broker over real sockets: one order is placed once whatever fails, and every execution is
//! counted once wherever the stream ends.

use core::time::Duration;
use std::sync::{Arc, Mutex};

use counterfoil_connect::broker::client::{AlpacaBroker, BrokerApiConfig};
use counterfoil_connect::broker::order::{OrderName, SendGuard, VenueStatus};
use counterfoil_connect::broker::tracker::{OrderTracker, TrackerEvent};
use counterfoil_connect::broker::updates::{self, UpdateStreamReport};
use counterfoil_connect::broker::{BrokerApi as _, BrokerError, CancelOutcome};
use counterfoil_connect::net::credentials::Credentials;
use counterfoil_connect::net::endpoint::{Endpoint, EndpointKind};
use counterfoil_trading::instrument::InstrumentId;
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::units::{Money, Quantity};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::venue::broker::{Books, NOW, Shared, activity, order, start, wanted};
use crate::venue::fault::Fault;
use crate::venue::http::Reply;
use crate::venue::market::listings;
use crate::venue::stream::{Act, serve};
use crate::venue::{block_on, block_on_paused, dialer};

const NAME: &str = "cf-0123456789abcdef01234567-7";

fn books() -> Shared {
    Arc::new(Mutex::new(Books {
        positions: json!([]),
        ..Books::default()
    }))
}

async fn broker(books: Shared) -> AlpacaBroker {
    let port = start(books).await;
    let base = Endpoint::parse(&format!("http://127.0.0.1:{port}"), EndpointKind::Http).unwrap();
    let credentials = Credentials::new("KEY", "SECRET").unwrap();
    let settings = BrokerApiConfig::new(base, 3);
    let now = Arc::new(|| UnixNanos(NOW * 1_000_000_000));
    AlpacaBroker::new(settings, credentials, listings(1), dialer(), now)
}

/// Every sequence of three faults, of requests and of looks.
#[test]
fn an_order_is_placed_once_whatever_fails() {
    let looks = [
        None,
        Some(Reply::Hang),
        Some(Reply::Cut),
        Some(Reply::of(500, "")),
        Some(Reply::Say(
            429,
            vec![("retry-after", "2".to_owned())],
            String::new(),
        )),
    ];
    let mut cases = Vec::new();
    for first in Fault::ALL {
        for second in Fault::ALL {
            for look in &looks {
                cases.push((vec![first, second], vec![look.clone()]));
                cases.push((
                    vec![first, second, second],
                    vec![look.clone(), look.clone()],
                ));
            }
        }
    }
    for (place_faults, look_faults) in cases {
        let about = format!("{place_faults:?} {look_faults:?}");
        let shared = books();
        {
            let mut books = shared.lock().unwrap();
            books.place_faults = place_faults;
            books.look_faults = look_faults;
        }
        let placed = block_on_paused(async {
            broker(Arc::clone(&shared))
                .await
                .submit(&wanted(NAME), &SendGuard::unconditional())
                .await
        });
        let books = shared.lock().unwrap();
        assert!(books.orders.len() <= 1, "{about}");
        assert!(
            books.looks + 1 >= books.posts,
            "{about}: sent again without a look"
        );
        match placed {
            Ok(placed) => {
                assert_eq!(books.orders.len(), 1, "{about}");
                assert_eq!(placed.name, NAME, "{about}");
                assert_eq!(placed.terms, Some(wanted(NAME).terms), "{about}");
            }
            // Three in a row failed: it is not reported as absent.
            Err(BrokerError::Unknown { name, .. }) => assert_eq!(name, NAME),
            Err(other) => panic!("{about}: {other}"),
        }
    }
}

#[test]
fn an_order_that_has_no_leave_any_more_does_not_go_out_again() {
    for fault in Fault::ALL {
        // SendGuard is withdrawn before the first time it is sent, or right after.
        for most in 0..2 {
            let about = format!("{fault:?} {most}");
            let shared = books();
            shared.lock().unwrap().place_faults = vec![fault; 2];
            let seen = Arc::clone(&shared);
            let leave = SendGuard::new(move || {
                let may = seen.lock().unwrap().posts < most;
                may.then_some(()).ok_or_else(|| "stopped".to_owned())
            });
            let placed = block_on_paused(async {
                let broker = broker(Arc::clone(&shared)).await;
                broker.submit(&wanted(NAME), &leave).await
            });
            let books = shared.lock().unwrap();
            assert_eq!(books.posts, most, "{about}");
            match placed {
                Ok(_) => assert_eq!(books.orders.len(), 1, "{about}"),
                Err(BrokerError::Withdrawn { reason }) => {
                    assert!(books.orders.is_empty(), "{about}");
                    assert!(reason.starts_with("stopped"), "{about}: {reason}");
                }
                // What was sent may still arrive: it is not reported as absent.
                Err(BrokerError::Unknown { .. }) => assert_eq!(most, 1, "{about}"),
                Err(other) => panic!("{about}: {other}"),
            }
        }
    }
}

#[test]
fn a_refusal_is_said_with_the_venues_words_and_only_if_nothing_is_there() {
    for faults in [
        vec![],
        vec![Fault::LostThenCut],
        vec![Fault::Limited, Fault::Error],
    ] {
        let shared = books();
        {
            let mut books = shared.lock().unwrap();
            books.refuses = Some((403, "insufficient buying power"));
            books.place_faults = faults;
        }
        let refused = block_on_paused(async {
            broker(Arc::clone(&shared))
                .await
                .submit(&wanted(NAME), &SendGuard::unconditional())
                .await
        });
        let words = "the venue refused it with status 403: insufficient buying power";
        assert_eq!(refused.unwrap_err().to_string(), words);
        assert!(shared.lock().unwrap().orders.is_empty());
    }
}

#[test]
fn a_name_that_is_taken_is_ours_only_if_the_order_is_the_same() {
    for (field, value, is_ours) in [
        ("qty", "10", true),
        ("qty", "11", false),
        ("limit_price", "100.51", false),
        ("side", "sell", false),
        ("symbol", "ZZZ", false),
        ("time_in_force", "gtc", false),
    ] {
        let shared = books();
        let mut there = order(NAME, 0, "new");
        there[field] = json!(value);
        shared.lock().unwrap().orders.push(there);
        let placed = block_on_paused(async {
            broker(Arc::clone(&shared))
                .await
                .submit(&wanted(NAME), &SendGuard::unconditional())
                .await
        });
        match placed {
            Ok(_) => assert!(is_ours, "{field}"),
            Err(BrokerError::Conflict { .. }) => assert!(!is_ours, "{field}"),
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn a_limit_is_waited_for_as_long_as_the_venue_says() {
    let shared = books();
    shared.lock().unwrap().place_faults = vec![Fault::Limited];
    block_on_paused(async {
        let broker = broker(Arc::clone(&shared)).await;
        let begun = tokio::time::Instant::now();
        broker
            .submit(&wanted(NAME), &SendGuard::unconditional())
            .await
            .unwrap();
        let took = begun.elapsed();
        assert!(
            took >= Duration::from_secs(7) && took < Duration::from_secs(9),
            "{took:?}"
        );
    });
}

#[test]
fn clocks_that_are_apart_stop_orders_until_they_agree() {
    let shared = books();
    shared.lock().unwrap().ahead = 4;
    block_on(async {
        let broker = broker(Arc::clone(&shared)).await;
        // The first answer shows it; before that nothing is known to be wrong.
        broker.account().await.unwrap();
        let error = broker
            .submit(&wanted(NAME), &SendGuard::unconditional())
            .await
            .unwrap_err();
        assert!(matches!(error, BrokerError::ClockSkew { .. }), "{error}");
        assert_eq!(shared.lock().unwrap().posts, 0);
        shared.lock().unwrap().ahead = -3;
        broker.account().await.unwrap();
        broker
            .submit(&wanted(NAME), &SendGuard::unconditional())
            .await
            .unwrap();
    });
}

#[test]
fn an_account_is_read_while_it_holds_still() {
    let shared = books();
    {
        let mut books = shared.lock().unwrap();
        books.orders = vec![
            order(NAME, 4, "partially_filled"),
            order("cf-1", 10, "filled"),
        ];
        books.positions = json!([
            {"symbol": "AAA", "side": "short", "qty": "-4"},
            {"symbol": "ETHUSD", "side": "long", "qty": "0.25"},
        ]);
        books.restless = 3;
    }
    let snapshot = block_on(async {
        let broker = broker(Arc::clone(&shared)).await;
        let snapshot = broker.account().await.unwrap();
        shared.lock().unwrap().restless = 100;
        let moving = broker.account().await;
        assert!(matches!(moving, Err(BrokerError::Moving)));
        snapshot
    });
    assert_eq!(snapshot.cash, Money::parse("1000.5").unwrap());
    assert_eq!(snapshot.equity, Money::parse("2010.75").unwrap());
    assert_eq!(snapshot.time, Some(UnixNanos(NOW * 1_000_000_000)));
    assert_eq!(snapshot.open_orders.len(), 1);
    assert_eq!(snapshot.open_orders[0].filled, Quantity(4));
    assert_eq!(
        snapshot.positions[0].held,
        Some((InstrumentId(0), Quantity(-4)))
    );
    assert_eq!(snapshot.positions[1].held, None);
    assert_eq!(snapshot.positions[1].quantity_text, "0.25");
}

#[test]
fn a_cancel_is_requested_or_too_late_and_a_replacement_has_its_own_name() {
    let shared = books();
    shared.lock().unwrap().orders = vec![order("cf-1", 0, "new"), order("cf-2", 10, "filled")];
    shared.lock().unwrap().place_faults = vec![Fault::TakenThenCut];
    block_on_paused(async {
        let broker = broker(Arc::clone(&shared)).await;
        assert_eq!(
            broker.cancel("id-cf-1").await.unwrap(),
            CancelOutcome::Requested
        );
        assert_eq!(
            broker.cancel("id-cf-2").await.unwrap(),
            CancelOutcome::TooLate
        );
        assert!(broker.cancel("id-cf-3").await.is_err());
        let placed = broker
            .replace("id-cf-1", &wanted("cf-4"), &SendGuard::unconditional())
            .await
            .unwrap();
        assert_eq!(placed.name, "cf-4");
        assert_eq!(shared.lock().unwrap().posts, 1);
        let none = OrderName::parse("cf-9").unwrap();
        assert_eq!(broker.find(&none).await.unwrap(), None);
        assert!(!format!("{broker:?}").contains("SECRET"));
    });
}

/// An update of the stream about an order of 10.
fn update(event: &str, quantity: i64, filled: i64, status: &str) -> Vec<u8> {
    let text = json!({"stream": "trade_updates", "data": {
        "event": event, "execution_id": filled.to_string(), "price": "100.25",
        "qty": quantity.to_string(), "timestamp": "2024-01-02T15:00:00Z",
        "order": order(NAME, filled, status),
    }});
    text.to_string().into_bytes()
}

fn stream_opening() -> Vec<Act> {
    let say = |value: &Value| Act::Bytes(value.to_string().into_bytes());
    vec![
        Act::Expect(r#"{"action":"auth","key":"KEY","secret":"SECRET"}"#),
        say(
            &json!({"stream": "authorization", "data": {"status": "authorized", "action": "auth"}}),
        ),
        Act::Expect(r#"{"action":"listen","data":{"streams":["trade_updates"]}}"#),
        say(&json!({"stream": "listening", "data": {"streams": ["trade_updates"]}})),
    ]
}

/// What a tracker knows of the order after a stream and the looks that its beginnings ask for.
async fn follow(
    scripts: Vec<Vec<Act>>,
    shared: Shared,
    is_done: fn(&OrderTracker, &[TrackerEvent]) -> bool,
) -> (OrderTracker, Vec<TrackerEvent>) {
    let broker = broker(shared).await;
    let (port, _) = serve(scripts).await;
    let endpoint =
        Endpoint::parse(&format!("ws://127.0.0.1:{port}"), EndpointKind::WebSocket).unwrap();
    let mut settings = updates::UpdateStreamConfig::new(endpoint, 1);
    settings.backoff_first = Duration::from_micros(10);
    settings.backoff_max = Duration::from_micros(10);
    let (sender, mut receiver) = mpsc::channel(1);
    let credentials = Credentials::new("KEY", "SECRET").unwrap();
    let stream = updates::run_update_stream(settings, credentials, listings(1), dialer(), sender);
    let task = tokio::spawn(stream);
    let mut tracker = OrderTracker::default();
    tracker.track(&wanted(NAME));
    let mut events = Vec::new();
    while let Some(report) = receiver.recv().await {
        match report {
            UpdateStreamReport::Live => tracker.poll(&broker, &mut events).await.unwrap(),
            UpdateStreamReport::Update(update) => {
                events.extend(tracker.apply_update(&update, &broker).await.unwrap());
            }
            UpdateStreamReport::Disconnected { .. } => {}
            UpdateStreamReport::Refused { reason, .. } | UpdateStreamReport::Denied { reason } => {
                panic!("{reason}")
            }
        }
        if is_done(&tracker, &events) {
            break;
        }
    }
    drop(receiver);
    task.await.unwrap();
    (tracker, events)
}

fn is_over(tracker: &OrderTracker, _events: &[TrackerEvent]) -> bool {
    tracker.open().next().is_none()
}

/// The quantities of the reported executions, in their sequence.
fn executed(events: &[TrackerEvent]) -> Vec<i64> {
    events
        .iter()
        .filter_map(|event| match event {
            TrackerEvent::Filled { fill, .. } => Some(fill.quantity.0),
            TrackerEvent::Moved { .. } => None,
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn every_execution_is_counted_once_wherever_the_stream_ends() {
    let messages = [
        update("pending_new", 0, 0, "pending_new"),
        update("new", 0, 0, "new"),
        update("partial_fill", 3, 3, "partially_filled"),
        update("partial_fill", 2, 5, "partially_filled"),
        update("pending_cancel", 0, 5, "pending_cancel"),
        update("fill", 5, 10, "filled"),
    ];
    let opening = stream_opening();
    let whole: Vec<Act> = opening
        .iter()
        .cloned()
        .chain(messages.iter().cloned().map(Act::Bytes))
        .collect();
    for cut in 0..=whole.len() {
        for lost in 0..=3_usize {
            let mut first: Vec<Act> = whole.iter().take(cut).cloned().collect();
            first.push(Act::Cut);
            let seen = cut.saturating_sub(opening.len());
            // By now the venue has executed what was lost, and sends the last again.
            let next = (seen + lost).min(messages.len() - 1);
            let shared = books();
            {
                let (filled, status) = [
                    (0, "pending_new"),
                    (0, "new"),
                    (3, "partially_filled"),
                    (5, "partially_filled"),
                    (5, "pending_cancel"),
                    (10, "filled"),
                ][next];
                let mut books = shared.lock().unwrap();
                books.orders.push(order(NAME, filled, status));
                let all = [(3, 3), (2, 5), (5, 10)];
                books.fills = all
                    .iter()
                    .filter(|(_, cum)| *cum <= filled)
                    .map(|(quantity, cum)| activity(NAME, *quantity, *cum))
                    .collect();
            }
            let rest = messages.iter().skip(next).cloned().map(Act::Bytes);
            let second = opening.iter().cloned().chain(rest).collect();
            let (tracker, events) = block_on(follow(vec![first, second], shared, is_over));
            assert_eq!(
                executed(&events),
                [3, 2, 5],
                "cut {cut} lost {lost}: {events:?}"
            );
            let name = OrderName::parse(NAME).unwrap();
            assert_eq!(tracker.state(&name).unwrap().status(), VenueStatus::Filled);
        }
    }
}

/// Acknowledgement, two executions and the end of a cancel that crossed them, in every sequence.
#[test]
fn a_cancel_that_crosses_executions_ends_the_same_in_every_sequence() {
    let messages = [
        update("new", 0, 0, "new"),
        update("partial_fill", 3, 3, "partially_filled"),
        update("partial_fill", 1, 4, "partially_filled"),
        update("canceled", 0, 4, "canceled"),
    ];
    let mut sequences = vec![vec![]];
    for _ in 0..messages.len() {
        let longer = sequences.iter().flat_map(|so_far: &Vec<usize>| {
            let free = (0..messages.len()).filter(|place| !so_far.contains(place));
            free.map(|place| so_far.iter().copied().chain([place]).collect())
        });
        sequences = longer.collect();
    }
    assert_eq!(sequences.len(), 24);
    for sequence in sequences {
        let shared = books();
        {
            let mut books = shared.lock().unwrap();
            books.orders.push(order(NAME, 0, "pending_new"));
            books.fills = vec![activity(NAME, 3, 3), activity(NAME, 1, 4)];
        }
        let mut script = stream_opening();
        script.extend(
            sequence
                .iter()
                .map(|place| Act::Bytes(messages[*place].clone())),
        );
        let (tracker, events) = block_on(follow(vec![script], shared, is_over));
        assert_eq!(executed(&events), [3, 1], "{sequence:?}: {events:?}");
        let name = OrderName::parse(NAME).unwrap();
        let state = tracker.state(&name).unwrap();
        assert_eq!(state.status(), VenueStatus::Canceled, "{sequence:?}");
        assert_eq!(state.filled(), Quantity(4));
    }
}

#[test]
fn a_run_that_comes_back_hears_only_of_what_it_has_not_recorded() {
    let shared = books();
    {
        let mut books = shared.lock().unwrap();
        books.orders.push(order(NAME, 10, "filled"));
        books.fills = [(3, 3), (2, 5), (5, 10)]
            .map(|(quantity, filled)| activity(NAME, quantity, filled))
            .into();
    }
    block_on(async {
        let broker = broker(shared).await;
        let fills = broker.fills(&format!("id-{NAME}")).await.unwrap();
        let mut tracker = OrderTracker::default();
        assert!(tracker.recall(&wanted(NAME), &fills[1..]).is_err());
        tracker.recall(&wanted(NAME), &fills[..2]).unwrap();
        let mut absent = wanted("cf-lost");
        absent.terms.quantity = Quantity(1);
        tracker.track(&absent);
        let mut events = Vec::new();
        tracker.poll(&broker, &mut events).await.unwrap();
        let last = TrackerEvent::Filled {
            name: OrderName::parse(NAME).unwrap(),
            fill: fills[2],
            status: VenueStatus::Filled,
        };
        let never_arrived = TrackerEvent::Lost { name: absent.name };
        assert_eq!(events, [last, never_arrived]);
    });
}

#[test]
fn what_cannot_be_is_told_and_changes_nothing() {
    let shared = books();
    shared.lock().unwrap().orders.push(order(NAME, 0, "new"));
    let mut foreign = String::from_utf8(update("new", 0, 0, "new")).unwrap();
    foreign = foreign.replace(NAME, "another-program");
    let mut script = stream_opening();
    script.extend(
        [
            foreign.into_bytes(),
            update("partial_fill", 4, 8, "partially_filled"),
            update("trade_bust", 0, 0, "new"),
            update("canceled", 0, 0, "canceled"),
            update("partial_fill", 4, 4, "partially_filled"),
            update("expired", 0, 0, "expired"),
        ]
        .map(Act::Bytes),
    );
    let (_, events) = block_on(follow(vec![script], shared, |_, events| events.len() == 7));
    let lines: Vec<String> = events
        .iter()
        .map(|event| match event {
            TrackerEvent::Foreign { name } => format!("foreign {name}"),
            TrackerEvent::Unexplained {
                known, reported, ..
            } => {
                format!("unexplained {} {}", known.0, reported.0)
            }
            TrackerEvent::Illegal { from, .. } => format!("illegal from {from:?}"),
            TrackerEvent::Moved { status, .. } => format!("{status:?}"),
            other => format!("{other:?}"),
        })
        .collect();
    let expect = [
        "Working",
        "foreign another-program",
        "unexplained 0 4",
        "illegal from Working",
        "Canceled",
        "illegal from Canceled",
        "illegal from Canceled",
    ];
    assert_eq!(lines, expect);
}
