//! What every request shares, and the routes. It must never know how a request arrives.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderMap, header};
use axum::middleware;
use counterfoil_governance::id::Id;
use counterfoil_governance::rule::AccessDenial;
use counterfoil_governance::state::{Access, LedgerState};
use counterfoil_runner::clock;
use counterfoil_runner::supervisor::Supervisor;
use tokio::sync::{Semaphore, watch};
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::guard;
use crate::metrics::Metrics;
use crate::problem::{Code, Problem};
use crate::routes::{about, bars, events, runs, sessions};
use crate::service_ledger::ServiceLedger;
use crate::session::Sessions;

/// Bytes of a request's body: the largest manifest, or a thousand bars.
pub const BODY_BYTES_MAX: usize = 1 << 20;
/// Starts and resumptions under way at once: each may compile.
const STARTS_AT_ONCE: usize = 4;
/// Watchers at once: each holds a connection for as long as it likes.
pub const WATCHERS_MAX: usize = 64;

/// What every request shares.
#[derive(Debug)]
pub struct App {
    /// The runs.
    pub supervisor: Supervisor,
    pub ledger: Arc<ServiceLedger>,
    /// Tokens.
    pub sessions: Sessions,
    /// This server's address, as in `http://127.0.0.1:7878`.
    pub audience: String,
    /// Names under which requests may come; none: under any.
    pub hosts: Option<Vec<String>>,
    /// Differs from process to process, so that no event id of another one is taken for ours.
    pub boot: String,
    /// Turns true when the server ends.
    pub ending: watch::Receiver<bool>,
    pub(crate) metrics: Metrics,
    pub(crate) starts: Semaphore,
    pub(crate) watchers: Arc<Semaphore>,
}

/// Who calls, as the ledger knows them now.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) id: Id,
    pub(crate) state: Arc<LedgerState>,
}

impl App {
    /// What requests share from here on.
    ///
    /// # Errors
    ///
    /// Returns a [`Problem`] if the operating system gave no random bytes.
    pub fn new(
        supervisor: Supervisor,
        ledger: Arc<ServiceLedger>,
        audience: String,
        hosts: Option<Vec<String>>,
        ending: watch::Receiver<bool>,
    ) -> Result<Self, Problem> {
        let random = counterfoil_runner::store::keys::random_hex();
        Ok(Self {
            supervisor,
            ledger,
            sessions: Sessions::new()?,
            audience,
            hosts,
            boot: random.map_err(|error| Problem::internal(&error))?,
            ending,
            metrics: Metrics::new(),
            starts: Semaphore::new(STARTS_AT_ONCE),
            watchers: Arc::new(Semaphore::new(WATCHERS_MAX)),
        })
    }

    /// Who calls. A key that was revoked, rotated or is over ends its sessions at once.
    pub(crate) fn caller(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        let given = headers.get(header::AUTHORIZATION);
        let token = given
            .and_then(|value| value.to_str().ok())
            .and_then(|text| text.strip_prefix("Bearer "));
        let token = token.ok_or_else(|| {
            let hint = "open a session, and send its token as Authorization: Bearer TOKEN";
            Problem::new(Code::TokenMissing, "the request has no token", hint)
        })?;
        let now = clock::now();
        let session = self.sessions.session(token, now)?;
        let state = self.ledger.state()?;
        let key = state.keys().get(&session.key);
        let counts = key.is_some_and(|key| key.owner == session.principal && key.counts(now));
        if !counts {
            let detail = format!(
                "the key that opened the session of {} no longer counts",
                session.principal
            );
            let hint = "open a session with a key that counts";
            return Err(Problem::new(Code::TokenExpired, detail, hint));
        }
        let id = session.principal;
        Ok(Caller { id, state })
    }

    /// Who calls, if they may do this now.
    pub(crate) fn permitted(
        &self,
        headers: &HeaderMap,
        access: Access<'_>,
    ) -> Result<Caller, Problem> {
        let caller = self.caller(headers)?;
        let allowed = caller.state.check_access(&caller.id, access, clock::now());
        allowed.map_err(AccessDenial::from)?;
        Ok(caller)
    }
}

#[derive(OpenApi)]
#[openapi(info(
    title = "Counterfoil's runner",
    description = "Starts, stops and watches runs on this machine. See docs/reference/API.md."
))]
struct Document;

fn described() -> OpenApiRouter<Arc<App>> {
    let mut document = Document::openapi();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    let components = document.components.get_or_insert_with(Default::default);
    components.add_security_scheme("session", SecurityScheme::Http(bearer));
    OpenApiRouter::with_openapi(document)
        .routes(routes!(about::healthz))
        .routes(routes!(about::metrics))
        .routes(routes!(about::openapi_json))
        .routes(routes!(sessions::challenge))
        .routes(routes!(sessions::open))
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

/// The routes.
pub fn router(app: Arc<App>) -> Router {
    let (routes, _document) = described().split_for_parts();
    routes
        .fallback(async || {
            let hint = "GET /openapi.json lists the routes";
            Problem::new(Code::Route, "there is no such route", hint)
        })
        .method_not_allowed_fallback(async || {
            let hint = "GET /openapi.json lists the routes with their methods";
            Problem::new(Code::Method, "the route does not take this method", hint)
        })
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&app),
            guard::guard,
        ))
        .with_state(app)
}
