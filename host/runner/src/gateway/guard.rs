//! What must hold for anything to be decided or sent: the kill switch is not set, the account's limits
//! are what they were, and the account is this process's. Once it does not hold, it never does again.

use std::sync::{Arc, Mutex, PoisonError};

use counterfoil_trading::gateway::Refusal;
use counterfoil_trading::order::Intent;
use counterfoil_trading::record::{Stop, StopCause};
use counterfoil_trading::slice::Slice;
use counterfoil_trading::time::UnixNanos;

use crate::clock;
use crate::feed::{Feed, FeedError, Next};
use crate::kill::KillSwitch;
use crate::lease::RunSlot;
use crate::limits::LimitsWatch;

/// The conditions of one run.
#[derive(Debug)]
pub struct Guard {
    pub(super) kill: KillSwitch,
    pub(super) limits: LimitsWatch,
    pub(super) slot: RunSlot,
    stopped: Mutex<Option<Stop>>,
}

impl Guard {
    /// The conditions of a run.
    #[must_use]
    pub const fn new(kill: KillSwitch, limits: LimitsWatch, slot: RunSlot) -> Self {
        Self {
            kill,
            limits,
            slot,
            stopped: Mutex::new(None),
        }
    }

    /// Checks all of them.
    ///
    /// # Errors
    ///
    /// Returns the [`Stop`] that ends the run, the first that was found.
    pub fn check(&self, now: UnixNanos) -> Result<(), Stop> {
        let mut stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        // That the account is gone is worse than any other reason, and may come after it.
        if let Err(error) = self.slot.lease().check() {
            let lost = Stop {
                cause: StopCause::LeaseLost,
                message: error.to_string(),
            };
            *stopped = Some(lost);
        }
        if stopped.is_none() {
            let found = self.kill.check();
            *stopped = found.or_else(|| self.limits.check(now).err());
        }
        stopped.clone().map_or(Ok(()), Err)
    }

    /// Whether an intent may be sent. When a run ends, what takes orders back and flattens positions
    /// still may, but not once another process has the account.
    pub(super) fn permit(&self, intent: &Intent, now: UnixNanos) -> Result<(), Refusal> {
        let Err(stop) = self.check(now) else {
            return Ok(());
        };
        let winds_down = intent
            .order()
            .is_none_or(|order| order.client_order_id.is_host());
        match stop.cause {
            StopCause::LeaseLost => Err(Refusal::StaleLease),
            _ if winds_down => Ok(()),
            StopCause::RunKilled | StopCause::AccountKilled | StopCause::InstallationKilled => {
                Err(Refusal::Stopped)
            }
            StopCause::LimitsMissing
            | StopCause::LimitsUnreadable
            | StopCause::LimitsStale
            | StopCause::LimitsInconsistent => Err(Refusal::OtherLimits),
            StopCause::VenueDiffers | StopCause::VenueUnclear => Err(Refusal::Stopped),
        }
    }
}

/// A feed that ends the run where the conditions hold no more: before and after each slice comes.
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

impl<F: Feed> Feed for Guarded<'_, F> {
    fn next(&mut self, slice: &mut Slice) -> Result<Next, FeedError> {
        if let Err(stop) = self.guard.check(clock::now()) {
            return Ok(Next::Stop(stop));
        }
        let next = self.inner.next(slice)?;
        match self.guard.check(clock::now()) {
            // The slice that came is not decided.
            Err(stop) if next == Next::Slice => Ok(Next::Stop(stop)),
            _ => Ok(next),
        }
    }
}
