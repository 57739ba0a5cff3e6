//! A whole fetch: every symbol, then the index.

pub use counterfoil_connect::fetch::client::HistoryClient;
pub use counterfoil_connect::fetch::source::HistorySource;
use counterfoil_snapshot::layers::fetch_index::{FETCH_FORMAT, FetchIndex, INDEX_PAGES_MAX};
use counterfoil_snapshot::snapshot_store::SnapshotStore;
use counterfoil_snapshot::source::venue_page::PageFormat;

use super::archive::{fetch_months, months};
use super::pages::SymbolPages;
use super::session::FetchSession;
use crate::fetch::job::FetchJob;
use crate::fetch::outcome::{FetchError, FetchOutcome};
use crate::fetch::port::FetchPort;

/// Fetches the bars of a job into the raw layer. Killed at any point, the same job goes on where it was.
///
/// # Errors
///
/// Returns [`FetchError`] naming the address and the reason; answers that came before are kept.
pub fn fetch(
    store: &SnapshotStore,
    client: &HistoryClient,
    job: &FetchJob,
    port: &mut dyn FetchPort,
) -> Result<FetchOutcome, FetchError> {
    let terms = job.terms();
    let mut session = FetchSession::new(store, client, port, terms.reuse);
    let format = match terms.source {
        HistorySource::Binance => PageFormat::BinanceKlines,
        HistorySource::BinanceArchive => PageFormat::BinanceArchive,
        HistorySource::Alpaca => PageFormat::AlpacaBars,
        HistorySource::Kraken => PageFormat::KrakenOhlc,
    };
    let archived = match format {
        PageFormat::BinanceArchive => Some(months(job, session.cutoff())?),
        PageFormat::BinanceKlines | PageFormat::AlpacaBars | PageFormat::KrakenOhlc => None,
    };
    let (mut pages, mut series) = (Vec::new(), Vec::new());
    for symbol in &terms.symbols {
        let room = INDEX_PAGES_MAX.saturating_sub(pages.len());
        let (more, one) = match &archived {
            Some(months) => fetch_months(&mut session, job, symbol, months)?,
            None => SymbolPages::new(&mut session, job, symbol, format).fetch(room)?,
        };
        pages.extend(more);
        if pages.len() > INDEX_PAGES_MAX {
            return Err(FetchError::TooManyPages);
        }
        series.push(one);
    }
    let counts = session.counts();
    // An index of nothing would be ingested as a file without a row, and the reason is known here.
    if pages.is_empty() {
        return Err(FetchError::NoBars {
            source_name: terms.source.name(),
            symbols: terms.symbols.join(", "),
            from: terms.from,
            to: terms.to,
        });
    }
    let index = FetchIndex {
        format: FETCH_FORMAT.to_owned(),
        from: terms.from,
        pages,
        source: terms.source.name().to_owned(),
        timeframe: terms.timeframe,
        to: terms.to,
    };
    let name = job.name();
    let index_sha256 = store.keep_index(&index, &name, port.now())?;
    Ok(FetchOutcome {
        index,
        index_sha256,
        name,
        series,
        counts,
    })
}
