//! How one connection of a stream ended, and the wait before the next attempt. It must never open a
//! connection.

use core::time::Duration;

use tokio::sync::mpsc::Sender;

use crate::net::socket::WebSocketError;

/// Why one connection of a stream ended.
#[derive(Debug)]
pub(crate) enum ConnectionEnd {
    /// The receiver of the events is gone.
    NoReceiver,
    /// The venue refuses to serve this client: another attempt would not help.
    Denied(String),
    /// The connection broke: connect again.
    Broken(String),
}

impl From<WebSocketError> for ConnectionEnd {
    fn from(error: WebSocketError) -> Self {
        Self::Broken(error.to_string())
    }
}

/// Waits before the next attempt; false if the receiver of the events has gone meanwhile.
pub(crate) async fn wait_to_reconnect<T>(wait: Duration, events: &Sender<T>) -> bool {
    // Without the second branch a stopped run would keep its thread for as long as a venue is down.
    tokio::time::timeout(wait, events.closed()).await.is_err()
}
