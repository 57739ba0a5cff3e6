//! Alpaca's trading API, version 2: orders, account, positions and the stream of trade updates.
//! Pure: bytes in, values out, and the other way round.
//!
//! Source: "Orders", "Account", "Positions", "Account Activities" and "Websocket Streaming" of the
//! Trading API documentation; see docs/reference/FEEDS.md for the versions followed.

use counterfoil_trading::instrument::Instrument;
use counterfoil_trading::order::{OrderType, Side, TimeInForce};
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::units::{Money, Price, Quantity};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::broker::BrokerError;
use crate::broker::order::{
    NewOrder, OrderTerms, VenueFill, VenueOrder, VenuePosition, VenueStatus,
};
use crate::broker::order_state::BrokerEvent;
use crate::feed::listing::Listings;
use crate::field::{FieldError, digits, json, number, required, shown, time};

/// The most orders of one response.
pub const ORDERS_MAX: usize = 500;

/// The most executions of one page.
pub const FILLS_MAX: usize = 100;

/// A message of the update stream.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum StreamMessage {
    /// The key was accepted.
    Authorized,
    /// The key was refused.
    Denied(String),
    /// Updates follow.
    Listening,
    Update(Box<OrderUpdate>),
    /// A message of no interest.
    Nothing,
}

/// An event of an order, and the order after it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OrderUpdate {
    pub happened: BrokerEvent,
    /// The order after the event.
    pub order: VenueOrder,
    /// By the venue's clock, if the message states it.
    pub time: Option<UnixNanos>,
}

#[derive(Deserialize)]
struct StreamFrame<'a> {
    #[serde(borrow)]
    stream: Option<&'a str>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct StreamStatus<'a> {
    #[serde(borrow)]
    status: Option<&'a str>,
    #[serde(borrow)]
    streams: Option<Vec<&'a str>>,
}

#[derive(Deserialize)]
struct TradeUpdateJson<'a> {
    event: Option<&'a str>,
    timestamp: Option<&'a str>,
    #[serde(borrow)]
    price: Option<&'a RawValue>,
    #[serde(borrow)]
    qty: Option<&'a RawValue>,
    #[serde(borrow)]
    order: Option<OrderJson<'a>>,
}

#[derive(Deserialize)]
struct OrderJson<'a> {
    id: Option<&'a str>,
    client_order_id: Option<&'a str>,
    symbol: Option<&'a str>,
    side: Option<&'a str>,
    #[serde(borrow)]
    qty: Option<&'a RawValue>,
    #[serde(borrow)]
    filled_qty: Option<&'a RawValue>,
    #[serde(rename = "type")]
    kind: Option<&'a str>,
    time_in_force: Option<&'a str>,
    #[serde(borrow)]
    limit_price: Option<&'a RawValue>,
    #[serde(borrow)]
    stop_price: Option<&'a RawValue>,
    status: Option<&'a str>,
}

#[derive(Deserialize)]
struct AccountJson<'a> {
    currency: Option<&'a str>,
    #[serde(borrow)]
    cash: Option<&'a RawValue>,
    #[serde(borrow)]
    equity: Option<&'a RawValue>,
    status: Option<&'a str>,
    trading_blocked: Option<bool>,
    account_blocked: Option<bool>,
    trade_suspended_by_user: Option<bool>,
}

#[derive(Deserialize)]
struct PositionJson<'a> {
    symbol: Option<&'a str>,
    side: Option<&'a str>,
    #[serde(borrow)]
    qty: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct FillJson<'a> {
    id: Option<&'a str>,
    activity_type: Option<&'a str>,
    order_id: Option<&'a str>,
    symbol: Option<&'a str>,
    #[serde(borrow)]
    price: Option<&'a RawValue>,
    #[serde(borrow)]
    qty: Option<&'a RawValue>,
    #[serde(borrow)]
    cum_qty: Option<&'a RawValue>,
    transaction_time: Option<&'a str>,
}

#[derive(Deserialize)]
struct ErrorJson<'a> {
    code: Option<i64>,
    #[serde(borrow)]
    message: Option<std::borrow::Cow<'a, str>>,
}

/// Cash and equity of an account.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AccountBalances {
    pub currency: String,
    pub cash: Money,
    /// Cash and positions.
    pub equity: Money,
    /// Whether the account accepts no orders.
    pub is_blocked: bool,
}

/// The request body that places an order.
///
/// # Errors
///
/// Returns [`BrokerError::Unsupported`] if the venue has no such order.
pub fn order_body(order: &NewOrder, listings: &Listings) -> Result<Vec<u8>, BrokerError> {
    let terms = &order.terms;
    let (instrument, symbol) = listings
        .instrument(terms.instrument)
        .zip(listings.symbol(terms.instrument))
        .ok_or_else(|| unsupported("such instrument"))?;
    let mut body = changes(order, instrument)?;
    body["symbol"] = json!(symbol);
    body["side"] = json!(terms.side.name());
    body["type"] = json!(match terms.order_type {
        OrderType::Market => "market",
        OrderType::Limit(_) => "limit",
        OrderType::Stop(_) => "stop",
        OrderType::StopLimit { .. } => "stop_limit",
    });
    Ok(body.to_string().into_bytes())
}

/// The request body that replaces an order with another of the same instrument, side and type.
///
/// # Errors
///
/// Returns [`BrokerError::Unsupported`] if the venue has no such order.
pub fn replace_body(order: &NewOrder, listings: &Listings) -> Result<Vec<u8>, BrokerError> {
    let instrument = listings
        .instrument(order.terms.instrument)
        .ok_or_else(|| unsupported("such instrument"))?;
    Ok(changes(order, instrument)?.to_string().into_bytes())
}

/// The fields that a replacement may change.
fn changes(order: &NewOrder, instrument: &Instrument) -> Result<serde_json::Value, BrokerError> {
    let terms = &order.terms;
    let mut body = json!({
        "client_order_id": order.name.as_str(),
        "qty": instrument.quantity_text(terms.quantity),
        "time_in_force": match terms.time_in_force {
            TimeInForce::Gtc => "gtc",
            TimeInForce::Day => "day",
            TimeInForce::Ioc => "ioc",
            TimeInForce::Fok => "fok",
            TimeInForce::Gtd(_) => return Err(unsupported("order until a date")),
        },
    });
    let price = |price| json!(instrument.price_text(price));
    match terms.order_type {
        OrderType::Market => {}
        OrderType::Limit(limit) => body["limit_price"] = price(limit),
        OrderType::Stop(stop) => body["stop_price"] = price(stop),
        OrderType::StopLimit { stop, limit } => {
            body["stop_price"] = price(stop);
            body["limit_price"] = price(limit);
        }
    }
    Ok(body)
}

fn unsupported(what: &str) -> BrokerError {
    BrokerError::Unsupported {
        what: what.to_owned(),
    }
}

/// Code and message of an error response.
#[must_use]
pub fn failure(body: &[u8]) -> (i64, String) {
    match json::<ErrorJson<'_>>(body) {
        Ok(failure) => {
            let message = failure.message.unwrap_or_default();
            (failure.code.unwrap_or(0), shown(&message))
        }
        Err(_) => (0, shown(&String::from_utf8_lossy(body))),
    }
}

/// Whether a refusal means that the name is taken.
#[must_use]
pub fn is_name_taken(status: u16, words: &str) -> bool {
    status == 422 && words.contains("client_order_id must be unique")
}

/// One order.
///
/// # Errors
///
/// Returns [`FieldError`] naming the first field that cannot be read.
pub fn order(body: &[u8], listings: &Listings) -> Result<VenueOrder, FieldError> {
    json::<OrderJson<'_>>(body)?.read(listings)
}

/// A list of orders.
///
/// # Errors
///
/// Returns [`FieldError`] naming the first field that cannot be read.
pub fn orders(body: &[u8], listings: &Listings) -> Result<Vec<VenueOrder>, FieldError> {
    let all: Vec<OrderJson<'_>> = json(body)?;
    all.iter().map(|order| order.read(listings)).collect()
}

/// The balances in a response.
///
/// # Errors
///
/// Returns [`FieldError`] naming the first field that cannot be read.
pub fn account(body: &[u8]) -> Result<AccountBalances, FieldError> {
    let account: AccountJson<'_> = json(body)?;
    let money = |field: &str, raw| {
        Money::parse(digits(required(field, raw)?)).map_err(|error| FieldError::new(field, error))
    };
    // Every flag must be there: a field that is missing after an update of the API must not read as
    // "not blocked".
    let is_blocked = required("trading_blocked", account.trading_blocked)?
        || required("account_blocked", account.account_blocked)?
        || account.trade_suspended_by_user.unwrap_or(false)
        || required("status", account.status)? != "ACTIVE";
    Ok(AccountBalances {
        currency: required("currency", account.currency)?.to_owned(),
        cash: money("cash", account.cash)?,
        equity: money("equity", account.equity)?,
        is_blocked,
    })
}

/// All positions; those that the run does not trade are given by their symbol.
///
/// # Errors
///
/// Returns [`FieldError`] naming the first field that cannot be read.
pub fn positions(body: &[u8], listings: &Listings) -> Result<Vec<VenuePosition>, FieldError> {
    let all: Vec<PositionJson<'_>> = json(body)?;
    all.iter()
        .map(|position| {
            let symbol = required("symbol", position.symbol)?;
            let text = digits(required("qty", position.qty)?);
            let is_short = required("side", position.side)? == "short";
            // The sign and the side say the same thing twice. Where they differ, neither can be
            // trusted.
            if is_short != text.starts_with('-') {
                return Err(FieldError::new("qty", "and side do not agree"));
            }
            let held = match listings.find("symbol", symbol) {
                Ok((id, instrument)) => {
                    let quantity = number("qty", position.qty, instrument.quantity_scale())?;
                    Some((id, Quantity(quantity)))
                }
                Err(_foreign) => None,
            };
            Ok(VenuePosition {
                symbol: shown(symbol),
                held,
                quantity_text: shown(text),
            })
        })
        .collect()
}

/// One page of an order's executions, and the token of the next page; `None` on the last page.
///
/// # Errors
///
/// Returns [`FieldError`] naming the first field that cannot be read.
pub fn fills(
    body: &[u8],
    venue_id: &str,
    listings: &Listings,
) -> Result<(Vec<VenueFill>, Option<String>), FieldError> {
    let all: Vec<FillJson<'_>> = json(body)?;
    let mut fills = Vec::new();
    for activity in &all {
        let is_fill = required("activity_type", activity.activity_type)? == "FILL";
        // The filter of the request is not trusted: an execution of another order would be booked
        // to this one.
        if !is_fill || required("order_id", activity.order_id)? != venue_id {
            continue;
        }
        let (_, instrument) = listings.find("symbol", required("symbol", activity.symbol)?)?;
        let scale = instrument.quantity_scale();
        fills.push(VenueFill {
            price: Price(number("price", activity.price, instrument.price_scale())?),
            quantity: Quantity(number("qty", activity.qty, scale)?),
            filled: Quantity(number("cum_qty", activity.cum_qty, scale)?),
            time: time("transaction_time", activity.transaction_time)?,
        });
    }
    let next = match all.last() {
        Some(last) if all.len() >= FILLS_MAX => Some(required("id", last.id)?.to_owned()),
        _ => None,
    };
    Ok((fills, next))
}

/// The message in a frame of the stream; text and binary frames hold the same JSON.
///
/// # Errors
///
/// Returns [`FieldError`] naming the first field that cannot be read.
pub fn stream(frame: &[u8], listings: &Listings) -> Result<StreamMessage, FieldError> {
    let envelope: StreamFrame<'_> = json(frame)?;
    let data = required("data", envelope.data)?.get().as_bytes();
    match required("stream", envelope.stream)? {
        "authorization" => {
            let status = json::<StreamStatus<'_>>(data)?.status;
            Ok(match required("status", status)? {
                "authorized" => StreamMessage::Authorized,
                other => StreamMessage::Denied(shown(other)),
            })
        }
        "listening" => {
            let streams = json::<StreamStatus<'_>>(data)?.streams;
            let all = required("streams", streams)?;
            Ok(if all.contains(&"trade_updates") {
                StreamMessage::Listening
            } else {
                StreamMessage::Denied("the stream leaves out trade_updates".to_owned())
            })
        }
        "trade_updates" => update(data, listings),
        _ => Ok(StreamMessage::Nothing),
    }
}

fn update(data: &[u8], listings: &Listings) -> Result<StreamMessage, FieldError> {
    let event: TradeUpdateJson<'_> = json(data)?;
    let raw = required("order", event.order)?;
    let order = raw.read(listings)?;
    let at = match event.timestamp {
        Some(text) => Some(time("timestamp", Some(text))?),
        None => None,
    };
    let happened = match required("event", event.event)? {
        "accepted" | "pending_new" | "held" => BrokerEvent::Pending,
        "new" => BrokerEvent::New,
        "fill" | "partial_fill" => {
            let symbol = required("order.symbol", raw.symbol)?;
            let (_, instrument) = listings.find("order.symbol", symbol)?;
            let scale = instrument.quantity_scale();
            BrokerEvent::Fill(VenueFill {
                price: Price(number("price", event.price, instrument.price_scale())?),
                quantity: Quantity(number("qty", event.qty, scale)?),
                filled: order.filled,
                time: required("timestamp", at)?,
            })
        }
        "pending_cancel" => BrokerEvent::PendingCancel,
        "pending_replace" => BrokerEvent::PendingReplace,
        "order_cancel_rejected" | "order_replace_rejected" => BrokerEvent::WorksOn,
        "canceled" => BrokerEvent::Canceled,
        "expired" => BrokerEvent::Expired,
        "rejected" => BrokerEvent::Rejected,
        "replaced" => BrokerEvent::Replaced,
        "trade_bust" | "trade_correct" | "trade_cancel" => BrokerEvent::Amended,
        // The status stays as it was, and the order may still fill.
        "done_for_day" | "stopped" | "suspended" | "calculated" | "restated" => {
            return Ok(StreamMessage::Nothing);
        }
        other => {
            return Err(FieldError::new(
                "event",
                format!("{:?} is unknown", shown(other)),
            ));
        }
    };
    Ok(StreamMessage::Update(Box::new(OrderUpdate {
        happened,
        order,
        time: at,
    })))
}

impl OrderJson<'_> {
    fn read(&self, listings: &Listings) -> Result<VenueOrder, FieldError> {
        let symbol = required("symbol", self.symbol)?;
        let listed = listings.find("symbol", symbol).ok();
        let (terms, filled) = match listed {
            None => (None, Quantity(0)),
            Some((id, instrument)) => {
                let scale = instrument.quantity_scale();
                let filled = number("filled_qty", self.filled_qty, scale)?;
                (self.terms(id, instrument)?, Quantity(filled))
            }
        };
        Ok(VenueOrder {
            venue_id: id("id", self.id)?,
            name: shown(required("client_order_id", self.client_order_id)?),
            instrument: listed.map(|(id, _)| id),
            terms,
            filled,
            status: status(required("status", self.status)?)?,
        })
    }

    /// The terms, if a run could have sent them; a number that is not exact is an error.
    fn terms(
        &self,
        instrument_id: counterfoil_trading::instrument::InstrumentId,
        instrument: &Instrument,
    ) -> Result<Option<OrderTerms>, FieldError> {
        // An order by amount of money has no quantity: no run sends one.
        let Some(raw) = self.qty else {
            return Ok(None);
        };
        let quantity = Quantity(number("qty", Some(raw), instrument.quantity_scale())?);
        let price = |field, raw| number(field, raw, instrument.price_scale()).map(Price);
        let order_type = match required("type", self.kind)? {
            "market" => OrderType::Market,
            "limit" => OrderType::Limit(price("limit_price", self.limit_price)?),
            "stop" => OrderType::Stop(price("stop_price", self.stop_price)?),
            "stop_limit" => OrderType::StopLimit {
                stop: price("stop_price", self.stop_price)?,
                limit: price("limit_price", self.limit_price)?,
            },
            _ => return Ok(None),
        };
        let time_in_force = match required("time_in_force", self.time_in_force)? {
            "gtc" => TimeInForce::Gtc,
            "day" => TimeInForce::Day,
            "ioc" => TimeInForce::Ioc,
            "fok" => TimeInForce::Fok,
            _ => return Ok(None),
        };
        let side = match required("side", self.side)? {
            "buy" => Side::Buy,
            "sell" | "sell_short" => Side::Sell,
            other => {
                let reason = format!("{:?} is unknown", shown(other));
                return Err(FieldError::new("side", reason));
            }
        };
        Ok(Some(OrderTerms {
            instrument: instrument_id,
            side,
            quantity,
            order_type,
            time_in_force,
        }))
    }
}

/// The venue's id of an order, which becomes part of a URL path.
fn id(field: &str, text: Option<&str>) -> Result<String, FieldError> {
    let text = required(field, text)?;
    // The id is put into the path of the next request: a hostile one like `../account` would
    // address something else.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if text.is_empty() || text.len() > 64 || !text.bytes().all(plain) {
        return Err(FieldError::new(field, "is no id"));
    }
    Ok(text.to_owned())
}

fn status(text: &str) -> Result<VenueStatus, FieldError> {
    Ok(match text {
        "accepted" | "pending_new" | "held" | "accepted_for_bidding" => VenueStatus::Pending,
        "new" | "partially_filled" | "done_for_day" | "stopped" | "suspended" | "calculated" => {
            VenueStatus::Working
        }
        "pending_cancel" => VenueStatus::PendingCancel,
        "pending_replace" => VenueStatus::PendingReplace,
        "filled" => VenueStatus::Filled,
        "canceled" => VenueStatus::Canceled,
        "expired" => VenueStatus::Expired,
        "rejected" => VenueStatus::Rejected,
        "replaced" => VenueStatus::Replaced,
        other => {
            let reason = format!("{:?} is unknown", shown(other));
            return Err(FieldError::new("status", reason));
        }
    })
}

#[cfg(test)]
mod tests {
    use counterfoil_trading::instrument::{InstrumentGrid, InstrumentId};

    use super::*;
    use crate::broker::order::OrderName;

    fn listings() -> Listings {
        let apple = Instrument::new("AAPL".to_owned(), InstrumentGrid::whole_units(2)).unwrap();
        Listings::new(vec![(apple, "AAPL".to_owned())], "1m".parse().unwrap()).unwrap()
    }

    /// The documentation's update, shortened to the fields that are read and some that are not.
    const UPDATE: &str = r#"{"stream":"trade_updates","data":{"event":"partial_fill","execution_id":"x",
        "price":"179.08","position_qty":"40","qty":"40","timestamp":"2018-02-28T20:38:22.5Z","order":{
        "id":"61e69015-8549-4bfd-b9c3-01e75843f47d","client_order_id":"cf-1-7","asset_class":"us_equity",
        "symbol":"AAPL","qty":"100","filled_qty":"40","filled_avg_price":"179.08","order_class":"",
        "type":"limit","side":"buy","time_in_force":"day","limit_price":"180.00","stop_price":null,
        "status":"partially_filled"}}}"#;

    fn read(from: &str, to: &str) -> Result<StreamMessage, FieldError> {
        assert!(UPDATE.contains(from), "{from}");
        stream(UPDATE.replacen(from, to, 1).as_bytes(), &listings())
    }

    #[test]
    fn an_update_is_read_with_the_order_it_is_about() {
        let Ok(StreamMessage::Update(update)) = read("x", "x") else {
            panic!("no update");
        };
        let expect = VenueFill {
            price: Price(17_908),
            quantity: Quantity(40),
            filled: Quantity(40),
            time: UnixNanos(1_519_850_302_500_000_000),
        };
        assert_eq!(update.happened, BrokerEvent::Fill(expect));
        let terms = OrderTerms {
            instrument: InstrumentId(0),
            side: Side::Buy,
            quantity: Quantity(100),
            order_type: OrderType::Limit(Price(18_000)),
            time_in_force: TimeInForce::Day,
        };
        assert_eq!(update.order.terms, Some(terms));
        assert_eq!(update.order.name, "cf-1-7");
        assert_eq!(update.order.status, VenueStatus::Working);
    }

    #[test]
    fn every_event_has_a_meaning_or_is_refused() {
        for (event, expect) in [
            ("new", "New"),
            ("accepted", "Pending"),
            ("pending_new", "Pending"),
            ("canceled", "Canceled"),
            ("expired", "Expired"),
            ("rejected", "Rejected"),
            ("replaced", "Replaced"),
            ("pending_cancel", "PendingCancel"),
            ("pending_replace", "PendingReplace"),
            ("order_cancel_rejected", "WorksOn"),
            ("order_replace_rejected", "WorksOn"),
            ("trade_bust", "Amended"),
            ("suspended", "Nothing"),
            ("done_for_day", "Nothing"),
        ] {
            let found = match read("\"partial_fill\"", &format!("\"{event}\"")) {
                Ok(StreamMessage::Update(update)) => format!("{:?}", update.happened),
                other => format!("{:?}", other.unwrap()),
            };
            assert_eq!(found, expect, "{event}");
        }
        for (from, to, expect) in [
            (
                "\"partial_fill\"",
                "\"dance\"",
                "field event: \"dance\" is unknown",
            ),
            (
                "\"179.08\",\"pos",
                "\"179.081\",\"pos",
                "field price: \"179.081\" has more than 2 decimals",
            ),
            ("\"qty\":\"40\"", "\"qty\":null", "field qty: is missing"),
            (
                "\"filled_qty\":\"40\"",
                "\"filled_qty\":\"0.5\"",
                "field filled_qty: \"0.5\" has more than 0 decimals",
            ),
            (
                "\"partially_filled\"",
                "\"dancing\"",
                "field status: \"dancing\" is unknown",
            ),
            ("61e69015-8549", "../../x", "field id: is no id"),
            (
                "\"timestamp\":\"2018-02-28T20:38:22.5Z\",",
                "",
                "field timestamp: is missing",
            ),
            ("\"buy\"", "\"steal\"", "field side: \"steal\" is unknown"),
        ] {
            assert_eq!(read(from, to).unwrap_err().to_string(), expect);
        }
    }

    #[test]
    fn what_a_run_cannot_have_sent_has_no_terms() {
        for (from, to) in [
            ("\"AAPL\"", "\"ZZZZ\""),
            ("\"limit\"", "\"trailing_stop\""),
            ("\"qty\":\"100\"", "\"qty\":null"),
            ("\"day\"", "\"opg\""),
        ] {
            let text = UPDATE
                .replacen("partial_fill", "new", 1)
                .replacen(from, to, 1);
            let Ok(StreamMessage::Update(update)) = stream(text.as_bytes(), &listings()) else {
                panic!("{to}");
            };
            assert_eq!(update.order.terms, None, "{to}");
        }
    }

    #[test]
    fn an_order_is_written_as_the_venue_reads_it() {
        let order = |order_type, time_in_force| NewOrder {
            name: OrderName::parse("cf-1-7").unwrap(),
            terms: OrderTerms {
                instrument: InstrumentId(0),
                side: Side::Sell,
                quantity: Quantity(7),
                order_type,
                time_in_force,
            },
        };
        let stop_limit = OrderType::StopLimit {
            stop: Price(100),
            limit: Price(95),
        };
        let body = order_body(&order(stop_limit, TimeInForce::Gtc), &listings()).unwrap();
        assert_eq!(
            String::from_utf8(body).unwrap(),
            r#"{"client_order_id":"cf-1-7","limit_price":"0.95","qty":"7","side":"sell","stop_price":"1.00","symbol":"AAPL","time_in_force":"gtc","type":"stop_limit"}"#
        );
        let until = order(OrderType::Market, TimeInForce::Gtd(UnixNanos(1)));
        let error = order_body(&until, &listings()).unwrap_err();
        assert_eq!(error.to_string(), "the venue has no order until a date");
    }

    #[test]
    fn an_account_that_takes_no_orders_is_blocked() {
        let text = r#"{"currency":"USD","cash":"-1.25","equity":"100","status":"ACTIVE",
            "trading_blocked":false,"account_blocked":false,"trade_suspended_by_user":false}"#;
        let read = account(text.as_bytes()).unwrap();
        assert_eq!((read.cash, read.is_blocked), (Money(-1_250_000_000), false));
        for (from, to) in [
            ("\"trading_blocked\":false", "\"trading_blocked\":true"),
            ("\"account_blocked\":false", "\"account_blocked\":true"),
            ("ACTIVE", "ONBOARDING"),
            ("user\":false", "user\":true"),
        ] {
            let text = text.replacen(from, to, 1);
            assert!(account(text.as_bytes()).unwrap().is_blocked, "{to}");
        }
        assert!(account(text.replacen("\"cash\"", "\"x\"", 1).as_bytes()).is_err());
    }

    #[test]
    fn positions_have_one_sign_and_foreign_ones_are_told() {
        let read = |side: &str, qty: &str, symbol: &str| {
            let text = format!(r#"[{{"symbol":"{symbol}","side":"{side}","qty":"{qty}"}}]"#);
            positions(text.as_bytes(), &listings()).map(|all| all[0].held)
        };
        let held = |quantity| Ok(Some((InstrumentId(0), Quantity(quantity))));
        assert_eq!(read("long", "5", "AAPL"), held(5));
        assert_eq!(read("short", "-5", "AAPL"), held(-5));
        assert_eq!(read("long", "0.3", "BTC/USD"), Ok(None));
        assert!(read("short", "5", "AAPL").is_err());
        assert!(read("long", "0.3", "AAPL").is_err());
    }

    #[test]
    fn a_full_page_of_fills_has_a_next() {
        let fill = |number: usize| {
            format!(
                r#"{{"activity_type":"FILL","id":"20190524::{number}","order_id":"o","symbol":"AAPL",
                "price":"1.63","qty":"1","cum_qty":"{number}","leaves_qty":"0","type":"fill",
                "side":"buy","transaction_time":"2019-05-24T15:34:06.977Z"}}"#
            )
        };
        let page = |count: usize| {
            let all: Vec<String> = (1..=count).map(fill).collect();
            fills(format!("[{}]", all.join(",")).as_bytes(), "o", &listings()).unwrap()
        };
        assert_eq!(page(99).1, None);
        let (list, next) = page(100);
        assert_eq!(next.as_deref(), Some("20190524::100"));
        assert_eq!(list[99].filled, Quantity(100));
    }
}
