//! Venues for tests: a scripted WebSocket, an HTTP service, and a market with a history. They speak
//! over real sockets of this machine and follow a script, faults included.

pub(crate) mod broker;
pub(crate) mod exchange;
pub(crate) mod fault;
pub(crate) mod history;
pub(crate) mod http;
pub(crate) mod market;
pub(crate) mod stream;

use core::time::Duration;

use counterfoil_connect::feed::config::FeedConfig;
use counterfoil_connect::net::dial::Dialer;
use counterfoil_connect::net::endpoint::{Endpoint, EndpointKind};

/// Longer than any test: where it passes, a test has failed.
pub(crate) const FOREVER: Duration = Duration::from_hours(1);

/// A dialer that trusts no certificate: tests reach this machine only.
pub(crate) fn dialer() -> Dialer {
    Dialer::trusting(rustls::RootCertStore::empty(), FOREVER).unwrap()
}

/// Settings without any wait that a test would have to sit through.
pub(crate) fn settings(stream: u16, history: u16) -> FeedConfig {
    let endpoint = |scheme: &str, port: u16, kind| {
        Endpoint::parse(&format!("{scheme}://127.0.0.1:{port}"), kind).unwrap()
    };
    FeedConfig {
        backoff_first: Duration::from_micros(10),
        backoff_max: Duration::from_micros(10),
        silence: FOREVER,
        request_timeout: FOREVER,
        settle: Duration::ZERO,
        slice_wait: None,
        trade_lateness_nanos: 0,
        ..FeedConfig::new(
            endpoint("ws", stream, EndpointKind::WebSocket),
            endpoint("http", history, EndpointKind::Http),
            1,
        )
    }
}

/// Runs a test on one thread.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap().block_on(future)
}

/// Runs a test whose time passes only while everything waits.
pub(crate) fn block_on_paused<F: Future>(future: F) -> F::Output {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let builder = builder.enable_all().start_paused(true);
    builder.build().unwrap().block_on(future)
}
