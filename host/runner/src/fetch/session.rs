//! One request after the other to one source: answers that are there are not fetched again, limits are respected,
//! failures are tried again. It must never know what a body holds.

use core::time::Duration;

use counterfoil_base::digest::Digest;
use counterfoil_connect::backoff::Backoff;
use counterfoil_connect::fetch::answer::{AnswerVerdict, judge, pause_after};
use counterfoil_connect::fetch::client::HistoryClient;
use counterfoil_connect::fetch::source::HistorySource;
use counterfoil_connect::net::http::HttpError;
use counterfoil_snapshot::layers::fetched::{FetchedArrival, FetchedRole, FetchedState};
use counterfoil_snapshot::snapshot_store::SnapshotStore;
use counterfoil_trading::time::UnixNanos;

use crate::fetch::job::FetchReuse;
use crate::fetch::outcome::FetchError;
use crate::fetch::port::{FetchCounts, FetchPort};

/// Tries of one request.
const TRIES_MAX: u32 = 6;

/// Waits between them, where the source does not say how long.
const BACKOFF_FIRST: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_mins(1);

/// How long after its close a bar counts as closed: venues correct it within a second or two.
const SETTLE_NANOS: i64 = 2_000_000_000;

/// The requests of one fetch.
pub(super) struct FetchSession<'a> {
    store: &'a SnapshotStore,
    client: &'a HistoryClient,
    port: &'a mut dyn FetchPort,
    reuse: FetchReuse,
    backoff: Backoff,
    counts: FetchCounts,
    /// The wait that the last answer makes necessary, and why.
    pause: Option<(Duration, String)>,
}

/// An answer that can be read.
#[derive(Clone, Debug)]
pub(super) struct HistoryAnswer {
    pub(super) url: String,
    pub(super) body: Vec<u8>,
    status: u16,
    /// When it arrived.
    at: UnixNanos,
    /// The last moment at which a bar must have closed to count as closed.
    pub(super) cutoff: UnixNanos,
    /// Its digest, if it is in the raw layer already.
    kept: Option<Digest>,
}

impl<'a> FetchSession<'a> {
    pub(super) fn new(
        store: &'a SnapshotStore,
        client: &'a HistoryClient,
        port: &'a mut dyn FetchPort,
        reuse: FetchReuse,
    ) -> Self {
        // The seed decides the jitter of waits, and nothing of the data.
        let seed = port.now().0.unsigned_abs();
        Self {
            store,
            client,
            port,
            reuse,
            backoff: Backoff::new(BACKOFF_FIRST, BACKOFF_MAX, seed),
            counts: FetchCounts::default(),
            pause: None,
        }
    }

    pub(super) fn source(&self) -> HistorySource {
        self.client.access().source
    }

    pub(super) fn feed(&self) -> &str {
        &self.client.access().feed
    }

    pub(super) const fn counts(&self) -> FetchCounts {
        self.counts
    }

    /// The last moment at which a bar must have closed to count as closed, by our clock.
    pub(super) fn cutoff(&mut self) -> UnixNanos {
        UnixNanos(self.port.now().0.saturating_sub(SETTLE_NANOS))
    }

    pub(super) fn note_bars(&mut self, bars: u64) {
        self.counts.bars = self.counts.bars.saturating_add(bars);
        self.port.progress(self.counts);
    }

    /// The answer to a request; `None` if the source has no such file.
    pub(super) fn get(&mut self, target: &str) -> Result<Option<HistoryAnswer>, FetchError> {
        let url = self.client.url(target);
        if self.reuse == FetchReuse::Kept
            && let Some(found) = self.store.find_fetched(&url)?
        {
            self.counts.kept = self.counts.kept.saturating_add(1);
            return Ok(Some(HistoryAnswer {
                url,
                body: found.bytes,
                status: 200,
                at: found.at,
                // Only answers whose bars are all closed are found.
                cutoff: UnixNanos(found.at.0.saturating_sub(SETTLE_NANOS)),
                kept: Some(found.sha256),
            }));
        }
        self.backoff.reset();
        loop {
            if let Some((wait, reason)) = self.pause.take() {
                self.port.wait(wait, &reason);
            }
            let (after, reason) = match self.try_once(target, &url)? {
                TryResult::Answer(answer) => return Ok(Some(answer)),
                TryResult::Missing => return Ok(None),
                TryResult::Again { after, reason } => (after, reason),
            };
            let wait = self.backoff.next_wait().max(after);
            if self.backoff.tries() >= TRIES_MAX {
                return Err(FetchError::GaveUp {
                    url,
                    reason,
                    tries: TRIES_MAX,
                });
            }
            self.pause = Some((wait, reason));
        }
    }

    fn try_once(&mut self, target: &str, url: &str) -> Result<TryResult, FetchError> {
        self.counts.requests = self.counts.requests.saturating_add(1);
        let source = self.source();
        let answer = match self.client.get(target) {
            Ok(answer) => answer,
            // A request that is invalid stays so.
            Err(HttpError::Request(reason)) => {
                return Err(FetchError::Refused {
                    url: url.to_owned(),
                    reason,
                    kept: None,
                });
            }
            // A cut connection or an answer shorter than announced: a request that only reads can be sent again.
            Err(error) => {
                let bytes_max = source.limits().response_bytes_max;
                return Ok(TryResult::Again {
                    after: Duration::ZERO,
                    reason: format!("{error} (an answer may have {bytes_max} bytes)"),
                });
            }
        };
        let now = self.port.now();
        let pace = source.limits().pace;
        let pause = pause_after(source, &answer, now);
        self.pause = match pause {
            Some(wait) => Some((wait, "the limit of requests is used up".to_owned())),
            None if pace.is_zero() => None,
            None => Some((pace, String::new())),
        };
        let verdict = judge(source, &answer, now);
        // The earlier of two clocks: one that is fast must not make a bar closed that still forms.
        let known = answer.date().map_or(now, |date| date.min(now));
        let found = HistoryAnswer {
            url: url.to_owned(),
            status: answer.status,
            body: answer.body,
            at: now,
            cutoff: UnixNanos(known.0.saturating_sub(SETTLE_NANOS)),
            kept: None,
        };
        match verdict {
            AnswerVerdict::Good => Ok(TryResult::Answer(found)),
            AnswerVerdict::Missing => Ok(TryResult::Missing),
            AnswerVerdict::Again { after, reason } => Ok(TryResult::Again { after, reason }),
            AnswerVerdict::Refused { reason } => Err(self.refuse(&found, reason)),
        }
    }

    /// Keeps an answer that was read; its digest.
    pub(super) fn keep(
        &self,
        answer: &HistoryAnswer,
        role: FetchedRole,
        state: FetchedState,
    ) -> Result<Digest, FetchError> {
        if let Some(kept) = answer.kept {
            return Ok(kept);
        }
        let arrival = self.arrival(answer, role, state);
        Ok(self.store.keep_fetched(&arrival, &answer.body)?)
    }

    /// The error of an answer that cannot be used. Its body is kept: it shows what the source sent.
    pub(super) fn refuse(&self, answer: &HistoryAnswer, reason: String) -> FetchError {
        let url = answer.url.clone();
        if answer.body.is_empty() || answer.kept.is_some() {
            let kept = answer.kept;
            return FetchError::Refused { url, reason, kept };
        }
        let arrival = self.arrival(answer, FetchedRole::Refused, FetchedState::Open);
        match self.store.keep_fetched(&arrival, &answer.body) {
            Ok(sha256) => FetchError::Refused {
                url,
                reason,
                kept: Some(sha256),
            },
            Err(error) => error.into(),
        }
    }

    fn arrival<'b>(
        &self,
        answer: &'b HistoryAnswer,
        role: FetchedRole,
        state: FetchedState,
    ) -> FetchedArrival<'b> {
        FetchedArrival {
            url: &answer.url,
            status: answer.status,
            at: answer.at,
            vendor: self.source().name(),
            role,
            state,
        }
    }
}

/// What came of one try.
enum TryResult {
    Answer(HistoryAnswer),
    Missing,
    Again { after: Duration, reason: String },
}
