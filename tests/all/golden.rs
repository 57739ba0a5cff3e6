//! The moving-average cross against a reference written in another language, to the last unit.

use std::collections::BTreeMap;

use counterfoil_tests::journals::{decisions, fills, records, verified};
use counterfoil_tests::world::{World, project};
use counterfoil_trading::decimal;
use counterfoil_trading::instrument::Instrument;
use counterfoil_trading::manifest::Manifest;
use serde_json::{Value, json};

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

/// The manifest of one case.
fn manifest_of(world: &World, case: &Value) -> Manifest {
    let symbols: Vec<&str> = case["instruments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|symbol| symbol.as_str().unwrap())
        .collect();
    let parameters = &case["parameters"];
    let size = |name: &str| u32::try_from(number(&parameters[name])).unwrap();
    let quantity = number(&parameters["quantity"]);
    let mut manifest = world.cross(&symbols, size("fast"), size("slow"), quantity);
    let short = parameters["short"].as_bool().unwrap().to_string();
    manifest.parameters.insert("short".to_owned(), short);
    let settings = &case["settings"];
    manifest.account.kind = text(&settings["account"]);
    manifest.account.cash = text(&settings["starting_cash"]);
    manifest.costs.fee_bps = text(&settings["fee_bps"]);
    manifest.costs.maker_fee_bps = text(&settings["fee_bps"]);
    manifest.costs.slippage_bps = text(&settings["slippage_bps"]);
    if let Some(share) = settings["participation_bps"].as_u64() {
        manifest.costs.volume_cap_bps = share.to_string();
    }
    manifest
}

fn check(world: &World, case: &Value) {
    let name = text(&case["name"]);
    let expect = &case["results"];
    let manifest = manifest_of(world, case);
    let setup = manifest.setup().unwrap();
    let outcome = world.backtest(&manifest, world.engine()).unwrap();
    let journal = outcome.execution.journal();
    let records = records(journal.path(), &outcome.execution.origin());
    let indices: BTreeMap<_, _> = decisions(&records)
        .into_iter()
        .map(|decision| {
            (
                (decision.bar.get().instrument, decision.bar.get().close_time),
                decision.index,
            )
        })
        .collect();
    let fills = fills(&records);
    for (place, (fill, expect)) in fills
        .iter()
        .zip(expect["fills"].as_array().unwrap())
        .enumerate()
    {
        let instrument = &setup.instruments[fill.instrument.index()];
        let got = json!([
            instrument.symbol(),
            indices[&(fill.instrument, fill.time)],
            fill.time.date_or_time(),
            fill.side.name(),
            fill.quantity.0,
            decimal::format(fill.price.0.into(), instrument.price_scale()),
            fill.fee.to_text(),
        ]);
        assert_eq!(got, *expect, "{name}: fill {place}");
    }
    let clamped: Vec<usize> = (0..fills.len())
        .filter(|place| fills[*place].clamped)
        .collect();
    let close = &outcome.close;
    let positions: BTreeMap<&str, i64> = setup
        .instruments
        .iter()
        .map(Instrument::symbol)
        .zip(outcome.positions.iter().map(|held| held.0))
        .collect();
    let got = json!({
        "bars": close.decisions,
        "orders_sent": close.requests.approved,
        "fills_count": close.fills,
        "partial_fills_count": fills.iter().filter(|fill| fill.leaves_quantity.0 > 0).count(),
        "clamped_fills": clamped,
        "final_cash": close.cash.to_text(),
        "final_positions": positions,
        "final_equity": close.equity.to_text(),
        "fees_total": close.fees.to_text(),
    });
    for (field, got) in got.as_object().unwrap() {
        assert_eq!(*got, expect[field], "{name}: {field}");
    }
    assert_eq!(
        fills.len(),
        expect["fills"].as_array().unwrap().len(),
        "{name}"
    );
    assert_eq!(close.requests.refused, 0, "{name}: nothing refused");
    let report = verified(&std::fs::read(journal).unwrap());
    assert!(report.is_good(), "{name}: {:?}", report.findings);
}

#[test]
fn every_fill_and_the_final_account_are_those_of_the_reference() {
    let world = World::real();
    let path = project().join("tests/golden/moving-average-cross.json");
    let golden: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let source = &golden["source"];
    for instrument in &world.manifest(b"any", &[]).instruments {
        assert_eq!(
            u64::from(instrument.price_scale),
            number(&source["price_scale"])
        );
        assert_eq!(instrument.tick_size, text(&source["tick"]));
        assert_eq!(instrument.lot_size, source["lot"].to_string());
    }
    let cases = golden["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 9);
    for case in cases {
        check(&world, case);
    }
}
