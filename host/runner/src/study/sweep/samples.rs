//! A sweep over resampled bars: each sample is a snapshot of its own and an item of the sweep. It must never know how
//! bars are drawn.

use std::collections::BTreeSet;

use counterfoil_snapshot::snapshot_store::SnapshotStore;
use counterfoil_snapshot::store::read_error::ReadError;
use counterfoil_snapshot::store::snapshot_id::SnapshotId;
use counterfoil_snapshot::synthetic::resample::{BarDeck, SampleSpec};
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
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl From<ResampleError> for SamplesError {
    fn from(error: ResampleError) -> Self {
        Self::Resample(Box::new(error))
    }
}

/// The samples of a run, as items of a sweep.
#[derive(Debug)]
pub struct DrawnSamples {
    /// One for each sample; its value is the number of the sample, from 0.
    pub items: Vec<SweepItem>,
    /// Instruments of the run without a bar in its range, which no sample has.
    pub left_out: Vec<String>,
    /// Samples that lack another instrument, none of whose bars was drawn.
    pub partial: u32,
    /// By sample, the snapshot that was made for it and not found.
    made: Vec<Option<SnapshotId>>,
}

impl DrawnSamples {
    /// Removes the snapshots that were made for the samples at these places.
    ///
    /// # Errors
    ///
    /// Returns [`SamplesError`] if one cannot be removed.
    pub fn remove(
        &self,
        data: &DataDir,
        places: impl Iterator<Item = usize>,
    ) -> Result<(), SamplesError> {
        let store = snapshot_store(data).map_err(InputsError::from)?;
        let made = places.filter_map(|place| self.made.get(place).copied().flatten());
        // Two samples may be the same snapshot, of a run of few bars.
        for id in made.collect::<BTreeSet<_>>() {
            store.remove(&id)?;
        }
        Ok(())
    }
}

/// One item for each of `count` samples, from `first.sample` on: the manifest over a snapshot of drawn bars, which is
/// made if it is missing. `progress` receives how many are made.
///
/// # Errors
///
/// Returns [`SamplesError`] if the manifest is not over a snapshot, or if a sample cannot be made. No snapshot that was
/// made is left then.
pub fn sample_items(
    data: &DataDir,
    base: &Manifest,
    first: SampleSpec,
    count: u32,
    progress: &mut dyn FnMut(u32),
) -> Result<DrawnSamples, SamplesError> {
    let store = snapshot_store(data).map_err(InputsError::from)?;
    let deck = store.deck(&selection_of(data, base, &base.setup()?)?)?;
    let left_out = deck.without_bars().into_iter().map(str::to_owned);
    let mut drawn = DrawnSamples {
        items: Vec::new(),
        left_out: left_out.collect(),
        partial: 0,
        made: Vec::new(),
    };
    for place in 0..count {
        let how = SampleSpec {
            sample: first.sample.saturating_add(place),
            ..first
        };
        if let Err(error) = drawn.draw(&store, &deck, base, &how) {
            // The error of the draw is the one to report; a snapshot that cannot be removed does no harm.
            drop(drawn.remove(data, 0..drawn.made.len()));
            return Err(error);
        }
        progress(place.saturating_add(1));
    }
    Ok(drawn)
}

impl DrawnSamples {
    fn draw(
        &mut self,
        store: &SnapshotStore,
        deck: &BarDeck,
        base: &Manifest,
        how: &SampleSpec,
    ) -> Result<(), SamplesError> {
        // Named by its content, so a sweep that was interrupted finds the samples that it drew before.
        let sample = store.resample(deck, how)?;
        // First: what fails below must find it.
        self.made.push(sample.is_new.then_some(sample.id));
        let snapshot = store.load(&sample.id)?;
        let drawn = &snapshot.manifest().instruments;
        let drawn: BTreeSet<&str> = drawn.iter().map(|one| one.symbol.as_str()).collect();
        let mut manifest = base.clone();
        manifest
            .instruments
            .retain(|one| drawn.contains(one.symbol.as_str()));
        let count = manifest.instruments.len();
        // A snapshot lists no instrument without bars, and a run of it can name none.
        if count < base.instruments.len() {
            let symbols: Vec<String> = manifest
                .instruments
                .iter()
                .map(|one| one.symbol.clone())
                .collect();
            let instruments = snapshot.select(&symbols, None, None)?.instruments();
            manifest.calendars = snapshot.manifest().calendars_of(&instruments);
            manifest.limits = manifest.limits.within_ranges_of(count);
        }
        let all = base.instruments.len().saturating_sub(self.left_out.len());
        self.partial = self.partial.saturating_add(u32::from(count < all));
        manifest.data = DataSource::Snapshot {
            id: sample.id.to_string(),
            from: None,
            to: None,
        };
        self.items.push(SweepItem {
            values: vec![how.sample.to_string()],
            manifest,
        });
        Ok(())
    }
}
