//! A sweep over bars that did not happen: a run's bars drawn again, each sample a snapshot of its
//! own and an item of the sweep. It must never know how bars are drawn.

use counterfoil_snapshot::synthetic::resample::Resample;
use counterfoil_trading::manifest::{DataSource, Manifest};

use super::SweepItem;
use crate::error::RunnerError;
use crate::run::backtest::{selection_of, snapshot_store};
use crate::store::data_dir::DataDir;

/// An item for each of `count` samples, from `first.sample` on: the manifest over a snapshot of
/// drawn bars, which is made unless it is there. The value of an item is the number of its sample,
/// from 0. `progress` hears how many are made.
///
/// # Errors
///
/// Returns [`RunnerError`] if the manifest is not over a snapshot, or if a sample cannot be made.
pub fn sample_items(
    data: &DataDir,
    base: &Manifest,
    first: Resample,
    count: u32,
    progress: &mut dyn FnMut(u32),
) -> Result<Vec<SweepItem>, RunnerError> {
    let store = snapshot_store(data)?;
    let deck = store.deck(&selection_of(data, base, &base.setup()?)?)?;
    let mut items = Vec::new();
    for place in 0..count {
        let how = Resample {
            sample: first.sample.saturating_add(place),
            ..first
        };
        let id = store.resample(&deck, &how)?;
        let mut manifest = base.clone();
        manifest.data = DataSource::Snapshot {
            id: id.to_string(),
            from: None,
            to: None,
        };
        items.push(SweepItem {
            values: vec![how.sample.to_string()],
            manifest,
        });
        progress(place.saturating_add(1));
    }
    Ok(items)
}
