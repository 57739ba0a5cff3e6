//! `demo`: the whole claim on real data, in one command.

mod child;
mod operator;
mod people;
mod stage;
mod strategies;
mod summary;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use counterfoil_os::clock::Stopwatch;
use counterfoil_os::files::make_folder;
use serde_json::{Value, json};

use self::stage::Stage;
use self::strategies::{EXAMPLES, Shown, show, sweep_it, take_in};
use crate::args;
use crate::output::{Answer, say, say_json};
use crate::places::Places;
use crate::report;

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
    if !places.json {
        swept.print(usize::MAX);
        say("");
    }
    let number = number.saturating_add(1);
    step(&format!(
        "{number}. {} goes from draft to approved: every step signed by somebody else, and recorded.",
        people::STRATEGY
    ));
    let walked = shown.iter().find(|one| one.name == people::STRATEGY);
    let walked = walked.context("the demo ran the strategy that it approves")?;
    let walked = &walked.outcome.execution;
    let (places, folder) = (&places, folder.as_path());
    let stage = Stage { places, folder };
    let approved = people::walk(&stage, walked)?;
    let number = number.saturating_add(1);
    step(&format!(
        "\n{number}. An operator's day: a start of it is authorized, its process killed and started again, \
         and its backtest says the same."
    ));
    let operated = operator::operate(&stage, walked, &snapshot)?;
    if places.json {
        let list = shown.iter().map(as_json).collect::<Result<Vec<_>>>()?;
        say_json(
            &json!({ "folder": folder, "snapshot": snapshot, "runs": list, "sweep": swept.json(), "approved": approved.json(), "operated": operated.json() }),
        );
    } else {
        say("");
        summary::tell(folder, &snapshot, &shown, &approved, &operated);
        say(&format!("It took {:.1} s.", watch.elapsed().as_secs_f64()));
    }
    Ok(Answer::Yes)
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
