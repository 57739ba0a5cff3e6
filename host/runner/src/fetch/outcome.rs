//! What a fetch brought, or why it ended early.

use counterfoil_base::digest::Digest;
use counterfoil_connect::fetch::client::HistoryClientError;
use counterfoil_connect::fetch::source::OHLC_BARS_MAX;
use counterfoil_snapshot::error::IngestError;
use counterfoil_snapshot::layers::fetch_index::{FetchIndex, INDEX_PAGES_MAX};
use counterfoil_snapshot::store::read_error::ReadError;
use counterfoil_trading::time::UnixNanos;

use crate::fetch::port::FetchCounts;

/// What a fetch brought.
#[derive(Clone, Debug)]
pub struct FetchOutcome {
    pub index: FetchIndex,
    /// The index in the raw layer.
    pub index_sha256: Digest,
    /// What the source is called in a snapshot.
    pub name: String,
    /// By symbol, in the sequence that was asked for.
    pub series: Vec<FetchedSeries>,
    pub counts: FetchCounts,
}

/// What was fetched of one symbol.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct FetchedSeries {
    pub symbol: String,
    /// Answers that have bars.
    pub pages: u64,
    /// Closed bars in the range; of an archive's files they are counted at ingestion.
    pub bars: Option<u64>,
    /// Open times of the first and the last of them.
    pub first: Option<UnixNanos>,
    pub last: Option<UnixNanos>,
    /// Bars that still formed, and were left out.
    pub forming: u64,
    /// Months before the first that the archive has.
    pub missing_before: Vec<String>,
    /// Months after it that the archive does not have.
    pub missing_later: Vec<String>,
}

impl FetchedSeries {
    /// Whether the source has nothing of what was asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pages == 0 || self.bars == Some(0)
    }
}

/// Why a fetch ended. What was fetched before is kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    #[error(transparent)]
    Client(#[from] HistoryClientError),
    #[error(transparent)]
    Store(#[from] IngestError),
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The answer is not what was asked for.
    #[error("GET {url}: {reason}{}", kept_as(*.kept))]
    Refused {
        url: String,
        reason: String,
        /// The answer in the raw layer, where it had a body.
        kept: Option<Digest>,
    },
    /// The source did not answer, or always asked to wait.
    #[error(
        "GET {url}: {reason}, after {tries} tries; what was fetched is kept: run the same command again to go on"
    )]
    GaveUp {
        url: String,
        reason: String,
        tries: u32,
    },
    /// Older bars than the source serves.
    #[error(
        "kraken serves the last {OHLC_BARS_MAX} bars only, and of {symbol} the first is {}: use --from {}, or \
         ingest the OHLCVT files that Kraken offers for download", .first.date_or_time(), .first.date_or_time()
    )]
    TooOld { symbol: String, first: UnixNanos },
    /// The archive has whole months only.
    #[error(
        "the archive has a month only when it is over, and {month} is not: use --to {first_day}, and fetch the rest \
         with the source binance"
    )]
    Month { month: String, first_day: String },
    /// Nothing of what was asked for.
    #[error(
        "{source_name} has no closed bars of {symbols} from {} to {}; check the symbol, and since when it is listed",
        .from.date_or_time(), .to.date_or_time()
    )]
    NoBars {
        source_name: &'static str,
        symbols: String,
        from: UnixNanos,
        to: UnixNanos,
    },
    #[error("more than {INDEX_PAGES_MAX} answers; fetch a shorter range or fewer symbols at once")]
    TooManyPages,
    /// A time is outside of what a calendar has.
    #[error("{} has no month; use a date from 1970 to 2261", .0.date_or_time())]
    Calendar(UnixNanos),
}

fn kept_as(kept: Option<Digest>) -> String {
    kept.map_or_else(String::new, |sha256| {
        format!("; the answer is kept, unused, as raw/{}/file", sha256.hex())
    })
}
