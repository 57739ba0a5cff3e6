//! When the venue's books are looked at, and what is written down of it: at start, after each lost
//! connection, when somebody else traded, and now and then.

use counterfoil_trading::gateway::{
    OrderLogRecord, ReconcileTrigger, Reconciliation, VenueDifference,
};
use counterfoil_trading::record::{RunStop, StopCause};
use counterfoil_trading::slice::Slice;
use counterfoil_trading::strategy::AccountView;
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::venue::VenueError;

use super::client::VenueClient;
use super::paper::{Heard, Market};
use super::{BookTerms, Gateway, GatewayError};
use crate::clock;
use crate::orders::reconcile::{Baseline, Found, Holdings, compare, ours};

/// What is known of the venue's books.
#[derive(Debug)]
pub(super) struct Watch {
    terms: BookTerms,
    baseline: Option<Baseline>,
    /// When they were looked at last in this process.
    last: Option<UnixNanos>,
}

impl Watch {
    /// With the books as they were when the run began, if it began before this process.
    pub(super) fn new(terms: BookTerms, began: Option<Reconciliation>) -> Self {
        let mut watch = Self {
            terms,
            baseline: None,
            last: None,
        };
        if let Some(began) = began {
            watch.begin(began);
        }
        watch
    }

    fn begin(&mut self, began: Reconciliation) {
        let cash = began.cash.minus(self.terms.cash);
        self.baseline = cash.map(|cash| Baseline {
            cash,
            positions: began.positions,
        });
    }

    /// Whether and why it is time to look.
    fn due(&self, heard: &Heard, now: UnixNanos) -> Option<ReconcileTrigger> {
        let Some(last) = self.last else {
            return Some(ReconcileTrigger::Start);
        };
        if heard.is_back {
            return Some(ReconcileTrigger::Reconnect);
        }
        if heard.is_foreign {
            return Some(ReconcileTrigger::ForeignOrder);
        }
        let passed = now.0.saturating_sub(last.0);
        (passed >= self.terms.interval_nanos).then_some(ReconcileTrigger::Timer)
    }
}

impl<V: VenueClient + Market> Gateway<V> {
    /// Looks at the venue's books as a run begins, and writes down what the account holds besides it.
    /// A run that goes on has that in its log.
    ///
    /// # Errors
    ///
    /// Returns [`GatewayError`] if the books cannot be read, or the log cannot be written.
    pub fn begin(&mut self) -> Result<(), GatewayError> {
        if self.watch.baseline.is_some() {
            return Ok(());
        }
        let Some((theirs, heard)) = self.venue.look()? else {
            return Ok(());
        };
        if let Some(stop) = heard.stop {
            return Err(GatewayError::Books {
                reason: stop.message,
            });
        }
        if let Some((name, _)) = theirs.foreign.first_key_value() {
            return Err(GatewayError::Books {
                reason: format!("the account has an open order {name} in an instrument of the run"),
            });
        }
        let record = record_of(ReconcileTrigger::Baseline, &theirs);
        self.log
            .append(&OrderLogRecord::Reconciled(record.clone()))?;
        self.watch.begin(record);
        self.watch.last = Some(clock::now());
        Ok(())
    }

    /// Before a slice: takes in what the venue said, and looks at its books where it is time.
    pub(super) fn check_books(
        &mut self,
        slice: &Slice,
        account: &AccountView<'_>,
    ) -> Result<Option<RunStop>, VenueError> {
        if self.venue.is_recorded(slice) {
            return Ok(None);
        }
        let heard = self.venue.listen()?;
        if heard.stop.is_some() {
            return Ok(heard.stop);
        }
        let Some(occasion) = self.watch.due(&heard, clock::now()) else {
            return Ok(None);
        };
        let Some((theirs, heard)) = self.venue.look()? else {
            return Ok(None);
        };
        if heard.stop.is_some() {
            return Ok(heard.stop);
        }
        self.hold(occasion, account, &theirs)
            .map_err(|error| VenueError {
                reason: error.to_string(),
            })
    }

    /// Holds the venue's books against the run's and writes down both what they hold and each
    /// difference; the run must end if one is not tolerated.
    fn hold(
        &mut self,
        occasion: ReconcileTrigger,
        account: &AccountView<'_>,
        theirs: &Holdings,
    ) -> Result<Option<RunStop>, GatewayError> {
        let terms = &self.watch.terms;
        let instruments = &terms.instruments;
        let none = || GatewayError::Books {
            reason: "an amount does not fit".to_owned(),
        };
        let baseline = self.watch.baseline.as_ref().ok_or(GatewayError::Books {
            reason: "the order log does not say what the account held when the run began"
                .to_owned(),
        })?;
        // What was withheld is told with the next slice as well.
        let mut pending = self.withheld.clone();
        pending.extend_from_slice(self.venue.pending());
        let expected = ours(account, &pending, instruments).ok_or_else(none)?;
        let tolerance = terms.cash_tolerance;
        let found = compare(&expected, theirs, (baseline, tolerance), instruments);
        let found = found.ok_or_else(none)?;
        let record = record_of(occasion, theirs);
        let time = record.time;
        self.log.append(&OrderLogRecord::Reconciled(record))?;
        self.watch.last = Some(time);
        for one in &found {
            self.log
                .append(&OrderLogRecord::Difference(VenueDifference {
                    what: one.what.clone(),
                    ours: one.ours.clone(),
                    theirs: one.theirs.clone(),
                    explanation: one.explanation.to_owned(),
                    tolerance: one.tolerance.clone(),
                    time,
                }))?;
        }
        let beyond = found.iter().find(|one| !one.is_tolerated);
        Ok(beyond.map(stop_for))
    }
}

fn record_of(occasion: ReconcileTrigger, theirs: &Holdings) -> Reconciliation {
    Reconciliation {
        occasion,
        cash: theirs.cash,
        positions: theirs.positions.clone(),
        open_orders: u64::try_from(theirs.open.len()).unwrap_or(u64::MAX),
        time: clock::now(),
    }
}

fn stop_for(found: &Found) -> RunStop {
    RunStop {
        cause: StopCause::VenueDiffers,
        message: format!(
            "{}: {} by the run's books, {} by the venue's; tolerated: {}; it may be {}",
            found.what, found.ours, found.theirs, found.tolerance, found.explanation
        ),
    }
}
