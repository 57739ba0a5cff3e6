//! A sweep over resampled bars: each sample is a snapshot of its own and an item of the sweep. It must never know how
//! bars are drawn.

use counterfoil_snapshot::synthetic::resample::SampleSpec;
use counterfoil_snapshot::synthetic::resample_error::ResampleError;
use counterfoil_trading::manifest::{DataSource, Manifest, ManifestError};

use super::SweepItem;
use crate::run::inputs::{InputsError, selection_of, snapshot_store};
use crate::store::data_dir::DataDir;

/// Why no samples could be drawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SamplesError {
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error(transparent)]
    Inputs(#[from] InputsError),
    #[error(transparent)]
    Resample(Box<ResampleError>),
}

impl From<ResampleError> for SamplesError {
    fn from(error: ResampleError) -> Self {
        Self::Resample(Box::new(error))
    }
}

/// One item for each of `count` samples, from `first.sample` on: the manifest over a snapshot of drawn bars, which is
/// made if it is missing. The value of an item is the number of its sample, from 0. `progress` receives how many are
/// made.
///
/// # Errors
///
/// Returns [`SamplesError`] if the manifest is not over a snapshot, or if a sample cannot be made.
pub fn sample_items(
    data: &DataDir,
    base: &Manifest,
    first: SampleSpec,
    count: u32,
    progress: &mut dyn FnMut(u32),
) -> Result<Vec<SweepItem>, SamplesError> {
    let store = snapshot_store(data).map_err(InputsError::from)?;
    let deck = store.deck(&selection_of(data, base, &base.setup()?)?)?;
    let mut items = Vec::new();
    for place in 0..count {
        let how = SampleSpec {
            sample: first.sample.saturating_add(place),
            ..first
        };
        // Named by its content, so a sweep that was interrupted finds the samples that it drew before.
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
