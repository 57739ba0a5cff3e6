//! The stream of trade updates as a task. It must never pretend to be complete: after each
//! connection it reports that it is live again, and the receiver must poll the orders.

use core::convert::Infallible;
use core::time::Duration;

use serde_json::json;
use tokio::sync::mpsc::Sender;

use crate::backoff::Backoff;
use crate::broker::alpaca::{self, OrderUpdate, StreamMessage};
use crate::feed::listing::Listings;
use crate::net::credentials::Credentials;
use crate::net::dial::Dialer;
use crate::net::endpoint::Endpoint;
use crate::net::socket::WebSocket;
use crate::reconnect::{ConnectionEnd, wait_to_reconnect};

/// Unreadable messages of one connection between two updates: each makes the broker's task poll.
const UNREADABLE_MAX: u32 = 1_000;

/// How the update stream connects and reconnects.
#[derive(Clone, Debug)]
pub struct UpdateStreamConfig {
    pub stream: Endpoint,
    /// The first wait before connecting again.
    pub backoff_first: Duration,
    /// The longest wait before connecting again.
    pub backoff_max: Duration,
    /// Seed of the jitter of the waits.
    pub seed: u64,
    /// A connection without any frame for this long is closed.
    pub silence: Duration,
}

impl UpdateStreamConfig {
    /// Default limits for an address.
    #[must_use]
    pub const fn new(stream: Endpoint, seed: u64) -> Self {
        Self {
            stream,
            backoff_first: Duration::from_secs(1),
            backoff_max: Duration::from_mins(1),
            seed,
            silence: Duration::from_mins(1),
        }
    }
}

/// What the update stream reports to the broker's task.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum UpdateStreamReport {
    /// Updates arrive from here on. What happened before must be polled.
    Live,
    Update(Box<OrderUpdate>),
    /// A message that cannot be read: its content must be polled.
    Refused {
        reason: String,
        input: Vec<u8>,
    },
    Disconnected {
        reason: String,
    },
    /// The venue refuses to serve the stream; nothing follows.
    Denied {
        reason: String,
    },
}

/// Runs the stream until the receiver is dropped or the venue denies it.
pub async fn run_update_stream(
    config: UpdateStreamConfig,
    credentials: Credentials,
    listings: Listings,
    dialer: Dialer,
    reports: Sender<UpdateStreamReport>,
) {
    let mut backoff = Backoff::new(config.backoff_first, config.backoff_max, config.seed);
    let stream = UpdateStream {
        config,
        credentials,
        listings,
        dialer,
        reports,
    };
    loop {
        let mut seen = StreamProgress::default();
        let Err(end) = stream.connect_once(&mut seen).await;
        let reason = match end {
            ConnectionEnd::NoReceiver => return,
            ConnectionEnd::Denied(reason) => {
                let report = UpdateStreamReport::Denied { reason };
                let _no_receiver = stream.reports.send(report).await;
                return;
            }
            ConnectionEnd::Broken(reason) => reason,
        };
        // An update proves that the venue serves. A login alone does not: a venue that accepts and
        // closes each connection would otherwise add two records a second to the order log.
        if seen.has_update {
            backoff.reset();
        }
        // Only a stream that was live can be lost. Failed attempts are not reported: a venue that
        // is down for a night would fill the channel with them.
        if seen.is_live {
            let report = UpdateStreamReport::Disconnected { reason };
            if stream.reports.send(report).await.is_err() {
                return;
            }
        }
        if !wait_to_reconnect(backoff.next_wait(), &stream.reports).await {
            return;
        }
    }
}

/// What one connection has shown.
#[derive(Default)]
struct StreamProgress {
    is_live: bool,
    has_update: bool,
    /// Unreadable messages since the last update.
    unreadable: u32,
}

struct UpdateStream {
    config: UpdateStreamConfig,
    credentials: Credentials,
    listings: Listings,
    dialer: Dialer,
    reports: Sender<UpdateStreamReport>,
}

impl UpdateStream {
    /// One connection, from its login to its end.
    async fn connect_once(&self, seen: &mut StreamProgress) -> Result<Infallible, ConnectionEnd> {
        let config = &self.config;
        let mut socket =
            WebSocket::open(&self.dialer, &config.stream, "/stream", config.silence).await?;
        let [key, secret] = self.credentials.reveal();
        let auth = json!({"action": "auth", "key": key, "secret": secret});
        socket.send(auth.to_string()).await?;
        loop {
            let frame = tokio::select! {
                biased;
                () = self.reports.closed() => return Err(ConnectionEnd::NoReceiver),
                frame = socket.next() => frame?,
            };
            let report = match alpaca::stream(&frame, &self.listings) {
                Ok(StreamMessage::Nothing) => continue,
                Ok(StreamMessage::Denied(reason)) => return Err(ConnectionEnd::Denied(reason)),
                Ok(StreamMessage::Authorized) => {
                    let listen =
                        json!({"action": "listen", "data": {"streams": ["trade_updates"]}});
                    socket.send(listen.to_string()).await?;
                    continue;
                }
                Ok(StreamMessage::Listening) => {
                    seen.is_live = true;
                    UpdateStreamReport::Live
                }
                Ok(StreamMessage::Update(update)) => {
                    seen.has_update = true;
                    seen.unreadable = 0;
                    UpdateStreamReport::Update(update)
                }
                // An unreadable message may be an execution. The connection is kept, since the next
                // one would bring the same message, and the receiver polls the orders instead.
                Err(error) => {
                    seen.unreadable = seen.unreadable.saturating_add(1);
                    // Kept only within a bound: a stream of nothing else would have every call poll
                    // all orders for ever.
                    if seen.unreadable >= UNREADABLE_MAX {
                        let reason =
                            format!("{UNREADABLE_MAX} messages could not be read: {error}");
                        return Err(ConnectionEnd::Broken(reason));
                    }
                    UpdateStreamReport::Refused {
                        reason: error.to_string(),
                        input: frame,
                    }
                }
            };
            // Waits while the channel is full, and meanwhile nothing is read: the venue must
            // buffer, or close the connection, which the receiver sees. No update is dropped in
            // between.
            self.reports
                .send(report)
                .await
                .map_err(|_closed| ConnectionEnd::NoReceiver)?;
        }
    }
}
