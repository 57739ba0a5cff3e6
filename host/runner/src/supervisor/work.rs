//! What the thread of one run does, from its component to the state it ends in. It must never
//! leave a run that is said to be under way when it is not.

use core::panic::AssertUnwindSafe;
use std::io;
use std::panic::catch_unwind;

use counterfoil_journal::signer::Signer;
use counterfoil_trading::record::CloseReason;

use super::feeds::{self, OpenError};
use super::inlet::{Order, Outlet};
use super::kept::{Kept, Meant};
use super::run::{Supervised, Watch};
use super::status::RunState;
use crate::component::Shared;
use crate::data_dir::{DataDir, Execution};
use crate::error::RunnerError;
use crate::execute::{Outcome, Prepared};
use crate::feed::{LineSource, Treatment};
use crate::live::live_prepared;
use crate::resume::{self, Around, Notice, Resumed};

/// A run that is ready to begin.
pub(super) struct Ready {
    pub(super) component: Shared,
    pub(super) signer: Box<dyn Signer + Send>,
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
    Closed(Box<Outcome>),
    ClosedBefore,
    Halted(String),
}

/// Why it did not end well.
#[derive(Debug, thiserror::Error)]
enum WorkError {
    #[error(transparent)]
    Runner(Box<RunnerError>),
    #[error(transparent)]
    Feed(#[from] OpenError),
}

impl From<RunnerError> for WorkError {
    fn from(error: RunnerError) -> Self {
        Self::Runner(Box::new(error))
    }
}

/// Takes a run to its end, and notes what became of it.
pub(super) fn work(data: &DataDir, run: &Supervised, ready: Ready) {
    let done = catch_unwind(AssertUnwindSafe(|| take(data, run, ready)));
    let left = run.inlet.end();
    let (state, reason) = match done {
        Ok(Ok(End::Closed(outcome))) => {
            run.close(outcome.close.decision_digest);
            closed(outcome.close.reason, run.inlet.ordered())
        }
        Ok(Ok(End::ClosedBefore)) => (
            RunState::Stopped,
            Some("its journal was closed before".to_owned()),
        ),
        Ok(Ok(End::Halted(reason))) => (RunState::Halted, Some(reason)),
        Ok(Err(error)) => match run.inlet.ordered() {
            Some(Order::Kill) => (RunState::Killed, Some("somebody killed it".to_owned())),
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
    let reason = match keep(data, run, state, reason.clone()) {
        Ok(()) => reason,
        Err(error) => Some(format!("{}; {error}", reason.unwrap_or_default())),
    };
    run.enter(state, reason);
}

fn closed(reason: CloseReason, ordered: Option<Order>) -> (RunState, Option<String>) {
    match reason {
        CloseReason::Fault => (
            RunState::Faulted,
            Some("the strategy was at fault".to_owned()),
        ),
        CloseReason::EndOfData if ordered.is_some() => {
            (RunState::Stopped, Some("it was told to stop".to_owned()))
        }
        CloseReason::EndOfData => (RunState::Stopped, Some("the feed ended".to_owned())),
        CloseReason::Stopped => (
            RunState::Stopped,
            Some("the host stopped it; its journal says why".to_owned()),
        ),
    }
}

/// Notes what is meant to become of the run when the process starts again.
pub(super) fn keep(
    data: &DataDir,
    run: &Supervised,
    state: RunState,
    reason: Option<String>,
) -> Result<(), super::SuperviseError> {
    let manifest = run.manifest.canonical().map_err(RunnerError::from)?;
    let mut kept = Kept::new(manifest, run.feed.clone(), run.by.to_string());
    let goes_on = state.is_active() || matches!(state, RunState::Suspended | RunState::Interrupted);
    if !goes_on {
        kept.meant = Meant::Ended;
    }
    kept.state = Some(state.name().to_owned());
    kept.reason = reason;
    Ok(kept.write(data, &run.id)?)
}

fn take(data: &DataDir, run: &Supervised, ready: Ready) -> Result<End, WorkError> {
    let starting = [RunState::Starting];
    match ready.begin {
        Begin::Anew(feed) => {
            let component = Prepared::share(&ready.component, &run.manifest, &run.setup)?;
            let outlet = Outlet::new(run.inlet.clone());
            let _line = feed.begin(&run.inlet, None)?;
            run.advance(&starting, RunState::Running, None);
            let mut watch = Watch(run);
            let done = live_prepared(
                data,
                &run.manifest,
                &component,
                ready.signer,
                (outlet, None),
                &mut watch,
            )?;
            Ok(End::Closed(Box::new(done)))
        }
        Begin::GoOn(execution) => {
            run.advance(&starting, RunState::Resuming, None);
            go_on(data, run, &ready.component, ready.signer, &execution)
        }
    }
}

fn go_on(
    data: &DataDir,
    run: &Supervised,
    component: &Shared,
    signer: Box<dyn Signer + Send>,
    execution: &Execution,
) -> Result<End, WorkError> {
    let resumption = match resume::open(data, execution, signer) {
        Ok(resume::Opened::Ready(resumption)) => resumption,
        Ok(resume::Opened::Halted(halt)) => return Ok(End::Halted(halt.to_string())),
        Err(RunnerError::RunEnded { .. }) => return Ok(End::ClosedBefore),
        Err(error) => return Err(error.into()),
    };
    let component = resumption.share(component)?;
    let outlet = Begun {
        outlet: Outlet::new(run.inlet.clone()),
        run,
    };
    let feed = feeds::open(data, &run.manifest, &run.feed)?;
    let _line = feed.begin(&run.inlet, resumption.last_close())?;
    let resuming = [RunState::Resuming];
    let mut tell = |notice: &Notice| {
        if let Notice::Compared { records } = notice {
            let reason = format!("{records} records came out as recorded");
            run.advance(&resuming, RunState::Running, Some(reason));
        }
    };
    let around = Around {
        data,
        component: &component,
        observer: &mut Watch(run),
        tell: &mut tell,
    };
    match resumption.live((outlet, None), around)? {
        Resumed::Ended { outcome, .. } => Ok(End::Closed(outcome)),
        Resumed::Halted(halt) => Ok(End::Halted(halt.to_string())),
    }
}

/// Says that a run is under way again once it asks for what its journal does not hold.
struct Begun<'a> {
    outlet: Outlet,
    run: &'a Supervised,
}

impl LineSource for Begun<'_> {
    fn next_line(&mut self, line: &mut Vec<u8>) -> io::Result<bool> {
        let resuming = [RunState::Resuming];
        self.run.advance(&resuming, RunState::Running, None);
        self.outlet.next_line(line)
    }

    fn treated(&mut self, treatment: Treatment) {
        self.outlet.treated(treatment);
    }
}
