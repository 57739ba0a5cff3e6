//! `manifest`: the manifest of a run that was tried out, over a feed and under its account's limits.
//! It must never authorize or start anything.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use counterfoil_base::digest::Digest;
use counterfoil_governance::id::Id;
use counterfoil_os::files::write_whole;
use counterfoil_runner::gates::Archive;
use counterfoil_runner::store::keys::random_hex;
use counterfoil_trading::manifest::{DataSource, InstrumentEntry, Manifest, RiskEntry};
use serde_json::json;

use crate::args::FeedManifest;
use crate::output::{Answer, pairs, say, say_json};
use crate::people::refusal::Refusal;
use crate::people::view::View;
use crate::places::Places;

/// Decisions for one checkpoint: live, each is signed before its order leaves.
const CADENCE: u32 = 1;

pub(crate) fn run(places: &Places, args: &FeedManifest) -> Result<Answer> {
    let execution = places.data.find(&args.run)?;
    let of = Manifest::parse(&places.data.manifest_text(&execution)?)?;
    let view = View::open(places)?;
    let account = Id::parse(&of.account.name).context("the run's account")?;
    let Some(found) = view.state().limits().get(&account) else {
        let why = format!("account {account} has no limits");
        let way = "ask the policy for some, and have them put in force: counterfoil limits set";
        return Ok(Refusal::answer("limits.missing", why, way).tell(places, &[]));
    };
    let start_nonce = match &args.start_nonce {
        Some(nonce) => nonce.clone(),
        None => random_hex()?,
    };
    let manifest = Manifest {
        data: DataSource::Feed {
            name: args.feed.clone(),
            start_nonce,
            broker: None,
        },
        risk: risk(places, &found.limits)?,
        instruments: chosen(&of.instruments, &args.instruments)?,
        cadence: CADENCE,
        ..of
    };
    // What does not hold is told here, not at the gate.
    manifest.setup()?;
    write_whole(&args.output, manifest.canonical()?.as_bytes())?;
    tell(places, &manifest, &args.output)
}

/// The instruments with these symbols, or all if none is named.
fn chosen(all: &[InstrumentEntry], symbols: &[String]) -> Result<Vec<InstrumentEntry>> {
    for symbol in symbols {
        let is_there = all.iter().any(|one| one.symbol == *symbol);
        ensure!(
            is_there,
            "--instruments {symbol}: the run has no such instrument"
        );
    }
    let is_chosen = |one: &&InstrumentEntry| symbols.is_empty() || symbols.contains(&one.symbol);
    Ok(all.iter().filter(is_chosen).cloned().collect())
}

/// The limits in force, from the archive.
fn risk(places: &Places, limits: &Digest) -> Result<RiskEntry> {
    let bytes = Archive::new(&places.data).get(limits)?;
    serde_json::from_slice(&bytes).with_context(|| format!("the limits {limits} in the archive"))
}

fn tell(places: &Places, manifest: &Manifest, path: &Path) -> Result<Answer> {
    let run = hex::encode(manifest.run_id()?);
    if places.json {
        say_json(&json!({ "run": run, "manifest": path, "account": manifest.account.name }));
        return Ok(Answer::Yes);
    }
    pairs(&[
        ("manifest", path.display().to_string()),
        ("run", run),
        ("account", manifest.account.name.clone()),
    ]);
    say(&format!(
        "next: counterfoil authorize start {} --until TIME",
        path.display()
    ));
    Ok(Answer::Yes)
}
