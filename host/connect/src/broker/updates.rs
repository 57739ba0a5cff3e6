//! The stream of trade updates as a task. It must never pretend to be whole: whenever it begins
//! anew it says so, and whoever listens must look at the orders themselves.

use core::time::Duration;

use serde_json::json;
use tokio::sync::mpsc::Sender;

use crate::backoff::Backoff;
use crate::broker::alpaca::{self, StreamSaid, Update};
use crate::feed::listing::Listings;
use crate::net::credentials::Credentials;
use crate::net::dial::Dialer;
use crate::net::endpoint::Endpoint;
use crate::net::socket::Socket;

/// How the stream is run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it is.
    pub stream: Endpoint,
    /// The first wait before connecting again.
    pub backoff_first: Duration,
    /// The longest wait before connecting again.
    pub backoff_max: Duration,
    /// Seed of the jitter of the waits.
    pub seed: u64,
    /// A connection without any frame for so long is given up.
    pub silence: Duration,
}

impl Settings {
    /// Settings for an address.
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

/// What the stream tells.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Told {
    /// Updates come from here on. What happened before must be looked for.
    Live,
    /// Something happened to an order.
    Update(Box<Update>),
    /// A message that cannot be read: what it says must be looked for.
    Refused {
        /// Why.
        reason: String,
        /// The message.
        input: Vec<u8>,
    },
    /// The connection is gone.
    Disconnected {
        /// Why.
        reason: String,
    },
    /// The venue will not serve it; nothing comes any more.
    Denied {
        /// What it said.
        reason: String,
    },
}

/// Why one connection ended.
enum Broken {
    Stopped,
    Denied(String),
    Again(String),
}

/// Runs the stream until nobody listens or the venue denies it.
pub async fn run(
    settings: Settings,
    credentials: Credentials,
    listings: Listings,
    dialer: Dialer,
    told: Sender<Told>,
) {
    let mut backoff = Backoff::new(settings.backoff_first, settings.backoff_max, settings.seed);
    loop {
        let mut is_live = false;
        let ended = connection(
            &settings,
            &credentials,
            &listings,
            &dialer,
            &told,
            &mut is_live,
        );
        let reason = match ended.await {
            Broken::Stopped => return,
            Broken::Denied(reason) => {
                let _nobody_listens = told.send(Told::Denied { reason }).await;
                return;
            }
            Broken::Again(reason) => reason,
        };
        if is_live {
            backoff.reset();
            if told.send(Told::Disconnected { reason }).await.is_err() {
                return;
            }
        }
        // Waits, unless the listener goes meanwhile.
        let wait = backoff.next_wait();
        if tokio::time::timeout(wait, told.closed()).await.is_ok() {
            return;
        }
    }
}

async fn connection(
    settings: &Settings,
    credentials: &Credentials,
    listings: &Listings,
    dialer: &Dialer,
    told: &Sender<Told>,
    is_live: &mut bool,
) -> Broken {
    let again = |error: crate::net::socket::SocketError| Broken::Again(error.to_string());
    let opening = Socket::open(dialer, &settings.stream, "/stream", settings.silence);
    let mut socket = match opening.await {
        Ok(socket) => socket,
        Err(error) => return again(error),
    };
    let [key, secret] = credentials.reveal();
    let auth = json!({"action": "auth", "key": key, "secret": secret});
    if let Err(error) = socket.send(auth.to_string()).await {
        return again(error);
    }
    loop {
        let frame = tokio::select! {
            biased;
            () = told.closed() => return Broken::Stopped,
            frame = socket.next() => frame,
        };
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => return again(error),
        };
        let say = match alpaca::stream(&frame, listings) {
            Ok(StreamSaid::Nothing) => continue,
            Ok(StreamSaid::Denied(reason)) => return Broken::Denied(reason),
            Ok(StreamSaid::Authorized) => {
                let listen = json!({"action": "listen", "data": {"streams": ["trade_updates"]}});
                if let Err(error) = socket.send(listen.to_string()).await {
                    return again(error);
                }
                continue;
            }
            Ok(StreamSaid::Listening) => {
                *is_live = true;
                Told::Live
            }
            Ok(StreamSaid::Update(update)) => Told::Update(update),
            Err(error) => Told::Refused {
                reason: error.to_string(),
                input: frame,
            },
        };
        if told.send(say).await.is_err() {
            return Broken::Stopped;
        }
    }
}
