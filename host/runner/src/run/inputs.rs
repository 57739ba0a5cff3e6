//! What a backtest reads: the bars and corporate actions of its manifest's snapshot. It must never know
//! what a run decides about them.

use cap_std::fs::Dir;
use counterfoil_base::digest::Digest;
use counterfoil_os::files::FileError;
use counterfoil_snapshot::snapshot_store::SnapshotStore;
use counterfoil_snapshot::store::read_error::ReadError;
use counterfoil_snapshot::store::selection::{BarSelection, InstrumentCommitment};
use counterfoil_snapshot::store::snapshot::Snapshot;
use counterfoil_trading::corporate::{CorporateAction, CorporateActionKind};
use counterfoil_trading::instrument::{Instrument, InstrumentTraits, VolumeKind};
use counterfoil_trading::manifest::{DataSource, InstrumentEntry, Manifest, RunSetup};
use counterfoil_trading::record::deliveries::encode_action;
use counterfoil_trading::record::{DataCommitment, Opening};
use counterfoil_trading::time::UnixNanos;

use crate::run::feed::SnapshotFeed;
use crate::run::mismatch::ManifestMismatch;
use crate::store::data_dir::DataDir;
use crate::times::parse_time;

/// Why a manifest's snapshot could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputsError {
    #[error(transparent)]
    Folder(#[from] FileError),
    #[error(transparent)]
    Snapshot(#[from] ReadError),
    #[error(transparent)]
    Mismatch(#[from] ManifestMismatch),
    /// The range has no bar of any instrument.
    #[error(
        "no bar between {from} and {to}; the snapshot has bars of these instruments that close from {first} to {last}: \
         change --from or --to"
    )]
    NoBars {
        from: String,
        to: String,
        first: String,
        last: String,
    },
    /// A bound of the selection does not parse.
    #[error(
        "{field} is {text:?}; expected a date like 2003-01-02 or a time like 2003-01-02T15:00:00Z"
    )]
    Time { field: &'static str, text: String },
}

/// The store of the data directory's snapshots.
///
/// # Errors
///
/// Returns [`FileError`] if the directory cannot be opened.
pub fn snapshot_store(data: &DataDir) -> Result<SnapshotStore, FileError> {
    let root = data.root().open_root().and_then(Dir::try_clone);
    Ok(SnapshotStore::open(
        root.map_err(FileError::at("open folder", data.root()))?,
    ))
}

/// The bars that the manifest names, checked against its timeframe and instruments.
///
/// # Errors
///
/// Returns [`InputsError`] if the snapshot is missing, was changed, or does not agree.
pub fn selection_of(
    data: &DataDir,
    manifest: &Manifest,
    setup: &RunSetup,
) -> Result<BarSelection, InputsError> {
    let DataSource::Snapshot { id, from, to } = &manifest.data else {
        return Err(ManifestMismatch {
            subject: "the data source",
            place: "a backtest",
            found: "a snapshot".to_owned(),
            stated: "a feed".to_owned(),
            hint: "start it with `counterfoil live`",
        }
        .into());
    };
    let store = snapshot_store(data)?;
    // The id is the digest of the snapshot's manifest, which names the digest of every file: bars that were edited
    // on disk are an error here, and never another result under the same run id.
    let snapshot = store.load(&store.resolve(id)?)?;
    let symbols: Vec<String> = manifest
        .instruments
        .iter()
        .map(|entry| entry.symbol.clone())
        .collect();
    let from = time("data.snapshot.from", from.as_deref())?;
    let to = time("data.snapshot.to", to.as_deref())?;
    let selection = snapshot.select(&symbols, from, to)?;
    check_selection(&snapshot, &selection, manifest, setup)?;
    Ok(selection)
}

/// Every bar of the manifest's instruments in the snapshot named `name`, checked against the manifest.
///
/// # Errors
///
/// As [`selection_of`].
pub fn whole_selection(
    data: &DataDir,
    manifest: &Manifest,
    setup: &RunSetup,
    name: &str,
) -> Result<BarSelection, InputsError> {
    let store = snapshot_store(data)?;
    let snapshot = store.load(&store.resolve(name)?)?;
    let symbols: Vec<String> = setup
        .instruments
        .iter()
        .map(|instrument| instrument.symbol().to_owned())
        .collect();
    let selection = snapshot.select(&symbols, None, None)?;
    check_selection(&snapshot, &selection, manifest, setup)?;
    Ok(selection)
}

/// What a run over a selection reads.
#[derive(Debug)]
pub struct SnapshotInputs {
    /// What the open record promises.
    pub commitments: Vec<DataCommitment>,
    /// The slices with the corporate actions that fall in them.
    pub feed: SnapshotFeed,
}

/// An error if a run over a selection would decide nothing: a range that misses the data must not look like a strategy
/// that does not trade.
///
/// # Errors
///
/// Returns [`InputsError::NoBars`] if no instrument has a bar.
pub fn check_range(
    manifest: &Manifest,
    selection: &BarSelection,
    inputs: &SnapshotInputs,
) -> Result<(), InputsError> {
    let has_bars = inputs.commitments.iter().any(|bars| bars.bars > 0);
    let (DataSource::Snapshot { from, to, .. }, false) = (&manifest.data, has_bars) else {
        return Ok(());
    };
    let or = |bound: &Option<String>, otherwise: &str| {
        bound.clone().unwrap_or_else(|| otherwise.to_owned())
    };
    let time = |time: Option<UnixNanos>| time.unwrap_or_default().date_or_time();
    Err(InputsError::NoBars {
        from: or(from, "the first bar"),
        to: or(to, "the last bar"),
        first: time(selection.first_close()),
        last: time(selection.last_close()),
    })
}

/// The slices of a selection, and the promise of them.
///
/// # Errors
///
/// Returns [`InputsError`] if the actions were changed or cannot be read, or if bars must be read
/// and do not hold.
pub fn inputs_of(selection: &BarSelection) -> Result<SnapshotInputs, InputsError> {
    let bars = selection.commitment()?;
    let mut actions = selection.actions()?;
    let last = bars
        .iter()
        .filter_map(|commitment| commitment.last_close)
        .max();
    // The end of the last session ends the data and nothing else. With `to` on the day after, it would be an action
    // without bars; without `to` it is none.
    actions.retain(|action| {
        Some(action.ex_time) < last || action.kind != CorporateActionKind::SessionEnd
    });
    Ok(SnapshotInputs {
        commitments: commitments(bars, actions.clone()),
        feed: SnapshotFeed::new(selection.slices(), actions),
    })
}

/// The snapshot that the manifest names, if it names one, checked against the promise of the open
/// record.
pub(crate) fn check_inputs(
    data: &DataDir,
    manifest: &Manifest,
    setup: &RunSetup,
    open: &Opening,
) -> Result<Option<SnapshotFeed>, InputsError> {
    if manifest.is_live() {
        return Ok(None);
    }
    let inputs = inputs_of(&selection_of(data, manifest, setup)?)?;
    let there = inputs.commitments;
    // Compared before anything is decided again. A snapshot that differs from the one that the run promised would
    // make honest decisions look wrong, or forged ones right.
    if open.commitments.as_ref() == Some(&there) {
        return Ok(Some(inputs.feed));
    }
    Err(ManifestMismatch {
        subject: "what is promised of bars and corporate actions",
        place: "the snapshot",
        found: format!("{there:?}"),
        stated: format!("{:?}", open.commitments),
        hint: "the journal was not made from this snapshot: do not trust it",
    }
    .into())
}

fn commitments(
    bars: Vec<InstrumentCommitment>,
    mut actions: Vec<CorporateAction>,
) -> Vec<DataCommitment> {
    // In the order of the slices: by time, then by kind. Any other order would give another digest of the same
    // actions, and a replay would refuse a genuine journal.
    actions.sort();
    let all = bars.into_iter().zip(0..).map(|(bars, id)| {
        let own = || actions.iter().filter(|action| action.instrument.0 == id);
        let mut encoded = Vec::new();
        for action in own() {
            encode_action(action, &mut encoded);
        }
        DataCommitment {
            symbol: bars.symbol,
            bars: bars.bars,
            first_close: bars.first_close.unwrap_or_default(),
            last_close: bars.last_close.unwrap_or_default(),
            bars_sha256: bars.bars_sha256,
            actions: u64::try_from(own().count()).unwrap_or(u64::MAX),
            actions_sha256: Digest::of(&encoded),
        }
    });
    all.collect()
}

fn time(field: &'static str, text: Option<&str>) -> Result<Option<UnixNanos>, InputsError> {
    let Some(text) = text else { return Ok(None) };
    let time = parse_time(text);
    time.map(Some).ok_or_else(|| InputsError::Time {
        field,
        text: text.to_owned(),
    })
}

/// Whether a selection has the manifest's instruments and timeframe.
fn check_selection(
    snapshot: &Snapshot,
    selection: &BarSelection,
    manifest: &Manifest,
    setup: &RunSetup,
) -> Result<(), ManifestMismatch> {
    let disagrees = |subject, found: String, stated: String| {
        Err(ManifestMismatch {
            subject,
            place: "the snapshot",
            found,
            stated,
            hint: "make the manifest from the snapshot again",
        })
    };
    // The manifest repeats what the snapshot knows, so that the run id covers it. Neither value may win silently:
    // another tick size would round every order.
    let timeframe = snapshot.manifest().timeframe;
    if timeframe != setup.timeframe {
        return disagrees(
            "the timeframe",
            timeframe.to_string(),
            setup.timeframe.to_string(),
        );
    }
    let there = selection.instruments();
    // Without a volume orders fill in bars without trades: only where there is none at all.
    let is_wrong = |(there, stated): &(&Instrument, &Instrument)| {
        stated.traits().volume == VolumeKind::None && there.traits().volume != VolumeKind::None
    };
    if let Some((there, _)) = there.iter().zip(&setup.instruments).find(is_wrong) {
        let found = format!("volumes of {}", there.symbol());
        return disagrees("the kind of volume", found, "none".to_owned());
    }
    // Whether there is any volume is seen in the bars, and a live run's bars, or a sample of a snapshot's, may
    // show something else than what the run was started with. The manifest's word counts.
    let without_volume = |all: &[Instrument]| -> Vec<Instrument> {
        let plain = |it: &Instrument| {
            it.clone().with_traits(InstrumentTraits {
                volume: VolumeKind::Traded,
                ..it.traits()
            })
        };
        all.iter().map(plain).collect()
    };
    if without_volume(&there) != without_volume(&setup.instruments) {
        let list = |all: Vec<InstrumentEntry>| {
            let texts = all.into_iter().map(|instrument| {
                format!(
                    "{} (tick {}, lot {})",
                    instrument.symbol, instrument.tick_size, instrument.lot_size
                )
            });
            texts.collect::<Vec<_>>().join(", ")
        };
        let there = list(there.iter().map(InstrumentEntry::from).collect());
        return disagrees(
            "the list of instruments",
            there,
            list(manifest.instruments.clone()),
        );
    }
    Ok(())
}
