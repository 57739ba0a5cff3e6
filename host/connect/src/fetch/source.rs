//! The sources of history that can be fetched, with their addresses, timeframes and published limits. It must never
//! do any I/O.
//!
//! Sources: "REST API" of Binance's Spot API documentation (klines, limits), the README of Binance's public data,
//! "Historical bars" of Alpaca's market data API, "Get OHLC Data" of Kraken's REST API; docs/reference/FEEDS.md.

use core::time::Duration;

use counterfoil_trading::time::Timeframe;

use crate::feed::alpaca::PAGE_BARS_MAX;
use crate::feed::binance::KLINES_MAX;
use crate::net::http::RESPONSE_BYTES_MAX;

/// A source of history.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HistorySource {
    /// Binance's REST API for spot klines.
    Binance,
    /// Binance's archive of spot klines, a ZIP file a month.
    BinanceArchive,
    /// Alpaca's REST API for bars of stocks.
    Alpaca,
    /// Kraken's REST API for OHLC.
    Kraken,
}

/// The limits of a source, and ours.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SourceLimits {
    /// The most bars of one answer.
    pub page_bars_max: usize,
    /// The most bytes of one answer.
    pub response_bytes_max: usize,
    /// Time limit of one request with its answer.
    pub timeout: Duration,
    /// The wait between two requests.
    pub pace: Duration,
}

/// A month of bars of one second has about 80 MB in its ZIP file.
const ARCHIVE_BYTES_MAX: usize = 256 << 20;

/// The most bars that Kraken serves, the one that still forms among them: older ones cannot be had.
pub const OHLC_BARS_MAX: usize = 720;

/// The name of a timeframe here, and the source's.
type SourceInterval = (&'static str, &'static str);

const BINANCE_INTERVALS: [SourceInterval; 13] = [
    ("1s", "1s"),
    ("1m", "1m"),
    ("3m", "3m"),
    ("5m", "5m"),
    ("15m", "15m"),
    ("30m", "30m"),
    ("1h", "1h"),
    ("2h", "2h"),
    ("4h", "4h"),
    ("6h", "6h"),
    ("8h", "8h"),
    ("12h", "12h"),
    ("1d", "1d"),
];

const ALPACA_INTERVALS: [SourceInterval; 7] = [
    ("1m", "1Min"),
    ("5m", "5Min"),
    ("15m", "15Min"),
    ("30m", "30Min"),
    ("1h", "1Hour"),
    ("4h", "4Hour"),
    ("1d", "1Day"),
];

/// In minutes.
const KRAKEN_INTERVALS: [SourceInterval; 7] = [
    ("1m", "1"),
    ("5m", "5"),
    ("15m", "15"),
    ("30m", "30"),
    ("1h", "60"),
    ("4h", "240"),
    ("1d", "1440"),
];

impl HistorySource {
    /// Every source.
    pub const ALL: [Self; 4] = [
        Self::Binance,
        Self::BinanceArchive,
        Self::Alpaca,
        Self::Kraken,
    ];

    /// The source with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.name() == name)
    }

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Binance => "binance",
            Self::BinanceArchive => "binance-archive",
            Self::Alpaca => "alpaca",
            Self::Kraken => "kraken",
        }
    }

    /// Its public address.
    #[must_use]
    pub const fn address(self) -> &'static str {
        match self {
            Self::Binance => "https://api.binance.com",
            Self::BinanceArchive => "https://data.binance.vision",
            Self::Alpaca => "https://data.alpaca.markets",
            Self::Kraken => "https://api.kraken.com",
        }
    }

    /// Whether it trades around the clock, so that every interval is expected to have a bar.
    #[must_use]
    pub const fn is_continuous(self) -> bool {
        match self {
            Self::Binance | Self::BinanceArchive | Self::Kraken => true,
            Self::Alpaca => false,
        }
    }

    /// Whether every bar opens at a multiple of its length since 1970.
    #[must_use]
    pub const fn is_on_utc_grid(self) -> bool {
        match self {
            Self::Binance | Self::BinanceArchive | Self::Kraken => true,
            Self::Alpaca => false,
        }
    }

    const fn intervals(self) -> &'static [SourceInterval] {
        match self {
            Self::Binance | Self::BinanceArchive => &BINANCE_INTERVALS,
            Self::Alpaca => &ALPACA_INTERVALS,
            Self::Kraken => &KRAKEN_INTERVALS,
        }
    }

    /// The source's name of a timeframe; `None` if it has no such bars.
    #[must_use]
    pub fn interval(self, timeframe: Timeframe) -> Option<&'static str> {
        let name = timeframe.to_string();
        let found = self.intervals().iter().find(|(own, _)| *own == name);
        found.map(|(_, interval)| *interval)
    }

    /// The timeframes that it has, for messages.
    #[must_use]
    pub fn timeframes(self) -> String {
        let names: Vec<&str> = self.intervals().iter().map(|(own, _)| *own).collect();
        names.join(", ")
    }

    /// Its limits.
    #[must_use]
    pub const fn limits(self) -> SourceLimits {
        let limits = SourceLimits {
            page_bars_max: KLINES_MAX,
            response_bytes_max: RESPONSE_BYTES_MAX,
            timeout: Duration::from_secs(30),
            pace: Duration::ZERO,
        };
        match self {
            // 6,000 weights a minute, 2 for each request: the header of each answer says how many are used.
            Self::Binance => limits,
            Self::BinanceArchive => SourceLimits {
                response_bytes_max: ARCHIVE_BYTES_MAX,
                timeout: Duration::from_mins(10),
                ..limits
            },
            // 200 requests a minute without a paid plan.
            Self::Alpaca => SourceLimits {
                page_bars_max: PAGE_BARS_MAX,
                pace: Duration::from_millis(300),
                ..limits
            },
            // Public requests: one a second.
            Self::Kraken => SourceLimits {
                // The one that still forms may come on top.
                page_bars_max: OHLC_BARS_MAX.saturating_add(1),
                pace: Duration::from_secs(1),
                ..limits
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::endpoint::{Endpoint, EndpointKind};

    #[test]
    fn each_source_has_one_name_and_an_encrypted_address() {
        for source in HistorySource::ALL {
            assert_eq!(HistorySource::named(source.name()), Some(source));
            let endpoint = Endpoint::parse(source.address(), EndpointKind::Http).unwrap();
            assert!(endpoint.is_encrypted());
        }
        for other in ["Binance", "binance ", "", "ftx"] {
            assert_eq!(HistorySource::named(other), None, "{other}");
        }
    }

    #[test]
    fn a_timeframe_has_the_sources_name_or_none() {
        let table = [
            ("binance", "1s", Some("1s")),
            ("binance", "1d", Some("1d")),
            ("binance", "1w", None),
            ("alpaca", "1h", Some("1Hour")),
            ("alpaca", "1s", None),
            ("kraken", "4h", Some("240")),
            ("kraken", "2h", None),
        ];
        for (source, timeframe, expected) in table {
            let source = HistorySource::named(source).unwrap();
            let found = source.interval(timeframe.parse().unwrap());
            assert_eq!(found, expected, "{timeframe}");
        }
        // Every name is one that this program reads.
        for source in HistorySource::ALL {
            for name in source.timeframes().split(", ") {
                assert!(source.interval(name.parse().unwrap()).is_some(), "{name}");
            }
        }
    }
}
