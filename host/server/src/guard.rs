//! Checks on every request before its route: its origin and host, and a bound on its time. It must never
//! know what a route does.

use core::time::Duration;
use std::sync::Arc;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::rejection::BytesRejection;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use counterfoil_os::clock::Stopwatch;
use serde::de::DeserializeOwned;

use crate::app::{ApiCaller, ApiState, BODY_BYTES_MAX};
use crate::places::Place;
use crate::problem::{Problem, ProblemCode};

/// The time limit of a request with its body and its work, unless it watches. A start that compiles takes
/// the longest.
const REQUEST_MAX: Duration = Duration::from_mins(2);

/// The time limit for the body of a request. A body that never ends would keep its connection's place.
const BODY_MAX: Duration = Duration::from_secs(10);
/// Bytes of a body without a valid login: a login takes less than one KiB.
const STRANGER_BODY_BYTES_MAX: usize = 8 << 10;

/// Checks a request, passes it on, and counts its status.
pub(crate) async fn guard(
    State(app): State<Arc<ApiState>>,
    request: Request,
    next: Next,
) -> Response {
    let watch = Stopwatch::start();
    let method = request.method().clone();
    // The route's pattern, not the path: otherwise a caller could add a series to the metrics with every
    // request.
    let path = request.extensions().get::<MatchedPath>();
    let path = path.map_or("none", MatchedPath::as_str).to_owned();
    let response = if let Err(problem) = check_origin(&app, request.headers()) {
        problem.into_response()
    } else {
        // The timeout ends the wait, not the work: a start that runs on its own thread may still complete, so
        // the hint asks for the status first.
        let answered = async {
            match whole(&app, request).await {
                Ok(request) => next.run(request).await,
                Err(problem) => problem.into_response(),
            }
        };
        let answered = tokio::time::timeout(REQUEST_MAX, answered).await;
        answered.unwrap_or_else(|_over| {
            let hint = "read the run's status before you send the request again";
            Problem::new(ProblemCode::TimedOut, "the request timed out", hint).into_response()
        })
    };
    let status = response.status().as_u16();
    app.metrics.answered(method.as_str(), &path, status);
    let micros = watch.elapsed().as_micros();
    tracing::info!(%method, path, status, micros, "answered");
    response
}

/// The request with its whole body. A valid login keeps the connection's place, and any other gives it back.
async fn whole(app: &ApiState, request: Request) -> Result<Request, Problem> {
    let caller = app.caller(request.headers());
    if let Some(place) = request.extensions().get::<Arc<Place>>() {
        match &caller {
            Ok(caller) => place.keep(&caller.id),
            // The key was revoked since, or the login ended: its connections give way again.
            Err(_) => place.give_back(),
        }
    }
    let most = if caller.is_ok() {
        BODY_BYTES_MAX
    } else {
        STRANGER_BODY_BYTES_MAX
    };
    let (head, body) = request.into_parts();
    let too_long = |caller: Result<ApiCaller, Problem>| {
        let detail = format!("a body has at most {most} bytes");
        let hint = "send less in one request";
        // A client whose token has expired learns that, and not that its manifest is too long.
        let denied = caller.err();
        denied.unwrap_or_else(|| Problem::new(ProblemCode::BodyTooLarge, detail, hint))
    };
    // By the length that is declared, before anything of it is waited for.
    if usize::try_from(body.size_hint().lower()).is_ok_and(|length| length > most) {
        return Err(too_long(caller));
    }
    let read = tokio::time::timeout(BODY_MAX, axum::body::to_bytes(body, most)).await;
    let body = match read {
        Ok(Ok(body)) => body,
        Err(_over) => {
            let detail = format!("the body did not come within {} s", BODY_MAX.as_secs());
            let hint = "send the body with the request";
            return Err(Problem::new(ProblemCode::TimedOut, detail, hint));
        }
        Ok(Err(error)) if is_too_long(&error) => {
            return Err(too_long(caller));
        }
        Ok(Err(error)) => {
            let hint = "send the whole body";
            return Err(Problem::new(
                ProblemCode::BodyMalformed,
                error.to_string(),
                hint,
            ));
        }
    };
    Ok(Request::from_parts(head, Body::from(body)))
}

fn is_too_long(error: &axum::Error) -> bool {
    use core::error::Error as _;
    error
        .source()
        .and_then(|source| source.downcast_ref::<http_body_util::LengthLimitError>())
        .is_some()
}

/// Checks that no foreign web page sent the request through its reader's browser: neither from its own
/// origin, nor under a name that it resolves to this machine (DNS rebinding).
fn check_origin(app: &ApiState, headers: &HeaderMap) -> Result<(), Problem> {
    let foreign = |what: &str, value: &str| {
        let detail = format!("the header {what} is {value:?}");
        let hint = format!("send the request to {}", app.audience);
        Err(Problem::new(ProblemCode::Origin, detail, hint))
    };
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(origin) = text(header::ORIGIN).filter(|origin| *origin != app.audience) {
        return foreign("Origin", origin);
    }
    // A page can make its own name resolve to 127.0.0.1 and pass the browser's same-origin check; its name
    // then stands in the header Host.
    let Some(hosts) = &app.hosts else {
        return Ok(());
    };
    let host = text(header::HOST).unwrap_or_default();
    if hosts.iter().any(|accepted| accepted == host) {
        return Ok(());
    }
    foreign("Host", host)
}

/// Parses a body as JSON. The content type must be JSON, which no form of a foreign page can send without
/// asking the server first.
pub(crate) fn json<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<T, Problem> {
    let malformed = |detail: String| {
        let hint = "send JSON as GET /openapi.json describes it";
        Problem::new(ProblemCode::BodyMalformed, detail, hint)
    };
    let bytes = body.map_err(|rejection| {
        if rejection.status().as_u16() == 413 {
            let hint = "send less in one request";
            return Problem::new(ProblemCode::BodyTooLarge, rejection.body_text(), hint);
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
