//! A market of minute bars, as each venue spells them.

use counterfoil_connect::feed::event::FeedEvent;
use counterfoil_connect::feed::listing::Listings;
use counterfoil_trading::instrument::{Instrument, InstrumentGrid};
use counterfoil_trading::time::UnixNanos;

/// The first minute, in seconds: 2024-01-02T00:00:00Z.
pub(crate) const START: i64 = 1_704_153_600;

/// The symbols, in the sequence of the instruments.
pub(crate) const SYMBOLS: [&str; 2] = ["AAA", "BBB"];

/// The open time of a minute, in seconds.
pub(crate) const fn open_of(minute: i64) -> i64 {
    START + minute * 60
}

/// Open, high, low, close and volume of a minute, at scale 2.
pub(crate) const fn values(symbol: usize, minute: i64) -> [i64; 5] {
    let base = 10_000 + 1_000 * (symbol as i64) + minute;
    [base, base + 30, base - 20, base + 10, 100 + minute]
}

fn decimal(value: i64) -> String {
    counterfoil_trading::decimal::format(value.into(), 2)
}

/// The run's instruments: the first of the symbols.
pub(crate) fn listings(count: usize) -> Listings {
    let listing = |symbol: &&str| {
        let instrument =
            Instrument::new((*symbol).to_owned(), InstrumentGrid::whole_units(2)).unwrap();
        (instrument, (*symbol).to_owned())
    };
    let all = SYMBOLS.iter().take(count).map(listing).collect();
    Listings::new(all, "1m".parse().unwrap()).unwrap()
}

/// A kline of Binance's stream.
pub(crate) fn kline(symbol: usize, minute: i64, is_closed: bool) -> String {
    let open = open_of(minute) * 1_000;
    let event_time = if is_closed {
        open + 60_000
    } else {
        open + 2_000
    };
    let [o, h, l, c, v] = values(symbol, minute).map(decimal);
    let (name, v) = (SYMBOLS[symbol], v.replace('.', ""));
    format!(
        r#"{{"stream":"x","data":{{"e":"kline","E":{event_time},"s":"{name}","k":{{"t":{open},"T":{},
        "s":"{name}","i":"1m","o":"{o}","h":"{h}","l":"{l}","c":"{c}","v":"{v}","x":{is_closed}}}}}}}"#,
        open + 59_999
    )
}

/// A trade of Binance's stream at a second of a minute.
pub(crate) fn trade(symbol: usize, minute: i64, second: i64) -> String {
    let time = (open_of(minute) + second) * 1_000;
    let price = decimal(values(symbol, minute)[0] + second);
    let name = SYMBOLS[symbol];
    format!(
        r#"{{"data":{{"e":"trade","E":{time},"s":"{name}","t":1,"p":"{price}","q":"1","T":{time}}}}}"#
    )
}

/// A row of Binance's history.
pub(crate) fn kline_row(symbol: usize, minute: i64) -> String {
    let open = open_of(minute) * 1_000;
    let [o, h, l, c, v] = values(symbol, minute).map(decimal);
    let v = v.replace('.', "");
    format!(
        r#"[{open},"{o}","{h}","{l}","{c}","{v}",{},"1",1,"1","1","0"]"#,
        open + 59_999
    )
}

/// A bar of Alpaca's, with the fields of its place before it.
pub(crate) fn alpaca_bar(head: &str, symbol: usize, minute: i64) -> String {
    let open = jiff::Timestamp::from_second(open_of(minute)).unwrap();
    let [o, h, l, c, v] = values(symbol, minute).map(decimal);
    let v = v.replace('.', "");
    format!(r#"{{{head}"o":{o},"h":{h},"l":{l},"c":{c},"v":{v},"t":"{open}"}}"#)
}

/// The minute in which a time lies.
pub(crate) const fn minute_of(time: UnixNanos) -> i64 {
    (time.0 / 1_000_000_000 - START).div_euclid(60)
}

/// An event as a test reads it: its code, and which bar or range it is about.
pub(crate) fn text(event: &FeedEvent) -> String {
    let code = event.code();
    if let FeedEvent::Closed(bar)
    | FeedEvent::Duplicate(bar)
    | FeedEvent::Revised(bar)
    | FeedEvent::OutOfOrder(bar)
    | FeedEvent::Late(bar) = event
    {
        let raw = bar.get();
        let (symbol, minute) = (raw.instrument.0, minute_of(raw.open_time));
        if matches!(event, FeedEvent::Closed(_)) {
            let expect = values(symbol as usize, minute);
            let got = [raw.open.0, raw.high.0, raw.low.0, raw.close.0, raw.volume.0];
            assert_eq!(got[..4], expect[..4], "{symbol}@{minute}");
        }
        return format!("{code} {symbol}@{minute}");
    }
    if let FeedEvent::Missing { gap, .. } | FeedEvent::Filled { gap, .. } = event {
        let (from, to) = (minute_of(gap.from), minute_of(gap.to));
        return format!("{code} {}@{from}..{to}", gap.instrument.0);
    }
    if let FeedEvent::EndOfSlice(time) = event {
        return format!("{code} {}", minute_of(*time));
    }
    code.to_owned()
}
