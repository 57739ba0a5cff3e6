//! One WebSocket. It must never know what its messages mean. Its error texts are recorded in
//! journals: they never change.

use core::pin::Pin;
use core::time::Duration;

use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use tokio::time::Sleep;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::net::dial::{DialError, DialedStream, Dialer};
use crate::net::endpoint::Endpoint;
use crate::wait::wait;

/// The most bytes of one message: a venue's largest have a few thousand.
pub const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// Bytes that wait to be sent: a subscription of a run's most instruments, twice over.
const UNSENT_BYTES_MAX: usize = 2 << 20;

/// Pings and pongs between two messages or answers to our ping: venues send a few a minute.
pub const CONTROL_FRAMES_MAX: u32 = 1_000;

/// An open WebSocket.
#[derive(Debug)]
pub struct WebSocket {
    stream: WebSocketStream<DialedStream>,
    silence: Duration,
    /// Ends half of `silence` after the last message or answer to our ping.
    quiet: Pin<Box<Sleep>>,
    /// Whether our ping was sent, and neither its answer nor a message arrived since.
    awaits_pong: bool,
    /// Number of our last ping, which its answer repeats.
    pings: u64,
    /// Pings and pongs of the venue since the last message or answer to our ping.
    control_frames: u32,
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
    /// The service sends, and does not read what it is sent.
    #[error("the venue has read nothing for {0:?}")]
    NotReading(Duration),
    /// Pings and pongs arrived, and nothing else.
    #[error("{0} pings and pongs came without data")]
    Flooded(u32),
    /// The service closed it.
    #[error("closed by the venue{0}")]
    Closed(String),
    #[error("the connection broke: {0}")]
    Broken(String),
}

impl WebSocket {
    /// Opens a WebSocket. Without a message for half of `silence` a ping is sent; without an answer
    /// to it in the other half the connection counts as broken, whatever the venue pings itself.
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
        // Bounded: one message must not fill the memory of a process with a thousand runs. Nor must
        // the answers to pings that the venue never reads: unbounded, they took 2.6 GB in 9 seconds.
        let config = WebSocketConfig::default()
            .max_message_size(Some(MESSAGE_BYTES_MAX))
            .max_frame_size(Some(MESSAGE_BYTES_MAX))
            .write_buffer_size(0)
            .max_write_buffer_size(UNSENT_BYTES_MAX);
        let opening = tokio_tungstenite::client_async_with_config(request, stream, Some(config));
        let (stream, _answer) = tokio::time::timeout(silence, opening)
            .await
            .map_err(|_elapsed| failed(format!("no answer within {silence:?}")))?
            .map_err(|error| failed(handshake_reason(&error)))?;
        Ok(Self {
            stream,
            silence,
            quiet: Box::pin(wait(silence / 2)),
            awaits_pong: false,
            pings: 0,
            control_frames: 0,
        })
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
        loop {
            let frame = self.next_frame().await?;
            match frame {
                Message::Text(text) => return Ok(self.received(text.as_bytes())),
                Message::Binary(bytes) => return Ok(self.received(&bytes)),
                Message::Close(frame) => {
                    let reason = frame.map(|frame| {
                        let reason = crate::field::shown(frame.reason.as_str());
                        format!(" with code {}: {reason}", u16::from(frame.code))
                    });
                    return Err(WebSocketError::Closed(reason.unwrap_or_default()));
                }
                // The answer shows that the venue reads and writes. Its own pings show neither: a
                // process that only pings would keep a connection without data open for ever.
                Message::Pong(data)
                    if self.awaits_pong && data.as_ref() == self.pings.to_be_bytes() =>
                {
                    self.restart();
                }
                Message::Ping(_) => {
                    self.count_control_frame()?;
                    // The library has queued the answer. Nothing more is read until it is sent: a
                    // venue that does not read would make the queue grow with each ping.
                    tokio::time::timeout(self.silence, self.stream.flush())
                        .await
                        .map_err(|_elapsed| WebSocketError::NotReading(self.silence))?
                        .map_err(|error| WebSocketError::Broken(error.to_string()))?;
                }
                Message::Pong(_) | Message::Frame(_) => self.count_control_frame()?,
            }
        }
    }

    /// The next frame; pings where none arrives for long.
    async fn next_frame(&mut self) -> Result<Message, WebSocketError> {
        loop {
            let frame = tokio::select! {
                // The timer first: a venue that sends one endless message in small pieces is always
                // readable and never gives a frame.
                biased;
                () = self.quiet.as_mut() => None,
                frame = self.stream.next() => Some(frame),
            };
            let frame = match frame {
                Some(frame) => frame,
                // A connection that a router has dropped looks open for ever. The ping forces an
                // answer, and the run learns of the loss within `silence`.
                None if !self.awaits_pong => {
                    self.awaits_pong = true;
                    self.pings = self.pings.saturating_add(1);
                    self.quiet.set(wait(self.silence / 2));
                    let number = self.pings.to_be_bytes().to_vec();
                    self.put(Message::Ping(number.into())).await?;
                    continue;
                }
                // A caller that was busy for long finds the timer over and the answer unread.
                None => match self.stream.next().now_or_never() {
                    Some(frame) => frame,
                    None => return Err(WebSocketError::Silent(self.silence)),
                },
            };
            return match frame {
                Some(Ok(message)) => Ok(message),
                Some(Err(error)) => Err(WebSocketError::Broken(error.to_string())),
                None => Err(WebSocketError::Closed(String::new())),
            };
        }
    }

    fn received(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.restart();
        bytes.to_vec()
    }

    /// The connection has shown that it works.
    fn restart(&mut self) {
        self.awaits_pong = false;
        self.control_frames = 0;
        self.quiet.set(wait(self.silence / 2));
    }

    fn count_control_frame(&mut self) -> Result<(), WebSocketError> {
        self.control_frames = self.control_frames.saturating_add(1);
        if self.control_frames > CONTROL_FRAMES_MAX {
            return Err(WebSocketError::Flooded(self.control_frames));
        }
        Ok(())
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
