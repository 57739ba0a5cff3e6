//! The requests and replies of the API. Amounts are decimals as text, times RFC 3339, digests hex. It must never
//! decide anything about a request.

use counterfoil_trading::instrument::Instrument;
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::units::Money;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::supervisor::events::{RunActivity, RunEvent};
use crate::supervisor::feed_settings::FeedSettings;
use crate::supervisor::status::RunStatus;

/// A challenge to sign.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LoginChallenge {
    /// The challenge, sent back in the login request.
    pub challenge: String,
    /// The server's own address: do not sign if it differs from the address that you connected to.
    pub audience: String,
    /// The ledger's origin.
    pub ledger: String,
    /// When it expires.
    pub expires: String,
}

/// The answer to a challenge.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LoginRequest {
    /// The principal who logs in.
    pub principal: String,
    /// The public key that signed, as 64 hex digits.
    pub key: String,
    /// The challenge, as received.
    pub challenge: String,
    /// The Ed25519 signature over the login message, as 128 hex digits.
    pub signature: String,
}

/// A login.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LoginReply {
    /// The bearer token.
    pub token: String,
    /// The principal who logged in.
    pub principal: String,
    /// Their roles at login.
    pub roles: Vec<String>,
    /// When it expires.
    pub expires: String,
}

/// A run to start.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct StartRequest {
    /// The ledger's entry that authorizes this start.
    pub authorization: u64,
    /// The run's manifest.
    #[schema(value_type = Object)]
    pub manifest: Value,
    /// Where its bars come from.
    pub feed: FeedRequest,
}

/// Why something is killed.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct KillRequest {
    /// The reason for the record; the principal who killed is always recorded.
    #[serde(default)]
    pub reason: String,
}

/// How a run is fed.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[schema(as = Feed)]
pub enum FeedRequest {
    /// Bars are pushed to the feed that the manifest names.
    Push {},
    /// The bars of a snapshot, replayed as if live.
    Replay {
        /// The snapshot's id, or its first digits.
        snapshot: String,
        /// Speed factor; without it, as fast as the run accepts them.
        speed: Option<u32>,
    },
    /// Newline-delimited JSON from a TCP server on this machine.
    Tcp {
        /// Its address, such as `127.0.0.1:9000`.
        address: String,
    },
    /// Bars of the venue that the manifest's feed is named after.
    Market {},
}

impl From<FeedRequest> for FeedSettings {
    fn from(feed: FeedRequest) -> Self {
        match feed {
            FeedRequest::Push {} => Self::Push {},
            FeedRequest::Replay { snapshot, speed } => Self::Replay { snapshot, speed },
            FeedRequest::Tcp { address } => Self::Tcp { address },
            FeedRequest::Market {} => Self::Market {},
        }
    }
}

/// A run.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct RunReply {
    /// The run id.
    pub run: String,
    /// Its state: starting, running, resuming, stopping, stopped, faulted, halted, killed, suspended or
    /// interrupted.
    pub state: String,
    /// The reason of the state, if any.
    pub reason: Option<String>,
    /// The account.
    pub account: String,
    /// The component.
    pub component: String,
    /// The feed's name.
    pub feed: String,
    /// The feed's kind.
    pub feed_kind: String,
    /// The length of a bar.
    pub timeframe: String,
    /// Who started it.
    pub started_by: String,
    /// Close time of the last slice.
    pub last_close: Option<String>,
    /// Bars decided.
    pub bars: u64,
    /// Fills booked.
    pub fills: u64,
    /// Requests that the risk gate approved.
    pub requests_approved: u64,
    /// Requests that the risk gate refused.
    pub requests_refused: u64,
    /// Inputs refused and recorded.
    pub inputs_refused: u64,
    /// Bars sent again and skipped.
    pub bars_skipped: u64,
    /// Cash.
    pub cash: Option<String>,
    /// Equity.
    pub equity: Option<String>,
    /// The decision digest, once the journal is closed.
    pub decision_digest: Option<String>,
}

impl From<&RunStatus> for RunReply {
    fn from(status: &RunStatus) -> Self {
        let figures = &status.figures;
        Self {
            run: status.run.hex(),
            state: status.state.name().to_owned(),
            reason: status.reason.clone(),
            account: status.account.clone(),
            component: status.component.clone(),
            feed: status.feed.clone(),
            feed_kind: status.feed_kind.to_owned(),
            timeframe: status.timeframe.clone(),
            started_by: status.by.clone(),
            last_close: figures.last_close.map(UnixNanos::date_or_time),
            bars: figures.totals.decisions,
            fills: figures.totals.fills,
            requests_approved: figures.totals.approved,
            requests_refused: figures.totals.refused,
            inputs_refused: figures.inputs_refused,
            bars_skipped: figures.bars_skipped,
            cash: figures.cash.map(Money::to_text),
            equity: figures.equity.map(Money::to_text),
            decision_digest: status.decision_digest.map(|digest| digest.hex()),
        }
    }
}

/// Every run.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct RunsReply {
    /// The runs, by id.
    pub runs: Vec<RunReply>,
}

/// One position.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct PositionReply {
    /// The instrument.
    pub symbol: String,
    /// Long above zero, short below.
    pub quantity: String,
    /// Its cost, without fees.
    pub cost: String,
    /// Its value at the last close.
    pub value: String,
    /// The last close.
    pub mark_price: Option<String>,
}

/// The positions of a run.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct PositionsReply {
    /// The run id.
    pub run: String,
    /// Close time of the slice that they are of.
    pub as_of: Option<String>,
    /// The positions, by instrument; none before the first slice.
    pub positions: Vec<PositionReply>,
}

impl From<&RunStatus> for PositionsReply {
    fn from(status: &RunStatus) -> Self {
        let held = status.instruments.iter().zip(&status.figures.positions);
        let positions = held.map(|(instrument, held): (&Instrument, _)| PositionReply {
            symbol: instrument.symbol().to_owned(),
            quantity: instrument.quantity_text(held.quantity),
            cost: held.cost.to_text(),
            value: held.value.to_text(),
            mark_price: held.mark_price.map(|price| instrument.price_text(price)),
        });
        Self {
            run: status.run.hex(),
            as_of: status.figures.last_close.map(UnixNanos::date_or_time),
            positions: positions.collect(),
        }
    }
}

/// Bars for a feed, in order.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BarsRequest {
    /// Bars and marks, as the lines of `counterfoil live`: objects with `symbol`, `open-time`,
    /// `close-time`, `open`, `high`, `low`, `close` and `volume`, or `{"end-of-slice": true}`.
    #[schema(value_type = Vec<Object>)]
    pub bars: Vec<Value>,
}

/// The outcome of one bar in one run.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct TreatmentReply {
    /// The index of the bar in the request, from 0.
    pub bar: usize,
    /// The run id; null if no run trades the bar's instrument.
    pub run: Option<String>,
    /// `taken`: it will be decided. `known`: it was decided before. `mark`: it ended a slice. `refused`: recorded
    /// as refused. `waiting`: the run has not read it yet. `queue-full`, `too-long`, `ended`: it is in no journal.
    /// `no-run`: no run trades its instrument.
    pub treatment: String,
    /// Why, if it was refused.
    pub reason: Option<String>,
}

/// The outcome of each bar.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct BarsReply {
    /// By bar, then by run.
    pub treatments: Vec<TreatmentReply>,
}

/// Which events to stream.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventsQuery {
    /// Events of one run only: the first digits of its id.
    pub run: Option<String>,
    /// Events after this id; the header `Last-Event-ID` takes precedence.
    pub after: Option<String>,
}

/// One event: the data of a server-sent event, whose name is its kind.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct EventReply {
    /// The time of the event.
    pub time: String,
    /// The run.
    pub run: String,
    /// `state`, `slice`, `input-refused` or `log`.
    pub kind: String,
    /// The run's state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// The reason, or the strategy's log line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The level of the strategy's log line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<String>,
    /// Close time of the slice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub close_time: Option<String>,
    /// Bars decided so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bars: Option<u64>,
    /// Fills so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fills: Option<u64>,
    /// Requests refused so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_refused: Option<u64>,
    /// Equity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub equity: Option<String>,
}

impl From<&RunEvent> for EventReply {
    fn from(event: &RunEvent) -> Self {
        let mut reply = Self {
            time: event.time.date_or_time(),
            run: event.run.hex(),
            kind: String::new(),
            state: None,
            text: None,
            level: None,
            close_time: None,
            bars: None,
            fills: None,
            requests_refused: None,
            equity: None,
        };
        match &event.what {
            RunActivity::State { state, reason } => {
                "state".clone_into(&mut reply.kind);
                reply.state = Some(state.name().to_owned());
                reply.text.clone_from(reason);
            }
            RunActivity::Slice {
                close_time,
                bars,
                fills,
                requests_refused,
                equity,
            } => {
                "slice".clone_into(&mut reply.kind);
                reply.close_time = close_time.map(UnixNanos::date_or_time);
                reply.bars = Some(*bars);
                reply.fills = Some(*fills);
                reply.requests_refused = Some(*requests_refused);
                reply.equity = Some(equity.clone());
            }
            RunActivity::InputRefused { reason } => {
                "input-refused".clone_into(&mut reply.kind);
                reply.text = Some(reason.clone());
            }
            RunActivity::Log { level, text } => {
                "log".clone_into(&mut reply.kind);
                reply.level = Some((*level).to_owned());
                reply.text = Some(text.clone());
            }
        }
        reply
    }
}

/// The health of the process.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct HealthReply {
    /// `ok`.
    pub status: String,
    /// The version of the program.
    pub version: String,
}
