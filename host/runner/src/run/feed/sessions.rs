//! Session ends that a stream sent and that no slice holds yet. It must never know what the end of a session does.

use std::collections::BTreeSet;

use counterfoil_trading::corporate::{CorporateAction, CorporateActionKind};
use counterfoil_trading::instrument::InstrumentId;
use counterfoil_trading::slice::{Slice, SliceError};
use counterfoil_trading::time::UnixNanos;

/// Session ends that may wait for a slice, a bound on memory: six for each of the most instruments of a run.
const WAITING_MAX: usize = 65_536;

/// The end of one instrument's session.
pub(super) type SessionEnd = (UnixNanos, InstrumentId);

/// Session ends by time.
#[derive(Debug, Default)]
pub(super) struct SessionEnds {
    waiting: BTreeSet<SessionEnd>,
    /// Session ends in the journal of a resumed run.
    recorded: BTreeSet<SessionEnd>,
    /// The close time of the last slice whose actions are settled. An end before it comes too late.
    settled: Option<UnixNanos>,
}

impl SessionEnds {
    pub(super) fn new(recorded: BTreeSet<SessionEnd>, settled: Option<UnixNanos>) -> Self {
        Self {
            waiting: BTreeSet::new(),
            recorded,
            settled,
        }
    }

    /// Adds session ends of one time; false if all of them are known.
    pub(super) fn add(&mut self, ends: &[SessionEnd]) -> Result<bool, String> {
        let new = |end: &&SessionEnd| !self.recorded.contains(end) && !self.waiting.contains(end);
        // A reconnected feed repeats its session ends. Counted twice, one would expire the day orders of the session
        // that follows.
        let new: Vec<SessionEnd> = ends.iter().filter(new).copied().collect();
        let is_late = |(time, _): &SessionEnd| self.settled.is_some_and(|settled| *time < settled);
        if new.iter().any(is_late) {
            return Err("its slice has ended".to_owned());
        }
        // Without a bar the ends wait for ever, so a stream of nothing else would fill the memory.
        if self.waiting.len().saturating_add(new.len()) > WAITING_MAX {
            return Err(format!(
                "more than {WAITING_MAX} ends of sessions wait for a bar"
            ));
        }
        self.waiting.extend(&new);
        Ok(!new.is_empty())
    }

    /// Moves the ends before the slice's close time into it. An end at the close time belongs to the next slice.
    pub(super) fn join(&mut self, slice: &mut Slice) -> Result<(), SliceError> {
        let Some(close) = slice.close_time() else {
            return Ok(());
        };
        self.settled = Some(close);
        while let Some((ex_time, instrument)) = self.waiting.pop_first() {
            if ex_time >= close {
                self.waiting.insert((ex_time, instrument));
                break;
            }
            slice.add_action(CorporateAction {
                instrument,
                ex_time,
                kind: CorporateActionKind::SessionEnd,
            })?;
        }
        Ok(())
    }
}
