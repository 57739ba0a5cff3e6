//! Opens the feed of a supervised run. A feed puts lines into the run's inlet from a thread of its
//! own; it must never wait for another run.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::io::BufReader;
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::thread::Builder;

use counterfoil_connect::feed::market::MarketSource;
use counterfoil_runner::orders::venues::{Venues, VenuesError, market_of};
use counterfoil_runner::run::feed::{LineRead, LineSource as _, MarketBars};
use counterfoil_runner::run::inputs::{InputsError, whole_selection};
use counterfoil_runner::store::data_dir::DataDir;
use counterfoil_snapshot::store::selection::BarSelection;
use counterfoil_trading::manifest::{DataSource, Manifest, ManifestError, RunSetup};
use counterfoil_trading::time::UnixNanos;

use super::feed_settings::FeedSettings;
use super::inlet::Inlet;
use super::replay;
use super::run::SupervisedRun;
use super::supervised_feed::SupervisedFeed;

/// Time limit of a TCP connection to a feed.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// Why a feed could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FeedOpenError {
    /// A setting is invalid.
    #[error("invalid feed {field} {value:?}: {expected}")]
    Setting {
        field: &'static str,
        value: String,
        /// What is valid.
        expected: &'static str,
    },
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The snapshot does not fit the run.
    #[error(transparent)]
    Snapshot(#[from] InputsError),
    #[error(transparent)]
    Venue(#[from] Box<VenuesError>),
    /// The server could not be reached.
    #[error(
        "cannot connect to the feed at {address}: {source}{}",
        port_hint(source, address)
    )]
    Connect {
        address: SocketAddr,
        source: std::io::Error,
    },
    /// The system could not start a thread.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

/// What to do where the runner may not connect to a port.
fn port_hint(source: &std::io::Error, address: &SocketAddr) -> String {
    if source.kind() == std::io::ErrorKind::PermissionDenied {
        format!(
            "; start `counterfoil serve` with --feed-port {}",
            address.port()
        )
    } else {
        String::new()
    }
}

/// A feed that was checked and opened, and puts no line into an inlet yet.
pub(super) enum OpenedFeed {
    Push,
    Replay(Box<SnapshotReplay>),
    Tcp(TcpStream),
    Market(MarketBars),
}

/// What a replay needs.
pub(super) struct SnapshotReplay {
    selection: BarSelection,
    setup: RunSetup,
    speed: Option<u32>,
}

/// Checks the settings and opens the feed they name.
pub(super) fn open(
    data: &DataDir,
    venues: &Arc<Venues>,
    manifest: &Manifest,
    settings: &FeedSettings,
) -> Result<OpenedFeed, FeedOpenError> {
    check_name(manifest, settings)?;
    match settings {
        FeedSettings::Market {} => {
            let market = market_of(manifest).ok_or_else(|| unnamed(manifest))?;
            let setup = manifest.setup()?;
            venues.check(market, manifest, &setup).map_err(Box::new)?;
            Ok(OpenedFeed::Market(MarketBars {
                venues: Arc::clone(venues),
                market,
            }))
        }
        FeedSettings::Push {} => Ok(OpenedFeed::Push),
        FeedSettings::Replay { snapshot, speed } => {
            if *speed == Some(0) {
                return Err(FeedOpenError::Setting {
                    field: "speed",
                    value: "0".to_owned(),
                    expected: "use a whole number from 1, or leave it out for as fast as possible",
                });
            }
            // Loaded before the run has an execution: a start that fails here leaves nothing
            // behind, and can be repeated.
            let (selection, setup) = selected(data, manifest, snapshot)?;
            Ok(OpenedFeed::Replay(Box::new(SnapshotReplay {
                selection,
                setup,
                speed: *speed,
            })))
        }
        FeedSettings::Tcp { address } => {
            let address = parse_address(address)?;
            // For a new run this is before its execution exists: a feed that is down refuses the start, and
            // leaves no run that waits for bars.
            let stream = TcpStream::connect_timeout(&address, CONNECT_MAX)
                .map_err(|source| FeedOpenError::Connect { address, source })?;
            Ok(OpenedFeed::Tcp(stream))
        }
    }
}

/// Checks that a manifest authorized for a venue's market is fed from there, and that no other feed
/// is called a market.
fn check_name(manifest: &Manifest, settings: &FeedSettings) -> Result<(), FeedOpenError> {
    let is_market = matches!(settings, FeedSettings::Market {});
    match market_of(manifest) {
        Some(market) if !is_market => Err(FeedOpenError::Setting {
            field: "kind",
            value: settings.kind().to_owned(),
            expected: match market {
                MarketSource::Binance(_) => "the manifest takes its bars from Binance; use market",
                MarketSource::Alpaca(_) => "the manifest takes its bars from Alpaca; use market",
            },
        }),
        None if is_market => Err(unnamed(manifest)),
        Some(_) | None => Ok(()),
    }
}

fn unnamed(manifest: &Manifest) -> FeedOpenError {
    let name = match &manifest.data {
        DataSource::Feed { name, .. } => name.clone(),
        DataSource::Snapshot { .. } => String::new(),
    };
    FeedOpenError::Setting {
        field: "name in the manifest",
        value: name,
        expected: "a market feed is named binance, binance-trades, alpaca or alpaca-trades",
    }
}

/// Parses the address of a TCP feed: this machine only, because the stream has no authentication,
/// and the sender of bars decides what is traded.
fn parse_address(text: &str) -> Result<SocketAddr, FeedOpenError> {
    let address: Option<SocketAddr> = text.parse().ok();
    let is_here = |address: &SocketAddr| match address.ip() {
        IpAddr::V4(ip) => ip.is_loopback(),
        IpAddr::V6(ip) => ip.is_loopback(),
    };
    address
        .filter(is_here)
        .ok_or_else(|| FeedOpenError::Setting {
            field: "address",
            value: text.to_owned(),
            expected: "use an address of this machine with a port, such as 127.0.0.1:9000",
        })
}

fn selected(
    data: &DataDir,
    manifest: &Manifest,
    snapshot: &str,
) -> Result<(BarSelection, RunSetup), FeedOpenError> {
    let setup = manifest.setup()?;
    let selection = whole_selection(data, manifest, &setup, snapshot)?;
    Ok((selection, setup))
}

/// The work of a feed's thread.
type FeedWork = Box<dyn FnOnce(&Inlet) + Send>;

impl OpenedFeed {
    /// Starts to put lines into the inlet, unless the bars are a market's, which the run's own
    /// thread reads. Bars that close before or at `decided` are sent at once: the run knows them.
    pub(super) fn start(
        self,
        run: &SupervisedRun,
        decided: Option<UnixNanos>,
    ) -> Result<(SupervisedFeed<'_>, FeedThreadGuard), FeedOpenError> {
        let inlet = &run.inlet;
        let supervised_feed = SupervisedFeed::lines(run);
        let (work, line): (FeedWork, FeedThreadGuard) = match self {
            Self::Push => return Ok((supervised_feed, FeedThreadGuard(None))),
            Self::Market(bars) => {
                return Ok((SupervisedFeed::market(bars, run), FeedThreadGuard(None)));
            }
            Self::Replay(replay) => (
                Box::new(move |inlet| {
                    let SnapshotReplay {
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
                FeedThreadGuard(None),
            ),
            Self::Tcp(stream) => {
                let handle = stream.try_clone().map_err(FeedOpenError::Thread)?;
                (
                    Box::new(move |inlet| copy_lines(stream, inlet)),
                    FeedThreadGuard(Some(handle)),
                )
            }
        };
        // Not joined: the thread ends when its stream is shut down or the inlet takes no more lines.
        let own = Arc::clone(inlet);
        Builder::new()
            .name("feed".to_owned())
            .spawn(move || work(&own))
            .map_err(FeedOpenError::Thread)?;
        Ok((supervised_feed, line))
    }
}

/// Ends a feed's thread when dropped, even while it waits for its sender.
pub(super) struct FeedThreadGuard(Option<TcpStream>);

impl Drop for FeedThreadGuard {
    fn drop(&mut self) {
        if let Some(stream) = &self.0 {
            // Fails only if the sender has closed it. Without it the thread of every ended run would wait in `read`
            // for a sender that may never send again.
            let _closed = stream.shutdown(Shutdown::Both);
        }
    }
}

fn copy_lines(stream: TcpStream, inlet: &Inlet) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = Vec::new();
        match reader.next_line(&mut line) {
            // `put` waits while the queue is full, and TCP makes the sender wait: a fast sender
            // fills neither memory nor the other runs.
            Ok(LineRead::Line) if inlet.put(line) => {}
            Ok(LineRead::Line) => return,
            // A silent sender is not an error: the market may be closed.
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
}
