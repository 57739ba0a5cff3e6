//! `proof`: writes the proof of one decision.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use counterfoil_os::files::write_whole;
use counterfoil_runner::study::proof::{DecisionSelector, prove};
use counterfoil_trading::manifest::Manifest;
use serde_json::json;

use crate::args::ProofArgs;
use crate::cli_context::CliContext;
use crate::output::{CommandAnswer, print_json, print_line};

pub(crate) fn run(cli: &CliContext, args: &ProofArgs) -> Result<CommandAnswer> {
    let (path, index) = write(cli, args)?;
    if cli.json {
        print_json(&json!({ "entry": index, "proof": path }));
    } else {
        let path = path.display();
        print_line(&format!(
            "wrote {path}: the decision at entry {index}, its inclusion proof and a signed checkpoint"
        ));
        print_line(&format!("next: counterfoil verify {path}"));
    }
    Ok(CommandAnswer::Yes)
}

pub(crate) fn write(cli: &CliContext, args: &ProofArgs) -> Result<(PathBuf, u64)> {
    let execution = cli.data.find(&args.run)?;
    let which = match (&args.bar, args.entry) {
        (Some(bar), _) => {
            let manifest = Manifest::parse(&cli.data.manifest_text(&execution)?)?;
            which_bar(&manifest, bar)?
        }
        (None, Some(entry)) => DecisionSelector::Entry(entry),
        (None, None) => anyhow::bail!("no decision; give --entry INDEX or --bar SYMBOL:INDEX"),
    };
    let proof = prove(&execution, &which)?;
    let name = format!(
        "{}-{}.tlog-proof",
        execution.short().replace('/', "-"),
        proof.index
    );
    let path = args.output.clone().unwrap_or_else(|| PathBuf::from(name));
    // Self-contained: its receiver needs the log's public key and nothing from this
    // machine.
    write_whole(&path, proof.to_string().as_bytes())?;
    Ok((path, proof.index))
}

fn which_bar(manifest: &Manifest, text: &str) -> Result<DecisionSelector> {
    let expected = || format!("--bar {text}: expected SYMBOL:INDEX");
    let (symbol, bar) = text.rsplit_once(':').with_context(expected)?;
    let bar = bar.parse().with_context(expected)?;
    // The place in the manifest is the instrument's id in the journal.
    let place = manifest
        .instruments
        .iter()
        .position(|entry| entry.symbol == symbol);
    let place =
        place.with_context(|| format!("--bar {text}: the run has no instrument {symbol:?}"))?;
    Ok(DecisionSelector::Bar {
        instrument: u32::try_from(place)?,
        bar,
    })
}
