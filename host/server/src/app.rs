//! What every request shares, and the routes. It must never know how a request arrives.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderMap, header};
use axum::middleware;
use counterfoil_governance::id::Id;
use counterfoil_governance::role::Role;
use counterfoil_governance::state::State as LedgerState;
use counterfoil_runner::clock;
use counterfoil_runner::permit::check_operator;
use counterfoil_runner::supervisor::Supervisor;
use tokio::sync::{Semaphore, watch};
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::book::Book;
use crate::guard;
use crate::metrics::Metrics;
use crate::problem::{Code, Problem};
use crate::routes::{about, bars, events, runs, sessions};
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
    /// The ledger.
    pub book: Arc<Book>,
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
        book: Arc<Book>,
        audience: String,
        hosts: Option<Vec<String>>,
        ending: watch::Receiver<bool>,
    ) -> Result<Self, Problem> {
        let random = counterfoil_runner::store::keys::random_hex();
        Ok(Self {
            supervisor,
            book,
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
            let way = "open a session, and send its token as Authorization: Bearer TOKEN";
            Problem::new(Code::TokenMissing, "the request has no token", way)
        })?;
        let now = clock::now();
        let session = self.sessions.session(token, now)?;
        let state = self.book.state()?;
        let key = state.keys().get(&session.key);
        let counts = key.is_some_and(|key| key.owner == session.principal && key.counts(now));
        if !counts {
            let detail = format!(
                "the key that opened the session of {} no longer counts",
                session.principal
            );
            let way = "open a session with a key that counts";
            return Err(Problem::new(Code::TokenExpired, detail, way));
        }
        let id = session.principal;
        Ok(Caller { id, state })
    }

    /// Who calls, if it is an operator.
    pub(crate) fn operator(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        let caller = self.caller(headers)?;
        check_operator(&caller.state, &caller.id, clock::now())?;
        Ok(caller)
    }

    /// Who calls, if it is somebody who may send bars.
    pub(crate) fn sender(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        let caller = self.caller(headers)?;
        let able = [Role::Operator, Role::DataEngineer];
        let found = caller.state.principals().get(&caller.id);
        if found.is_some_and(|one| able.iter().any(|role| one.roles.contains(role))) {
            return Ok(caller);
        }
        let detail = format!("{} has neither role operator nor data-engineer", caller.id);
        let way = "an operator or a data engineer sends bars; an administrator gives roles";
        Err(Problem::new(Code::Role, detail, way))
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
            let way = "GET /openapi.json lists the routes";
            Problem::new(Code::Route, "there is no such route", way)
        })
        .method_not_allowed_fallback(async || {
            let way = "GET /openapi.json lists the routes with their methods";
            Problem::new(Code::Method, "the route does not take this method", way)
        })
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&app),
            guard::guard,
        ))
        .with_state(app)
}
