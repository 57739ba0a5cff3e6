//! The thread of one run, from its component to the state it ends in. It must never leave a run
//! listed as active when its thread has ended.

use core::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::PoisonError;

use counterfoil_journal::salt::LogSigner;
use counterfoil_trading::record::{CloseReason, RunStop};

use counterfoil_governance::act::RunResume;
use counterfoil_governance::id::Id;
use counterfoil_governance::rule::AccessDenial;
use counterfoil_runner::orders::gateway::order_log::{OrderLogError, orders_head};
use counterfoil_runner::run::component::{ComponentError, PreparedComponent, SharedComponent};
use counterfoil_runner::run::end_cause::RunEndCause;
use counterfoil_runner::run::execute::{ExecuteError, ExecutionOutcome, LiveContext};
use counterfoil_runner::run::live::live_in_context;
use counterfoil_runner::run::resume::{
    self, ResumeDeps, ResumeError, ResumeEvent, ResumeOutcome, Resumption,
};
use counterfoil_runner::run::run_end::run_end;
use counterfoil_runner::store::data_dir::{DataDir, Execution};

use super::config::SupervisorConfig;
use super::error::SuperviseError;
use super::feeds::{self, FeedOpenError};
use super::inlet::EndCommand;
use super::run::{SupervisedObserver, SupervisedRun};
use super::run_file::{RestartIntent, RunFile};
use super::status::RunState;
use super::supervised_feed::SupervisedFeed;

/// A run that is ready to begin.
pub(super) struct ReadyRun {
    pub(super) component: SharedComponent,
    pub(super) signer: Box<dyn LogSigner + Send>,
    pub(super) conditions: LiveContext,
    pub(super) begin: RunBeginning,
}

/// How a run begins.
pub(super) enum RunBeginning {
    /// With its first bar, from an opened feed.
    Anew(feeds::OpenedFeed),
    /// Where the journal of this execution ends.
    Resume {
        execution: Execution,
        /// Who asked; `None` where this process resumes what it found open.
        asked_by: Option<Id>,
    },
}

/// How the run ended.
enum ThreadEnd {
    Closed(Box<ExecutionOutcome>),
    ClosedBefore,
    Halted(String),
}

/// Why the run could not continue.
#[derive(Debug, thiserror::Error)]
enum RunThreadError {
    #[error(transparent)]
    Run(Box<ExecuteError>),
    #[error(transparent)]
    Resume(Box<ResumeError>),
    #[error(transparent)]
    Component(#[from] ComponentError),
    #[error(transparent)]
    Feed(#[from] FeedOpenError),
    #[error(transparent)]
    Orders(#[from] OrderLogError),
    #[error("the resumption is not recorded in the ledger: {0}")]
    Record(#[from] AccessDenial),
}

impl From<ExecuteError> for RunThreadError {
    fn from(error: ExecuteError) -> Self {
        Self::Run(Box::new(error))
    }
}

/// Runs a run to its end, and records the end.
pub(super) fn run_to_end(settings: &SupervisorConfig, run: &SupervisedRun, ready: ReadyRun) {
    let data = &settings.data;
    let key = ready.signer.verifying_key();
    // A panic of one run must not end the process: the other runs would lose their threads with
    // orders at their venues.
    let done = catch_unwind(AssertUnwindSafe(|| carry_out(settings, run, ready)));
    // Before anything is recorded: senders that wait for this run are released even if the disk is
    // full.
    let left = run.inlet.end();
    let (state, reason) = end_state(done, run);
    let reason = match (reason, left) {
        (Some(reason), 1..) => Some(format!("{reason}; {left} queued lines were not read")),
        (reason, _) => reason,
    };
    // The ledger before the run file: a crash in between leaves the run file as "running", and the
    // next start recovers the end from the ledger.
    let reason = match record(settings, run, &key) {
        Err(error) => Some(with_more(
            reason,
            &format!("the end is not recorded in the ledger: {error}"),
        )),
        Ok(()) => reason,
    };
    let reason = match write_end(data, run, state, reason.clone()) {
        Ok(()) => reason,
        Err(error) => Some(with_more(reason, &error.to_string())),
    };
    run.enter(state, reason);
}

/// A reason with one more sentence.
fn with_more(reason: Option<String>, more: &str) -> String {
    match reason {
        Some(reason) => format!("{reason}; {more}"),
        None => more.to_owned(),
    }
}

/// The state of a run whose thread came to this end.
fn end_state(
    done: std::thread::Result<Result<ThreadEnd, RunThreadError>>,
    run: &SupervisedRun,
) -> (RunState, Option<String>) {
    match done {
        Ok(Ok(ThreadEnd::Closed(outcome))) => {
            run.close(outcome.close.decision_digest);
            closed(outcome.close.reason, run)
        }
        Ok(Ok(ThreadEnd::ClosedBefore)) => {
            let reason = "its journal was closed before".to_owned();
            (RunState::Stopped, Some(reason))
        }
        Ok(Ok(ThreadEnd::Halted(reason))) => (RunState::Halted, Some(reason)),
        Ok(Err(RunThreadError::Run(error))) if matches!(*error, ExecuteError::NotStarted(_)) => {
            not_started(&error)
        }
        Ok(Err(error)) => match run.inlet.commanded() {
            Some(EndCommand::Kill) => (
                RunState::Killed,
                Some(format!(
                    "killed; journal left open, resume with `counterfoil run resume`: {error}"
                )),
            ),
            Some(EndCommand::Suspend) => (
                RunState::Suspended,
                Some("the process is shutting down".to_owned()),
            ),
            Some(EndCommand::Stop) | None => (RunState::Halted, Some(error.to_string())),
        },
        Err(_) => (
            RunState::Halted,
            Some("the run's thread panicked".to_owned()),
        ),
    }
}

/// Records the end of a run whose journal is closed, or never began, in the ledger. An open journal is left as it is.
pub(super) fn record(
    settings: &SupervisorConfig,
    run: &SupervisedRun,
    key: &[u8; 32],
) -> Result<(), SuperviseError> {
    if let Some(end) = run_end(&settings.data, &run.id, key)? {
        run.close(end.decisions);
        settings.records.end(end)?;
    }
    Ok(())
}

/// The state of a run that a stop ended or kept from starting.
fn stopped(stop: &RunStop, otherwise: RunState) -> (RunState, Option<String>) {
    let state = if stop.cause.is_kill() {
        RunState::Killed
    } else {
        otherwise
    };
    let reason = RunEndCause::Stopped(stop.clone()).to_string();
    (state, Some(reason))
}

fn not_started(error: &ExecuteError) -> (RunState, Option<String>) {
    if let ExecuteError::NotStarted(stop) = error {
        return stopped(stop, RunState::Halted);
    }
    (RunState::Halted, Some(error.to_string()))
}

fn closed(reason: CloseReason, run: &SupervisedRun) -> (RunState, Option<String>) {
    let commanded = run.inlet.commanded();
    match reason {
        CloseReason::Fault => (
            RunState::Faulted,
            Some("the strategy was at fault".to_owned()),
        ),
        CloseReason::EndOfData if commanded.is_some() => {
            (RunState::Stopped, Some("stopped by an operator".to_owned()))
        }
        CloseReason::EndOfData => (RunState::Stopped, Some("the feed ended".to_owned())),
        CloseReason::Stopped => match run.stopped() {
            Some(stop) => stopped(&stop, RunState::Stopped),
            None => (RunState::Stopped, Some("stopped by the host".to_owned())),
        },
    }
}

/// Writes what becomes of the run at the next start, unless the run file states already how it
/// ended.
pub(super) fn write_intent(
    data: &DataDir,
    run: &SupervisedRun,
    state: RunState,
    reason: Option<String>,
) -> Result<(), SuperviseError> {
    let is_final = run
        .has_final_file
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    if *is_final {
        return Ok(());
    }
    write(data, run, state, reason)
}

/// Writes how the run ended. A command that arrives later does not change that.
fn write_end(
    data: &DataDir,
    run: &SupervisedRun,
    state: RunState,
    reason: Option<String>,
) -> Result<(), SuperviseError> {
    let mut is_final = run
        .has_final_file
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    // Under the lock of `write_intent`: a kill that arrives while the run closes must not overwrite
    // its end with "killed".
    *is_final = run.is_closed();
    write(data, run, state, reason)
}

fn write(
    data: &DataDir,
    run: &SupervisedRun,
    state: RunState,
    reason: Option<String>,
) -> Result<(), SuperviseError> {
    let manifest = run.manifest.canonical()?;
    let mut file = RunFile::new(manifest, run.feed.clone(), run.by.to_string());
    // A halted or killed run does not resume by itself: without a person's look at the cause it could halt, or
    // trade wrongly, at every restart.
    let resumes = state.is_active() || matches!(state, RunState::Suspended | RunState::Interrupted);
    if !resumes {
        file.intent = RestartIntent::Ended;
    }
    file.state = Some(state.name().to_owned());
    file.reason = reason;
    file.decision_digest = run.decision_digest();
    Ok(file.write(data, &run.id)?)
}

fn carry_out(
    settings: &SupervisorConfig,
    run: &SupervisedRun,
    ready: ReadyRun,
) -> Result<ThreadEnd, RunThreadError> {
    let (data, venues) = (&settings.data, &settings.venues);
    let starting = [RunState::Starting];
    let key = ready.signer.verifying_key();
    let ReadyRun {
        component,
        signer,
        conditions,
        begin,
    } = ready;
    match begin {
        RunBeginning::Anew(feed) => {
            let component = PreparedComponent::share(&component, &run.manifest, &run.setup)?;
            let (bars, _thread) = feed.start(run, None)?;
            run.advance(&starting, RunState::Running, None);
            let mut observer = SupervisedObserver(run);
            let done = live_in_context(
                data,
                conditions,
                &run.manifest,
                &component,
                signer,
                bars,
                &mut observer,
            )?;
            Ok(ThreadEnd::Closed(Box::new(done)))
        }
        RunBeginning::Resume {
            execution,
            asked_by,
        } => {
            run.advance(&starting, RunState::Resuming, None);
            let resumption = match resume::open(data, &execution, signer) {
                Ok(resume::ResumeAttempt::Ready(resumption)) => resumption,
                Ok(resume::ResumeAttempt::Blocked(halt)) => {
                    return Ok(ThreadEnd::Halted(halt.to_string()));
                }
                // A crash after the closing record: only the end is left to record.
                Err(ResumeError::Ended { .. }) => return Ok(ThreadEnd::ClosedBefore),
                Err(error) => return Err(RunThreadError::Resume(Box::new(error))),
            };
            // Its start was recorded and its journal not begun: it ends as not started.
            if resumption.resume_point().records == 0 {
                let run = run.id.hex();
                let error = SuperviseError::DidNotStart { run };
                return Ok(ThreadEnd::Halted(error.to_string()));
            }
            let component = resumption.share(&component)?;
            let feed = feeds::open(data, venues, &run.manifest, &run.feed)?;
            // Before anything is sent, and after everything that can be checked without sending.
            settings.records.resume(RunResume {
                run: run.id,
                execution: execution.number,
                journal: resumption.journal_head(),
                orders: orders_head(&execution, &key)?.head,
                asked_by,
            })?;
            let (bars, _thread) = feed.start(run, resumption.last_close())?;
            continue_run(data, run, resumption, &component, conditions, bars)
        }
    }
}

/// Continues a run after the last record of its journal.
fn continue_run(
    data: &DataDir,
    run: &SupervisedRun,
    resumption: Box<Resumption>,
    component: &PreparedComponent,
    conditions: LiveContext,
    bars: SupervisedFeed<'_>,
) -> Result<ThreadEnd, RunThreadError> {
    let mut on_event = |event: &ResumeEvent| {
        // Running only once every recorded decision came out the same: until then nothing may be
        // sent.
        if let ResumeEvent::Compared { records } = event {
            let reason = format!("{records} replayed records match");
            run.advance(&[RunState::Resuming], RunState::Running, Some(reason));
        }
    };
    let deps = ResumeDeps {
        data,
        component,
        observer: &mut SupervisedObserver(run),
        on_event: &mut on_event,
    };
    match resumption.live_in_context(conditions, bars, deps)? {
        ResumeOutcome::Ended { outcome, .. } => Ok(ThreadEnd::Closed(outcome)),
        ResumeOutcome::Blocked(halt) => Ok(ThreadEnd::Halted(halt.to_string())),
    }
}
