//! The broker as a run's own thread sees it: calls that block for a limited time, and what happened
//! since the last one asked. It must never let an event go, and never say that an order is not there
//! while something that was sent may still bring it.

mod task;

use core::fmt;
use core::time::Duration;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::broker::client::{self, AlpacaBroker, Now};
use crate::broker::desk::DeskEvent;
use crate::broker::order::{Leave, NewOrder, OrderName, Snapshot, VenueFill, VenueOrder};
use crate::broker::{BrokerError, Cancel, updates};
use crate::feed::listing::Listings;
use crate::net::credentials::Credentials;
use crate::net::dial::Dialer;
use task::Task;

/// How a broker is reached, and how long a run waits for it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its requests.
    pub requests: client::Settings,
    /// Its stream.
    pub updates: updates::Settings,
    /// How long one call may take, with everything that is tried again within it. It must leave room
    /// for a limit that the venue asks to be waited for.
    pub call_max: Duration,
    /// How long after the last request to place an order its absence may be believed: twice as long
    /// as a request may be on its way.
    pub settle: Duration,
}

impl Settings {
    /// Settings for a broker.
    #[must_use]
    pub const fn new(requests: client::Settings, updates: updates::Settings) -> Self {
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
pub struct Connection {
    /// How it is reached.
    pub settings: Settings,
    /// The account's key.
    pub credentials: Credentials,
    /// What the run trades.
    pub listings: Listings,
    /// Makes connections.
    pub dialer: Dialer,
    /// The machine's time.
    pub now: Now,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// What a run hears between two of its calls, in the sequence in which it became known.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Told {
    /// Something about an order.
    Order {
        /// What.
        event: DeskEvent,
        /// Whether nothing more can come of the order.
        is_over: bool,
    },
    /// The stream stands, and every order was looked at since: what happened while it did not is
    /// told before this.
    Back,
    /// The stream is gone; until it is back orders are looked at whenever the run asks.
    Lost {
        /// Why.
        reason: String,
    },
    /// The venue will not serve the stream any more.
    Denied {
        /// What it said.
        reason: String,
    },
}

/// An answer to one call.
type Answer<T> = SyncSender<Result<T, BrokerError>>;

/// What the run asks of the task.
enum Call {
    Submit(NewOrder, Leave, Answer<VenueOrder>),
    Replace(OrderName, NewOrder, Leave, Answer<VenueOrder>),
    Cancel(OrderName, Answer<Cancel>),
    Find(OrderName, Answer<Option<VenueOrder>>),
    Recall(NewOrder, Vec<VenueFill>, Answer<()>),
    Events(Answer<Vec<Told>>),
    Snapshot(Answer<(Snapshot, Vec<Told>)>),
}

/// The run's end.
pub struct Bridge {
    calls: UnboundedSender<Call>,
    key: String,
}

impl fmt::Debug for Bridge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bridge").finish_non_exhaustive()
    }
}

impl Bridge {
    /// Starts the broker's thread: stream, desk and requests. It ends when the bridge is dropped.
    ///
    /// # Errors
    ///
    /// Returns an error if the machine has no thread for it.
    pub fn open(connection: Connection) -> std::io::Result<Self> {
        let (calls, receiver) = unbounded_channel();
        let key = connection.credentials.key().to_owned();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        std::thread::Builder::new()
            .name("broker".to_owned())
            .spawn(move || runtime.block_on(Task::start(connection, receiver)))?;
        Ok(Self { calls, key })
    }

    /// The name of the account's key; not its secret.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Places an order once, whatever happens on the way, as long as it has leave.
    ///
    /// # Errors
    ///
    /// As [`Broker::submit`](crate::broker::Broker::submit), or if it takes too long: then the order
    /// may be there.
    pub fn submit(&self, order: NewOrder, leave: Leave) -> Result<VenueOrder, BrokerError> {
        self.call(|answer| Call::Submit(order, leave, answer))
    }

    /// Puts an order in the place of another.
    ///
    /// # Errors
    ///
    /// As [`Bridge::submit`].
    pub fn replace(
        &self,
        replaces: OrderName,
        with: NewOrder,
        leave: Leave,
    ) -> Result<VenueOrder, BrokerError> {
        self.call(|answer| Call::Replace(replaces, with, leave, answer))
    }

    /// Takes an order back. Its end comes as an event.
    ///
    /// # Errors
    ///
    /// Returns [`BrokerError`] if it is not known whether the venue does it.
    pub fn cancel(&self, name: OrderName) -> Result<Cancel, BrokerError> {
        self.call(|answer| Call::Cancel(name, answer))
    }

    /// The order of a name. `None` only if nothing that was sent before can still bring it there.
    ///
    /// # Errors
    ///
    /// Returns [`BrokerError`] if that cannot be told.
    pub fn find(&self, name: OrderName) -> Result<Option<VenueOrder>, BrokerError> {
        self.call(|answer| Call::Find(name, answer))
    }

    /// Makes an order known that was sent before this process began, with the executions that the run
    /// has recorded of it. What happened since is told with the next events.
    ///
    /// # Errors
    ///
    /// Returns [`BrokerError::Recall`] if the executions are not those of one order in sequence.
    pub fn recall(&self, order: NewOrder, fills: Vec<VenueFill>) -> Result<(), BrokerError> {
        self.call(|answer| Call::Recall(order, fills, answer))
    }

    /// What happened since the last call of this or of [`Bridge::snapshot`].
    ///
    /// # Errors
    ///
    /// Returns [`BrokerError`] if orders had to be looked at and could not be: nothing is lost, and
    /// the next call tells it.
    pub fn events(&self) -> Result<Vec<Told>, BrokerError> {
        self.call(Call::Events)
    }

    /// What the account holds, and what happened until then and was not told yet.
    ///
    /// # Errors
    ///
    /// As [`Bridge::events`]; and if the account did not hold still.
    pub fn snapshot(&self) -> Result<(Snapshot, Vec<Told>), BrokerError> {
        self.call(Call::Snapshot)
    }

    fn call<T>(&self, call: impl FnOnce(Answer<T>) -> Call) -> Result<T, BrokerError> {
        let (answer, answered): (_, Receiver<Result<T, BrokerError>>) = sync_channel(1);
        let sent = self.calls.send(call(answer));
        sent.map_err(|_| BrokerError::Gone)?;
        // The task keeps to the time limit; if it is gone, so is its end of the channel.
        answered.recv().unwrap_or(Err(BrokerError::Gone))
    }
}

impl Connection {
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
