//! The options of an ingestion, and its limits. It must never guess.

use std::collections::{BTreeMap, BTreeSet};

use counterfoil_trading::instrument::PriceRange;
use counterfoil_trading::manifest::CalendarEntry;
use counterfoil_trading::time::{Timeframe, UnixNanos};
use serde::Deserialize;

use crate::error::IngestError;
use crate::source::asset_class::AssetClass;
use crate::source::choices::{
    EpochUnit, ErrorPolicy, GapRule, HeaderRule, PriceAdjustment, RepeatRule, SourceKind,
    TextEncoding, TimeMeaning,
};
use crate::source::decode_program::DecodeProgram;
use crate::store::acceptance::FindingAcceptance;
use crate::store::snapshot_id::SnapshotId;

/// Rows of one source: at some 30 bytes each, twice, 30 GB of disk while they are sorted.
pub const ROWS_MAX: u64 = 500_000_000;

/// Bytes of one source after decompression: what [`ROWS_MAX`] rows of 160 bytes take. A gzip bomb
/// ends here.
pub const SOURCE_BYTES_MAX: u64 = 80_000_000_000;

/// Unpacked bytes for each byte of a packed source, above [`UNPACKED_BYTES_MIN`]: rows of one price repeat some
/// fiftyfold; beyond this, a file is made to exhaust who reads it.
pub const UNPACKED_RATIO_MAX: u64 = 200;

/// Unpacked bytes below which the ratio does not matter: fifteen million rows.
pub const UNPACKED_BYTES_MIN: u64 = 1 << 30;

/// Rows that are sorted in memory, at about 80 bytes each: 10 MB.
pub const ROWS_IN_MEMORY: usize = 131_072;

/// Bytes of one row: a line of a wide file that has 600 instruments side by side.
pub const ROW_BYTES_MAX: usize = 65_536;

/// Instruments of one source: each is a file.
pub const INSTRUMENTS_MAX: usize = 65_536;

/// Limits of one source.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct IngestLimits {
    /// Rows, good and bad.
    pub rows_max: u64,
    /// Bytes after decompression.
    pub bytes_max: u64,
    /// The same, where the caller states it: a small file may then unpack to so many.
    pub unpacked_max: Option<u64>,
    /// Rows that are sorted in memory; more than these go through files. It changes no result.
    pub rows_in_memory: usize,
}

/// How to read a source. The default reads a file with a symbol column, times that are opens, and
/// takes timeframe and scales from the data.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct IngestOptions {
    /// The symbol of every row, for a file without a symbol column.
    pub symbol: Option<String>,
    /// The length of every bar; without it the commonest gap between two bars of one instrument.
    pub timeframe: Option<Timeframe>,
    /// Whether gaps that are longer than the timeframe refuse the file.
    pub gaps: GapRule,
    /// The meaning of the times; without it the mapping's, or open.
    pub time: Option<TimeMeaning>,
    /// The unit of times that are numbers; without it their size decides.
    pub epoch_unit: Option<EpochUnit>,
    /// The zone of times that state none, such as `America/New_York`, `-05:00` or `America/New_York+07:00`;
    /// without it UTC.
    pub zone: Option<String>,
    /// What the prices of the source are adjusted for; a source with splits or dividends in columns of its own
    /// needs it.
    pub adjusted: Option<PriceAdjustment>,
    /// What the prices of the source stand for.
    pub prices_as: NumberScaling,
    /// What the volumes of the source stand for.
    pub volumes_as: NumberScaling,
    /// Decimals of a price; without it the most that the file writes.
    pub price_scale: Option<u8>,
    /// The class of the instruments, which decides tick and lot where nothing else does.
    pub asset_class: Option<AssetClass>,
    /// The classes of single instruments, which count for them in place of the one above.
    pub asset_classes: BTreeMap<String, AssetClass>,
    /// The price grid step as decimal text, such as `0.05`; without it that of the asset class, and never coarser
    /// than the prices are written.
    pub tick: Option<String>,
    /// The most that rounding a price to scale or tick may change it, as decimal text; without it nothing
    /// is rounded.
    pub round_prices: Option<String>,
    /// The most that rounding a volume to its scale may change it, as decimal text.
    pub round_volumes: Option<String>,
    /// The sign between two fields of a text file; without it a comma.
    pub delimiter: Option<String>,
    /// The decimal sign, `.` or `,`; without it a point.
    pub decimal: Option<String>,
    /// The sign that groups digits in threes.
    pub thousands: Option<String>,
    /// The encoding of a text file; without it UTF-8, or UTF-16 with a byte order mark.
    pub encoding: Option<TextEncoding>,
    /// Lines of a text file before its header, or before its first row.
    pub skip: Option<u64>,
    /// Lines of a text file behind its last row.
    pub skip_footer: Option<u64>,
    /// The file of a ZIP archive that is read; without it all tables in it.
    pub member: Option<String>,
    /// Whether a text file has a header; without it there must be one.
    pub header: Option<HeaderRule>,
    /// The source has no volume: every bar's is 0.
    pub has_no_volume: bool,
    /// The symbols whose volumes are missing throughout: each of their bars has 0.
    pub without_volume: BTreeSet<String>,
    /// Which of several rows with one time is used; without it rows that differ refuse the file.
    pub repeats: Option<RepeatRule>,
    /// Decimals of a volume; without it the most decimals in the file.
    pub volume_scale: Option<u8>,
    /// Decimals of a quantity; without it those of the lot.
    pub quantity_scale: Option<u8>,
    /// The quantity grid step as decimal text, such as `0.001`; without it that of the asset class, or the
    /// decimals of the volumes.
    pub lot: Option<String>,
    /// The symbols whose prices may be zero or below; of all others such a row is quarantined.
    pub negative_prices: BTreeSet<String>,
    /// Who made the data.
    pub vendor: Option<String>,
    /// When the file is ingested; it goes into the receipt, never into a snapshot.
    pub ingested_at: Option<UnixNanos>,
    /// The kind of rows.
    pub kind: SourceKind,
    /// The columns of the file and its times: see `docs/start/DATA.md`.
    pub mapping: Option<SideFile>,
    /// The corporate actions: see `docs/start/DATA.md`.
    pub actions: Option<SideFile>,
    /// Where bars begin and sessions end, as a run's manifest states it; empty: from the calendar and the bars.
    pub calendars: Vec<CalendarEntry>,
    /// The trading calendar: see `docs/start/DATA.md`. Without one, daily bars are expected on every
    /// date on which any instrument has one.
    pub calendar: Option<SideFile>,
    /// Calendars of single instruments, which count for them in place of the one above.
    pub own_calendars: BTreeMap<String, SideFile>,
    /// The policy for data with errors.
    pub policy: ErrorPolicy,
    /// Findings that a person accepts.
    pub accepted: Vec<FindingAcceptance>,
    /// A snapshot whose files this one adds to: where both have a bar, this file's counts.
    pub revises: Option<SnapshotId>,
    /// The limits.
    pub limits: IngestLimits,
    /// The program that decodes columnar files; without one they are decoded in this process, which a file can end.
    pub decoder: Option<DecodeProgram>,
}

impl IngestOptions {
    /// The class of an instrument that had these tickers.
    pub(crate) fn class_of<'a>(
        &self,
        mut tickers: impl Iterator<Item = &'a str>,
    ) -> Option<AssetClass> {
        let own = tickers.find_map(|ticker| self.asset_classes.get(ticker));
        own.copied().or(self.asset_class)
    }

    /// The prices that rows of a symbol may have.
    pub(crate) fn prices_of(&self, symbol: &str) -> PriceRange {
        if self.negative_prices.contains(symbol) {
            PriceRange::Any
        } else {
            PriceRange::Positive
        }
    }
}

impl IngestLimits {
    /// The limits of a source that is a file of so many bytes.
    #[must_use]
    pub(crate) fn of_packed(self, file_bytes: u64) -> Self {
        let unpacked = file_bytes
            .saturating_mul(UNPACKED_RATIO_MAX)
            .max(UNPACKED_BYTES_MIN);
        Self {
            bytes_max: self.unpacked_max.unwrap_or(unpacked.min(self.bytes_max)),
            ..self
        }
    }

    /// # Errors
    ///
    /// Returns [`IngestError::Unpacked`] if a source has unpacked to more bytes than it may.
    pub(crate) fn check_unpacked(
        &self,
        file: &str,
        line: u64,
        bytes: u64,
    ) -> Result<(), IngestError> {
        if bytes > self.bytes_max {
            return Err(IngestError::Unpacked {
                file: file.to_owned(),
                line,
                max: self.bytes_max,
            });
        }
        Ok(())
    }
}

/// What the numbers of a source stand for; one of these, or themselves.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct NumberScaling {
    /// A number that divides them, as decimal text; one over it must be a decimal with an end.
    pub divide: Option<String>,
    /// The denominator of fractions such as `101-16`: 2, 4, 8, 32 or 64.
    pub fractions: Option<u8>,
    /// Decimals of numbers that are written as integers.
    pub implied_decimals: Option<u8>,
    /// A number that multiplies them, as decimal text.
    pub multiply: Option<String>,
}

/// A small file that goes with a source.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SideFile {
    /// Its name, for messages and its receipt.
    pub name: String,
    /// All of it.
    pub bytes: Vec<u8>,
}

impl Default for IngestLimits {
    fn default() -> Self {
        Self {
            rows_max: ROWS_MAX,
            bytes_max: SOURCE_BYTES_MAX,
            unpacked_max: None,
            rows_in_memory: ROWS_IN_MEMORY,
        }
    }
}
