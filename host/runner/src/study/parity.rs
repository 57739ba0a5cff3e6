//! A live run compared with its own backtest. The bars that it decided become a snapshot, or a vendor's snapshot takes
//! their place; the component decides again over it, on the same path; and every decision is compared with the live one.
//! It must never decide which of the two is right.

mod cause;
mod live_bars;
mod statement;

use std::io::Read as _;

use counterfoil_governance::attest::AttestError;
use counterfoil_journal::checkpoint::Checkpoint;
use counterfoil_journal::public_key::PublicKey;
use counterfoil_journal::salt::LogSigner;
use counterfoil_os::files::{FileError, open_plain};
use counterfoil_sandbox::engine::EngineSettings;
use counterfoil_sandbox::guest::Guest;
use counterfoil_snapshot::error::IngestError;
use counterfoil_snapshot::store::read_error::ReadError;
use counterfoil_trading::execution::OrderCode;
use counterfoil_trading::manifest::{DataSource, Manifest, ManifestError};
use counterfoil_trading::record::{CloseRecord, DecisionRecord, RiskVerdict};
use counterfoil_trading::time::UnixNanos;
use counterfoil_verify::{Finding, VerifyError, VerifyOptions, verify_journal};

pub use cause::ParityCause;
pub use statement::{PARITY_TYPE, ParityStatement, parity_statement};

use crate::run::backtest::backtest_sealing;
use crate::run::drive::RunObserver;
use crate::run::execute::ExecuteError;
use crate::run::inputs::snapshot_store;
use crate::run::journal::{ReadJournalError, Sealing};
use crate::run::mismatch::ManifestMismatch;
use crate::run::signed_prefix::SignedPrefix;
use crate::store::data_dir::{DataDir, DataDirError, Execution};
use crate::study::compare::{DecisionPair, DecisionReader, DifferingBar, next_pair};
use live_bars::LiveBars;

/// Decisions per signed checkpoint of the backtest: a backtest's default.
const CADENCE: u32 = 4096;

/// Why a live run could not be compared with its backtest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParityError {
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The run is not a live run.
    #[error(transparent)]
    NotLive(#[from] ManifestMismatch),
    #[error(transparent)]
    Verify(#[from] VerifyError),
    #[error("the journal of run {run} does not verify: {finding}")]
    NotIntact { run: String, finding: Box<Finding> },
    #[error("run {run} has no whole signed slice yet; wait for its first bars")]
    NoSlice { run: String },
    /// The run's bars alone would give another run.
    #[error(
        "run {run} received corporate actions or ends of sessions, which its bars alone do not show; \
         compare it with a snapshot that has them: --snapshot ID"
    )]
    HasActions { run: String },
    /// A snapshot of the run's bars would close some of them at other times.
    #[error(
        "run {run} has bars that end with their session or follow the exchange's clock, which a snapshot of its bars \
         alone does not show; compare it with a snapshot that has them: --snapshot ID"
    )]
    OtherLengths { run: String },
    /// A snapshot of the run's bars would lack these instruments.
    #[error(
        "run {run} has no bar of {symbols} yet, so its bars do not make a snapshot of everything it trades; \
         compare it with one that has them: --snapshot ID"
    )]
    InstrumentsWithoutBars { run: String, symbols: String },
    #[error(transparent)]
    Journal(#[from] ReadJournalError),
    /// The journal or the copy of its bars could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Snapshot(#[from] ReadError),
    /// The run's bars could not be made into a snapshot.
    #[error(transparent)]
    Ingest(Box<IngestError>),
    #[error(transparent)]
    Backtest(Box<ExecuteError>),
    #[error(transparent)]
    Statement(#[from] AttestError),
}

impl From<IngestError> for ParityError {
    fn from(error: IngestError) -> Self {
        Self::Ingest(Box::new(error))
    }
}

impl From<ExecuteError> for ParityError {
    fn from(error: ExecuteError) -> Self {
        Self::Backtest(Box::new(error))
    }
}

/// The live run, and the bars of the backtest to compare it with.
pub struct ParityRequest<'a> {
    pub data: &'a DataDir,
    /// The live run.
    pub execution: &'a Execution,
    /// The log's public key.
    pub key: &'a PublicKey,
    /// Slices that close later are left out, such as those after a day's end; `None` for the whole journal.
    pub through: Option<UnixNanos>,
    /// The name of a snapshot to use instead of the journal's own bars.
    pub snapshot: Option<&'a str>,
    /// The current time, for the ingest receipt of the bars.
    pub now: UnixNanos,
}

impl core::fmt::Debug for ParityRequest<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ParityRequest")
            .field("execution", &self.execution)
            .field("through", &self.through)
            .field("snapshot", &self.snapshot)
            .finish_non_exhaustive()
    }
}

/// Outcome of the comparison.
#[derive(Clone, Debug)]
pub struct ParityReport {
    /// The live run's manifest.
    pub manifest: Manifest,
    /// The verified checkpoint of the live run's journal.
    pub live: Checkpoint,
    /// The backtest.
    pub again: Execution,
    /// The backtest's closing record.
    pub close: CloseRecord,
    /// The backtest's snapshot, as `sha256:<hex>`.
    pub snapshot: String,
    /// Whether the snapshot was made of the journal's own bars.
    pub own_bars: bool,
    /// Close times of the first and the last compared slice.
    pub closes: (UnixNanos, UnixNanos),
    /// Decisions of the live run and of the backtest.
    pub decisions: [u64; 2],
    /// Bars on which both decided the same: equal bar, requests, risk verdicts, and account after it.
    pub equal: u64,
    /// The first difference and its cause.
    pub first: Option<(DifferingBar, ParityCause)>,
}

impl ParityReport {
    /// Whether every decision equals the live one.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.first.is_none() && self.decisions == [self.equal; 2]
    }
}

/// Compares a live run with its backtest.
///
/// # Errors
///
/// Returns [`ParityError`] if the journal does not verify, is not a live run's or has no whole slice yet, or if the
/// backtest could not run.
pub fn parity(
    request: &ParityRequest<'_>,
    engine: EngineSettings,
    signer: Box<dyn LogSigner + Send>,
    observer: &mut (dyn RunObserver<Guest> + Send),
) -> Result<ParityReport, ParityError> {
    let ParityRequest {
        data, execution, ..
    } = request;
    // Verified before anything is read from it: the snapshot is made of these bars, and a forged journal would be
    // compared with a backtest over its own forgery.
    let live = verified(execution, request.key)?;
    let manifest = Manifest::parse(&data.manifest_text(execution)?)?;
    if !manifest.is_live() {
        return Err(ManifestMismatch::no_feed(
            "compare a backtest with itself by `counterfoil replay`",
        )
        .into());
    }
    let setup = manifest.setup()?;
    let live_bars = LiveBars::read(execution, &setup, live.size, request.through)?;
    let closes = live_bars.closes().ok_or_else(|| ParityError::NoSlice {
        run: execution.short(),
    })?;
    let store = snapshot_store(data)?;
    let snapshot = match request.snapshot {
        Some(name) => store.resolve(name)?,
        // A snapshot of bars alone has no splits and no session ends. The backtest would differ for that reason only,
        // and the report would blame the strategy.
        None if live_bars.has_actions => {
            return Err(ParityError::HasActions {
                run: execution.short(),
            });
        }
        None if !live_bars.without_bars(&setup).is_empty() => {
            return Err(ParityError::InstrumentsWithoutBars {
                run: execution.short(),
                symbols: live_bars.without_bars(&setup).join(", "),
            });
        }
        None => live_bars.ingest(&store, data, execution, &manifest, request.now)?,
    };
    let again = Manifest {
        data: DataSource::Snapshot {
            id: snapshot.to_string(),
            from: Some(live_bars.first_open.date_or_time()),
            to: Some(closes.1.date_or_time()),
        },
        // Live, every decision is signed; here nothing waits for a signature. The cadence is outside what is compared.
        cadence: CADENCE,
        ..manifest.clone()
    };
    let outcome = backtest_sealing(data, &again, engine, signer, Sealing::OwnThread, observer)?;
    let sides = [
        DecisionReader::open(execution, &setup)?,
        DecisionReader::open(&outcome.execution, &setup)?,
    ];
    let tally = compare_decisions(sides, closes.1, &live_bars)?;
    Ok(ParityReport {
        manifest,
        live,
        again: outcome.execution,
        close: outcome.close,
        snapshot: snapshot.to_string(),
        own_bars: request.snapshot.is_none(),
        closes,
        decisions: tally.decisions,
        equal: tally.equal,
        first: tally.first,
    })
}

/// The last checkpoint of a journal, with everything before it verified.
fn verified(execution: &Execution, key: &PublicKey) -> Result<Checkpoint, ParityError> {
    let path = execution.journal();
    let covered = SignedPrefix::scan(&path)?;
    let run = || execution.short();
    if covered.end == 0 {
        return Err(ParityError::NoSlice { run: run() });
    }
    let file = open_plain(&path)?;
    // The run may be live: what its process appends behind the last checkpoint is not read here.
    let report = verify_journal(file.take(covered.end), key, VerifyOptions::default())?;
    if let Some(finding) = report.findings.into_iter().next() {
        let (run, finding) = (run(), Box::new(finding));
        return Err(ParityError::NotIntact { run, finding });
    }
    let checkpoint = report.last_checkpoint;
    checkpoint.ok_or_else(|| ParityError::NoSlice { run: run() })
}

/// Counts of the compared decisions.
#[derive(Default)]
struct ParityTally {
    decisions: [u64; 2],
    equal: u64,
    first: Option<(DifferingBar, ParityCause)>,
}

fn compare_decisions(
    mut sides: [DecisionReader; 2],
    last: UnixNanos,
    live_bars: &LiveBars,
) -> Result<ParityTally, ReadJournalError> {
    let mut tally = ParityTally::default();
    while let Some(pair) = next_pair(&mut sides)? {
        // The live run may have decided further slices since the snapshot was made.
        if pair.close_time > last {
            break;
        }
        for (count, side) in tally.decisions.iter_mut().zip(&pair.sides) {
            *count = count.saturating_add(u64::from(side.is_some()));
        }
        match difference(&pair, live_bars) {
            None => tally.equal = tally.equal.saturating_add(1),
            Some(found) if tally.first.is_none() => tally.first = Some(found),
            Some(_) => {}
        }
    }
    Ok(tally)
}

/// Whether the live run decided the bar so late that its risk gate refused the orders.
fn is_late([live, _]: &[Option<(u64, DecisionRecord)>; 2]) -> bool {
    let verdicts = live.iter().flat_map(|(_, decision)| &decision.verdicts);
    verdicts
        .into_iter()
        .any(|verdict| matches!(verdict, RiskVerdict::Refused(refusal) if refusal.code == OrderCode::BarTooLate))
}

fn difference(pair: &DecisionPair, live_bars: &LiveBars) -> Option<(DifferingBar, ParityCause)> {
    let (decision, account) = (pair.decision_aspect(), pair.account_aspect());
    let aspect = decision.or(account)?;
    let late = live_bars.is_refused(&pair.symbol, pair.close_time) || is_late(&pair.sides);
    let cause = ParityCause::from_difference(aspect, account.is_some(), late);
    Some((pair.site(aspect), cause))
}
