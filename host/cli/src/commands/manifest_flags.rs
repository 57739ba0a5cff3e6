//! Makes a manifest of flags. It must never check what the manifest means: the run's setup does.

use anyhow::{Context as _, Result, bail};
use counterfoil_os::files::read_whole;
use counterfoil_sandbox::engine::settings_digest;
use counterfoil_trading::instrument::Instrument;
use counterfoil_trading::manifest::{
    CalendarEntry, DataSource, FORMAT, InstrumentEntry, Manifest, PROFILE_PURE, RiskEntry, WORLD,
};

use super::admit;
use super::run_terms::ManifestTerms;
use crate::args::ManifestFlags;
use crate::cli_context::CliContext;

/// The part of a manifest that depends on where the bars come from.
pub(crate) struct BarsSource {
    pub(crate) data: DataSource,
    pub(crate) timeframe: String,
    pub(crate) calendars: Vec<CalendarEntry>,
    pub(crate) instruments: Vec<Instrument>,
    pub(crate) cadence: u32,
}

pub(crate) fn manifest(
    cli: &CliContext,
    flags: &ManifestFlags,
    bars: BarsSource,
    backend: &str,
) -> Result<Manifest> {
    let file = flags
        .component
        .as_deref()
        .context("no component; give --component FILE, or a manifest")?;
    let instruments = bars.instruments.len();
    let terms = ManifestTerms::from_flags(flags, instruments)?;
    let limits = terms.limits;
    // Before the component is compiled under them: a limit of zero would look like a fault of the
    // strategy.
    limits.check_ranges(instruments)?;
    let risk = risk(flags.risk.as_deref(), instruments)?;
    // The fuel limit is compiled in, so the engine that admits the component must be that of the
    // run.
    let engine = cli.engine(backend)?.for_limits(&limits, instruments);
    let (digest, ready) = admit::component(cli, file, &limits, &engine)?;
    Ok(Manifest {
        format: FORMAT.to_owned(),
        component: digest.to_string(),
        world: WORLD.to_owned(),
        profile: PROFILE_PURE.to_owned(),
        engine: settings_digest().to_string(),
        data: bars.data,
        timeframe: bars.timeframe,
        calendars: bars.calendars,
        instruments: bars.instruments.iter().map(InstrumentEntry::from).collect(),
        parameters: terms.parameters,
        // Stated in the manifest, so that the run id covers what the component asked for on this
        // day.
        warm_up: ready.description.warm_up,
        account: terms.account,
        costs: terms.costs,
        matching: terms.matching,
        risk,
        limits,
        on_fault: flags
            .on_fault
            .clone()
            .unwrap_or_else(|| "cancel".to_owned()),
        seed: flags.seed.clone().unwrap_or_else(|| "0".to_owned()),
        cadence: bars.cadence,
    })
}

fn risk(text: Option<&str>, instruments: usize) -> Result<RiskEntry> {
    match text {
        // Fails closed: without limits the risk gate would have nothing to refuse by.
        None => bail!(
            "no risk limits, and a run does not start without them; give --risk FILE, or --risk research \
             for the wide preset of backtests"
        ),
        Some("research") => Ok(RiskEntry::research_for(instruments)),
        Some(path) => {
            let given = || {
                format!(
                    "--risk {path}: give a file with every limit of a manifest's `risk`, or --risk research"
                )
            };
            let bytes = read_whole(std::path::Path::new(path)).with_context(given)?;
            serde_json::from_slice(&bytes).with_context(given)
        }
    }
}
