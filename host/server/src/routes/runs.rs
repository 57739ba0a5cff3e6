//! Runs: list, start, stop, kill, resume. Whether a run may start must never be decided here.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use counterfoil_approval::permit::{may_continue, may_start};
use counterfoil_governance::act::{ActName, KillScope};
use counterfoil_governance::id::Id;
use counterfoil_governance::state::Access;
use counterfoil_runner::clock;
use counterfoil_runner::orders::kill::KillTarget;
use counterfoil_trading::manifest::Manifest;

use crate::app::ApiState;
use crate::guard::json;
use crate::problem::{Problem, ProblemCode};
use crate::types::{KillRequest, PositionsReply, RunReply, RunsReply, StartRequest};

/// Runs blocking work off the async executor.
async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Problem::internal(&error))?
}

/// List the runs
#[utoipa::path(get, path = "/v1/runs", tag = "runs", security(("session" = [])),
    responses((status = 200, body = RunsReply), (status = "default", body = Problem)))]
pub(crate) async fn list(
    State(app): State<Arc<ApiState>>,
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
    State(app): State<Arc<ApiState>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<RunReply>), Problem> {
    // Not checked for the role here: `may_start` does it, so that the refusal is recorded in the ledger.
    let caller = app.caller(&headers)?;
    let asked: StartRequest = json(&headers, body)?;
    let manifest = Manifest::parse(&asked.manifest.to_string()).map_err(|error| {
        let hint = "send a manifest as `counterfoil run show RUN --manifest` prints it";
        Problem::new(ProblemCode::RunInvalid, error.to_string(), hint)
    })?;
    // Taken before the work, and without a wait: each start may compile a component, and callers beyond the
    // bound would pile up.
    let _turn = turn(&app)?;
    let own = Arc::clone(&app);
    let status = run_blocking(move || {
        let grant = may_start(
            &caller.state,
            &manifest,
            asked.authorization,
            &caller.id,
            clock::now(),
        );
        let grant = grant.map_err(|denied| match manifest.run_id() {
            Ok(run) => own
                .ledger
                .refuse(&caller.id, ActName::RunStart, &run, denied),
            Err(_) => denied.into(),
        })?;
        // Reserve, record, begin: a run that cannot start leaves no start in the ledger, and one that is recorded
        // without a journal is ended as not started by the next process.
        let reserved = own
            .supervisor
            .reserve(&grant, manifest, asked.feed.into())?;
        let status = reserved
            .begin(|entry_0| -> Result<(), Problem> { Ok(own.ledger.start(&grant, entry_0)?) })?;
        tracing::info!(run = status.run.hex(), by = %caller.id, "run started");
        Ok(status)
    })
    .await?;
    Ok((StatusCode::CREATED, Json(RunReply::from(&status))))
}

fn turn(app: &ApiState) -> Result<tokio::sync::SemaphorePermit<'_>, Problem> {
    app.starts.try_acquire().map_err(|_| {
        let detail = "too many runs are being started";
        Problem::new(
            ProblemCode::Busy,
            detail,
            "try again when those runs have started",
        )
    })
}

/// Get a run
#[utoipa::path(get, path = "/v1/runs/{run}", tag = "runs", security(("session" = [])),
    params(("run" = String, Path, description = "The first digits of a run id")),
    responses((status = 200, body = RunReply), (status = "default", body = Problem)))]
pub(crate) async fn get(
    State(app): State<Arc<ApiState>>,
    headers: HeaderMap,
    Path(run): Path<String>,
) -> Result<Json<RunReply>, Problem> {
    let _caller = app.caller(&headers)?;
    Ok(Json(RunReply::from(&app.supervisor.status(&run)?)))
}

/// Get a run's positions
#[utoipa::path(get, path = "/v1/runs/{run}/positions", tag = "runs", security(("session" = [])),
    params(("run" = String, Path, description = "The first digits of a run id")),
    responses((status = 200, body = PositionsReply), (status = "default", body = Problem)))]
pub(crate) async fn positions(
    State(app): State<Arc<ApiState>>,
    headers: HeaderMap,
    Path(run): Path<String>,
) -> Result<Json<PositionsReply>, Problem> {
    let _caller = app.caller(&headers)?;
    Ok(Json(PositionsReply::from(&app.supervisor.status(&run)?)))
}

/// Stop a run
///
/// It decides the complete slices and closes its journal. The response does not wait for that.
#[utoipa::path(post, path = "/v1/runs/{run}/stop", tag = "runs", security(("session" = [])),
    params(("run" = String, Path, description = "The first digits of a run id")),
    responses((status = 202, body = RunReply), (status = "default", body = Problem)))]
pub(crate) async fn stop(
    State(app): State<Arc<ApiState>>,
    headers: HeaderMap,
    Path(run): Path<String>,
) -> Result<(StatusCode, Json<RunReply>), Problem> {
    let caller = app.permitted(&headers, Access::OperateRuns)?;
    let status = app.supervisor.stop(&run, &caller.id)?;
    tracing::info!(run = status.run.hex(), by = %caller.id, "stop requested");
    Ok((StatusCode::ACCEPTED, Json(RunReply::from(&status))))
}

/// Kill a run
///
/// Before its next slice it cancels its orders as its manifest says, records why, and closes its journal.
/// The response does not wait for that.
#[utoipa::path(post, path = "/v1/runs/{run}/kill", tag = "runs", security(("session" = [])),
    params(("run" = String, Path, description = "The first digits of a run id")),
    request_body = Option<KillRequest>,
    responses((status = 202, body = RunReply), (status = "default", body = Problem)))]
pub(crate) async fn kill(
    State(app): State<Arc<ApiState>>,
    headers: HeaderMap,
    Path(run): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<RunReply>), Problem> {
    let caller = app.permitted(&headers, Access::OperateRuns)?;
    let reason = reason(&headers, body)?;
    let own = Arc::clone(&app);
    let status = run_blocking(move || {
        let status = own.supervisor.kill(&run, &caller.id, &reason)?;
        let scope = KillScope::Run(status.run);
        own.ledger.kill(&caller.id, scope, &reason);
        tracing::warn!(run = status.run.hex(), by = %caller.id, "run killed");
        Ok(status)
    })
    .await?;
    Ok((StatusCode::ACCEPTED, Json(RunReply::from(&status))))
}

/// Kill every run of an account
///
/// Kills each of them, and no run of the account starts until `counterfoil kill --lift` lifts the switch.
/// The response lists the runs of this process; other processes read the switch themselves.
#[utoipa::path(post, path = "/v1/accounts/{account}/kill", tag = "runs", security(("session" = [])),
    params(("account" = String, Path, description = "The account")),
    request_body = Option<KillRequest>,
    responses((status = 202, body = RunsReply), (status = "default", body = Problem)))]
pub(crate) async fn kill_account(
    State(app): State<Arc<ApiState>>,
    headers: HeaderMap,
    Path(account): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<RunsReply>), Problem> {
    let account = Id::parse(&account).map_err(|error| {
        let hint = "use the account's name in the manifest";
        Problem::new(
            ProblemCode::BodyMalformed,
            format!("the account: {error}"),
            hint,
        )
    });
    let target = account.map(|id| (KillTarget::Account(id.clone()), KillScope::Account(id)));
    kill_all(app, headers, target, body).await
}

/// Kill every run of the installation
///
/// As for an account, but for every account.
#[utoipa::path(post, path = "/v1/kill", tag = "runs", security(("session" = [])),
    request_body = Option<KillRequest>,
    responses((status = 202, body = RunsReply), (status = "default", body = Problem)))]
pub(crate) async fn kill_everything(
    State(app): State<Arc<ApiState>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<RunsReply>), Problem> {
    let target = (KillTarget::Installation, KillScope::Installation);
    kill_all(app, headers, Ok(target), body).await
}

async fn kill_all(
    app: Arc<ApiState>,
    headers: HeaderMap,
    target: Result<(KillTarget, KillScope), Problem>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<RunsReply>), Problem> {
    let caller = app.permitted(&headers, Access::OperateRuns)?;
    let ((target, scope), reason) = (target?, reason(&headers, body)?);
    let killed = run_blocking(move || {
        let killed = app.supervisor.kill_all(&target, &caller.id, &reason);
        // Recorded even if the switch's file could not be written: the runs of this process are killed
        // either way.
        app.ledger.kill(&caller.id, scope, &reason);
        let killed = killed?;
        tracing::warn!(?target, by = %caller.id, runs = killed.len(), "killed");
        Ok(killed)
    })
    .await?;
    let runs = killed.iter().map(RunReply::from).collect();
    Ok((StatusCode::ACCEPTED, Json(RunsReply { runs })))
}

/// The most bytes of a reason that are recorded.
const REASON_BYTES_MAX: usize = 1_000;

/// The reason in the body; a kill needs neither a reason nor a body.
fn reason(headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<String, Problem> {
    if body.as_ref().is_ok_and(Bytes::is_empty) {
        return Ok(String::new());
    }
    let asked: Option<KillRequest> = json(headers, body)?;
    let mut reason = asked.unwrap_or_default().reason;
    // Cut, and never refused: a kill must not wait for a shorter sentence, and a longer one fits no record.
    reason.truncate(reason.floor_char_boundary(REASON_BYTES_MAX));
    Ok(reason)
}

/// Resume a run that was left open, halted, or killed before it closed its journal
///
/// Its journal is verified, replayed and compared first; the run's state has the result.
#[utoipa::path(post, path = "/v1/runs/{run}/resume", tag = "runs", security(("session" = [])),
    params(("run" = String, Path, description = "The first digits of a run id")),
    responses((status = 202, body = RunReply), (status = "default", body = Problem)))]
pub(crate) async fn resume(
    State(app): State<Arc<ApiState>>,
    headers: HeaderMap,
    Path(run): Path<String>,
) -> Result<(StatusCode, Json<RunReply>), Problem> {
    let caller = app.permitted(&headers, Access::OperateRuns)?;
    let _turn = turn(&app)?;
    let own = Arc::clone(&app);
    let status = run_blocking(move || {
        let manifest = own.supervisor.manifest(&run)?;
        // The caller may operate runs, and that is not enough: the start and its authorization must still be
        // valid as well.
        let grant = may_continue(&caller.state, &manifest, clock::now())?;
        let status = own.supervisor.resume(&grant, &run, Some(&caller.id))?;
        tracing::info!(run = status.run.hex(), by = %caller.id, "run resumed");
        Ok(status)
    })
    .await?;
    Ok((StatusCode::ACCEPTED, Json(RunReply::from(&status))))
}
