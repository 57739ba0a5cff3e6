//! An HTTP service whose answers are a function's, with the faults of a network.

use core::convert::Infallible;
use std::sync::Arc;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// A request as a function sees it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// `GET`, `POST` and so on.
    pub(crate) method: String,
    /// The path.
    pub(crate) path: String,
    /// Names and values of the query.
    pub(crate) query: Vec<(String, String)>,
    /// The body.
    pub(crate) body: Vec<u8>,
    /// The header with the key.
    pub(crate) key: Option<String>,
}

impl Asked {
    /// A value of the query.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(field, _)| field == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// A status, headers and a body.
    Say(u16, Vec<(&'static str, String)>, String),
    /// Nothing, ever.
    Hang,
    /// The connection is cut.
    Cut,
}

impl Reply {
    /// A status and a body.
    pub(crate) fn of(status: u16, body: impl ToString) -> Self {
        Self::Say(status, Vec::new(), body.to_string())
    }
}

/// Starts a service; returns its port.
pub(crate) async fn serve(answer: impl Fn(Asked) -> Reply + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    serve_on(listener, answer);
    port
}

/// Serves the connections of a listener.
pub(crate) fn serve_on(
    listener: TcpListener,
    answer: impl Fn(Asked) -> Reply + Send + Sync + 'static,
) {
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let answer = Arc::clone(&answer);
            let service = service_fn(move |request| respond(request, Arc::clone(&answer)));
            tokio::spawn(async move {
                let connection = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service);
                // An error is how a cut connection ends.
                let _cut = connection.await;
            });
        }
    });
}

/// The connection is to be cut.
#[derive(Debug, thiserror::Error)]
#[error("cut")]
struct Cut;

async fn respond(
    request: Request<Incoming>,
    answer: Arc<impl Fn(Asked) -> Reply>,
) -> Result<Response<Full<Bytes>>, Cut> {
    let method = request.method().to_string();
    let uri = request.uri().clone();
    let key = request.headers().get("apca-api-key-id").cloned();
    let body = request.into_body().collect().await.map_err(|_| Cut)?;
    let query = uri.query().unwrap_or_default().as_bytes();
    let asked = Asked {
        method,
        path: uri.path().to_owned(),
        query: url::form_urlencoded::parse(query).into_owned().collect(),
        body: body.to_bytes().to_vec(),
        key: key.map(|key| key.to_str().unwrap().to_owned()),
    };
    match answer(asked) {
        Reply::Say(status, headers, body) => {
            let mut builder = Response::builder().status(status);
            for (name, value) in headers {
                builder = builder.header(name, value);
            }
            Ok(builder.body(Full::new(Bytes::from(body))).unwrap())
        }
        Reply::Hang => {
            let never: Infallible = core::future::pending().await;
            match never {}
        }
        Reply::Cut => Err(Cut),
    }
}
