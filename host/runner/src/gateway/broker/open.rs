//! How a run's broker is reached.

use core::time::Duration;
use std::path::PathBuf;
use std::sync::Arc;

use counterfoil_connect::broker::bridge::{Bridge, Connection, Settings};
use counterfoil_connect::broker::{client, updates};
use counterfoil_connect::feed::listing::{ListingError, Listings};
use counterfoil_connect::net::credentials::{Credentials, CredentialsError};
use counterfoil_connect::net::dial::{DialError, Dialer};
use counterfoil_connect::net::endpoint::{Endpoint, EndpointError, Kind};
use counterfoil_trading::manifest::RunSetup;

use crate::clock;

/// How long a connection may take to stand.
const DIAL_MAX: Duration = Duration::from_secs(10);

/// Where the broker is and with which key.
#[derive(Clone, Debug)]
pub struct Access {
    /// The file with the key.
    pub credentials: PathBuf,
    /// The address of its requests, if it is not the broker's paper environment.
    pub endpoint: Option<String>,
    /// The address of its stream, if it is not on the same host.
    pub stream: Option<String>,
}

/// Why a broker cannot be reached.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
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
    /// A thread.
    #[error("no thread for the broker: {0}")]
    Thread(#[from] std::io::Error),
}

/// The broker of a run. `seed` begins the jitter of its waits.
///
/// # Errors
///
/// Returns [`OpenError`] naming what does not hold. Nothing was sent then.
pub fn open(setup: &RunSetup, access: &Access, seed: u64) -> Result<Bridge, OpenError> {
    let base = access.endpoint.as_deref().unwrap_or(client::PAPER);
    let stream = match &access.stream {
        Some(stream) => stream.clone(),
        // Both schemes end alike: http and ws, https and wss.
        None => base.replacen("http", "ws", 1),
    };
    let requests = client::Settings::new(Endpoint::parse(base, Kind::Http)?, seed);
    let updates = updates::Settings::new(Endpoint::parse(&stream, Kind::WebSocket)?, seed);
    let listed = setup.instruments.iter();
    let listed = listed.map(|one| (one.clone(), one.symbol().to_owned()));
    Ok(Bridge::open(Connection {
        settings: Settings::new(requests, updates),
        credentials: Credentials::from_file(&access.credentials)?,
        listings: Listings::new(listed.collect(), setup.timeframe)?,
        dialer: Dialer::new(DIAL_MAX)?,
        now: Arc::new(clock::now),
    })?)
}
