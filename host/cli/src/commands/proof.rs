//! `proof`: the counterfoil of one decision.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use counterfoil_os::files::write_whole;
use counterfoil_runner::study::proof::{DecisionSelector, prove};
use counterfoil_trading::manifest::Manifest;
use serde_json::json;

use crate::args::Proof;
use crate::output::{Answer, say, say_json};
use crate::places::Places;

pub(crate) fn run(places: &Places, args: &Proof) -> Result<Answer> {
    let (path, index) = write(places, args)?;
    if places.json {
        say_json(&json!({ "entry": index, "proof": path }));
    } else {
        let path = path.display();
        say(&format!(
            "wrote {path}: the decision at entry {index}, its inclusion proof and a signed checkpoint"
        ));
        say(&format!("next: counterfoil verify {path}"));
    }
    Ok(Answer::Yes)
}

pub(crate) fn write(places: &Places, args: &Proof) -> Result<(PathBuf, u64)> {
    let execution = places.data.find(&args.run)?;
    let which = match (&args.bar, args.entry) {
        (Some(bar), _) => {
            let manifest = Manifest::parse(&places.data.manifest_text(&execution)?)?;
            which_bar(&manifest, bar)?
        }
        (None, Some(entry)) => DecisionSelector::Entry(entry),
        (None, None) => anyhow::bail!("which decision? give --entry N or --bar SYMBOL:INDEX"),
    };
    let proof = prove(&execution, &which)?;
    let name = format!(
        "{}-{}.tlog-proof",
        execution.short().replace('/', "-"),
        proof.index
    );
    let path = args.output.clone().unwrap_or_else(|| PathBuf::from(name));
    write_whole(&path, proof.to_string().as_bytes())?;
    Ok((path, proof.index))
}

fn which_bar(manifest: &Manifest, text: &str) -> Result<DecisionSelector> {
    let expected = || format!("--bar {text}: expected SYMBOL:INDEX");
    let (symbol, bar) = text.rsplit_once(':').with_context(expected)?;
    let bar = bar.parse().with_context(expected)?;
    let place = manifest
        .instruments
        .iter()
        .position(|one| one.symbol == symbol);
    let place =
        place.with_context(|| format!("--bar {text}: the run has no instrument {symbol}"))?;
    Ok(DecisionSelector::Bar {
        instrument: u32::try_from(place)?,
        bar,
    })
}
