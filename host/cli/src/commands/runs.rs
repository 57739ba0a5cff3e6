//! `runs`: what was run.

use anyhow::Result;
use counterfoil_runner::run::extent::JournalExtent;
use counterfoil_runner::store::data_dir::Execution;
use counterfoil_trading::manifest::Manifest;
use serde_json::{Value, json};

use crate::output::{Answer, say, say_json, short, table};
use crate::places::Places;

pub(crate) fn run(places: &Places) -> Result<Answer> {
    let all = places.data.executions()?;
    if places.json {
        say_json(&Value::from(all.iter().map(as_json).collect::<Vec<_>>()));
        return Ok(Answer::Yes);
    }
    if all.is_empty() {
        say(
            "no runs yet; start one with: counterfoil backtest --component FILE --snapshot ID --risk research",
        );
        return Ok(Answer::Yes);
    }
    let head = [
        "run",
        "component",
        "decisions",
        "fills",
        "equity",
        "ended",
        "decision digest",
    ];
    let mut rows = vec![head.map(String::from).to_vec()];
    for one in &all {
        rows.push(row(one));
    }
    table(&rows);
    Ok(Answer::Yes)
}

fn row(one: &Execution) -> Vec<String> {
    let Ok(extent) = JournalExtent::read(&one.journal()) else {
        return vec![one.short(), "journal cannot be read".to_owned()];
    };
    let component = Manifest::parse(&extent.open.manifest).map(|manifest| manifest.component);
    let component = component.map(|digest| short(&digest)).unwrap_or_default();
    let decisions = extent.decisions.to_string();
    let Some(close) = extent.close else {
        let nothing = String::new;
        return vec![
            one.short(),
            component,
            decisions,
            nothing(),
            nothing(),
            "not closed".to_owned(),
        ];
    };
    vec![
        one.short(),
        component,
        decisions,
        close.fills.to_string(),
        close.equity.to_text(),
        close.reason.name().to_owned(),
        short(&hex::encode(close.decision_digest)),
    ]
}

fn as_json(one: &Execution) -> Value {
    let mut value = json!({ "run": one.run, "execution": one.number, "folder": one.folder });
    match JournalExtent::read(&one.journal()) {
        Err(error) => value["error"] = json!(error.to_string()),
        Ok(extent) => {
            value["decisions"] = json!(extent.decisions);
            value["closed"] = json!(extent.close.is_some());
            if let Some(close) = extent.close {
                value["ended"] = json!(close.reason.name());
                value["fills"] = json!(close.fills);
                value["final-equity"] = json!(close.equity.to_text());
                value["decision-digest"] =
                    json!(format!("sha256:{}", hex::encode(close.decision_digest)));
            }
        }
    }
    value
}
