//! The market's history as each venue answers for it, up to the venue's own time.

use std::sync::{Arc, Mutex};

use super::http::{Asked, Reply, serve};
use super::market::{START, SYMBOLS, alpaca_bar, kline_row, open_of};

/// What a test sets of a history.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// The minute that forms at the venue's own time.
    pub(crate) now: i64,
    /// Minutes that it does not have.
    pub(crate) lacks: Vec<i64>,
    /// Answers to give before any other, the first first.
    pub(crate) faults: Vec<Reply>,
    /// The most bars of a page.
    pub(crate) page: usize,
    /// The queries so far: symbol, first and last minute asked for.
    pub(crate) asked: Vec<String>,
}

/// A history shared by a service and a test.
pub(crate) type Shared = Arc<Mutex<History>>;

/// A history at a minute.
pub(crate) fn at(now: i64) -> Shared {
    Arc::new(Mutex::new(History {
        now,
        page: 1_000,
        ..History::default()
    }))
}

impl History {
    fn reply(&self, body: String) -> Reply {
        let now = jiff::Timestamp::from_second(open_of(self.now) + 30).unwrap();
        let date = jiff::fmt::rfc2822::DateTimePrinter::new()
            .timestamp_to_rfc9110_string(&now)
            .unwrap();
        Reply::Say(200, vec![("date", date)], body)
    }

    /// The minutes from one second to another, that which forms among them.
    fn minutes(&self, from: i64, to: i64) -> Vec<i64> {
        let first = (from - START).div_euclid(60).max(0);
        let all = first..=self.now;
        all.filter(|minute| !self.lacks.contains(minute))
            .filter(|minute| (from..=to).contains(&open_of(*minute)))
            .collect()
    }
}

/// Starts Binance's history.
pub(crate) async fn binance(history: Shared) -> u16 {
    serve(move |asked: Asked| {
        let mut history = history.lock().unwrap();
        assert_eq!(asked.path, "/api/v3/klines");
        if let Some(fault) = take(&mut history.faults) {
            return fault;
        }
        let number = |name| asked.get(name).unwrap().parse::<i64>().unwrap();
        let (from, to) = (number("startTime"), number("endTime"));
        assert!(from <= to, "{asked:?}");
        let name = asked.get("symbol").unwrap();
        let symbol = SYMBOLS
            .iter()
            .position(|symbol_name| *symbol_name == name)
            .unwrap();
        let from_minute = (from / 1_000 - START) / 60;
        history.asked.push(format!("{symbol}@{from_minute}"));
        let minutes = history.minutes(from / 1_000, to / 1_000);
        let rows: Vec<String> = minutes
            .iter()
            .take(1_000)
            .map(|minute| kline_row(symbol, *minute))
            .collect();
        history.reply(format!("[{}]", rows.join(",")))
    })
    .await
}

/// Starts Alpaca's history.
pub(crate) async fn alpaca(history: Shared) -> u16 {
    serve(move |asked: Asked| {
        let mut history = history.lock().unwrap();
        assert_eq!(asked.path, "/v2/stocks/bars");
        assert_eq!(asked.key.as_deref(), Some("KEY"));
        if let Some(fault) = take(&mut history.faults) {
            return fault;
        }
        let time = |name| {
            let text: jiff::Timestamp = asked.get(name).unwrap().parse().unwrap();
            text.as_second()
        };
        let name = asked.get("symbols").unwrap();
        let symbol = SYMBOLS
            .iter()
            .position(|symbol_name| *symbol_name == name)
            .unwrap();
        let skip = asked
            .get("page_token")
            .map_or(0, |token| token.parse().unwrap());
        let minutes = history.minutes(time("start"), time("end"));
        history.asked.push(format!("{symbol}+{skip}"));
        let page: Vec<String> = minutes
            .iter()
            .skip(skip)
            .take(history.page)
            .map(|minute| alpaca_bar("", symbol, *minute))
            .collect();
        let end = skip + page.len();
        let next = if end < minutes.len() {
            format!("\"{end}\"")
        } else {
            "null".to_owned()
        };
        history.reply(format!(
            r#"{{"bars":{{"{name}":[{}]}},"next_page_token":{next}}}"#,
            page.join(",")
        ))
    })
    .await
}

fn take(faults: &mut Vec<Reply>) -> Option<Reply> {
    (!faults.is_empty()).then(|| faults.remove(0))
}
