//! When the venue's books are reconciled, and what is recorded of it: at the start, after each lost
//! connection, after an order of another program, and at intervals.

use counterfoil_trading::gateway::{
    OrderLogRecord, ReconcileTrigger, Reconciliation, VenueDifference,
};
use counterfoil_trading::record::{RunStop, StopCause};
use counterfoil_trading::slice::Slice;
use counterfoil_trading::strategy::AccountView;
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::venue::VenueError;

use super::client::VenueClient;
use super::deliveries::{DeliverySource, VenueNotices};
use super::{Gateway, GatewayError, ReconcileConfig};
use crate::orders::reconcile::{Baseline, BookDifference, Holdings, compare, expected_holdings};

/// What is known of the venue's books.
#[derive(Debug)]
pub(super) struct BooksWatch {
    terms: ReconcileConfig,
    baseline: Option<Baseline>,
    /// When they were last read in this process.
    last: Option<UnixNanos>,
}

impl BooksWatch {
    /// Starts from the books as they were when the run began, if an earlier process recorded them.
    pub(super) fn new(terms: ReconcileConfig, began: Option<Reconciliation>) -> Self {
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

    /// Why the books are due, if they are.
    fn due(&self, notices: &VenueNotices, now: UnixNanos) -> Option<ReconcileTrigger> {
        let Some(last) = self.last else {
            return Some(ReconcileTrigger::Start);
        };
        if notices.is_back {
            return Some(ReconcileTrigger::Reconnect);
        }
        if notices.is_foreign {
            return Some(ReconcileTrigger::ForeignOrder);
        }
        let passed = now.0.saturating_sub(last.0);
        (passed >= self.terms.interval_nanos).then_some(ReconcileTrigger::Timer)
    }
}

impl<V: VenueClient + DeliverySource> Gateway<V> {
    /// Reads the venue's books as a run begins, and records what the account holds beside the run.
    /// A resumed run has that in its log.
    ///
    /// # Errors
    ///
    /// Returns [`GatewayError`] if the books cannot be read, or the log cannot be written.
    pub fn begin(&mut self) -> Result<(), GatewayError> {
        if self.watch.baseline.is_some() {
            return Ok(());
        }
        let Some((theirs, notices)) = self.venue.read_books()? else {
            return Ok(());
        };
        if let Some(stop) = notices.stop {
            return Err(GatewayError::Books {
                reason: stop.message,
            });
        }
        if let Some((name, _)) = theirs.foreign.first_key_value() {
            return Err(GatewayError::Books {
                reason: format!(
                    "the account has an open order {name} in an instrument of the run; cancel it first"
                ),
            });
        }
        // Everything the account holds now belongs to someone else: without this record a resumed
        // run would count it as its own difference, or as its own position.
        let record = record_of(ReconcileTrigger::Baseline, &theirs, self.clock.now());
        self.log
            .append(&OrderLogRecord::Reconciled(record.clone()))?;
        self.watch.last = Some(record.time);
        self.watch.begin(record);
        Ok(())
    }

    /// Before a slice: applies the reports of the venue, and reconciles its books when due.
    pub(super) fn check_books(
        &mut self,
        slice: &Slice,
        account: &AccountView<'_>,
    ) -> Result<Option<RunStop>, VenueError> {
        // While recorded slices replay, the venue is ahead of the run's books: everything would
        // differ.
        if self.venue.is_recorded(slice) {
            return Ok(None);
        }
        let notices = self.venue.apply_reports()?;
        if notices.stop.is_some() {
            return Ok(notices.stop);
        }
        let Some(trigger) = self.watch.due(&notices, self.clock.now()) else {
            return Ok(None);
        };
        let Some((theirs, notices)) = self.venue.read_books()? else {
            return Ok(None);
        };
        if notices.stop.is_some() {
            return Ok(notices.stop);
        }
        self.reconcile_books(trigger, account, &theirs)
            .map_err(|error| VenueError {
                reason: error.to_string(),
            })
    }

    /// Compares the venue's books with the run's and records what they hold and each difference;
    /// returns a stop if one exceeds its tolerance.
    fn reconcile_books(
        &mut self,
        trigger: ReconcileTrigger,
        account: &AccountView<'_>,
        theirs: &Holdings,
    ) -> Result<Option<RunStop>, GatewayError> {
        let terms = &self.watch.terms;
        let instruments = &terms.instruments;
        let overflow = || GatewayError::Books {
            reason: "an amount is out of range".to_owned(),
        };
        let baseline = self.watch.baseline.as_ref().ok_or(GatewayError::Books {
            reason: "the order log has no record of the account at the start of the run".to_owned(),
        })?;
        // Withheld orders are delivered with the next slice as well.
        let mut pending = self.withheld.clone();
        pending.extend_from_slice(self.venue.pending());
        let expected = expected_holdings(account, &pending, instruments).ok_or_else(overflow)?;
        let tolerance = terms.cash_tolerance;
        let differences =
            compare(&expected, theirs, baseline, tolerance, instruments).ok_or_else(overflow)?;
        // Both sides are recorded before the run is stopped for them: the stop record names one
        // difference, and an auditor needs all of them.
        let record = record_of(trigger, theirs, self.clock.now());
        let time = record.time;
        self.log.append(&OrderLogRecord::Reconciled(record))?;
        self.watch.last = Some(time);
        for difference in &differences {
            self.log
                .append(&OrderLogRecord::Difference(VenueDifference {
                    what: difference.what.clone(),
                    ours: difference.ours.clone(),
                    theirs: difference.theirs.clone(),
                    explanation: difference.explanation.to_owned(),
                    tolerance: difference.tolerance.clone(),
                    time,
                }))?;
        }
        let beyond = differences.iter().find(|found| !found.is_tolerated);
        Ok(beyond.map(stop_for))
    }
}

fn record_of(trigger: ReconcileTrigger, theirs: &Holdings, time: UnixNanos) -> Reconciliation {
    Reconciliation {
        trigger,
        cash: theirs.cash,
        positions: theirs.positions.clone(),
        open_orders: u64::try_from(theirs.open.len()).unwrap_or(u64::MAX),
        time,
    }
}

fn stop_for(found: &BookDifference) -> RunStop {
    RunStop::of(
        StopCause::VenueDiffers,
        format!(
            "{}: {} by the run's books, {} by the venue's; tolerated: {}; it may be {}",
            found.what, found.ours, found.theirs, found.tolerance, found.explanation
        ),
    )
}
