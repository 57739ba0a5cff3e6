//! Bars of a venue's history, by request. It must never accept a bar that is not closed by the
//! venue's own time. Its error texts are recorded as reasons of missing bars: they never change.

use core::time::Duration;

use counterfoil_trading::bar::ClosedBar;
use counterfoil_trading::time::UnixNanos;
use hyper::Method;

use crate::backoff::Backoff;
use crate::feed::config::FeedConfig;
use crate::feed::intake::GAP_BARS_MAX;
use crate::feed::protocol::{BarGap, FeedProtocol, HistoryPage};
use crate::field::shown;
use crate::net::dial::Dialer;
use crate::net::http::{HttpClient, HttpRequest, HttpResponse};
use crate::wait::wait;

/// The most pages of one gap: at a thousand bars a page, more than the longest gap has.
const PAGES_MAX: u32 = 1_000;

/// The longest wait that a venue may ask for: beyond it the gap is reported as missing.
const RETRY_AFTER_MAX: Duration = Duration::from_mins(5);

/// A client of one venue's history.
#[derive(Debug)]
pub struct BarHistory {
    http: HttpClient,
    backoff: Backoff,
    tries: u32,
    settle_nanos: i64,
}

/// Why a page could not be read.
struct HistoryPageError {
    reason: String,
    /// How long to wait before a retry; `None` if a retry cannot help.
    again: Option<Duration>,
}

impl BarHistory {
    /// A client for the configured address.
    #[must_use]
    pub fn new(dialer: &Dialer, settings: &FeedConfig) -> Self {
        let timeout = settings.request_timeout;
        let (first, max) = (settings.backoff_first, settings.backoff_max);
        Self {
            http: HttpClient::new(dialer.clone(), settings.history.clone(), timeout),
            // Not the seed of the reconnections: the two must not retry at the same moments.
            backoff: Backoff::new(first, max, !settings.seed),
            tries: settings.fill_tries,
            settle_nanos: i64::try_from(settings.settle.as_nanos()).unwrap_or(i64::MAX),
        }
    }

    /// The time up to which the history is final, at this time of the venue.
    #[must_use]
    pub fn settled(&self, venue_time: UnixNanos) -> UnixNanos {
        UnixNanos(venue_time.0.saturating_sub(self.settle_nanos))
    }

    /// All bars of a gap that is over at `known`, a time of the venue's clock.
    ///
    /// # Errors
    ///
    /// Returns the reason, after all attempts.
    pub async fn bars<P: FeedProtocol>(
        &mut self,
        protocol: &P,
        gap: &BarGap,
        known: UnixNanos,
    ) -> Result<Vec<ClosedBar>, String> {
        let length = protocol.listings().timeframe_nanos();
        let bars = gap.to.0.saturating_sub(gap.from.0).checked_div(length);
        // Bounded before the first request: after a month without connection a minute feed would
        // otherwise ask for every bar of it, page by page, while the run waits.
        if bars.is_none_or(|bars| bars > GAP_BARS_MAX) {
            return Err(format!("more than {GAP_BARS_MAX} bars are missing"));
        }
        let mut all = Vec::new();
        let mut next: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let page = self
                .page_with_retry(protocol, gap, next.as_deref(), known)
                .await?;
            all.extend(page.bars);
            match page.next {
                None => return Ok(all),
                // A page that names itself as the next would be read for ever.
                same if same == next => break,
                more => next = more,
            }
        }
        Err("the history's pages do not come to an end".to_owned())
    }

    /// One page, requested again while a retry can help.
    async fn page_with_retry<P: FeedProtocol>(
        &mut self,
        protocol: &P,
        gap: &BarGap,
        page: Option<&str>,
        known: UnixNanos,
    ) -> Result<HistoryPage, String> {
        self.backoff.reset();
        loop {
            let answer = self.request(protocol, gap, page).await;
            let error = match answer {
                Ok(answer) => {
                    // A response without a date, or with one from the past, must not make a bar
                    // count as closed before the stream's own word does.
                    let settled = answer.date().map(|date| self.settled(date));
                    let venue_time = settled.unwrap_or(known).max(known);
                    let page = protocol.gap_page(gap, &answer.body, venue_time);
                    return page.map_err(|error| error.to_string());
                }
                Err(error) => error,
            };
            let wait_for = self.backoff.next_wait();
            match error.again {
                Some(again) if self.backoff.tries() < self.tries => {
                    wait(wait_for.max(again)).await;
                }
                _ => return Err(error.reason),
            }
        }
    }

    /// The venue's own time, from the `Date` header of a response; `None` without one.
    pub async fn venue_time<P: FeedProtocol>(
        &self,
        protocol: &P,
        gap: &BarGap,
    ) -> Option<UnixNanos> {
        let answer = self.request(protocol, gap, None).await.ok()?;
        answer.date()
    }

    async fn request<P: FeedProtocol>(
        &self,
        protocol: &P,
        gap: &BarGap,
        page: Option<&str>,
    ) -> Result<HttpResponse, HistoryPageError> {
        let request = HttpRequest {
            method: Method::GET,
            target: protocol
                .gap_target(gap, page)
                .map_err(|error| HistoryPageError {
                    reason: error.to_string(),
                    again: None,
                })?,
            headers: protocol.gap_headers(),
            body: Vec::new(),
        };
        let answer = self
            .http
            .send(request)
            .await
            .map_err(|error| HistoryPageError {
                reason: error.to_string(),
                again: Some(Duration::ZERO),
            })?;
        if answer.status == 200 {
            return Ok(answer);
        }
        let body = shown(&String::from_utf8_lossy(&answer.body));
        // 418 bans a client that ignored 429, for the time in the same header.
        let may_again = matches!(answer.status, 418 | 429 | 500..=599);
        let after = answer
            .header("retry-after")
            .and_then(|text| text.parse().ok())
            .unwrap_or(0);
        let after = Duration::from_secs(after);
        Err(HistoryPageError {
            reason: format!("status {}: {body}", answer.status),
            again: (may_again && after <= RETRY_AFTER_MAX).then_some(after),
        })
    }
}
