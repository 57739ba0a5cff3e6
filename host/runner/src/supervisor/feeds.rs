//! Where the bars of a run come from: the one place that chooses by a feed's kind. A feed puts
//! lines into the run's inlet from a thread of its own; it must never wait for another run.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::io::BufReader;
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::thread::Builder;

use counterfoil_connect::feed::market::Market;
use counterfoil_snapshot::store::selection::BarSelection;
use counterfoil_trading::manifest::{DataSource, Manifest, ManifestError, RunSetup};
use counterfoil_trading::time::UnixNanos;
use serde::{Deserialize, Serialize};

use super::brought::Brought;
use super::inlet::Inlet;
use super::replay;
use super::run::Supervised;
use crate::orders::venues::{Venues, VenuesError, market_of};
use crate::run::feed::{LineRead, LineSource as _, MarketBars};
use crate::run::inputs::{InputsError, whole_selection};
use crate::store::data_dir::DataDir;

/// How long a connection to a feed may take to come about.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// How a run is fed.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case",
    deny_unknown_fields
)]
pub enum FeedSettings {
    /// Bars are pushed over HTTP to the feed that the manifest names.
    Push {},
    /// The bars of a snapshot, as if they came now.
    Replay {
        /// The snapshot's id, or its first digits.
        snapshot: String,
        /// How many times faster than they were; none: as fast as the run takes them.
        speed: Option<u32>,
    },
    /// Newline-delimited JSON from a TCP server.
    Tcp {
        /// Its address, such as `127.0.0.1:9000`.
        address: String,
    },
    /// The venue's market that the manifest's feed is named after.
    Market {},
}

impl FeedSettings {
    /// The name of the kind.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Push {} => "push",
            Self::Replay { .. } => "replay",
            Self::Tcp { .. } => "tcp",
            Self::Market {} => "market",
        }
    }
}

/// Why a feed cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The settings make no sense.
    #[error("the feed's {field} is {value:?}; {expected}")]
    Setting {
        /// Which.
        field: &'static str,
        /// Its value.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The snapshot does not fit the run.
    #[error(transparent)]
    Snapshot(#[from] InputsError),
    #[error(transparent)]
    Venue(#[from] Box<VenuesError>),
    /// The server is not to be reached.
    #[error("cannot connect to the feed at {address}: {source}")]
    Connect {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// No thread to be had.
    #[error("no thread to be had: {0}")]
    Thread(std::io::Error),
}

/// A feed that was checked and opened, and puts nothing into an inlet yet.
pub(super) enum Opened {
    Push,
    Replay(Box<Replay>),
    Tcp(TcpStream),
    Market(MarketBars),
}

/// What a replay needs.
pub(super) struct Replay {
    selection: BarSelection,
    setup: RunSetup,
    speed: Option<u32>,
}

/// Checks the settings and opens what they name.
pub(super) fn open(
    (data, venues): (&DataDir, &Arc<Venues>),
    manifest: &Manifest,
    settings: &FeedSettings,
) -> Result<Opened, OpenError> {
    check_name(manifest, settings)?;
    match settings {
        FeedSettings::Market {} => {
            let market = market_of(manifest).ok_or_else(|| unnamed(manifest))?;
            let setup = manifest.setup()?;
            venues.check(market, (manifest, &setup)).map_err(Box::new)?;
            Ok(Opened::Market(MarketBars {
                venues: Arc::clone(venues),
                market,
            }))
        }
        FeedSettings::Push {} => Ok(Opened::Push),
        FeedSettings::Replay { snapshot, speed } => {
            if *speed == Some(0) {
                return Err(OpenError::Setting {
                    field: "speed",
                    value: "0".to_owned(),
                    expected: "it is a whole number from 1, or left out for as fast as possible",
                });
            }
            let (selection, setup) = selected(data, manifest, snapshot)?;
            Ok(Opened::Replay(Box::new(Replay {
                selection,
                setup,
                speed: *speed,
            })))
        }
        FeedSettings::Tcp { address } => {
            let address = parse_address(address)?;
            let stream = TcpStream::connect_timeout(&address, CONNECT_MAX)
                .map_err(|source| OpenError::Connect { address, source })?;
            Ok(Opened::Tcp(stream))
        }
    }
}

/// What is authorized as a venue's market comes from there, and nothing else goes by its name.
fn check_name(manifest: &Manifest, settings: &FeedSettings) -> Result<(), OpenError> {
    let is_market = matches!(settings, FeedSettings::Market {});
    match market_of(manifest) {
        Some(market) if !is_market => Err(OpenError::Setting {
            field: "kind",
            value: settings.kind().to_owned(),
            expected: match market {
                Market::Binance(_) => "the manifest takes its bars from Binance: say market",
                Market::Alpaca(_) => "the manifest takes its bars from Alpaca: say market",
            },
        }),
        None if is_market => Err(unnamed(manifest)),
        Some(_) | None => Ok(()),
    }
}

fn unnamed(manifest: &Manifest) -> OpenError {
    let name = match &manifest.data {
        DataSource::Feed { name, .. } => name.clone(),
        DataSource::Snapshot { .. } => String::new(),
    };
    OpenError::Setting {
        field: "name in the manifest",
        value: name,
        expected: "a market is one of binance, binance-trades, alpaca and alpaca-trades",
    }
}

/// A stream without authentication is taken from this machine only: what sends bars decides what
/// is traded.
fn parse_address(text: &str) -> Result<SocketAddr, OpenError> {
    let address: Option<SocketAddr> = text.parse().ok();
    let is_here = |address: &SocketAddr| match address.ip() {
        IpAddr::V4(ip) => ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_loopback(),
    };
    address.filter(is_here).ok_or_else(|| OpenError::Setting {
        field: "address",
        value: text.to_owned(),
        expected: "it is an address of this machine with a port, such as 127.0.0.1:9000",
    })
}

fn selected(
    data: &DataDir,
    manifest: &Manifest,
    snapshot: &str,
) -> Result<(BarSelection, RunSetup), OpenError> {
    let setup = manifest.setup()?;
    let selection = whole_selection(data, manifest, &setup, snapshot)?;
    Ok((selection, setup))
}

/// What a feed's thread does.
type Work = Box<dyn FnOnce(&Inlet) + Send>;

impl Opened {
    /// Begins to put lines into the inlet, unless the bars are a market's, which the run's own thread
    /// asks for. Bars that close before or at `decided` are sent at once: the run knows them.
    pub(super) fn begin(
        self,
        run: &Supervised,
        decided: Option<UnixNanos>,
    ) -> Result<(Brought<'_>, Line), OpenError> {
        let inlet = &run.inlet;
        let brought = Brought::lines(run);
        let (work, line): (Work, Line) = match self {
            Self::Push => return Ok((brought, Line(None))),
            Self::Market(bars) => return Ok((Brought::market(bars, run), Line(None))),
            Self::Replay(replay) => (
                Box::new(move |inlet| {
                    let Replay {
                        selection,
                        setup,
                        speed,
                    } = *replay;
                    replay::feed(
                        inlet,
                        selection.slices(),
                        &setup.instruments,
                        speed,
                        decided,
                    );
                }),
                Line(None),
            ),
            Self::Tcp(stream) => {
                let handle = stream.try_clone().map_err(OpenError::Thread)?;
                (
                    Box::new(move |inlet| copy_lines(stream, inlet)),
                    Line(Some(handle)),
                )
            }
        };
        let own = Arc::clone(inlet);
        Builder::new()
            .name("feed".to_owned())
            .spawn(move || work(&own))
            .map_err(OpenError::Thread)?;
        Ok((brought, line))
    }
}

/// Ends a feed's thread when dropped, even while it waits for its sender.
pub(super) struct Line(Option<TcpStream>);

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(stream) = &self.0 {
            // It fails only where the sender has closed it.
            let _closed = stream.shutdown(Shutdown::Both);
        }
    }
}

fn copy_lines(stream: TcpStream, inlet: &Inlet) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = Vec::new();
        match reader.next_line(&mut line) {
            Ok(LineRead::Line) if inlet.put(line) => {}
            Ok(LineRead::Line) => return,
            // A stream waits as long as its sender does.
            Ok(LineRead::Nothing) => {}
            Ok(LineRead::End) => return inlet.finish(),
            Err(error) => return inlet.fail(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_taken_from_this_machine_only() {
        let table = [
            ("127.0.0.1:9000", true),
            ("[::1]:9000", true),
            ("127.8.8.8:1", true),
            ("10.0.0.1:9000", false),
            ("0.0.0.0:9000", false),
            ("[::]:9000", false),
            ("[::ffff:127.0.0.1]:9000", false),
            ("localhost:9000", false),
            ("feed", false),
        ];
        for (text, good) in table {
            assert_eq!(parse_address(text).is_ok(), good, "{text}");
        }
    }

    #[test]
    fn settings_have_one_form_in_json() {
        let table = [
            (r#"{"kind":"push"}"#, Some(FeedSettings::Push {})),
            (
                r#"{"kind":"replay","snapshot":"ab","speed":60}"#,
                Some(FeedSettings::Replay {
                    snapshot: "ab".to_owned(),
                    speed: Some(60),
                }),
            ),
            (r#"{"kind":"replay","snapshot":"ab","sped":60}"#, None),
            (r#"{"kind":"push","more":1}"#, None),
            (r#"{"kind":"market"}"#, Some(FeedSettings::Market {})),
            (r#"{"kind":"kafka"}"#, None),
        ];
        for (text, expected) in table {
            let read: Option<FeedSettings> = serde_json::from_str(text).ok();
            assert_eq!(read, expected, "{text}");
        }
    }
}
