//! One WebSocket. It must never know what its messages mean. Its error texts are recorded in
//! journals: they never change.

use core::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::net::dial::{DialError, DialedStream, Dialer};
use crate::net::endpoint::Endpoint;

/// The most bytes of one message: a venue's largest have a few thousand.
pub const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// An open WebSocket.
#[derive(Debug)]
pub struct WebSocket {
    stream: WebSocketStream<DialedStream>,
    silence: Duration,
}

/// Why a WebSocket can no longer be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebSocketError {
    /// There was no connection.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The service did not agree to a WebSocket in time.
    #[error("no WebSocket at {endpoint}: {reason}")]
    Handshake { endpoint: String, reason: String },
    /// Neither data nor a pong arrived.
    #[error("nothing came for {0:?}")]
    Silent(Duration),
    /// The service closed it.
    #[error("closed by the venue{0}")]
    Closed(String),
    #[error("the connection broke: {0}")]
    Broken(String),
}

impl WebSocket {
    /// Opens a WebSocket. Without any frame for `silence` it counts as broken; a ping is sent at
    /// half of that.
    ///
    /// # Errors
    ///
    /// Returns [`WebSocketError`] if none arrives in time.
    pub async fn open(
        dialer: &Dialer,
        endpoint: &Endpoint,
        target: &str,
        silence: Duration,
    ) -> Result<Self, WebSocketError> {
        let failed = |reason: String| WebSocketError::Handshake {
            endpoint: endpoint.to_string(),
            reason,
        };
        let scheme = if endpoint.is_encrypted() { "wss" } else { "ws" };
        let address = format!(
            "{scheme}://{}{}",
            endpoint.authority(),
            endpoint.target(target)
        );
        let request = address
            .into_client_request()
            .map_err(|error| failed(error.to_string()))?;
        let stream = dialer.dial(endpoint).await?;
        // Bounded: one message must not fill the memory of a process with a thousand runs.
        let config = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE_BYTES_MAX))
            .max_frame_size(Some(MESSAGE_BYTES_MAX));
        let opening = tokio_tungstenite::client_async_with_config(request, stream, Some(config));
        let (stream, _answer) = tokio::time::timeout(silence, opening)
            .await
            .map_err(|_elapsed| failed(format!("no answer within {silence:?}")))?
            .map_err(|error| failed(handshake_reason(&error)))?;
        Ok(Self { stream, silence })
    }

    /// Sends a text.
    ///
    /// # Errors
    ///
    /// Returns [`WebSocketError`] if the connection is lost or accepts nothing.
    pub async fn send(&mut self, text: String) -> Result<(), WebSocketError> {
        self.put(Message::text(text)).await
    }

    async fn put(&mut self, message: Message) -> Result<(), WebSocketError> {
        tokio::time::timeout(self.silence, self.stream.send(message))
            .await
            .map_err(|_elapsed| WebSocketError::Silent(self.silence))?
            .map_err(|error| WebSocketError::Broken(error.to_string()))
    }

    /// The bytes of the next message, text or binary. Pings are answered meanwhile.
    ///
    /// It may be dropped while it waits: no message is lost by that.
    ///
    /// # Errors
    ///
    /// Returns [`WebSocketError`] if there is no next message.
    pub async fn next(&mut self) -> Result<Vec<u8>, WebSocketError> {
        let mut has_pinged = false;
        loop {
            let frame = tokio::time::timeout(self.silence / 2, self.stream.next()).await;
            match frame {
                // A connection that a router has dropped looks open for ever. The ping forces an
                // answer, and the run learns of the loss within `silence`.
                Err(_elapsed) if has_pinged => return Err(WebSocketError::Silent(self.silence)),
                Err(_elapsed) => {
                    has_pinged = true;
                    self.put(Message::Ping(Vec::new().into())).await?;
                }
                Ok(None) => return Err(WebSocketError::Closed(String::new())),
                Ok(Some(Err(error))) => return Err(WebSocketError::Broken(error.to_string())),
                Ok(Some(Ok(Message::Text(text)))) => return Ok(text.as_str().into()),
                Ok(Some(Ok(Message::Binary(bytes)))) => return Ok(bytes.to_vec()),
                Ok(Some(Ok(Message::Close(frame)))) => {
                    let reason = frame.map(|frame| {
                        let reason = crate::field::shown(frame.reason.as_str());
                        format!(" with code {}: {reason}", u16::from(frame.code))
                    });
                    return Err(WebSocketError::Closed(reason.unwrap_or_default()));
                }
                Ok(Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)))) => {
                    has_pinged = false;
                }
            }
        }
    }
}

/// What went wrong, with the status of the response.
fn handshake_reason(error: &Error) -> String {
    if let Error::Http(answer) = error {
        format!("status {}", answer.status().as_u16())
    } else {
        error.to_string()
    }
}
