//! `data list`: lists the snapshots.

use anyhow::Result;
use counterfoil_runner::run::inputs::snapshot_store;
use counterfoil_snapshot::layers::report::listed;
use counterfoil_snapshot::snapshot_store::SnapshotSummary;
use counterfoil_snapshot::store::manifest::{LayerInstrument, LayerManifest};
use counterfoil_trading::time::UnixNanos;
use serde_json::{Value, json};

use crate::cli_context::CliContext;
use crate::output::{CommandAnswer, print_json, print_line, print_table, short_digest};

pub(crate) fn run(cli: &CliContext) -> Result<CommandAnswer> {
    let all = snapshot_store(&cli.data)?.list()?;
    // A damaged snapshot is listed with the others and makes the answer negative, so that a script
    // notices it.
    let damaged = all.iter().any(|summary| summary.manifest.is_err());
    if cli.json {
        let list: Vec<Value> = all
            .iter()
            .map(|summary| match &summary.manifest {
                Ok(manifest) => json!({
                    "snapshot": summary.id.to_string(),
                    "sources": manifest.sources.iter().map(|source| &source.name).collect::<Vec<_>>(),
                    "drawn-from": manifest.drawn_from().map(|id| id.to_string()),
                    "timeframe": manifest.timeframe.to_string(),
                    "bars": manifest.bars(),
                    "instruments": manifest.instruments.iter().map(|instrument| &instrument.symbol).collect::<Vec<_>>(),
                    "negative-prices": symbols_of(manifest, |instrument| instrument.negative_prices),
                    "without-volume": symbols_of(manifest, |instrument| instrument.volume.is_some()),
                }),
                Err(error) => json!({ "snapshot": summary.id.to_string(), "error": error.to_string() }),
            })
            .collect();
        print_json(&Value::from(list));
        return Ok(CommandAnswer::yes_if(!damaged));
    }
    if all.is_empty() {
        print_line("no snapshots; ingest one with: counterfoil data ingest FILE.csv");
        return Ok(CommandAnswer::Yes);
    }
    print(&all);
    Ok(CommandAnswer::yes_if(!damaged))
}

/// The symbols of the instruments that `which` selects.
fn symbols_of(manifest: &LayerManifest, which: fn(&LayerInstrument) -> bool) -> Vec<&str> {
    let chosen = manifest.instruments.iter().filter(|one| which(one));
    chosen.map(|one| one.symbol.as_str()).collect()
}

/// A symbol, with what sets the instrument apart.
fn marked(instrument: &LayerInstrument) -> String {
    let negative = instrument.negative_prices.then_some("negative prices");
    let without = instrument.volume.map(|_| "no volume");
    let marks: Vec<&str> = [negative, without].into_iter().flatten().collect();
    if marks.is_empty() {
        instrument.symbol.clone()
    } else {
        format!("{} ({})", instrument.symbol, marks.join(", "))
    }
}

/// One line for each snapshot; resampled ones, which may be many, are counted.
fn print(all: &[SnapshotSummary]) {
    let head = [
        "snapshot",
        "timeframe",
        "bars",
        "instruments",
        "first",
        "last",
        "source",
    ];
    let mut rows = vec![head.map(String::from).to_vec()];
    // A resampling makes hundreds. Listed one by one they would hide the ingested ones.
    let drawn = |summary: &&SnapshotSummary| {
        let manifest = summary.manifest.as_ref().ok();
        manifest.is_some_and(|manifest| manifest.drawn_from().is_some())
    };
    for summary in all.iter().filter(|summary| !drawn(summary)) {
        let id = short_digest(&summary.id.to_string());
        match &summary.manifest {
            Ok(manifest) => {
                let symbols: Vec<String> = manifest.instruments.iter().map(marked).collect();
                let sources: Vec<&str> = manifest
                    .sources
                    .iter()
                    .map(|source| source.name.as_str())
                    .collect();
                let time = |time: Option<_>| time.map(UnixNanos::date_or_time).unwrap_or_default();
                rows.push(vec![
                    id,
                    manifest.timeframe.to_string(),
                    manifest.bars().to_string(),
                    listed(&symbols),
                    time(manifest.first_open()),
                    time(manifest.last_close()),
                    listed(&sources),
                ]);
            }
            Err(error) => rows.push(vec![id, format!("damaged: {error}")]),
        }
    }
    print_table(&rows);
    let samples = all.iter().filter(drawn).count();
    if samples > 0 {
        print_line(&format!(
            "and {samples} resampled snapshots of monte-carlo, which --json lists"
        ));
    }
}
