//! How the venues outside are reached: addresses and the file with a key, from one file of the
//! operator's. What a run does at a venue its manifest says; it must never stand here.

use core::time::Duration;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use counterfoil_connect::broker::bridge::{self, Bridge};
use counterfoil_connect::broker::{client, updates};
use counterfoil_connect::feed::inbox::Inbox;
use counterfoil_connect::feed::listing::{ListingError, Listings};
use counterfoil_connect::feed::market::{self, Market, MarketError};
use counterfoil_connect::feed::session;
use counterfoil_connect::net::credentials::{Credentials, CredentialsError};
use counterfoil_connect::net::dial::{DialError, Dialer};
use counterfoil_connect::net::endpoint::{Endpoint, EndpointError, Kind};
use counterfoil_os::files::{FileError, read_whole};
use counterfoil_trading::instrument::InstrumentId;
use counterfoil_trading::manifest::{DataSource, Manifest, RunSetup};
use counterfoil_trading::time::UnixNanos;
use serde::Deserialize;

use crate::clock;

/// How long a connection may take to stand.
const DIAL_MAX: Duration = Duration::from_secs(10);
/// Alpaca's bars of one exchange, which every account may have.
const ALPACA_SOURCE: &str = "iex";

/// Where the venues are. What is left out is the venue's public address.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Venues {
    binance: DataAddresses,
    alpaca: Alpaca,
}

/// Where a venue's market data is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct DataAddresses {
    stream: Option<String>,
    history: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct Alpaca {
    /// The file with the key; a relative path is one from this file's folder.
    credentials: Option<PathBuf>,
    /// Which of the venue's sources of market data.
    source: Option<String>,
    data: DataAddresses,
    orders: Option<String>,
    order_updates: Option<String>,
}

/// Why a venue cannot be reached.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VenuesError {
    /// The file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file holds something else.
    #[error("{path} does not say how venues are reached: {reason}; see docs/reference/FEEDS.md")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// There is no key.
    #[error(
        "alpaca asks for a key, and none is named: give --venues FILE with \
         {{\"alpaca\": {{\"credentials\": \"key.json\"}}}}"
    )]
    NoKey,
    /// Orders would leave for another place than the paper environment.
    #[error(
        "orders of a paper run do not go to {address}: name the broker's paper environment, \
         {}, or leave `orders` and `order-updates` out",
        client::PAPER
    )]
    Money {
        /// Where.
        address: String,
    },
    /// The key.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// An address.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The instruments.
    #[error(transparent)]
    Listing(#[from] ListingError),
    /// Encryption.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The market.
    #[error(transparent)]
    Market(#[from] MarketError),
    /// A thread.
    #[error("no thread for the broker: {0}")]
    Thread(#[from] std::io::Error),
}

impl Venues {
    /// What a file says.
    ///
    /// # Errors
    ///
    /// Returns [`VenuesError`] if it cannot be read or says something else.
    pub fn load(path: &Path) -> Result<Self, VenuesError> {
        let bytes = read_whole(path)?;
        let read: Result<Self, _> = serde_json::from_slice(&bytes);
        let mut venues = read.map_err(|error| VenuesError::Malformed {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        if let (Some(folder), Some(file)) = (path.parent(), &venues.alpaca.credentials) {
            venues.alpaca.credentials = Some(folder.join(file));
        }
        Ok(venues)
    }

    /// The broker of a run; `None` if its manifest names none. Nothing is sent before the run asks.
    ///
    /// # Errors
    ///
    /// Returns [`VenuesError`] naming what does not hold.
    pub fn broker(
        &self,
        manifest: &Manifest,
        setup: &RunSetup,
    ) -> Result<Option<Bridge>, VenuesError> {
        if setup.broker.is_none() {
            return Ok(None);
        }
        let seed = seed_of(manifest);
        let orders = self.alpaca.orders.as_deref().unwrap_or(client::PAPER);
        let updates = match &self.alpaca.order_updates {
            Some(updates) => updates.clone(),
            // Both schemes end alike: http and ws, https and wss.
            None => orders.replacen("http", "ws", 1),
        };
        let requests = paper_only(orders, Kind::Http)?;
        let updates = paper_only(&updates, Kind::WebSocket)?;
        let requests = client::Settings::new(requests, seed);
        let updates = updates::Settings::new(updates, seed);
        Ok(Some(Bridge::open(bridge::Connection {
            settings: bridge::Settings::new(requests, updates),
            credentials: self.alpaca.key()?,
            listings: listings(setup)?,
            dialer: Dialer::new(DIAL_MAX)?,
            now: Arc::new(clock::now),
        })?))
    }

    /// Begins to take a run's bars from a market, after the last that the run has of each instrument.
    ///
    /// # Errors
    ///
    /// Returns [`VenuesError`] naming what does not hold.
    pub fn connect(
        &self,
        market: Market,
        (manifest, setup): (&Manifest, &RunSetup),
        decided: BTreeMap<InstrumentId, UnixNanos>,
    ) -> Result<Inbox, VenuesError> {
        Ok(market.begin(self.connection(market, (manifest, setup), decided)?)?)
    }

    /// Whether a market could be connected to, as far as that can be told without asking it.
    ///
    /// # Errors
    ///
    /// As [`Venues::connect`].
    pub fn check(
        &self,
        market: Market,
        (manifest, setup): (&Manifest, &RunSetup),
    ) -> Result<(), VenuesError> {
        let connection = self.connection(market, (manifest, setup), BTreeMap::new())?;
        Ok(market.check(&connection)?)
    }

    fn connection(
        &self,
        market: Market,
        (manifest, setup): (&Manifest, &RunSetup),
        decided: BTreeMap<InstrumentId, UnixNanos>,
    ) -> Result<market::Connection, VenuesError> {
        let [stream, history] = market.addresses();
        let (addresses, credentials) = match market {
            Market::Binance(_) => (&self.binance, None),
            Market::Alpaca(_) => (&self.alpaca.data, Some(self.alpaca.key()?)),
        };
        let stream = addresses.stream.as_deref().unwrap_or(stream);
        let history = addresses.history.as_deref().unwrap_or(history);
        let stream = Endpoint::parse(stream, Kind::WebSocket)?;
        let history = Endpoint::parse(history, Kind::Http)?;
        let source = self.alpaca.source.as_deref().unwrap_or(ALPACA_SOURCE);
        Ok(market::Connection {
            settings: session::Settings {
                decided,
                ..session::Settings::new(stream, history, seed_of(manifest))
            },
            listings: listings(setup)?,
            dialer: Dialer::new(DIAL_MAX)?,
            credentials,
            source: source.to_owned(),
        })
    }
}

impl Alpaca {
    fn key(&self) -> Result<Credentials, VenuesError> {
        let path = self.credentials.as_deref().ok_or(VenuesError::NoKey)?;
        Ok(Credentials::from_file(path)?)
    }
}

/// An address of the paper environment, or of this machine: a manifest says `paper`, and no file may
/// turn that into money.
fn paper_only(address: &str, kind: Kind) -> Result<Endpoint, VenuesError> {
    let endpoint = Endpoint::parse(address, kind)?;
    let paper = Endpoint::parse(client::PAPER, Kind::Http)?;
    // As text they have no scheme: the stream is at the same place.
    let address = endpoint.to_string();
    if endpoint.is_here() || address == paper.to_string() {
        return Ok(endpoint);
    }
    Err(VenuesError::Money { address })
}

/// The market that a manifest's bars come from; `None` if its feed is no venue's.
#[must_use]
pub fn market_of(manifest: &Manifest) -> Option<Market> {
    match &manifest.data {
        DataSource::Feed { name, .. } => Market::named(name),
        DataSource::Snapshot { .. } => None,
    }
}

fn listings(setup: &RunSetup) -> Result<Listings, ListingError> {
    let listed = setup.instruments.iter();
    let listed = listed.map(|one| (one.clone(), one.symbol().to_owned()));
    Listings::new(listed.collect(), setup.timeframe)
}

/// Begins the jitter of a run's waits: runs of one process do not all come back at once.
fn seed_of(manifest: &Manifest) -> u64 {
    let id = manifest.run_id().unwrap_or_default();
    id.first_chunk()
        .map_or(0, |first| u64::from_be_bytes(*first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_public_and_what_is_unknown_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("venues.json");
        let table = [
            ("{}", true),
            (r#"{"binance": {"stream": "ws://127.0.0.1:1"}}"#, true),
            (r#"{"alpaca": {"credentials": "key.json"}}"#, true),
            (r#"{"alpaca": {"data": {"history": "https://x"}}}"#, true),
            (r#"{"alpaca": {"secret": "x"}}"#, false),
            (r#"{"kraken": {}}"#, false),
            (r#"{"binance": {"stream": 1}}"#, false),
            ("", false),
        ];
        for (text, good) in table {
            std::fs::write(&path, text).unwrap();
            assert_eq!(Venues::load(&path).is_ok(), good, "{text}");
        }
        std::fs::write(&path, r#"{"alpaca": {"credentials": "key.json"}}"#).unwrap();
        let money = [
            ("https://paper-api.alpaca.markets", true),
            ("https://paper-api.alpaca.markets/", true),
            ("http://127.0.0.1:9", true),
            ("https://api.alpaca.markets", false),
            ("https://paper-api.alpaca.markets.example", false),
            ("https://paper-api.alpaca.markets:444", false),
            ("https://10.0.0.1", false),
        ];
        for (address, good) in money {
            assert_eq!(paper_only(address, Kind::Http).is_ok(), good, "{address}");
        }
        let beside = Venues::load(&path).unwrap().alpaca.credentials;
        assert_eq!(beside, Some(folder.path().join("key.json")));
    }
}
