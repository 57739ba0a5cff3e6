//! Owns several runs, each on threads of its own: starts, stops and kills them, goes on with those
//! that a process left, and says how each stands. It must never know a network or who may ask.

mod brought;
mod components;
mod error;
pub mod events;
pub mod feeds;
pub mod inlet;
pub mod kept;
mod killing;
mod replay;
mod run;
mod settling;
pub mod status;
mod work;

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;

use counterfoil_governance::id::Id;
use counterfoil_journal::signer::Signer;
use counterfoil_sandbox::engine::EngineSettings;
use counterfoil_trading::manifest::Manifest;

pub use error::SuperviseError;
pub use replay::line_of;
pub use run::Taker;

use self::components::Components;
use self::events::Events;
use self::feeds::FeedSettings;
use self::inlet::Order;
use self::kept::{Kept, Meant};
use self::run::{Parts, Supervised};
use self::status::{RunState, Status};
use self::work::{Begin, Ready};
use crate::orders::kill::KillSwitch;
use crate::orders::lease::RUNS_PER_ACCOUNT_MAX;
use crate::orders::venues::Venues;
use crate::permit::{Grant, PermitWatch, Records};
use crate::run::execute::{ExecuteError, LiveContext};
use crate::run::live;
use crate::store::data_dir::DataDir;

/// Runs of one process at once: each has threads of its own, and a machine has only so many.
pub const RUNS_MAX: usize = 1_024;
/// Runs of one account at once, unless the settings say otherwise.
pub const RUNS_PER_ACCOUNT: usize = RUNS_PER_ACCOUNT_MAX;

/// Makes signers for journals.
pub type Signers = Arc<dyn Fn() -> Box<dyn Signer + Send> + Send + Sync>;

/// What a supervisor is made from.
#[derive(Clone)]
pub struct Settings {
    /// Where components, snapshots and journals lie.
    pub data: DataDir,
    /// Back end, optimisation and cache: none of them may change a result.
    pub engine: EngineSettings,
    /// Signs checkpoints.
    pub signers: Signers,
    /// Runs of one account at once.
    pub runs_per_account: usize,
    /// The ledger: whether a run may still go on, and where its end is recorded.
    pub records: Arc<dyn Records>,
    /// How the venues outside are reached.
    pub venues: Arc<Venues>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("runs_per_account", &self.runs_per_account)
            .finish_non_exhaustive()
    }
}

/// Several runs. Cloning is cheap.
#[derive(Clone)]
pub struct Supervisor {
    inner: Arc<Inner>,
}

struct Inner {
    settings: Settings,
    components: Components,
    events: Arc<Events>,
    runs: Mutex<Runs>,
    /// Told whenever a run's thread ends.
    ended: Condvar,
}

#[derive(Default)]
struct Runs {
    all: BTreeMap<String, Arc<Supervised>>,
    /// Threads of runs that have not ended.
    threads: usize,
    is_ending: bool,
}

impl Runs {
    /// Whether one more run may begin. How many an account may have, its lease says.
    fn check_room(&self) -> Result<(), SuperviseError> {
        if self.is_ending {
            return Err(SuperviseError::Ending);
        }
        let active = self.all.values().filter(|one| one.state().is_active());
        let count = active.count();
        if count >= RUNS_MAX {
            return Err(SuperviseError::Full { count });
        }
        Ok(())
    }

    fn find(&self, name: &str) -> Result<Arc<Supervised>, SuperviseError> {
        let prefix = name.strip_prefix("sha256:").unwrap_or(name);
        let mut fits = self.all.range(prefix.to_owned()..).filter(|(id, _)| {
            // The first that does not fit ends the search: names are in order.
            !prefix.is_empty() && id.starts_with(prefix)
        });
        let Some((first, run)) = fits.next() else {
            let name = name.to_owned();
            return Err(SuperviseError::Unknown { name });
        };
        match fits.next() {
            None => Ok(Arc::clone(run)),
            Some((second, _)) => Err(SuperviseError::Ambiguous {
                name: name.to_owned(),
                first: first.clone(),
                second: second.clone(),
            }),
        }
    }
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervisor")
            .field("settings", &self.inner.settings)
            .finish_non_exhaustive()
    }
}

/// A run that can begin: its manifest holds, its component is ready, its feed is open, and its
/// place is taken. Dropped, it gives the place back.
#[must_use]
pub struct Reserved {
    inner: Arc<Inner>,
    run: Arc<Supervised>,
    ready: Option<Ready>,
}

impl fmt::Debug for Reserved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reserved")
            .field("run", &self.run)
            .finish_non_exhaustive()
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if self.ready.is_some() {
            self.inner.runs().all.remove(&self.run.id);
        }
    }
}

impl Reserved {
    /// Lets it begin. From here on it goes on after a crash.
    ///
    /// # Errors
    ///
    /// Returns [`SuperviseError`] if that cannot be kept, or there is no thread.
    pub fn begin(mut self) -> Result<Status, SuperviseError> {
        work::keep(
            &self.inner.settings.data,
            &self.run,
            RunState::Starting,
            None,
        )?;
        if let Some(ready) = self.ready.take() {
            self.inner.spawn(&self.run, ready)?;
        }
        Ok(self.run.status())
    }
}

/// A run that an earlier process left.
#[derive(Clone, Debug)]
pub struct Left {
    /// The run id.
    pub run: String,
    /// Its manifest.
    pub manifest: Manifest,
    /// Whether it is meant to go on.
    pub meant: Meant,
}

impl Inner {
    fn runs(&self) -> MutexGuard<'_, Runs> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spawn(self: &Arc<Self>, run: &Arc<Supervised>, ready: Ready) -> Result<(), SuperviseError> {
        let mut runs = self.runs();
        if runs.is_ending {
            drop(runs);
            run.enter(RunState::Suspended, Some("the process ends".to_owned()));
            return Err(SuperviseError::Ending);
        }
        runs.threads = runs.threads.saturating_add(1);
        drop(runs);
        let (inner, own) = (Arc::clone(self), Arc::clone(run));
        let spawned = Builder::new().name("run".to_owned()).spawn(move || {
            work::work(&inner.settings, &own, ready);
            inner.thread_ended();
        });
        if let Err(error) = spawned {
            self.thread_ended();
            run.enter(RunState::Halted, Some(error.to_string()));
            return Err(SuperviseError::Thread(error));
        }
        Ok(())
    }

    fn thread_ended(&self) {
        let mut runs = self.runs();
        runs.threads = runs.threads.saturating_sub(1);
        drop(runs);
        self.ended.notify_all();
    }
}

impl Supervisor {
    /// A supervisor without runs.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let inner = Inner {
            settings,
            components: Components::default(),
            events: Arc::default(),
            runs: Mutex::default(),
            ended: Condvar::new(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// What happens to the runs.
    #[must_use]
    pub fn events(&self) -> &Arc<Events> {
        &self.inner.events
    }

    /// Makes everything ready for a run that was granted, and takes its place.
    ///
    /// # Errors
    ///
    /// Returns [`SuperviseError`] if anything is missing or does not agree; nothing was written
    /// then.
    pub fn reserve(
        &self,
        grant: &Grant,
        manifest: Manifest,
        feed: FeedSettings,
    ) -> Result<Reserved, SuperviseError> {
        let inner = &self.inner;
        let data = &inner.settings.data;
        let setup = manifest.setup()?;
        live::check_manifest(&manifest, &setup)?;
        let id = hex::encode(manifest.run_id()?);
        check_grant(grant, &id)?;
        if !data.executions_of(&id)?.is_empty() {
            return Err(SuperviseError::StartedBefore { run: id });
        }
        let run = Arc::new(Supervised::new(
            Parts {
                id: id.clone(),
                account: grant.account().clone(),
                manifest,
                setup,
                feed,
                by: grant.by().clone(),
            },
            Arc::clone(&inner.events),
            RunState::Starting,
        ));
        let mut runs = inner.runs();
        if runs.all.contains_key(&id) {
            return Err(SuperviseError::StartedBefore { run: id });
        }
        runs.check_room()?;
        runs.all.insert(id.clone(), Arc::clone(&run));
        drop(runs);
        match self.make_ready(&run, grant) {
            Ok(ready) => Ok(Reserved {
                inner: Arc::clone(inner),
                run,
                ready: Some(ready),
            }),
            Err(error) => {
                inner.runs().all.remove(&id);
                Err(error)
            }
        }
    }

    fn make_ready(&self, run: &Supervised, grant: &Grant) -> Result<Ready, SuperviseError> {
        let settings = &self.inner.settings;
        live::check_kill_switches(&settings.data, &run.manifest)?;
        // Held from here on: who has no place trades nothing.
        let conditions = self.conditions(run, grant)?;
        let component = self.component_of(run)?;
        let places = (&settings.data, &settings.venues);
        let feed = feeds::open(places, &run.manifest, &run.feed)?;
        Ok(Ready {
            component,
            signer: (settings.signers)(),
            conditions,
            begin: Begin::Anew(feed),
        })
    }

    /// Under which conditions a granted run trades its account.
    fn conditions(&self, run: &Supervised, grant: &Grant) -> Result<LiveContext, SuperviseError> {
        let settings = &self.inner.settings;
        let most = settings.runs_per_account;
        let records = Arc::clone(&settings.records);
        let broker = settings.venues.broker(&run.manifest, &run.setup);
        Ok(LiveContext {
            policy: grant.terms().set.policy.0,
            told: run.told.clone(),
            permit: Some(Box::new(PermitWatch::new(records, run.manifest.clone()))),
            broker: broker.map_err(Box::new).map_err(ExecuteError::from)?,
            ..live::live_context(&settings.data, &run.manifest, most)?
        })
    }

    fn component_of(
        &self,
        run: &Supervised,
    ) -> Result<crate::run::component::SharedComponent, SuperviseError> {
        let Settings { data, engine, .. } = &self.inner.settings;
        let components = &self.inner.components;
        Ok(components.get(data, &run.manifest, &run.setup, engine)?)
    }

    /// The runs that an earlier process left, by run id. They are listed from here on.
    ///
    /// # Errors
    ///
    /// Returns [`SuperviseError`] if what was kept of them cannot be read.
    pub fn left(&self) -> Result<Vec<Left>, SuperviseError> {
        let mut all = Vec::new();
        for (id, kept) in Kept::all(&self.inner.settings.data)? {
            let manifest = Manifest::parse(&kept.manifest)?;
            let parts = Parts {
                id: id.clone(),
                account: Id::parse(&manifest.account.name)?,
                setup: manifest.setup()?,
                manifest: manifest.clone(),
                feed: kept.feed,
                by: Id::parse(&kept.by)?,
            };
            let state = match kept.meant {
                Meant::Running => RunState::Interrupted,
                Meant::Ended => {
                    let state = kept.state.as_deref().and_then(RunState::parse);
                    state.unwrap_or(RunState::Interrupted)
                }
            };
            let run = Supervised::new(parts, Arc::clone(&self.inner.events), state);
            run.enter(state, kept.reason);
            let mut digest = [0; 32];
            let text = kept.decision_digest.unwrap_or_default();
            if hex::decode_to_slice(&text, &mut digest).is_ok() {
                run.close(digest);
            }
            let mut runs = self.inner.runs();
            runs.all.entry(id.clone()).or_insert_with(|| Arc::new(run));
            all.push(Left {
                run: id,
                manifest,
                meant: kept.meant,
            });
        }
        Ok(all)
    }

    /// The manifest of a run.
    ///
    /// # Errors
    ///
    /// Returns [`SuperviseError`] if there is no such run, or more than one.
    pub fn manifest(&self, name: &str) -> Result<Manifest, SuperviseError> {
        Ok(self.inner.runs().find(name)?.manifest.clone())
    }

    /// Goes on with a run that was left, halted or killed.
    ///
    /// # Errors
    ///
    /// Returns [`SuperviseError`] if it is under way or has ended, or anything it needs is missing.
    /// What its journal says comes as its state.
    pub fn go_on(&self, grant: &Grant, name: &str) -> Result<Status, SuperviseError> {
        let inner = &self.inner;
        let old = inner.runs().find(name)?;
        check_grant(grant, &old.id)?;
        let run = Arc::new(Supervised::new(
            Parts {
                id: old.id.clone(),
                account: old.account.clone(),
                manifest: old.manifest.clone(),
                setup: old.setup.clone(),
                feed: old.feed.clone(),
                by: old.by.clone(),
            },
            Arc::clone(&inner.events),
            RunState::Starting,
        ));
        let mut runs = inner.runs();
        let current = runs.all.get(&old.id).map_or(old.state(), |one| one.state());
        if !current.is_resumable() || old.is_closed() {
            return Err(SuperviseError::State {
                run: old.id.clone(),
                state: current,
                wanted: "gone on with",
            });
        }
        runs.check_room()?;
        runs.all.insert(run.id.clone(), Arc::clone(&run));
        drop(runs);
        match self.begin_again(&run, grant) {
            Ok(()) => Ok(run.status()),
            Err(error) => {
                run.enter(current, Some(error.to_string()));
                Err(error)
            }
        }
    }

    fn begin_again(&self, run: &Arc<Supervised>, grant: &Grant) -> Result<(), SuperviseError> {
        let settings = &self.inner.settings;
        let executions = settings.data.executions_of(&run.id)?;
        let ready = match executions.into_iter().next_back() {
            // The process died before the run's folder was made: it begins.
            None => self.make_ready(run, grant)?,
            Some(execution) => Ready {
                conditions: {
                    let switch = KillSwitch::new(&settings.data, &run.account, Some(&execution));
                    let stop = switch.check().map_or(Ok(()), Err);
                    stop.map_err(ExecuteError::NotStarted)?;
                    self.conditions(run, grant)?
                },
                component: self.component_of(run)?,
                signer: (settings.signers)(),
                begin: Begin::GoOn(execution),
            },
        };
        work::keep(&settings.data, run, RunState::Resuming, None)?;
        self.inner.spawn(run, ready)
    }

    /// Every run, by run id.
    #[must_use]
    pub fn list(&self) -> Vec<Status> {
        let all: Vec<_> = self.inner.runs().all.values().cloned().collect();
        all.iter().map(|one| one.status()).collect()
    }

    /// The run that `name` means: the first digits of its id.
    ///
    /// # Errors
    ///
    /// Returns [`SuperviseError`] if there is none, or more than one.
    pub fn status(&self, name: &str) -> Result<Status, SuperviseError> {
        let run = self.inner.runs().find(name)?;
        Ok(run.status())
    }

    /// Tells a run to stop: it decides what is whole and closes its journal.
    ///
    /// # Errors
    ///
    /// Returns [`SuperviseError`] if there is no such run, or it is not under way.
    pub fn stop(&self, name: &str, by: &Id) -> Result<Status, SuperviseError> {
        let run = self.inner.runs().find(name)?;
        let state = run.state();
        if !state.is_active() {
            return Err(SuperviseError::State {
                run: run.id.clone(),
                state,
                wanted: "stopped",
            });
        }
        let active = [RunState::Starting, RunState::Running, RunState::Resuming];
        run.advance(&active, RunState::Stopping, Some(format!("told by {by}")));
        run.order(Order::Stop);
        Ok(run.status())
    }

    /// The runs that take bars pushed to this feed.
    #[must_use]
    pub fn takers(&self, feed: &str) -> Vec<Taker> {
        let runs = self.inner.runs();
        let all = runs.all.values().filter(|one| one.takes_pushes_of(feed));
        all.cloned().map(Taker).collect()
    }

    /// Begins no run any more, and gives every run that is under way this order.
    pub fn end(&self, order: Order) {
        let mut runs = self.inner.runs();
        runs.is_ending = true;
        for run in runs.all.values() {
            run.order(order);
        }
    }

    /// Waits until no run is under way; false if `time` went by before.
    #[must_use]
    pub fn wait(&self, time: Duration) -> bool {
        let runs = self.inner.runs();
        let busy = |runs: &mut Runs| runs.threads > 0;
        let waited = self.inner.ended.wait_timeout_while(runs, time, busy);
        let (runs, _) = waited.unwrap_or_else(PoisonError::into_inner);
        runs.threads == 0
    }
}

fn check_grant(grant: &Grant, run: &str) -> Result<(), SuperviseError> {
    let granted = hex::encode(grant.run());
    if granted == run {
        return Ok(());
    }
    Err(SuperviseError::OtherGrant {
        granted,
        run: run.to_owned(),
    })
}
