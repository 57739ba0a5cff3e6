//! The address of a service. It must never allow an unencrypted connection to another machine.

use core::fmt;

use url::{Host, Url};

use crate::field::shown;

/// The protocol of an endpoint.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EndpointKind {
    /// `https`, or `http` on this machine.
    Http,
    /// `wss`, or `ws` on this machine.
    WebSocket,
}

/// The base address of a service.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Endpoint {
    host: Host<String>,
    port: u16,
    path: String,
    is_encrypted: bool,
}

/// Why an address is invalid.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// Not a URL of this kind.
    #[error("invalid address {text:?}: {reason}")]
    Address { text: String, reason: String },
    /// An unencrypted address of another machine.
    #[error("address {text:?} is not encrypted, which only this machine may be; use {scheme}://")]
    Clear {
        text: String,
        /// The scheme to use instead.
        scheme: &'static str,
    },
}

impl Endpoint {
    /// Parses an address such as `wss://stream.example`.
    ///
    /// # Errors
    ///
    /// Returns [`EndpointError`] if it is not a URL of this kind, contains a user, a query or a
    /// fragment, or is an unencrypted address of another machine.
    pub fn parse(text: &str, kind: EndpointKind) -> Result<Self, EndpointError> {
        let wrong = |reason: &str| EndpointError::Address {
            // Without the part before the @, which may be a password.
            text: shown(text.split('@').next_back().unwrap_or_default()),
            reason: reason.to_owned(),
        };
        let url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
        let (encrypted, clear) = match kind {
            EndpointKind::Http => ("https", "http"),
            EndpointKind::WebSocket => ("wss", "ws"),
        };
        let is_encrypted = url.scheme() == encrypted;
        if !is_encrypted && url.scheme() != clear {
            return Err(wrong(&format!("must begin with {encrypted}://")));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("remove the user and password"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("remove the query and fragment"));
        }
        let host = url.host().ok_or_else(|| wrong("no host"))?;
        let host = host.to_owned();
        // In the clear anybody on the way could read the key and change the orders.
        if !is_encrypted && !is_here(&host) {
            return Err(EndpointError::Clear {
                text: shown(text),
                scheme: encrypted,
            });
        }
        Ok(Self {
            host,
            port: url
                .port_or_known_default()
                .ok_or_else(|| wrong("it names no port"))?,
            path: url.path().trim_end_matches('/').to_owned(),
            is_encrypted,
        })
    }

    /// The host, without brackets.
    pub(crate) fn host_name(&self) -> String {
        match &self.host {
            Host::Ipv6(address) => address.to_string(),
            host @ (Host::Ipv4(_) | Host::Domain(_)) => host.to_string(),
        }
    }

    /// Whether it is on this machine.
    #[must_use]
    pub fn is_here(&self) -> bool {
        is_here(&self.host)
    }

    /// Its port of TCP.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    pub(crate) const fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }

    /// Path and query of a target after the base path.
    pub(crate) fn target(&self, target: &str) -> String {
        format!("{}{target}", self.path)
    }

    /// Scheme, host, port and base path.
    pub(crate) fn base_url(&self) -> String {
        let scheme = if self.is_encrypted { "https" } else { "http" };
        format!("{scheme}://{self}")
    }

    /// Host and port, as the header of a request names them.
    pub(crate) fn authority(&self) -> String {
        let usual = if self.is_encrypted { 443 } else { 80 };
        if self.port == usual {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

fn is_here(host: &Host<String>) -> bool {
    match host {
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
        Host::Domain(name) => name == "localhost",
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.authority(), self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, kind: EndpointKind, expect: &str) {
        let got = match Endpoint::parse(text, kind) {
            Ok(endpoint) => endpoint.to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(got, expect);
    }

    #[test]
    fn only_this_machine_is_reached_in_the_clear() {
        check("https://a.example", EndpointKind::Http, "a.example");
        check(
            "wss://a.example:9443/x/",
            EndpointKind::WebSocket,
            "a.example:9443/x",
        );
        check("http://127.0.0.1:80/", EndpointKind::Http, "127.0.0.1");
        check("ws://[::1]:81", EndpointKind::WebSocket, "[::1]:81");
        check("ws://localhost:81", EndpointKind::WebSocket, "localhost:81");
        let clear = |text: &str, scheme: &str| {
            format!(
                "address {text:?} is not encrypted, which only this machine may be; use {scheme}://"
            )
        };
        for text in [
            "http://a.example",
            "http://10.0.0.1",
            "http://localhost.a.example",
        ] {
            check(text, EndpointKind::Http, &clear(text, "https"));
        }
        check(
            "ws://a.example",
            EndpointKind::WebSocket,
            &clear("ws://a.example", "wss"),
        );
    }

    #[test]
    fn an_address_carries_no_secret_and_is_of_its_kind() {
        check(
            "https://me:hush@a.example",
            EndpointKind::Http,
            "invalid address \"a.example\": remove the user and password",
        );
        check(
            "https://a.example/?k=1",
            EndpointKind::Http,
            "invalid address \"https://a.example/?k=1\": remove the query and fragment",
        );
        check(
            "wss://a.example",
            EndpointKind::Http,
            "invalid address \"wss://a.example\": must begin with https://",
        );
        check(
            "",
            EndpointKind::Http,
            "invalid address \"\": relative URL without a base",
        );
    }
}
