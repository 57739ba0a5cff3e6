//! The routes and the `OpenAPI` document, which is made from them. It must never know how a request arrives.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header;
use axum::middleware;
use axum::response::{IntoResponse as _, Response};
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::{ApiState, BODY_BYTES_MAX};
use crate::guard;
use crate::problem::{Problem, ProblemCode};
use crate::routes::{about, bars, events, logins, runs};

#[derive(OpenApi)]
#[openapi(info(
    title = "Counterfoil's runner",
    description = "Starts, stops and watches runs on this machine. See docs/reference/API.md."
))]
struct ApiDocument;

fn described() -> OpenApiRouter<Arc<ApiState>> {
    let mut document = ApiDocument::openapi();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    let components = document.components.get_or_insert_with(Default::default);
    components.add_security_scheme("session", SecurityScheme::Http(bearer));
    OpenApiRouter::with_openapi(document)
        .routes(routes!(about::healthz))
        .routes(routes!(about::metrics))
        .routes(routes!(openapi_json))
        .routes(routes!(logins::challenge))
        .routes(routes!(logins::open))
        .routes(routes!(runs::list, runs::start))
        .routes(routes!(runs::get))
        .routes(routes!(runs::positions))
        .routes(routes!(runs::stop))
        .routes(routes!(runs::kill))
        .routes(routes!(runs::kill_account))
        .routes(routes!(runs::kill_everything))
        .routes(routes!(runs::resume))
        .routes(routes!(events::watch))
        .routes(routes!(bars::push))
}

/// The `OpenAPI` document, as JSON. It is made from the routes themselves.
///
/// # Errors
///
/// Returns serde's error if it cannot be written, which would be a fault of the generator.
pub fn openapi() -> Result<String, serde_json::Error> {
    described().into_openapi().to_pretty_json()
}

/// This document
// It is here and not in `routes`, because it describes every route.
#[utoipa::path(get, path = "/openapi.json", tag = "about",
    responses((status = 200, body = Object)))]
async fn openapi_json() -> Result<Response, Problem> {
    let text = openapi().map_err(|error| Problem::internal(&error))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
}

/// The routes.
pub(crate) fn router(app: Arc<ApiState>) -> Router {
    let (routes, _document) = described().split_for_parts();
    routes
        .fallback(async || {
            let hint = "GET /openapi.json lists the routes";
            Problem::new(ProblemCode::Route, "there is no such route", hint)
        })
        .method_not_allowed_fallback(async || {
            let hint = "GET /openapi.json lists the routes with their methods";
            Problem::new(
                ProblemCode::Method,
                "the route does not take this method",
                hint,
            )
        })
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        // The last layer is the outermost: a foreign origin is refused before a byte of its body is read.
        .layer(middleware::from_fn_with_state(
            Arc::clone(&app),
            guard::guard,
        ))
        .with_state(app)
}
