//! `backtest`: a component over a snapshot.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use counterfoil_os::files::read_whole;
use counterfoil_runner::run::backtest::backtest;
use counterfoil_runner::run::execute::ExecutionOutcome;
use counterfoil_runner::run::inputs::snapshot_store;
use counterfoil_trading::manifest::{DataSource, Manifest};
use counterfoil_trading::record::CloseReason;
use sha2::{Digest as _, Sha256};

use super::resume;
use super::terms::{Bars, manifest};
use crate::args::{Backtest, BacktestOrResume};
use crate::output::{Answer, say_json};
use crate::places::Places;
use crate::progress::Watcher;
use crate::report;

pub(crate) fn run(places: &Places, args: &BacktestOrResume) -> Result<Answer> {
    if let Some(run) = &args.resume {
        return resume::backtest(places, run, &args.base.backend);
    }
    let args = &args.base;
    let manifest = manifest_of(places, args)?;
    let outcome = execute(places, &manifest, &args.backend)?;
    if places.json {
        say_json(&report::outcome_json(&manifest, &outcome)?);
    } else {
        report::print_outcome(&manifest, &outcome)?;
    }
    Ok(match outcome.close.reason {
        CloseReason::EndOfData => Answer::Yes,
        CloseReason::Fault | CloseReason::Stopped => Answer::No,
    })
}

pub(crate) fn execute(
    places: &Places,
    manifest: &Manifest,
    backend: &str,
) -> Result<ExecutionOutcome> {
    let mut watcher = Watcher::new(0);
    let signer = Box::new(places.keys.signer()?);
    let done = backtest(
        &places.data,
        manifest,
        places.engine(backend)?,
        signer,
        &mut watcher,
    );
    watcher.finish();
    Ok(done?)
}

/// Takes in the file with the manifest's component, where one is given.
pub(super) fn bring_component(
    places: &Places,
    manifest: &Manifest,
    file: Option<&str>,
) -> Result<()> {
    let Some(file) = file else { return Ok(()) };
    let bytes = read_whole(Path::new(file))?;
    let digest = format!("sha256:{}", hex::encode(Sha256::digest(&bytes)));
    if digest != manifest.component {
        bail!(
            "{file} is {digest}, the manifest names {}: give the component that it names",
            manifest.component
        );
    }
    places.data.put_component(&bytes)?;
    Ok(())
}

pub(crate) fn manifest_of(places: &Places, args: &Backtest) -> Result<Manifest> {
    if let Some(path) = &args.manifest {
        if args.snapshot.is_some() {
            bail!("give a manifest or flags, not both: the manifest says everything");
        }
        let text = read_whole(path)?;
        let text = String::from_utf8(text).with_context(|| format!("{}", path.display()))?;
        let manifest = Manifest::parse(&text)?;
        bring_component(places, &manifest, args.terms.component.as_deref())?;
        return Ok(manifest);
    }
    let id = args.snapshot.as_deref();
    let id =
        id.context("which snapshot? give --snapshot ID; `counterfoil snapshots` lists them")?;
    let store = snapshot_store(&places.data)?;
    let snapshot = store.load(&store.resolve(id)?)?;
    let selection = snapshot.select(&args.instruments, None, None)?;
    let bars = Bars {
        data: DataSource::Snapshot {
            id: snapshot.id().to_string(),
            from: args.from.clone(),
            to: args.to.clone(),
        },
        timeframe: snapshot.manifest().timeframe.to_string(),
        instruments: selection.instruments(),
        cadence: args.cadence,
    };
    manifest(places, &args.terms, bars, &args.backend)
}
