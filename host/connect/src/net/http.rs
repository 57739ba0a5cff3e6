//! One HTTP/1.1 request at a time to one service. It must never send a request twice.

use core::time::Duration;

use counterfoil_trading::time::UnixNanos;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{HeaderMap, Method, Request};
use hyper_util::rt::TokioIo;
use tokio::sync::Mutex;

use crate::feed::protocol::Outgoing;
use crate::net::dial::{DialError, Dialer};
use crate::net::endpoint::Endpoint;

/// The most bytes of an answer: ten thousand bars take about two million.
pub const ANSWER_BYTES_MAX: usize = 16 << 20;

/// A client of one service.
#[derive(Debug)]
pub struct Http {
    dialer: Dialer,
    endpoint: Endpoint,
    timeout: Duration,
    /// The connection of the request before, if it may serve again.
    open: Mutex<Option<SendRequest<Full<Bytes>>>>,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Ask {
    /// What to do.
    pub method: Method,
    /// Path and query, behind the endpoint's path.
    pub target: String,
    /// Names and values, which may be secret.
    pub headers: Vec<(&'static str, Outgoing)>,
    /// The body, JSON; empty for none.
    pub body: Vec<u8>,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// There was no connection: nothing was sent.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The request is none: nothing was sent.
    #[error("the request cannot be sent: {0}")]
    Request(String),
    /// It is not known whether the service has the request.
    #[error("no answer from {endpoint}: {reason}")]
    Unknown {
        /// Where.
        endpoint: String,
        /// Why.
        reason: String,
    },
}

impl Http {
    /// A client. Each request, with its answer, may take `timeout`.
    #[must_use]
    pub fn new(dialer: Dialer, endpoint: Endpoint, timeout: Duration) -> Self {
        Self {
            dialer,
            endpoint,
            timeout,
            open: Mutex::new(None),
        }
    }

    /// The answer to a request, which is sent once at most.
    ///
    /// # Errors
    ///
    /// Returns [`HttpError`]; of its kinds only [`HttpError::Unknown`] leaves open whether the
    /// service acted.
    pub async fn ask(&self, ask: Ask) -> Result<Answer, HttpError> {
        let request = self.request(ask)?;
        // A request that is dropped half-way leaves no connection behind.
        let mut sender = self.sender().await?;
        let exchange = async {
            let answer = sender.send_request(request).await?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await?;
            Ok::<_, Box<dyn core::error::Error + Send + Sync>>((head, body.to_bytes()))
        };
        let unknown = |reason: String| HttpError::Unknown {
            endpoint: self.endpoint.to_string(),
            reason,
        };
        let (head, body) = tokio::time::timeout(self.timeout, exchange)
            .await
            .map_err(|_elapsed| unknown(format!("nothing within {:?}", self.timeout)))?
            .map_err(|error| unknown(error.to_string()))?;
        *self.open.lock().await = Some(sender);
        Ok(Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body: body.to_vec(),
        })
    }

    fn request(&self, ask: Ask) -> Result<Request<Full<Bytes>>, HttpError> {
        let mut builder = Request::builder()
            .method(ask.method)
            .uri(self.endpoint.target(&ask.target))
            .header("host", self.endpoint.authority())
            .header(
                "user-agent",
                concat!("counterfoil/", env!("CARGO_PKG_VERSION")),
            )
            .header("accept", "application/json");
        if !ask.body.is_empty() {
            builder = builder.header("content-type", "application/json");
        }
        for (name, value) in ask.headers {
            builder = builder.header(name, value.0);
        }
        builder
            .body(Full::new(Bytes::from(ask.body)))
            .map_err(|error| HttpError::Request(error.to_string()))
    }

    /// The connection of the request before, if the service still holds it open, or a new one.
    async fn sender(&self) -> Result<SendRequest<Full<Bytes>>, HttpError> {
        if let Some(mut sender) = self.open.lock().await.take()
            && sender.ready().await.is_ok()
        {
            return Ok(sender);
        }
        let stream = self.dialer.dial(&self.endpoint).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| HttpError::Request(error.to_string()))?;
        // It ends with the connection; what went wrong is told to the sender.
        tokio::spawn(async move {
            let _told_to_the_sender = connection.await;
        });
        Ok(sender)
    }
}

impl Answer {
    /// The text of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The service's own time, in whole seconds, if it said it.
    ///
    /// Source: RFC 9110, 6.6.1 (Date).
    #[must_use]
    pub fn date(&self) -> Option<UnixNanos> {
        parse_date(self.header("date")?)
    }
}

/// The moment of a `Date` header.
#[must_use]
pub fn parse_date(text: &str) -> Option<UnixNanos> {
    let stamp = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    i64::try_from(stamp.as_nanosecond()).ok().map(UnixNanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_read_as_rfc_9110_writes_it() {
        let at = parse_date("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(at, Some(UnixNanos(784_111_777_000_000_000)));
        assert_eq!(parse_date("yesterday"), None);
    }
}
