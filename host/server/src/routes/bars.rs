//! Bars pushed to a feed, and the outcome of each. It must never wait for a run longer than a request may take.

use core::time::Duration;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use counterfoil_governance::state::Access;
use counterfoil_runner::run::feed::LineTreatment;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::app::ApiState;
use crate::guard::json;
use crate::problem::{Problem, ProblemCode};
use crate::supervisor::FeedSubscriber;
use crate::supervisor::inlet::{LineOutcome, QueueRefusal};
use crate::types::{BarsReply, BarsRequest, TreatmentReply};

/// How long a response waits for runs to read the bars. Bars that were not read are reported as waiting and
/// stay in the queue.
const TREATED_MAX: Duration = Duration::from_secs(5);
/// Bars of one request: a thousand, about what a body holds.
const BARS_MAX: usize = 1_000;

/// Push bars to a feed
#[utoipa::path(post, path = "/v1/feeds/{name}/bars", tag = "feeds", security(("session" = [])),
    params(("name" = String, Path, description = "The feed's name, as in the manifests")),
    request_body = BarsRequest,
    responses((status = 200, body = BarsReply), (status = "default", body = Problem)))]
pub(crate) async fn push(
    State(app): State<Arc<ApiState>>,
    headers: HeaderMap,
    Path(name): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<BarsReply>, Problem> {
    let _caller = app.permitted(&headers, Access::SendBars)?;
    let asked: BarsRequest = json(&headers, body)?;
    if asked.bars.len() > BARS_MAX {
        let detail = format!("{} bars in one request", asked.bars.len());
        let hint = format!("send {BARS_MAX} at most");
        return Err(Problem::new(ProblemCode::BodyTooLarge, detail, hint));
    }
    let subscribers = app.supervisor.subscribers(&name);
    if subscribers.is_empty() {
        let detail = format!("no run reads the feed {name:?}");
        let hint = "start a run whose manifest names this feed, with the feed kind push";
        return Err(Problem::new(ProblemCode::FeedUnknown, detail, hint));
    }
    let (sender, outcomes) = mpsc::unbounded_channel();
    let mut treatments = Vec::new();
    for (bar, value) in asked.bars.iter().enumerate() {
        treatments.extend(offer(&subscribers, bar, value, &sender));
    }
    // The last sender of this request: with it gone, the receiver ends once every run has reported.
    drop(sender);
    let deadline = tokio::time::timeout(TREATED_MAX, collect(outcomes, &mut treatments));
    let _some_wait_still = deadline.await;
    Ok(Json(BarsReply { treatments }))
}

/// The index of a bar, the run, and what the run did with the bar.
type BarOutcome = (usize, String, LineOutcome);

/// Queues a bar for every run that trades its symbol, and an end of slice for every run.
fn offer(
    subscribers: &[FeedSubscriber],
    bar: usize,
    value: &Value,
    sender: &mpsc::UnboundedSender<BarOutcome>,
) -> Vec<TreatmentReply> {
    // A line without a symbol goes to every run: a mark ends the slice in each, and each records a malformed
    // line as refused.
    let symbol = value.get("symbol").and_then(Value::as_str);
    let wanted =
        |subscriber: &&FeedSubscriber| symbol.is_none_or(|symbol| subscriber.trades(symbol));
    let line = value.to_string().into_bytes();
    let reply = |run: Option<String>, treatment: &str| TreatmentReply {
        bar,
        run,
        treatment: treatment.to_owned(),
        reason: None,
    };
    let mut all = Vec::new();
    for subscriber in subscribers.iter().filter(wanted) {
        let (sender, run) = (sender.clone(), subscriber.run().hex());
        let of_run = run.clone();
        let report = Box::new(move |outcome| {
            // The receiver is gone once the response was sent.
            let _sent = sender.send((bar, run, outcome));
        });
        let treatment = match subscriber.offer(line.clone(), report) {
            Ok(()) => "waiting",
            Err(QueueRefusal::Full) => "queue-full",
            Err(QueueRefusal::Ended) => "ended",
            Err(QueueRefusal::TooLong) => "too-long",
        };
        all.push(reply(Some(of_run), treatment));
    }
    if all.is_empty() {
        all.push(reply(None, "no-run"));
    }
    all
}

/// Updates the treatments until every run has reported.
async fn collect(
    mut outcomes: mpsc::UnboundedReceiver<BarOutcome>,
    treatments: &mut [TreatmentReply],
) {
    while let Some((bar, run, outcome)) = outcomes.recv().await {
        let is_it =
            |reply: &&mut TreatmentReply| reply.bar == bar && reply.run.as_ref() == Some(&run);
        let Some(reply) = treatments.iter_mut().find(is_it) else {
            continue;
        };
        let (treatment, reason) = match outcome {
            LineOutcome::Treated(LineTreatment::Taken) => ("taken", None),
            LineOutcome::Treated(LineTreatment::Mark) => ("mark", None),
            LineOutcome::Treated(LineTreatment::Known) => ("known", None),
            LineOutcome::Treated(LineTreatment::Refused(reason)) => ("refused", Some(reason)),
            LineOutcome::NotTaken => ("ended", None),
        };
        treatment.clone_into(&mut reply.treatment);
        reply.reason = reason;
    }
}
