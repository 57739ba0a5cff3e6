//! Addresses and keys of the venues, from one file of the operator's. What a run does at a venue is
//! in its manifest, and must never be in this file.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use counterfoil_connect::broker::bridge::{self, BrokerBridge};
use counterfoil_connect::broker::{client, updates};
use counterfoil_connect::feed::config::FeedConfig;
use counterfoil_connect::feed::inbox::FeedInbox;
use counterfoil_connect::feed::listing::{ListingError, Listings};
use counterfoil_connect::feed::market::{self, MarketError, MarketSource};
use counterfoil_connect::fetch::client::HistoryAccess;
use counterfoil_connect::fetch::source::HistorySource;
use counterfoil_connect::net::credentials::{Credentials, CredentialsError};
use counterfoil_connect::net::dial::{DialError, Dialer};
use counterfoil_connect::net::endpoint::{Endpoint, EndpointError, EndpointKind};
use counterfoil_os::files::{FileError, read_whole};
use counterfoil_trading::instrument::InstrumentId;
use counterfoil_trading::manifest::{DataSource, Manifest, RunSetup};
use counterfoil_trading::time::UnixNanos;
use serde::Deserialize;

use crate::clock;

/// Time limit of opening a connection.
const DIAL_MAX: Duration = Duration::from_secs(10);
/// Alpaca's bars of one exchange, which every account may use.
const ALPACA_SOURCE: &str = "iex";
/// The port of every public address.
const HTTPS: u16 = 443;

/// Addresses and keys of the venues. A missing address is the venue's public one.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Venues {
    binance: DataAddresses,
    alpaca: AlpacaAddresses,
}

/// The addresses of a venue's market data.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct DataAddresses {
    stream: Option<String>,
    history: Option<String>,
}

/// The addresses of Alpaca, and its key.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct AlpacaAddresses {
    /// The file with the key; a relative path starts at the folder of this file.
    credentials: Option<PathBuf>,
    /// Which of the venue's data sources.
    source: Option<String>,
    data: DataAddresses,
    orders: Option<String>,
    order_updates: Option<String>,
}

/// Why a venue cannot be reached.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VenuesError {
    #[error(transparent)]
    File(#[from] FileError),
    /// The file holds something else.
    #[error("invalid venues file {path}: {reason}; see docs/reference/FEEDS.md")]
    Malformed { path: PathBuf, reason: String },
    /// No key is configured.
    #[error(
        "no key for alpaca: give --venues FILE with {{\"alpaca\": {{\"credentials\": \"key.json\"}}}}"
    )]
    NoKey,
    /// Orders would leave for another environment than paper.
    #[error(
        "a paper run must not send orders to {address}: use the broker's paper environment, {}, or leave \
         `orders` and `order-updates` out",
        client::PAPER
    )]
    Money { address: String },
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The instruments.
    #[error(transparent)]
    Listing(#[from] ListingError),
    /// Encryption.
    #[error(transparent)]
    Dial(#[from] DialError),
    #[error(transparent)]
    Market(#[from] MarketError),
    #[error("cannot start a thread for the broker: {0}")]
    Thread(#[from] std::io::Error),
}

impl Venues {
    /// Reads a venues file.
    ///
    /// # Errors
    ///
    /// Returns [`VenuesError`] if it cannot be read or is invalid.
    pub fn load(path: &Path) -> Result<Self, VenuesError> {
        let bytes = read_whole(path)?;
        let mut venues: Self =
            serde_json::from_slice(&bytes).map_err(|error| VenuesError::Malformed {
                path: path.to_owned(),
                reason: error.to_string(),
            })?;
        if let (Some(folder), Some(file)) = (path.parent(), &venues.alpaca.credentials) {
            venues.alpaca.credentials = Some(folder.join(file));
        }
        Ok(venues)
    }

    /// The broker of a run; `None` if its manifest names none. Nothing is sent before the run calls
    /// it.
    ///
    /// # Errors
    ///
    /// Returns [`VenuesError`] naming the defect.
    pub fn broker(
        &self,
        manifest: &Manifest,
        setup: &RunSetup,
    ) -> Result<Option<BrokerBridge>, VenuesError> {
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
        let requests = paper_only(orders, EndpointKind::Http)?;
        let updates = paper_only(&updates, EndpointKind::WebSocket)?;
        let requests = client::BrokerApiConfig::new(requests, seed);
        let updates = updates::UpdateStreamConfig::new(updates, seed);
        Ok(Some(BrokerBridge::open(bridge::BrokerConnection {
            settings: bridge::BridgeConfig::new(requests, updates),
            credentials: self.alpaca.key()?,
            listings: listings(setup)?,
            dialer: Dialer::new(DIAL_MAX)?,
            now: Arc::new(clock::now),
        })?))
    }

    /// Starts to receive the bars of a run from a market, after the last that the run has of each
    /// instrument.
    ///
    /// # Errors
    ///
    /// Returns [`VenuesError`] naming the defect.
    pub fn connect(
        &self,
        market: MarketSource,
        manifest: &Manifest,
        setup: &RunSetup,
        decided: BTreeMap<InstrumentId, UnixNanos>,
    ) -> Result<FeedInbox, VenuesError> {
        Ok(market.start(self.connection(market, manifest, setup, decided)?)?)
    }

    /// Checks what [`Venues::connect`] would need, without a connection.
    ///
    /// # Errors
    ///
    /// As [`Venues::connect`].
    pub fn check(
        &self,
        market: MarketSource,
        manifest: &Manifest,
        setup: &RunSetup,
    ) -> Result<(), VenuesError> {
        let connection = self.connection(market, manifest, setup, BTreeMap::new())?;
        Ok(market.check(&connection)?)
    }

    /// Where a source of history is reached: at `url` if it is given, else as this file says, else at its public
    /// address.
    ///
    /// # Errors
    ///
    /// Returns [`VenuesError`] naming the defect.
    pub fn history_access(
        &self,
        source: HistorySource,
        url: Option<&str>,
    ) -> Result<HistoryAccess, VenuesError> {
        let (stated, credentials) = match source {
            HistorySource::Binance => (self.binance.history.as_deref(), None),
            HistorySource::Alpaca => (
                self.alpaca.data.history.as_deref(),
                Some(self.alpaca.key()?),
            ),
            HistorySource::BinanceArchive | HistorySource::Kraken => (None, None),
        };
        let address = url.or(stated).unwrap_or(source.address());
        Ok(HistoryAccess {
            source,
            endpoint: Endpoint::parse(address, EndpointKind::Http)?,
            credentials,
            feed: self.alpaca_source(),
        })
    }

    /// The ports that feeds and brokers of these venues are reached at, and the file with a key. An address that is none
    /// has no port here; the run that needs it names it.
    #[must_use]
    pub fn reach(&self) -> (BTreeSet<u16>, Option<&Path>) {
        let Self { binance, alpaca } = self;
        let streams = [&binance.stream, &alpaca.data.stream, &alpaca.order_updates];
        let requests = [&binance.history, &alpaca.data.history, &alpaca.orders];
        let port = |kind: EndpointKind| {
            move |address: &Option<String>| {
                let endpoint = Endpoint::parse(address.as_deref()?, kind).ok()?;
                Some(endpoint.port())
            }
        };
        // Order updates without an address of their own come from where orders go.
        let stated = streams
            .into_iter()
            .filter_map(port(EndpointKind::WebSocket))
            .chain(requests.into_iter().filter_map(port(EndpointKind::Http)));
        // Whatever is not stated is a public address.
        let ports = stated.chain([HTTPS]).collect();
        (ports, alpaca.credentials.as_deref())
    }

    fn alpaca_source(&self) -> String {
        let source = self.alpaca.source.as_deref();
        source.unwrap_or(ALPACA_SOURCE).to_owned()
    }

    fn connection(
        &self,
        market: MarketSource,
        manifest: &Manifest,
        setup: &RunSetup,
        decided: BTreeMap<InstrumentId, UnixNanos>,
    ) -> Result<market::MarketConnection, VenuesError> {
        let [stream, history] = market.addresses();
        let (addresses, credentials) = match market {
            MarketSource::Binance(_) => (&self.binance, None),
            MarketSource::Alpaca(_) => (&self.alpaca.data, Some(self.alpaca.key()?)),
        };
        let stream = addresses.stream.as_deref().unwrap_or(stream);
        let history = addresses.history.as_deref().unwrap_or(history);
        let stream = Endpoint::parse(stream, EndpointKind::WebSocket)?;
        let history = Endpoint::parse(history, EndpointKind::Http)?;
        Ok(market::MarketConnection {
            config: FeedConfig {
                decided,
                ..FeedConfig::new(stream, history, seed_of(manifest))
            },
            listings: listings(setup)?,
            dialer: Dialer::new(DIAL_MAX)?,
            credentials,
            source: self.alpaca_source(),
        })
    }
}

impl AlpacaAddresses {
    fn key(&self) -> Result<Credentials, VenuesError> {
        let path = self.credentials.as_deref().ok_or(VenuesError::NoKey)?;
        Ok(Credentials::from_file(path)?)
    }
}

/// An address of the paper environment, or of this machine.
fn paper_only(address: &str, kind: EndpointKind) -> Result<Endpoint, VenuesError> {
    let endpoint = Endpoint::parse(address, kind)?;
    let paper = Endpoint::parse(client::PAPER, EndpointKind::Http)?;
    // As text they have no scheme: requests and stream have the same host.
    let address = endpoint.to_string();
    // The manifest says paper, and a person authorized that. A file beside it must not turn the
    // same run into one that trades money.
    if endpoint.is_here() || address == paper.to_string() {
        return Ok(endpoint);
    }
    Err(VenuesError::Money { address })
}

/// The market that a manifest's bars come from; `None` if its feed is not a venue's.
#[must_use]
pub fn market_of(manifest: &Manifest) -> Option<MarketSource> {
    match &manifest.data {
        DataSource::Feed { name, .. } => MarketSource::named(name),
        DataSource::Snapshot { .. } => None,
    }
}

fn listings(setup: &RunSetup) -> Result<Listings, ListingError> {
    let listed = setup
        .instruments
        .iter()
        .map(|instrument| (instrument.clone(), instrument.symbol().to_owned()));
    Listings::new(listed.collect(), setup.timeframe)
}

/// The seed of a run's waits: the runs of one process must not retry at the same moments.
fn seed_of(manifest: &Manifest) -> u64 {
    // A manifest without an id cannot start a run, and the seed decides nothing but the jitter of
    // waits.
    let id = manifest.run_id().unwrap_or_default();
    id.bytes()
        .first_chunk()
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
            assert_eq!(
                paper_only(address, EndpointKind::Http).is_ok(),
                good,
                "{address}"
            );
        }
        let beside = Venues::load(&path).unwrap().alpaca.credentials;
        assert_eq!(beside, Some(folder.path().join("key.json")));
    }
}
