//! A broker as Alpaca's: orders by name, executions, an account, and faults by script.

use std::sync::{Arc, Mutex};

use counterfoil_connect::broker::order::{NewOrder, OrderName, OrderTerms};
use counterfoil_trading::instrument::InstrumentId;
use counterfoil_trading::order::{OrderType, Side, TimeInForce};
use counterfoil_trading::units::{Price, Quantity};
use serde_json::{Value, json};

use crate::venue::fault::Fault;
use crate::venue::http::{Asked, Reply, serve};

/// The machine's time in all tests: 2024-01-02T15:00:00Z.
pub(crate) const NOW: i64 = 1_704_207_600;

/// An order for ten at a limit.
pub(crate) fn wanted(name: &str) -> NewOrder {
    NewOrder {
        name: OrderName::parse(name).unwrap(),
        terms: OrderTerms {
            instrument: InstrumentId(0),
            side: Side::Buy,
            quantity: Quantity(10),
            order_type: OrderType::Limit(Price(10_050)),
            time_in_force: TimeInForce::Day,
        },
    }
}

/// A broker's books and what is to go wrong.
#[derive(Debug, Default)]
pub(crate) struct Books {
    /// The orders.
    pub(crate) orders: Vec<Value>,
    /// The executions, as activities.
    pub(crate) fills: Vec<Value>,
    /// Faults of the next requests that place an order.
    pub(crate) place_faults: Vec<Fault>,
    /// Answers to the next requests that look for a name, instead of the truth.
    pub(crate) look_faults: Vec<Option<Reply>>,
    /// Why orders are not taken.
    pub(crate) refuses: Option<(u16, &'static str)>,
    /// How many requests placed or tried to place an order.
    pub(crate) posts: u32,
    /// How many requests looked for a name.
    pub(crate) looks: u32,
    /// How far the venue's clock is ahead, in seconds.
    pub(crate) ahead: i64,
    /// Positions.
    pub(crate) positions: Value,
    /// How often the open orders differ from one answer to the next.
    pub(crate) restless: u32,
}

/// Books shared by a service and a test.
pub(crate) type Shared = Arc<Mutex<Books>>;

/// Starts a broker.
pub(crate) async fn start(books: Shared) -> u16 {
    serve(move |asked: Asked| {
        let mut books = books.lock().unwrap();
        assert_eq!(asked.key.as_deref(), Some("KEY"));
        let ahead = books.ahead;
        match books.answer(&asked) {
            Reply::Say(status, mut headers, body) => {
                headers.push(("date", date(NOW + ahead)));
                Reply::Say(status, headers, body)
            }
            other => other,
        }
    })
    .await
}

fn date(second: i64) -> String {
    let now = jiff::Timestamp::from_second(second).unwrap();
    jiff::fmt::rfc2822::DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&now)
        .unwrap()
}

/// An order as the venue states it.
pub(crate) fn order(name: &str, filled: i64, status: &str) -> Value {
    json!({
        "id": format!("id-{name}"), "client_order_id": name, "symbol": "AAA", "side": "buy",
        "qty": "10", "filled_qty": filled.to_string(), "type": "limit", "time_in_force": "day",
        "limit_price": "100.50", "stop_price": null, "status": status,
    })
}

/// An execution as the venue states it afterwards.
pub(crate) fn activity(name: &str, quantity: i64, filled: i64) -> Value {
    json!({
        "activity_type": "FILL", "id": format!("2024::{name}{filled}"),
        "order_id": format!("id-{name}"), "symbol": "AAA", "price": "100.25",
        "qty": quantity.to_string(), "cum_qty": filled.to_string(), "side": "buy",
        "transaction_time": "2024-01-02T15:00:00Z", "type": "partial_fill",
    })
}

impl Books {
    fn answer(&mut self, asked: &Asked) -> Reply {
        match (asked.method.as_str(), asked.path.as_str()) {
            ("POST", "/v2/orders") => self.place(&asked.body, "new"),
            ("PATCH", _) => self.place(&asked.body, "replace"),
            ("DELETE", path) => self.cancel(path.rsplit('/').next().unwrap()),
            ("GET", "/v2/orders:by_client_order_id") => {
                self.look(asked.get("client_order_id").unwrap())
            }
            ("GET", "/v2/orders") => {
                if self.restless > 0 {
                    self.restless -= 1;
                    let name = format!("cf-x-{}", self.restless);
                    return Reply::of(200, json!([order(&name, 0, "new")]));
                }
                let is_open = |order: &&Value| {
                    let status = order["status"].as_str().unwrap();
                    ["new", "partially_filled", "pending_cancel"].contains(&status)
                };
                let open: Vec<&Value> = self.orders.iter().filter(is_open).collect();
                Reply::of(200, json!(open))
            }
            ("GET", "/v2/positions") => Reply::of(200, &self.positions),
            ("GET", "/v2/account") => {
                let account = json!({
                    "currency": "USD", "cash": "1000.5", "equity": "2010.75", "status": "ACTIVE",
                    "trading_blocked": false, "account_blocked": false,
                });
                Reply::of(200, account)
            }
            ("GET", "/v2/account/activities/FILL") => {
                let after = asked.get("page_token");
                let of_order = |fill: &&Value| fill["order_id"] == asked.get("order_id").unwrap();
                let all: Vec<&Value> = self.fills.iter().filter(of_order).collect();
                let skip = after.map_or(0, |after| {
                    1 + all.iter().position(|fill| fill["id"] == after).unwrap()
                });
                let page: Vec<&&Value> = all.iter().skip(skip).take(100).collect();
                Reply::of(200, json!(page))
            }
            other => panic!("{other:?}"),
        }
    }

    fn place(&mut self, body: &[u8], what: &str) -> Reply {
        self.posts += 1;
        let fault = if self.place_faults.is_empty() {
            Fault::None
        } else {
            self.place_faults.remove(0)
        };
        match fault {
            Fault::LostThenSilent => return Reply::Hang,
            Fault::LostThenCut => return Reply::Cut,
            Fault::Limited => {
                let reset = (NOW + 7).to_string();
                return Reply::Say(429, vec![("x-ratelimit-reset", reset)], "{}".to_owned());
            }
            Fault::Error => return Reply::of(503, "<html>"),
            Fault::None
            | Fault::TakenThenSilent
            | Fault::TakenThenCut
            | Fault::TakenThenError
            | Fault::TakenThenGarbage => {}
        }
        let taken = self.take(body, what);
        match fault {
            Fault::TakenThenSilent => Reply::Hang,
            Fault::TakenThenCut => Reply::Cut,
            Fault::TakenThenError => Reply::of(502, "<html>"),
            Fault::TakenThenGarbage => Reply::of(200, "{"),
            _ => taken,
        }
    }

    /// A venue takes each name once.
    fn take(&mut self, body: &[u8], what: &str) -> Reply {
        let asked: Value = serde_json::from_slice(body).unwrap();
        let name = asked["client_order_id"].as_str().unwrap();
        if self
            .orders
            .iter()
            .any(|order| order["client_order_id"] == name)
        {
            let words = "client_order_id must be unique";
            return Reply::of(422, json!({"code": 40_010_001, "message": words}));
        }
        if let Some((status, words)) = self.refuses {
            return Reply::of(status, json!({"code": 40_310_000, "message": words}));
        }
        let mut placed = order(name, 0, if what == "new" { "pending_new" } else { "new" });
        for (field, value) in asked.as_object().unwrap() {
            placed[field] = value.clone();
        }
        self.orders.push(placed.clone());
        Reply::of(200, placed)
    }

    fn look(&mut self, name: &str) -> Reply {
        self.looks += 1;
        if !self.look_faults.is_empty()
            && let Some(fault) = self.look_faults.remove(0)
        {
            return fault;
        }
        match self
            .orders
            .iter()
            .find(|order| order["client_order_id"] == name)
        {
            Some(order) => Reply::of(200, order),
            None => Reply::of(
                404,
                json!({"code": 40_410_000, "message": "order not found"}),
            ),
        }
    }

    fn cancel(&mut self, id: &str) -> Reply {
        match self.orders.iter_mut().find(|order| order["id"] == id) {
            None => Reply::of(404, "{}"),
            Some(order) if order["status"] == "filled" => Reply::of(
                422,
                json!({"code": 42_210_000, "message": "order is not cancelable"}),
            ),
            Some(order) => {
                order["status"] = json!("pending_cancel");
                Reply::of(204, "")
            }
        }
    }
}
