//! What the thread of one run does, from its component to the state it ends in. It must never
//! leave a run that is said to be under way when it is not.

use core::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::{Arc, PoisonError};

use counterfoil_journal::signer::Signer;
use counterfoil_trading::record::{CloseReason, RunStop, StopCause};

use super::Settings;
use super::feeds::{self, OpenError};
use super::inlet::Order;
use super::kept::{Kept, Meant};
use super::run::{Supervised, Watch};
use super::status::RunState;
use crate::orders::venues::Venues;
use crate::run::component::{ComponentError, PreparedComponent, SharedComponent};
use crate::run::execute::{ExecuteError, ExecutionOutcome, LiveContext};
use crate::run::live::live_in_context;
use crate::run::resume::{self, ResumeDeps, ResumeError, ResumeEvent, ResumeOutcome};
use crate::run::run_end::run_end;
use crate::store::data_dir::{DataDir, Execution};

/// A run that is ready to begin.
pub(super) struct Ready {
    pub(super) component: SharedComponent,
    pub(super) signer: Box<dyn Signer + Send>,
    pub(super) conditions: LiveContext,
    pub(super) begin: Begin,
}

/// How it begins.
pub(super) enum Begin {
    /// With its first bar, from a feed that was opened.
    Anew(feeds::Opened),
    /// Where its journal ends.
    GoOn(Execution),
}

/// How it ended.
enum End {
    Closed(Box<ExecutionOutcome>),
    ClosedBefore,
    Halted(String),
}

/// Why it did not end well.
#[derive(Debug, thiserror::Error)]
enum WorkError {
    #[error(transparent)]
    Run(Box<ExecuteError>),
    #[error(transparent)]
    Resume(Box<ResumeError>),
    #[error(transparent)]
    Component(#[from] ComponentError),
    #[error(transparent)]
    Feed(#[from] OpenError),
}

impl From<ExecuteError> for WorkError {
    fn from(error: ExecuteError) -> Self {
        Self::Run(Box::new(error))
    }
}

/// Takes a run to its end, and notes what became of it.
pub(super) fn work(settings: &Settings, run: &Supervised, ready: Ready) {
    let data = &settings.data;
    let key = ready.signer.verifying_key();
    let done = catch_unwind(AssertUnwindSafe(|| {
        take((data, &settings.venues), run, ready)
    }));
    let left = run.inlet.end();
    let (state, reason) = match done {
        Ok(Ok(End::Closed(outcome))) => {
            run.close(outcome.close.decision_digest);
            closed(outcome.close.reason, run)
        }
        Ok(Ok(End::ClosedBefore)) => (
            RunState::Stopped,
            Some("its journal was closed before".to_owned()),
        ),
        Ok(Ok(End::Halted(reason))) => (RunState::Halted, Some(reason)),
        Ok(Err(WorkError::Run(error))) if matches!(*error, ExecuteError::NotStarted(_)) => {
            not_started(&error)
        }
        Ok(Err(error)) => match run.inlet.ordered() {
            Some(Order::Kill) => (
                RunState::Killed,
                Some(format!("somebody killed it; its journal is open: {error}")),
            ),
            Some(Order::Suspend) => (RunState::Suspended, Some("the process ends".to_owned())),
            Some(Order::Stop) | None => (RunState::Halted, Some(error.to_string())),
        },
        Err(_) => (
            RunState::Halted,
            Some("the run's thread panicked".to_owned()),
        ),
    };
    let reason = match (reason, left) {
        (Some(reason), 1..) => Some(format!("{reason}; {left} lines that waited were not taken")),
        (reason, _) => reason,
    };
    let is_closed = run.is_closed() || state == RunState::Stopped;
    let reason = match is_closed.then(|| record(settings, run, &key)) {
        Some(Err(error)) => {
            let reason = reason.unwrap_or_default();
            Some(format!("{reason}; its end is not in the ledger: {error}"))
        }
        Some(Ok(())) | None => reason,
    };
    let reason = match settle(data, run, state, reason.clone()) {
        Ok(()) => reason,
        Err(error) => Some(format!("{}; {error}", reason.unwrap_or_default())),
    };
    run.enter(state, reason);
}

/// Records the end of a run whose journal was closed.
fn record(
    settings: &Settings,
    run: &Supervised,
    key: &[u8; 32],
) -> Result<(), super::SuperviseError> {
    let executions = settings.data.executions_of(&run.id)?;
    let Some(execution) = executions.last() else {
        return Ok(());
    };
    if let Some(end) = run_end(execution, key)? {
        run.close(end.decisions.0);
        settings.records.end(end)?;
    }
    Ok(())
}

/// The state of a run that a stop ended or kept from starting.
fn stopped(stop: &RunStop, otherwise: RunState) -> (RunState, Option<String>) {
    let state = match stop.cause {
        StopCause::RunKilled | StopCause::AccountKilled | StopCause::InstallationKilled => {
            RunState::Killed
        }
        StopCause::LimitsMissing
        | StopCause::LimitsUnreadable
        | StopCause::LimitsStale
        | StopCause::LimitsInconsistent
        | StopCause::LeaseLost
        | StopCause::NotPermitted
        | StopCause::ClockOff
        | StopCause::VenueDiffers
        | StopCause::VenueUnclear
        | StopCause::LeaseUnclear
        | StopCause::FeedEnded => otherwise,
    };
    (
        state,
        Some(format!("{}: {}", stop.cause.name(), stop.message)),
    )
}

fn not_started(error: &ExecuteError) -> (RunState, Option<String>) {
    if let ExecuteError::NotStarted(stop) = error {
        return stopped(stop, RunState::Halted);
    }
    (RunState::Halted, Some(error.to_string()))
}

fn closed(reason: CloseReason, run: &Supervised) -> (RunState, Option<String>) {
    let ordered = run.inlet.ordered();
    match reason {
        CloseReason::Fault => (
            RunState::Faulted,
            Some("the strategy was at fault".to_owned()),
        ),
        CloseReason::EndOfData if ordered.is_some() => {
            (RunState::Stopped, Some("it was told to stop".to_owned()))
        }
        CloseReason::EndOfData => (RunState::Stopped, Some("the feed ended".to_owned())),
        CloseReason::Stopped => match run.stopped() {
            Some(stop) => stopped(&stop, RunState::Stopped),
            None => (RunState::Stopped, Some("the host stopped it".to_owned())),
        },
    }
}

/// Notes what is meant to become of the run when the process starts again, unless it is noted
/// already how it ended.
pub(super) fn keep(
    data: &DataDir,
    run: &Supervised,
    state: RunState,
    reason: Option<String>,
) -> Result<(), super::SuperviseError> {
    let is_settled = run.settled.lock().unwrap_or_else(PoisonError::into_inner);
    if *is_settled {
        return Ok(());
    }
    write(data, run, state, reason)
}

/// Notes how the run ended. An order that comes too late for it does not change that.
fn settle(
    data: &DataDir,
    run: &Supervised,
    state: RunState,
    reason: Option<String>,
) -> Result<(), super::SuperviseError> {
    let mut is_settled = run.settled.lock().unwrap_or_else(PoisonError::into_inner);
    *is_settled = run.is_closed();
    write(data, run, state, reason)
}

fn write(
    data: &DataDir,
    run: &Supervised,
    state: RunState,
    reason: Option<String>,
) -> Result<(), super::SuperviseError> {
    let manifest = run.manifest.canonical()?;
    let mut kept = Kept::new(manifest, run.feed.clone(), run.by.to_string());
    let goes_on = state.is_active() || matches!(state, RunState::Suspended | RunState::Interrupted);
    if !goes_on {
        kept.meant = Meant::Ended;
    }
    kept.state = Some(state.name().to_owned());
    kept.reason = reason;
    kept.decision_digest = run.decision_digest().map(hex::encode);
    Ok(kept.write(data, &run.id)?)
}

fn take(
    (data, venues): (&DataDir, &Arc<Venues>),
    run: &Supervised,
    ready: Ready,
) -> Result<End, WorkError> {
    let starting = [RunState::Starting];
    match ready.begin {
        Begin::Anew(feed) => {
            let component = PreparedComponent::share(&ready.component, &run.manifest, &run.setup)?;
            let (bars, _line) = feed.begin(run, None)?;
            run.advance(&starting, RunState::Running, None);
            let mut watch = Watch(run);
            let done = live_in_context(
                data,
                ready.conditions,
                &run.manifest,
                &component,
                ready.signer,
                bars,
                &mut watch,
            )?;
            Ok(End::Closed(Box::new(done)))
        }
        Begin::GoOn(execution) => {
            run.advance(&starting, RunState::Resuming, None);
            let made = (&ready.component, ready.conditions);
            go_on((data, venues), run, made, ready.signer, &execution)
        }
    }
}

fn go_on(
    (data, venues): (&DataDir, &Arc<Venues>),
    run: &Supervised,
    (component, conditions): (&SharedComponent, LiveContext),
    signer: Box<dyn Signer + Send>,
    execution: &Execution,
) -> Result<End, WorkError> {
    let resumption = match resume::open(data, execution, signer) {
        Ok(resume::ResumeAttempt::Ready(resumption)) => resumption,
        Ok(resume::ResumeAttempt::Blocked(halt)) => return Ok(End::Halted(halt.to_string())),
        Err(ResumeError::Ended { .. }) => return Ok(End::ClosedBefore),
        Err(error) => return Err(WorkError::Resume(Box::new(error))),
    };
    let component = resumption.share(component)?;
    let feed = feeds::open((data, venues), &run.manifest, &run.feed)?;
    let (bars, _line) = feed.begin(run, resumption.last_close())?;
    let resuming = [RunState::Resuming];
    let mut tell = |notice: &ResumeEvent| {
        if let ResumeEvent::Compared { records } = notice {
            let reason = format!("{records} records came out as recorded");
            run.advance(&resuming, RunState::Running, Some(reason));
        }
    };
    let around = ResumeDeps {
        data,
        component: &component,
        observer: &mut Watch(run),
        on_event: &mut tell,
    };
    match resumption.live_in_context(conditions, bars, around)? {
        ResumeOutcome::Ended { outcome, .. } => Ok(End::Closed(outcome)),
        ResumeOutcome::Blocked(halt) => Ok(End::Halted(halt.to_string())),
    }
}
