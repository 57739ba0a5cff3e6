//! One request at a time to one source, on the caller's thread. It must never follow a redirect, nor show a key.

use core::fmt;
use core::time::Duration;

use hyper::Method;
use rustls::RootCertStore;
use tokio::runtime::{Builder, Runtime};

use crate::fetch::source::HistorySource;
use crate::net::credentials::Credentials;
use crate::net::dial::{DialError, Dialer};
use crate::net::endpoint::Endpoint;
use crate::net::http::{HttpClient, HttpError, HttpRequest, HttpResponse};

/// Time limit of opening a connection.
const DIAL_MAX: Duration = Duration::from_secs(10);

/// Where a source is reached, and with which key.
#[derive(Clone, Debug)]
pub struct HistoryAccess {
    pub source: HistorySource,
    pub endpoint: Endpoint,
    /// The key, where the source requires one.
    pub credentials: Option<Credentials>,
    /// Which of the source's data sources, where it has several.
    pub feed: String,
}

/// A client of one source.
pub struct HistoryClient {
    access: HistoryAccess,
    http: HttpClient,
    runtime: Runtime,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryClientError {
    #[error(transparent)]
    Dial(#[from] DialError),
    #[error("cannot prepare to send requests: {0}")]
    Runtime(#[from] std::io::Error),
}

impl HistoryClient {
    /// A client; nothing is sent yet.
    ///
    /// # Errors
    ///
    /// Returns [`HistoryClientError`] if connections cannot be encrypted.
    pub fn new(access: HistoryAccess) -> Result<Self, HistoryClientError> {
        let dialer = if access.endpoint.is_encrypted() {
            Dialer::new(DIAL_MAX)?
        } else {
            // Only this machine is reached in the clear, which takes no certificate.
            Dialer::trusting(RootCertStore::empty(), DIAL_MAX)?
        };
        let limits = access.source.limits();
        let http = HttpClient::new(dialer, access.endpoint.clone(), limits.timeout)
            .with_response_bytes_max(limits.response_bytes_max);
        Ok(Self {
            access,
            http,
            runtime: Builder::new_current_thread().enable_all().build()?,
        })
    }

    /// Where the source is reached.
    #[must_use]
    pub const fn access(&self) -> &HistoryAccess {
        &self.access
    }

    /// The whole address of a request. The key is in its headers, never in here.
    #[must_use]
    pub fn url(&self, target: &str) -> String {
        format!("{}{target}", self.access.endpoint.base_url())
    }

    /// Sends a request and waits for its answer, whatever its status is.
    ///
    /// # Errors
    ///
    /// Returns [`HttpError`] if there is no whole answer.
    pub fn get(&self, target: &str) -> Result<HttpResponse, HttpError> {
        let credentials = self.access.credentials.as_ref();
        let request = HttpRequest {
            method: Method::GET,
            target: target.to_owned(),
            headers: credentials.map(Credentials::headers).unwrap_or_default(),
            body: Vec::new(),
        };
        self.runtime.block_on(self.http.send(request))
    }
}

impl fmt::Debug for HistoryClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HistoryClient")
            .field("access", &self.access)
            .finish_non_exhaustive()
    }
}
