//! `snapshots`: what was ingested.

use anyhow::Result;
use counterfoil_runner::run::inputs::snapshot_store;
use counterfoil_runner::times::show_time;
use counterfoil_snapshot::snapshot_store::SnapshotSummary;
use serde_json::{Value, json};

use crate::output::{Answer, say, say_json, short, table};
use crate::places::Places;

pub(crate) fn run(places: &Places) -> Result<Answer> {
    let all = snapshot_store(&places.data)?.list()?;
    let damaged = all.iter().any(|one| one.manifest.is_err());
    if places.json {
        let list: Vec<Value> = all
            .iter()
            .map(|one| match &one.manifest {
                Ok(manifest) => json!({
                    "snapshot": one.id.to_string(),
                    "sources": manifest.sources.iter().map(|one| &one.name).collect::<Vec<_>>(),
                    "drawn-from": manifest.drawn_from().map(|id| id.to_string()),
                    "timeframe": manifest.timeframe.to_string(),
                    "bars": manifest.bars(),
                    "instruments": manifest.instruments.iter().map(|one| &one.symbol).collect::<Vec<_>>(),
                }),
                Err(error) => json!({ "snapshot": one.id.to_string(), "error": error.to_string() }),
            })
            .collect();
        say_json(&Value::from(list));
        return Ok(if damaged { Answer::No } else { Answer::Yes });
    }
    if all.is_empty() {
        say("no snapshots yet; make one with: counterfoil ingest FILE.csv");
        return Ok(Answer::Yes);
    }
    print(&all);
    Ok(if damaged { Answer::No } else { Answer::Yes })
}

/// A line a snapshot; samples of drawn bars, of which there may be many, are counted.
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
    let drawn = |one: &&SnapshotSummary| {
        let manifest = one.manifest.as_ref().ok();
        manifest.is_some_and(|manifest| manifest.drawn_from().is_some())
    };
    for one in all.iter().filter(|one| !drawn(one)) {
        let id = short(&one.id.to_string());
        match &one.manifest {
            Ok(manifest) => {
                let symbols: Vec<&str> = manifest
                    .instruments
                    .iter()
                    .map(|one| one.symbol.as_str())
                    .collect();
                let sources = manifest.sources.iter().map(|one| one.name.as_str());
                let sources: Vec<&str> = sources.collect();
                let time = |time: Option<_>| time.map(show_time).unwrap_or_default();
                rows.push(vec![
                    id,
                    manifest.timeframe.to_string(),
                    manifest.bars().to_string(),
                    symbols.join(","),
                    time(manifest.first_open()),
                    time(manifest.last_close()),
                    sources.join(","),
                ]);
            }
            Err(error) => rows.push(vec![id, format!("damaged: {error}")]),
        }
    }
    table(&rows);
    let samples = all.iter().filter(drawn).count();
    if samples > 0 {
        say(&format!(
            "and {samples} samples of drawn bars; --json lists them, too"
        ));
    }
}
