//! The market data that a run can take, by name: which protocol, where it is, and the thread it
//! runs on. It must never know what a run does with a bar.

use core::fmt;

use crate::feed::alpaca::Alpaca;
use crate::feed::binance::{Binance, Stream};
use crate::feed::event::FeedEvent;
use crate::feed::inbox::Inbox;
use crate::feed::listing::{ListingError, Listings};
use crate::feed::protocol::Protocol;
use crate::feed::session::{self, Settings};
use crate::net::credentials::Credentials;
use crate::net::dial::Dialer;
use tokio::sync::mpsc::Sender;

/// Market data of a venue. A manifest's feed that has one of these names takes its bars there and
/// nowhere else.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Market {
    /// Binance spot.
    Binance(Stream),
    /// Alpaca stocks.
    Alpaca(Stream),
}

/// Everything that a market's task owns.
#[derive(Clone)]
pub struct Connection {
    /// How it is reached.
    pub settings: Settings,
    /// What the run trades.
    pub listings: Listings,
    /// Makes connections.
    pub dialer: Dialer,
    /// The account's key, where the venue asks for one.
    pub credentials: Option<Credentials>,
    /// Which of the venue's sources of data, where it has several.
    pub source: String,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// Why a market is not connected to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MarketError {
    /// The instruments or the length of the bars.
    #[error(transparent)]
    Listing(#[from] ListingError),
    /// The venue asks for a key.
    #[error("alpaca gives bars to those with a key only")]
    NoKey,
    /// A thread.
    #[error("no thread for the feed: {0}")]
    Thread(#[from] std::io::Error),
}

impl Market {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Binance(Stream::Klines),
        Self::Binance(Stream::Trades),
        Self::Alpaca(Stream::Klines),
        Self::Alpaca(Stream::Trades),
    ];

    /// The market with this name; `None` for the name of any other feed.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|market| market.name() == name)
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Binance(Stream::Klines) => "binance",
            Self::Binance(Stream::Trades) => "binance-trades",
            Self::Alpaca(Stream::Klines) => "alpaca",
            Self::Alpaca(Stream::Trades) => "alpaca-trades",
        }
    }

    /// The public addresses of its stream and of its history.
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

    /// Begins to take its bars, on a thread that ends when the inbox is dropped.
    ///
    /// # Errors
    ///
    /// Returns [`MarketError`] naming what does not hold. Nothing was sent then.
    pub fn begin(self, connection: Connection) -> Result<Inbox, MarketError> {
        match self {
            Self::Binance(stream) => spawn(binance(&connection, stream)?, connection),
            Self::Alpaca(stream) => spawn(alpaca(&connection, stream)?, connection),
        }
    }

    /// Whether [`Market::begin`] could begin.
    ///
    /// # Errors
    ///
    /// Returns [`MarketError`] naming what does not hold.
    pub fn check(self, connection: &Connection) -> Result<(), MarketError> {
        match self {
            Self::Binance(stream) => binance(connection, stream).map(drop),
            Self::Alpaca(stream) => alpaca(connection, stream).map(drop),
        }
    }
}

fn binance(connection: &Connection, stream: Stream) -> Result<Binance, MarketError> {
    Ok(Binance::new(connection.listings.clone(), stream)?)
}

fn alpaca(connection: &Connection, stream: Stream) -> Result<Alpaca, MarketError> {
    let key = connection.credentials.clone().ok_or(MarketError::NoKey)?;
    let listings = connection.listings.clone();
    Ok(Alpaca::new(listings, stream, &connection.source, key)?)
}

fn spawn<P: Protocol + 'static>(protocol: P, connection: Connection) -> Result<Inbox, MarketError> {
    let Connection {
        settings, dialer, ..
    } = connection;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (sender, inbox) = Inbox::pair()?;
    let work = move || runtime.block_on(take(protocol, settings, dialer, sender));
    std::thread::Builder::new()
        .name("market".to_owned())
        .spawn(work)?;
    Ok(inbox)
}

async fn take<P: Protocol>(
    protocol: P,
    settings: Settings,
    dialer: Dialer,
    events: Sender<FeedEvent>,
) {
    let last = events.clone();
    if let Err(error) = session::run(protocol, settings, dialer, events).await {
        let reason = error.to_string();
        let _nobody_listens = last.send(FeedEvent::SessionEnd { reason }).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_market_has_one_name_and_encrypted_addresses() {
        use crate::net::endpoint::{Endpoint, Kind};
        let names = ["binance", "binance-trades", "alpaca", "alpaca-trades"];
        for (name, market) in names.into_iter().zip(Market::ALL) {
            assert_eq!(market.name(), name);
            assert_eq!(Market::named(name), Some(market));
            let [stream, history] = market.addresses();
            Endpoint::parse(stream, Kind::WebSocket).unwrap();
            Endpoint::parse(history, Kind::Http).unwrap();
        }
        for other in ["stdin", "Binance", "binance ", "", "ticker"] {
            assert_eq!(Market::named(other), None, "{other}");
        }
    }
}
