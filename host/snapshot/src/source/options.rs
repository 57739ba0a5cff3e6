//! What the caller of ingestion decides, and its limits. It must never guess.

use core::fmt;
use core::str::FromStr;

use counterfoil_trading::time::{Timeframe, UnixNanos};
use serde::{Deserialize, Serialize};

use crate::quality::accept::Acceptance;
use crate::quality::findings::Policy;
use crate::store::snapshot_id::SnapshotId;

/// Rows of one source: at some 30 bytes each, twice, 30 GB of disk while they are sorted.
pub const ROWS_MAX: u64 = 500_000_000;

/// Bytes of one source after decompression: what [`ROWS_MAX`] rows of 160 bytes take. A gzip bomb
/// ends here.
pub const SOURCE_BYTES_MAX: u64 = 80_000_000_000;

/// Rows that are sorted in memory, at about 80 bytes each: 10 MB.
pub const ROWS_IN_MEMORY: usize = 131_072;

/// Bytes of one row: a hundred times a real one.
pub const ROW_BYTES_MAX: usize = 16_384;

/// Instruments of one source: each is a file.
pub const INSTRUMENTS_MAX: usize = 65_536;

/// What the times in a source mean.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TimeMeaning {
    /// Each bar opens at its time and closes one timeframe later.
    #[default]
    Open,
    /// Each bar closes at its time (a date: at the end of that day) and opened one timeframe
    /// before.
    Close,
}

/// The unit of times that are numbers since 1970.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum EpochUnit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Millis,
    /// Microseconds.
    Micros,
    /// Nanoseconds.
    Nanos,
}

/// A word that is not one of those asked for.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{text:?} is not one of {words}")]
pub struct WordError {
    /// The text.
    pub text: String,
    /// What it may be.
    pub words: &'static str,
}

/// How much one source may hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct IngestLimits {
    /// Rows, good and bad.
    pub rows_max: u64,
    /// Bytes after decompression.
    pub bytes_max: u64,
    /// Rows that are sorted in memory; more than these go through files. It changes no result.
    pub rows_in_memory: usize,
}

/// How to read a source. The default reads a file with a symbol column, times that are opens, and
/// takes timeframe and scales from the data.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct IngestOptions {
    /// The symbol of every row, for a file without a symbol column.
    pub symbol: Option<String>,
    /// The length of every bar; without it the smallest gap between two bars of one instrument.
    pub timeframe: Option<Timeframe>,
    /// What the times mean.
    pub time: TimeMeaning,
    /// The unit of times that are numbers; without it their size decides.
    pub epoch_unit: Option<EpochUnit>,
    /// Decimals of a price; without it the most decimals in the file.
    pub price_scale: Option<u8>,
    /// The price grid step as decimal text, such as `0.05`; without it one at the price scale.
    pub tick: Option<String>,
    /// Decimals of a volume; without it the most decimals in the file.
    pub volume_scale: Option<u8>,
    /// Decimals of a quantity; without it those of the lot.
    pub quantity_scale: Option<u8>,
    /// The quantity grid step as decimal text, such as `0.001`; without it one at the quantity scale.
    pub lot: Option<String>,
    /// Who made the data.
    pub vendor: Option<String>,
    /// When the file is ingested; it goes into the receipt, never into a snapshot.
    pub ingested_at: Option<UnixNanos>,
    /// What the rows are.
    pub kind: SourceKind,
    /// The columns of the file and its times: see `docs/start/DATA.md`.
    pub mapping: Option<SideFile>,
    /// The corporate actions: see `docs/start/DATA.md`.
    pub actions: Option<SideFile>,
    /// The trading calendar: see `docs/start/DATA.md`. Without one, daily bars are expected on every
    /// date on which any instrument has one.
    pub calendar: Option<SideFile>,
    /// What happens to data with errors.
    pub policy: Policy,
    /// Findings that somebody accepts.
    pub accepted: Vec<Acceptance>,
    /// A snapshot whose files this one adds to: where both have a bar, this file's counts.
    pub revises: Option<SnapshotId>,
    /// The limits.
    pub limits: IngestLimits,
}

/// What the rows of a source are.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum SourceKind {
    /// Bars.
    #[default]
    Bars,
    /// Trades, which are aggregated to bars of the given timeframe.
    Trades,
}

/// A small file that goes with a source.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SideFile {
    /// Its name, for messages and its receipt.
    pub name: String,
    /// All of it.
    pub bytes: Vec<u8>,
}

impl SourceKind {
    /// `bars` or `trades`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bars => "bars",
            Self::Trades => "trades",
        }
    }
}

impl Default for IngestLimits {
    fn default() -> Self {
        Self {
            rows_max: ROWS_MAX,
            bytes_max: SOURCE_BYTES_MAX,
            rows_in_memory: ROWS_IN_MEMORY,
        }
    }
}

impl TimeMeaning {
    /// `open` or `close`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Close => "close",
        }
    }
}

impl fmt::Display for TimeMeaning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for TimeMeaning {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        match text {
            "open" => Ok(Self::Open),
            "close" => Ok(Self::Close),
            _ => Err(WordError {
                text: text.to_owned(),
                words: "open, close",
            }),
        }
    }
}

impl EpochUnit {
    /// Every unit, coarsest first.
    pub const ALL: [Self; 4] = [Self::Seconds, Self::Millis, Self::Micros, Self::Nanos];

    /// `s`, `ms`, `us` or `ns`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Millis => "ms",
            Self::Micros => "us",
            Self::Nanos => "ns",
        }
    }

    /// Nanoseconds in one unit.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        match self {
            Self::Seconds => 1_000_000_000,
            Self::Millis => 1_000_000,
            Self::Micros => 1_000,
            Self::Nanos => 1,
        }
    }
}

impl fmt::Display for EpochUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for EpochUnit {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        Self::ALL
            .into_iter()
            .find(|unit| unit.name() == text)
            .ok_or_else(|| WordError {
                text: text.to_owned(),
                words: "s, ms, us, ns",
            })
    }
}
