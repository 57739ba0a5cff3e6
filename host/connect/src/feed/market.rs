//! The market data sources that a run can name: their protocols, addresses and threads. It must
//! never know what a run does with a bar.

use core::fmt;

use crate::feed::alpaca::AlpacaFeed;
use crate::feed::binance::BinanceFeed;
use crate::feed::config::FeedConfig;
use crate::feed::event::FeedEvent;
use crate::feed::inbox::FeedInbox;
use crate::feed::listing::{ListingError, Listings};
use crate::feed::protocol::{BarOrigin, FeedProtocol};
use crate::feed::task;
use crate::net::credentials::Credentials;
use crate::net::dial::Dialer;
use tokio::sync::mpsc::Sender;

/// Market data of a venue. A manifest whose feed has one of these names takes its bars from there
/// and nowhere else.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MarketSource {
    Binance(BarOrigin),
    Alpaca(BarOrigin),
}

/// Everything that a market's task owns.
#[derive(Clone)]
pub struct MarketConnection {
    pub config: FeedConfig,
    /// The instruments of the run.
    pub listings: Listings,
    pub dialer: Dialer,
    /// The key, where the venue requires one.
    pub credentials: Option<Credentials>,
    /// Which of the venue's data sources, where it has several.
    pub source: String,
}

impl fmt::Debug for MarketConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MarketConnection")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// Why a market cannot be connected to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MarketError {
    /// Instruments or length of the bars.
    #[error(transparent)]
    Listing(#[from] ListingError),
    /// The venue requires a key.
    #[error("alpaca requires a key for market data")]
    NoKey,
    #[error("cannot start a thread for the feed: {0}")]
    Thread(#[from] std::io::Error),
}

impl MarketSource {
    /// Every market.
    pub const ALL: [Self; 4] = [
        Self::Binance(BarOrigin::Venue),
        Self::Binance(BarOrigin::Trades),
        Self::Alpaca(BarOrigin::Venue),
        Self::Alpaca(BarOrigin::Trades),
    ];

    /// The market with this name; `None` for any other feed.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|market| market.name() == name)
    }

    /// The name in a manifest.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Binance(BarOrigin::Venue) => "binance",
            Self::Binance(BarOrigin::Trades) => "binance-trades",
            Self::Alpaca(BarOrigin::Venue) => "alpaca",
            Self::Alpaca(BarOrigin::Trades) => "alpaca-trades",
        }
    }

    /// The public addresses of its stream and its history.
    #[must_use]
    pub const fn addresses(self) -> [&'static str; 2] {
        match self {
            Self::Binance(_) => ["wss://stream.binance.com:9443", "https://api.binance.com"],
            Self::Alpaca(_) => [
                "wss://stream.data.alpaca.markets",
                "https://data.alpaca.markets",
            ],
        }
    }

    /// Starts to receive its bars, on a thread that ends when the inbox is dropped.
    ///
    /// # Errors
    ///
    /// Returns [`MarketError`] naming the defect; nothing was sent then.
    pub fn start(self, connection: MarketConnection) -> Result<FeedInbox, MarketError> {
        match self {
            Self::Binance(stream) => spawn(binance(&connection, stream)?, connection),
            Self::Alpaca(stream) => spawn(alpaca(&connection, stream)?, connection),
        }
    }

    /// Checks what [`MarketSource::start`] would need, without a connection.
    ///
    /// # Errors
    ///
    /// Returns [`MarketError`] naming the defect.
    pub fn check(self, connection: &MarketConnection) -> Result<(), MarketError> {
        match self {
            Self::Binance(stream) => binance(connection, stream).map(drop),
            Self::Alpaca(stream) => alpaca(connection, stream).map(drop),
        }
    }
}

fn binance(connection: &MarketConnection, stream: BarOrigin) -> Result<BinanceFeed, MarketError> {
    Ok(BinanceFeed::new(connection.listings.clone(), stream)?)
}

fn alpaca(connection: &MarketConnection, stream: BarOrigin) -> Result<AlpacaFeed, MarketError> {
    let key = connection.credentials.clone().ok_or(MarketError::NoKey)?;
    let listings = connection.listings.clone();
    Ok(AlpacaFeed::new(listings, stream, &connection.source, key)?)
}

fn spawn<P: FeedProtocol + 'static>(
    protocol: P,
    connection: MarketConnection,
) -> Result<FeedInbox, MarketError> {
    let MarketConnection { config, dialer, .. } = connection;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (sender, inbox) = FeedInbox::pair()?;
    let work = move || runtime.block_on(run_market(protocol, config, dialer, sender));
    // A thread and a runtime of its own: a venue that floods one run cannot delay the feed of
    // another.
    std::thread::Builder::new()
        .name("market".to_owned())
        .spawn(work)?;
    Ok(inbox)
}

async fn run_market<P: FeedProtocol>(
    protocol: P,
    config: FeedConfig,
    dialer: Dialer,
    events: Sender<FeedEvent>,
) {
    let last = events.clone();
    if let Err(error) = task::run_feed(protocol, config, dialer, events).await {
        let reason = error.to_string();
        let _no_receiver = last.send(FeedEvent::Ended { reason }).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_market_has_one_name_and_encrypted_addresses() {
        use crate::net::endpoint::{Endpoint, EndpointKind};
        let names = ["binance", "binance-trades", "alpaca", "alpaca-trades"];
        for (name, market) in names.into_iter().zip(MarketSource::ALL) {
            assert_eq!(market.name(), name);
            assert_eq!(MarketSource::named(name), Some(market));
            let [stream, history] = market.addresses();
            Endpoint::parse(stream, EndpointKind::WebSocket).unwrap();
            Endpoint::parse(history, EndpointKind::Http).unwrap();
        }
        for other in ["stdin", "Binance", "binance ", "", "ticker"] {
            assert_eq!(MarketSource::named(other), None, "{other}");
        }
    }
}
