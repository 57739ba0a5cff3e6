//! Challenges and logins: a principal proves that it holds one of its keys. What it may do with the token must
//! never be decided here.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::HeaderMap;
use counterfoil_governance::id::Id;
use counterfoil_journal::public_key::PublicKey;
use counterfoil_runner::clock;

use crate::app::ApiState;
use crate::guard::json;
use crate::login::login_message;
use crate::problem::{Problem, ProblemCode};
use crate::types::{LoginChallenge, LoginReply, LoginRequest};

/// Get a challenge to sign
#[utoipa::path(post, path = "/v1/challenges", tag = "sessions",
    responses((status = 200, body = LoginChallenge), (status = "default", body = Problem)))]
pub(crate) async fn challenge(
    State(app): State<Arc<ApiState>>,
) -> Result<Json<LoginChallenge>, Problem> {
    let (challenge, until) = app.logins.challenge(clock::now())?;
    Ok(Json(LoginChallenge {
        challenge,
        audience: app.audience.clone(),
        ledger: app.ledger.origin(),
        expires: until.date_or_time(),
    }))
}

/// Log in: exchange a signed challenge for a token
#[utoipa::path(post, path = "/v1/sessions", tag = "sessions", request_body = LoginRequest,
    responses((status = 200, body = LoginReply), (status = "default", body = Problem)))]
pub(crate) async fn open(
    State(app): State<Arc<ApiState>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<LoginReply>, Problem> {
    let asked: LoginRequest = json(&headers, body)?;
    let now = clock::now();
    let refused = |detail: String| {
        let hint = "sign the login message with a valid key of yours; see docs/reference/API.md";
        Problem::new(ProblemCode::LoginSignature, detail, hint)
    };
    let principal = Id::parse(&asked.principal).map_err(|error| refused(error.to_string()))?;
    let (mut key, mut signature) = ([0; 32], [0; 64]);
    hex::decode_to_slice(&asked.key, &mut key)
        .map_err(|_| refused("the key is not 64 hex digits".to_owned()))?;
    hex::decode_to_slice(&asked.signature, &mut signature)
        .map_err(|_| refused("the signature is not 128 hex digits".to_owned()))?;
    let (ledger, audience) = (app.ledger.origin(), &app.audience);
    let message = login_message(&ledger, audience, &asked.challenge, &principal, &key);
    let key = PublicKey(key);
    // Before the ledger is read: a caller without any key must not be able to make the server verify the whole
    // ledger.
    if !key.signed(&message, &signature) {
        return Err(refused("the signature is not valid".to_owned()));
    }
    let state = app.ledger.state()?;
    let known = state.keys().get(&key);
    // One answer for unknown principals, foreign keys and expired keys: a stranger cannot find out which
    // principals exist.
    if !known.is_some_and(|known| known.owner == principal && known.counts(now)) {
        return Err(refused(format!(
            "the key is not a valid key of {principal}"
        )));
    }
    // Marked as answered last: only holders of valid keys can fill the table of answered challenges.
    app.logins.answer(&asked.challenge, &principal, now)?;
    let roles = state.principals().get(&principal);
    let roles = roles.map(|record| {
        record
            .roles
            .iter()
            .map(|role| role.name().to_owned())
            .collect()
    });
    let (token, until) = app.logins.open(principal.clone(), key, now)?;
    tracing::info!(%principal, "login");
    Ok(Json(LoginReply {
        token,
        principal: principal.to_string(),
        roles: roles.unwrap_or_default(),
        expires: until.date_or_time(),
    }))
}
