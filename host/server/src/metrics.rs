//! Metrics for Prometheus. They must never name a principal, an account or a run: reading them takes no
//! login.

use std::sync::Mutex;
use std::sync::PoisonError;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::problem::Problem;
use crate::supervisor::Supervisor;
use crate::supervisor::status::RunState;

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct RequestLabels {
    method: String,
    path: String,
    status: u16,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct RunStateLabels {
    state: String,
}

/// The metrics of one process.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Mutex<Registry>,
    answers: Family<RequestLabels, Counter>,
    pub(crate) connections_refused: Counter,
    pub(crate) events_lost: Counter,
    runs: Family<RunStateLabels, Gauge>,
    decided: Gauge,
    fills: Gauge,
    inputs_refused: Gauge,
    logins: Gauge,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("counterfoil");
        let answers = Family::<RequestLabels, Counter>::default();
        let runs = Family::<RunStateLabels, Gauge>::default();
        let (connections_refused, events_lost) = (Counter::default(), Counter::default());
        let (decided, fills) = (Gauge::default(), Gauge::default());
        let (inputs_refused, logins) = (Gauge::default(), Gauge::default());
        registry.register("answers", "Requests answered", answers.clone());
        registry.register(
            "connections_refused",
            "Connections refused because there were too many",
            connections_refused.clone(),
        );
        registry.register(
            "events_lost",
            "Events lost because a watcher was too slow",
            events_lost.clone(),
        );
        registry.register("runs", "Runs by state", runs.clone());
        registry.register(
            "bars_decided",
            "Bars decided by the runs listed",
            decided.clone(),
        );
        registry.register("fills", "Fills booked by the runs listed", fills.clone());
        registry.register(
            "inputs_refused",
            "Inputs refused and recorded by the runs listed",
            inputs_refused.clone(),
        );
        registry.register("sessions", "Valid logins", logins.clone());
        Self {
            registry: Mutex::new(registry),
            answers,
            connections_refused,
            events_lost,
            runs,
            decided,
            fills,
            inputs_refused,
            logins,
        }
    }

    pub(crate) fn answered(&self, method: &str, path: &str, status: u16) {
        // An invented method must not make a series of its own.
        let known = ["GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"];
        let method = if known.contains(&method) {
            method
        } else {
            "other"
        };
        let answer = RequestLabels {
            method: method.to_owned(),
            path: path.to_owned(),
            status,
        };
        self.answers.get_or_create(&answer).inc();
    }

    /// The current values, in the text format.
    pub(crate) fn text(&self, supervisor: &Supervisor, logins: usize) -> Result<String, Problem> {
        let all = supervisor.list();
        let whole = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        // Set from the list at every scrape. Gauges that runs change by themselves would be wrong for good
        // after one panic.
        for state in RunState::ALL {
            let count = all.iter().filter(|run| run.state == state).count();
            let labels = RunStateLabels {
                state: state.name().to_owned(),
            };
            let gauge = self.runs.get_or_create(&labels);
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        let figures = || all.iter().map(|run| &run.figures);
        self.decided
            .set(whole(figures().map(|run| run.totals.decisions).sum()));
        self.fills
            .set(whole(figures().map(|run| run.totals.fills).sum()));
        self.inputs_refused
            .set(whole(figures().map(|run| run.inputs_refused).sum()));
        self.logins.set(i64::try_from(logins).unwrap_or(i64::MAX));
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        encode(&mut text, &registry).map_err(|error| Problem::internal(&error))?;
        Ok(text)
    }
}
