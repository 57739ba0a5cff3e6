//! How a feed connects, waits and fills gaps. No venue and no strategy is named here.

use core::time::Duration;
use std::collections::BTreeMap;

use counterfoil_trading::instrument::InstrumentId;
use counterfoil_trading::time::UnixNanos;

use crate::net::endpoint::Endpoint;

/// Addresses, waits and limits of a feed.
#[derive(Clone, Debug)]
pub struct FeedConfig {
    /// The address of the stream.
    pub stream: Endpoint,
    /// The address of the history.
    pub history: Endpoint,
    /// The first wait before connecting again.
    pub backoff_first: Duration,
    /// The longest wait before connecting again.
    pub backoff_max: Duration,
    /// Seed of the jitter of the waits.
    pub seed: u64,
    /// A connection without any frame for this long is closed.
    pub silence: Duration,
    /// Time limit of one history request.
    pub request_timeout: Duration,
    /// Attempts of one history request.
    pub fill_tries: u32,
    /// A bar of the history counts as final this long after its close, by the venue's own time.
    pub settle: Duration,
    /// How long the other instruments' bars are waited for after the first of a close time; `None`
    /// waits for a bar of a later one.
    pub slice_wait: Option<Duration>,
    /// How late a trade may arrive, in nanoseconds of the venue's time.
    pub trade_lateness_nanos: i64,
    /// The close time of each instrument's last bar that the run has decided.
    pub decided: BTreeMap<InstrumentId, UnixNanos>,
}

impl FeedConfig {
    /// Default limits for two addresses: the waits respect the published limits of both venues.
    #[must_use]
    pub fn new(stream: Endpoint, history: Endpoint, seed: u64) -> Self {
        Self {
            stream,
            history,
            // Binance allows 300 connections in five minutes: one a second.
            backoff_first: Duration::from_secs(1),
            backoff_max: Duration::from_mins(1),
            seed,
            // Both venues ping more often than that.
            silence: Duration::from_mins(1),
            request_timeout: Duration::from_secs(10),
            fill_tries: 5,
            settle: Duration::from_secs(2),
            slice_wait: Some(Duration::from_secs(5)),
            trade_lateness_nanos: 2_000_000_000,
            decided: BTreeMap::new(),
        }
    }
}
