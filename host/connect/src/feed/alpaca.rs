//! Alpaca's stock market data, version 2: minute bars, their revisions, trades, and the history of
//! bars. Pure: bytes in, words out.
//!
//! Source: "WebSocket Stream", "Real-time Stock Data" and "Historical bars" of the Market Data API
//! documentation; see docs/reference/FEEDS.md for the versions followed.

use counterfoil_trading::aggregate::Trade;
use counterfoil_trading::bar::ClosedBar;
use counterfoil_trading::time::{Timeframe, UnixNanos};
use counterfoil_trading::units::{Price, Volume};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

use crate::feed::listing::{ListingError, Listings, Values};
use crate::feed::protocol::{Gap, Outgoing, Page, Protocol, Said};
use crate::field::{FieldError, number, shown, there, time, time_text};
use crate::net::credentials::Credentials;

pub use crate::feed::binance::Stream;

/// The most bars one page of the history holds.
pub const PAGE_BARS_MAX: usize = 10_000;

/// Names of the header that carry the key and the secret.
pub const KEY_HEADERS: [&str; 2] = ["apca-api-key-id", "apca-api-secret-key"];

/// One minute in nanoseconds: the stream's only bar.
const MINUTE: Timeframe = Timeframe::Fixed(60_000_000_000);

/// What the history may be asked for, in its own spelling.
const HISTORY: [(&str, &str); 6] = [
    ("1m", "1Min"),
    ("5m", "5Min"),
    ("15m", "15Min"),
    ("30m", "30Min"),
    ("1h", "1Hour"),
    ("4h", "4Hour"),
];

/// The protocol.
#[derive(Clone, Debug)]
pub struct Alpaca {
    listings: Listings,
    stream: Stream,
    /// Which source of data: `iex`, `sip`, `delayed_sip`.
    source: String,
    history: &'static str,
    credentials: Credentials,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(rename = "T")]
    kind: Option<&'a str>,
    #[serde(rename = "S")]
    symbol: Option<&'a str>,
    msg: Option<&'a str>,
    code: Option<i64>,
    t: Option<&'a str>,
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
    #[serde(borrow)]
    p: Option<&'a RawValue>,
    #[serde(borrow)]
    s: Option<&'a RawValue>,
    #[serde(borrow)]
    bars: Option<Vec<&'a str>>,
    #[serde(borrow)]
    trades: Option<Vec<&'a str>>,
}

#[derive(Deserialize)]
struct HistoryPage<'a> {
    #[serde(borrow)]
    bars: Option<BTreeMap<&'a str, Vec<Message<'a>>>>,
    next_page_token: Option<String>,
}

impl Alpaca {
    /// The protocol for these listings, from one source of data.
    ///
    /// # Errors
    ///
    /// Returns [`ListingError::Timeframe`] if there are no such bars: the stream has bars of one
    /// minute; of trades they can be as long as the history's.
    pub fn new(
        listings: Listings,
        stream: Stream,
        source: &str,
        credentials: Credentials,
    ) -> Result<Self, ListingError> {
        let timeframe = listings.timeframe();
        let name = timeframe.to_string();
        let known = HISTORY.iter().find(|(own, _)| *own == name);
        let streamed = stream == Stream::Trades || timeframe == MINUTE;
        let Some((_, history)) = known.filter(|_| streamed) else {
            return Err(ListingError::Timeframe {
                venue: "Alpaca",
                timeframe,
                known: "1m, and from trades 5m, 15m, 30m, 1h and 4h",
            });
        };
        Ok(Self {
            listings,
            stream,
            source: source
                .chars()
                .filter(|letter| letter.is_ascii_alphanumeric() || *letter == '_')
                .collect(),
            history,
            credentials,
        })
    }

    fn message(&self, raw: &RawValue) -> Result<Said, FieldError> {
        let message: Message<'_> = crate::field::json(raw.get().as_bytes())?;
        match there("T", message.kind)? {
            "success" => Ok(self.success(message.msg)),
            "subscription" => self.subscribed(&message),
            "error" => Ok(error(message.code, message.msg)),
            "b" => self.bar(&message).map(Said::Closed),
            "u" => self.bar(&message).map(Said::Revised),
            // A daily bar is sent every minute while its day goes on: it forms.
            "d" => Ok(Said::Nothing),
            "t" => self.trade(&message),
            "c" | "x" => Ok(Said::Amended {
                input: raw.get().as_bytes().to_vec(),
            }),
            other => Err(FieldError::new(
                "T",
                format!("{:?} is unknown", shown(other)),
            )),
        }
    }

    fn success(&self, msg: Option<&str>) -> Said {
        if msg != Some("authenticated") {
            return Said::Nothing;
        }
        let symbols: Vec<&str> = self.listings.symbols().collect();
        let subscribe = match self.stream {
            Stream::Klines => json!({
                "action": "subscribe", "bars": symbols, "updatedBars": symbols,
            }),
            Stream::Trades => json!({"action": "subscribe", "trades": symbols}),
        };
        Said::Answer(Outgoing(subscribe.to_string()))
    }

    /// The subscription stands only if it holds every symbol.
    fn subscribed(&self, message: &Message<'_>) -> Result<Said, FieldError> {
        let (field, list) = match self.stream {
            Stream::Klines => ("bars", &message.bars),
            Stream::Trades => ("trades", &message.trades),
        };
        let list = list
            .as_ref()
            .ok_or_else(|| FieldError::new(field, "is missing"))?;
        match self.listings.symbols().find(|one| !list.contains(one)) {
            None => Ok(Said::Live),
            Some(symbol) => Ok(Said::Denied {
                reason: format!("the subscription leaves out {symbol}"),
            }),
        }
    }

    fn bar(&self, message: &Message<'_>) -> Result<ClosedBar, FieldError> {
        let (id, _) = self.listings.find("S", there("S", message.symbol)?)?;
        self.values(id, message)
    }

    fn values(
        &self,
        id: counterfoil_trading::instrument::InstrumentId,
        message: &Message<'_>,
    ) -> Result<ClosedBar, FieldError> {
        let values = Values {
            names: ["o", "h", "l", "c", "v"],
            values: [message.o, message.h, message.l, message.c, message.v],
        };
        let open_time = time("t", message.t)?;
        self.listings.bar(id, ("t", open_time), values)
    }

    fn trade(&self, message: &Message<'_>) -> Result<Said, FieldError> {
        let (id, instrument) = self.listings.find("S", there("S", message.symbol)?)?;
        Ok(Said::Trade(Trade {
            instrument: id,
            time: time("t", message.t)?,
            price: Price(number("p", message.p, instrument.price_scale())?),
            size: Volume(number("s", message.s, instrument.volume_scale())?),
        }))
    }
}

/// What an error of the stream means: whether trying again can help.
fn error(code: Option<i64>, msg: Option<&str>) -> Said {
    let code = code.unwrap_or(0);
    let reason = format!("error {code}: {}", shown(msg.unwrap_or("no reason given")));
    match code {
        // Syntax, authentication, symbol limit, subscription: the same again next time.
        400..=403 | 405 | 409 | 410 => Said::Denied { reason },
        // Authentication too slow, connection limit, slow client, internal error.
        _ => Said::Ends { reason },
    }
}

impl Protocol for Alpaca {
    fn listings(&self) -> &Listings {
        &self.listings
    }

    /// A minute without a trade has no bar.
    fn is_continuous(&self) -> bool {
        false
    }

    fn stream_target(&self) -> String {
        format!("/v2/{}", self.source)
    }

    /// The key goes first: the venue closes connections that do not tell it in time.
    fn open(&mut self) -> Vec<Outgoing> {
        let [key, secret] = self.credentials.reveal();
        let auth = json!({"action": "auth", "key": key, "secret": secret});
        vec![Outgoing(auth.to_string())]
    }

    fn read(&mut self, frame: &[u8], said: &mut Vec<Said>) {
        let refused = |error: &FieldError, input: &[u8]| Said::Refused {
            reason: error.to_string(),
            input: input.to_vec(),
        };
        match crate::field::json::<Vec<&RawValue>>(frame) {
            Err(error) => said.push(refused(&error, frame)),
            Ok(messages) => said.extend(messages.into_iter().map(|raw| {
                self.message(raw)
                    .unwrap_or_else(|error| refused(&error, raw.get().as_bytes()))
            })),
        }
    }

    fn gap_target(&self, gap: &Gap, page: Option<&str>) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let symbol = self.listings.symbol(gap.instrument).unwrap_or_default();
        // The end is inclusive there.
        let end = UnixNanos(gap.to.0.saturating_sub(1));
        query
            .append_pair("symbols", symbol)
            .append_pair("timeframe", self.history)
            .append_pair("start", &time_text(gap.from))
            .append_pair("end", &time_text(end))
            .append_pair("limit", &PAGE_BARS_MAX.to_string())
            .append_pair("adjustment", "raw")
            .append_pair("feed", &self.source)
            .append_pair("sort", "asc");
        if let Some(page) = page {
            query.append_pair("page_token", page);
        }
        format!("/v2/stocks/bars?{}", query.finish())
    }

    fn gap_headers(&self) -> Vec<(&'static str, Outgoing)> {
        self.credentials.headers()
    }

    fn gap_page(&self, gap: &Gap, body: &[u8], venue_time: UnixNanos) -> Result<Page, FieldError> {
        let answer: HistoryPage<'_> = crate::field::json(body)?;
        let symbol = self.listings.symbol(gap.instrument).unwrap_or_default();
        let mut page = Page {
            bars: Vec::new(),
            next: answer.next_page_token.filter(|token| !token.is_empty()),
        };
        let all = answer.bars.unwrap_or_default();
        for message in all.get(symbol).map(Vec::as_slice).unwrap_or_default() {
            let bar = self.values(gap.instrument, message)?;
            if bar.get().close_time <= venue_time {
                page.bars.push(bar);
            }
        }
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use counterfoil_trading::instrument::{Instrument, InstrumentId};

    use super::*;

    fn protocol(stream: Stream, timeframe: &str) -> Result<Alpaca, ListingError> {
        let one = |symbol: &str| {
            let instrument = Instrument::new(symbol.to_owned(), (4, 1), (0, 1), 0).unwrap();
            (instrument, symbol.to_owned())
        };
        let all = vec![one("SPY"), one("AAPL")];
        let listings = Listings::new(all, timeframe.parse().unwrap()).unwrap();
        let credentials = Credentials::new("KEY", "SECRET").unwrap();
        Alpaca::new(listings, stream, "iex", credentials)
    }

    fn read(frame: &str) -> Vec<Said> {
        let mut said = Vec::new();
        protocol(Stream::Klines, "1m")
            .unwrap()
            .read(frame.as_bytes(), &mut said);
        said
    }

    const BAR: &str = r#"{"T":"b","S":"SPY","o":388.985,"h":389.13,"l":388.975,"c":389.12,
        "v":49378,"n":461,"vw":389.062639,"t":"2021-02-22T19:15:00Z"}"#;

    #[test]
    fn the_documents_bar_is_a_bar_and_its_update_is_a_revision() {
        let said = read(&format!("[{BAR},{}]", BAR.replace("\"b\"", "\"u\"")));
        let Said::Closed(bar) = said[0] else {
            panic!("{said:?}");
        };
        let raw = bar.get();
        assert_eq!(raw.instrument, InstrumentId(0));
        assert_eq!(raw.open_time.0, 1_614_021_300_000_000_000);
        assert_eq!(raw.close_time.0 - raw.open_time.0, 60_000_000_000);
        assert_eq!([raw.open.0, raw.low.0], [3_889_850, 3_889_750]);
        assert_eq!(raw.volume.0, 49_378);
        assert_eq!(said[1], Said::Revised(bar));
    }

    #[test]
    fn a_daily_bar_forms_and_never_passes() {
        assert_eq!(
            read(&format!("[{}]", BAR.replace("\"b\"", "\"d\""))),
            [Said::Nothing]
        );
    }

    #[test]
    fn one_message_that_cannot_be_read_does_not_hide_the_next() {
        for (from, to, expect) in [
            (
                "49378",
                "49378.5",
                "field v: \"49378.5\" has more than 0 decimals",
            ),
            (
                "389.12,",
                "389.12001,",
                "field c: \"389.12001\" has more than 4 decimals",
            ),
            (
                "19:15:00Z",
                "19:15:30Z",
                "field t: is not the start of an interval",
            ),
            (
                "2021-02-22T19:15:00Z",
                "noon",
                "field t: \"noon\" is no RFC 3339 time",
            ),
            ("\"SPY\"", "\"X\"", "field S: the run has no \"X\""),
            ("\"T\":\"b\"", "\"T\":\"zz\"", "field T: \"zz\" is unknown"),
            ("\"T\":\"b\",", "", "field T: is missing"),
            (
                "389.13",
                "388.0",
                "field bar: low Price(3889750) is above high Price(3880000)",
            ),
        ] {
            assert!(BAR.contains(from), "{from}");
            let said = read(&format!("[{},{BAR}]", BAR.replacen(from, to, 1)));
            assert!(
                matches!(&said[0], Said::Refused { reason, .. } if reason == expect),
                "{said:?}"
            );
            assert!(matches!(said[1], Said::Closed(_)), "{to}");
        }
    }

    #[test]
    fn the_conversation_goes_from_key_to_subscription() {
        let mut protocol = protocol(Stream::Klines, "1m").unwrap();
        let opening = protocol.open();
        assert_eq!(
            opening[0].0,
            r#"{"action":"auth","key":"KEY","secret":"SECRET"}"#
        );
        assert!(!format!("{opening:?}{protocol:?}").contains("SECRET"));
        let mut said = Vec::new();
        for frame in [
            r#"[{"T":"success","msg":"connected"}]"#,
            r#"[{"T":"success","msg":"authenticated"}]"#,
            r#"[{"T":"subscription","trades":[],"bars":["AAPL","SPY"]}]"#,
            r#"[{"T":"subscription","trades":[],"bars":["SPY"]}]"#,
            r#"[{"T":"error","code":402,"msg":"auth failed"}]"#,
            r#"[{"T":"error","code":406,"msg":"connection limit exceeded"}]"#,
            r#"[{"T":"x","S":"SPY","i":1,"p":1,"s":1}]"#,
        ] {
            protocol.read(frame.as_bytes(), &mut said);
        }
        let subscribe =
            r#"{"action":"subscribe","bars":["SPY","AAPL"],"updatedBars":["SPY","AAPL"]}"#;
        assert_eq!(said[0], Said::Nothing);
        assert_eq!(said[1], Said::Answer(Outgoing(subscribe.to_owned())));
        assert_eq!(said[2], Said::Live);
        assert!(matches!(&said[3], Said::Denied { reason } if reason.contains("AAPL")));
        assert!(matches!(said[4], Said::Denied { .. }));
        assert!(matches!(said[5], Said::Ends { .. }));
        assert!(matches!(said[6], Said::Amended { .. }));
    }

    #[test]
    fn longer_bars_come_from_trades_only() {
        assert!(protocol(Stream::Klines, "5m").is_err());
        assert!(protocol(Stream::Trades, "5m").is_ok());
        assert!(protocol(Stream::Trades, "1d").is_err());
    }

    #[test]
    fn the_history_is_asked_by_page_and_leaves_out_what_forms() {
        let protocol = protocol(Stream::Klines, "1m").unwrap();
        let minute = 60_000_000_000;
        let gap = Gap {
            instrument: InstrumentId(1),
            from: UnixNanos(0),
            to: UnixNanos(2 * minute),
        };
        assert_eq!(
            protocol.gap_target(&gap, Some("t=k")),
            "/v2/stocks/bars?symbols=AAPL&timeframe=1Min&start=1970-01-01T00%3A00%3A00Z\
             &end=1970-01-01T00%3A01%3A59.999999999Z&limit=10000&adjustment=raw&feed=iex&sort=asc\
             &page_token=t%3Dk"
        );
        let bar = |minute: &str| {
            format!(
                r#"{{"t":"1970-01-01T00:0{minute}:00Z","o":1,"h":2,"l":1,"c":1.5,"v":7,"n":1,"vw":1.2}}"#
            )
        };
        let body = format!(
            r#"{{"bars":{{"AAPL":[{},{}]}},"next_page_token":"more"}}"#,
            bar("0"),
            bar("1")
        );
        let page = protocol
            .gap_page(&gap, body.as_bytes(), UnixNanos(2 * minute - 1))
            .unwrap();
        assert_eq!(page.bars.len(), 1, "the second forms");
        assert_eq!(page.next.as_deref(), Some("more"));
        let none = br#"{"bars":null,"next_page_token":null}"#;
        let none = protocol.gap_page(&gap, none, UnixNanos(2 * minute));
        assert_eq!(none.unwrap(), Page::default());
    }
}
