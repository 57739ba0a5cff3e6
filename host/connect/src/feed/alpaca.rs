//! Alpaca's stock market data, version 2: minute bars, their revisions, trades, and the history of
//! bars. Pure: bytes in, messages out.
//!
//! Source: "WebSocket Stream", "Real-time Stock Data" and "Historical bars" of the Market Data API
//! documentation; docs/reference/FEEDS.md names the versions followed.

use counterfoil_base::time_text::rfc3339;
use counterfoil_trading::aggregate::Trade;
use counterfoil_trading::bar::ClosedBar;
use counterfoil_trading::time::{Timeframe, UnixNanos};
use counterfoil_trading::units::{Price, Volume};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

use crate::feed::listing::{BarFields, ListingError, Listings};
use crate::feed::protocol::{BarGap, BarOrigin, FeedProtocol, HistoryPage, VenueMessage};
use crate::field::{FieldError, number, required, shown, time};
use crate::net::credentials::Credentials;
use crate::net::secret::SecretText;

/// The most bars of one history page.
pub const PAGE_BARS_MAX: usize = 10_000;

/// The most messages of one frame: one for each instrument of the largest run, with a margin. A
/// frame of the most bytes could hold half a million.
const FRAME_MESSAGES_MAX: usize = 16_384;

/// One minute, the only bar of the stream.
const MINUTE: Timeframe = Timeframe::Fixed(60_000_000_000);

/// The timeframes of the history, each with the venue's name.
const HISTORY: [(&str, &str); 6] = [
    ("1m", "1Min"),
    ("5m", "5Min"),
    ("15m", "15Min"),
    ("30m", "30Min"),
    ("1h", "1Hour"),
    ("4h", "4Hour"),
];

/// The protocol for the listings of one run.
#[derive(Clone, Debug)]
pub struct AlpacaFeed {
    listings: Listings,
    stream: BarOrigin,
    /// The data source: `iex`, `sip`, `delayed_sip`.
    source: String,
    history: &'static str,
    credentials: Credentials,
}

#[derive(Deserialize)]
struct AlpacaMessage<'a> {
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
struct HistoryPageJson<'a> {
    #[serde(borrow)]
    bars: Option<BTreeMap<&'a str, Vec<AlpacaMessage<'a>>>>,
    next_page_token: Option<String>,
}

impl AlpacaFeed {
    /// The protocol for these listings, from one data source.
    ///
    /// # Errors
    ///
    /// Returns [`ListingError::Timeframe`] if there are no such bars: the stream has bars of one
    /// minute; bars made of trades can be as long as the history's.
    pub fn new(
        listings: Listings,
        stream: BarOrigin,
        source: &str,
        credentials: Credentials,
    ) -> Result<Self, ListingError> {
        let timeframe = listings.timeframe();
        let name = timeframe.to_string();
        let known = HISTORY.iter().find(|(own, _)| *own == name);
        let streamed = stream == BarOrigin::Trades || timeframe == MINUTE;
        let Some((_, history)) = known.filter(|_| streamed) else {
            return Err(ListingError::Timeframe {
                venue: "AlpacaFeed",
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

    fn message(&self, raw: &RawValue) -> Result<VenueMessage, FieldError> {
        let message: AlpacaMessage<'_> = crate::field::json(raw.get().as_bytes())?;
        match required("T", message.kind)? {
            "success" => Ok(self.success(message.msg)),
            "subscription" => self.subscribed(&message),
            "error" => Ok(error(message.code, message.msg)),
            "b" => self.bar(&message).map(VenueMessage::Closed),
            "u" => self.bar(&message).map(VenueMessage::Revised),
            // A daily bar is sent every minute until its day ends: it still forms.
            "d" => Ok(VenueMessage::Nothing),
            "t" => self.trade(&message),
            "c" | "x" => Ok(VenueMessage::Amended {
                input: raw.get().as_bytes().to_vec(),
            }),
            other => Err(FieldError::new(
                "T",
                format!("{:?} is unknown", shown(other)),
            )),
        }
    }

    fn success(&self, msg: Option<&str>) -> VenueMessage {
        if msg != Some("authenticated") {
            return VenueMessage::Nothing;
        }
        let symbols: Vec<&str> = self.listings.symbols().collect();
        let subscribe = match self.stream {
            BarOrigin::Venue => json!({
                "action": "subscribe", "bars": symbols, "updatedBars": symbols,
            }),
            BarOrigin::Trades => json!({"action": "subscribe", "trades": symbols}),
        };
        VenueMessage::Answer(SecretText(subscribe.to_string()))
    }

    /// The subscription is confirmed only if it names every symbol.
    fn subscribed(&self, message: &AlpacaMessage<'_>) -> Result<VenueMessage, FieldError> {
        let (field, list) = match self.stream {
            BarOrigin::Venue => ("bars", &message.bars),
            BarOrigin::Trades => ("trades", &message.trades),
        };
        let list = list
            .as_ref()
            .ok_or_else(|| FieldError::new(field, "is missing"))?;
        // A venue that leaves a symbol out sends no bars for it, and a continuous feed of the
        // others would hide that.
        match self
            .listings
            .symbols()
            .find(|symbol| !list.contains(symbol))
        {
            None => Ok(VenueMessage::Live),
            Some(symbol) => Ok(VenueMessage::Denied {
                reason: format!("the subscription leaves out {symbol}"),
            }),
        }
    }

    fn bar(&self, message: &AlpacaMessage<'_>) -> Result<ClosedBar, FieldError> {
        let (id, _) = self.listings.find("S", required("S", message.symbol)?)?;
        self.values(id, message)
    }

    fn values(
        &self,
        id: counterfoil_trading::instrument::InstrumentId,
        message: &AlpacaMessage<'_>,
    ) -> Result<ClosedBar, FieldError> {
        let values = BarFields {
            names: ["o", "h", "l", "c", "v"],
            values: [message.o, message.h, message.l, message.c, message.v],
        };
        let open_time = time("t", message.t)?;
        self.listings.bar(id, "t", open_time, values)
    }

    fn trade(&self, message: &AlpacaMessage<'_>) -> Result<VenueMessage, FieldError> {
        let (id, instrument) = self.listings.find("S", required("S", message.symbol)?)?;
        Ok(VenueMessage::Trade(Trade {
            instrument: id,
            time: time("t", message.t)?,
            price: Price(number("p", message.p, instrument.price_scale())?),
            size: Volume(number("s", message.s, instrument.volume_scale())?),
        }))
    }
}

/// The meaning of an error code of the stream: whether another attempt can help.
fn error(code: Option<i64>, msg: Option<&str>) -> VenueMessage {
    let code = code.unwrap_or(0);
    let reason = format!("error {code}: {}", shown(msg.unwrap_or("no reason given")));
    match code {
        // Syntax, authentication, symbol limit, subscription: another attempt would fail again.
        400..=403 | 405 | 409 | 410 => VenueMessage::Denied { reason },
        // Authentication too slow, connection limit, slow client, internal error.
        _ => VenueMessage::Ends { reason },
    }
}

impl FeedProtocol for AlpacaFeed {
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

    /// The login goes first: the venue closes connections that do not send it in time.
    fn open(&mut self) -> Vec<SecretText> {
        let [key, secret] = self.credentials.reveal();
        let auth = json!({"action": "auth", "key": key, "secret": secret});
        vec![SecretText(auth.to_string())]
    }

    fn read(&mut self, frame: &[u8], messages: &mut Vec<VenueMessage>) {
        let refused = |error: &FieldError, input: &[u8]| VenueMessage::Refused {
            reason: error.to_string(),
            input: input.to_vec(),
        };
        match crate::field::json::<Vec<&RawValue>>(frame) {
            Err(error) => messages.push(refused(&error, frame)),
            Ok(all) if all.len() > FRAME_MESSAGES_MAX => {
                let reason = format!("has {} messages in one frame", all.len());
                messages.push(refused(&FieldError::new("message", reason), frame));
            }
            Ok(all) => messages.extend(all.into_iter().map(|raw| {
                self.message(raw)
                    .unwrap_or_else(|error| refused(&error, raw.get().as_bytes()))
            })),
        }
    }

    fn gap_target(&self, gap: &BarGap, page: Option<&str>) -> Result<String, FieldError> {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let symbol = self.listings.required_symbol(gap.instrument)?;
        // `end` is inclusive.
        let end = UnixNanos(gap.to.0.saturating_sub(1));
        query
            .append_pair("symbols", symbol)
            .append_pair("timeframe", self.history)
            .append_pair("start", &rfc3339(gap.from.0))
            .append_pair("end", &rfc3339(end.0))
            .append_pair("limit", &PAGE_BARS_MAX.to_string())
            .append_pair("adjustment", "raw")
            .append_pair("feed", &self.source)
            .append_pair("sort", "asc");
        if let Some(page) = page {
            query.append_pair("page_token", page);
        }
        Ok(format!("/v2/stocks/bars?{}", query.finish()))
    }

    fn gap_headers(&self) -> Vec<(&'static str, SecretText)> {
        self.credentials.headers()
    }

    fn gap_page(
        &self,
        gap: &BarGap,
        body: &[u8],
        venue_time: UnixNanos,
    ) -> Result<HistoryPage, FieldError> {
        let answer: HistoryPageJson<'_> = crate::field::json(body)?;
        let symbol = self.listings.required_symbol(gap.instrument)?;
        let mut page = HistoryPage {
            bars: Vec::new(),
            next: answer.next_page_token.filter(|token| !token.is_empty()),
        };
        // A page without bars of the symbol is an empty page: `bars` is null then.
        let all = answer.bars.unwrap_or_default();
        for message in all.get(symbol).into_iter().flatten() {
            let bar = self.values(gap.instrument, message)?;
            // The history includes the minute that still forms, without a mark.
            if bar.get().close_time <= venue_time {
                page.bars.push(bar);
            }
        }
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use counterfoil_trading::instrument::{Instrument, InstrumentGrid, InstrumentId};

    use super::*;

    fn protocol(stream: BarOrigin, timeframe: &str) -> Result<AlpacaFeed, ListingError> {
        let listed = |symbol: &str| {
            let instrument =
                Instrument::new(symbol.to_owned(), InstrumentGrid::whole_units(4)).unwrap();
            (instrument, symbol.to_owned())
        };
        let all = vec![listed("SPY"), listed("AAPL")];
        let listings = Listings::new(all, timeframe.parse().unwrap()).unwrap();
        let credentials = Credentials::new("KEY", "SECRET").unwrap();
        AlpacaFeed::new(listings, stream, "iex", credentials)
    }

    fn read(frame: &str) -> Vec<VenueMessage> {
        let mut messages = Vec::new();
        protocol(BarOrigin::Venue, "1m")
            .unwrap()
            .read(frame.as_bytes(), &mut messages);
        messages
    }

    const BAR: &str = r#"{"T":"b","S":"SPY","o":388.985,"h":389.13,"l":388.975,"c":389.12,
        "v":49378,"n":461,"vw":389.062639,"t":"2021-02-22T19:15:00Z"}"#;

    #[test]
    fn the_documents_bar_is_a_bar_and_its_update_is_a_revision() {
        let messages = read(&format!("[{BAR},{}]", BAR.replace("\"b\"", "\"u\"")));
        let VenueMessage::Closed(bar) = messages[0] else {
            panic!("{messages:?}");
        };
        let raw = bar.get();
        assert_eq!(raw.instrument, InstrumentId(0));
        assert_eq!(raw.open_time.0, 1_614_021_300_000_000_000);
        assert_eq!(raw.close_time.0 - raw.open_time.0, 60_000_000_000);
        assert_eq!([raw.open.0, raw.low.0], [3_889_850, 3_889_750]);
        assert_eq!(raw.volume.0, 49_378);
        assert_eq!(messages[1], VenueMessage::Revised(bar));
    }

    #[test]
    fn a_daily_bar_forms_and_never_passes() {
        assert_eq!(
            read(&format!("[{}]", BAR.replace("\"b\"", "\"d\""))),
            [VenueMessage::Nothing]
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
            ("389.13", "388.0", "field bar: its low is above its high"),
        ] {
            assert!(BAR.contains(from), "{from}");
            let messages = read(&format!("[{},{BAR}]", BAR.replacen(from, to, 1)));
            assert!(
                matches!(&messages[0], VenueMessage::Refused { reason, .. } if reason == expect),
                "{messages:?}"
            );
            assert!(matches!(messages[1], VenueMessage::Closed(_)), "{to}");
        }
    }

    #[test]
    fn the_conversation_goes_from_key_to_subscription() {
        let mut protocol = protocol(BarOrigin::Venue, "1m").unwrap();
        let opening = protocol.open();
        assert_eq!(
            opening[0].0,
            r#"{"action":"auth","key":"KEY","secret":"SECRET"}"#
        );
        assert!(!format!("{opening:?}{protocol:?}").contains("SECRET"));
        let mut messages = Vec::new();
        for frame in [
            r#"[{"T":"success","msg":"connected"}]"#,
            r#"[{"T":"success","msg":"authenticated"}]"#,
            r#"[{"T":"subscription","trades":[],"bars":["AAPL","SPY"]}]"#,
            r#"[{"T":"subscription","trades":[],"bars":["SPY"]}]"#,
            r#"[{"T":"error","code":402,"msg":"auth failed"}]"#,
            r#"[{"T":"error","code":406,"msg":"connection limit exceeded"}]"#,
            r#"[{"T":"x","S":"SPY","i":1,"p":1,"s":1}]"#,
        ] {
            protocol.read(frame.as_bytes(), &mut messages);
        }
        let subscribe =
            r#"{"action":"subscribe","bars":["SPY","AAPL"],"updatedBars":["SPY","AAPL"]}"#;
        assert_eq!(messages[0], VenueMessage::Nothing);
        assert_eq!(
            messages[1],
            VenueMessage::Answer(SecretText(subscribe.to_owned()))
        );
        assert_eq!(messages[2], VenueMessage::Live);
        assert!(matches!(&messages[3], VenueMessage::Denied { reason } if reason.contains("AAPL")));
        assert!(matches!(messages[4], VenueMessage::Denied { .. }));
        assert!(matches!(messages[5], VenueMessage::Ends { .. }));
        assert!(matches!(messages[6], VenueMessage::Amended { .. }));
    }

    #[test]
    fn longer_bars_come_from_trades_only() {
        assert!(protocol(BarOrigin::Venue, "5m").is_err());
        assert!(protocol(BarOrigin::Trades, "5m").is_ok());
        assert!(protocol(BarOrigin::Trades, "1d").is_err());
    }

    #[test]
    fn the_history_is_asked_by_page_and_leaves_out_what_forms() {
        let protocol = protocol(BarOrigin::Venue, "1m").unwrap();
        let minute = 60_000_000_000;
        let gap = BarGap {
            instrument: InstrumentId(1),
            from: UnixNanos(0),
            to: UnixNanos(2 * minute),
        };
        assert_eq!(
            protocol.gap_target(&gap, Some("t=k")).unwrap(),
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
        assert_eq!(none.unwrap(), HistoryPage::default());
    }
}
