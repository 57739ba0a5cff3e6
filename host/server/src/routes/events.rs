//! Events of the runs, as a stream that can be taken up again by id.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::IntoResponse;

use crate::app::ApiState;
use crate::events::{StreamStart, stream};
use crate::problem::{Problem, ProblemCode};
use crate::types::EventsQuery;

/// Watch the runs
///
/// Server-sent events: their name is the kind, their data an `EventReply`. An event `lost` says how
/// many this watcher was too slow for; its data is `{"lost": n}`, or `{"lost": null}` where it is
/// not known, because the server was started again since.
#[utoipa::path(get, path = "/v1/events", tag = "events", security(("session" = [])),
    params(EventsQuery, ("Last-Event-ID" = Option<String>, Header, description = "The last event seen")),
    responses((status = 200, body = String, content_type = "text/event-stream"),
        (status = "default", body = Problem)))]
pub(crate) async fn watch(
    State(app): State<Arc<ApiState>>,
    headers: HeaderMap,
    query: Result<Query<EventsQuery>, QueryRejection>,
) -> Result<impl IntoResponse, Problem> {
    let caller = app.caller(&headers)?;
    let Query(query) = query.map_err(|error| {
        Problem::new(
            ProblemCode::BodyMalformed,
            error.body_text(),
            "correct the query",
        )
    })?;
    let run = match &query.run {
        Some(name) => Some(app.supervisor.status(name)?.run),
        None => None,
    };
    let seen = headers.get("last-event-id");
    let seen = seen
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let start = StreamStart::of(&app, seen.or(query.after).as_deref())?;
    let permit = Arc::clone(&app.watchers).try_acquire_owned().map_err(|_| {
        let hint = "close another watcher, or ask for the status instead";
        Problem::new(ProblemCode::Busy, "as many watch as may at once", hint)
    })?;
    Ok(stream(app, &caller.id, start, run, permit))
}
