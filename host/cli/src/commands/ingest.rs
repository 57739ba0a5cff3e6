//! `ingest`: a CSV file becomes a snapshot.

use std::fs::File;

use anyhow::{Context as _, Result};
use counterfoil_runner::backtest::snapshot_store;
use counterfoil_runner::times::show_time;
use counterfoil_snapshot::ingest::{Ingested, Progress};
use counterfoil_snapshot::options::IngestOptions;
use serde_json::json;

use crate::args::Ingest;
use crate::output::{Answer, pairs, say, say_json, table};
use crate::places::Places;
use crate::progress::bar;

pub(crate) fn run(places: &Places, args: &Ingest) -> Result<Answer> {
    let done = ingest(places, args)?;
    if places.json {
        say_json(&as_json(&done));
    } else {
        print(&done);
    }
    Ok(Answer::Yes)
}

pub(crate) fn ingest(places: &Places, args: &Ingest) -> Result<Ingested> {
    let path = args.file.display();
    let file = File::open(&args.file).with_context(|| format!("cannot open {path}"))?;
    let name = args
        .file
        .file_name()
        .context("the file has no name")?
        .to_string_lossy();
    let options = IngestOptions {
        symbol: args.symbol.clone(),
        timeframe: args.timeframe.as_deref().map(str::parse).transpose()?,
        time: args.time.parse()?,
        epoch_unit: args.epoch_unit.as_deref().map(str::parse).transpose()?,
        price_scale: args.price_scale,
        tick: args.tick.clone(),
        ..IngestOptions::default()
    };
    let bar = bar("ingesting", 0);
    let mut progress = |step: Progress| match step {
        Progress::Reading { rows, .. } => bar.set_position(rows),
        Progress::Writing { bars, .. } => bar.set_position(bars),
    };
    let done = snapshot_store(&places.data)?.ingest(file, &name, &options, &mut progress);
    bar.finish_and_clear();
    Ok(done?)
}

fn as_json(done: &Ingested) -> serde_json::Value {
    let report = &done.report;
    json!({
        "snapshot": done.id.to_string(),
        "already-there": done.already_there,
        "rows": report.rows,
        "bars": report.bars,
        "quarantined": report.quarantined,
        "out-of-order": report.out_of_order,
        "zero-volume": report.zero_volume,
        "ignored-columns": report.ignored_columns,
        "timeframe": report.timeframe.to_string(),
        "timeframe-inferred": report.timeframe_inferred,
        "price-scale": report.price_scale,
        "volume-scale": report.volume_scale,
    })
}

pub(crate) fn print(done: &Ingested) {
    let report = &done.report;
    let inferred = if report.timeframe_inferred {
        " (from the smallest gap)"
    } else {
        ""
    };
    let there = if done.already_there {
        " (it was there already)"
    } else {
        ""
    };
    let mut rows = vec![
        ("snapshot", format!("{}{there}", done.id)),
        (
            "rows",
            format!(
                "{} read, {} bars, {} quarantined",
                report.rows, report.bars, report.quarantined
            ),
        ),
        ("timeframe", format!("{}{inferred}", report.timeframe)),
        ("price scale", report.price_scale.to_string()),
    ];
    if !report.ignored_columns.is_empty() {
        rows.push(("not used", report.ignored_columns.join(", ")));
    }
    if report.out_of_order > 0 {
        rows.push((
            "sorted",
            format!("{} rows stood out of order", report.out_of_order),
        ));
    }
    pairs(&rows);
    for row in &report.examples {
        say(&format!("quarantined: {row:?}"));
    }
    let mut lines = vec![
        ["instrument", "bars", "first close", "last close"]
            .map(String::from)
            .to_vec(),
    ];
    for one in &done.manifest.instruments {
        let (first, last) = (show_time(one.first_close), show_time(one.last_close));
        lines.push(vec![one.symbol.clone(), one.bars.to_string(), first, last]);
    }
    table(&lines);
}
