//! Both feeds over real sockets: no bar is lost or doubled wherever the connection ends, and no
//! bar that forms passes.

use std::collections::BTreeMap;

use counterfoil_connect::feed::alpaca::AlpacaFeed;
use counterfoil_connect::feed::binance::BinanceFeed;
use counterfoil_connect::feed::config::FeedConfig;
use counterfoil_connect::feed::event::FeedEvent;
use counterfoil_connect::feed::protocol::{BarOrigin, FeedProtocol};
use counterfoil_connect::feed::task::{FeedEnd, run_feed};
use counterfoil_connect::net::credentials::Credentials;
use counterfoil_trading::instrument::InstrumentId;
use counterfoil_trading::time::UnixNanos;
use tokio::sync::mpsc;

use crate::venue::market::{SYMBOLS, alpaca_bar, kline, listings, open_of, text, trade};
use crate::venue::stream::{Act, alpaca_opening, serve};
use crate::venue::{block_on, dialer, history, settings};

/// A run that has every bar before minute 0.
pub(crate) fn decided(count: u32) -> BTreeMap<InstrumentId, UnixNanos> {
    (0..count)
        .map(|id| (InstrumentId(id), UnixNanos(open_of(0) * 1_000_000_000)))
        .collect()
}

pub(crate) fn binance(count: usize, stream: BarOrigin) -> BinanceFeed {
    BinanceFeed::new(listings(count), stream).unwrap()
}

pub(crate) fn alpaca(count: usize) -> AlpacaFeed {
    let credentials = Credentials::new("KEY", "SECRET").unwrap();
    AlpacaFeed::new(listings(count), BarOrigin::Venue, "iex", credentials).unwrap()
}

/// The events of a feed up to the first for which `is_last` is true.
pub(crate) async fn collect<P: FeedProtocol + 'static>(
    protocol: P,
    settings: FeedConfig,
    mut is_last: impl FnMut(&FeedEvent) -> bool,
) -> Vec<FeedEvent> {
    // One place in the channel: whatever the feed does, it waits for this reader.
    let (sender, mut receiver) = mpsc::channel(1);
    let feed = tokio::spawn(run_feed(protocol, settings, dialer(), sender));
    let mut events = Vec::new();
    while let Some(event) = receiver.recv().await {
        let is_end = is_last(&event);
        events.push(event);
        if is_end {
            break;
        }
    }
    drop(receiver);
    let ended = feed.await.unwrap().unwrap();
    let denied = matches!(events.last(), Some(FeedEvent::Ended { .. }));
    assert_eq!(ended != FeedEnd::Stopped, denied);
    events
}

/// Whether an event is the bar of a minute.
pub(crate) fn is_bar(event: &FeedEvent, symbol: u32, minute: i64) -> bool {
    text(event) == format!("closed-bar {symbol}@{minute}")
}

/// The bars that passed, and whether none is missing, by instrument and minute.
#[track_caller]
fn check_bars(events: &[FeedEvent], count: u32, last: i64, about: &str) {
    let texts: Vec<String> = events.iter().map(text).collect();
    for id in 0..count {
        let got: Vec<&String> = texts
            .iter()
            .filter(|line| line.starts_with(&format!("closed-bar {id}@")))
            .collect();
        let expect: Vec<String> = (0..=last).map(|m| format!("closed-bar {id}@{m}")).collect();
        assert!(got.iter().copied().eq(expect.iter()), "{about}: {texts:#?}");
    }
    let is_bad = |line: &String| line.starts_with("missing") || line.starts_with("unreadable");
    assert!(!texts.iter().any(is_bad), "{about}: {texts:#?}");
}

/// The connection ends after every message, `lost` messages pass unseen, and the feed continues.
#[test]
fn binance_loses_and_doubles_no_bar_wherever_the_connection_ends() {
    const LAST: i64 = 5;
    let mut messages = Vec::new();
    for minute in 0..=LAST {
        messages.push((minute, kline(0, minute, false)));
        messages.push((minute + 1, kline(0, minute, true)));
    }
    for cut in 0..messages.len() {
        for lost in 0..4 {
            for last_act in [Act::Cut, Act::Close(1_001)] {
                let mut first: Vec<Act> = messages
                    .iter()
                    .take(cut)
                    .map(|(_, text)| Act::Send(text.clone()))
                    .collect();
                first.push(last_act);
                let rest = messages.iter().skip((cut + lost).min(messages.len() - 1));
                let now = rest.clone().next().unwrap().0;
                let second = rest.map(|(_, text)| Act::Send(text.clone())).collect();
                let events = block_on(async {
                    let (stream, targets) = serve(vec![first, second]).await;
                    let history = history::at(now);
                    let port = history::binance(history).await;
                    let mut settings = settings(stream, port);
                    settings.decided = decided(1);
                    let protocol = binance(1, BarOrigin::Venue);
                    let is_last = |event: &FeedEvent| is_bar(event, 0, LAST);
                    let events = collect(protocol, settings, is_last).await;
                    let targets = targets.lock().unwrap().clone();
                    assert!(
                        targets
                            .iter()
                            .all(|path| path == "/stream?streams=aaa@kline_1m")
                    );
                    events
                });
                check_bars(&events, 1, LAST, &format!("cut {cut} lost {lost}"));
            }
        }
    }
}

#[test]
fn alpaca_loses_and_doubles_no_bar_wherever_the_connection_ends() {
    const LAST: i64 = 3;
    let opening = alpaca_opening(&SYMBOLS);
    let mut messages = Vec::new();
    for minute in 0..=LAST {
        for symbol in 0..2 {
            let name = ["AAA", "BBB"][symbol];
            let bar = alpaca_bar(&format!(r#""T":"b","S":"{name}","#), symbol, minute);
            messages.push((minute + 1, format!("[{bar}]")));
        }
    }
    let whole: Vec<Act> = opening
        .iter()
        .cloned()
        .chain(messages.iter().map(|(_, text)| Act::Send(text.clone())))
        .collect();
    for cut in 0..whole.len() - 1 {
        for lost in 0..4_usize {
            let mut first: Vec<Act> = whole.iter().take(cut).cloned().collect();
            first.push(Act::Cut);
            let sent = cut.saturating_sub(opening.len());
            let rest = messages.iter().skip((sent + lost).min(messages.len() - 1));
            let now = rest.clone().next().unwrap().0;
            let rest = rest.map(|(_, text)| Act::Send(text.clone()));
            let second = opening.iter().cloned().chain(rest).collect();
            let events = block_on(async {
                let (stream, _) = serve(vec![first, second]).await;
                let port = history::alpaca(history::at(now)).await;
                let mut settings = settings(stream, port);
                settings.decided = decided(2);
                let mut left = 2;
                collect(alpaca(2), settings, |event| {
                    left -= i32::from(is_bar(event, 0, LAST) || is_bar(event, 1, LAST));
                    left == 0
                })
                .await
            });
            check_bars(&events, 2, LAST, &format!("cut {cut} lost {lost}"));
        }
    }
}

/// Bars of trades: what the connection did not cover whole comes from the history.
#[test]
fn a_bar_of_trades_passes_only_if_no_trade_of_it_can_be_lost() {
    let at = |minute, second| Act::Send(trade(0, minute, second));
    let first = vec![at(0, 10), at(1, 0), at(1, 59), at(2, 1), at(2, 5), Act::Cut];
    // Trades of minute 2 were lost, and those of 3 may have been.
    let second = vec![at(3, 30), at(4, 0), at(4, 20), at(5, 0)];
    let events = block_on(async {
        let (stream, _) = serve(vec![first, second]).await;
        let history = history::at(1);
        let port = history::binance(history.clone()).await;
        let mut settings = settings(stream, port);
        settings.decided = decided(1);
        let protocol = binance(1, BarOrigin::Trades);
        collect(protocol, settings, |event| {
            if matches!(event, FeedEvent::Disconnected { .. }) {
                history.lock().unwrap().now = 3;
            }
            matches!(event, FeedEvent::Closed(bar) if bar.get().open_time.0 == open_of(4) * 1_000_000_000)
        })
        .await
    });
    let bars: Vec<(i64, i64)> = events
        .iter()
        .filter_map(|event| match event {
            FeedEvent::Closed(bar) => {
                let raw = bar.get();
                Some((raw.open_time.0 / 1_000_000_000 - open_of(0), raw.volume.0))
            }
            _ => None,
        })
        .collect();
    // Volumes of the history are from 100 on, those of trades count them.
    assert_eq!(bars, [(0, 100), (60, 2), (120, 102), (180, 103), (240, 2)]);
}
