//! What must hold for every decision and every order: no kill switch is set, the limits are
//! unchanged, this process holds the account, and the authorization of the run is still valid. Once
//! a condition fails, it stays failed.

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
pub struct RunGuard {
    pub(super) kill: KillSwitch,
    pub(super) limits: LimitsWatch,
    pub(super) slot: RunSlot,
    permit: Option<Box<dyn RunPermission>>,
    stopped: Mutex<Option<RunStop>>,
}

impl RunGuard {
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

    /// Checks every condition.
    ///
    /// # Errors
    ///
    /// Returns the [`RunStop`] that ends the run, the first that was found.
    pub fn check(&self, now: UnixNanos) -> Result<(), RunStop> {
        let mut stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        // Before the remembered stop, and able to replace it: a run that winds down may still send
        // cancels, but never once another process has the account.
        match self.slot.lease().check() {
            Ok(()) => {}
            Err(error @ LeaseError::Lost { .. }) => {
                *stopped = Some(RunStop::of(StopCause::LeaseLost, error.to_string()));
            }
            // The lease cannot be read, but no other process is known to have it: cancels may still
            // be sent.
            Err(error) => {
                stopped
                    .get_or_insert_with(|| RunStop::of(StopCause::LeaseUnclear, error.to_string()));
            }
        }
        // A condition that failed is not read again: a switch that is lifted, or limits that are
        // put back, must not let a run continue that has begun to wind down.
        if stopped.is_none() {
            let found = self
                .kill
                .active_stop()
                .or_else(|| self.limits.check(now).err());
            let permit = self.permit.as_ref();
            *stopped = found.or_else(|| permit.and_then(|permit| permit.check(now).err()));
        }
        stopped.clone().map_or(Ok(()), Err)
    }

    /// Whether an intent may be sent. While a run winds down, cancels and orders that flatten
    /// positions still may, but not once another process has the account.
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

/// A feed that ends the run when a condition fails: checked before and after each slice, and while
/// none arrives.
#[derive(Debug)]
pub struct GuardedFeed<'a, F> {
    inner: &'a mut F,
    guard: Arc<RunGuard>,
}

impl<'a, F> GuardedFeed<'a, F> {
    /// The feed under these conditions.
    pub const fn new(inner: &'a mut F, guard: Arc<RunGuard>) -> Self {
        Self { inner, guard }
    }
}

impl<F: SliceFeed> SliceFeed for GuardedFeed<'_, F> {
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
        // Checked again: the feed may have waited for hours, and a slice that arrives together with
        // a stop must not be decided.
        let stop = self.guard.check(clock::now()).err();
        Ok(stop.map_or(FeedItem::Slice, FeedItem::Stop))
    }
}
