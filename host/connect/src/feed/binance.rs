//! The spot kline and trade streams of Binance, and its kline history. Pure: bytes in, messages
//! out.
//!
//! Source: "WebSocket Streams for Binance" and "REST API" of the Spot API documentation;
//! docs/reference/FEEDS.md names the versions followed.

use counterfoil_trading::aggregate::Trade;
use counterfoil_trading::bar::ClosedBar;
use counterfoil_trading::instrument::InstrumentId;
use counterfoil_trading::time::{Timeframe, UnixNanos};
use counterfoil_trading::units::{Price, Volume};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::feed::listing::{BarFields, ListingError, Listings};
use crate::feed::protocol::{BarGap, BarOrigin, FeedProtocol, HistoryPage, VenueMessage};
use crate::field::{FieldError, json, millis, number, required, shown};
use crate::net::secret::SecretText;

/// The intervals whose bars have a fixed length and begin at multiples of it since 1970.
const INTERVALS: &str = "1s 1m 3m 5m 15m 30m 1h 2h 4h 6h 8h 12h 1d";

/// The most klines of one history response.
pub const KLINES_MAX: usize = 1_000;

/// The protocol for the listings of one run.
#[derive(Clone, Debug)]
pub struct BinanceFeed {
    listings: Listings,
    stream: BarOrigin,
}

#[derive(Deserialize)]
struct BinanceFrame<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    id: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct EventHeader<'a> {
    e: Option<&'a str>,
}

#[derive(Deserialize)]
struct KlineEvent<'a> {
    #[serde(rename = "E")]
    event_time: Option<i64>,
    #[serde(borrow)]
    k: Option<Kline<'a>>,
}

#[derive(Deserialize)]
struct Kline<'a> {
    t: Option<i64>,
    #[serde(rename = "T")]
    last: Option<i64>,
    s: Option<&'a str>,
    i: Option<&'a str>,
    #[serde(borrow)]
    o: Option<&'a RawValue>,
    #[serde(borrow)]
    h: Option<&'a RawValue>,
    #[serde(borrow)]
    l: Option<&'a RawValue>,
    #[serde(borrow)]
    c: Option<&'a RawValue>,
    #[serde(borrow)]
    v: Option<&'a RawValue>,
    x: Option<bool>,
}

#[derive(Deserialize)]
struct TradeEvent<'a> {
    s: Option<&'a str>,
    #[serde(borrow)]
    p: Option<&'a RawValue>,
    #[serde(borrow)]
    q: Option<&'a RawValue>,
    #[serde(rename = "T")]
    time: Option<i64>,
}

impl BinanceFeed {
    /// The protocol for these listings; symbols in capitals, such as `BTCUSDT`.
    ///
    /// # Errors
    ///
    /// Returns [`ListingError::Timeframe`] if the venue has no such bars.
    pub fn new(listings: Listings, stream: BarOrigin) -> Result<Self, ListingError> {
        let timeframe = listings.timeframe();
        if !is_interval(timeframe) {
            return Err(ListingError::Timeframe {
                venue: "Binance",
                timeframe,
                known: INTERVALS,
            });
        }
        Ok(Self { listings, stream })
    }

    fn event(&self, data: &[u8]) -> Result<VenueMessage, FieldError> {
        match json::<EventHeader<'_>>(data)?.e {
            Some("kline") => self.kline(data),
            Some("trade") => self.trade(data),
            Some("serverShutdown") => Ok(VenueMessage::Ends {
                reason: "the venue shuts this connection down".to_owned(),
            }),
            Some(other) => Err(FieldError::new(
                "e",
                format!("{:?} is unknown", shown(other)),
            )),
            None => Err(FieldError::new("e", "is missing")),
        }
    }

    /// A kline is a closed bar only if its flag is set and its own event time agrees.
    fn kline(&self, data: &[u8]) -> Result<VenueMessage, FieldError> {
        let event: KlineEvent<'_> = json(data)?;
        let event_time = millis("E", event.event_time)?;
        let kline = required("k", event.k)?;
        if !required("k.x", kline.x)? {
            return Ok(VenueMessage::Nothing);
        }
        let interval = required("k.i", kline.i)?;
        // A bar of another length would pass every other check where its open time is a multiple of
        // both.
        if interval != self.listings.timeframe().to_string() {
            return Err(FieldError::new(
                "k.i",
                format!("{:?} was not subscribed to", shown(interval)),
            ));
        }
        let (id, _) = self.listings.find("k.s", required("k.s", kline.s)?)?;
        let open_time = millis("k.t", kline.t)?;
        let values = BarFields {
            names: ["k.o", "k.h", "k.l", "k.c", "k.v"],
            values: [kline.o, kline.h, kline.l, kline.c, kline.v],
        };
        let bar = self.listings.bar(id, "k.t", open_time, values)?;
        ends_at("k.T", kline.last, &bar)?;
        // The flag alone is not enough: were it true a moment early, the strategy would decide on a
        // bar that can still change.
        if event_time < bar.get().close_time {
            return Err(FieldError::new(
                "k.x",
                "says closed before the interval is over by the event time E",
            ));
        }
        Ok(VenueMessage::Closed(bar))
    }

    fn trade(&self, data: &[u8]) -> Result<VenueMessage, FieldError> {
        let event: TradeEvent<'_> = json(data)?;
        let (id, instrument) = self.listings.find("s", required("s", event.s)?)?;
        Ok(VenueMessage::Trade(Trade {
            instrument: id,
            time: millis("T", event.time)?,
            price: Price(number("p", event.p, instrument.price_scale())?),
            size: Volume(number("q", event.q, instrument.volume_scale())?),
        }))
    }

    /// The meaning of one frame.
    fn frame(&self, frame: &[u8]) -> Result<VenueMessage, FieldError> {
        let envelope: BinanceFrame<'_> = json(frame)?;
        match (envelope.data, envelope.error) {
            (Some(data), _) => self.event(data.get().as_bytes()),
            (None, Some(error)) => Ok(VenueMessage::Denied {
                reason: shown(error.get()),
            }),
            // The response to a request of ours.
            (None, None) if envelope.id.is_some() => Ok(VenueMessage::Nothing),
            // A notice outside any stream, such as that of a shutdown.
            (None, None) => self.event(frame),
        }
    }

    /// One row of the history: a closed bar, or `None` if it still forms at the venue's own time.
    fn row(
        &self,
        id: InstrumentId,
        row: &[&RawValue],
        venue_time: UnixNanos,
    ) -> Result<Option<ClosedBar>, FieldError> {
        let cell = |at: usize| row.get(at).copied();
        let integer =
            |name, at| number(name, cell(at), 0).and_then(|value| millis(name, Some(value)));
        let open_time = integer("[0]", 0)?;
        let values = BarFields {
            names: ["[1]", "[2]", "[3]", "[4]", "[5]"],
            values: [cell(1), cell(2), cell(3), cell(4), cell(5)],
        };
        let bar = self.listings.bar(id, "[0]", open_time, values)?;
        ends_at("[6]", Some(number("[6]", cell(6), 0)?), &bar)?;
        Ok((bar.get().close_time <= venue_time).then_some(bar))
    }
}

/// Checks the venue's close time, the last millisecond of the interval.
fn ends_at(field: &str, last: Option<i64>, bar: &ClosedBar) -> Result<(), FieldError> {
    let end = millis(field, required(field, last)?.checked_add(1))?;
    if end == bar.get().close_time {
        Ok(())
    } else {
        Err(FieldError::new(field, "does not end the interval"))
    }
}

fn is_interval(timeframe: Timeframe) -> bool {
    let name = timeframe.to_string();
    INTERVALS.split(' ').any(|interval| interval == name)
}

impl FeedProtocol for BinanceFeed {
    fn listings(&self) -> &Listings {
        &self.listings
    }

    fn is_continuous(&self) -> bool {
        true
    }

    fn stream_target(&self) -> String {
        let channel = match self.stream {
            BarOrigin::Venue => format!("kline_{}", self.listings.timeframe()),
            BarOrigin::Trades => "trade".to_owned(),
        };
        let names: Vec<String> = self
            .listings
            .symbols()
            .map(|symbol| format!("{}@{channel}", symbol.to_ascii_lowercase()))
            .collect();
        format!("/stream?streams={}", names.join("/"))
    }

    /// The address names the streams: no subscription message is needed.
    fn open(&mut self) -> Vec<SecretText> {
        Vec::new()
    }

    fn read(&mut self, frame: &[u8], messages: &mut Vec<VenueMessage>) {
        messages.push(
            self.frame(frame)
                .unwrap_or_else(|error| VenueMessage::Refused {
                    reason: error.to_string(),
                    input: frame.to_vec(),
                }),
        );
    }

    fn gap_target(&self, gap: &BarGap, page: Option<&str>) -> Result<String, FieldError> {
        let symbol = self.listings.required_symbol(gap.instrument)?;
        let interval = self.listings.timeframe();
        let from = gap.from.0.div_euclid(1_000_000).to_string();
        // `endTime` is inclusive.
        let to = gap.to.0.div_euclid(1_000_000).saturating_sub(1);
        let from = page.unwrap_or(&from);
        Ok(format!(
            "/api/v3/klines?symbol={symbol}&interval={interval}&startTime={from}&endTime={to}\
             &limit={KLINES_MAX}"
        ))
    }

    fn gap_headers(&self) -> Vec<(&'static str, SecretText)> {
        Vec::new()
    }

    fn gap_page(
        &self,
        gap: &BarGap,
        body: &[u8],
        venue_time: UnixNanos,
    ) -> Result<HistoryPage, FieldError> {
        let rows: Vec<Vec<&RawValue>> = json(body)?;
        let mut page = HistoryPage::default();
        for row in &rows {
            page.bars.extend(self.row(gap.instrument, row, venue_time)?);
        }
        // A full page may be cut. The next one begins at the last closed bar, so that a page of
        // nothing but forming bars ends the loop.
        if rows.len() >= KLINES_MAX
            && let Some(last) = page.bars.last()
            && last.get().close_time < gap.to
        {
            let next = last.get().close_time.0.div_euclid(1_000_000);
            page.next = Some(next.to_string());
        }
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use counterfoil_trading::instrument::{Instrument, InstrumentGrid};

    use super::*;

    fn protocol(stream: BarOrigin) -> BinanceFeed {
        let listed = |symbol: &str, scale| {
            let grid = InstrumentGrid {
                volume_scale: 3,
                ..InstrumentGrid::whole_units(scale)
            };
            let instrument = Instrument::new(symbol.to_owned(), grid).unwrap();
            (instrument, symbol.to_owned())
        };
        let all = vec![listed("BNBBTC", 4), listed("BTCUSDT", 2)];
        let listings = Listings::new(all, "1m".parse().unwrap()).unwrap();
        BinanceFeed::new(listings, stream).unwrap()
    }

    /// The documentation's example, with one thing changed.
    fn example(from: &str, to: &str) -> String {
        let text = r#"{"stream":"bnbbtc@kline_1m","data":{"e":"kline","E":1672515840001,"s":"BNBBTC","k":{
            "t":1672515780000,"T":1672515839999,"s":"BNBBTC","i":"1m","f":100,"L":200,"o":"0.0010",
            "c":"0.0020","h":"0.0025","l":"0.0015","v":"1000","n":100,"x":true,"q":"1.0000","V":"500",
            "Q":"0.500","B":"123456"}}}"#;
        let text = text.replace("\"o\":\"0.0010\"", "\"o\":\"0.0016\"");
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    }

    #[track_caller]
    fn check(from: &str, to: &str, expect: &str) {
        let mut messages = Vec::new();
        protocol(BarOrigin::Venue).read(example(from, to).as_bytes(), &mut messages);
        assert_eq!(messages.len(), 1);
        assert_eq!(line_of(&messages[0]), expect, "{to}");
    }

    fn line_of(messages: &VenueMessage) -> String {
        if let VenueMessage::Refused { reason, .. } = messages {
            return reason.clone();
        }
        let VenueMessage::Closed(bar) = messages else {
            return format!("{messages:?}");
        };
        let bar = bar.get();
        format!(
            "{} closed {} {} {} {} {} {}",
            bar.instrument.0,
            bar.close_time.0,
            bar.open.0,
            bar.high.0,
            bar.low.0,
            bar.close.0,
            bar.volume.0
        )
    }

    #[test]
    fn a_kline_is_a_bar_only_when_flag_interval_and_event_time_say_it_is_over() {
        let closed = "0 closed 1672515840000000000 16 25 15 20 1000000";
        check("\"n\":100", "\"n\":101", closed);
        check("\"x\":true", "\"x\":false", "Nothing");
        check("\"x\":true,", "", "field k.x: is missing");
        check(
            "\"E\":1672515840001",
            "\"E\":1672515839999",
            "field k.x: says closed before the interval is over by the event time E",
        );
        check("\"E\":1672515840001", "\"E\":1672515840000", closed);
        check(
            "1672515839999",
            "1672515899999",
            "field k.T: does not end the interval",
        );
        check(
            "\"t\":1672515780000",
            "\"t\":1672515780001",
            "field k.t: is not the start of an interval",
        );
        check(
            "\"1m\"",
            "\"3m\"",
            "field k.i: \"3m\" was not subscribed to",
        );
    }

    #[test]
    fn what_is_not_exact_or_not_known_is_refused_by_name() {
        check(
            "\"h\":\"0.0025\"",
            "\"h\":\"0.00251\"",
            "field k.h: \"0.00251\" has more than 4 decimals",
        );
        check(
            "\"h\":\"0.0025\"",
            "\"h\":\"0.0017\"",
            "field bar: its open or close is not between its low and its high",
        );
        check(
            "\"s\":\"BNBBTC\",\"i\"",
            "\"s\":\"XXX\",\"i\"",
            "field k.s: the run has no \"XXX\"",
        );
        check("\"o\":\"0.0016\",", "", "field k.o: is missing");
        check(
            "\"e\":\"kline\"",
            "\"e\":\"dance\"",
            "field e: \"dance\" is unknown",
        );
        check(
            "1672515780000",
            "9223372036854775807",
            "field k.t: is too far from 1970",
        );
    }

    #[test]
    fn notices_and_answers_are_no_bars() {
        let mut messages = Vec::new();
        let mut protocol = protocol(BarOrigin::Venue);
        for frame in [
            r#"{"result":null,"id":1}"#,
            r#"{"error":{"code":2,"msg":"Invalid request"},"id":1}"#,
            r#"{"e":"serverShutdown","E":1770123456789}"#,
            "[]",
            "\u{0}",
        ] {
            protocol.read(frame.as_bytes(), &mut messages);
        }
        assert_eq!(messages[0], VenueMessage::Nothing);
        assert!(
            matches!(&messages[1], VenueMessage::Denied { reason } if reason.contains("Invalid"))
        );
        assert!(matches!(messages[2], VenueMessage::Ends { .. }));
        assert!(matches!(messages[3], VenueMessage::Refused { .. }));
        assert!(matches!(messages[4], VenueMessage::Refused { .. }));
    }

    #[test]
    fn a_trade_has_the_instruments_scales() {
        let frame = r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":1672515782136,"s":"BTCUSDT",
            "t":12345,"p":"16500.25","q":"0.100","T":1672515782136,"m":true,"M":true}}"#;
        let mut messages = Vec::new();
        let mut protocol = protocol(BarOrigin::Trades);
        protocol.read(frame.as_bytes(), &mut messages);
        let trade = Trade {
            instrument: InstrumentId(1),
            time: UnixNanos(1_672_515_782_136_000_000),
            price: Price(1_650_025),
            size: Volume(100),
        };
        assert_eq!(messages, [VenueMessage::Trade(trade)]);
        assert_eq!(
            protocol.stream_target(),
            "/stream?streams=bnbbtc@trade/btcusdt@trade"
        );
    }

    #[test]
    fn the_history_leaves_out_the_kline_that_forms() {
        let row = |open: i64, last: i64| {
            format!(
                "[{open},\"10.00\",\"12.00\",\"9.00\",\"11.00\",\"5.5\",{last},\"1\",3,\"1\",\"1\",\"0\"]"
            )
        };
        let body = format!("[{},{}]", row(60_000, 119_999), row(120_000, 179_999));
        let protocol = protocol(BarOrigin::Venue);
        let gap = BarGap {
            instrument: InstrumentId(1),
            from: UnixNanos(60_000_000_000),
            to: UnixNanos(180_000_000_000),
        };
        assert_eq!(
            protocol.gap_target(&gap, None).unwrap(),
            "/api/v3/klines?symbol=BTCUSDT&interval=1m&startTime=60000&endTime=179999&limit=1000"
        );
        let at = |seconds: i64| {
            let venue_time = UnixNanos(seconds * 1_000_000_000);
            let page = protocol.gap_page(&gap, body.as_bytes(), venue_time);
            page.unwrap().bars.len()
        };
        assert_eq!([at(119), at(120), at(179), at(180)], [0, 1, 1, 2]);
        let cut = protocol.gap_page(&gap, b"[[60000]]", UnixNanos(0));
        assert_eq!(cut.unwrap_err().to_string(), "field [1]: is missing");
    }
}
