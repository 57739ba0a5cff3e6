//! What a feed does when its venue does not do what it should.

use core::time::Duration;
use std::sync::{Arc, Mutex};

use counterfoil_connect::feed::event::FeedEvent;
use counterfoil_connect::feed::protocol::BarOrigin;
use counterfoil_connect::feed::task::run_feed;
use counterfoil_connect::net::socket::MESSAGE_BYTES_MAX;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::feeds::{alpaca, binance, collect, decided, is_bar};
use crate::venue::history::Shared;
use crate::venue::http::Reply;
use crate::venue::market::{SYMBOLS, alpaca_bar, kline, text};
use crate::venue::stream::{Act, alpaca_opening, serve};
use crate::venue::{block_on, block_on_paused, dialer, history, settings};

fn closed(minute: i64) -> Act {
    Act::Send(kline(0, minute, true))
}

/// The texts of a feed's events up to the bar of a minute.
async fn events_until(scripts: Vec<Vec<Act>>, shared: Shared, minute: i64) -> Vec<String> {
    let (stream, _) = serve(scripts).await;
    let port = history::binance(shared).await;
    let mut settings = settings(stream, port);
    settings.decided = decided(1);
    settings.silence = Duration::from_mins(1);
    settings.request_timeout = Duration::from_secs(10);
    settings.fill_tries = 3;
    let protocol = binance(1, BarOrigin::Venue);
    let events = collect(protocol, settings, |event| is_bar(event, 0, minute)).await;
    events
        .iter()
        .map(|event| match event {
            FeedEvent::Missing { reason, .. }
            | FeedEvent::Disconnected { reason }
            | FeedEvent::Refused { reason, .. } => format!("{}: {reason}", text(event)),
            _ => text(event),
        })
        .collect()
}

#[test]
fn frames_that_cannot_be_read_are_told_and_the_next_bar_passes() {
    let huge = format!("\"{}\"", "x".repeat(MESSAGE_BYTES_MAX));
    let cases = [
        (
            Act::Send("{".to_owned()),
            "unreadable-message: field message: EOF",
        ),
        (
            Act::Bytes(vec![0xff, 0xfe]),
            "unreadable-message: field message: expected value",
        ),
        (
            Act::Send(huge),
            "feed-disconnected: the connection broke: Space limit",
        ),
        (
            Act::Raw(vec![0xff; 64]),
            "feed-disconnected: the connection broke:",
        ),
        // A text frame that is not UTF-8.
        (
            Act::Raw(vec![0x81, 2, 0xff, 0xff]),
            "feed-disconnected: the connection broke:",
        ),
        (
            Act::Close(1_008),
            "feed-disconnected: closed by the venue with code 1008: told to",
        ),
    ];
    for (act, expect) in cases {
        let about = format!("{act:?}").chars().take(40).collect::<String>();
        let events = block_on(async {
            let first = vec![closed(0), act, closed(1)];
            events_until(vec![first, vec![closed(1)]], history::at(0), 1).await
        });
        assert_eq!(events[0], "closed-bar 0@0", "{about}: {events:?}");
        assert!(events[1].starts_with(expect), "{about}: {events:?}");
        assert_eq!(events.last().unwrap(), "closed-bar 0@1", "{about}");
    }
}

#[test]
fn a_silent_connection_is_given_up() {
    for act in [Act::Freeze, Act::Hold] {
        let is_frozen = matches!(act, Act::Freeze);
        let start = tokio::time::Instant::now;
        let (events, took) = block_on_paused(async {
            let begun = start();
            let first = vec![closed(0), act];
            let (sender, mut receiver) = mpsc::channel(9);
            let (stream, _) = serve(vec![first, vec![closed(1)]]).await;
            let port = history::binance(history::at(0)).await;
            let mut settings = settings(stream, port);
            settings.silence = Duration::from_mins(1);
            let protocol = binance(1, BarOrigin::Venue);
            let feed = tokio::spawn(run_feed(protocol, settings, dialer(), sender));
            let mut events = Vec::new();
            let limit = Duration::from_mins(10);
            while let Ok(Some(event)) = tokio::time::timeout(limit, receiver.recv()).await {
                let is_end = is_bar(&event, 0, 1);
                events.push(text(&event));
                if is_end {
                    break;
                }
            }
            drop(receiver);
            feed.await.unwrap().unwrap();
            (events, begun.elapsed())
        });
        if is_frozen {
            assert_eq!(
                events[1..],
                ["feed-disconnected", "feed-reconnected", "closed-bar 0@1"]
            );
            assert!(took >= Duration::from_mins(1), "{took:?}");
        } else {
            // It answers pings: no data is not a fault.
            assert_eq!(events, ["closed-bar 0@0"]);
        }
    }
}

#[test]
fn a_history_that_fails_is_asked_again_and_then_the_bars_are_missing() {
    let reply = |status: u16| Reply::of(status, "{}");
    let later = Reply::Say(
        429,
        vec![("retry-after", "7".to_owned())],
        "slow down".to_owned(),
    );
    let banned = Reply::Say(
        418,
        vec![("retry-after", "9999".to_owned())],
        "banned".to_owned(),
    );
    let missing = |why: &str| {
        vec![
            format!("missing-bars 0@1..3: {why}"),
            "closed-bar 0@3".to_owned(),
        ]
    };
    let filled = || {
        [
            "closed-bar 0@1",
            "closed-bar 0@2",
            "gap-filled 0@1..3",
            "closed-bar 0@3",
        ]
        .map(str::to_owned)
        .to_vec()
    };
    let garbage = "field message: expected value at line 1 column 1";
    let cases = [
        (vec![reply(500), later], filled()),
        (vec![Reply::Hang, Reply::Cut], filled()),
        (
            vec![reply(500), reply(502), reply(503)],
            missing("status 503: {}"),
        ),
        (vec![reply(403)], missing("status 403: {}")),
        (vec![banned], missing("status 418: banned")),
        (vec![Reply::of(200, "<html>")], missing(garbage)),
    ];
    for (faults, expect) in cases {
        let about = format!("{faults:?}");
        let events = block_on_paused(async {
            let shared = history::at(0);
            let scripts = vec![vec![closed(0), closed(3)]];
            let (stream, _) = serve(scripts).await;
            let port = history::binance(shared.clone()).await;
            let mut settings = settings(stream, port);
            settings.request_timeout = Duration::from_secs(10);
            settings.fill_tries = 3;
            {
                let mut shared = shared.lock().unwrap();
                shared.now = 3;
                shared.faults = faults;
            }
            let protocol = binance(1, BarOrigin::Venue);
            let events = collect(protocol, settings, |event| is_bar(event, 0, 3)).await;
            events
                .iter()
                .map(|event| match event {
                    FeedEvent::Missing { reason, .. } => format!("{}: {reason}", text(event)),
                    _ => text(event),
                })
                .collect::<Vec<_>>()
        });
        assert_eq!(events[1..], expect, "{about}");
    }
}

#[test]
fn what_the_history_lacks_is_missing_where_every_minute_has_a_bar() {
    let shared = Arc::new(Mutex::new(history::History {
        now: 3,
        lacks: vec![1],
        ..history::History::default()
    }));
    let scripts = vec![vec![closed(3)]];
    let events = block_on(events_until(scripts, shared, 3));
    assert_eq!(
        events,
        [
            "closed-bar 0@0",
            "closed-bar 0@2",
            "gap-filled 0@0..3",
            "missing-bars 0@1..2: the venue's history does not have them",
            "closed-bar 0@3"
        ]
    );
}

#[test]
fn a_minute_without_a_trade_is_no_loss_at_alpaca_and_its_pages_are_followed() {
    let shared = history::at(5);
    {
        let mut shared = shared.lock().unwrap();
        shared.lacks = vec![1];
        shared.page = 2;
    }
    let name = r#""T":"b","S":"AAA","#;
    let mut script = alpaca_opening(&SYMBOLS);
    script.extend([5, 8].map(|minute| Act::Send(format!("[{}]", alpaca_bar(name, 0, minute)))));
    let update = alpaca_bar(r#""T":"u","S":"AAA","#, 0, 8).replace("\"v\":108", "\"v\":109");
    script.push(Act::Send(format!("[{update}]")));
    let asked = Arc::clone(&shared);
    let events = block_on(async {
        let (stream, _) = serve(vec![script]).await;
        let port = history::alpaca(shared).await;
        let mut settings = settings(stream, port);
        settings.decided = decided(1);
        let is_last = |event: &FeedEvent| matches!(event, FeedEvent::Revised(_));
        collect(alpaca(1), settings, is_last).await
    });
    let events: Vec<String> = events.iter().map(text).collect();
    let expect = [
        "closed-bar 0@0",
        "closed-bar 0@2",
        "closed-bar 0@3",
        "closed-bar 0@4",
        "gap-filled 0@0..5",
        "closed-bar 0@5",
        "closed-bar 0@8",
        "revised-bar 0@8",
    ];
    assert_eq!(events, expect);
    // The first gives the venue's time.
    assert_eq!(asked.lock().unwrap().asked, ["0+0", "0+0", "0+2"]);
}

#[test]
fn a_feed_that_is_denied_ends_and_says_why() {
    let script = vec![
        Act::Expect("auth"),
        Act::Send(r#"[{"T":"error","code":402,"msg":"auth failed"}]"#.to_owned()),
    ];
    let events = block_on(async {
        let (stream, _) = serve(vec![script]).await;
        collect(alpaca(1), settings(stream, 1), |_| false).await
    });
    let reason = "error 402: auth failed".to_owned();
    assert_eq!(events, [FeedEvent::Ended { reason }]);
}

#[test]
fn a_reader_that_stops_loses_no_bar() {
    const LAST: i64 = 400;
    let mark = Arc::new(Mutex::new(0));
    let mut script: Vec<Act> = (0..=LAST).map(closed).collect();
    script.push(Act::Mark(Arc::clone(&mark)));
    let events = block_on(async {
        let (stream, _) = serve(vec![script]).await;
        let settings = settings(stream, 1);
        let (sender, mut receiver) = mpsc::channel(1);
        let protocol = binance(1, BarOrigin::Venue);
        let feed = tokio::spawn(run_feed(protocol, settings, dialer(), sender));
        // The venue has sent everything before the first event is read.
        while *mark.lock().unwrap() == 0 {
            tokio::task::yield_now().await;
        }
        let mut events = Vec::new();
        while let Some(event) = receiver.recv().await {
            events.push(text(&event));
            if is_bar(&event, 0, LAST) {
                break;
            }
        }
        drop(receiver);
        feed.await.unwrap().unwrap();
        events
    });
    let expect: Vec<String> = (0..=LAST).map(|m| format!("closed-bar 0@{m}")).collect();
    assert_eq!(events, expect);
}

#[test]
fn a_venue_that_refuses_is_tried_ever_more_slowly_and_that_is_told_once() {
    let tries = Arc::new(Mutex::new(0_u32));
    let counted = Arc::clone(&tries);
    block_on_paused(async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            loop {
                // Accepted and dropped: there is never a handshake.
                let _dropped = listener.accept().await.unwrap();
                *counted.lock().unwrap() += 1;
            }
        });
        let mut settings = settings(port, 1);
        settings.backoff_first = Duration::from_secs(1);
        settings.backoff_max = Duration::from_mins(1);
        let (sender, mut receiver) = mpsc::channel(1);
        let protocol = binance(1, BarOrigin::Venue);
        let feed = tokio::spawn(run_feed(protocol, settings, dialer(), sender));
        let event = receiver.recv().await.unwrap();
        assert_eq!(event.code(), "feed-disconnected");
        let hour = tokio::time::timeout(Duration::from_hours(1), receiver.recv()).await;
        assert!(hour.is_err(), "it is reported once, and not at each try");
        drop(receiver);
        feed.await.unwrap().unwrap();
    });
    let tries = *tries.lock().unwrap();
    // Waits of 30 to 60 seconds after the first six.
    assert!((60..=130).contains(&tries), "{tries} tries in an hour");
}

#[test]
fn a_slice_is_not_waited_for_longer_than_told() {
    let texts = block_on_paused(async {
        let bar = |symbol, minute| Act::Send(kline(symbol, minute, true));
        let (stream, _) = serve(vec![vec![bar(1, 0), Act::Freeze]]).await;
        let mut settings = settings(stream, 1);
        settings.slice_wait = Some(Duration::from_secs(5));
        let protocol = binance(2, BarOrigin::Venue);
        let is_last = |event: &FeedEvent| matches!(event, FeedEvent::EndOfSlice(_));
        let begun = tokio::time::Instant::now();
        let events = collect(protocol, settings, is_last).await;
        assert!(begun.elapsed() >= Duration::from_secs(5));
        events.iter().map(text).collect::<Vec<_>>()
    });
    assert_eq!(texts, ["closed-bar 1@0", "end-of-slice 1"]);
}
