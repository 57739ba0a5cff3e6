//! Runs: started, listed, stopped, killed, gone on with. Whether a run may start, the gate says.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use counterfoil_governance::digest::Digest;
use counterfoil_runner::clock;
use counterfoil_runner::permit::{may_go_on, may_start};
use counterfoil_trading::manifest::Manifest;

use crate::app::App;
use crate::guard::json;
use crate::problem::{Code, Problem};
use crate::types::{PositionsReply, RunReply, RunsReply, StartRequest};

/// Does what may take long where it holds up nobody else.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Problem::internal(&error))?
}

/// Every run
#[utoipa::path(get, path = "/v1/runs", tag = "runs", security(("session" = [])),
    responses((status = 200, body = RunsReply), (status = "default", body = Problem)))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
) -> Result<Json<RunsReply>, Problem> {
    let _caller = app.caller(&headers)?;
    let runs = app.supervisor.list().iter().map(RunReply::from).collect();
    Ok(Json(RunsReply { runs }))
}

/// Start a run
#[utoipa::path(post, path = "/v1/runs", tag = "runs", security(("session" = [])),
    request_body = StartRequest,
    responses((status = 201, body = RunReply), (status = "default", body = Problem)))]
pub(crate) async fn start(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<RunReply>), Problem> {
    // Whether the caller is an operator, the gate says, so that a refusal is recorded.
    let caller = app.caller(&headers)?;
    let asked: StartRequest = json(&headers, body)?;
    let manifest = Manifest::parse(&asked.manifest.to_string()).map_err(|error| {
        let way = "send a manifest as `counterfoil show RUN --manifest` prints it";
        Problem::new(Code::RunInvalid, error.to_string(), way)
    })?;
    let _turn = turn(&app)?;
    let own = Arc::clone(&app);
    let status = apart(move || {
        let grant = may_start(
            &caller.state,
            &manifest,
            asked.authorization,
            &caller.id,
            clock::now(),
        );
        let grant = grant.map_err(|denied| match manifest.run_id() {
            Ok(run) => {
                let run = Digest(run);
                own.book.refuse(&caller.id, "run-start", &run, denied)
            }
            Err(_) => denied.into(),
        })?;
        // Ready first, then recorded, then begun: what could not start leaves no start behind.
        let reserved = own
            .supervisor
            .reserve(&grant, manifest, asked.feed.into())?;
        own.book.start(&grant)?;
        let status = reserved.begin()?;
        tracing::info!(run = status.run, by = %caller.id, "run started");
        Ok(status)
    })
    .await?;
    Ok((StatusCode::CREATED, Json(RunReply::from(&status))))
}

fn turn(app: &App) -> Result<tokio::sync::SemaphorePermit<'_>, Problem> {
    app.starts.try_acquire().map_err(|_| {
        let detail = "as many runs are being started as may be at once";
        Problem::new(Code::Busy, detail, "ask again when they have started")
    })
}

/// One run
#[utoipa::path(get, path = "/v1/runs/{run}", tag = "runs", security(("session" = [])),
    params(("run" = String, Path, description = "The first digits of a run id")),
    responses((status = 200, body = RunReply), (status = "default", body = Problem)))]
pub(crate) async fn get(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path(run): Path<String>,
) -> Result<Json<RunReply>, Problem> {
    let _caller = app.caller(&headers)?;
    Ok(Json(RunReply::from(&app.supervisor.status(&run)?)))
}

/// The positions of a run
#[utoipa::path(get, path = "/v1/runs/{run}/positions", tag = "runs", security(("session" = [])),
    params(("run" = String, Path, description = "The first digits of a run id")),
    responses((status = 200, body = PositionsReply), (status = "default", body = Problem)))]
pub(crate) async fn positions(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path(run): Path<String>,
) -> Result<Json<PositionsReply>, Problem> {
    let _caller = app.caller(&headers)?;
    Ok(Json(PositionsReply::from(&app.supervisor.status(&run)?)))
}

/// Tell a run to close its journal
///
/// It decides what is whole, and closes. The answer does not wait for that.
#[utoipa::path(post, path = "/v1/runs/{run}/stop", tag = "runs", security(("session" = [])),
    params(("run" = String, Path, description = "The first digits of a run id")),
    responses((status = 202, body = RunReply), (status = "default", body = Problem)))]
pub(crate) async fn stop(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path(run): Path<String>,
) -> Result<(StatusCode, Json<RunReply>), Problem> {
    let caller = app.operator(&headers)?;
    let status = app.supervisor.stop(&run, &caller.id)?;
    tracing::info!(run = status.run, by = %caller.id, "run told to stop");
    Ok((StatusCode::ACCEPTED, Json(RunReply::from(&status))))
}

/// Kill a run
///
/// It takes nothing more, and does not go on by itself. The answer does not wait for its thread.
#[utoipa::path(post, path = "/v1/runs/{run}/kill", tag = "runs", security(("session" = [])),
    params(("run" = String, Path, description = "The first digits of a run id")),
    responses((status = 202, body = RunReply), (status = "default", body = Problem)))]
pub(crate) async fn kill(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path(run): Path<String>,
) -> Result<(StatusCode, Json<RunReply>), Problem> {
    let caller = app.operator(&headers)?;
    let own = Arc::clone(&app);
    let status = apart(move || {
        let status = own.supervisor.kill(&run, &caller.id)?;
        tracing::warn!(run = status.run, by = %caller.id, "run killed");
        Ok(status)
    })
    .await?;
    Ok((StatusCode::ACCEPTED, Json(RunReply::from(&status))))
}

/// Go on with a run that was left, halted or killed
///
/// Its journal is verified, decided again and compared first; what comes of that is its state.
#[utoipa::path(post, path = "/v1/runs/{run}/resume", tag = "runs", security(("session" = [])),
    params(("run" = String, Path, description = "The first digits of a run id")),
    responses((status = 202, body = RunReply), (status = "default", body = Problem)))]
pub(crate) async fn resume(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path(run): Path<String>,
) -> Result<(StatusCode, Json<RunReply>), Problem> {
    let caller = app.operator(&headers)?;
    let _turn = turn(&app)?;
    let own = Arc::clone(&app);
    let status = apart(move || {
        let manifest = own.supervisor.manifest(&run)?;
        let grant = may_go_on(&caller.state, &manifest, clock::now())?;
        let status = own.supervisor.go_on(&grant, &run)?;
        tracing::info!(run = status.run, by = %caller.id, "run gone on with");
        Ok(status)
    })
    .await?;
    Ok((StatusCode::ACCEPTED, Json(RunReply::from(&status))))
}
