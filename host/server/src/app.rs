//! What every request shares, and who sends it. It must never know a route.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::{HeaderMap, header};
use counterfoil_governance::id::Id;
use counterfoil_governance::rule::AccessDenial;
use counterfoil_governance::state::{Access, LedgerState};
use counterfoil_journal::public_key::PublicKey;
use counterfoil_runner::clock;
use counterfoil_trading::time::UnixNanos;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::login::Logins;
use crate::metrics::Metrics;
use crate::problem::{Problem, ProblemCode};
use crate::service_ledger::ServiceLedger;
use crate::supervisor::Supervisor;

/// Bytes of a request's body: the largest manifest, or a thousand bars.
pub const BODY_BYTES_MAX: usize = 1 << 20;
/// Concurrent starts and resumptions: each may compile a component.
const STARTS_AT_ONCE: usize = 4;
/// Concurrent watchers: each holds a connection for as long as it likes.
pub const WATCHERS_MAX: usize = 64;
/// Event streams of one principal, so that one reader leaves room for the others.
pub const WATCHERS_PER_PRINCIPAL: usize = 8;

/// What every request shares.
#[derive(Debug)]
pub struct ApiState {
    pub supervisor: Supervisor,
    pub ledger: Arc<ServiceLedger>,
    pub logins: Logins,
    /// This server's address, as in `http://127.0.0.1:7878`.
    pub audience: String,
    /// The `Host` headers that are accepted; none accepts any.
    pub hosts: Option<Vec<String>>,
    /// A random id of this process, so that event ids of another process are recognized.
    pub boot: String,
    /// Turns true when the server ends.
    pub ending: watch::Receiver<bool>,
    pub(crate) metrics: Metrics,
    pub(crate) starts: Semaphore,
    pub(crate) watchers: Arc<Semaphore>,
    /// The permits of each principal with an event stream.
    pub(crate) watchers_of: Mutex<BTreeMap<Id, Arc<Semaphore>>>,
}

/// The caller of a request, in the ledger's current state.
#[derive(Clone, Debug)]
pub(crate) struct ApiCaller {
    pub(crate) id: Id,
    /// The key of its login.
    pub(crate) key: PublicKey,
    pub(crate) state: Arc<LedgerState>,
}

impl ApiState {
    /// The shared state of a new server.
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
            logins: Logins::new()?,
            audience,
            hosts,
            boot: random.map_err(|error| Problem::internal(&error))?,
            ending,
            metrics: Metrics::new(),
            starts: Semaphore::new(STARTS_AT_ONCE),
            watchers: Arc::new(Semaphore::new(WATCHERS_MAX)),
            watchers_of: Mutex::default(),
        })
    }

    /// The caller, by the token. A key that was revoked, rotated or has expired ends its logins at once.
    pub(crate) fn caller(&self, headers: &HeaderMap) -> Result<ApiCaller, Problem> {
        let given = headers.get(header::AUTHORIZATION);
        let token = given
            .and_then(|value| value.to_str().ok())
            .and_then(|text| text.strip_prefix("Bearer "));
        let token = token.ok_or_else(|| {
            let hint = "log in, and send the token as Authorization: Bearer TOKEN";
            Problem::new(ProblemCode::TokenMissing, "the request has no token", hint)
        })?;
        let now = clock::now();
        let login = self.logins.login(token, now)?;
        // The token alone is not enough: its holder may have lost the key since. The ledger is read again
        // for each request, so a revocation ends a stolen token's use with the next call.
        let state = self.ledger.state()?;
        if !owns(&state, &login.principal, &login.key, now) {
            let detail = format!(
                "the key that {} logged in with is no longer valid",
                login.principal
            );
            let hint = "log in with a valid key";
            return Err(Problem::new(ProblemCode::TokenExpired, detail, hint));
        }
        Ok(ApiCaller {
            id: login.principal,
            key: login.key,
            state,
        })
    }

    /// Whether a key still belongs to a principal. Without a ledger that verifies, no key does.
    pub(crate) fn owns_key(&self, principal: &Id, key: &PublicKey) -> bool {
        let state = self.ledger.state();
        state.is_ok_and(|state| owns(&state, principal, key, clock::now()))
    }

    /// A permit for an event stream of a principal.
    pub(crate) fn watch_permit(&self, principal: &Id) -> Option<[OwnedSemaphorePermit; 2]> {
        let mut all = self
            .watchers_of
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // Those without a stream are forgotten, so that the table is no longer than the streams.
        all.retain(|_, own| own.available_permits() < WATCHERS_PER_PRINCIPAL);
        let new = || Arc::new(Semaphore::new(WATCHERS_PER_PRINCIPAL));
        let own = Arc::clone(all.entry(principal.clone()).or_insert_with(new));
        let of_principal = own.try_acquire_owned().ok()?;
        let of_all = Arc::clone(&self.watchers).try_acquire_owned().ok()?;
        Some([of_principal, of_all])
    }

    /// The caller, if the ledger allows this access now.
    pub(crate) fn permitted(
        &self,
        headers: &HeaderMap,
        access: Access<'_>,
    ) -> Result<ApiCaller, Problem> {
        let caller = self.caller(headers)?;
        // Decided in the state that authenticated the caller: read a second time, the ledger could have
        // changed between the two checks.
        let allowed = caller.state.check_access(&caller.id, access, clock::now());
        allowed.map_err(AccessDenial::from)?;
        Ok(caller)
    }
}

fn owns(state: &LedgerState, principal: &Id, key: &PublicKey, now: UnixNanos) -> bool {
    let key = state.keys().get(key);
    key.is_some_and(|key| key.owner == *principal && key.counts(now))
}
