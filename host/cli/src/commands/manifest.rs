//! `run manifest`: writes the manifest that starts a backtested run live, under its account's limits. It
//! must never authorize or start anything.

use std::path::Path;

use anyhow::{Context as _, Result};
use counterfoil_approval::gates::PolicyArchive;
use counterfoil_approval::ledger_client::DeniedRequest;
use counterfoil_base::digest::Digest;
use counterfoil_governance::id::Id;
use counterfoil_os::files::write_whole;
use counterfoil_runner::store::keys::random_hex;
use counterfoil_trading::manifest::{
    CalendarEntry, DataSource, InstrumentEntry, Manifest, RiskEntry,
};
use serde_json::json;

use crate::args::RunManifestArgs;
use crate::cli_context::CliContext;
use crate::output::{CommandAnswer, print_fields, print_json, print_line};
use crate::people::ledger_access;

/// Decisions for one checkpoint: live, each is signed before its order leaves.
const CADENCE: u32 = 1;

pub(crate) fn run(cli: &CliContext, args: &RunManifestArgs) -> Result<CommandAnswer> {
    let execution = cli.data.find(&args.run)?;
    let of = Manifest::parse(&cli.data.manifest_text(&execution)?)?;
    let view = ledger_access::view(cli)?;
    let account =
        Id::parse(&of.account.name).context("invalid account name in the run's manifest")?;
    let found = view
        .state()
        .limits_of(&account)
        .map_err(DeniedRequest::from)?;
    // Two starts of one backtest are two runs. Without the nonce the second would have the id of
    // the first and be refused as a repetition.
    let start_nonce = match &args.start_nonce {
        Some(nonce) => nonce.clone(),
        None => random_hex()?,
    };
    let instruments = chosen(&of.instruments, &args.instruments)?;
    let symbols = instruments
        .iter()
        .map(|entry| entry.symbol.as_str())
        .collect();
    let manifest = Manifest {
        data: DataSource::Feed {
            name: args.feed.clone(),
            start_nonce,
            broker: None,
        },
        risk: risk(cli, &found.limits)?,
        calendars: CalendarEntry::chosen(&of.calendars, &symbols),
        instruments,
        cadence: CADENCE,
        ..of
    };
    // An invalid manifest is reported here and not at the gate, hours later.
    manifest.setup()?;
    write_whole(&args.output, manifest.canonical()?.as_bytes())?;
    print_manifest(cli, &manifest, &args.output)
}

/// The instruments with these symbols, or all if none is named.
fn chosen(all: &[InstrumentEntry], symbols: &[String]) -> Result<Vec<InstrumentEntry>> {
    if symbols.is_empty() {
        return Ok(all.to_vec());
    }
    let mut chosen: Vec<InstrumentEntry> = Vec::new();
    for symbol in symbols {
        let entry = all.iter().find(|entry| entry.symbol == *symbol);
        let entry = entry
            .with_context(|| format!("--instruments {symbol}: the run has no such instrument"))?;
        // In the sequence given: it gives the ids. Named twice it is one instrument.
        if !chosen.contains(entry) {
            chosen.push(entry.clone());
        }
    }
    Ok(chosen)
}

/// The limits in force, from the archive.
fn risk(cli: &CliContext, limits: &Digest) -> Result<RiskEntry> {
    let bytes = PolicyArchive::new(&cli.data).get(limits)?;
    serde_json::from_slice(&bytes).with_context(|| format!("the limits {limits} in the archive"))
}

fn print_manifest(cli: &CliContext, manifest: &Manifest, path: &Path) -> Result<CommandAnswer> {
    let run = manifest.run_id()?.hex();
    if cli.json {
        print_json(&json!({ "run": run, "manifest": path, "account": manifest.account.name }));
        return Ok(CommandAnswer::Yes);
    }
    print_fields(&[
        ("manifest", path.display().to_string()),
        ("run", run),
        ("account", manifest.account.name.clone()),
    ]);
    print_line(&format!(
        "next: counterfoil account authorization grant {} --until TIME",
        path.display()
    ));
    Ok(CommandAnswer::Yes)
}
