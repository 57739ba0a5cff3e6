//! `sweep`: one manifest, many values of its parameters.

use std::thread::available_parallelism;

use anyhow::{Context as _, Result, bail};
use counterfoil_journal::signer::Signer;
use counterfoil_runner::error::RunnerError;
use counterfoil_runner::files::{make_folder, read_whole, write_whole};
use counterfoil_runner::sweep::{Axis, Bench, Done, Item, grid, listed, sweep, sweep_id};
use counterfoil_trading::manifest::Manifest;
use counterfoil_trading::record::CloseReason;
use counterfoil_trading::units::Money;
use serde_json::{Map, Value, json};

use super::backtest;
use crate::args::Sweep;
use crate::output::{Answer, say, say_json, short, table};
use crate::places::Places;
use crate::progress::bar;

/// What stands in the table for each item after its values.
const RESULTS: [&str; 13] = [
    "run",
    "ended",
    "decisions",
    "fills",
    "refused",
    "final-equity",
    "profit",
    "fees",
    "slippage",
    "borrow",
    "dividends",
    "decision-digest",
    "error",
];

/// One item in the table.
struct Row {
    values: Vec<String>,
    results: [String; RESULTS.len()],
    profit: Option<Money>,
}

pub(crate) fn run(places: &Places, args: &Sweep) -> Result<Answer> {
    let base = backtest::manifest_of(places, &args.base)?;
    let (fields, items) = items_of(&base, args)?;
    let id = hex::encode(sweep_id(&items)?);
    let folder = places.data.root().join("sweeps").join(&id);
    let done = execute(places, args, &items)?;
    let rows = items
        .iter()
        .zip(&done)
        .map(|(item, done)| row(item, done))
        .collect::<Result<Vec<_>>>()?;
    make_folder(&folder)?;
    write_whole(&folder.join("table.csv"), csv(&fields, &rows).as_bytes())?;
    let whole = as_json(&id, &fields, &rows);
    write_whole(
        &folder.join("table.json"),
        format!("{whole:#}\n").as_bytes(),
    )?;
    let failed = done.iter().filter(|done| done.is_err()).count();
    if places.json {
        say_json(&whole);
    } else {
        let reused = done
            .iter()
            .filter(|done| done.as_ref().is_ok_and(|done| done.is_reused))
            .count();
        print(&fields, rows, args.top);
        say("");
        say(&format!(
            "sweep {}: {} runs, {reused} of them found done, {failed} failed",
            short(&id),
            items.len()
        ));
        say(&format!("whole table: {}", folder.display()));
    }
    match done.into_iter().find_map(Result::err) {
        None => Ok(Answer::Yes),
        Some(error) => Err(error)
            .with_context(|| format!("{failed} of {} runs failed; the first", items.len())),
    }
}

/// Runs all items on as many cores as asked for.
pub(super) fn execute(
    places: &Places,
    args: &Sweep,
    items: &[Item],
) -> Result<Vec<Result<Done, RunnerError>>> {
    let cores = available_parallelism().map_or(1, usize::from);
    let workers = args.workers.unwrap_or(cores).max(1);
    let key = places.keys.signer()?;
    let signer = || -> Box<dyn Signer + Send> { Box::new(key.clone()) };
    let bench = Bench {
        data: &places.data,
        engine: places.engine(&args.base.backend)?,
        signer: &signer,
    };
    let bar = bar("sweeping", u64::try_from(items.len())?);
    let done = sweep(&bench, items, workers, &mut |count| {
        bar.set_position(u64::try_from(count).unwrap_or(u64::MAX));
    });
    bar.finish_and_clear();
    Ok(done?)
}

/// The fields that are varied, and an item for each combination.
pub(super) fn items_of(base: &Manifest, args: &Sweep) -> Result<(Vec<String>, Vec<Item>)> {
    let Some(path) = &args.list else {
        let axes = args.vary.iter().map(|text| text.parse());
        let axes = axes.collect::<Result<Vec<Axis>, _>>().context("--vary")?;
        let fields = axes.iter().map(|axis| axis.field.clone()).collect();
        return Ok((fields, grid(base, &axes)?));
    };
    let text = String::from_utf8(read_whole(path)?);
    let text = text.with_context(|| format!("{}", path.display()))?;
    let mut rows = text.lines().filter(|line| !line.trim().is_empty());
    let mut next = || rows.next().map(cells);
    let Some(fields) = next() else {
        bail!("{}: no header with the names of fields", path.display());
    };
    let rows: Vec<Vec<String>> = core::iter::from_fn(next).collect();
    let items = listed(base, &fields, rows);
    Ok((
        fields,
        items.with_context(|| format!("{}", path.display()))?,
    ))
}

/// The cells of a line. Names and values of fields hold no commas and no quotes.
fn cells(line: &str) -> Vec<String> {
    line.split(',').map(|cell| cell.trim().to_owned()).collect()
}

fn row(item: &Item, done: &Result<Done, RunnerError>) -> Result<Row> {
    let run = hex::encode(item.manifest.run_id()?);
    let mut row = Row {
        values: item.values.clone(),
        results: Default::default(),
        profit: None,
    };
    let close = match done {
        Ok(done) => &done.close,
        Err(error) => {
            let [name, ended, .., reason] = &mut row.results;
            *name = run;
            "error".clone_into(ended);
            *reason = error.to_string();
            return Ok(row);
        }
    };
    let cash = item.manifest.setup()?.cash;
    let profit = Money(close.equity.0.saturating_sub(cash.0));
    row.profit = Some(profit);
    row.results = [
        run,
        close.reason.name().to_owned(),
        close.decisions.to_string(),
        close.fills.to_string(),
        close.requests.1.to_string(),
        close.equity.to_text(),
        profit.to_text(),
        close.fees.to_text(),
        close.slippage.to_text(),
        close.borrow.to_text(),
        close.dividends.to_text(),
        hex::encode(close.decision_digest),
        String::new(),
    ];
    if close.reason == CloseReason::Fault {
        row.profit = None;
    }
    Ok(row)
}

fn csv(fields: &[String], rows: &[Row]) -> String {
    let line = |cells: Vec<&str>| {
        let quoted = cells.into_iter().map(|cell| {
            if cell.contains([',', '"', '\n']) {
                format!("\"{}\"", cell.replace('"', "\"\""))
            } else {
                cell.to_owned()
            }
        });
        quoted.collect::<Vec<_>>().join(",") + "\n"
    };
    let names = fields.iter().map(String::as_str).chain(RESULTS);
    let mut text = line(names.collect());
    for row in rows {
        let cells = row.values.iter().chain(&row.results);
        text.push_str(&line(cells.map(String::as_str).collect()));
    }
    text
}

fn as_json(id: &str, fields: &[String], rows: &[Row]) -> Value {
    let rows = rows.iter().map(|row| {
        let values = fields.iter().zip(&row.values);
        let values: Map<String, Value> = values
            .map(|(field, value)| (field.clone(), json!(value)))
            .collect();
        let mut object = Map::new();
        object.insert("values".to_owned(), values.into());
        for (name, result) in RESULTS.iter().zip(&row.results) {
            object.insert((*name).to_owned(), json!(result));
        }
        Value::from(object)
    });
    json!({ "sweep": format!("sha256:{id}"), "rows": rows.collect::<Vec<_>>() })
}

/// The best first; what ended by a fault or an error last.
fn print(fields: &[String], mut rows: Vec<Row>, top: usize) {
    rows.sort_by_key(|row| core::cmp::Reverse(row.profit.map(|profit| profit.0)));
    let shown = ["run", "ended", "fills", "final equity", "profit"];
    let mut lines = vec![
        fields
            .iter()
            .map(String::as_str)
            .chain(shown)
            .map(str::to_owned)
            .collect::<Vec<_>>(),
    ];
    for row in rows.into_iter().take(top) {
        let [run, ended, _, fills, _, equity, profit, ..] = row.results;
        let mut line = row.values;
        line.extend([short(&run), ended, fills, equity, profit]);
        lines.push(line);
    }
    table(&lines);
}
