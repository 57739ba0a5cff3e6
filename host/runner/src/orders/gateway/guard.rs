//! What must hold for anything to be decided or sent: the kill switch is not set, the account's limits
//! are what they were, the account is this process's, and whoever authorized the run still does. Once it
//! does not hold, it never does again.

use std::sync::{Arc, Mutex, PoisonError};

use counterfoil_trading::gateway::TokenRefusal;
use counterfoil_trading::order::Intent;
use counterfoil_trading::record::{RunStop, StopCause};
use counterfoil_trading::slice::Slice;
use counterfoil_trading::time::UnixNanos;

use crate::clock;
use crate::orders::kill::KillSwitch;
use crate::orders::lease::{LeaseError, RunSlot};
use crate::orders::limits::LimitsWatch;
use crate::run::feed::{FeedError, FeedItem, SliceFeed};
use crate::run::permission::RunPermission;

/// The conditions of one run.
#[derive(Debug)]
pub struct Guard {
    pub(super) kill: KillSwitch,
    pub(super) limits: LimitsWatch,
    pub(super) slot: RunSlot,
    permit: Option<Box<dyn RunPermission>>,
    stopped: Mutex<Option<RunStop>>,
}

impl Guard {
    /// The conditions of a run.
    #[must_use]
    pub const fn new(
        kill: KillSwitch,
        limits: LimitsWatch,
        slot: RunSlot,
        permit: Option<Box<dyn RunPermission>>,
    ) -> Self {
        Self {
            kill,
            limits,
            slot,
            permit,
            stopped: Mutex::new(None),
        }
    }

    /// Checks all of them.
    ///
    /// # Errors
    ///
    /// Returns the [`RunStop`] that ends the run, the first that was found.
    pub fn check(&self, now: UnixNanos) -> Result<(), RunStop> {
        let mut stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        // That the account is gone is worse than any other reason, and may come after it.
        match self.slot.lease().check() {
            Ok(()) => {}
            Err(error @ LeaseError::Lost { .. }) => {
                *stopped = Some(RunStop {
                    cause: StopCause::LeaseLost,
                    message: error.to_string(),
                });
            }
            // Nobody is known to have it: what takes orders back may go out.
            Err(error) => {
                stopped.get_or_insert_with(|| RunStop {
                    cause: StopCause::LeaseUnclear,
                    message: error.to_string(),
                });
            }
        }
        if stopped.is_none() {
            let found = self.kill.check();
            let found = found.or_else(|| self.limits.check(now).err());
            let permit = self.permit.as_ref();
            *stopped = found.or_else(|| permit.and_then(|permit| permit.check(now).err()));
        }
        stopped.clone().map_or(Ok(()), Err)
    }

    /// Whether an intent may be sent. When a run ends, what takes orders back and flattens positions
    /// still may, but not once another process has the account.
    pub(super) fn permit(&self, intent: &Intent, now: UnixNanos) -> Result<(), TokenRefusal> {
        let Err(stop) = self.check(now) else {
            return Ok(());
        };
        let winds_down = intent
            .order()
            .is_none_or(|order| order.client_order_id.is_host());
        match stop.cause {
            StopCause::LeaseLost => Err(TokenRefusal::StaleLease),
            _ if winds_down => Ok(()),
            StopCause::RunKilled
            | StopCause::AccountKilled
            | StopCause::InstallationKilled
            | StopCause::NotPermitted
            | StopCause::LeaseUnclear
            | StopCause::FeedEnded
            | StopCause::VenueDiffers
            | StopCause::VenueUnclear => Err(TokenRefusal::Stopped),
            StopCause::LimitsMissing
            | StopCause::LimitsUnreadable
            | StopCause::LimitsStale
            | StopCause::LimitsInconsistent
            | StopCause::ClockOff => Err(TokenRefusal::OtherLimits),
        }
    }
}

/// A feed that ends the run where the conditions hold no more: before and after each slice comes, and
/// while none does.
#[derive(Debug)]
pub struct Guarded<'a, F> {
    inner: &'a mut F,
    guard: Arc<Guard>,
}

impl<'a, F> Guarded<'a, F> {
    /// The feed under these conditions.
    pub const fn new(inner: &'a mut F, guard: Arc<Guard>) -> Self {
        Self { inner, guard }
    }
}

impl<F: SliceFeed> SliceFeed for Guarded<'_, F> {
    fn next(&mut self, slice: &mut Slice) -> Result<FeedItem, FeedError> {
        loop {
            if let Err(stop) = self.guard.check(clock::now()) {
                return Ok(FeedItem::Stop(stop));
            }
            match self.inner.next(slice)? {
                FeedItem::Nothing => {}
                FeedItem::Slice => break,
                next @ (FeedItem::Refused(_)
                | FeedItem::Known
                | FeedItem::Stop(_)
                | FeedItem::End) => {
                    return Ok(next);
                }
            }
        }
        // A slice that came with a stop is not decided.
        let stop = self.guard.check(clock::now()).err();
        Ok(stop.map_or(FeedItem::Slice, FeedItem::Stop))
    }
}
