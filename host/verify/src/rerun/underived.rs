//! The last slice of a run that a fault or a crash cut short: some of its bars moved the account
//! and are not in the journal, so that not all of its records can be derived from the journal.

use counterfoil_trading::bar::{ClosedBar, RawBar};
use counterfoil_trading::instrument::InstrumentId;
use counterfoil_trading::record::{Close, CloseReason, Record, digested_part};
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::units::{Price, Volume};

use super::Rerunner;
use crate::differ::first_difference;
use crate::finding::{Cause, Finding};

/// The parts of a record that bars outside the journal can move.
const MOVED: [&str; 5] = [
    "risk verdicts",
    "cash",
    "equity",
    "position",
    "plans and tokens",
];

impl Rerunner {
    /// The guest was at fault on one of the slice's bars: those after it were not decided and
    /// are not in the journal, yet marked and matched.
    pub(super) fn step_faulted(&mut self) -> Result<(), Box<Finding>> {
        let decided = self.slice.bars().len();
        let before = self.digest.clone();
        let Err(finding) = self.play_slice() else {
            return Ok(());
        };
        let moved = matches!(&finding.cause, Cause::Differs { field, .. }
            if MOVED.contains(&field.as_str()) || field.starts_with("delivery "));
        if !moved || decided == self.instruments {
            return Err(finding);
        }
        self.digest = before;
        for place in 0.. {
            let Some((_, body)) = self.bodies.get(place) else {
                break;
            };
            if let Ok(Some(part)) = digested_part(body) {
                self.digest.add(part);
            }
        }
        self.is_left = true;
        self.note_underived(
            "the guest was at fault before all bars of the last slice were decided; its other \
             bars, which also move the account, are not in the journal",
        );
        Ok(())
    }

    /// The guest was at fault before any of the slice's bars was decided.
    pub(super) fn step_undecided(&mut self, time: UnixNanos) -> Result<(), Box<Finding>> {
        // A bar that only says when: nothing is matched against it and nothing is marked at it.
        let bar = ClosedBar::parse(RawBar {
            instrument: InstrumentId(0),
            open_time: UnixNanos(time.0.saturating_sub(1)),
            close_time: time,
            open: Price(1),
            high: Price(1),
            low: Price(1),
            close: Price(1),
            volume: Volume(0),
        });
        if let Ok(bar) = bar {
            let _the_only_bar = self.slice.add(bar);
        }
        self.venue.recorded = Some(core::mem::take(&mut self.recorded));
        self.play_slice()?;
        self.note_underived(
            "the guest was at fault before any bar of the last slice was decided; the bars that \
             its fills come from are not in the journal",
        );
        Ok(())
    }

    /// Ends the last slice of a journal without a closing record, if it can be told that it is
    /// whole.
    pub(crate) fn finish(&mut self) -> Result<(), Box<Finding>> {
        let whole = self.slice.bars().len() == self.instruments && !self.script.ends_in_fault();
        if whole {
            return self.step();
        }
        self.note_underived("the journal ends within this slice");
        Ok(())
    }

    fn note_underived(&mut self, why: &str) {
        if let Some((index, _)) = self.bodies.get(0) {
            self.underived = Some((index, why.to_owned()));
        }
    }

    /// Compares what can be told of a closing record when the account at the end is not known.
    pub(super) fn close_left(
        &self,
        index: u64,
        body: &[u8],
        recorded: &Close,
    ) -> Result<(), Box<Finding>> {
        let expected = Close {
            reason: CloseReason::Fault,
            decision_digest: self.digest.value(),
            ..recorded.clone()
        };
        let mut canonical = Vec::new();
        expected.encode(&mut canonical);
        if canonical == body {
            return Ok(());
        }
        let (journal, rules) = (Record::Close(recorded.clone()), Record::Close(expected));
        let describe = self.names.describe();
        let cause = Cause::Differs {
            field: first_difference(&journal, &rules),
            journal: describe.record(&journal),
            rules: describe.record(&rules),
        };
        Err(self.names.finding(index, Some(body), cause))
    }
}
