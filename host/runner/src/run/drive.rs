//! The only loop over slices. Backtest, live and resume call it with another feed, journal and clock, and it must never
//! know which of them called.

use counterfoil_os::files::FileError;
use counterfoil_sandbox::guest::{LogLine, TextLosses};
use counterfoil_trading::journal::{self, RecordBytes, RecordSeal};
use counterfoil_trading::record::{Opening, RefusedInput, RunStop};
use counterfoil_trading::run::{ClosedRun, Run, RunClock, RunError, RunPorts, StepOutcome};
use counterfoil_trading::slice::Slice;
use counterfoil_trading::strategy::Strategy;
use counterfoil_trading::venue::Venue;

use crate::run::feed::{FeedError, FeedItem, SliceFeed};
use crate::run::journal::{JournalError, RecordSink, RunJournal};

/// Why a run could not continue. Its journal has no closing record then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DriveError {
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// The venue, the journal or the host failed.
    #[error(transparent)]
    Run(#[from] RunError<JournalError>),
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Receives the progress of a run.
pub trait RunObserver<S> {
    /// A slice was decided.
    fn stepped(&mut self, strategy: &mut S, run: &Run);
    /// An input was refused and recorded.
    fn refused(&mut self, input: &RefusedInput);
    /// A bar was skipped because it is decided already.
    fn skipped(&mut self) {}
    /// The host stops the run. The stop is recorded next.
    fn stopped(&mut self, _stop: &RunStop) {}
    /// The strategy logged these lines in the slice that was decided, and the sandbox cut so much of its texts.
    fn logged(&mut self, _lines: Vec<LogLine>, _losses: TextLosses) {}
    /// Whether what the strategy logs is kept beside the journal.
    fn keeps_log(&self) -> bool {
        true
    }
    /// What takes the records of a new execution while they are sealed, so that nobody has to read them again.
    fn record_sink(&mut self) -> Option<Box<dyn RecordSink>> {
        None
    }
    /// The run's log cannot be written any more. The run goes on.
    fn log_not_kept(&mut self, _error: &FileError) {}
}

/// Drives a run from its first slice to its closing record.
///
/// # Errors
///
/// Returns [`DriveError`] if feed, venue, journal or host cannot continue. The journal has no closing record then.
pub fn drive<F, S, V, J, C>(
    feed: &mut F,
    run: &mut Run,
    ports: &mut RunPorts<'_, S, V, J, C>,
    observer: &mut dyn RunObserver<S>,
) -> Result<ClosedRun, DriveError>
where
    F: SliceFeed,
    S: Strategy,
    V: Venue,
    J: RunJournal,
    C: RunClock,
{
    let mut slice = Slice::default();
    loop {
        match feed.next(&mut slice)? {
            FeedItem::End => break,
            FeedItem::Known => observer.skipped(),
            FeedItem::Nothing => {}
            FeedItem::Stop(stop) => {
                // The observer first: if the process ends before the record, the status still shows the cause,
                // and the resumption meets the same stop and records it.
                observer.stopped(&stop);
                run.halt(stop, ports)?;
                break;
            }
            FeedItem::Refused(input) => {
                // Recorded in front of the slice that it could not join, and outside the decision digest: a feed
                // that sends more garbage must not make a replay differ.
                let mut body = Vec::new();
                input.encode(&mut body);
                append_outside(&body, RecordSeal::Now, ports.journal)?;
                observer.refused(&input);
            }
            FeedItem::Slice => {
                // The venue's books are compared before the slice is decided. A run that missed a fill would
                // decide on a wrong position, and the journal would show it as right.
                let account = run.account_view();
                if let Some(stop) = ports
                    .venue
                    .reconcile(&slice, &account)
                    .map_err(RunError::Venue)?
                {
                    run.halt(stop, ports)?;
                    break;
                }
                // Not before reconciliation, which asks a broker over the network: the wait would count as the
                // strategy's, and the risk gate refuses orders of bars that are decided too late.
                ports.clock.note_receipt();
                let progress = run.step(&slice, ports)?;
                observer.stepped(ports.strategy, run);
                if progress == StepOutcome::Faulted {
                    break;
                }
            }
        }
    }
    close(run, ports.journal)
}

/// Appends the closing record.
///
/// # Errors
///
/// Returns [`DriveError`] if the journal does not take it.
pub fn close<J: RunJournal>(run: &mut Run, journal: &mut J) -> Result<ClosedRun, DriveError> {
    // The digest waits for everything accepted to be written: a closing record never states decisions that a
    // failed write lost.
    let digest = journal.digest()?;
    Ok(run.close(&digest, journal)?)
}

/// Appends what a journal begins with.
///
/// # Errors
///
/// Returns [`JournalError`] if the journal does not take it.
pub fn append_opening<J: RunJournal>(
    opening: &Opening,
    journal: &mut J,
) -> Result<(), JournalError> {
    let bodies = opening.bodies();
    let last = bodies.len().saturating_sub(1);
    for (place, body) in bodies.iter().enumerate() {
        // Signed once it is whole, and at once: an unsigned manifest could be exchanged for another before the first
        // decision's checkpoint. After a crash in the middle there is no checkpoint, and the journal begins anew.
        let seal = if place == last {
            RecordSeal::Now
        } else {
            RecordSeal::Later
        };
        append_outside(body, seal, journal)?;
    }
    Ok(())
}

/// Appends a record outside the decision digest.
fn append_outside<J: RunJournal>(
    body: &[u8],
    seal: RecordSeal,
    journal: &mut J,
) -> Result<(), JournalError> {
    let record = RecordBytes {
        body,
        digested: None,
        seal,
        is_silent: false,
    };
    let _receipt = journal::append(journal, record)?;
    Ok(())
}
