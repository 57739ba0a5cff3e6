//! Whether a run stays within thresholds of drawdown, slippage cost and fuel. It must never use a float: the same run has
//! the same figures on every machine.

use counterfoil_trading::decimal;
use counterfoil_trading::manifest::{Manifest, ManifestError};
use counterfoil_trading::record::{
    CloseReason, CloseRecord, DecisionRecord, DecisionStarts, KIND_CLOSE, KIND_DECISION,
    record_kind,
};
use counterfoil_trading::units::{BPS_SCALE, BasisPoints, Money};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{EvidenceCheck, head_facts, run_facts};
use crate::run::journal::{JournalReader, ReadJournalError, journal_head};
use crate::store::data_dir::{DataDir, DataDirError, Execution};

/// The thresholds of a run. All fields are required.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RunThresholds {
    /// The largest drawdown of equity, in basis points of the peak before it.
    pub drawdown_max_bps: u32,
    /// Slippage that the dearer run has on top, in basis points.
    pub slippage_added_bps: u32,
    /// How far the dearer run's final equity may be below the other's, in basis points of starting cash.
    pub slippage_loss_max_bps: u32,
    /// The 99th percentile of fuel per decision, in basis points of the limit.
    pub fuel_p99_max_bps: u32,
}

impl RunThresholds {
    /// The preset `research`: a drawdown of half the peak, a loss of a fifth of the cash by ten basis points more, half of
    /// the fuel.
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

/// Why a run could not be compared with its thresholds.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ThresholdsError {
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error(transparent)]
    Journal(#[from] ReadJournalError),
    /// The dearer run's slippage would not be a rate.
    #[error("slippage of {base} basis points plus {added} exceeds the maximum rate of 10000")]
    Slippage {
        /// The manifest's slippage, in basis points.
        base: String,
        added: u32,
    },
}

/// The manifest with more slippage and nothing else changed.
///
/// # Errors
///
/// Returns [`ThresholdsError`] if the sum is not a rate.
pub fn with_added_slippage(
    manifest: &Manifest,
    thresholds: &RunThresholds,
) -> Result<Manifest, ThresholdsError> {
    let (base, added) = (&manifest.costs.slippage_bps, thresholds.slippage_added_bps);
    let sum = || {
        let basis_point = decimal::power_of_ten(BPS_SCALE)?;
        let more = i128::from(added).checked_mul(basis_point)?;
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

/// Checks that a run, and the same run with dearer slippage, stay within the thresholds.
///
/// # Errors
///
/// Returns [`ThresholdsError`] if the manifest or a journal cannot be read.
pub fn check_thresholds(
    data: &DataDir,
    run: &Execution,
    dearer: &Execution,
    thresholds: &RunThresholds,
) -> Result<EvidenceCheck, ThresholdsError> {
    let manifest = Manifest::parse(&data.manifest_text(run)?)?;
    let (figures, other) = (
        ThresholdFigures::read(run)?,
        ThresholdFigures::read(dearer)?,
    );
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
        // A run that stopped early has met fewer bars: its drawdown and fuel look better than they are.
        if !figures.closed_well {
            reasons.push(format!("{which} did not reach the end of its data"));
        }
    }
    let mut facts = run_facts(run)?;
    facts["dearer-run-id"] = json!(dearer.run);
    facts["dearer-journal"] = head_facts(&journal_head(&dearer.journal())?);
    facts["limits"] = json!(manifest.limits_digest()?);
    facts["drawdown-bps"] = json!(whole(figures.drawdown_bps));
    facts["slippage-loss-bps"] = json!(whole(slippage_loss));
    facts["fuel-p99"] = json!(figures.fuel_p99);
    facts["fuel-p99-bps"] = json!(whole(fuel));
    facts["decisions"] = json!(figures.decisions);
    facts["final-equity"] = json!(figures.ended.to_text());
    facts["dearer-final-equity"] = json!(other.ended.to_text());
    facts["thresholds"] = json!(thresholds);
    Ok(EvidenceCheck { reasons, facts })
}

/// The figures of one journal.
struct ThresholdFigures {
    drawdown_bps: i128,
    fuel_p99: u64,
    decisions: usize,
    ended: Money,
    closed_well: bool,
}

impl ThresholdFigures {
    fn read(execution: &Execution) -> Result<Self, ReadJournalError> {
        let mut reader = JournalReader::open(&execution.journal())?;
        let (mut peak, mut drawdown_bps, mut fuel) = (0, 0, Vec::new());
        let (mut ended, mut closed_well) = (Money::ZERO, false);
        let mut starts = DecisionStarts::default();
        while let Some(body) = reader.next_body()? {
            match record_kind(body)? {
                KIND_DECISION => {
                    let decision = DecisionRecord::decode(body)?;
                    let equity = decision.equity.0;
                    // Equity after each decision, not at the end of a day: a fall that recovered within the day counts.
                    peak = equity.max(peak);
                    drawdown_bps = share(peak.saturating_sub(equity), peak).max(drawdown_bps);
                    // A record that continues a decision has no fuel of its own.
                    if starts.begins(decision.decided_bar()) {
                        fuel.push(decision.circumstances.fuel);
                    }
                    ended = decision.equity;
                }
                KIND_CLOSE => {
                    let close = CloseRecord::decode(body)?;
                    ended = close.equity;
                    closed_well = close.reason == CloseReason::EndOfData;
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

/// A figure that every reader of JSON takes for the same number, capped at 2^53 - 1.
fn whole(figure: i128) -> u64 {
    u64::try_from(figure).unwrap_or(u64::MAX).min((1 << 53) - 1)
}

/// A part in basis points of the whole, rounded up, so a value just above a threshold is above it. Of a whole of zero,
/// no part is 0 and any part is the maximum.
fn share(part: i128, whole: i128) -> i128 {
    if part <= 0 {
        return 0;
    }
    if whole <= 0 {
        return i128::MAX;
    }
    // Saturation errs on the strict side: a figure too large to compute is above every threshold.
    let scaled = part.saturating_mul(10_000).saturating_add(whole - 1);
    scaled.checked_div(whole).unwrap_or(i128::MAX)
}

/// The 99th percentile by nearest rank; 0 of no values.
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
