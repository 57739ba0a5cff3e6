//! Whether a run keeps to its thresholds: drawdown, what dearer slippage costs, fuel. It must never
//! use a float: the same run has the same figures anywhere.

use counterfoil_trading::decimal;
use counterfoil_trading::manifest::Manifest;
use counterfoil_trading::record::{
    CloseRecord, DecisionRecord, KIND_CLOSE, KIND_DECISION, record_kind,
};
use counterfoil_trading::units::{BPS_SCALE, BasisPoints, Money};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Checked, limits_digest, run_facts};
use crate::error::RunnerError;
use crate::run::journal::{JournalReader, ReadJournalError};
use crate::store::data_dir::{DataDir, Execution};

/// What a run may come to. Every one must be there.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Thresholds {
    /// The largest fall of equity from a peak before it, in basis points of the peak.
    pub drawdown_max_bps: u32,
    /// Basis points of slippage that the dearer run has more.
    pub slippage_added_bps: u32,
    /// The most that the dearer run may end below the other, in basis points of starting cash.
    pub slippage_loss_max_bps: u32,
    /// The most fuel that 99 of 100 decisions may stay within, in basis points of the limit.
    pub fuel_p99_max_bps: u32,
}

impl Thresholds {
    /// Those of the preset `research`: half of a peak, a fifth of the cash for ten basis points
    /// more, half of the fuel.
    #[must_use]
    pub const fn research() -> Self {
        Self {
            drawdown_max_bps: 5_000,
            slippage_added_bps: 10,
            slippage_loss_max_bps: 2_000,
            fuel_p99_max_bps: 5_000,
        }
    }
}

/// Why a run cannot be held against thresholds.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ThresholdsError {
    /// There is no dearer run to compare with.
    #[error("slippage of {base} basis points and {added} more is no rate; it ends at 10000")]
    Slippage {
        /// The manifest's.
        base: String,
        /// What comes on top.
        added: u32,
    },
}

/// The manifest with more slippage, and nothing else changed.
///
/// # Errors
///
/// Returns [`ThresholdsError`] if there is no such rate.
pub fn dearer(manifest: &Manifest, thresholds: &Thresholds) -> Result<Manifest, ThresholdsError> {
    let (base, added) = (&manifest.costs.slippage_bps, thresholds.slippage_added_bps);
    let sum = || {
        let one = decimal::power_of_ten(BPS_SCALE)?;
        let more = i128::from(added).checked_mul(one)?;
        let sum = decimal::parse(base, BPS_SCALE).ok()?.checked_add(more)?;
        BasisPoints::parse(&decimal::format(sum, BPS_SCALE)).ok()
    };
    let rate = sum().ok_or_else(|| ThresholdsError::Slippage {
        base: base.clone(),
        added,
    })?;
    let mut dearer = manifest.clone();
    dearer.costs.slippage_bps = rate.to_text();
    Ok(dearer)
}

/// Whether a run, and the same one with dearer slippage, keep to the thresholds.
///
/// # Errors
///
/// Returns [`RunnerError`] if a journal cannot be read.
pub fn thresholds(
    data: &DataDir,
    run: &Execution,
    dearer: &Execution,
    thresholds: &Thresholds,
) -> Result<Checked, RunnerError> {
    let manifest = Manifest::parse(&data.manifest_text(run)?)?;
    let (figures, other) = (Figures::of(run)?, Figures::of(dearer)?);
    let lost = figures.ended.0.saturating_sub(other.ended.0);
    let slippage_loss = share(lost, manifest.setup()?.cash.0);
    let limit = manifest.limits.fuel_per_callback;
    let fuel = share(figures.fuel_p99.into(), limit.into());
    let mut reasons = Vec::new();
    for (what, found, most) in [
        (
            "the drawdown",
            figures.drawdown_bps,
            thresholds.drawdown_max_bps,
        ),
        (
            "the loss by dearer slippage",
            slippage_loss,
            thresholds.slippage_loss_max_bps,
        ),
        (
            "the fuel of 99 in 100 decisions",
            fuel,
            thresholds.fuel_p99_max_bps,
        ),
    ] {
        if found > i128::from(most) {
            reasons.push(format!("{what} is {found} basis points, above {most}"));
        }
    }
    for (which, figures) in [("the run", &figures), ("the dearer run", &other)] {
        if !figures.closed_well {
            reasons.push(format!("{which} did not reach the end of its data"));
        }
    }
    let mut facts = run_facts(run);
    facts["dearer-run-id"] = json!(format!("sha256:{}", dearer.run));
    facts["limits"] = json!(format!("sha256:{}", hex::encode(limits_digest(&manifest)?)));
    facts["drawdown-bps"] = json!(whole(figures.drawdown_bps));
    facts["slippage-loss-bps"] = json!(whole(slippage_loss));
    facts["fuel-p99"] = json!(figures.fuel_p99);
    facts["fuel-p99-bps"] = json!(whole(fuel));
    facts["decisions"] = json!(figures.decisions);
    facts["final-equity"] = json!(figures.ended.to_text());
    facts["dearer-final-equity"] = json!(other.ended.to_text());
    facts["thresholds"] = json!(thresholds);
    Ok(Checked { reasons, facts })
}

/// What a journal's records come to.
struct Figures {
    drawdown_bps: i128,
    fuel_p99: u64,
    decisions: usize,
    ended: Money,
    closed_well: bool,
}

impl Figures {
    fn of(execution: &Execution) -> Result<Self, RunnerError> {
        let mut reader = JournalReader::open(&execution.journal())?;
        let (mut peak, mut drawdown_bps, mut fuel) = (0, 0, Vec::new());
        let (mut ended, mut closed_well) = (Money::ZERO, false);
        while let Some(body) = reader.next_body()? {
            match record_kind(body).map_err(ReadJournalError::from)? {
                KIND_DECISION => {
                    let decision = DecisionRecord::decode(body).map_err(ReadJournalError::from)?;
                    let equity = decision.equity.0;
                    peak = equity.max(peak);
                    drawdown_bps = share(peak.saturating_sub(equity), peak).max(drawdown_bps);
                    fuel.push(decision.circumstances.fuel);
                    ended = decision.equity;
                }
                KIND_CLOSE => {
                    let close = CloseRecord::decode(body).map_err(ReadJournalError::from)?;
                    ended = close.equity;
                    closed_well =
                        close.reason == counterfoil_trading::record::CloseReason::EndOfData;
                }
                _ => {}
            }
        }
        Ok(Self {
            drawdown_bps,
            decisions: fuel.len(),
            fuel_p99: p99(fuel),
            ended,
            closed_well,
        })
    }
}

/// A figure that every reader of JSON takes for the same number: cut at 2^53 - 1.
fn whole(figure: i128) -> u64 {
    u64::try_from(figure).unwrap_or(u64::MAX).min((1 << 53) - 1)
}

/// A part in basis points of the whole, rounded up, so that a threshold is kept or not. Nothing
/// of nothing is 0, something of nothing is everything there is.
fn share(part: i128, whole: i128) -> i128 {
    if part <= 0 {
        return 0;
    }
    if whole <= 0 {
        return i128::MAX;
    }
    let scaled = part.saturating_mul(10_000).saturating_add(whole - 1);
    scaled.checked_div(whole).unwrap_or(i128::MAX)
}

/// The least value that 99 of 100 are not above (nearest rank); 0 of none.
fn p99(mut values: Vec<u64>) -> u64 {
    values.sort_unstable();
    let rank = values.len().saturating_mul(99).div_ceil(100);
    let place = rank.saturating_sub(1);
    values.get(place).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_rounded_up_and_bounded() {
        for (part, whole, bps) in [
            (0, 100, 0),
            (1, 100, 100),
            (1, 3, 3_334),
            (-5, 100, 0),
            (100, 100, 10_000),
            (0, 0, 0),
            (1, 0, i128::MAX),
            (1, -1, i128::MAX),
        ] {
            assert_eq!(share(part, whole), bps, "{part} of {whole}");
        }
    }

    #[test]
    fn the_99th_of_a_hundred_is_the_nearest_rank() {
        assert_eq!(p99(vec![]), 0);
        assert_eq!(p99(vec![5]), 5);
        assert_eq!(p99((1..=100).rev().collect()), 99);
        assert_eq!(p99((1..=200).collect()), 198);
        assert_eq!(p99((1..=101).collect()), 100);
    }
}
