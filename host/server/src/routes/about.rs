//! Routes that take no login: health and metrics. They must never name a principal, account or run.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use counterfoil_runner::clock;

use crate::app::ApiState;
use crate::problem::Problem;
use crate::types::HealthReply;

/// Check that the process answers
#[utoipa::path(get, path = "/healthz", tag = "about",
    responses((status = 200, body = HealthReply)))]
pub(crate) async fn healthz() -> Json<HealthReply> {
    Json(HealthReply {
        status: "ok".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

/// Metrics for Prometheus
#[utoipa::path(get, path = "/metrics", tag = "about",
    responses((status = 200, body = String, content_type = "text/plain")))]
pub(crate) async fn metrics(State(app): State<Arc<ApiState>>) -> Result<Response, Problem> {
    let logins = app.logins.count(clock::now());
    let text = app.metrics.text(&app.supervisor, logins)?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}
