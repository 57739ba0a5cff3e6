//! What venues send: market data and a broker's words. It must never open a connection.

use std::collections::BTreeMap;

use counterfoil_connect::broker::alpaca as broker_api;
use counterfoil_connect::broker::order::VenueOrder;
use counterfoil_connect::broker::order_state::{BrokerOrderState, EventEffect};
use counterfoil_connect::feed::alpaca::AlpacaFeed;
use counterfoil_connect::feed::binance::BinanceFeed;
use counterfoil_connect::feed::event::FeedEvent;
use counterfoil_connect::feed::intake::{BarIntake, OfferOutcome};
use counterfoil_connect::feed::listing::Listings;
use counterfoil_connect::feed::protocol::{BarGap, BarOrigin, FeedProtocol, VenueMessage};
use counterfoil_connect::net::credentials::Credentials;
use counterfoil_snapshot::source::venue_page::{PageFormat, PageSubject, read_page};
use counterfoil_trading::bar::ClosedBar;
use counterfoil_trading::instrument::{Instrument, InstrumentGrid, InstrumentId};
use counterfoil_trading::time::{Timeframe, UnixNanos};
use counterfoil_trading::units::Quantity;

/// One minute in nanoseconds.
const MINUTE: i64 = 60_000_000_000;

/// A time of the venue's, in the middle of a minute.
const VENUE_TIME: UnixNanos = UnixNanos(1_704_153_690_000_000_000);

/// The seeds of these targets: target, name and text.
pub const VENUE_SEEDS: &[(&str, &str, &str)] = &[
    (
        "binance",
        "kline",
        r#"{"stream":"aaa@kline_1m","data":{"e":"kline","E":1704153660001,"s":"AAA","k":{"t":1704153600000,"T":1704153659999,"s":"AAA","i":"1m","f":1,"L":2,"o":"10.00","c":"10.10","h":"10.20","l":"9.90","v":"7","n":2,"x":true,"q":"1","V":"1","Q":"1","B":"0"}}}"#,
    ),
    (
        "binance",
        "trade",
        r#"{"stream":"bbb@trade","data":{"e":"trade","E":1704153660001,"s":"BBB","t":1,"p":"10.0001","q":"1.25","T":1704153660000,"m":true,"M":true}}"#,
    ),
    (
        "binance",
        "history",
        r#"[[1704153600000,"10.00","10.20","9.90","10.10","7",1704153659999,"1",2,"1","1","0"],[1704153660000,"10.00","10.20","9.90","10.10","7",1704153719999,"1",2,"1","1","0"]]"#,
    ),
    (
        "binance",
        "notice",
        r#"{"e":"serverShutdown","E":1704153660001}"#,
    ),
    (
        "binance",
        "denied",
        r#"{"error":{"code":2,"msg":"Invalid request"},"id":1}"#,
    ),
    (
        "alpaca",
        "bars",
        r#"[{"T":"b","S":"AAA","o":10,"h":10.2,"l":9.9,"c":10.1,"v":7,"n":2,"vw":10.01,"t":"2024-01-02T00:00:00Z"},{"T":"u","S":"BBB","o":1.0001,"h":2,"l":1,"c":1.5,"v":7.25,"t":"2024-01-02T00:01:00Z"},{"T":"d","S":"AAA","o":1,"h":1,"l":1,"c":1,"v":1,"t":"2024-01-02T00:00:00Z"}]"#,
    ),
    (
        "alpaca",
        "trades",
        r#"[{"T":"t","i":1,"S":"AAA","x":"D","p":10.55,"s":1,"t":"2024-01-02T00:00:44.208Z","c":["@","I"],"z":"C"},{"T":"x","S":"AAA","i":1,"p":10.55,"s":1}]"#,
    ),
    (
        "alpaca",
        "control",
        r#"[{"T":"success","msg":"connected"},{"T":"success","msg":"authenticated"},{"T":"subscription","bars":["AAA","BBB"],"trades":["AAA","BBB"]},{"T":"error","code":406,"msg":"connection limit exceeded"}]"#,
    ),
    (
        "alpaca",
        "history",
        r#"{"bars":{"AAA":[{"t":"2024-01-02T00:00:00Z","o":10,"h":10.2,"l":9.9,"c":10.1,"v":7,"n":2,"vw":10}]},"next_page_token":"abc"}"#,
    ),
    (
        "page",
        "binance",
        r#"[[1704153600000,"10.00","10.20","9.90","10.10","7",1704153659999,"1",2,"1","1","0"]]"#,
    ),
    (
        "page",
        "alpaca",
        r#"{"bars":{"AAA":[{"t":"2024-01-02T05:00:00Z","o":10,"h":10.2,"l":9.9,"c":10.1,"v":7,"n":2,"vw":10}]},"next_page_token":"abc"}"#,
    ),
    (
        "page",
        "kraken",
        r#"{"error":[],"result":{"XXBTZUSD":[[1704153600,"10.0","10.2","9.9","10.1","10.0","7.5",2]],"last":1704153600}}"#,
    ),
    (
        "broker",
        "fill",
        r#"{"stream":"trade_updates","data":{"event":"partial_fill","execution_id":"e","price":"10.25","position_qty":"4","qty":"4","timestamp":"2024-01-02T15:00:00Z","order":{"id":"id-1","client_order_id":"cf-1-7","symbol":"AAA","side":"buy","qty":"10","filled_qty":"4","type":"stop_limit","time_in_force":"day","limit_price":"10.50","stop_price":"10.40","status":"partially_filled"}}}"#,
    ),
    (
        "broker",
        "listening",
        r#"{"stream":"listening","data":{"streams":["trade_updates"]}}"#,
    ),
    (
        "broker",
        "order",
        r#"{"id":"id-1","client_order_id":"cf-1-7","symbol":"AAA","side":"sell","qty":"10","filled_qty":"0","type":"market","time_in_force":"gtc","status":"new"}"#,
    ),
    (
        "broker",
        "positions",
        r#"[{"symbol":"AAA","side":"short","qty":"-4"},{"symbol":"ZZZ","side":"long","qty":"0.5"}]"#,
    ),
    (
        "broker",
        "account",
        r#"{"currency":"USD","cash":"1000.5","equity":"2010.75","status":"ACTIVE","trading_blocked":false,"account_blocked":false}"#,
    ),
    (
        "broker",
        "fills",
        r#"[{"activity_type":"FILL","id":"2024::1","order_id":"id-1","symbol":"AAA","price":"10.25","qty":"4","cum_qty":"4","side":"buy","transaction_time":"2024-01-02T15:00:00Z"}]"#,
    ),
];

/// Two instruments of different scales, under their own symbols.
fn listings() -> Listings {
    let all = [("AAA", 2, 0), ("BBB", 4, 2)].map(|(symbol, price_scale, volume_scale)| {
        let name = symbol.to_owned();
        let instrument = Instrument::new(
            name.clone(),
            InstrumentGrid {
                volume_scale,
                ..InstrumentGrid::whole_units(price_scale)
            },
        );
        (instrument.expect("an instrument that holds"), name)
    });
    let timeframe = "1m".parse().expect("a timeframe");
    Listings::new(all.into(), timeframe).expect("listings that hold")
}

/// A bar that passes is one whole minute of an instrument of the run.
fn check_bar(bar: &ClosedBar) {
    let raw = bar.get();
    assert!(raw.instrument.0 < 2);
    assert_eq!(raw.open_time.0.rem_euclid(MINUTE), 0);
    assert_eq!(raw.close_time.0 - raw.open_time.0, MINUTE);
}

/// Whatever a stream says is said once, and bars pass once, in sequence.
fn check_said(protocol: &mut impl FeedProtocol, bytes: &[u8]) {
    let mut said = Vec::new();
    protocol.read(bytes, &mut said);
    let listings = protocol.listings();
    let mut intake = BarIntake::new(MINUTE, true, listings.ids(), &BTreeMap::new());
    let mut passed: BTreeMap<InstrumentId, UnixNanos> = BTreeMap::new();
    for one in said {
        match one {
            VenueMessage::Refused { reason, input } => {
                assert!(!reason.is_empty());
                assert!(input.is_empty() || bytes.windows(input.len()).any(|w| w == input));
            }
            VenueMessage::Closed(bar) => {
                check_bar(&bar);
                let event = match intake.offer(bar) {
                    OfferOutcome::Event(event) => event,
                    OfferOutcome::After(gaps) => {
                        let none = gaps.into_iter().map(|gap| (gap, Ok(Vec::new())));
                        intake.fill_gaps(none.collect());
                        match intake.offer(bar) {
                            OfferOutcome::Event(event) => event,
                            OfferOutcome::After(_) => panic!("asked twice"),
                        }
                    }
                };
                if let FeedEvent::Closed(bar) = event {
                    let time = bar.get().close_time;
                    let before = passed.insert(bar.get().instrument, time);
                    assert!(before < Some(time));
                }
            }
            VenueMessage::Revised(bar) => check_bar(&bar),
            VenueMessage::Trade(trade) => assert!(trade.instrument.0 < 2),
            VenueMessage::Answer(_)
            | VenueMessage::Live
            | VenueMessage::Nothing
            | VenueMessage::Amended { .. }
            | VenueMessage::Ends { .. }
            | VenueMessage::Denied { .. } => {}
        }
    }
    let gap = BarGap {
        instrument: InstrumentId(0),
        from: UnixNanos(0),
        to: UnixNanos(i64::MAX),
    };
    if let Ok(page) = protocol.gap_page(&gap, bytes, VENUE_TIME) {
        for bar in page.bars {
            check_bar(&bar);
            assert!(bar.get().close_time <= VENUE_TIME, "it forms");
        }
    }
}

/// A message or an answer of Binance's: bars that pass are whole and over.
pub fn binance(bytes: &[u8]) {
    for stream in [BarOrigin::Venue, BarOrigin::Trades] {
        let mut protocol = BinanceFeed::new(listings(), stream).expect("a timeframe it has");
        check_said(&mut protocol, bytes);
    }
}

/// A message or an answer of Alpaca's market data: bars that pass are whole and over.
pub fn alpaca(bytes: &[u8]) {
    for stream in [BarOrigin::Venue, BarOrigin::Trades] {
        let credentials = Credentials::new("KEY", "SECRET").expect("a key");
        let protocol = AlpacaFeed::new(listings(), stream, "iex", credentials);
        let mut protocol = protocol.expect("a timeframe it has");
        check_said(&mut protocol, bytes);
    }
}

/// A page of a venue's history: what is read has an end after its beginning, and a token that is not empty; an error
/// is short and cannot drive a terminal.
pub fn page(bytes: &[u8]) {
    let formats = [
        PageFormat::BinanceKlines,
        PageFormat::BinanceArchive,
        PageFormat::AlpacaBars,
        PageFormat::KrakenOhlc,
    ];
    for format in formats {
        for timeframe in [MINUTE, 1_440 * MINUTE] {
            let subject = PageSubject {
                format,
                symbol: "AAA",
                timeframe: Timeframe::Fixed(timeframe),
            };
            match read_page(subject, bytes) {
                Ok(page) => {
                    for row in &page.rows {
                        assert!(row.open_time < row.close_time);
                    }
                    assert_ne!(page.next.as_deref(), Some(""));
                }
                Err(error) => {
                    let text = error.to_string();
                    assert!(text.chars().count() < 1_000 && !text.contains(char::is_control));
                }
            }
        }
    }
}

/// A message or an answer of Alpaca's trading API: an id is safe in an address, and what happens
/// to an order never fills more than it is.
pub fn broker(bytes: &[u8]) {
    let listings = listings();
    let check = |order: &VenueOrder| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        assert!(!order.venue_id.is_empty() && order.venue_id.bytes().all(plain));
        assert!(!order.name.contains(char::is_control));
    };
    if let Ok(broker_api::StreamMessage::Update(update)) = broker_api::stream(bytes, &listings) {
        check(&update.order);
        let mut life = BrokerOrderState::new(Quantity(10));
        for _ in 0..3 {
            let before = life;
            let applied = life.apply(update.happened, update.order.filled);
            if !matches!(applied, EventEffect::Moved(_) | EventEffect::Filled(..)) {
                assert_eq!(life, before);
            }
            assert!(life.filled() >= Quantity(0) && life.filled() <= Quantity(10));
        }
    }
    if let Ok(order) = broker_api::order(bytes, &listings) {
        check(&order);
    }
    for order in broker_api::orders(bytes, &listings).unwrap_or_default() {
        check(&order);
    }
    let _account = broker_api::account(bytes);
    for position in broker_api::positions(bytes, &listings).unwrap_or_default() {
        assert!(!position.symbol.contains(char::is_control));
    }
    let _fills = broker_api::fills(bytes, "id-1", &listings);
    let (_code, words) = broker_api::failure(bytes);
    assert!(!words.contains(char::is_control));
}
