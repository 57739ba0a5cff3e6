//! Whole reports of a small run whose every text is hostile. The golden file holds the facts and
//! figures; after a change that is meant, make it anew with
//! `UPDATE_GOLDEN=1 cargo test -p counterfoil-report --test report`.

#![expect(clippy::unwrap_used, reason = "tests may fail")]

use counterfoil_base::digest::Digest;
use counterfoil_report::{
    DataFinding, EffectiveParameter, FILES, FactsGatherer, OrderGatherer, ReportFigures,
    ReportSubject, RunFacts, RunReport, StrategySummary, VerifierReport,
};
use counterfoil_trading::bar::{ClosedBar, RawBar};
use counterfoil_trading::corporate::{CorporateAction, CorporateActionKind};
use counterfoil_trading::costs::LiquiditySide;
use counterfoil_trading::execution::{AppliedAction, Delivery, Fill, OrderCode, OrderEvent};
use counterfoil_trading::instrument::InstrumentId;
use counterfoil_trading::limits::SandboxLimits;
use counterfoil_trading::manifest::{CostsEntry, Manifest, RiskEntry};
use counterfoil_trading::order::{
    ClientOrderId, Intent, Order, OrderStatus, OrderType, Request, Side, TimeInForce,
};
use counterfoil_trading::record::{
    CloseReason, CloseRecord, DecisionCircumstances, DecisionRecord, DeliveriesRecord, HostBuild,
    Opening, PositionsRecord, RefusedInput, RequestCounts, RiskVerdict, RunRecord, RunStarter,
};
use counterfoil_trading::time::{DAY_NANOS, UnixNanos};
use counterfoil_trading::units::{Money, Price, Quantity, Volume};
use serde_json::json;

/// What a strategy, a ticker or a file name may hold.
const HOSTILE: &str = "</td><script>alert(1)</script>\"'&\u{202e}=1";
const SYMBOL: &str = "<img src=x onerror=alert(2)>";
const CENT: i128 = 10_000_000;

fn manifest() -> Manifest {
    let digest = format!("sha256:{}", "ab".repeat(32));
    let instrument = |symbol: &str| {
        json!({ "symbol": symbol, "price-scale": 2, "tick-size": "0.01", "quantity-scale": 0,
                "lot-size": "1", "volume-scale": 0 })
    };
    let value = json!({
        "format": "counterfoil-manifest/1", "component": digest, "profile": "pure",
        "world": "counterfoil:strategy@0.1.0", "engine": digest, "timeframe": "1d",
        "data": { "snapshot": { "id": digest, "from": null, "to": HOSTILE } },
        "instruments": [instrument("ABC"), instrument(SYMBOL)],
        "parameters": { HOSTILE: HOSTILE }, "warm-up": 0,
        "account": { "name": HOSTILE, "owner": HOSTILE, "kind": "margin", "currency": HOSTILE,
                     "cash": "100000", "leverage": "2", "maintenance-bps": "0", "margin-call": "reduce" },
        "costs": serde_json::to_value(CostsEntry::none()).unwrap(),
        "matching": { "latency-bars": 0, "limit-trade-through": false },
        "risk": serde_json::to_value(RiskEntry::research()).unwrap(),
        "limits": serde_json::to_value(SandboxLimits::default()).unwrap(),
        "on-fault": "cancel", "seed": "0", "cadence": 4096,
    });
    Manifest::parse(&value.to_string()).unwrap()
}

fn side_of(signed: i64) -> Side {
    if signed > 0 { Side::Buy } else { Side::Sell }
}

fn bar(instrument: u32, day: i64, close: i64) -> ClosedBar {
    ClosedBar::parse(RawBar {
        instrument: InstrumentId(instrument),
        open_time: UnixNanos(day * DAY_NANOS),
        close_time: UnixNanos((day + 1) * DAY_NANOS),
        open: Price(close),
        high: Price(close + 10),
        low: Price(close - 10),
        close: Price(close),
        volume: Volume(1_000),
    })
    .unwrap()
}

fn fill(instrument: u32, id: u64, signed: i64, (day, price): (i64, i64)) -> Fill {
    let slip = 2 * signed.signum();
    Fill {
        instrument: InstrumentId(instrument),
        client_order_id: ClientOrderId(id),
        side: side_of(signed),
        quantity: Quantity(signed.abs()),
        leaves_quantity: Quantity(0),
        reference_price: Price(price),
        price: Price(price + slip),
        clamped: false,
        fee: Money(i128::from(signed.abs()) * i128::from(price) * CENT / 2_000),
        slippage: Money(i128::from(2 * signed.abs()) * CENT),
        liquidity: LiquiditySide::Taker,
        time: UnixNanos((day + 1) * DAY_NANOS),
    }
}

fn request(instrument: u32, id: u64, signed: i64) -> Request {
    Request {
        intent: Intent::Submit(Order {
            instrument: InstrumentId(instrument),
            client_order_id: ClientOrderId(id),
            side: side_of(signed),
            quantity: Quantity(signed.abs()),
            order_type: OrderType::Market,
            time_in_force: TimeInForce::Gtc,
        }),
        reason: Some(HOSTILE.to_owned()),
    }
}

fn refused_event() -> Delivery {
    Delivery::Event(OrderEvent {
        instrument: InstrumentId(0),
        client_order_id: ClientOrderId(999),
        status: OrderStatus::Refused,
        code: OrderCode::WarmingUp,
        leaves_quantity: Quantity(5),
    })
}

/// A run of so many days that buys or sells one of its instruments every fifth day.
fn records(days: i64) -> Vec<RunRecord> {
    let opening = Opening {
        manifest: "{}".to_owned(),
        execution: 1,
        host: HostBuild {
            version: format!("counterfoil {HOSTILE}"),
            ..HostBuild::default()
        },
        start: RunStarter::default(),
        commitments: None,
    };
    let mut records = vec![RunRecord::Open(Box::new(opening.record()))];
    let (mut cash, mut held) = (100_000_000_000_000_i128, [0_i64; 2]);
    let mut working: Option<(u32, u64, i64)> = None;
    let price = |instrument: u32, day: i64| {
        10_000 + i64::from(instrument) * 3_000 + (day * 37 + i64::from(instrument) * 11) % 400
    };
    // 1999-12-31, a Friday: weekends are left out, so a year has 252 days.
    let weekdays = (10_956..).filter(|day| ![2, 3].contains(&(day % 7)));
    for (place, day) in (0_i64..days).zip(weekdays) {
        let id = u64::try_from(place).unwrap();
        let mut deliveries = Vec::new();
        if let Some((instrument, id, signed)) = working.take() {
            let fill = fill(instrument, id, signed, (day, price(instrument, day)));
            let paid = i128::from(signed) * i128::from(fill.price.0) * CENT;
            cash -= paid + fill.fee.0;
            held[usize::try_from(instrument).unwrap()] += signed;
            deliveries.push(Delivery::Fill(fill));
        }
        deliveries.extend((place == 3).then(refused_event));
        if !deliveries.is_empty() {
            records.push(RunRecord::Deliveries(DeliveriesRecord {
                time: UnixNanos((day + 1) * DAY_NANOS),
                deliveries,
                fuel: 0,
            }));
        }
        let value = |one: u32, held: i64| i128::from(held) * i128::from(price(one, day)) * CENT;
        let equity = cash + value(0, held[0]) + value(1, held[1]);
        for instrument in [0_u32, 1] {
            let signed = [100, 100, -300, 100][usize::try_from(place / 10 % 4).unwrap()];
            let asks = place % 5 == 0 && instrument == u32::from(place % 10 == 0);
            let requests = if asks {
                working = Some((instrument, id, signed));
                vec![request(instrument, id, signed), request(0, 999, 5)]
            } else {
                Vec::new()
            };
            let refused = RiskVerdict::Refused(OrderCode::WarmingUp.into());
            records.push(RunRecord::Decision(DecisionRecord {
                bar: bar(instrument, day, price(instrument, day)),
                index: id,
                verdicts: [RiskVerdict::Approved, refused][..requests.len()].to_vec(),
                requests: Some(requests),
                cash: Money(cash),
                equity: Money(equity),
                position: Quantity(held[usize::try_from(instrument).unwrap()]),
                circumstances: DecisionCircumstances {
                    fuel: 1_000 + id * 7 % 13,
                    plans: Vec::new(),
                    times: None,
                },
            }));
        }
    }
    records.push(RunRecord::Refused(RefusedInput {
        reason: HOSTILE.to_owned(),
        input: Vec::new(),
    }));
    records
}

fn close() -> RunRecord {
    RunRecord::Close(CloseRecord {
        reason: CloseReason::EndOfData,
        decisions: 0,
        fills: 0,
        requests: RequestCounts {
            approved: 0,
            refused: 0,
        },
        decision_digest: Digest::default(),
        cash: Money::ZERO,
        equity: Money::ZERO,
        fees: Money::ZERO,
        slippage: Money::ZERO,
        realized: Money::ZERO,
        borrow: Money::ZERO,
        dividends: Money::ZERO,
        positions_sha256: Digest::default(),
    })
}

fn facts(records: &[RunRecord]) -> RunFacts {
    let mut gather = FactsGatherer::new(&manifest()).unwrap();
    for (entry, record) in (0..).zip(records) {
        gather.record(entry, record).unwrap();
    }
    gather.finish()
}

/// As [`whole`], with a limit order that rests for five days, on which its price is not reached, and is canceled then.
fn with_resting_order() -> Vec<RunRecord> {
    let mut all = whole(40);
    let mut asked = request(1, 5_000, 10);
    if let Intent::Submit(order) = &mut asked.intent {
        order.order_type = OrderType::Limit(Price(1));
    }
    let event = |status| {
        let mut event = refused_event();
        if let Delivery::Event(event) = &mut event {
            *event = OrderEvent {
                instrument: InstrumentId(1),
                client_order_id: ClientOrderId(5_000),
                status,
                code: OrderCode::None,
                leaves_quantity: Quantity(10),
            };
        }
        RunRecord::Deliveries(DeliveriesRecord {
            time: UnixNanos(0),
            deliveries: vec![event],
            fuel: 0,
        })
    };
    let decided = |day: u64, all: &[RunRecord]| {
        all.iter().position(
            |record| matches!(record, RunRecord::Decision(decision) if decision.index == day),
        )
    };
    all.insert(decided(17, &all).unwrap(), event(OrderStatus::Canceled));
    all.insert(decided(12, &all).unwrap(), event(OrderStatus::Accepted));
    let asking = decided(11, &all).unwrap();
    if let Some(RunRecord::Decision(decision)) = all.get_mut(asking) {
        decision.requests = Some(vec![asked]);
        decision.verdicts = vec![RiskVerdict::Approved];
    }
    all
}

fn subject(good: bool) -> ReportSubject {
    ReportSubject {
        run: Digest([0xcd; 32]),
        execution: 1,
        short: "cdcdcdcdcdcd/1".to_owned(),
        decision_digest: Some(Digest([0xef; 32])),
        verdict: VerifierReport {
            good,
            text: format!("integrity: intact\n{HOSTILE}\n"),
        },
        strategy: Some(StrategySummary {
            name: HOSTILE.to_owned(),
            version: HOSTILE.to_owned(),
            parameters: vec![EffectiveParameter {
                name: HOSTILE.to_owned(),
                value: HOSTILE.to_owned(),
                is_default: true,
            }],
        }),
        data: Some(vec![DataFinding {
            code: HOSTILE.to_owned(),
            count: 3,
            message: HOSTILE.to_owned(),
        }]),
    }
}

fn files(records: &[RunRecord], good: bool) -> Vec<(&'static str, Vec<u8>)> {
    let (facts, subject, manifest) = (facts(records), subject(good), manifest());
    let figures = ReportFigures::from_facts(&facts, None).unwrap();
    let render = RunReport {
        subject: &subject,
        manifest: &manifest,
        facts: &facts,
        figures: &figures,
    };
    render.files().unwrap()
}

fn whole(days: i64) -> Vec<RunRecord> {
    let mut all = records(days);
    all.push(close());
    all
}

fn text(files: &[(&'static str, Vec<u8>)], name: &str) -> String {
    let file = files.iter().find(|file| file.0 == name).unwrap();
    String::from_utf8(file.1.clone()).unwrap()
}

#[test]
fn the_same_run_gives_the_same_bytes() {
    let records = whole(300);
    let (one, other) = (files(&records, true), files(&records, true));
    assert_eq!(one, other);
    let names: Vec<&str> = one.iter().map(|file| file.0).collect();
    assert_eq!(names, FILES);
}

#[test]
fn facts_and_figures_are_those_of_the_golden_file() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/report.json");
    let mut got: serde_json::Value =
        serde_json::from_str(&text(&files(&whole(300), true), "report.json")).unwrap();
    // It is the caller's, and grows for reasons of its own.
    got["manifest"] = json!(null);
    let got = format!("{got:#}\n");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &got).unwrap();
    }
    let expect = std::fs::read_to_string(path).unwrap();
    assert_eq!(got, expect, "see the head of this file for how to renew it");
}

#[test]
fn orders_are_counted_alike_with_and_without_the_bars_that_no_order_waits_on() {
    for (records, limit_not_reached) in [(whole(300), 0), (with_resting_order(), 1)] {
        let files = files(&records, true);
        let report: serde_json::Value = serde_json::from_str(&text(&files, "report.json")).unwrap();
        let mut gather = OrderGatherer::new(&manifest()).unwrap();
        let mut passed = 0;
        for (entry, record) in (0..).zip(&records) {
            if let RunRecord::Decision(decision) = record {
                let (mut digested, mut body) = (Vec::new(), Vec::new());
                decision.encode_digested(&mut digested);
                decision.encode(&digested, &mut body);
                if !gather.needs(&body).unwrap() {
                    passed += 1;
                    continue;
                }
            }
            gather.record(entry, record).unwrap();
        }
        assert!(passed > records.len() / 3, "{passed} of {}", records.len());
        let orders = gather.finish().json();
        assert_eq!(orders, report["orders"]);
        let unfilled = orders["never-filled"].to_string();
        let found = unfilled.matches("limit-not-reached").count();
        assert!(found >= limit_not_reached, "{unfilled}");
    }
}

#[test]
fn what_the_trades_made_is_what_the_account_made() {
    let files = files(&whole(300), true);
    let csv = text(&files, "trades.csv");
    let head: Vec<&str> = csv.lines().next().unwrap().split(',').collect();
    let net = head.iter().position(|name| *name == "net").unwrap();
    let made: i128 = csv
        .lines()
        .skip(1)
        .map(|row| Money::parse(row.split(',').nth(net).unwrap()).unwrap().0)
        .sum();
    let report: serde_json::Value = serde_json::from_str(&text(&files, "report.json")).unwrap();
    let money = |name: &str| {
        Money::parse(report["account"][name].as_str().unwrap())
            .unwrap()
            .0
    };
    assert_eq!(made, money("final-equity") - money("starting-cash"));
    assert!(csv.lines().count() > 20, "{csv}");
}

#[test]
fn the_account_after_the_last_bar_is_the_end_of_the_curve() {
    let last_row = |records: &[RunRecord]| {
        let equity = text(&files(records, true), "equity.csv");
        let row = equity.lines().next_back().unwrap().to_owned();
        (equity.lines().count(), row)
    };
    let before = records(20);
    let mut last = UnixNanos(0);
    for record in &before {
        if let RunRecord::Decision(decision) = record {
            last = decision.bar.get().close_time;
        }
    }
    let (rows, _) = last_row(&before);
    // At the last close, the first moment after its bar, and two days later.
    for days in [0, 2] {
        let mut all = before.clone();
        let time = UnixNanos(last.0 + days * DAY_NANOS);
        let action = CorporateAction {
            instrument: InstrumentId(0),
            ex_time: time,
            kind: CorporateActionKind::Delisting {
                per_unit: Money::ZERO,
            },
        };
        all.push(RunRecord::Deliveries(DeliveriesRecord {
            time,
            deliveries: vec![Delivery::Action(AppliedAction {
                action,
                quantity: Quantity(0),
                cash: Money::ZERO,
            })],
            fuel: 0,
        }));
        all.push(RunRecord::Positions(PositionsRecord {
            positions: vec![Quantity(0), Quantity(10)],
        }));
        let RunRecord::Close(mut end) = close() else {
            unreachable!()
        };
        end.cash = Money::parse("90000").unwrap();
        end.equity = Money::parse("91303").unwrap();
        all.push(RunRecord::Close(end));
        let (after, row) = last_row(&all);
        assert_eq!(after, rows, "{row}");
        assert!(row.starts_with(&last.rfc3339()), "{row}");
        assert!(row.contains(",91303"), "{row}");
    }
}

/// A split changed the holding and left the old price: a report showed a gain of 100 % that never was.
#[test]
fn a_holding_after_a_split_is_valued_at_the_new_price() {
    let mut all = records(22);
    let (mut last, mut held) = (UnixNanos(0), [Quantity(0); 2]);
    for record in &all {
        if let RunRecord::Decision(decision) = record {
            let bar = decision.bar.get();
            last = bar.close_time;
            held[bar.instrument.index()] = decision.position;
        }
    }
    assert!(held[0] != Quantity(0), "nothing is held");
    let value = |records: &[RunRecord]| {
        let files = files(records, true);
        let equity = text(&files, "equity.csv");
        let exposure = equity.lines().next_back().unwrap().split(',').nth(3);
        let trades = text(&files, "trades.csv");
        let cells = trades.lines().map(|row| row.split(',').collect::<Vec<_>>());
        // Not closed: what it is worth at the end.
        let open = cells.filter(|cells| cells[1] == "ABC" && cells[5].is_empty());
        let open: Vec<String> = open.map(|cells| cells[13].to_owned()).collect();
        (exposure.unwrap().to_owned(), open)
    };
    let before = value(&all);
    assert_eq!(before.1.len(), 1);
    let action = CorporateAction {
        instrument: InstrumentId(0),
        ex_time: last,
        kind: CorporateActionKind::Split {
            new: 1.try_into().unwrap(),
            old: 2.try_into().unwrap(),
        },
    };
    let half = Quantity(held[0].0 / 2);
    all.push(RunRecord::Deliveries(DeliveriesRecord {
        time: last,
        deliveries: vec![Delivery::Action(AppliedAction {
            action,
            quantity: half,
            cash: Money::ZERO,
        })],
        fuel: 0,
    }));
    all.push(RunRecord::Positions(PositionsRecord {
        positions: vec![half, held[1]],
    }));
    all.push(close());
    assert_eq!(value(&all), before);
}

#[test]
fn no_text_from_outside_becomes_markup() {
    for good in [true, false] {
        for days in [0, 1, 2, 300] {
            let page = text(&files(&whole(days), good), "report.html");
            assert_eq!(page.matches("<script").count(), 1, "{days}");
            for bad in ["<img", "alert(1)</script>", "\u{202e}", "<td></td><script"] {
                assert!(!page.contains(bad), "{days} days: {bad}");
            }
            assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
            // Nothing is fetched from anywhere.
            for word in ["src=", "url(", "@import", "<link", "<iframe"] {
                let outside = page.replace("&lt;img src=x onerror=alert(2)&gt;", "");
                assert!(!outside.contains(word), "{word}");
            }
        }
    }
    let csv = text(&files(&whole(300), true), "trades.csv");
    assert!(
        csv.contains("\"</td><script>alert(1)</script>\"\"'&\u{202e}=1\""),
        "{csv}"
    );
}

#[test]
fn a_journal_that_does_not_verify_is_said_first_and_in_red() {
    let bad = text(&files(&whole(30), false), "report.html");
    let said = bad.find("This journal does not verify").unwrap();
    assert!(said < bad.find("Total return").unwrap());
    assert!(bad.contains("class=\"box bad\" role=\"alert\""));
    assert!(!bad.contains("The journal verifies") && !bad.contains("<strong>Proven"));
    let good = text(&files(&whole(30), true), "report.html");
    assert!(good.contains("The journal verifies") && !good.contains("does not verify"));
    let open = text(&files(&records(30), true), "report.html");
    assert!(open.contains("The run is not closed"));
}

#[test]
fn a_long_list_of_trades_is_cut_and_says_where_all_of_it_is() {
    let files = files(&whole(4_000), true);
    let page = text(&files, "report.html");
    assert!(page.contains("all rows are in trades.csv"));
    assert!(page.len() < 600_000, "{}", page.len());
    assert!(text(&files, "trades.csv").lines().count() > 300);
    assert_eq!(text(&files, "equity.csv").lines().count(), 4_001);
}

#[test]
fn a_record_that_does_not_fit_the_manifest_is_an_error_with_its_entry() {
    let mut gather = FactsGatherer::new(&manifest()).unwrap();
    let foreign = fill(7, 1, 10, (1, 100));
    let record = RunRecord::Deliveries(DeliveriesRecord {
        time: UnixNanos(0),
        deliveries: vec![Delivery::Fill(foreign)],
        fuel: 0,
    });
    let error = gather.record(41, &record).unwrap_err().to_string();
    let expect = "entry 41 names instrument 7, which the manifest does not have";
    assert_eq!(error, expect);
    let mut large = fill(0, 1, 1, (1, 1));
    large.quantity = Quantity(i64::MAX);
    large.price = Price(i64::MAX);
    large.fee = Money(i128::MAX);
    for _ in 0..2 {
        let record = RunRecord::Deliveries(DeliveriesRecord {
            time: UnixNanos(0),
            deliveries: vec![Delivery::Fill(large); 3],
            fuel: 0,
        });
        let error = gather.record(42, &record).unwrap_err().to_string();
        assert_eq!(error, "an amount in entry 42 does not fit in 128 bits");
    }
}
