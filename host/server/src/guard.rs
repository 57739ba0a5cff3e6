//! What is checked of every request before its route: where it comes from, and that it ends in
//! time. It must never know what a route does.

use core::time::Duration;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use counterfoil_os::clock::Stopwatch;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::problem::{Code, Problem};

/// How long a request may take with its body, its work and everything that it waits for, unless
/// it watches. A start that compiles takes the most.
const REQUEST_MAX: Duration = Duration::from_mins(2);

/// Checks a request, lets it through, and counts what came of it.
pub(crate) async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let watch = Stopwatch::start();
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>();
    let path = path.map_or("none", MatchedPath::as_str).to_owned();
    let response = if let Err(problem) = check_origin(&app, request.headers()) {
        problem.into_response()
    } else {
        let answered = tokio::time::timeout(REQUEST_MAX, next.run(request)).await;
        answered.unwrap_or_else(|_over| {
            let hint = "ask for the run's status before you ask again";
            Problem::new(Code::TimedOut, "the request took too long", hint).into_response()
        })
    };
    let status = response.status().as_u16();
    app.metrics.answered(method.as_str(), &path, status);
    let micros = watch.elapsed().as_micros();
    tracing::info!(%method, path, status, micros, "answered");
    response
}

/// A page of somebody else's must not reach this server through its reader's browser, neither
/// from its own origin nor under a name that it makes mean this machine.
fn check_origin(app: &App, headers: &HeaderMap) -> Result<(), Problem> {
    let foreign = |what: &str, value: &str| {
        let detail = format!("the header {what} is {value:?}");
        let hint = format!("ask {} itself", app.audience);
        Err(Problem::new(Code::Origin, detail, hint))
    };
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(origin) = text(header::ORIGIN).filter(|origin| *origin != app.audience) {
        return foreign("Origin", origin);
    }
    let Some(hosts) = &app.hosts else {
        return Ok(());
    };
    let host = text(header::HOST).unwrap_or_default();
    if hosts.iter().any(|one| one == host) {
        return Ok(());
    }
    foreign("Host", host)
}

/// A body as JSON. Its content type must say so: no form of a page can send that.
pub(crate) fn json<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<T, Problem> {
    let malformed = |detail: String| {
        let hint = "send JSON as GET /openapi.json describes it";
        Problem::new(Code::BodyMalformed, detail, hint)
    };
    let bytes = body.map_err(|rejection| {
        if rejection.status().as_u16() == 413 {
            let hint = "send less in one request";
            return Problem::new(Code::BodyTooLarge, rejection.body_text(), hint);
        }
        malformed(rejection.body_text())
    })?;
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let bare = kind.split(';').next().unwrap_or_default().trim();
    if !bare.eq_ignore_ascii_case("application/json") {
        return Err(malformed(format!("the content type is {kind:?}")));
    }
    serde_json::from_slice(&bytes).map_err(|error| malformed(error.to_string()))
}
