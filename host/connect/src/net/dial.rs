//! Connections, encrypted wherever they leave the machine. It must never skip a certificate.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::net::endpoint::Endpoint;

/// Opens connections, with the trusted certificates and a time limit.
#[derive(Clone)]
pub struct Dialer {
    tls: TlsConnector,
    timeout: Duration,
}

/// Why no connection could be opened. Recorded in journals and order logs: the texts never change.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// The system has no trusted certificate.
    #[error(
        "no trusted certificates were found ({problems} problems); install the system's ca-certificates"
    )]
    NoCertificates {
        /// Certificate files that could not be read.
        problems: usize,
    },
    /// TLS cannot be configured.
    #[error("encryption cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The host name cannot be part of a certificate.
    #[error("{host} cannot be a certificate's name")]
    Name { host: String },
    /// The connection was refused or broke.
    #[error("cannot connect to {endpoint}: {source}")]
    Connect {
        endpoint: String,
        source: std::io::Error,
    },
    /// The connection took too long.
    #[error("cannot connect to {endpoint} within {timeout:?}")]
    Timeout { endpoint: String, timeout: Duration },
}

/// An open connection, encrypted or not.
#[derive(Debug)]
pub enum DialedStream {
    Clear(TcpStream),
    Encrypted(Box<TlsStream<TcpStream>>),
}

impl Dialer {
    /// Trusts the certificates that the operating system trusts.
    ///
    /// # Errors
    ///
    /// Returns [`DialError`] if there are none.
    pub fn new(timeout: Duration) -> Result<Self, DialError> {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        let (added, _ignored) = roots.add_parsable_certificates(found.certs);
        if added == 0 {
            return Err(DialError::NoCertificates {
                problems: found.errors.len(),
            });
        }
        Self::trusting(roots, timeout)
    }

    /// Trusts these certificates and no others; with none, only this machine can be reached.
    ///
    /// # Errors
    ///
    /// Returns [`DialError::Tls`] if the encryption cannot be set up.
    pub fn trusting(roots: RootCertStore, timeout: Duration) -> Result<Self, DialError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            tls: TlsConnector::from(Arc::new(config)),
            timeout,
        })
    }

    /// Opens a connection.
    ///
    /// # Errors
    ///
    /// Returns [`DialError`] if there is none within the time limit.
    pub async fn dial(&self, endpoint: &Endpoint) -> Result<DialedStream, DialError> {
        tokio::time::timeout(self.timeout, self.dial_now(endpoint))
            .await
            .map_err(|_elapsed| DialError::Timeout {
                endpoint: endpoint.to_string(),
                timeout: self.timeout,
            })?
    }

    async fn dial_now(&self, endpoint: &Endpoint) -> Result<DialedStream, DialError> {
        let failed = |source| DialError::Connect {
            endpoint: endpoint.to_string(),
            source,
        };
        let host = endpoint.host_name();
        let stream = TcpStream::connect((host.as_str(), endpoint.port()))
            .await
            .map_err(failed)?;
        // Without Nagle's algorithm: an order must not wait for a packet to fill.
        stream.set_nodelay(true).map_err(failed)?;
        // Only an endpoint of this machine can be unencrypted: `Endpoint::parse` refuses any other.
        if !endpoint.is_encrypted() {
            return Ok(DialedStream::Clear(stream));
        }
        let name = ServerName::try_from(host.clone()).map_err(|_| DialError::Name { host })?;
        let stream = self.tls.connect(name, stream).await.map_err(failed)?;
        Ok(DialedStream::Encrypted(Box::new(stream)))
    }
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dialer({:?})", self.timeout)
    }
}

impl AsyncRead for DialedStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Encrypted(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for DialedStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Encrypted(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_flush(context),
            Self::Encrypted(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Clear(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Encrypted(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
