//! The one loop. Backtest, live and replay call it with another feed, journal and clock.

use counterfoil_trading::journal::{self, RecordBytes};
use counterfoil_trading::record::{Close, RefusedInput, Stop};
use counterfoil_trading::run::{Clock, Ports, Progress, Run, RunError};
use counterfoil_trading::slice::Slice;
use counterfoil_trading::strategy::Strategy;
use counterfoil_trading::venue::Venue;

use crate::run::feed::{FeedError, FeedItem, SliceFeed};
use crate::run::journal::{JournalError, RunJournal};

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
    /// A slice was taken down the path.
    fn stepped(&mut self, strategy: &mut S, run: &Run);
    /// An input was refused and recorded.
    fn refused(&mut self, input: &RefusedInput);
    /// A bar was skipped because it was decided before.
    fn skipped(&mut self) {}
    /// The host stops the run; the journal gets the record of it next.
    fn stopped(&mut self, _stop: &Stop) {}
}

/// Drives a run from its first slice to its closing record.
///
/// # Errors
///
/// Returns [`DriveError`] if feed, venue, journal or host cannot go on; the journal then has no
/// closing record.
pub fn drive<F, S, V, J, C>(
    feed: &mut F,
    run: &mut Run,
    ports: &mut Ports<'_, S, V, J, C>,
    observer: &mut dyn RunObserver<S>,
) -> Result<Close, DriveError>
where
    F: SliceFeed,
    S: Strategy,
    V: Venue,
    J: RunJournal,
    C: Clock,
{
    let mut slice = Slice::default();
    loop {
        match feed.next(&mut slice)? {
            FeedItem::End => break,
            FeedItem::Known => observer.skipped(),
            FeedItem::Nothing => {}
            FeedItem::Stop(stop) => {
                observer.stopped(&stop);
                run.halt(stop, ports)?;
                break;
            }
            FeedItem::Refused(input) => {
                let mut body = Vec::new();
                input.encode(&mut body);
                append_outside(&body, ports.journal)?;
                observer.refused(&input);
            }
            FeedItem::Slice => {
                let account = run.account_view();
                let differs = ports.venue.reconcile(&slice, &account);
                if let Some(stop) = differs.map_err(RunError::Venue)? {
                    run.halt(stop, ports)?;
                    break;
                }
                ports.clock.receive();
                let progress = run.step(&slice, ports)?;
                observer.stepped(ports.strategy, run);
                if progress == Progress::Faulted {
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
pub fn close<J: RunJournal>(run: &mut Run, journal: &mut J) -> Result<Close, DriveError> {
    let digest = journal.digest()?;
    Ok(run.close(&digest, journal)?)
}

/// Appends a record that stands outside the decision digest.
pub(crate) fn append_outside<J: RunJournal>(
    body: &[u8],
    journal: &mut J,
) -> Result<(), JournalError> {
    let record = RecordBytes {
        body,
        digested: None,
        is_decision: false,
    };
    let _receipt = journal::append(journal, record)?;
    Ok(())
}
