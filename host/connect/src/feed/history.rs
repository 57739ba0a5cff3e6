//! Bars of a venue's history, by request. It must never take a bar that is not closed by the
//! venue's own time.

use core::time::Duration;

use counterfoil_trading::bar::ClosedBar;
use counterfoil_trading::time::UnixNanos;
use hyper::Method;

use crate::backoff::Backoff;
use crate::feed::intake::GAP_BARS_MAX;
use crate::feed::protocol::{Gap, Page, Protocol};
use crate::feed::session::Settings;
use crate::field::shown;
use crate::net::dial::Dialer;
use crate::net::http::{Answer, Ask, Http};
use crate::wait::wait;

/// The most pages of one gap: at a thousand bars a page more than the longest gap has.
const PAGES_MAX: u32 = 1_000;

/// The longest wait that a venue may ask for: beyond it the gap is told as missing.
const RETRY_AFTER_MAX: Duration = Duration::from_mins(5);

/// The history of one venue.
#[derive(Debug)]
pub struct History {
    http: Http,
    backoff: Backoff,
    tries: u32,
    settle_nanos: i64,
}

/// Why a page cannot be had.
struct PageError {
    reason: String,
    /// How long to wait before asking again; `None` if asking again changes nothing.
    again: Option<Duration>,
}

impl History {
    /// The history that the settings name.
    #[must_use]
    pub fn new(dialer: &Dialer, settings: &Settings) -> Self {
        let timeout = settings.request_timeout;
        let (first, max) = (settings.backoff_first, settings.backoff_max);
        Self {
            http: Http::new(dialer.clone(), settings.history.clone(), timeout),
            // Another sequence than that of connecting.
            backoff: Backoff::new(first, max, !settings.seed),
            tries: settings.fill_tries,
            settle_nanos: i64::try_from(settings.settle.as_nanos()).unwrap_or(i64::MAX),
        }
    }

    /// Up to which time the history counts as final when the venue's time is this.
    #[must_use]
    pub fn settled(&self, venue_time: UnixNanos) -> UnixNanos {
        UnixNanos(venue_time.0.saturating_sub(self.settle_nanos))
    }

    /// All bars of a gap, which is over at `known`, a time of the venue's.
    ///
    /// # Errors
    ///
    /// Returns why they cannot be had, after all tries.
    pub async fn bars<P: Protocol>(
        &mut self,
        protocol: &P,
        gap: &Gap,
        known: UnixNanos,
    ) -> Result<Vec<ClosedBar>, String> {
        let length = protocol.listings().timeframe_nanos();
        let bars = gap.to.0.saturating_sub(gap.from.0).checked_div(length);
        if bars.is_none_or(|bars| bars > GAP_BARS_MAX) {
            return Err(format!("more than {GAP_BARS_MAX} bars are missing"));
        }
        let mut all = Vec::new();
        let mut next: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let page = self.tried(protocol, gap, next.as_deref(), known).await?;
            all.extend(page.bars);
            match page.next {
                None => return Ok(all),
                same if same == next => break,
                more => next = more,
            }
        }
        Err("the history's pages do not come to an end".to_owned())
    }

    /// A page, asked for again while that can help.
    async fn tried<P: Protocol>(
        &mut self,
        protocol: &P,
        gap: &Gap,
        page: Option<&str>,
        known: UnixNanos,
    ) -> Result<Page, String> {
        self.backoff.reset();
        loop {
            let answer = self.answer(protocol, gap, page).await;
            let error = match answer {
                Ok(answer) => {
                    let told = answer.date().map(|date| self.settled(date));
                    let venue_time = told.unwrap_or(known).max(known);
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

    /// The venue's own time, as it says it with an answer; `None` if it does not.
    pub async fn venue_time<P: Protocol>(&self, protocol: &P, gap: &Gap) -> Option<UnixNanos> {
        let answer = self.answer(protocol, gap, None).await.ok()?;
        answer.date()
    }

    async fn answer<P: Protocol>(
        &self,
        protocol: &P,
        gap: &Gap,
        page: Option<&str>,
    ) -> Result<Answer, PageError> {
        let ask = Ask {
            method: Method::GET,
            target: protocol.gap_target(gap, page),
            headers: protocol.gap_headers(),
            body: Vec::new(),
        };
        let answer = self.http.ask(ask).await.map_err(|error| PageError {
            reason: error.to_string(),
            again: Some(Duration::ZERO),
        })?;
        if answer.status == 200 {
            return Ok(answer);
        }
        let told = shown(&String::from_utf8_lossy(&answer.body));
        // 418 is a ban for not heeding 429, with its length in the same header.
        let may_again = matches!(answer.status, 418 | 429 | 500..=599);
        let after = answer.header("retry-after");
        let after = after.and_then(|text| text.parse().ok()).unwrap_or(0);
        let after = Duration::from_secs(after);
        Err(PageError {
            reason: format!("status {}: {told}", answer.status),
            again: (may_again && after <= RETRY_AFTER_MAX).then_some(after),
        })
    }
}
