//! Owns several runs, each on threads of its own: starts, stops, kills and resumes them, and shows
//! the status of each. It must never know a network or who may call it.

mod anchoring;
mod anchors;
mod components;
mod config;
mod error;
pub mod events;
pub mod feed_settings;
pub mod feeds;
pub mod inlet;
mod kill;
mod recover_ends;
mod replay;
mod reserved;
mod run;
pub mod run_file;
mod run_thread;
pub mod status;
mod supervised_feed;

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;

use counterfoil_approval::permit::{Grant, PermitWatch};
use counterfoil_base::digest::Digest;
use counterfoil_governance::id::Id;
use counterfoil_runner::orders::kill::KillSwitch;
use counterfoil_runner::run::execute::{ExecuteError, LiveContext};
use counterfoil_runner::run::live;
use counterfoil_trading::manifest::Manifest;

pub use config::{RUNS_MAX, RUNS_PER_ACCOUNT, Signers, SupervisorConfig};
pub use error::SuperviseError;
pub use replay::line_of;
pub use reserved::ReservedRun;
pub use run::FeedSubscriber;

use self::components::ComponentCache;
use self::events::RunEvents;
use self::feed_settings::FeedSettings;
use self::inlet::EndCommand;
use self::run::{RunParts, SharedByRuns, SupervisedRun};
use self::run_file::{RestartIntent, RunFile};
use self::run_thread::{ReadyRun, RunBeginning};
use self::status::{RunState, RunStatus};

/// Several runs. Cloning is cheap.
#[derive(Clone)]
pub struct Supervisor {
    inner: Arc<SupervisorInner>,
}

struct SupervisorInner {
    settings: SupervisorConfig,
    components: ComponentCache,
    shared: SharedByRuns,
    runs: Mutex<RunTable>,
    /// Notified whenever a run's thread ends.
    ended: Condvar,
}

/// The runs of this process, and how many have a thread.
#[derive(Default)]
struct RunTable {
    all: BTreeMap<Digest, Arc<SupervisedRun>>,
    /// Threads of runs that have not ended.
    threads: usize,
    is_ending: bool,
}

impl RunTable {
    /// Whether one more run may start. The number of runs of an account is bounded by its lease.
    fn check_room(&self) -> Result<(), SuperviseError> {
        if self.is_ending {
            return Err(SuperviseError::Ending);
        }
        let active = self.all.values().filter(|run| run.state().is_active());
        let count = active.count();
        if count >= RUNS_MAX {
            return Err(SuperviseError::Full { count });
        }
        Ok(())
    }

    fn find(&self, name: &str) -> Result<Arc<SupervisedRun>, SuperviseError> {
        let prefix = name.strip_prefix("sha256:").unwrap_or(name);
        let fits = |id: &Digest| !prefix.is_empty() && id.hex().starts_with(prefix);
        let mut fits = self.all.iter().filter(|(id, _)| fits(id));
        let Some((first, run)) = fits.next() else {
            let name = name.to_owned();
            return Err(SuperviseError::Unknown { name });
        };
        match fits.next() {
            None => Ok(Arc::clone(run)),
            Some((second, _)) => Err(SuperviseError::Ambiguous {
                name: name.to_owned(),
                first: first.hex(),
                second: second.hex(),
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

/// A run of an earlier process.
#[derive(Clone, Debug)]
pub struct PriorRun {
    pub run: Digest,
    pub manifest: Manifest,
    /// Whether it is to resume.
    pub intent: RestartIntent,
}

impl SupervisorInner {
    fn runs(&self) -> MutexGuard<'_, RunTable> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spawn(
        self: &Arc<Self>,
        run: &Arc<SupervisedRun>,
        ready: ReadyRun,
    ) -> Result<(), SuperviseError> {
        let mut runs = self.runs();
        if runs.is_ending {
            drop(runs);
            run.enter(
                RunState::Suspended,
                Some("the process is shutting down".to_owned()),
            );
            return Err(SuperviseError::Ending);
        }
        // Counted before the thread starts: a shutdown between the two must wait for it.
        runs.threads = runs.threads.saturating_add(1);
        drop(runs);
        let (inner, own) = (Arc::clone(self), Arc::clone(run));
        let spawned = Builder::new().name("run".to_owned()).spawn(move || {
            run_thread::run_to_end(&inner.settings, &own, ready);
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
    pub fn new(settings: SupervisorConfig) -> Self {
        let inner = SupervisorInner {
            settings,
            components: ComponentCache::default(),
            shared: SharedByRuns::default(),
            runs: Mutex::default(),
            ended: Condvar::new(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// The events of all runs.
    #[must_use]
    pub fn events(&self) -> &Arc<RunEvents> {
        &self.inner.shared.events
    }

    /// Prepares a run that was granted, and takes its place.
    ///
    /// # Errors
    ///
    /// Returns [`SuperviseError`] if a requirement is missing or does not match; nothing was
    /// written then.
    pub fn reserve(
        &self,
        grant: &Grant,
        manifest: Manifest,
        feed: FeedSettings,
    ) -> Result<ReservedRun, SuperviseError> {
        let inner = &self.inner;
        let data = &inner.settings.data;
        let setup = manifest.setup()?;
        live::check_manifest(&manifest, &setup)?;
        let id = manifest.run_id()?;
        check_grant(grant, &id)?;
        // A live manifest starts once. A second start, say of a request that was sent twice after a
        // lost response, would trade the same account a second time.
        if !data.executions_of(&id)?.is_empty() {
            return Err(SuperviseError::StartedBefore { run: id.hex() });
        }
        let run = Arc::new(SupervisedRun::new(
            RunParts {
                id,
                account: grant.account().clone(),
                manifest,
                setup,
                feed,
                by: grant.by().clone(),
            },
            &inner.shared,
            RunState::Starting,
        ));
        let mut runs = inner.runs();
        if runs.all.contains_key(&id) {
            return Err(SuperviseError::StartedBefore { run: id.hex() });
        }
        runs.check_room()?;
        // Inserted before the slow part, which the lock does not cover: two requests for one run at
        // once find each other here, and the second is refused.
        runs.all.insert(id, Arc::clone(&run));
        drop(runs);
        match self.make_ready(&run, grant) {
            Ok(ready) => Ok(ReservedRun {
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

    fn make_ready(&self, run: &SupervisedRun, grant: &Grant) -> Result<ReadyRun, SuperviseError> {
        let settings = &self.inner.settings;
        live::check_kill_switches(&settings.data, &run.manifest)?;
        // The lease and the place first: without them everything after is in vain, and another
        // process that holds the account keeps it.
        let conditions = self.conditions(run, grant)?;
        let component = self.component_of(run)?;
        let feed = feeds::open(&settings.data, &settings.venues, &run.manifest, &run.feed)?;
        Ok(ReadyRun {
            component,
            signer: (settings.signers)(),
            conditions,
            begin: RunBeginning::Anew(feed),
        })
    }

    /// The conditions under which a granted run trades its account.
    fn conditions(
        &self,
        run: &SupervisedRun,
        grant: &Grant,
    ) -> Result<LiveContext, SuperviseError> {
        let settings = &self.inner.settings;
        let most = settings.runs_per_account;
        let records = Arc::clone(&settings.records);
        let broker = settings.venues.broker(&run.manifest, &run.setup);
        Ok(LiveContext {
            policy: grant.terms().set.policy,
            in_process_stop: run.stop_signal.clone(),
            permit: Some(Box::new(PermitWatch::new(records, run.manifest.clone()))),
            broker: broker.map_err(Box::new).map_err(ExecuteError::from)?,
            start: grant.start(),
            entry_0: grant.entry_0(),
            heads: run.heads.clone(),
            ..live::live_context(&settings.data, &run.manifest, most)?
        })
    }

    fn component_of(
        &self,
        run: &SupervisedRun,
    ) -> Result<counterfoil_runner::run::component::SharedComponent, SuperviseError> {
        let SupervisorConfig { data, engine, .. } = &self.inner.settings;
        let components = &self.inner.components;
        Ok(components.get(data, &run.manifest, &run.setup, engine)?)
    }

    /// The runs of earlier processes, by run id. They are listed from here on.
    ///
    /// # Errors
    ///
    /// Returns [`SuperviseError`] if a run file cannot be read.
    pub fn prior_runs(&self) -> Result<Vec<PriorRun>, SuperviseError> {
        let mut all = Vec::new();
        for (id, file) in RunFile::all(&self.inner.settings.data)? {
            let manifest = Manifest::parse(&file.manifest)?;
            let parts = RunParts {
                id,
                account: Id::parse(&manifest.account.name)?,
                setup: manifest.setup()?,
                manifest: manifest.clone(),
                feed: file.feed,
                by: Id::parse(&file.by)?,
            };
            let state = match file.intent {
                RestartIntent::Running => RunState::Interrupted,
                RestartIntent::Ended => {
                    let state = file.state.as_deref().and_then(RunState::parse);
                    state.unwrap_or(RunState::Interrupted)
                }
            };
            let run = SupervisedRun::new(parts, &self.inner.shared, state);
            run.enter(state, file.reason);
            // A digest means that the journal is closed: the run is never resumed, whatever else
            // the file says.
            if let Some(digest) = file.decision_digest {
                run.close(digest);
            }
            let mut runs = self.inner.runs();
            // An entry that is there already is live: the state of an old file must not replace it.
            runs.all.entry(id).or_insert_with(|| Arc::new(run));
            all.push(PriorRun {
                run: id,
                manifest,
                intent: file.intent,
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

    /// Resumes a run that was interrupted, suspended, halted or killed. `asked_by` is `None` where this process resumes
    /// what it found open.
    ///
    /// # Errors
    ///
    /// Returns [`SuperviseError`] if it is active or has ended, or a requirement is missing. What
    /// its journal shows becomes its state.
    pub fn resume(
        &self,
        grant: &Grant,
        name: &str,
        asked_by: Option<&Id>,
    ) -> Result<RunStatus, SuperviseError> {
        let inner = &self.inner;
        let old = inner.runs().find(name)?;
        check_grant(grant, &old.id)?;
        let run = Arc::new(SupervisedRun::new(
            RunParts {
                id: old.id,
                account: old.account.clone(),
                manifest: old.manifest.clone(),
                setup: old.setup.clone(),
                feed: old.feed.clone(),
                by: old.by.clone(),
            },
            &inner.shared,
            RunState::Starting,
        ));
        let mut runs = inner.runs();
        let current = runs.all.get(&old.id).map_or(old.state(), |run| run.state());
        // Read again under the lock: another request may have resumed the run since it was found.
        if !current.is_resumable() || old.is_closed() {
            return Err(SuperviseError::State {
                run: old.id.hex(),
                state: current,
                wanted: "resumed",
            });
        }
        runs.check_room()?;
        runs.all.insert(run.id, Arc::clone(&run));
        drop(runs);
        match self.prepare_resume(&run, grant, asked_by) {
            Ok(()) => Ok(run.status()),
            Err(error) => {
                // Back to the state it had, with the reason: the operator can remove the cause and resume it
                // again.
                run.enter(current, Some(error.to_string()));
                Err(error)
            }
        }
    }

    fn prepare_resume(
        &self,
        run: &Arc<SupervisedRun>,
        grant: &Grant,
        asked_by: Option<&Id>,
    ) -> Result<(), SuperviseError> {
        let settings = &self.inner.settings;
        let executions = settings.data.executions_of(&run.id)?;
        let ready = match executions.into_iter().next_back() {
            // The process died after the record of the start and before the folder of the run.
            None => {
                let key = (settings.signers)().verifying_key();
                run_thread::record(settings, run, &key)?;
                let run = run.id.hex();
                return Err(SuperviseError::DidNotStart { run });
            }
            Some(execution) => ReadyRun {
                conditions: {
                    let switch = KillSwitch::new(&settings.data, &run.account, Some(&execution));
                    let stop = switch.active_stop().map_or(Ok(()), Err);
                    // Read before the lease is taken: a killed run stays killed over a restart of
                    // the process, until an operator lifts the switch.
                    stop.map_err(ExecuteError::NotStarted)?;
                    let mut conditions = self.conditions(run, grant)?;
                    if let Some(by) = asked_by {
                        conditions.start.starter = Some(by.to_string());
                    }
                    conditions
                },
                component: self.component_of(run)?,
                signer: (settings.signers)(),
                begin: RunBeginning::Resume {
                    execution,
                    asked_by: asked_by.cloned(),
                },
            },
        };
        run_thread::write_intent(&settings.data, run, RunState::Resuming, None)?;
        self.inner.spawn(run, ready)
    }

    /// The status of every run, by run id.
    #[must_use]
    pub fn list(&self) -> Vec<RunStatus> {
        let all: Vec<_> = self.inner.runs().all.values().cloned().collect();
        all.iter().map(|run| run.status()).collect()
    }

    /// The status of a run, by its id or the first digits of it.
    ///
    /// # Errors
    ///
    /// Returns [`SuperviseError`] if there is none, or more than one.
    pub fn status(&self, name: &str) -> Result<RunStatus, SuperviseError> {
        let run = self.inner.runs().find(name)?;
        Ok(run.status())
    }

    /// Stops a run: it decides what is complete and closes its journal.
    ///
    /// # Errors
    ///
    /// Returns [`SuperviseError`] if there is no such run, or it is not active.
    pub fn stop(&self, name: &str, by: &Id) -> Result<RunStatus, SuperviseError> {
        let run = self.inner.runs().find(name)?;
        let state = run.state();
        if !state.is_active() {
            return Err(SuperviseError::State {
                run: run.id.hex(),
                state,
                wanted: "stopped",
            });
        }
        // The state before the command: the run's thread may end at once, and the state that it enters must be
        // the last.
        let active = [RunState::Starting, RunState::Running, RunState::Resuming];
        run.advance(
            &active,
            RunState::Stopping,
            Some(format!("stopped by {by}")),
        );
        run.command(EndCommand::Stop);
        Ok(run.status())
    }

    /// The runs that accept bars pushed to this feed.
    #[must_use]
    pub fn subscribers(&self, feed: &str) -> Vec<FeedSubscriber> {
        let runs = self.inner.runs();
        let all = runs.all.values().filter(|run| run.takes_pushes_of(feed));
        all.cloned().map(FeedSubscriber).collect()
    }

    /// Starts no run any more, and commands every active run to end.
    pub fn end_all(&self, command: EndCommand) {
        let mut runs = self.inner.runs();
        // Under the same lock as the commands: a run that starts now either gets the command or is
        // refused.
        runs.is_ending = true;
        self.inner.shared.anchoring.end();
        for run in runs.all.values() {
            run.command(command);
        }
    }

    /// Waits until no run is active; false if `time` is over before.
    #[must_use]
    pub fn wait(&self, time: Duration) -> bool {
        let runs = self.inner.runs();
        let busy = |runs: &mut RunTable| runs.threads > 0;
        let waited = self.inner.ended.wait_timeout_while(runs, time, busy);
        let (runs, _) = waited.unwrap_or_else(PoisonError::into_inner);
        runs.threads == 0
    }
}

fn check_grant(grant: &Grant, run: &Digest) -> Result<(), SuperviseError> {
    // A grant carries the account and the terms of its own run: with another run's it would be a way around
    // the ledger.
    if grant.run() == run {
        return Ok(());
    }
    Err(SuperviseError::OtherGrant {
        granted: grant.run().hex(),
        run: run.hex(),
    })
}
