//! Challenges and sessions: a principal shows that it holds one of its keys.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::HeaderMap;
use counterfoil_governance::id::Id;
use counterfoil_journal::public_key::PublicKey;
use counterfoil_runner::clock;
use counterfoil_runner::times::show_time;

use crate::app::App;
use crate::guard::json;
use crate::problem::{Code, Problem};
use crate::session::session_message;
use crate::types::{Challenge, SessionReply, SessionRequest};

/// A challenge to be signed
#[utoipa::path(post, path = "/v1/challenges", tag = "sessions",
    responses((status = 200, body = Challenge), (status = "default", body = Problem)))]
pub(crate) async fn challenge(State(app): State<Arc<App>>) -> Result<Json<Challenge>, Problem> {
    let (challenge, until) = app.sessions.challenge(clock::now())?;
    Ok(Json(Challenge {
        challenge,
        audience: app.audience.clone(),
        ledger: app.ledger.origin(),
        expires: show_time(until),
    }))
}

/// A token for a challenge that a principal's key signed
#[utoipa::path(post, path = "/v1/sessions", tag = "sessions", request_body = SessionRequest,
    responses((status = 200, body = SessionReply), (status = "default", body = Problem)))]
pub(crate) async fn open(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<SessionReply>, Problem> {
    let asked: SessionRequest = json(&headers, body)?;
    let now = clock::now();
    let refused = |detail: String| {
        let hint = "sign the login message with a valid key of yours; see docs/reference/API.md";
        Problem::new(Code::SessionSignature, detail, hint)
    };
    let principal = Id::parse(&asked.principal).map_err(|error| refused(error.to_string()))?;
    let (mut key, mut signature) = ([0; 32], [0; 64]);
    hex::decode_to_slice(&asked.key, &mut key)
        .map_err(|_| refused("the key is not 64 hex digits".to_owned()))?;
    hex::decode_to_slice(&asked.signature, &mut signature)
        .map_err(|_| refused("the signature is not 128 hex digits".to_owned()))?;
    let (ledger, audience) = (app.ledger.origin(), &app.audience);
    let message = session_message(&ledger, audience, &asked.challenge, &principal, &key);
    let key = PublicKey(key);
    if !key.signed(&message, &signature) {
        return Err(refused("the signature does not hold".to_owned()));
    }
    let state = app.ledger.state()?;
    let known = state.keys().get(&key);
    // One answer for every reason: a stranger learns nothing of who there is.
    if !known.is_some_and(|known| known.owner == principal && known.counts(now)) {
        return Err(refused(format!(
            "the key is none of {principal}'s that counts"
        )));
    }
    // Remembered only for those who may come in: nobody else can fill the room for it.
    app.sessions.answer(&asked.challenge, now)?;
    let roles = state.principals().get(&principal);
    let roles = roles.map(|one| {
        one.roles
            .iter()
            .map(|role| role.name().to_owned())
            .collect()
    });
    let (token, until) = app.sessions.open(principal.clone(), key, now)?;
    tracing::info!(%principal, "session opened");
    Ok(Json(SessionReply {
        token,
        principal: principal.to_string(),
        roles: roles.unwrap_or_default(),
        expires: show_time(until),
    }))
}
