//! `demo`: the whole claim on real data, in one command.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use counterfoil_runner::clock::Stopwatch;
use counterfoil_runner::execute::Outcome;
use counterfoil_runner::files::{make_folder, write_whole};
use counterfoil_trading::manifest::Manifest;
use counterfoil_verify::verify_proof;
use serde_json::{Value, json};

use super::{audit, backtest, ingest, proof, replay, report as page, sweep, verify};
use crate::args;
use crate::output::{Answer, pairs, say, say_json, short, table};
use crate::places::Places;
use crate::report;

/// Twelve thousand daily bars of five instruments; see `tests/data/README.md`.
const DATA: &[u8] = include_bytes!("../../../../tests/data/us-equities-daily-2000-2013.csv.gz");
const DATA_NAME: &str = "us-equities-daily-2000-2013.csv.gz";
/// The splits and dividends in them, as `counterfoil data derive-actions` found them.
const ACTIONS: &[u8] = include_bytes!("../../../../tests/data/us-equities-actions-2000-2013.csv");
const ACTIONS_NAME: &str = "us-equities-actions-2000-2013.csv";

/// One strategy of the demo.
struct Example {
    name: &'static str,
    component: &'static [u8],
    params: &'static [&'static str],
    account: &'static str,
}

const EXAMPLES: &[Example] = &[
    Example {
        name: "buy-and-hold",
        component: include_bytes!("../../../../sdk-examples/components/buy-and-hold.wasm"),
        params: &[],
        account: "cash",
    },
    Example {
        name: "moving-average-cross",
        component: include_bytes!("../../../../sdk-examples/components/moving-average-cross.wasm"),
        params: &["fast=20", "slow=100", "quantity=500", "short=true"],
        account: "margin",
    },
];

/// What was shown for one strategy.
struct Shown {
    name: &'static str,
    manifest: Manifest,
    outcome: Outcome,
    records: u64,
    proof: PathBuf,
    report: PathBuf,
}

pub(crate) fn run(global: &Places, args: &args::Demo) -> Result<Answer> {
    let watch = Stopwatch::start();
    let folder = args
        .folder
        .clone()
        .unwrap_or_else(|| PathBuf::from("demo-data"));
    make_folder(&folder)?;
    let folder = folder.canonicalize().context("the demo's folder")?;
    let places = global.elsewhere(&folder.join("data"), folder.join("keys"))?;
    let step = |text: &str| {
        if !places.json {
            say(text);
        }
    };
    step("1. Real data with its splits and dividends becomes an immutable snapshot.");
    let snapshot = take_in(&places, &folder)?;
    let mut shown = Vec::new();
    for (place, example) in EXAMPLES.iter().enumerate() {
        let number = place.saturating_add(2);
        step(&format!(
            "{number}. {}: backtest, verify, replay on another back end, look for look-ahead, prove one \
             decision, report.",
            example.name
        ));
        shown.push(show(&places, &folder, example, &snapshot)?);
    }
    let number = shown.len().saturating_add(2);
    step(&format!(
        "{number}. Six kinds of the cross, on all cores; what was run above is found, not run again."
    ));
    let swept = sweep_it(&places, &folder, &snapshot)?;
    if places.json {
        let list = shown.iter().map(as_json).collect::<Result<Vec<_>>>()?;
        say_json(
            &json!({ "folder": folder, "snapshot": snapshot, "runs": list, "sweep": swept.json() }),
        );
    } else {
        swept.print(usize::MAX);
        say("");
        summary(&folder, &snapshot, &shown);
        say(&format!("It took {:.1} s.", watch.elapsed().as_secs_f64()));
    }
    Ok(Answer::Yes)
}

fn take_in(places: &Places, folder: &Path) -> Result<String> {
    let file = folder.join(DATA_NAME);
    write_whole(&file, DATA)?;
    let actions = folder.join(ACTIONS_NAME);
    write_whole(&actions, ACTIONS)?;
    let ask = args::Ingest {
        file,
        symbol: None,
        timeframe: Some("1d".to_owned()),
        time: "open".to_owned(),
        epoch_unit: None,
        price_scale: None,
        volume_scale: None,
        quantity_scale: None,
        lot: None,
        tick: None,
        vendor: None,
        mapping: None,
        actions: Some(actions),
        calendar: None,
        policy: "quarantine".to_owned(),
        accept: Vec::new(),
        trades: false,
        revises: None,
    };
    let done = ingest::ingest(places, &ask)?;
    if !places.json {
        ingest::print(&done);
        say("");
    }
    Ok(done.id.to_string())
}

fn show(places: &Places, folder: &Path, example: &Example, snapshot: &str) -> Result<Shown> {
    let component = folder.join(format!("{}.wasm", example.name));
    write_whole(&component, example.component)?;
    let ask = ask_backtest(&component, example, snapshot);
    let manifest = backtest::manifest_of(places, &ask)?;
    let outcome = backtest::execute(places, &manifest, "cranelift")?;
    if !places.json {
        report::print_outcome(&manifest, &outcome)?;
    }
    let key = verify::public_key(places, None)?;
    let found = verify::verify(&outcome.execution.journal(), &key)?;
    if !places.json {
        say("");
        verify::print(&found);
    }
    ensure!(
        found.is_good(),
        "the journal of {} does not verify",
        example.name
    );
    let name = format!("{}/{}", outcome.execution.run, outcome.execution.number);
    let again = replay::execute(places, &name, "pulley")?;
    ensure!(
        again.is_identical(),
        "the replay of {} differs",
        example.name
    );
    if !places.json {
        say(&format!(
            "replay           identical on the Pulley interpreter: {} decisions",
            again.decisions
        ));
    }
    let audited = audit::lookahead(places, &name, "cranelift")?;
    ensure!(
        audited.is_identical(),
        "{} decides otherwise when it cannot see ahead",
        example.name
    );
    if !places.json {
        say("look-ahead       none: decided again over garbage, every decision is the same");
    }
    let file = folder.join(format!("{}.tlog-proof", example.name));
    let (proof, _) = proof::write(places, &ask_proof(&name, &outcome, &file)?)?;
    let bytes = counterfoil_runner::files::read_whole(&proof)?;
    let proved = verify_proof(&bytes, &key, Some(&manifest.canonical()?))
        .context("the proof does not verify")?;
    if !places.json {
        say(&format!(
            "proof            entry {}: {}",
            proved.index, proved.text
        ));
    }
    let report = write_report(places, name)?;
    if !places.json {
        say(&format!("report           {}", report.display()));
        say("");
    }
    Ok(Shown {
        name: example.name,
        manifest,
        outcome,
        records: found.entries,
        proof,
        report,
    })
}

fn ask_backtest(component: &Path, example: &Example, snapshot: &str) -> args::Backtest {
    args::Backtest {
        manifest: None,
        terms: terms(component, example),
        snapshot: Some(snapshot.to_owned()),
        instruments: Vec::new(),
        from: None,
        to: None,
        cadence: 4096,
        backend: "cranelift".to_owned(),
    }
}

/// The last example with other parameters, on all cores.
fn sweep_it(places: &Places, folder: &Path, snapshot: &str) -> Result<sweep::Made> {
    let example = EXAMPLES.last().context("the demo has examples")?;
    let component = folder.join(format!("{}.wasm", example.name));
    let mut base = ask_backtest(&component, example, snapshot);
    base.terms
        .params
        .retain(|text| !text.starts_with("fast=") && !text.starts_with("slow="));
    let ask = args::Sweep {
        base,
        vary: vec!["fast=10..30:10".to_owned(), "slow=50,100".to_owned()],
        list: None,
        workers: None,
        top: usize::MAX,
    };
    sweep::make(places, &ask)
}

fn write_report(places: &Places, run: String) -> Result<PathBuf> {
    let ask = args::Report {
        run,
        out: None,
        periods_per_year: None,
        key: None,
    };
    Ok(page::write(places, &ask)?.folder.join("report.html"))
}

/// Asks for the proof of the decision before the first fill: the one that sent the order.
fn ask_proof(name: &str, outcome: &Outcome, file: &Path) -> Result<args::Proof> {
    let fills = report::fills(&outcome.execution)?;
    let first = fills.first().context("the demo's runs have fills")?;
    let manifest: Manifest = Manifest::parse(
        &counterfoil_runner::extent::Extent::of(&outcome.execution.journal())?
            .open
            .manifest,
    )?;
    let instrument = manifest.instruments.get(first.fill.instrument.index());
    let symbol = &instrument.context("a fill of no instrument")?.symbol;
    let bar = first.bar.saturating_sub(1);
    Ok(args::Proof {
        run: name.to_owned(),
        entry: None,
        bar: Some(format!("{symbol}:{bar}")),
        output: Some(file.to_path_buf()),
    })
}

fn terms(component: &Path, example: &Example) -> args::Terms {
    let zero = || "0".to_owned();
    args::Terms {
        component: Some(component.display().to_string()),
        params: example
            .params
            .iter()
            .map(|text| (*text).to_owned())
            .collect(),
        cash: "1000000".to_owned(),
        account: example.account.to_owned(),
        leverage: "2".to_owned(),
        maintenance_bps: zero(),
        margin_call: "reduce".to_owned(),
        fee_bps: "5".to_owned(),
        maker_fee_bps: None,
        fee_per_share: zero(),
        fee_fixed: zero(),
        fee_min: zero(),
        fee_max: "off".to_owned(),
        slippage_bps: "2".to_owned(),
        slippage_ticks: 0,
        slippage_volume_bps: zero(),
        borrow_bps: zero(),
        latency_bars: 0,
        limit_trade_through: false,
        volume_cap: "1000".to_owned(),
        risk: Some("research".to_owned()),
        limits: None,
        on_fault: "cancel".to_owned(),
        seed: "0".to_owned(),
        owner: "demo".to_owned(),
        account_name: "paper".to_owned(),
        currency: "USD".to_owned(),
    }
}

fn as_json(shown: &Shown) -> Result<Value> {
    let mut value = report::outcome_json(&shown.manifest, &shown.outcome)?;
    value["strategy"] = json!(shown.name);
    value["verified"] = json!(true);
    value["replay"] = json!("identical");
    value["proof"] = json!(shown.proof);
    value["report"] = json!(shown.report);
    Ok(value)
}

fn summary(folder: &Path, snapshot: &str, shown: &[Shown]) {
    say("What was proven");
    say(
        "  Every journal is intact and complete: one signed decision for each bar of the snapshot.",
    );
    say("  Every fill, fee and amount follows from the rules, recomputed without the component.");
    say("  Every component, run again by its digest on another back end, decided the same.");
    say("  So it did while every bar beyond the one at hand was garbage: no look-ahead.");
    say("");
    let head = [
        "strategy",
        "run",
        "records",
        "fills",
        "final equity",
        "decision digest",
    ];
    let mut rows = vec![head.map(String::from).to_vec()];
    for one in shown {
        let close = &one.outcome.close;
        rows.push(vec![
            one.name.to_owned(),
            one.outcome.execution.short(),
            one.records.to_string(),
            close.fills.to_string(),
            close.equity.to_text(),
            short(&hex::encode(close.decision_digest)),
        ]);
    }
    table(&rows);
    say("");
    say("Where the files are");
    let at = |name: &str| folder.join(name).display().to_string();
    pairs(&[
        ("  snapshots, runs", at("data")),
        ("  signing key", at("keys")),
        ("  snapshot", snapshot.to_owned()),
    ]);
    say("");
    say("What to try next");
    if let Some(last) = shown.last() {
        let flags = format!("--data-dir {} --key-dir {}", at("data"), at("keys"));
        let run = last.outcome.execution.short();
        let program = std::env::current_exe()
            .map_or("counterfoil".to_owned(), |path| path.display().to_string());
        say(&format!("  open {} in a browser", last.report.display()));
        say(&format!("  {program} show {run} --fills {flags}"));
        say(&format!(
            "  {program} verify {} {flags}",
            last.proof.display()
        ));
        say(&format!(
            "  {program} replay {run} --backend cranelift-none {flags}"
        ));
        say("  Change a byte of a journal and verify it again.");
        say("  Write a strategy of your own: docs/WRITE_A_STRATEGY.md");
    }
}
