//! Encryption: a server is spoken to only if a trusted authority vouches for its name.
//!
//! The certificates are made by `tests/certificates/make.sh`.

use core::convert::Infallible;
use core::time::Duration;
use std::sync::Arc;

use counterfoil_connect::net::dial::Dialer;
use counterfoil_connect::net::endpoint::{Endpoint, EndpointKind};
use counterfoil_connect::net::http::{HttpClient, HttpRequest};
use counterfoil_connect::net::socket::WebSocket;
use futures_util::SinkExt as _;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::service::service_fn;
use hyper::{Method, Response};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::Message;

use crate::venue::{FOREVER, block_on};

const AUTHORITY: &[u8] = include_bytes!("../certificates/authority.pem");
const SERVER: &[u8] = include_bytes!("../certificates/server.pem");
const SERVER_KEY: &[u8] = include_bytes!("../certificates/server.key");

fn authority() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(AUTHORITY).unwrap();
    roots.add(certificate).unwrap();
    roots
}

/// Starts an encrypted service that speaks HTTP or WebSocket; returns its port.
async fn start(kind: EndpointKind) -> u16 {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(SERVER).unwrap()],
            PrivateKeyDer::from_pem_slice(SERVER_KEY).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // A client that does not trust us goes before the end of the handshake.
            let Ok(stream) = acceptor.accept(stream).await else {
                continue;
            };
            if kind == EndpointKind::WebSocket {
                let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
                socket.send(Message::text("hello")).await.unwrap();
                continue;
            }
            let hello = |_request| async {
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::from("hello"))))
            };
            let service = hyper::server::conn::http1::Builder::new();
            let connection = service.serve_connection(TokioIo::new(stream), service_fn(hello));
            tokio::spawn(async move {
                let _closed = connection.await;
            });
        }
    });
    port
}

/// What comes of asking, over HTTP or WebSocket.
async fn hello(kind: EndpointKind, host: &str, roots: RootCertStore) -> Result<Vec<u8>, String> {
    let port = start(kind).await;
    let dialer = Dialer::trusting(roots, Duration::from_mins(1)).unwrap();
    let scheme = if kind == EndpointKind::Http {
        "https"
    } else {
        "wss"
    };
    let endpoint = Endpoint::parse(&format!("{scheme}://{host}:{port}"), kind).unwrap();
    if kind == EndpointKind::WebSocket {
        let socket = WebSocket::open(&dialer, &endpoint, "/", FOREVER).await;
        let mut socket = socket.map_err(|error| error.to_string())?;
        return socket.next().await.map_err(|error| error.to_string());
    }
    let request = HttpRequest {
        method: Method::GET,
        target: "/".to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
    };
    let answer = HttpClient::new(dialer, endpoint, FOREVER)
        .send(request)
        .await;
    answer
        .map(|answer| answer.body)
        .map_err(|error| error.to_string())
}

#[test]
fn a_server_is_spoken_to_only_if_an_authority_vouches_for_its_name() {
    for kind in [EndpointKind::Http, EndpointKind::WebSocket] {
        block_on(async {
            let trusted = hello(kind, "127.0.0.1", authority()).await;
            assert_eq!(trusted.as_deref(), Ok(&b"hello"[..]));
            let unknown = hello(kind, "127.0.0.1", RootCertStore::empty()).await;
            assert!(unknown.unwrap_err().contains("UnknownIssuer"));
            let other_name = hello(kind, "localhost", authority()).await;
            let error = other_name.unwrap_err();
            assert!(error.contains("not valid for name"), "{error}");
        });
    }
}
