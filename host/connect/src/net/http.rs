//! One HTTP/1.1 request at a time to one service. It must never send a request twice. Its error
//! texts are recorded in journals and order logs: they never change.

use core::time::Duration;

use counterfoil_trading::time::UnixNanos;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{HeaderMap, Method, Request};
use hyper_util::rt::TokioIo;
use tokio::sync::Mutex;

use crate::net::dial::{DialError, Dialer};
use crate::net::endpoint::Endpoint;
use crate::net::secret::SecretText;

/// The most bytes of a response: ten thousand bars take about two million.
pub const RESPONSE_BYTES_MAX: usize = 16 << 20;

/// A client of one service.
#[derive(Debug)]
pub struct HttpClient {
    dialer: Dialer,
    endpoint: Endpoint,
    timeout: Duration,
    response_bytes_max: usize,
    /// The connection of the last request, if it may be used again.
    open: Mutex<Option<SendRequest<Full<Bytes>>>>,
}

/// A request.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    pub method: Method,
    /// Path and query, after the endpoint's path.
    pub target: String,
    /// Names and values, which may be secret.
    pub headers: Vec<(&'static str, SecretText)>,
    /// JSON; empty for none.
    pub body: Vec<u8>,
}

/// A response.
#[derive(Clone, Debug)]
pub struct HttpResponse {
    pub status: u16,
    headers: HeaderMap,
    pub body: Vec<u8>,
}

/// Why no response arrived.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// There was no connection: nothing was sent.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The request is invalid: nothing was sent.
    #[error("the request cannot be sent: {0}")]
    Request(String),
    /// Whether the service received the request is unknown.
    #[error("no answer from {endpoint}: {reason}")]
    Unknown { endpoint: String, reason: String },
}

impl HttpClient {
    /// A client. `timeout` limits each request with its response.
    #[must_use]
    pub fn new(dialer: Dialer, endpoint: Endpoint, timeout: Duration) -> Self {
        Self {
            dialer,
            endpoint,
            timeout,
            response_bytes_max: RESPONSE_BYTES_MAX,
            open: Mutex::new(None),
        }
    }

    /// The same client with another bound on the bytes of a response.
    #[must_use]
    pub fn with_response_bytes_max(self, response_bytes_max: usize) -> Self {
        Self {
            response_bytes_max,
            ..self
        }
    }

    /// Sends a request, at most once, and returns the response.
    ///
    /// # Errors
    ///
    /// Returns [`HttpError`]; only [`HttpError::Unknown`] leaves open whether the service acted.
    pub async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let request = self.build(request)?;
        // The connection is taken out of its place and put back only after a whole response: a
        // request that is dropped half-way must not leave its response for the next one to read.
        let mut sender = self.sender().await?;
        let exchange = async {
            let answer = sender.send_request(request).await?;
            let (head, body) = answer.into_parts();
            // Bounded: a hostile or broken server could otherwise send until the memory is full.
            let body = Limited::new(body, self.response_bytes_max)
                .collect()
                .await?;
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
        Ok(HttpResponse {
            status: head.status.as_u16(),
            headers: head.headers,
            body: body.to_vec(),
        })
    }

    fn build(&self, request: HttpRequest) -> Result<Request<Full<Bytes>>, HttpError> {
        let mut builder = Request::builder()
            .method(request.method)
            .uri(self.endpoint.target(&request.target))
            .header("host", self.endpoint.authority())
            .header(
                "user-agent",
                concat!("counterfoil/", env!("CARGO_PKG_VERSION")),
            )
            .header("accept", "application/json");
        if !request.body.is_empty() {
            builder = builder.header("content-type", "application/json");
        }
        for (name, value) in request.headers {
            builder = builder.header(name, value.0);
        }
        builder
            .body(Full::new(Bytes::from(request.body)))
            .map_err(|error| HttpError::Request(error.to_string()))
    }

    /// The connection of the last request, if the service still holds it open, or a new one.
    async fn sender(&self) -> Result<SendRequest<Full<Bytes>>, HttpError> {
        // `ready` fails on a connection that the service has closed. A close that crosses the
        // request is an unknown outcome, not a reason to send it again.
        if let Some(mut sender) = self.open.lock().await.take()
            && sender.ready().await.is_ok()
        {
            return Ok(sender);
        }
        let stream = self.dialer.dial(&self.endpoint).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| HttpError::Request(error.to_string()))?;
        // The task ends with the connection, and the sender gets its error.
        tokio::spawn(async move {
            let _reported_by_sender = connection.await;
        });
        Ok(sender)
    }
}

impl HttpResponse {
    /// A response for tests.
    #[cfg(test)]
    pub(crate) fn of(status: u16, headers: &[(&'static str, &str)], body: &[u8]) -> Self {
        let headers = headers.iter().map(|(name, value)| {
            let name = hyper::header::HeaderName::from_static(name);
            (name, value.parse().unwrap())
        });
        Self {
            status,
            headers: headers.collect(),
            body: body.to_vec(),
        }
    }

    /// The text of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The service's own time, in whole seconds, from the `Date` header.
    ///
    /// Source: RFC 9110, 6.6.1 (Date).
    #[must_use]
    pub fn date(&self) -> Option<UnixNanos> {
        parse_date(self.header("date")?)
    }
}

/// The time in a `Date` header.
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
