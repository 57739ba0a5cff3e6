//! Refusals for people and programs (RFC 9457): a stable code, the cause, and a hint. What is refused must never be
//! decided here.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use counterfoil_governance::rule::{AccessDenial, HostRule, Rule, RuleCode};
use counterfoil_runner::orders::lease::LeaseError;
use counterfoil_runner::run::execute::ExecuteError;
use counterfoil_trading::record::StopCause;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::supervisor::SuperviseError;

/// The codes of this API. The ledger's rules have their own codes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ProblemCode {
    TokenMissing,
    /// Unknown or expired token.
    TokenExpired,
    /// The challenge is not from this process, has expired, or was answered before.
    Challenge,
    /// The answer to a challenge is not signed by this key for this server and ledger.
    LoginSignature,
    /// The request comes from a foreign page, or names a foreign host.
    Origin,
    /// There is no such route.
    Route,
    /// The route does not take this method.
    Method,
    /// The body is larger than the largest valid request.
    BodyTooLarge,
    /// The body is not JSON, or not of this shape.
    BodyMalformed,
    /// The request timed out.
    TimedOut,
    /// Too many connections, watchers, starts or logins at once.
    Busy,
    /// The ledger is missing or does not verify, so no run starts.
    Ledger,
    /// There is no such run.
    RunUnknown,
    /// More than one run id begins like this.
    RunAmbiguous,
    /// A run with this id was started before.
    RunExists,
    /// The run is not in a state for this.
    RunState,
    /// A kill switch stops the run, its account or the installation.
    RunStopped,
    /// The account has its maximum of concurrent runs.
    AccountRuns,
    /// Another process trades the account.
    LeaseHeld,
    /// The holder of the account's lease is unknown.
    Lease,
    /// The account's limits are missing or invalid, or the run exceeds them.
    Limits,
    /// This machine's clock may be off by more than the run allows.
    Clock,
    /// The venue's positions, orders or cash differ from the run's.
    Venue,
    /// The process has its maximum of runs.
    RunnerFull,
    /// The process is shutting down.
    RunnerEnding,
    /// The manifest, its component or its data are not valid.
    RunInvalid,
    /// The feed cannot be opened.
    Feed,
    /// No run reads this feed.
    FeedUnknown,
    /// The host failed.
    Internal,
}

impl ProblemCode {
    /// Every code.
    pub const ALL: [Self; 29] = [
        Self::TokenMissing,
        Self::TokenExpired,
        Self::Challenge,
        Self::LoginSignature,
        Self::Origin,
        Self::Route,
        Self::Method,
        Self::BodyTooLarge,
        Self::BodyMalformed,
        Self::TimedOut,
        Self::Busy,
        Self::Ledger,
        Self::RunUnknown,
        Self::RunAmbiguous,
        Self::RunExists,
        Self::RunState,
        Self::RunStopped,
        Self::AccountRuns,
        Self::LeaseHeld,
        Self::Lease,
        Self::Limits,
        Self::Clock,
        Self::Venue,
        Self::RunnerFull,
        Self::RunnerEnding,
        Self::RunInvalid,
        Self::Feed,
        Self::FeedUnknown,
        Self::Internal,
    ];

    /// The stable code and its HTTP status.
    #[must_use]
    pub const fn parts(self) -> (&'static str, u16) {
        match self {
            Self::TokenMissing => ("token.missing", 401),
            Self::TokenExpired => ("token.expired", 401),
            Self::Challenge => ("challenge.invalid", 401),
            Self::LoginSignature => ("session.signature", 401),
            Self::Origin => ("origin.foreign", 403),
            Self::Route => ("route.unknown", 404),
            Self::Method => ("method.unknown", 405),
            Self::BodyTooLarge => ("body.too-large", 413),
            Self::BodyMalformed => ("body.malformed", 400),
            Self::TimedOut => ("request.timed-out", 408),
            Self::Busy => ("server.busy", 503),
            Self::Ledger => (HostRule::LedgerUnusable.code(), 503),
            Self::RunUnknown => (Rule::RunUnknown.code(), 404),
            Self::RunAmbiguous => ("run.ambiguous", 409),
            Self::RunExists => (Rule::RunExists.code(), 409),
            Self::RunState => ("run.state", 409),
            Self::RunStopped => ("run.stopped", 409),
            Self::AccountRuns => ("account.runs", 409),
            Self::LeaseHeld => ("lease.held", 409),
            Self::Lease => ("lease.unusable", 503),
            Self::Limits => ("account.limits", 409),
            Self::Clock => ("clock.off", 503),
            Self::Venue => ("venue.differs", 409),
            Self::RunnerFull => ("runner.full", 503),
            Self::RunnerEnding => ("runner.ending", 503),
            Self::RunInvalid => ("run.invalid", 422),
            Self::Feed => ("feed.invalid", 422),
            Self::FeedUnknown => ("feed.unknown", 404),
            Self::Internal => ("host.failed", 500),
        }
    }
}

/// The hint for a request with invalid contents.
const CORRECT: &str = "correct what the message names, and start the run again";
/// Where leases and limits are explained.
const ACCOUNTS: &str = "see docs/start/OPERATE.md, Accounts";

/// A refusal (RFC 9457).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct Problem {
    /// `urn:counterfoil:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The HTTP status.
    pub status: u16,
    /// The stable code.
    pub code: String,
    /// The cause.
    pub detail: String,
    /// Who can do it, or what to do instead.
    pub hint: String,
}

impl Problem {
    /// A refusal by a code of this API.
    #[must_use]
    pub fn new(code: ProblemCode, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        let (code, status) = code.parts();
        Self::of(status, code, detail.into(), hint.into())
    }

    fn of(status: u16, code: &str, detail: String, hint: String) -> Self {
        Self {
            kind: format!("urn:counterfoil:problem:{code}"),
            status,
            code: code.to_owned(),
            detail,
            hint,
        }
    }

    /// A failure of the host.
    #[must_use]
    pub fn internal(error: &dyn core::fmt::Display) -> Self {
        let hint = "the request may be valid; see the server's log";
        Self::new(ProblemCode::Internal, error.to_string(), hint)
    }
}

impl core::fmt::Display for Problem {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}: {}; {}", self.code, self.detail, self.hint)
    }
}

impl core::error::Error for Problem {}

impl From<AccessDenial> for Problem {
    /// A denial by a rule is forbidden (403), except where the rule has a status of its own.
    fn from(denied: AccessDenial) -> Self {
        let status = match denied.rule {
            RuleCode::Ledger(Rule::RunExists) => ProblemCode::RunExists.parts().1,
            RuleCode::Host(HostRule::LedgerUnusable) => ProblemCode::Ledger.parts().1,
            RuleCode::Ledger(_) | RuleCode::Host(_) => 403,
        };
        Self::of(status, denied.rule.code(), denied.why, denied.hint)
    }
}

impl From<SuperviseError> for Problem {
    fn from(error: SuperviseError) -> Self {
        use SuperviseError as E;
        if let E::Ledger(denied) = error {
            return denied.into();
        }
        let (code, hint) = match &error {
            E::Unknown { .. } => (
                ProblemCode::RunUnknown,
                "list the runs, and use a run id from the list",
            ),
            E::Ambiguous { .. } => (
                ProblemCode::RunAmbiguous,
                "give more digits of the run's id",
            ),
            E::StartedBefore { .. } => (ProblemCode::RunExists, "use a new start nonce"),
            E::Full { .. } => (
                ProblemCode::RunnerFull,
                "stop a run first, or start another runner",
            ),
            E::State { .. } => (ProblemCode::RunState, "read the run's status"),
            E::Ending => (
                ProblemCode::RunnerEnding,
                "try again after the runner has been restarted",
            ),
            E::Feed(_) => (ProblemCode::Feed, "correct the feed's settings"),
            E::Run(error) => of_run(error),
            E::Id(_) | E::OtherGrant { .. } => (ProblemCode::RunInvalid, CORRECT),
            // An error without a code of its own is the host's failure: a client must not take it for a
            // refusal that it can correct.
            E::RunFile(_) | E::Thread(_) | E::Switch(_) | _ => {
                (ProblemCode::Internal, "see the server's own log")
            }
        };
        // Some errors begin with their code, which the command line prints; here it has a field.
        let detail = error.to_string();
        let (name, _) = code.parts();
        let detail = detail
            .strip_prefix(name)
            .and_then(|rest| rest.strip_prefix(": "))
            .unwrap_or(&detail)
            .to_owned();
        Self::new(code, detail, hint)
    }
}

/// The code and the hint of an error that keeps a run from starting.
const fn of_run(error: &ExecuteError) -> (ProblemCode, &'static str) {
    if let ExecuteError::NotStarted(stop) = error {
        return match stop.cause {
            StopCause::RunKilled | StopCause::AccountKilled | StopCause::InstallationKilled => (
                ProblemCode::RunStopped,
                "to let it start, lift the kill switch with `counterfoil kill --lift`",
            ),
            StopCause::LimitsMissing
            | StopCause::LimitsUnreadable
            | StopCause::LimitsStale
            | StopCause::LimitsInconsistent
            | StopCause::LeaseLost
            | StopCause::LeaseUnclear
            | StopCause::FeedEnded
            | StopCause::NotPermitted => (ProblemCode::Limits, ACCOUNTS),
            StopCause::ClockOff => (
                ProblemCode::Clock,
                "start chrony, ntpd or systemd-timesyncd, and wait until the clock is synchronized",
            ),
            StopCause::VenueDiffers | StopCause::VenueUnclear => (
                ProblemCode::Venue,
                "compare the order log with the venue, then resume the run",
            ),
        };
    }
    let ExecuteError::Lease(lease) = error else {
        return (ProblemCode::RunInvalid, CORRECT);
    };
    match lease {
        LeaseError::RunsLimit { .. } => (
            ProblemCode::AccountRuns,
            "an operator stops a run of this account first",
        ),
        LeaseError::Held { .. } => (
            ProblemCode::LeaseHeld,
            "end the other process, or start the run in it",
        ),
        LeaseError::Account(_) => (ProblemCode::RunInvalid, CORRECT),
        LeaseError::File(_) | LeaseError::Unreadable { .. } | LeaseError::Lost { .. } | _ => {
            (ProblemCode::Lease, ACCOUNTS)
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let json = HeaderValue::from_static("application/problem+json");
        let mut response = (status, [(header::CONTENT_TYPE, json)], body).into_response();
        // RFC 9110 section 15.5.2 requires the header with every 401.
        if self.status == 401 {
            let bearer = HeaderValue::from_static("Bearer");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, bearer);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_one_and_stands_in_the_document() {
        let text = include_str!("../../../docs/reference/API.md");
        let mut seen = std::collections::BTreeSet::new();
        for code in ProblemCode::ALL {
            let (name, status) = code.parts();
            assert!(seen.insert(name), "{name} twice");
            let item = format!("\n- `{name}` ({status}): ");
            assert!(text.contains(&item), "docs/reference/API.md has no {item}");
        }
    }
}
