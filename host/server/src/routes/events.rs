//! Events of the runs, as a stream that a watcher can resume by id. It must never make a run wait.

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
/// Server-sent events: the name is the kind, the data an `EventReply`. An event `lost` has the number of events
/// that this watcher was too slow for; its data is `{"lost": n}`, or `{"lost": null}` where the number is unknown
/// because the server was restarted.
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
            "send only `run` and `after`, each once",
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
    // Refused at once when there is no room: a watcher that waits would hold a connection that a start or a
    // kill may need.
    let permit = app.watch_permit(&caller.id).ok_or_else(|| {
        let hint = "close another event stream, or read the runs' status instead";
        Problem::new(ProblemCode::Busy, "too many event streams are open", hint)
    })?;
    Ok(stream(app, caller, start, run, permit))
}
