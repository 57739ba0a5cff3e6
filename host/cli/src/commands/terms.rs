//! From flags to a manifest.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use counterfoil_os::files::read_whole;
use counterfoil_sandbox::engine::settings_digest;
use counterfoil_trading::instrument::Instrument;
use counterfoil_trading::limits::SandboxLimits;
use counterfoil_trading::manifest::{
    AccountEntry, CostsEntry, DataSource, FORMAT, InstrumentEntry, Manifest, MatchingEntry,
    PROFILE_PURE, RiskEntry, WORLD,
};

use super::admit;
use crate::args::Terms;
use crate::places::Places;

/// What a manifest says of bars, beside the terms.
pub(crate) struct Bars {
    pub(crate) data: DataSource,
    pub(crate) timeframe: String,
    pub(crate) instruments: Vec<Instrument>,
    pub(crate) cadence: u32,
}

pub(crate) fn manifest(
    places: &Places,
    terms: &Terms,
    bars: Bars,
    backend: &str,
) -> Result<Manifest> {
    let text = terms.component.as_deref();
    let text = text.context("which component? give --component FILE, or a manifest")?;
    let limits: SandboxLimits = match &terms.limits {
        None => SandboxLimits::default(),
        Some(path) => serde_json::from_slice(&read_whole(path)?)
            .with_context(|| format!("{}", path.display()))?,
    };
    limits.check_ranges()?;
    let risk = risk(terms.risk.as_deref())?;
    let engine = places.engine(backend)?.for_limits(&limits);
    let (digest, ready) = admit::component(places, text, &limits, &engine)?;
    Ok(Manifest {
        format: FORMAT.to_owned(),
        component: digest.to_string(),
        world: WORLD.to_owned(),
        profile: PROFILE_PURE.to_owned(),
        engine: format!("sha256:{}", hex::encode(settings_digest())),
        data: bars.data,
        timeframe: bars.timeframe,
        instruments: bars.instruments.iter().map(InstrumentEntry::from).collect(),
        parameters: parameters(&terms.params)?,
        warm_up: ready.description.warm_up,
        account: AccountEntry {
            name: terms.account_name.clone(),
            owner: terms.owner.clone(),
            kind: terms.account.clone(),
            currency: terms.currency.clone(),
            cash: terms.cash.clone(),
            leverage: terms.leverage.clone(),
            maintenance_bps: terms.maintenance_bps.clone(),
            margin_call: terms.margin_call.clone(),
        },
        costs: CostsEntry {
            fee_bps: terms.fee_bps.clone(),
            maker_fee_bps: terms
                .maker_fee_bps
                .clone()
                .unwrap_or_else(|| terms.fee_bps.clone()),
            fee_per_share: terms.fee_per_share.clone(),
            fee_fixed: terms.fee_fixed.clone(),
            fee_min: terms.fee_min.clone(),
            fee_max: terms.fee_max.clone(),
            slippage_bps: terms.slippage_bps.clone(),
            slippage_ticks: terms.slippage_ticks,
            slippage_volume_bps: terms.slippage_volume_bps.clone(),
            volume_cap_bps: terms.volume_cap.clone(),
            borrow_bps: terms.borrow_bps.clone(),
        },
        matching: MatchingEntry {
            latency_bars: terms.latency_bars,
            limit_trade_through: terms.limit_trade_through,
        },
        risk,
        limits,
        on_fault: terms.on_fault.clone(),
        seed: terms.seed.clone(),
        cadence: bars.cadence,
    })
}

fn risk(text: Option<&str>) -> Result<RiskEntry> {
    match text {
        None => bail!(
            "a run without risk limits does not start: give --risk FILE, or --risk research for \
             the wide preset of backtests"
        ),
        Some("research") => Ok(RiskEntry::research()),
        Some(path) => {
            let bytes = read_whole(std::path::Path::new(path))?;
            serde_json::from_slice(&bytes).with_context(|| format!("risk limits in {path}"))
        }
    }
}

fn parameters(texts: &[String]) -> Result<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for text in texts {
        let (name, value) = text
            .split_once('=')
            .with_context(|| format!("--param {text}: expected NAME=VALUE"))?;
        if all.insert(name.to_owned(), value.to_owned()).is_some() {
            bail!("--param {name} is given twice");
        }
    }
    Ok(all)
}
