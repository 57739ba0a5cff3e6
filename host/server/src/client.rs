//! A client of the API, for the program and for tests. It must never know a rule: it returns what a server
//! refuses.

use core::fmt;
use core::time::Duration;
use std::io::{BufRead as _, BufReader, Read as _};

use counterfoil_governance::id::Id;
use counterfoil_journal::signer::{SignError, Signer};
use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::http::Response;
use ureq::{Agent, Body};

use crate::login::login_message;
use crate::problem::Problem;
use crate::types::{LoginChallenge, LoginReply, LoginRequest};

/// The time limit for connecting.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// Bytes of an answer: a thousand runs take less than a MiB.
const ANSWER_BYTES_MAX: u64 = 16 << 20;
/// Bytes of one line of an event stream.
const LINE_BYTES_MAX: u64 = 64 << 10;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The server refused.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// The server cannot be reached, or the connection broke.
    #[error("cannot reach the runner at {base}: {reason}; start it with `counterfoil serve`")]
    Unreachable { base: String, reason: String },
    /// The response is not one of a runner of this version.
    #[error("{base} is not a runner of this version: {reason}")]
    Strange {
        base: String,
        /// The difference.
        reason: String,
    },
    /// The server asks for a signature for another server, and could use it to log in there.
    #[error(
        "{base} asked for a login signature for {audience}; nothing was signed: use the address that the runner \
         prints when it starts"
    )]
    Audience {
        /// The address that the client connected to.
        base: String,
        /// The address that the server named.
        audience: String,
    },
    /// The holder of the key did not sign.
    #[error(transparent)]
    Sign(#[from] SignError),
}

/// One server-sent event.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ServerSentEvent {
    /// Its id; empty if it has none.
    pub id: String,
    pub kind: String,
    pub data: String,
}

/// A client of one server, with a token once it has logged in.
pub struct ApiClient {
    base: String,
    agent: Agent,
    /// Every request on a connection of its own.
    fresh: Agent,
    token: Option<String>,
}

impl fmt::Debug for ApiClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiClient")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

impl ApiClient {
    /// A client of the server at `base`, such as `http://127.0.0.1:7878`.
    #[must_use]
    pub fn new(base: &str) -> Self {
        // No redirects and no proxy: either would send the token to another machine than the one that was
        // named.
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_MAX))
            .max_redirects(0)
            .proxy(None)
            .build();
        // A pooled connection may be closed by now. Sending a POST again could start a run twice, so every
        // POST gets a connection of its own.
        let fresh = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_MAX))
            .max_redirects(0)
            .max_idle_connections(0)
            .proxy(None)
            .build();
        Self {
            base: base.trim_end_matches('/').to_owned(),
            agent: Agent::new_with_config(config),
            fresh: Agent::new_with_config(fresh),
            token: None,
        }
    }

    /// Logs in as `principal` with its key.
    ///
    /// # Errors
    ///
    /// Returns [`ClientError`] if the server refuses, or names another address.
    pub fn sign_in<S: Signer + ?Sized>(
        &mut self,
        principal: &Id,
        signing_key: &S,
    ) -> Result<LoginReply, ClientError> {
        let asked: LoginChallenge = self.post("/v1/challenges", &())?;
        // A malicious server could pass on the challenge of another server, and log in there with the
        // signature.
        if asked.audience != self.base {
            return Err(ClientError::Audience {
                base: self.base.clone(),
                audience: asked.audience,
            });
        }
        let key = signing_key.verifying_key();
        let LoginChallenge {
            challenge, ledger, ..
        } = asked;
        let message = login_message(&ledger, &self.base, &challenge, principal, &key);
        let request = LoginRequest {
            principal: principal.to_string(),
            key: hex::encode(key),
            challenge,
            signature: hex::encode(signing_key.sign(&message)?),
        };
        let login: LoginReply = self.post("/v1/sessions", &request)?;
        self.token = Some(login.token.clone());
        Ok(login)
    }

    /// Sets the token of the requests that follow.
    pub fn set_token(&mut self, token: Option<String>) {
        self.token = token;
    }

    /// The answer to a GET.
    ///
    /// # Errors
    ///
    /// Returns [`ClientError`] if there is none, or it is a refusal.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let mut request = self.agent.get(format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        self.read(request.call())
    }

    /// The answer to a POST.
    ///
    /// # Errors
    ///
    /// As [`ApiClient::get`].
    pub fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let mut request = self.fresh.post(format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        self.read(request.send_json(body))
    }

    /// Passes events to `on_event` until it returns false or the server ends. `run` limits them to one run;
    /// with `seen` the stream continues after that event.
    ///
    /// # Errors
    ///
    /// As [`ApiClient::get`].
    pub fn watch(
        &self,
        run: Option<&str>,
        seen: Option<&str>,
        on_event: &mut dyn FnMut(ServerSentEvent) -> bool,
    ) -> Result<(), ClientError> {
        let mut request = self.agent.get(format!("{}/v1/events", self.base));
        if let Some(run) = run {
            request = request.query("run", run);
        }
        for (name, value) in [
            ("authorization", self.bearer()),
            ("last-event-id", seen.map(str::to_owned)),
        ] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        let response = request.call().map_err(|error| self.unreachable(&error))?;
        if response.status().as_u16() != 200 {
            return Err(self.refusal(response));
        }
        let mut reader = BufReader::new(response.into_body().into_reader());
        let mut message = ServerSentEvent::default();
        loop {
            // Bounded: a server that never ends its line must not fill the memory of this process.
            let mut line = String::new();
            let read = reader.by_ref().take(LINE_BYTES_MAX).read_line(&mut line);
            if read.map_err(|error| self.unreachable(&error))? == 0 {
                return Ok(());
            }
            let line = line.trim_end();
            if !line.is_empty() {
                message.add(line);
            } else if !message.data.is_empty() && !on_event(core::mem::take(&mut message)) {
                return Ok(());
            }
        }
    }

    fn bearer(&self) -> Option<String> {
        self.token.as_ref().map(|token| format!("Bearer {token}"))
    }

    fn unreachable(&self, error: &dyn fmt::Display) -> ClientError {
        ClientError::Unreachable {
            base: self.base.clone(),
            reason: error.to_string(),
        }
    }

    fn strange(&self, reason: String) -> ClientError {
        let base = self.base.clone();
        ClientError::Strange { base, reason }
    }

    fn text(&self, response: Response<Body>) -> Result<String, ClientError> {
        let body = response.into_body().into_with_config();
        let read = body.limit(ANSWER_BYTES_MAX).read_to_string();
        read.map_err(|error| self.strange(error.to_string()))
    }

    fn refusal(&self, response: Response<Body>) -> ClientError {
        let status = response.status();
        let text = match self.text(response) {
            Ok(text) => text,
            Err(error) => return error,
        };
        match serde_json::from_str(&text) {
            Ok(problem) => ClientError::Refused(Box::new(problem)),
            Err(_) => self.strange(format!("status {status} without a reason")),
        }
    }

    fn read<T: DeserializeOwned>(
        &self,
        done: Result<Response<Body>, ureq::Error>,
    ) -> Result<T, ClientError> {
        let response = done.map_err(|error| self.unreachable(&error))?;
        if !response.status().is_success() {
            return Err(self.refusal(response));
        }
        let text = self.text(response)?;
        serde_json::from_str(&text).map_err(|error| self.strange(error.to_string()))
    }
}

impl ServerSentEvent {
    /// Adds one line of the event, in the format of server-sent events (WHATWG HTML, section 9.2).
    fn add(&mut self, line: &str) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "id" => value.clone_into(&mut self.id),
            "event" => value.clone_into(&mut self.kind),
            "data" => self.data.push_str(value),
            // A comment, which keeps the stream alive.
            _ => {}
        }
    }
}
