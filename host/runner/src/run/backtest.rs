//! A run over a snapshot.

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use counterfoil_journal::signer::Signer;
use counterfoil_sandbox::engine::EngineSettings;
use counterfoil_sandbox::guest::Guest;
use counterfoil_snapshot::store::folder::SnapshotStore;
use counterfoil_snapshot::store::selection::{InstrumentCommitment, Selection};
use counterfoil_snapshot::store::snapshot::Snapshot;
use counterfoil_trading::corporate::CorporateAction;
use counterfoil_trading::manifest::{DataSource, InstrumentEntry, Manifest, RunSetup};
use counterfoil_trading::record::DataCommitment;
use counterfoil_trading::record::deliveries::encode_action;
use counterfoil_trading::run::NoClock;
use counterfoil_trading::time::UnixNanos;
use sha2::{Digest as _, Sha256};

use crate::error::RunnerError;
use crate::run::drive::Observer;
use crate::run::execute::{Outcome, Start, execute};
use crate::run::feed::SnapshotFeed;
use crate::run::journal::Sealing;
use crate::store::data_dir::DataDir;
use crate::store::files::at;
use crate::times::parse_time;

/// The store of the data directory's snapshots.
///
/// # Errors
///
/// Returns [`RunnerError`] if the directory cannot be opened.
pub fn snapshot_store(data: &DataDir) -> Result<SnapshotStore, RunnerError> {
    let root = Dir::open_ambient_dir(data.root(), ambient_authority());
    Ok(SnapshotStore::open(
        root.map_err(at("open folder", data.root()))?,
    ))
}

/// Runs a manifest over its snapshot.
///
/// # Errors
///
/// As [`execute`], and if the snapshot is not what the manifest says.
pub fn backtest(
    data: &DataDir,
    manifest: &Manifest,
    engine: EngineSettings,
    signer: Box<dyn Signer + Send>,
    observer: &mut (dyn Observer<Guest> + Send),
) -> Result<Outcome, RunnerError> {
    backtest_sealing(data, manifest, engine, signer, Sealing::OwnThread, observer)
}

/// As [`backtest`], with a choice of where records are sealed.
///
/// # Errors
///
/// As [`backtest`].
pub fn backtest_sealing(
    data: &DataDir,
    manifest: &Manifest,
    engine: EngineSettings,
    signer: Box<dyn Signer + Send>,
    sealing: Sealing,
    observer: &mut (dyn Observer<Guest> + Send),
) -> Result<Outcome, RunnerError> {
    let setup = manifest.setup()?;
    let mut inputs = inputs_of(&selection_of(data, manifest, &setup)?)?;
    let start = Start {
        data,
        manifest,
        setup: &setup,
        engine,
        signer,
        commitments: Some(inputs.commitments),
        once: false,
        sealing,
        conditions: None,
    };
    execute(start, &mut inputs.feed, &mut NoClock, observer)
}

/// The manifest's bars, checked against what the manifest says of them.
///
/// # Errors
///
/// Returns [`RunnerError`] if the snapshot is missing, was changed, or does not agree.
pub fn selection_of(
    data: &DataDir,
    manifest: &Manifest,
    setup: &RunSetup,
) -> Result<Selection, RunnerError> {
    let DataSource::Snapshot { id, from, to } = &manifest.data else {
        return Err(RunnerError::Disagrees {
            what: "the data source",
            place: "a backtest",
            found: "a snapshot".to_owned(),
            stated: "a feed".to_owned(),
            way_on: "start it with `counterfoil live`",
        });
    };
    let store = snapshot_store(data)?;
    let snapshot = store.load(&store.resolve(id)?)?;
    let symbols: Vec<String> = manifest
        .instruments
        .iter()
        .map(|entry| entry.symbol.clone())
        .collect();
    let from = time("data.snapshot.from", from.as_deref())?;
    let to = time("data.snapshot.to", to.as_deref())?;
    let selection = snapshot.select(&symbols, from, to)?;
    check(&snapshot, &selection, manifest, setup)?;
    Ok(selection)
}

/// What a run over a selection gets.
#[derive(Debug)]
pub struct Inputs {
    /// What the open record promises.
    pub commitments: Vec<DataCommitment>,
    /// The slices with the corporate actions that fall in them.
    pub feed: SnapshotFeed,
}

/// The slices of a selection, and the promise of them.
///
/// # Errors
///
/// Returns [`RunnerError`] if the actions were changed or cannot be read, or if bars must be read
/// and do not hold.
pub fn inputs_of(selection: &Selection) -> Result<Inputs, RunnerError> {
    let bars = selection.commitment()?;
    let mut actions = selection.actions()?;
    let last = bars.iter().filter_map(|one| one.last_close).max();
    // Later ones join no slice of the run.
    actions.retain(|one| Some(one.ex_time) < last);
    Ok(Inputs {
        commitments: commitments(bars, actions.clone()),
        feed: SnapshotFeed::new(selection.slices(), actions),
    })
}

fn commitments(
    bars: Vec<InstrumentCommitment>,
    mut actions: Vec<CorporateAction>,
) -> Vec<DataCommitment> {
    // As the slices hand them on: of one instrument by time, then by kind.
    actions.sort();
    let all = bars.into_iter().zip(0..).map(|(one, id)| {
        let own = || actions.iter().filter(|action| action.instrument.0 == id);
        let mut encoded = Vec::new();
        for action in own() {
            encode_action(action, &mut encoded);
        }
        DataCommitment {
            symbol: one.symbol,
            bars: one.bars,
            first_close: one.first_close.unwrap_or_default(),
            last_close: one.last_close.unwrap_or_default(),
            bars_sha256: *one.bars_sha256.bytes(),
            actions: u64::try_from(own().count()).unwrap_or(u64::MAX),
            actions_sha256: Sha256::digest(&encoded).into(),
        }
    });
    all.collect()
}

fn time(field: &'static str, text: Option<&str>) -> Result<Option<UnixNanos>, RunnerError> {
    let Some(text) = text else { return Ok(None) };
    let time = parse_time(text);
    time.map(Some).ok_or_else(|| RunnerError::Time {
        field,
        text: text.to_owned(),
    })
}

/// Whether a selection has the manifest's instruments and timeframe.
pub(crate) fn check(
    snapshot: &Snapshot,
    selection: &Selection,
    manifest: &Manifest,
    setup: &RunSetup,
) -> Result<(), RunnerError> {
    let disagrees = |what, found: String, stated: String| {
        let way_on = "make the manifest from the snapshot again";
        Err(RunnerError::Disagrees {
            what,
            place: "the snapshot",
            found,
            stated,
            way_on,
        })
    };
    let timeframe = snapshot.manifest().timeframe;
    if timeframe != setup.timeframe {
        return disagrees(
            "the timeframe",
            timeframe.to_string(),
            setup.timeframe.to_string(),
        );
    }
    let there = selection.instruments();
    if there != setup.instruments {
        let list = |all: Vec<InstrumentEntry>| {
            let texts = all.into_iter().map(|one| {
                format!(
                    "{} (tick {}, lot {})",
                    one.symbol, one.tick_size, one.lot_size
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
