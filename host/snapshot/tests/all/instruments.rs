//! What an instrument is, from its file: prices below zero, volumes, lot and tick.

use std::collections::BTreeSet;

use counterfoil_snapshot::layers::ingest::IngestOutcome;
use counterfoil_snapshot::source::choices::SourceKind;
use counterfoil_snapshot::source::options::{IngestOptions, SideFile};
use counterfoil_snapshot::store::manifest::{GridSource, LayerInstrument, VolumeMark};
use counterfoil_trading::decimal;
use counterfoil_trading::instrument::{Instrument, PriceRange, VolumeKind};
use counterfoil_trading::slice::Slice;

use crate::test_store::{TestStore, chain_text, daily};

/// Crude oil of the days around 20 April 2020, beside a share with a price of zero.
const CRUDE: &str = "\
CL,2020-04-16,19.80,20.00,18.90,19.87,100
CL,2020-04-17,19.80,20.00,17.30,18.27,100
CL,2020-04-20,17.73,17.85,-40.32,-37.63,250
CL,2020-04-21,-14.00,13.86,-16.74,10.01,90
A,2020-04-20,5.00,5.00,0.00,5.00,10
A,2020-04-21,5.00,5.10,4.90,5.00,10
";

fn allowing(symbols: &[&str]) -> IngestOptions {
    IngestOptions {
        negative_prices: symbols.iter().map(|symbol| (*symbol).to_owned()).collect(),
        ..daily()
    }
}

fn closes(data: &TestStore, done: &IngestOutcome, symbol: &str) -> Vec<i64> {
    let snapshot = data.store.load(&done.id).unwrap();
    let selection = snapshot.select(&[symbol.to_owned()], None, None).unwrap();
    let (mut slices, mut slice, mut all) = (selection.slices(), Slice::default(), Vec::new());
    while slices.next_into(&mut slice).unwrap() {
        all.extend(slice.bars().iter().map(|bar| bar.get().close.0));
    }
    all
}

/// The two bars of 20 and 21 April were put aside, and a holder never lost. They are bars where the caller
/// says that the instrument traded so; without it the reason names the flag.
#[test]
fn prices_below_zero_are_bars_of_the_instruments_that_allow_them() {
    let data = TestStore::new();
    let without = data.ingest_rows(CRUDE, &daily()).unwrap();
    let reasons: Vec<String> = without
        .report
        .examples
        .iter()
        .map(|row| format!("{} {} {}", row.line, row.reason, row.message))
        .collect();
    assert_eq!(
        reasons,
        [
            "4 not-positive low -40.32 is not above zero; if CL traded so, ingest it with --negative-prices CL",
            "5 not-positive low -16.74 is not above zero; if CL traded so, ingest it with --negative-prices CL",
            "6 not-positive low 0.00 is not above zero; if A traded so, ingest it with --negative-prices A",
        ]
    );
    let done = data.ingest_rows(CRUDE, &allowing(&["CL"])).unwrap();
    assert_eq!(closes(&data, &done, "CL"), [1987, 1827, -3763, 1001]);
    assert_eq!(closes(&data, &done, "A"), [500]);
    assert_eq!(done.report.negative_prices, ["CL"]);
    let rules: Vec<&String> = done.report.findings.rules.keys().collect();
    // How many times larger is no question about such a bar.
    assert!(
        !rules
            .iter()
            .any(|rule| ["absurd-price", "outlier"].contains(&rule.as_str())),
        "{rules:?}"
    );
    let instruments = data.select(&done).instruments();
    let ranges: Vec<PriceRange> = instruments.iter().map(Instrument::prices).collect();
    assert_eq!(ranges, [PriceRange::Positive, PriceRange::Any]);
    assert_ne!(done.manifest.data_sha256, without.manifest.data_sha256);
    // The next file of the instrument, without the flag: what was said of the instrument stays.
    let options = IngestOptions {
        revises: Some(done.id),
        ..daily()
    };
    let more = "CL,2020-04-22,11.00,16.00,10.00,13.78,80\n";
    let revised = data.ingest_rows(more, &options).unwrap();
    assert_eq!(revised.report.negative_prices, ["CL"]);
    assert_eq!(closes(&data, &revised, "CL").len(), 5);
}

#[test]
fn a_permission_for_a_symbol_that_is_not_there_is_refused() {
    let error = TestStore::new()
        .ingest_rows(CRUDE, &allowing(&["CLK0"]))
        .unwrap_err();
    let text = chain_text(&error);
    assert!(
        text.contains("negative-prices") && text.contains("\"CLK0\"; it has A, CL"),
        "{text}"
    );
}

#[test]
fn trades_below_zero_become_bars_where_they_are_allowed() {
    use counterfoil_snapshot::source::choices::SourceKind;
    let trades = "time,price,size\n\
                  2020-04-20T18:00:00Z,1.5,1\n\
                  2020-04-20T18:30:00Z,-37.63,2\n";
    let options = |allowed: &[&str]| IngestOptions {
        kind: SourceKind::Trades,
        symbol: Some("CL".to_owned()),
        ..allowing(allowed)
    };
    let data = TestStore::new();
    let without = data.ingest(trades.as_bytes(), &options(&[])).unwrap();
    assert_eq!(without.report.quarantined, 1);
    let done = data.ingest(trades.as_bytes(), &options(&["CL"])).unwrap();
    assert_eq!(done.report.quarantined, 0);
    assert_eq!(closes(&data, &done, "CL"), [-3763]);
}

#[test]
fn an_instrument_whose_volumes_are_all_zero_is_marked() {
    let data = TestStore::new();
    let rows = "EURUSD,2024-01-02,1.10,1.11,1.09,1.10,0\n\
                EURUSD,2024-01-03,1.10,1.11,1.09,1.11,0\n\
                SPY,2024-01-02,470,471,469,470,0\n\
                SPY,2024-01-03,470,471,469,470,5\n";
    let done = data.ingest_rows(rows, &daily()).unwrap();
    let marks: Vec<Option<VolumeMark>> = done
        .manifest
        .instruments
        .iter()
        .map(|one| one.volume)
        .collect();
    assert_eq!(marks, [Some(VolumeMark::AllZero), None]);
    assert_eq!(done.report.without_volume, ["EURUSD"]);
    let instruments = data.select(&done).instruments();
    assert_eq!(instruments[0].traits().volume, VolumeKind::None);
    assert_eq!(instruments[1].traits().volume, VolumeKind::Traded);
    // With the first volume the mark is gone.
    let options = IngestOptions {
        revises: Some(done.id),
        ..daily()
    };
    let more = "EURUSD,2024-01-04,1.10,1.11,1.09,1.10,7\n";
    let revised = data.ingest_rows(more, &options).unwrap();
    assert_eq!(revised.report.without_volume, [""; 0]);
}

/// Lot and tick of a file of one bar with this price and volume, as `lot (from) tick (from)`.
#[track_caller]
fn check(price: &str, volume: &str, options: &IngestOptions, expect: &str) {
    let data = TestStore::new();
    let rows = format!("A,2024-01-02,{price},{price},{price},{price},{volume}\n");
    let done = data.ingest_rows(&rows, options).unwrap();
    let (one, source) = (&done.manifest.instruments[0], &done.manifest.sources[0]);
    let text = |step: i64, scale: u8, from: GridSource| {
        format!("{} {from:?}", decimal::format(i128::from(step), scale))
    };
    let lot = text(one.lot_size, one.quantity_scale, source.lot_from);
    let tick = text(one.tick_size, one.price_scale, source.tick_from);
    assert_eq!(format!("{lot}, {tick}"), expect, "{price} {volume}");
}

/// The lot was one unit of anything, and closes of 100.00 and 101.00 gave a tick of 1.
#[test]
fn lot_and_tick_come_from_the_caller_the_asset_class_or_the_digits_of_the_file() {
    let none = daily();
    let class = |name: &str| IngestOptions {
        asset_class: Some(name.parse().unwrap()),
        ..daily()
    };
    check("100.00", "5", &none, "1 WholeUnits, 0.01 Prices");
    check("100", "5", &none, "1 WholeUnits, 1 Prices");
    check("100", "5.00", &none, "1 WholeUnits, 1 Prices");
    check(
        "60123.45",
        "0.52041000",
        &none,
        "0.00001 Volumes, 0.01 Prices",
    );
    check(
        "100",
        "5",
        &class("equity"),
        "1 AssetClass, 0.01 AssetClass",
    );
    check(
        "0.12345",
        "5.5",
        &class("equity"),
        "1 AssetClass, 0.00001 Prices",
    );
    check(
        "60123.4",
        "5",
        &class("crypto"),
        "0.00000001 AssetClass, 0.01 AssetClass",
    );
    check(
        "1.08",
        "0",
        &class("fx"),
        "1 AssetClass, 0.00001 AssetClass",
    );
    check(
        "5000.25",
        "7",
        &class("future"),
        "1 AssetClass, 0.01 Prices",
    );
    // Price and quantity have 18 decimals together.
    check(
        "0.000000000123",
        "1.00000001",
        &none,
        "0.000001 Volumes, 0.000000000001 Prices",
    );
    // More zeros than any venue has are not followed; digits are.
    check(
        "1.500000000000",
        "1",
        &none,
        "1 WholeUnits, 0.00000001 Prices",
    );
    let stated = IngestOptions {
        lot: Some("0.5".to_owned()),
        tick: Some("0.05".to_owned()),
        ..class("crypto")
    };
    check("100.00", "1.25", &stated, "0.5 Stated, 0.05 Stated");
    let scale = IngestOptions {
        price_scale: Some(3),
        quantity_scale: Some(2),
        ..daily()
    };
    check("100.0", "1.25", &scale, "0.01 Stated, 0.001 Stated");
}

/// Tick and lot were those of the file's finest instrument: a share beside a coin had eight decimals.
#[test]
fn each_instrument_of_a_file_has_its_own_tick_and_lot() {
    let rows = "BTC,2024-01-02,60123.45000000,60123.45,60123.45,60123.45,0.52041000\n\
        JPY,2024-01-02,150.123,150.123,150.123,150.123,0\nSPY,2024-01-02,400.00,401.00,400.00,401.00,5\n";
    let grids = |options: &IngestOptions| {
        let done = TestStore::new().ingest_rows(rows, options).unwrap();
        let text = |it: &LayerInstrument| {
            let tick = decimal::format(it.tick_size.into(), it.price_scale);
            let lot = decimal::format(it.lot_size.into(), it.quantity_scale);
            format!("{tick} {lot}")
        };
        let all: Vec<String> = done.manifest.instruments.iter().map(text).collect();
        (all, done.report.ticks.into_iter().collect::<Vec<String>>())
    };
    let (plain, ticks) = grids(&daily());
    assert_eq!(plain, ["0.00000001 0.00001", "0.001 1", "0.01 1"]);
    assert_eq!(
        ticks[2],
        "0.01 (the decimals of the prices; change it with --tick or --asset-class): SPY"
    );
    let class = |name: &str| Some(name.parse().unwrap());
    let own = [("BTC", "crypto"), ("JPY", "fx")]
        .map(|(symbol, name)| (symbol.to_owned(), name.parse().unwrap()));
    let classes = IngestOptions {
        asset_class: class("equity"),
        asset_classes: own.into_iter().collect(),
        ..daily()
    };
    // Padded with zeros that no venue of the class has.
    let (known, ticks) = grids(&classes);
    assert_eq!(known, ["0.01 0.00000001", "0.00001 1", "0.01 1"]);
    assert_eq!(
        ticks,
        [
            "0.00001 (of the asset class): JPY",
            "0.01 (of the asset class): BTC, SPY"
        ]
    );
    let future = IngestOptions {
        asset_class: class("future"),
        ..daily()
    };
    let (futures, ticks) = grids(&future);
    assert_eq!(futures, ["0.01 1", "0.001 1", "0.01 1"]);
    assert_eq!(ticks.len(), 2);
    let error = TestStore::new()
        .ingest_rows("BTC,2024-01-02,1,1,1,1,1\n", &classes)
        .unwrap_err();
    assert!(
        chain_text(&error).contains("option asset-class: the file has no usable row of \"JPY\"")
    );
}

/// Coins whose vendor rounds volumes to whole ones had a lot of a whole coin: no account of 10,000 could buy one.
#[test]
fn a_coin_with_whole_volumes_has_the_lot_of_its_class() {
    //   ticker volume asset class lot
    for case in [
        "BTC 31 - 0.00000001",
        "ETH-USD 31 - 0.00000001",
        "BTCUSDT 31 - 0.00000001",
        "X:XBT/EUR 31 - 0.00000001",
        "ethusdt 31 - 0.00000001",
        "BTC 31.25 - 0.01",
        "BTC 31 future 1",
        "BTCM 31 - 1",
        "ETHE 31 - 1",
        "SOLUSDT 31 - 1",
    ] {
        let words: Vec<&str> = case.split(' ').collect();
        let rows = format!("{},2024-01-02,60.5,60.5,60.5,60.5,{}\n", words[0], words[1]);
        let options = IngestOptions {
            asset_class: words[2].parse().ok(),
            ..daily()
        };
        let done = TestStore::new().ingest_rows(&rows, &options).unwrap();
        let it = &done.manifest.instruments[0];
        let lot = decimal::format(it.lot_size.into(), it.quantity_scale);
        assert_eq!(lot, words[3], "{case}");
    }
}

/// Trades of several symbols were read at the scales of the finest.
#[test]
fn trades_of_each_instrument_have_its_own_tick() {
    let rows =
        "symbol,time,price,size\nA,2024-01-02T10:00:00Z,1.25,1\nB,2024-01-02T10:00:00Z,7,0.5\n";
    let options = IngestOptions {
        kind: SourceKind::Trades,
        timeframe: Some("1m".parse().unwrap()),
        ..daily()
    };
    let done = TestStore::new().ingest(rows.as_bytes(), &options).unwrap();
    let scales = done
        .manifest
        .instruments
        .iter()
        .map(|it| (it.price_scale, it.volume_scale, it.lot_size));
    assert_eq!(scales.collect::<Vec<_>>(), [(2, 0, 1), (0, 1, 1)]);
}

#[test]
fn the_answer_says_what_decided_tick_and_lot() {
    let data = TestStore::new();
    let rows = "BTC,2024-01-02,60123.45,60123.45,60123.45,60123.45,0.5\n";
    let done = data.ingest_rows(rows, &daily()).unwrap();
    let one = |text: &str| BTreeSet::from([text.to_owned()]);
    assert_eq!(
        done.report.lots,
        one("0.1 (the decimals of the volumes; change it with --lot or --asset-class)")
    );
    assert_eq!(
        done.report.ticks,
        one("0.01 (the decimals of the prices; change it with --tick or --asset-class)")
    );
}

const NEW_YORK: &str = r#"{ "zone": "America/New_York", "weekdays": ["mon", "tue", "wed", "thu", "fri"],
    "open": "09:30", "close": "16:00", "holidays": ["2024-01-01"] }"#;

fn side(text: &str) -> SideFile {
    SideFile {
        name: "c".to_owned(),
        bytes: text.as_bytes().to_vec(),
    }
}

/// Options with these calendars of single instruments.
fn own(pairs: &[(&str, &str)]) -> IngestOptions {
    let calendars = pairs
        .iter()
        .map(|(symbol, text)| ((*symbol).to_owned(), side(text)));
    IngestOptions {
        own_calendars: calendars.collect(),
        ..daily()
    }
}

/// A coin of nine days, and a share without the fourth: the first is a holiday, the sixth and the seventh a
/// weekend.
fn coin_and_share() -> String {
    let coin = (1..=9).map(|day| {
        let price = 10 + day;
        format!("BTC,2024-01-0{day},{price},{price},{price},{price},{day}.5\n")
    });
    let share = [2, 3, 5, 8, 9].map(|day| format!("SPY,2024-01-0{day},100,100,100,100,{day}\n"));
    coin.chain(share).collect()
}

fn gaps(data: &TestStore, done: &IngestOutcome) -> Vec<String> {
    let findings = data
        .store
        .load(&done.id)
        .unwrap()
        .findings(usize::MAX)
        .unwrap();
    let gaps = findings
        .iter()
        .filter(|finding| ["gap", "closed-venue"].contains(&finding.rule.as_str()));
    gaps.map(|one| {
        let (symbol, day) = (one.instrument.as_deref(), one.date.as_deref());
        format!(
            "{} {} {}",
            one.rule,
            symbol.unwrap_or(""),
            day.unwrap_or("")
        )
    })
    .collect()
}

/// The instruments whose sessions end, one for each end.
fn session_ends(data: &TestStore, done: &IngestOutcome) -> Vec<u32> {
    let actions = data.select(done).actions().unwrap();
    actions.iter().map(|action| action.instrument.0).collect()
}

/// A coin beside a share: one calendar for both had the coin's weekends closed, or the share's holidays
/// missing, and ended the coin's DAY orders with the exchange.
#[test]
fn each_instrument_may_have_a_calendar_of_its_own() {
    let data = TestStore::new();
    let rows = coin_and_share();
    let calendars = own(&[("BTC", "24x7"), ("SPY", NEW_YORK)]);
    let done = data.ingest_rows(&rows, &calendars).unwrap();
    assert_eq!(gaps(&data, &done), ["gap SPY 2024-01-05"]);
    // The share's sessions only: its id is 1. The last before its first bar, then those up to its last.
    assert_eq!(session_ends(&data, &done), [1; 7]);
    // The common calendar is that of all others.
    let common = IngestOptions {
        calendar: Some(side(NEW_YORK)),
        ..own(&[("BTC", "24x7")])
    };
    let done = data.ingest_rows(&rows, &common).unwrap();
    assert_eq!(gaps(&data, &done), ["gap SPY 2024-01-05"]);
    assert_eq!(session_ends(&data, &done), [1; 7]);
    data.store.load(&done.id).unwrap().verify_all().unwrap();
    // Without a common one the coin's days are not those of the share.
    let coin = data.ingest_rows(&rows, &own(&[("BTC", "24x7")])).unwrap();
    assert_eq!(gaps(&data, &coin), [""; 0]);
}

#[test]
fn a_further_file_keeps_the_calendars_and_an_unknown_symbol_is_refused() {
    let data = TestStore::new();
    let rows = coin_and_share();
    let done = data
        .ingest_rows(&rows, &own(&[("BTC", "24x7"), ("SPY", NEW_YORK)]))
        .unwrap();
    let more = IngestOptions {
        revises: Some(done.id),
        ..daily()
    };
    let revised = data
        .ingest_rows("BTC,2024-01-11,30,30,30,30,1\n", &more)
        .unwrap();
    assert_eq!(
        gaps(&data, &revised),
        ["gap BTC 2024-01-11", "gap SPY 2024-01-05"]
    );
    let error = data
        .ingest_rows(&rows, &own(&[("SPX", "24x7")]))
        .unwrap_err();
    let text = chain_text(&error);
    assert!(
        text.contains("no instrument \"SPX\"; it has BTC, SPY"),
        "{text}"
    );
}

/// `--instruments SPY,BTC` gave BTC the id 0, although the manifest's sequence gives the ids.
#[test]
fn ids_are_in_the_sequence_in_which_instruments_are_asked_for() {
    let data = TestStore::new();
    let rows = "A,2024-01-02,1,1,1,1,1\nB,2024-01-02,2,2,2,2,1\nC,2024-01-02,3,3,3,3,1\n";
    let done = data.ingest_rows(rows, &daily()).unwrap();
    let snapshot = data.store.load(&done.id).unwrap();
    let asked = ["C", "A", "C"].map(str::to_owned);
    let selection = snapshot.select(&asked, None, None).unwrap();
    let instruments = selection.instruments();
    let symbols: Vec<&str> = instruments.iter().map(Instrument::symbol).collect();
    assert_eq!(symbols, ["C", "A"]);
    let mut slice = Slice::default();
    selection.slices().next_into(&mut slice).unwrap();
    let closes: Vec<(u32, i64)> = slice
        .bars()
        .iter()
        .map(|bar| (bar.get().instrument.0, bar.get().close.0))
        .collect();
    assert_eq!(closes, [(0, 3), (1, 1)]);
    let commitment = selection.commitment().unwrap();
    assert_eq!(commitment[0].symbol, "C");
}
