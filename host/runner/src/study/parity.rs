//! A live run held against its own backtest: the bars that it decided become a snapshot, or a
//! vendor's snapshot stands in for them; the component decides again over it, down the same path;
//! and every decision is held against the one that was recorded live. It must never know which of
//! the two is right.

mod bars;
mod cause;
mod statement;

use std::fs::File;
use std::io::Read as _;

use counterfoil_journal::checkpoint::Checkpoint;
use counterfoil_journal::signer::Signer;
use counterfoil_sandbox::engine::EngineSettings;
use counterfoil_sandbox::guest::Guest;
use counterfoil_trading::execution::OrderCode;
use counterfoil_trading::manifest::{DataSource, Manifest};
use counterfoil_trading::record::{CloseRecord, DecisionRecord, RiskVerdict};
use counterfoil_trading::time::UnixNanos;
use counterfoil_verify::{Options, PublicKey, verify_journal};

pub use cause::Cause;
pub use statement::{PARITY_TYPE, Statement, statement};

use crate::error::RunnerError;
use crate::run::backtest::{backtest_sealing, snapshot_store};
use crate::run::drive::Observer;
use crate::run::journal::Sealing;
use crate::run::resume::Signed;
use crate::store::data_dir::{DataDir, Execution};
use crate::store::files::at;
use crate::study::compare::{Pair, Side, Site, next_pair};
use crate::times::show_time;
use bars::Taken;

/// Decisions for one signed checkpoint of the re-execution: what a backtest takes by default.
const CADENCE: u32 = 4096;

/// What is held against what.
pub struct Question<'a> {
    /// Where the run, its component and snapshots lie.
    pub data: &'a DataDir,
    /// The live run.
    pub execution: &'a Execution,
    /// The log's public key.
    pub key: &'a PublicKey,
    /// Slices that close later are left out: a day's end. `None`: as far as the journal goes.
    pub through: Option<UnixNanos>,
    /// The bars to decide again on, instead of those in the journal.
    pub snapshot: Option<&'a str>,
    /// What time it is, for the receipt of the bars.
    pub now: UnixNanos,
}

impl core::fmt::Debug for Question<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Question")
            .field("execution", &self.execution)
            .field("through", &self.through)
            .field("snapshot", &self.snapshot)
            .finish_non_exhaustive()
    }
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Parity {
    /// The live run's manifest.
    pub manifest: Manifest,
    /// What of the live run's journal was verified.
    pub live: Checkpoint,
    /// The re-execution.
    pub again: Execution,
    /// Its closing record.
    pub close: CloseRecord,
    /// The snapshot that it ran over, as `sha256:<hex>`.
    pub snapshot: String,
    /// Whether that was made of the journal's own bars.
    pub own_bars: bool,
    /// Close times of the first and the last slice held.
    pub closes: (UnixNanos, UnixNanos),
    /// Decisions of the live run and of the re-execution.
    pub decisions: [u64; 2],
    /// Bars on which both decided, and came to the same: the bar, what was asked for, what the gate
    /// said, and the account after it.
    pub equal: u64,
    /// The first that is not, and why.
    pub first: Option<(Site, Cause)>,
}

impl Parity {
    /// Whether every decision came out as it was recorded live.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.first.is_none() && self.decisions == [self.equal; 2]
    }
}

/// Holds a live run against its backtest.
///
/// # Errors
///
/// Returns [`RunnerError`] if the journal does not verify, if it is no live run's or has no whole
/// slice yet, or if it could not be told.
pub fn parity(
    question: &Question<'_>,
    engine: EngineSettings,
    signer: Box<dyn Signer + Send>,
    observer: &mut (dyn Observer<Guest> + Send),
) -> Result<Parity, RunnerError> {
    let Question {
        data, execution, ..
    } = question;
    let live = verified(execution, question.key)?;
    let manifest = Manifest::parse(&data.manifest_text(execution)?)?;
    if !matches!(manifest.data, DataSource::Feed { .. }) {
        return Err(RunnerError::Disagrees {
            what: "the data source",
            place: "a live run",
            found: "a feed".to_owned(),
            stated: "a snapshot".to_owned(),
            way_on: "a backtest is held against itself with `counterfoil replay`",
        });
    }
    let setup = manifest.setup()?;
    let taken = Taken::read(execution, &setup, live.size, question.through)?;
    let closes = taken.closes().ok_or_else(|| RunnerError::NoSlice {
        run: execution.short(),
    })?;
    let store = snapshot_store(data)?;
    let snapshot = match question.snapshot {
        Some(name) => store.resolve(name)?,
        None if taken.has_actions => {
            return Err(RunnerError::NotOnlyBars {
                run: execution.short(),
            });
        }
        None if !taken.silent(&setup).is_empty() => {
            return Err(RunnerError::Silent {
                run: execution.short(),
                symbols: taken.silent(&setup).join(", "),
            });
        }
        None => taken.ingest(&store, data, execution, (&setup, question.now))?,
    };
    let again = Manifest {
        data: DataSource::Snapshot {
            id: snapshot.to_string(),
            from: Some(show_time(taken.first_open)),
            to: Some(show_time(closes.1)),
        },
        cadence: CADENCE,
        ..manifest.clone()
    };
    let outcome = backtest_sealing(data, &again, engine, signer, Sealing::OwnThread, observer)?;
    let sides = [
        Side::open(execution, &setup)?,
        Side::open(&outcome.execution, &setup)?,
    ];
    let held = hold(sides, closes.1, &taken)?;
    Ok(Parity {
        manifest,
        live,
        again: outcome.execution,
        close: outcome.close,
        snapshot: snapshot.to_string(),
        own_bars: question.snapshot.is_none(),
        closes,
        decisions: held.decisions,
        equal: held.equal,
        first: held.first,
    })
}

/// The last checkpoint of a journal of which everything before it verifies.
fn verified(execution: &Execution, key: &PublicKey) -> Result<Checkpoint, RunnerError> {
    let path = execution.journal();
    let covered = Signed::scan(&path)?;
    let run = || execution.short();
    if covered.end == 0 {
        return Err(RunnerError::NoSlice { run: run() });
    }
    let file = File::open(&path).map_err(at("open", &path))?;
    let report = verify_journal(file.take(covered.end), key, Options::default())?;
    if let Some(finding) = report.findings.into_iter().next() {
        let (run, finding) = (run(), Box::new(finding));
        return Err(RunnerError::NotIntact { run, finding });
    }
    let checkpoint = report.last_checkpoint;
    checkpoint.ok_or_else(|| RunnerError::NoSlice { run: run() })
}

/// Decisions of two runs, held against each other.
#[derive(Default)]
struct Held {
    decisions: [u64; 2],
    equal: u64,
    first: Option<(Site, Cause)>,
}

fn hold(mut sides: [Side; 2], last: UnixNanos, taken: &Taken) -> Result<Held, RunnerError> {
    let mut held = Held::default();
    while let Some(pair) = next_pair(&mut sides)? {
        // Beyond it the live run may have gone on.
        if pair.close_time > last {
            break;
        }
        for (count, side) in held.decisions.iter_mut().zip(&pair.sides) {
            *count = count.saturating_add(u64::from(side.is_some()));
        }
        match difference(&pair, taken) {
            None => held.equal = held.equal.saturating_add(1),
            Some(found) if held.first.is_none() => held.first = Some(found),
            Some(_) => {}
        }
    }
    Ok(held)
}

/// Whether the live run decided the bar so late that its gate said so.
fn is_late([live, _]: &[Option<(u64, DecisionRecord)>; 2]) -> bool {
    let verdicts = live.iter().flat_map(|(_, decision)| &decision.verdicts);
    verdicts
        .into_iter()
        .any(|verdict| *verdict == RiskVerdict::Refused(OrderCode::BarTooLate))
}

fn difference(pair: &Pair, taken: &Taken) -> Option<(Site, Cause)> {
    let (decision, account) = (pair.decision_aspect(), pair.account_aspect());
    let aspect = decision.or(account)?;
    let late = taken.is_refused(&pair.symbol, pair.close_time) || is_late(&pair.sides);
    let cause = Cause::of(aspect, account.is_some(), late);
    Some((pair.site(aspect), cause))
}
