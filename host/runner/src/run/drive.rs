//! The one loop. Backtest, live and replay call it with another feed, journal and clock.

use counterfoil_trading::journal::{self, RecordBytes};
use counterfoil_trading::record::{CloseRecord, RefusedInput, RunStop};
use counterfoil_trading::run::{Run, RunClock, RunError, RunPorts, RunProgress};
use counterfoil_trading::slice::Slice;
use counterfoil_trading::strategy::Strategy;
use counterfoil_trading::venue::Venue;

use crate::error::RunnerError;
use crate::run::feed::{Feed, Next};
use crate::run::journal::{JournalError, RunJournal};

/// What is heard of a run under way.
pub trait Observer<S> {
    /// A slice was taken down the path.
    fn stepped(&mut self, strategy: &mut S, run: &Run);
    /// An input was refused and recorded.
    fn refused(&mut self, input: &RefusedInput);
    /// A bar was skipped because it was decided before.
    fn skipped(&mut self) {}
    /// The host stops the run; the journal gets the record of it next.
    fn stopped(&mut self, _stop: &RunStop) {}
}

/// Drives a run from its first slice to its closing record.
///
/// # Errors
///
/// Returns [`RunnerError`] if feed, venue, journal or host cannot go on; the journal then has no
/// closing record.
pub fn drive<F, S, V, J, C>(
    feed: &mut F,
    run: &mut Run,
    ports: &mut RunPorts<'_, S, V, J, C>,
    observer: &mut dyn Observer<S>,
) -> Result<CloseRecord, RunnerError>
where
    F: Feed,
    S: Strategy,
    V: Venue,
    J: RunJournal,
    C: RunClock,
{
    let mut slice = Slice::default();
    loop {
        match feed.next(&mut slice)? {
            Next::End => break,
            Next::Known => observer.skipped(),
            Next::Nothing => {}
            Next::Stop(stop) => {
                observer.stopped(&stop);
                run.halt(stop, ports)?;
                break;
            }
            Next::Refused(input) => {
                let mut body = Vec::new();
                input.encode(&mut body);
                append_outside(&body, ports.journal)?;
                observer.refused(&input);
            }
            Next::Slice => {
                let account = run.account_view();
                let differs = ports.venue.reconcile(&slice, &account);
                if let Some(stop) = differs.map_err(RunError::Venue)? {
                    run.halt(stop, ports)?;
                    break;
                }
                ports.clock.receive();
                let progress = run.step(&slice, ports)?;
                observer.stepped(ports.strategy, run);
                if progress == RunProgress::Faulted {
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
/// Returns [`RunnerError`] if the journal does not take it.
pub fn close<J: RunJournal>(run: &mut Run, journal: &mut J) -> Result<CloseRecord, RunnerError> {
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
