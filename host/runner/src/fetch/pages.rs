//! All pages of one symbol from a REST API. It must never trust the sequence, the range or the number of what it gets.

use std::collections::BTreeSet;

use counterfoil_base::digest::Digest;
use counterfoil_connect::fetch::source::{HistorySource, OHLC_BARS_MAX};
use counterfoil_connect::fetch::target::{HistoryRange, klines, ohlc, stock_bars};
use counterfoil_snapshot::layers::fetch_index::FetchIndexPage;
use counterfoil_snapshot::layers::fetched::{FetchedRole, FetchedState};
use counterfoil_snapshot::source::venue_page::{
    PageFormat, PageSubject, VenuePage, VenueRow, read_page,
};
use counterfoil_trading::time::UnixNanos;

use super::session::{FetchSession, HistoryAnswer};
use crate::fetch::job::FetchJob;
use crate::fetch::outcome::{FetchError, FetchedSeries};

/// Pages without a bar that may follow each other where a source gives tokens: a server that sends them without end
/// would be asked for ever.
const EMPTY_PAGES_MAX: u32 = 10;

/// The pages of one symbol.
pub(super) struct SymbolPages<'a, 'b> {
    session: &'b mut FetchSession<'a>,
    job: &'b FetchJob,
    range: HistoryRange<'b>,
    format: PageFormat,
    /// Where the next page begins.
    cursor: UnixNanos,
    token: Option<String>,
    /// Digests of the tokens so far.
    tokens: BTreeSet<Digest>,
    empty_pages: u32,
    pages: Vec<FetchIndexPage>,
    series: FetchedSeries,
}

/// What the rows of a page are.
struct PageFacts {
    /// Closed bars in the range.
    bars: u64,
    /// Bars of the range that still form.
    forming: u64,
    /// The end of the open times that count.
    closed_to: UnixNanos,
}

impl<'a, 'b> SymbolPages<'a, 'b> {
    pub(super) fn new(
        session: &'b mut FetchSession<'a>,
        job: &'b FetchJob,
        symbol: &'b str,
        format: PageFormat,
    ) -> Self {
        let terms = job.terms();
        Self {
            session,
            job,
            range: HistoryRange {
                symbol,
                interval: job.interval(),
                from: terms.from,
                to: terms.to,
            },
            format,
            cursor: terms.from,
            token: None,
            tokens: BTreeSet::new(),
            empty_pages: 0,
            pages: Vec::new(),
            series: FetchedSeries {
                symbol: symbol.to_owned(),
                bars: Some(0),
                ..FetchedSeries::default()
            },
        }
    }

    /// Fetches them; at most `pages_max`.
    pub(super) fn fetch(
        mut self,
        pages_max: usize,
    ) -> Result<(Vec<FetchIndexPage>, FetchedSeries), FetchError> {
        while let Some(target) = self.target() {
            let answer = self.session.get(&target)?;
            let Some(answer) = answer else {
                // A missing answer is judged so for the archive alone.
                break;
            };
            let page = self.read(&answer)?;
            let facts = self.facts(&page, answer.cutoff);
            let state = self.state(&page, &facts, answer.cutoff);
            let sha256 = self.session.keep(&answer, FetchedRole::Page, state)?;
            self.check_reach(&page, answer.cutoff)?;
            self.add(&page, &facts, sha256, &answer.url);
            if self.pages.len() > pages_max {
                return Err(FetchError::TooManyPages);
            }
            if facts.forming > 0 || !self.advance(&page, &answer)? {
                break;
            }
        }
        Ok((self.pages, self.series))
    }

    /// The next request; `None` if no closed bar can be left.
    fn target(&mut self) -> Option<String> {
        match self.session.source() {
            HistorySource::Alpaca => {
                let feed = self.session.feed();
                Some(stock_bars(&self.range, feed, self.token.as_deref()))
            }
            HistorySource::Kraken => Some(ohlc(&self.range)),
            HistorySource::Binance | HistorySource::BinanceArchive => {
                let end = self.cursor.0.saturating_add(self.job.length());
                let is_over = self.cursor >= self.range.to || end > self.session.cutoff().0;
                (!is_over).then(|| klines(&self.range, self.cursor))
            }
        }
    }

    /// The rows of an answer, all of them in sequence and of what was asked for.
    fn read(&self, answer: &HistoryAnswer) -> Result<VenuePage, FetchError> {
        let subject = PageSubject {
            format: self.format,
            symbol: self.range.symbol,
            timeframe: self.job.terms().timeframe,
        };
        let page = read_page(subject, &answer.body)
            .map_err(|error| self.session.refuse(answer, error.to_string()))?;
        self.check(&page.rows)
            .map_err(|reason| self.session.refuse(answer, reason))?;
        Ok(page)
    }

    fn check(&self, rows: &[VenueRow]) -> Result<(), String> {
        let source = self.session.source();
        let rows_max = source.limits().page_bars_max;
        if rows.len() > rows_max {
            return Err(format!(
                "{} bars, more than the {rows_max} that the source has on a page",
                rows.len()
            ));
        }
        // Kraken takes no end of the range, and may begin with the bar before it.
        let is_bounded = source != HistorySource::Kraken;
        let mut previous: Option<UnixNanos> = None;
        for (place, row) in rows.iter().enumerate() {
            let (row_number, open) = (place.saturating_add(1), row.open_time);
            let error = |what: &str, bound: UnixNanos| {
                let (open, bound) = (open.rfc3339(), bound.rfc3339());
                Err(format!("row {row_number} opens at {open}, {what} {bound}"))
            };
            // Rows that go back would be taken twice, or a cursor made of them would never reach the end.
            if let Some(previous) = previous.filter(|previous| *previous >= open) {
                return error("not after the row before it,", previous);
            }
            if is_bounded && open < self.cursor {
                return error("before the requested range, which begins at", self.cursor);
            }
            if is_bounded && open >= self.range.to {
                return error("after the requested range, which ends at", self.range.to);
            }
            let is_off = open.0.checked_rem(self.job.length()) != Some(0);
            if source.is_on_utc_grid() && is_off {
                return Err(format!(
                    "row {row_number} opens at {}, which is not the start of an interval of {}",
                    open.rfc3339(),
                    self.job.terms().timeframe
                ));
            }
            previous = Some(open);
        }
        Ok(())
    }

    fn facts(&self, page: &VenuePage, cutoff: UnixNanos) -> PageFacts {
        let in_range =
            |row: &&VenueRow| row.open_time >= self.range.from && row.open_time < self.range.to;
        // The first bar that still forms ends the page: none after it can be closed.
        let closed_to = page
            .rows
            .iter()
            .find(|row| row.close_time > cutoff)
            .map_or(self.range.to, |row| row.open_time.min(self.range.to));
        let count = |rows: usize| u64::try_from(rows).unwrap_or(u64::MAX);
        let all = page.rows.iter().filter(in_range);
        let bars = all.clone().filter(|row| row.open_time < closed_to).count();
        PageFacts {
            bars: count(bars),
            forming: count(all.count().saturating_sub(bars)),
            closed_to,
        }
    }

    /// Whether the same request can have another answer later.
    fn state(&self, page: &VenuePage, facts: &PageFacts, cutoff: UnixNanos) -> FetchedState {
        let is_followed = match self.session.source() {
            HistorySource::Alpaca => page.next.is_some(),
            HistorySource::Binance | HistorySource::BinanceArchive => {
                page.rows.len() >= self.session.source().limits().page_bars_max
            }
            HistorySource::Kraken => false,
        };
        // Nothing at all may be an outage of the venue: it is asked again the next time. After other pages it is their
        // end.
        let has_bars = !page.rows.is_empty() || self.series.bars != Some(0);
        if has_bars && facts.forming == 0 && (is_followed || cutoff >= self.range.to) {
            FetchedState::Final
        } else {
            FetchedState::Open
        }
    }

    /// Kraken answers with its newest bars whatever is asked for: what it leaves out must not pass for a market that
    /// did not trade.
    fn check_reach(&self, page: &VenuePage, cutoff: UnixNanos) -> Result<(), FetchError> {
        let (Some(first), HistorySource::Kraken) = (page.rows.first(), self.session.source())
        else {
            return Ok(());
        };
        let length = self.job.length();
        let served = i64::try_from(OHLC_BARS_MAX).unwrap_or(i64::MAX);
        let reach = cutoff.0.saturating_sub(length.saturating_mul(served));
        // A bar of `from` opens within one length after it.
        let is_late = first.open_time.0 >= self.range.from.0.saturating_add(length);
        if is_late && self.range.from.0 < reach {
            return Err(FetchError::TooOld {
                symbol: self.range.symbol.to_owned(),
                first: first.open_time,
            });
        }
        Ok(())
    }

    fn add(&mut self, page: &VenuePage, facts: &PageFacts, sha256: Digest, url: &str) {
        self.series.forming = self.series.forming.saturating_add(facts.forming);
        self.session.note_bars(facts.bars);
        if facts.bars == 0 {
            return;
        }
        let bars = self.series.bars.unwrap_or(0);
        self.series.bars = Some(bars.saturating_add(facts.bars));
        self.series.pages = self.series.pages.saturating_add(1);
        let (from, closed_to) = (self.range.from, facts.closed_to);
        let counted = |row: &&VenueRow| row.open_time >= from && row.open_time < closed_to;
        let first = page.rows.iter().find(counted).map(|row| row.open_time);
        self.series.first = self.series.first.or(first);
        let last = page.rows.iter().rev().find(counted);
        self.series.last = last.map(|row| row.open_time).or(self.series.last);
        self.pages.push(FetchIndexPage {
            closed_to,
            page_format: self.format,
            sha256,
            symbol: self.range.symbol.to_owned(),
            url: url.to_owned(),
        });
    }

    /// Moves on to the next page; `false` after the last.
    fn advance(&mut self, page: &VenuePage, answer: &HistoryAnswer) -> Result<bool, FetchError> {
        let next = page
            .rows
            .last()
            .map(|row| UnixNanos(row.open_time.0.saturating_add(self.job.length())));
        match self.session.source() {
            HistorySource::Kraken => Ok(false),
            HistorySource::Binance | HistorySource::BinanceArchive => {
                // Every page moves the cursor by a bar at least, so there is an end.
                self.cursor = next.unwrap_or(self.range.to);
                Ok(next.is_some())
            }
            HistorySource::Alpaca => {
                let Some(token) = page.next.clone() else {
                    return Ok(false);
                };
                self.empty_pages = match next {
                    Some(_) => 0,
                    None => self.empty_pages.saturating_add(1),
                };
                let is_new = self.tokens.insert(Digest::of(token.as_bytes()));
                if !is_new || self.empty_pages > EMPTY_PAGES_MAX {
                    let reason = "its pages do not come to an end: it names the same next page again, or pages \
                                  without bars follow each other";
                    return Err(self.session.refuse(answer, reason.to_owned()));
                }
                // Daily bars are a length apart or an hour less, when clocks change: the last one itself is the bound.
                let last = page
                    .rows
                    .last()
                    .map(|row| UnixNanos(row.open_time.0.saturating_add(1)));
                self.cursor = last.unwrap_or(self.cursor);
                self.token = Some(token);
                Ok(true)
            }
        }
    }
}
