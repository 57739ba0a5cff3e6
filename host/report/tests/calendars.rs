//! Annual figures on six calendars, against an independent library: `tests/golden/statistics.py` makes the
//! values.
//!
//! Annual figures once took 252 days a year, or 365 if any bar closed on a weekend. One price path of 9.6 % a
//! year was 13.7 % on a market of Sunday to Thursday and 42 % on bars of every fourth day, and a stock's Sharpe
//! ratio fell because an instrument with bars on weekends was watched beside it. Years are now calendar time
//! from the first close to the last, and the periods of a year are counted.

#![expect(clippy::unwrap_used, reason = "tests may fail")]

use counterfoil_report::{FactsGatherer, ReportFigures, STATISTICS, Statistics};
use counterfoil_trading::bar::{ClosedBar, RawBar};
use counterfoil_trading::costs::LiquiditySide;
use counterfoil_trading::execution::{Delivery, Fill};
use counterfoil_trading::instrument::InstrumentId;
use counterfoil_trading::limits::SandboxLimits;
use counterfoil_trading::manifest::{CostsEntry, Manifest, RiskEntry};
use counterfoil_trading::order::{ClientOrderId, Side};
use counterfoil_trading::record::{
    DecisionCircumstances, DecisionRecord, DeliveriesRecord, RunRecord,
};
use counterfoil_trading::time::{DAY_NANOS, UnixNanos};
use counterfoil_trading::units::{Money, Price, Quantity, Volume};
use serde_json::{Value, json};

const GOLDEN: &str = include_str!("../../../tests/golden/statistics.json");
const HOUR_NANOS: i64 = DAY_NANOS / 24;
const STOCK: u32 = 0;
const WATCHED: u32 = 1;

fn manifest(cash: &str) -> Manifest {
    let digest = format!("sha256:{}", "ab".repeat(32));
    let instrument = |symbol: &str| {
        json!({ "symbol": symbol, "price-scale": 2, "tick-size": "0.01", "quantity-scale": 0,
                "lot-size": "1", "volume-scale": 0 })
    };
    let value = json!({
        "format": "counterfoil-manifest/1", "component": digest, "profile": "pure",
        "world": "counterfoil:strategy@0.1.0", "engine": digest, "timeframe": "1d",
        "data": { "snapshot": { "id": digest, "from": null, "to": null } },
        "instruments": [instrument("ABC"), instrument("BTC")],
        "parameters": {}, "warm-up": 0,
        "account": { "name": "a", "owner": "o", "kind": "margin", "currency": "USD", "cash": cash,
                     "leverage": "2", "maintenance-bps": "0", "margin-call": "reduce" },
        "costs": serde_json::to_value(CostsEntry::none()).unwrap(),
        "matching": { "latency-bars": 0, "limit-trade-through": false },
        "risk": serde_json::to_value(RiskEntry::research()).unwrap(),
        "limits": serde_json::to_value(SandboxLimits::default()).unwrap(),
        "on-fault": "cancel", "seed": "0", "cadence": 4096,
    });
    Manifest::parse(&value.to_string()).unwrap()
}

/// The equity of the account after one bar.
struct EquityAt {
    instrument: u32,
    close_nanos: i64,
    equity: Money,
}

fn decision(at: &EquityAt) -> RunRecord {
    let bar = ClosedBar::parse(RawBar {
        instrument: InstrumentId(at.instrument),
        open_time: UnixNanos(at.close_nanos - HOUR_NANOS),
        close_time: UnixNanos(at.close_nanos),
        open: Price(100),
        high: Price(100),
        low: Price(100),
        close: Price(100),
        volume: Volume(1_000),
    });
    RunRecord::Decision(DecisionRecord {
        bar: bar.unwrap(),
        index: 0,
        verdicts: Vec::new(),
        requests: Some(Vec::new()),
        cash: at.equity,
        equity: at.equity,
        position: Quantity(0),
        circumstances: DecisionCircumstances {
            fuel: 1,
            plans: Vec::new(),
            times: None,
        },
    })
}

/// A fill of the stock with the second bar: that it was traded is all that counts here.
fn fill(close_nanos: i64) -> RunRecord {
    RunRecord::Deliveries(DeliveriesRecord {
        time: UnixNanos(close_nanos),
        deliveries: vec![Delivery::Fill(Fill {
            instrument: InstrumentId(STOCK),
            client_order_id: ClientOrderId(1),
            side: Side::Buy,
            quantity: Quantity(1),
            leaves_quantity: Quantity(0),
            reference_price: Price(100),
            price: Price(100),
            clamped: false,
            fee: Money::ZERO,
            slippage: Money::ZERO,
            liquidity: LiquiditySide::Taker,
            time: UnixNanos(close_nanos),
        })],
        fuel: 0,
    })
}

fn figures(cash: &str, path: &[EquityAt]) -> ReportFigures {
    let mut gather = FactsGatherer::new(&manifest(cash)).unwrap();
    let second = path.iter().filter(|at| at.instrument == STOCK).nth(1);
    let second = second.map_or(0, |at| at.close_nanos);
    let mut records = Vec::new();
    for at in path {
        if at.instrument == STOCK && at.close_nanos == second {
            records.push(fill(second));
        }
        records.push(decision(at));
    }
    for (entry, record) in (0..).zip(&records) {
        gather.record(entry, record).unwrap();
    }
    ReportFigures::from_facts(&gather.finish(), None).unwrap()
}

fn named(statistics: &Statistics, name: &str) -> Option<f64> {
    let place = STATISTICS.iter().position(|other| *other == name);
    statistics[place.unwrap()]
}

fn stock(close_nanos: i64, equity: Money) -> EquityAt {
    EquityAt {
        instrument: STOCK,
        close_nanos,
        equity,
    }
}

/// The closes of a golden case.
fn closes(case: &Value) -> Vec<i64> {
    let hours = case["hours"].as_str().unwrap().split_whitespace();
    hours
        .map(|hour| hour.parse::<i64>().unwrap() * HOUR_NANOS)
        .collect()
}

fn calendars() -> Vec<Value> {
    let golden: Value = serde_json::from_str(GOLDEN).unwrap();
    let all = golden["calendars"].as_array().unwrap();
    assert_eq!(all.len(), 6);
    all.clone()
}

#[test]
fn annual_figures_on_six_calendars_are_those_of_an_independent_library() {
    for case in calendars() {
        let name = &case["name"];
        let equity = case["equity"].as_str().unwrap().split_whitespace();
        let equity = equity.map(|text| Money::parse(text).unwrap());
        let path: Vec<EquityAt> = closes(&case)
            .into_iter()
            .zip(equity)
            .map(|(close, equity)| stock(close, equity))
            .collect();
        let found = figures(case["start"].as_str().unwrap(), &path).statistics();
        for figure in [
            "years",
            "periods-per-year",
            "total-return",
            "annual-return",
            "volatility",
            "sharpe",
            "sortino",
        ] {
            let got = named(&found, figure).unwrap();
            let expect = case["values"][figure].as_f64().unwrap();
            let is_close = (got - expect).abs() <= 1e-9 * expect.abs().max(1e-3);
            assert!(is_close, "{name}: {figure} is {got}, not {expect}");
        }
    }
}

#[test]
fn one_price_path_has_one_annual_return_on_every_calendar() {
    for case in calendars() {
        let closes = closes(&case);
        let year = 365.25 * 24.0 * 3600.0 * 1e9;
        let path: Vec<EquityAt> = closes
            .iter()
            .map(|close| {
                let years = f64::from(u32::try_from((close - closes[0]) / HOUR_NANOS).unwrap())
                    * 3600.0
                    * 1e9
                    / year;
                let equity = format!("{:.9}", 100_000.0 * libm::pow(1.096, years));
                stock(*close, Money::parse(&equity).unwrap())
            })
            .collect();
        let found = figures("100000", &path).statistics();
        let annual = named(&found, "annual-return").unwrap();
        assert!((annual - 0.096).abs() < 1e-9, "{}: {annual}", case["name"]);
    }
}

#[test]
fn an_instrument_that_is_only_watched_changes_no_figure() {
    let case = &calendars()[0];
    let equity = case["equity"].as_str().unwrap().split_whitespace();
    let equity: Vec<Money> = equity.map(|text| Money::parse(text).unwrap()).collect();
    let closes = closes(case);
    let alone: Vec<EquityAt> = closes
        .iter()
        .zip(&equity)
        .map(|(close, equity)| stock(*close, *equity))
        .collect();
    // Every day of the same time and five days more at both ends: equity stays where the last stock bar left
    // it.
    let mut beside = Vec::new();
    let mut now = equity[0];
    let mut close = closes[0] - 5 * DAY_NANOS;
    while close <= closes[closes.len() - 1] + 5 * DAY_NANOS {
        if let Ok(place) = closes.binary_search(&close) {
            now = equity[place];
            beside.push(stock(close, now));
        }
        beside.push(EquityAt {
            instrument: WATCHED,
            close_nanos: close,
            equity: now,
        });
        close += DAY_NANOS;
    }
    let bits = |path: &[EquityAt]| {
        let found = figures("100000", path).statistics();
        found.map(|value| value.map(f64::to_bits))
    };
    assert_eq!(bits(&beside), bits(&alone));
}
