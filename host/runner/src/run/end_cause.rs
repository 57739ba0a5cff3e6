//! Why a run ended, and the one text of it that the ledger records.

use core::fmt;

use counterfoil_trading::record::{CloseReason, RunStop, StopCause};

use crate::orders::kill::asked_stop;

/// Why a run ended, from its closing record and, where the host stopped it, its stop record.
///
/// Its text is recorded in the ledger: [`fmt::Display`] is its only writer and
/// [`RunEndCause::parse`] its only reader, and neither may change.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RunEndCause {
    /// No stop record: the name of the close reason alone.
    Closed(CloseReason),
    /// The stop's cause and message, as `cause: message`.
    Stopped(RunStop),
}

impl RunEndCause {
    /// The cause in a recorded text; `None` for a text that this program does not write.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some((name, message)) = text.split_once(": ") {
            let cause = StopCause::ALL
                .into_iter()
                .find(|cause| cause.name() == name)?;
            let message = message.to_owned();
            return Some(Self::Stopped(asked_stop(cause, message)));
        }
        let all = [
            CloseReason::EndOfData,
            CloseReason::Fault,
            CloseReason::Stopped,
        ];
        let mut all = all.into_iter();
        all.find(|reason| reason.name() == text).map(Self::Closed)
    }

    /// Whether a kill switch ended the run.
    #[must_use]
    pub const fn is_kill(&self) -> bool {
        match self {
            Self::Closed(_) => false,
            Self::Stopped(stop) => stop.cause.is_kill(),
        }
    }
}

impl fmt::Display for RunEndCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(reason) => f.write_str(reason.name()),
            Self::Stopped(stop) => write!(f, "{}: {}", stop.cause.name(), stop.message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_one_text_that_reads_back() {
        let closed = |reason| RunEndCause::Closed(reason);
        for (cause, text) in [
            (closed(CloseReason::EndOfData), "end-of-data"),
            (closed(CloseReason::Fault), "fault"),
            (closed(CloseReason::Stopped), "stopped"),
        ] {
            assert_eq!(cause.to_string(), text);
            assert_eq!(RunEndCause::parse(text), Some(cause));
        }
        for cause in StopCause::ALL {
            for message in ["", "by alice", "by alice: at 10:30: enough"] {
                let message = message.to_owned();
                let stopped = RunEndCause::Stopped(asked_stop(cause, message));
                let text = stopped.to_string();
                assert_eq!(RunEndCause::parse(&text), Some(stopped), "{text}");
            }
        }
        for other in ["", "Fault", "run-killed", "elsewhere: by alice"] {
            assert_eq!(RunEndCause::parse(other), None, "{other}");
        }
    }
}
