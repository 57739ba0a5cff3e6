//! The broker as a run's own thread sees it: calls that block for a limited time, and the events
//! since the last call. It must never lose an event, and never report an order as absent while a
//! request that was sent may still place it.

mod task;

use core::fmt;
use core::time::Duration;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::broker::client::{self, AlpacaBroker, LocalClock};
use crate::broker::order::{NewOrder, OrderName, SendGuard, VenueAccount, VenueFill, VenueOrder};
use crate::broker::tracker::TrackerEvent;
use crate::broker::{BrokerError, CancelOutcome, updates};
use crate::feed::listing::Listings;
use crate::net::credentials::Credentials;
use crate::net::dial::Dialer;
use task::BrokerTask;

/// How a broker is reached, and how long a run waits for it.
#[derive(Clone, Debug)]
pub struct BridgeConfig {
    pub requests: client::BrokerApiConfig,
    pub updates: updates::UpdateStreamConfig,
    /// Time limit of one call, retries included. It must leave room for a rate limit that the venue
    /// asks to wait out.
    pub call_max: Duration,
    /// How long after the last request to place an order its absence may be believed: twice the
    /// time limit of a request.
    pub settle: Duration,
}

impl BridgeConfig {
    /// Default limits for these addresses.
    #[must_use]
    pub const fn new(
        requests: client::BrokerApiConfig,
        updates: updates::UpdateStreamConfig,
    ) -> Self {
        let settle = requests.request_timeout.saturating_mul(2);
        Self {
            requests,
            updates,
            call_max: Duration::from_mins(3),
            settle,
        }
    }
}

/// Everything that a broker's task owns.
#[derive(Clone)]
pub struct BrokerConnection {
    pub settings: BridgeConfig,
    pub credentials: Credentials,
    /// The instruments of the run.
    pub listings: Listings,
    pub dialer: Dialer,
    pub now: LocalClock,
}

impl fmt::Debug for BrokerConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrokerConnection")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// What the broker reported between two calls of a run, in the sequence in which it became known.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum BrokerReport {
    Order {
        event: TrackerEvent,
        /// Whether no further event of the order can follow.
        is_over: bool,
    },
    /// The update stream is connected, and every order was polled since: what happened in between
    /// is reported before this.
    Reconnected,
    /// The update stream is lost; until it is back each call polls the orders.
    Disconnected { reason: String },
    /// The venue refuses to serve the update stream; it is not retried.
    Denied { reason: String },
}

/// Carries the result of one call back to the run's thread.
type ReplySender<T> = SyncSender<Result<T, BrokerError>>;

/// A call of the run, for the broker's task.
enum BrokerCall {
    Submit(NewOrder, SendGuard, ReplySender<VenueOrder>),
    Replace(OrderName, NewOrder, SendGuard, ReplySender<VenueOrder>),
    Cancel(OrderName, ReplySender<CancelOutcome>),
    Find(OrderName, ReplySender<Option<VenueOrder>>),
    Recall(NewOrder, Vec<VenueFill>, ReplySender<()>),
    Events(ReplySender<Vec<BrokerReport>>),
    Account(ReplySender<(VenueAccount, Vec<BrokerReport>)>),
}

/// The run's handle of a broker's thread.
pub struct BrokerBridge {
    calls: UnboundedSender<BrokerCall>,
    key: String,
}

impl fmt::Debug for BrokerBridge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrokerBridge").finish_non_exhaustive()
    }
}

impl BrokerBridge {
    /// Starts the broker's thread: update stream, order tracker and requests. It ends when the
    /// bridge is dropped.
    ///
    /// # Errors
    ///
    /// Returns an error if the system cannot start a thread.
    pub fn open(connection: BrokerConnection) -> std::io::Result<Self> {
        // Not bounded: a run has one call in flight at a time, because each call blocks its thread.
        let (calls, receiver) = unbounded_channel();
        let key = connection.credentials.key().to_owned();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        std::thread::Builder::new()
            .name("broker".to_owned())
            .spawn(move || runtime.block_on(BrokerTask::start(connection, receiver)))?;
        Ok(Self { calls, key })
    }

    /// The name of the account's key; not its secret.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Places an order at most once, whatever the network does, while `guard` allows it.
    ///
    /// # Errors
    ///
    /// As [`BrokerApi::submit`](crate::broker::BrokerApi::submit), or if it exceeds the time limit:
    /// then the venue may have the order.
    pub fn submit(&self, order: NewOrder, guard: SendGuard) -> Result<VenueOrder, BrokerError> {
        self.call(|answer| BrokerCall::Submit(order, guard, answer))
    }

    /// Replaces an order with another.
    ///
    /// # Errors
    ///
    /// As [`BrokerBridge::submit`].
    pub fn replace(
        &self,
        replaces: OrderName,
        with: NewOrder,
        guard: SendGuard,
    ) -> Result<VenueOrder, BrokerError> {
        self.call(|answer| BrokerCall::Replace(replaces, with, guard, answer))
    }

    /// Cancels an order. Its final status follows as an event.
    ///
    /// # Errors
    ///
    /// Returns [`BrokerError`] if the venue did not acknowledge the request.
    pub fn cancel(&self, name: OrderName) -> Result<CancelOutcome, BrokerError> {
        self.call(|answer| BrokerCall::Cancel(name, answer))
    }

    /// The order with this name. `None` only if no request that was sent before can still place it.
    ///
    /// # Errors
    ///
    /// Returns [`BrokerError`] if that is unknown.
    pub fn find(&self, name: OrderName) -> Result<Option<VenueOrder>, BrokerError> {
        self.call(|answer| BrokerCall::Find(name, answer))
    }

    /// Adds an order that an earlier process sent, with the executions that the run has recorded of
    /// it. Later executions follow with the next events.
    ///
    /// # Errors
    ///
    /// Returns [`BrokerError::Recall`] if the executions do not follow each other.
    pub fn recall(&self, order: NewOrder, fills: Vec<VenueFill>) -> Result<(), BrokerError> {
        self.call(|answer| BrokerCall::Recall(order, fills, answer))
    }

    /// The events since the last call of this or of [`BrokerBridge::account`].
    ///
    /// # Errors
    ///
    /// Returns [`BrokerError`] if the orders had to be polled and could not be: no event is lost,
    /// and the next call reports it.
    pub fn events(&self) -> Result<Vec<BrokerReport>, BrokerError> {
        self.call(BrokerCall::Events)
    }

    /// The account, and all events until it was read.
    ///
    /// # Errors
    ///
    /// As [`BrokerBridge::events`], and if the account changed during every attempt to read it.
    pub fn account(&self) -> Result<(VenueAccount, Vec<BrokerReport>), BrokerError> {
        self.call(BrokerCall::Account)
    }

    fn call<T>(&self, call: impl FnOnce(ReplySender<T>) -> BrokerCall) -> Result<T, BrokerError> {
        // A call has a channel of its own: a late reply to an earlier call, whose run gave up,
        // cannot be taken for this one's.
        let (answer, answered): (_, Receiver<Result<T, BrokerError>>) = sync_channel(1);
        self.calls
            .send(call(answer))
            .map_err(|_| BrokerError::Gone)?;
        // No time limit here: the task keeps it, and a task that panicked drops its end of the
        // channel, which ends this wait.
        answered.recv().unwrap_or(Err(BrokerError::Gone))
    }
}

impl BrokerConnection {
    fn broker(&self) -> AlpacaBroker {
        AlpacaBroker::new(
            self.settings.requests.clone(),
            self.credentials.clone(),
            self.listings.clone(),
            self.dialer.clone(),
            self.now.clone(),
        )
    }
}
