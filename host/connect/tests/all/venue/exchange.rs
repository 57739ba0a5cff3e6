//! A broker like Alpaca's that a test controls: orders, executions, cash and positions that
//! agree, updates to connected clients, and faults by script. It runs on a thread of its own.

use core::time::Duration;
use std::collections::BTreeMap;
use std::net::TcpListener as StdListener;
use std::sync::{Arc, Condvar, Mutex};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio_tungstenite::tungstenite::Message;

use super::fault::Fault;
use super::http::{Asked, Reply, serve_on};

/// Longer than anything takes: where it passes, a test has failed.
const PATIENCE: Duration = Duration::from_mins(1);

/// One order.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    /// The client order id.
    pub(crate) name: String,
    /// What was sent.
    pub(crate) asked: Value,
    /// How much it is about.
    pub(crate) quantity: i64,
    /// How much has filled.
    pub(crate) filled: i64,
    /// Its state.
    pub(crate) status: &'static str,
}

/// What the broker has and what is to go wrong.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// The orders, the first first.
    pub(crate) orders: Vec<Order>,
    /// Cash in hundredths.
    pub(crate) cash: i64,
    /// Positions by symbol.
    pub(crate) positions: BTreeMap<String, i64>,
    /// Faults of the next requests that place an order.
    pub(crate) faults: Vec<Fault>,
    /// Status and words with which orders are not taken.
    pub(crate) refuses: Option<(u16, &'static str)>,
    /// Whether a request to cancel is answered but not done.
    pub(crate) keeps: bool,
    /// Whether nothing but placing orders is answered well.
    pub(crate) is_blind: bool,
    /// Requests that placed or tried to place an order.
    pub(crate) posts: u32,
    /// Requests that asked for the account.
    pub(crate) reads: u32,
    /// Connections of the stream that listen now.
    pub(crate) listeners: u32,
    /// Connections of the stream that listened and have ended.
    ended: u32,
    /// The venue's time in seconds, if it is not the machine's.
    pub(crate) time: Option<i64>,
    activities: Vec<Value>,
}

/// The broker.
#[derive(Debug)]
pub(crate) struct Exchange {
    shared: Arc<(Mutex<State>, Condvar)>,
    updates: broadcast::Sender<Option<String>>,
    /// The port of its requests.
    pub(crate) requests: u16,
    /// The port of its stream; it is closed until [`Exchange::listen`].
    pub(crate) stream: u16,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Exchange {
    /// A broker with an account of so much cash, in hundredths.
    pub(crate) fn start(cash: i64) -> Self {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().unwrap();
        let state = State {
            cash,
            ..State::default()
        };
        let shared = Arc::new((Mutex::new(state), Condvar::new()));
        let (updates, _) = broadcast::channel(1_024);
        let (answers, pushes) = (Arc::clone(&shared), updates.clone());
        let requests = runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            serve_on(listener, move |asked: Asked| {
                let (state, changed) = &*answers;
                let mut state = state.lock().unwrap();
                let (reply, update_sent) = state.answer(&asked);
                if let Some(update_sent) = update_sent {
                    let _no_listener = pushes.send(Some(update_sent));
                }
                changed.notify_all();
                state.dated(reply)
            });
            port
        });
        // A port without a listener.
        let stream = StdListener::bind("127.0.0.1:0").unwrap();
        let stream = stream.local_addr().unwrap().port();
        Self {
            shared,
            updates,
            requests,
            stream,
            runtime: Some(runtime),
        }
    }

    /// Opens the stream, and stays open.
    pub(crate) fn listen(&self) {
        let (shared, updates) = (Arc::clone(&self.shared), self.updates.clone());
        let port = self.stream;
        let listener = StdListener::bind(("127.0.0.1", port)).unwrap();
        listener.set_nonblocking(true).unwrap();
        self.runtime.as_ref().unwrap().spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(send_updates(
                    stream,
                    Arc::clone(&shared),
                    updates.subscribe(),
                ));
            }
        });
    }

    /// Cuts every connection of the stream; they may come back.
    pub(crate) fn cut(&self) {
        let after = self.with(|state| state.ended + state.listeners);
        let _no_listener = self.updates.send(None);
        // Not until no connection is left: one that came back at once would never be seen gone.
        self.wait(|state| state.ended >= after);
    }

    /// Changes the state.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let (state, changed) = &*self.shared;
        let done = act(&mut state.lock().unwrap());
        changed.notify_all();
        done
    }

    /// Waits until something holds of the state.
    pub(crate) fn wait(&self, until: impl Fn(&State) -> bool) {
        let (state, changed) = &*self.shared;
        let state = state.lock().unwrap();
        let waited = changed.wait_timeout_while(state, PATIENCE, |state| !until(state));
        let (state, timeout) = waited.unwrap();
        assert!(!timeout.timed_out(), "{state:#?}");
    }

    /// Executes some of an order at a price in hundredths, and reports it.
    pub(crate) fn fill(&self, place: usize, quantity: i64, price: i64) {
        let update_sent = self.with(|state| state.fill(place, quantity, price));
        let _no_listener = self.updates.send(Some(update_sent));
    }

    /// Executes some of an order; the stream does not tell.
    pub(crate) fn fill_unheard(&self, place: usize, quantity: i64, price: i64) {
        self.with(|state| state.fill(place, quantity, price));
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// One connection of the stream.
async fn send_updates(
    stream: TcpStream,
    shared: Arc<(Mutex<State>, Condvar)>,
    mut updates: broadcast::Receiver<Option<String>>,
) {
    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else {
        return;
    };
    let count = |change: fn(&mut State)| {
        let (state, changed) = &*shared;
        change(&mut state.lock().unwrap());
        changed.notify_all();
    };
    let authorized = json!({"stream": "authorization", "data": {"status": "authorized"}});
    let listening = json!({"stream": "listening", "data": {"streams": ["trade_updates"]}});
    for say in [authorized, listening] {
        if !matches!(socket.next().await, Some(Ok(Message::Text(_)))) {
            return;
        }
        let bytes = say.to_string().into_bytes();
        if socket.send(Message::binary(bytes)).await.is_err() {
            return;
        }
    }
    count(|state| state.listeners += 1);
    loop {
        tokio::select! {
            update = updates.recv() => match update {
                Ok(Some(text)) => {
                    if socket.send(Message::binary(text.into_bytes())).await.is_err() {
                        break;
                    }
                }
                _ => break,
            },
            frame = socket.next() => match frame {
                Some(Ok(_)) => {}
                _ => break,
            },
        }
    }
    count(|state| {
        state.listeners -= 1;
        state.ended += 1;
    });
}

fn decimal(hundredths: i64) -> String {
    let sign = if hundredths < 0 { "-" } else { "" };
    let amount = hundredths.abs();
    format!("{sign}{}.{:02}", amount / 100, amount % 100)
}

const TIME: &str = "2024-01-02T15:00:00Z";

fn update(event: &str, order: &Order, fill: Option<(i64, i64)>) -> String {
    let mut data = json!({"event": event, "timestamp": TIME, "order": order.stated()});
    if let Some((quantity, price)) = fill {
        data["qty"] = json!(quantity.to_string());
        data["price"] = json!(decimal(price));
    }
    json!({"stream": "trade_updates", "data": data}).to_string()
}

impl Order {
    fn stated(&self) -> Value {
        let mut stated = json!({
            "id": format!("id-{}", self.name), "filled_qty": self.filled.to_string(),
            "status": self.status, "limit_price": null, "stop_price": null,
        });
        for (field, value) in self.asked.as_object().unwrap() {
            stated[field] = value.clone();
        }
        stated
    }

    fn is_open(&self) -> bool {
        ["pending_new", "new", "partially_filled", "pending_cancel"].contains(&self.status)
    }
}

impl State {
    fn dated(&self, reply: Reply) -> Reply {
        let Reply::Say(status, mut headers, body) = reply else {
            return reply;
        };
        let now = self.time.map_or_else(jiff::Timestamp::now, |second| {
            jiff::Timestamp::from_second(second).unwrap()
        });
        let date = jiff::fmt::rfc2822::DateTimePrinter::new()
            .timestamp_to_rfc9110_string(&now)
            .unwrap();
        headers.push(("date", date));
        Reply::Say(status, headers, body)
    }

    fn fill(&mut self, place: usize, quantity: i64, price: i64) -> String {
        let order = &mut self.orders[place];
        order.filled += quantity;
        assert!(order.filled <= order.quantity, "{order:?}");
        let is_whole = order.filled == order.quantity;
        order.status = match (is_whole, order.status) {
            (true, _) => "filled",
            (false, "canceled") => "canceled",
            (false, _) => "partially_filled",
        };
        let symbol = order.asked["symbol"].as_str().unwrap().to_owned();
        let sign = if order.asked["side"] == "buy" { 1 } else { -1 };
        self.cash -= sign * quantity * price;
        *self.positions.entry(symbol.clone()).or_default() += sign * quantity;
        self.activities.push(json!({
            "activity_type": "FILL", "id": format!("{}", self.activities.len()),
            "order_id": format!("id-{}", order.name), "symbol": symbol, "price": decimal(price),
            "qty": quantity.to_string(), "cum_qty": order.filled.to_string(),
            "transaction_time": TIME,
        }));
        let event = if is_whole { "fill" } else { "partial_fill" };
        update(event, order, Some((quantity, price)))
    }

    /// The answer, and the message on the stream.
    fn answer(&mut self, asked: &Asked) -> (Reply, Option<String>) {
        let path = asked.path.as_str();
        let reply = match (asked.method.as_str(), path) {
            ("POST" | "PATCH", _) => return self.place(asked),
            _ if self.is_blind => Reply::of(503, "<html>"),
            ("DELETE", _) => return self.cancel(path.rsplit('/').next().unwrap()),
            ("GET", "/v2/orders:by_client_order_id") => {
                let name = asked.get("client_order_id").unwrap();
                match self.orders.iter().find(|order| order.name == name) {
                    Some(order) => Reply::of(200, order.stated()),
                    None => Reply::of(404, json!({"code": 40_410_000, "message": "not found"})),
                }
            }
            ("GET", "/v2/orders") => {
                let open = self.orders.iter().filter(|order| order.is_open());
                let open: Vec<Value> = open.map(Order::stated).collect();
                Reply::of(200, json!(open))
            }
            ("GET", "/v2/positions") => {
                let held = self.positions.iter().filter(|(_, held)| **held != 0);
                let held: Vec<Value> = held
                    .map(|(symbol, held)| {
                        let side = if *held > 0 { "long" } else { "short" };
                        json!({"symbol": symbol, "side": side, "qty": held.to_string()})
                    })
                    .collect();
                Reply::of(200, json!(held))
            }
            ("GET", "/v2/account") => {
                self.reads += 1;
                Reply::of(
                    200,
                    json!({
                        "currency": "USD", "cash": decimal(self.cash),
                        "equity": decimal(self.cash), "status": "ACTIVE",
                        "trading_blocked": false, "account_blocked": false,
                    }),
                )
            }
            ("GET", "/v2/account/activities/FILL") => {
                let of = asked.get("order_id").unwrap();
                let of_order = |fill: &&Value| fill["order_id"] == of;
                let fills: Vec<&Value> = self.activities.iter().filter(of_order).collect();
                Reply::of(200, json!(fills))
            }
            other => panic!("{other:?}"),
        };
        (reply, None)
    }

    fn place(&mut self, asked: &Asked) -> (Reply, Option<String>) {
        self.posts += 1;
        let fault = if self.faults.is_empty() {
            Fault::None
        } else {
            self.faults.remove(0)
        };
        match fault {
            Fault::LostThenSilent => return (Reply::Hang, None),
            Fault::LostThenCut => return (Reply::Cut, None),
            Fault::Limited => {
                let headers = vec![("retry-after", "1".to_owned())];
                return (Reply::Say(429, headers, "{}".to_owned()), None);
            }
            Fault::Error => return (Reply::of(503, "<html>"), None),
            _ => {}
        }
        let (reply, update_sent) = self.take(asked);
        let reply = match fault {
            Fault::TakenThenSilent => Reply::Hang,
            Fault::TakenThenCut => Reply::Cut,
            Fault::TakenThenError => Reply::of(502, "<html>"),
            Fault::TakenThenGarbage => Reply::of(200, "{"),
            _ => reply,
        };
        (reply, update_sent)
    }

    fn take(&mut self, asked: &Asked) -> (Reply, Option<String>) {
        let mut body: Value = serde_json::from_slice(&asked.body).unwrap();
        let name = body["client_order_id"].as_str().unwrap().to_owned();
        if self.orders.iter().any(|order| order.name == name) {
            let words = json!({"code": 40_010_001, "message": "client_order_id must be unique"});
            return (Reply::of(422, words), None);
        }
        if let Some((status, words)) = self.refuses {
            let words = json!({"code": 40_310_000, "message": words});
            return (Reply::of(status, words), None);
        }
        if asked.method == "PATCH" {
            let id = asked.path.rsplit('/').next().unwrap();
            let of = self
                .orders
                .iter_mut()
                .find(|order| id == format!("id-{}", order.name));
            let of = of.unwrap();
            of.status = "replaced";
            for (field, value) in of.asked.as_object().unwrap() {
                if body.get(field).is_none() {
                    body[field] = value.clone();
                }
            }
        }
        let quantity = body["qty"].as_str().unwrap().parse().unwrap();
        let order = Order {
            name,
            asked: body,
            quantity,
            filled: 0,
            status: "new",
        };
        let stated = Reply::of(200, order.stated());
        let update_sent = update("new", &order, None);
        self.orders.push(order);
        (stated, Some(update_sent))
    }

    fn cancel(&mut self, id: &str) -> (Reply, Option<String>) {
        let found = self
            .orders
            .iter_mut()
            .find(|order| id == format!("id-{}", order.name));
        let Some(order) = found else {
            return (Reply::of(404, "{}"), None);
        };
        if !order.is_open() {
            let words = json!({"code": 42_210_000, "message": "order is not cancelable"});
            return (Reply::of(422, words), None);
        }
        if self.keeps {
            order.status = "pending_cancel";
            return (
                Reply::of(204, ""),
                Some(update("pending_cancel", order, None)),
            );
        }
        order.status = "canceled";
        (Reply::of(204, ""), Some(update("canceled", order, None)))
    }
}
