//! Re-execution: the component decides again on the journaled inputs, and every deterministic
//! part must come out as it was recorded.

use counterfoil_sandbox::engine::EngineSettings;
use counterfoil_sandbox::guest::{Guest, StartError};
use counterfoil_sandbox::setup::Setup;
use counterfoil_sandbox::thread::guest_thread;
use counterfoil_sandbox::watchdog::Watchdog;
use counterfoil_trading::digest::DecisionDigest;
use counterfoil_trading::journal::{Journal, RecordBytes};
use counterfoil_trading::manifest::{DataSource, Manifest, RunSetup};
use counterfoil_trading::record::{Open, Record, digested_part};
use counterfoil_trading::run::{NoClock, Ports, Progress, Run, RunError};
use counterfoil_trading::slice::Slice;
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::venue::simulated::SimulatedVenue;

use crate::backtest::{commitments, selection_of};
use crate::component::{Ready, ready_for};
use crate::data_dir::{DataDir, Execution};
use crate::error::RunnerError;
use crate::extent::Extent;
use crate::feed::{Feed as _, JournalFeed, Next, SnapshotFeed};
use crate::journal::{JournalReader, ReadJournalError};

/// What a replay found.
#[derive(Clone, Debug)]
pub struct Replay {
    /// Records that came out as recorded.
    pub identical: u64,
    /// Decisions made again.
    pub decisions: u64,
    /// The decision digest of the re-execution.
    pub decision_digest: [u8; 32],
    /// The first difference, if any.
    pub difference: Option<Difference>,
    /// Close time of the first journaled slice that is not the snapshot's, if any.
    pub foreign_slice: Option<UnixNanos>,
    /// Whether the journal has a closing record. Without one the replay ends before the last
    /// slice, which may not be whole.
    pub closed: bool,
}

impl Replay {
    /// Whether the inputs are the snapshot's and every decision came out as recorded.
    #[must_use]
    pub fn is_identical(&self) -> bool {
        self.difference.is_none() && self.foreign_slice.is_none()
    }
}

/// The first record that came out differently.
#[derive(Clone, Debug)]
pub struct Difference {
    /// The journal entry.
    pub index: u64,
    /// What the journal says, or `None` where it has no such record.
    pub recorded: Option<Box<Record>>,
    /// What the re-execution gives, or `None` where it gives no such record.
    pub replayed: Option<Box<Record>>,
}

/// Re-executes a run and compares. `progress` hears the number of decisions after each slice.
///
/// The journal's signatures are the verifier's work; what is checked here is that the inputs are
/// those of the snapshot and that the component decides as recorded.
///
/// # Errors
///
/// Returns [`RunnerError`] if it could not be told: a part is missing or unreadable.
pub fn replay(
    data: &DataDir,
    execution: &Execution,
    engine: EngineSettings,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<Replay, RunnerError> {
    let extent = Extent::of(&execution.journal())?;
    let manifest = Manifest::parse(&extent.open.manifest)?;
    let setup = manifest.setup()?;
    let snapshot = check_inputs(data, &manifest, &setup, &extent.open)?;
    let (ready, guest) = ready_for(data, &manifest, &setup, engine)?;
    let again = Again {
        manifest: &manifest,
        setup: &setup,
        extent: &extent,
        ready,
        guest,
    };
    let _watchdog = Watchdog::start(again.ready.compiled.engine()).map_err(RunnerError::Thread)?;
    let stack = again
        .ready
        .compiled
        .engine()
        .settings()
        .thread_stack_bytes();
    let mut feed = CheckedFeed {
        journal: JournalFeed::open(&execution.journal())?,
        snapshot,
        expected: Slice::default(),
        foreign: None,
    };
    let mut comparer = Comparer::open(execution)?;
    let found = guest_thread(stack, || again.run(&mut feed, &mut comparer, progress));
    let (found, decisions) = found.map_err(RunnerError::Thread)??;
    let difference = match found {
        None if extent.close.is_some() && feed.foreign.is_none() => comparer.rest(&extent)?,
        found => found,
    };
    Ok(Replay {
        identical: comparer.identical,
        decisions,
        decision_digest: comparer.digest.value(),
        difference,
        foreign_slice: feed.foreign,
        closed: extent.close.is_some(),
    })
}

/// What is run again.
struct Again<'a> {
    manifest: &'a Manifest,
    setup: &'a RunSetup,
    extent: &'a Extent,
    ready: Ready,
    guest: Setup,
}

impl Again<'_> {
    /// The first difference and the number of decisions.
    fn run(
        &self,
        feed: &mut CheckedFeed,
        comparer: &mut Comparer,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<(Option<Difference>, u64), RunnerError> {
        let setup = self.setup;
        let mut run = Run::new(setup);
        let mut venue = SimulatedVenue::new(setup);
        let started = Guest::start(&self.ready.compiled, &self.manifest.limits, &self.guest);
        let mut guest = match started {
            Ok(guest) => guest,
            Err(StartError::Fault { fault, .. }) => {
                let (venue, journal) = (&mut venue, comparer);
                let mut ports = Ports {
                    strategy: &mut (),
                    venue,
                    journal,
                    clock: &mut (),
                };
                return Ok((difference_of(run.fail_init(fault, &mut ports))?, 0));
            }
            Err(error) => return Err(error.into()),
        };
        let mut slice = Slice::default();
        while feed.next(&mut slice)? && self.extent.is_whole(slice.close_time()) {
            let mut ports = Ports {
                strategy: &mut guest,
                venue: &mut venue,
                journal: &mut *comparer,
                clock: &mut NoClock,
            };
            let found = difference_of(run.step(&slice, &mut ports))?;
            progress(run.totals().decisions);
            if found.is_some() {
                return Ok((found, run.totals().decisions));
            }
        }
        Ok((None, run.totals().decisions))
    }
}

/// The journal's own slices, each held against the snapshot's, whose record batches are checked
/// against their digests as they are read.
struct CheckedFeed {
    journal: JournalFeed,
    snapshot: Option<SnapshotFeed>,
    expected: Slice,
    foreign: Option<UnixNanos>,
}

impl CheckedFeed {
    /// Fills `slice` with the next one; false at the end, or at a slice that is not the
    /// snapshot's.
    fn next(&mut self, slice: &mut Slice) -> Result<bool, RunnerError> {
        if self.journal.next(slice)? != Next::Slice {
            return Ok(false);
        }
        let Some(snapshot) = &mut self.snapshot else {
            return Ok(true);
        };
        let there = snapshot.next(&mut self.expected)? == Next::Slice;
        let same = there && self.expected == *slice;
        if !same {
            self.foreign = slice.close_time();
        }
        Ok(same)
    }
}

/// The snapshot that the manifest names, if it names one, checked against the promise of the open
/// record.
fn check_inputs(
    data: &DataDir,
    manifest: &Manifest,
    setup: &RunSetup,
    open: &Open,
) -> Result<Option<SnapshotFeed>, RunnerError> {
    if matches!(manifest.data, DataSource::Feed { .. }) {
        return Ok(None);
    }
    let selection = selection_of(data, manifest, setup)?;
    let there = commitments(&selection)?;
    if open.commitments.as_ref() == Some(&there) {
        return Ok(Some(SnapshotFeed::new(selection.slices(), Vec::new())));
    }
    Err(RunnerError::Disagrees {
        what: "the digest of the bars",
        place: "the snapshot",
        found: format!("{there:?}"),
        stated: format!("{:?}", open.commitments),
        way_on: "the journal was not made from this snapshot: do not trust it",
    })
}

/// Why the comparing journal stopped the run.
#[derive(Debug)]
enum Stop {
    Read(ReadJournalError),
    Difference(Difference),
}

impl core::fmt::Display for Stop {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Read(error) => error.fmt(f),
            Self::Difference(found) => write!(f, "entry {} differs", found.index),
        }
    }
}

/// The difference that stopped a step, if one did; an error if it cannot be told.
fn difference_of(
    outcome: Result<Progress, RunError<Stop>>,
) -> Result<Option<Difference>, RunnerError> {
    match outcome {
        Ok(_) => Ok(None),
        Err(RunError::Journal(Stop::Difference(found))) => Ok(Some(found)),
        Err(RunError::Journal(Stop::Read(error))) => Err(error.into()),
        Err(other) => Err(RunError::Host(other.to_string()).into()),
    }
}

/// A journal that compares instead of writing.
struct Comparer {
    reader: JournalReader,
    digest: DecisionDigest,
    identical: u64,
}

impl Comparer {
    fn open(execution: &Execution) -> Result<Self, ReadJournalError> {
        let reader = JournalReader::open(&execution.journal())?;
        Ok(Self {
            reader,
            digest: DecisionDigest::default(),
            identical: 0,
        })
    }

    /// Passes over what stands outside the digest: open, close and refused input.
    fn next(&mut self) -> Result<Option<(u64, &[u8])>, ReadJournalError> {
        while let Some(body) = self.reader.peek_body()? {
            if digested_part(body)?.is_some() {
                break;
            }
            self.reader.pass();
        }
        let index = self.reader.index();
        Ok(self.reader.next_body()?.map(|body| (index, body)))
    }

    /// A record that the re-execution did not come to, or a closing record that says another
    /// digest.
    fn rest(&mut self, extent: &Extent) -> Result<Option<Difference>, ReadJournalError> {
        if let Some((index, body)) = self.next()? {
            let recorded = Some(Box::new(Record::decode(body)?));
            return Ok(Some(Difference {
                index,
                recorded,
                replayed: None,
            }));
        }
        let value = self.digest.value();
        let other = extent
            .close
            .clone()
            .filter(|close| close.decision_digest != value);
        Ok(other.map(|close| Difference {
            index: extent.entries.saturating_sub(1),
            recorded: Some(Box::new(Record::Close(close))),
            replayed: None,
        }))
    }
}

impl Journal for Comparer {
    type Error = Stop;

    fn accept(&mut self, record: RecordBytes<'_>) -> Result<(), Stop> {
        let Some(part) = record.digested else {
            return Ok(());
        };
        let replayed = || Record::decode(record.body).ok().map(Box::new);
        let end = self.reader.index();
        let found = match self.next().map_err(Stop::Read)? {
            None => Some(Difference {
                index: end,
                recorded: None,
                replayed: replayed(),
            }),
            Some((index, body)) => {
                let recorded = digested_part(body).map_err(|error| Stop::Read(error.into()))?;
                let decoded = || Record::decode(body).ok().map(Box::new);
                let differs = recorded != Some(part);
                differs.then(|| Difference {
                    index,
                    recorded: decoded(),
                    replayed: replayed(),
                })
            }
        };
        if let Some(found) = found {
            return Err(Stop::Difference(found));
        }
        self.digest.add(part);
        self.identical = self.identical.saturating_add(1);
        Ok(())
    }
}
