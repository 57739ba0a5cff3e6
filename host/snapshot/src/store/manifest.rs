//! The manifest: what a layer holds, down to the digest of every record batch, and the recipe it
//! was made by. Its canonical JSON (RFC 8785) is what the layer's id is taken over; it must never
//! hold a path or a time of day.

use std::collections::BTreeMap;

use counterfoil_trading::instrument::{
    Instrument, InstrumentError, InstrumentGrid, InstrumentTraits, PriceRange, VolumeKind,
};
use counterfoil_trading::manifest::CalendarEntry;
use counterfoil_trading::time::{Timeframe, UnixNanos};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::quality::findings::LayerFindings;
use crate::store::recipe::{DRAWN_FROM, LayerRecipe};
use crate::store::snapshot_id::SnapshotId;
use crate::store::text::{as_text, nanos};
use counterfoil_base::digest::Digest;

/// Bars in one record batch, the unit that is read and checked at once: 448 KiB of columns, small
/// enough for a cache and large enough that one hash call costs nothing beside the hashing.
pub const BARS_PER_BATCH: u64 = 8_192;

/// Bars after which a file ends with the month: 3.5 MiB, so that daily bars of an instrument are one
/// file, and minutes of many years are several.
pub const BARS_PER_FILE_MIN: u64 = 65_536;

/// What a vendor or schema is that nobody stated: a text, so that no reader takes a gap for a name.
pub const NOT_STATED: &str = "not stated";

/// The contents of a snapshot, or of a file in the normalized layer.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LayerManifest {
    /// The corporate actions; in a snapshot only.
    pub actions: Option<LayerList>,
    /// Where bars begin and sessions end by the exchanges' clocks; in a snapshot whose bars are not on the grid of
    /// UTC, or that has a calendar.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calendars: Vec<CalendarEntry>,
    /// SHA-256 over timeframe, instruments and their bars, whatever they were read from: equal
    /// data has an equal digest.
    #[serde(with = "as_text")]
    pub data_sha256: Digest,
    /// The findings of the checks; in a snapshot only.
    pub findings: Option<LayerFindings>,
    /// `counterfoil-snapshot/2` or `counterfoil-normalized/1`.
    pub format: String,
    /// The instruments, by symbol.
    pub instruments: Vec<LayerInstrument>,
    /// For each bar the line of the source, in the sequence of the instruments; in the normalized layer only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<LayerList>,
    /// The rows and bars that were quarantined.
    pub quarantine: LayerQuarantine,
    /// Its inputs and settings.
    pub recipe: LayerRecipe,
    /// The session ends of its calendar; in a snapshot with a calendar that has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions: Option<LayerList>,
    /// The files it was made from, in the sequence in which they count.
    pub sources: Vec<LayerSource>,
    /// The length of every bar.
    #[serde(with = "as_text")]
    pub timeframe: Timeframe,
}

/// A list in a file of its own.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LayerList {
    /// Number of lines, the first apart.
    pub count: u64,
    /// Name of the file, beside the manifest.
    pub file: String,
    /// SHA-256 of the file.
    #[serde(with = "as_text")]
    pub sha256: Digest,
}

/// A ticker and since when it names the instrument.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LayerTicker {
    /// The first moment; for the first ticker, the open of the first bar.
    #[serde(with = "nanos")]
    pub from: UnixNanos,
    /// The venue's ticker.
    pub symbol: String,
}

/// One instrument and its bars.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LayerInstrument {
    /// Number of bars, at least one.
    pub bars: u64,
    /// SHA-256 over the canonical bytes of all bars, in sequence of close time.
    #[serde(with = "as_text")]
    pub bars_sha256: Digest,
    /// The record batches of the Arrow file, in sequence of close time.
    pub batches: Vec<LayerBatch>,
    /// The Arrow files, in sequence of close time: one for each span of whole months in UTC that
    /// holds at least [`BARS_PER_FILE_MIN`] bars, and one for the rest.
    pub files: Vec<LayerFile>,
    /// Close time of the first bar.
    #[serde(with = "nanos")]
    pub first_close: UnixNanos,
    /// Open time of the first bar.
    #[serde(with = "nanos")]
    pub first_open: UnixNanos,
    /// Close time of the last bar.
    #[serde(with = "nanos")]
    pub last_close: UnixNanos,
    /// Open time of the last bar.
    #[serde(with = "nanos")]
    pub last_open: UnixNanos,
    /// What decided its lot, if not what its source states for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lot_from: Option<GridSource>,
    /// The quantity grid step at the quantity scale.
    #[serde(with = "as_text")]
    pub lot_size: i64,
    /// Whether its prices may be zero or below: whoever ingested it said that it traded so.
    #[serde(default, skip_serializing_if = "is_false")]
    pub negative_prices: bool,
    /// Decimals of a price.
    pub price_scale: u8,
    /// Decimals of a quantity.
    pub quantity_scale: u8,
    /// The session ends of its own calendar, which may have none; in a snapshot only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions: Option<LayerList>,
    /// The instrument's canonical id: the first ticker it had.
    pub symbol: String,
    /// What decided its tick, if not what its source states for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tick_from: Option<GridSource>,
    /// The price grid step at the price scale.
    #[serde(with = "as_text")]
    pub tick_size: i64,
    /// The tickers it had, by time.
    pub tickers: Vec<LayerTicker>,
    /// `none` if every volume is zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<VolumeMark>,
    /// Decimals of a volume.
    pub volume_scale: u8,
}

/// What the volumes of an instrument show.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum VolumeMark {
    /// All of them are zero.
    #[serde(rename = "none")]
    AllZero,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde gives a reference to the field"
)]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// One Arrow file.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LayerFile {
    /// Its name, beside the manifest: the instrument's number and symbol, and the month of its
    /// first bar.
    pub file: String,
    /// SHA-256 of the file.
    #[serde(with = "as_text")]
    pub sha256: Digest,
}

/// One record batch of an Arrow file: the bytes of its message, metadata and body.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LayerBatch {
    /// Number of bars, at most [`BARS_PER_BATCH`].
    pub bars: u64,
    /// Close time of its first bar.
    #[serde(with = "nanos")]
    pub first_close: UnixNanos,
    /// Close time of its last bar.
    #[serde(with = "nanos")]
    pub last_close: UnixNanos,
    /// The place of its file in the instrument's list.
    pub file: usize,
    /// Bytes of metadata and body.
    pub length: u64,
    /// Where it begins in the file, in bytes.
    pub offset: u64,
    /// SHA-256 of those bytes.
    #[serde(with = "as_text")]
    pub sha256: Digest,
}

/// The quarantine file and what is in it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LayerQuarantine {
    /// Size of the file.
    pub bytes: u64,
    /// Name of the file, beside the manifest.
    pub file: String,
    /// Rows by reason code.
    pub reasons: BTreeMap<String, u64>,
    /// All rows.
    pub rows: u64,
    /// SHA-256 of the file.
    #[serde(with = "as_text")]
    pub sha256: Digest,
}

/// A file that went in, and what was seen while it was read.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LayerSource {
    /// Blank lines in it.
    pub blank_lines: u64,
    /// Size of the file, before decompression.
    pub bytes: u64,
    /// `gzip` or `none`.
    pub compression: String,
    /// `csv`, `parquet` or `arrow`.
    pub format: String,
    /// Columns that were not read.
    pub ignored_columns: Vec<String>,
    /// What decided its instruments' lot.
    pub lot_from: GridSource,
    /// Its name, for people.
    pub name: String,
    /// What was seen of its rows, beside what has a field here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<LayerNote>,
    /// Rows after a later one of their instrument, which were put in their place.
    pub out_of_order: u64,
    /// Rows in it, header and blank lines apart.
    pub rows: u64,
    /// SHA-256 of the file, before decompression.
    #[serde(with = "as_text")]
    pub sha256: Digest,
    /// What decided its instruments' tick.
    pub tick_from: GridSource,
    /// Whether the timeframe was taken from the data.
    pub timeframe_inferred: bool,
    /// Who made the data, or [`NOT_STATED`].
    pub vendor: String,
}

/// What decided a tick or a lot.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum GridSource {
    /// The caller.
    Stated,
    /// The asset class that the caller stated.
    AssetClass,
    /// The decimals that prices are written with.
    Prices,
    /// The finest fraction that prices are written with, such as a 32nd.
    Fractions,
    /// The decimals of the volumes.
    Volumes,
    /// Nothing: whole units.
    WholeUnits,
}

impl GridSource {
    /// What to say of a tick or lot that was decided so.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Stated => "stated by a flag, the mapping or the format",
            Self::AssetClass => "of the asset class",
            Self::Prices => "the decimals of the prices; change it with --tick or --asset-class",
            Self::Fractions => "the finest fraction of the prices; change it with --tick",
            Self::Volumes => "the decimals of the volumes; change it with --lot or --asset-class",
            Self::WholeUnits => "whole units; change it with --lot or --asset-class",
        }
    }
}

/// Something that was seen of a source's rows; it becomes a finding.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LayerNote {
    /// How often.
    pub count: u64,
    /// The first line with it; 0 if it is about no one line.
    pub line: u64,
    /// A sentence for people.
    pub message: String,
    /// The rule's stable name.
    pub rule: String,
}

impl LayerManifest {
    /// The canonical JSON: sorted keys, no white space, no floats.
    ///
    /// # Errors
    ///
    /// Returns [`serde_json::Error`] if a value has no JSON form, which no value here lacks.
    pub fn canonical(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json_canonicalizer::to_vec(self)
    }

    /// The snapshot's name: the digest of the canonical JSON.
    ///
    /// # Errors
    ///
    /// Returns [`serde_json::Error`] as [`LayerManifest::canonical`] does.
    pub fn id(&self) -> Result<SnapshotId, serde_json::Error> {
        Ok(SnapshotId(Digest::of(&self.canonical()?)))
    }

    /// The snapshot that the bars were drawn from, if they never happened.
    #[must_use]
    pub fn drawn_from(&self) -> Option<SnapshotId> {
        self.recipe.inputs_of(DRAWN_FROM).next().map(SnapshotId)
    }

    /// The calendars of these instruments, as a run's manifest states them.
    #[must_use]
    pub fn calendars_of(&self, instruments: &[Instrument]) -> Vec<CalendarEntry> {
        let symbols = instruments.iter().map(Instrument::symbol).collect();
        CalendarEntry::chosen(&self.calendars, &symbols)
    }

    /// Bars of all instruments.
    #[must_use]
    pub fn bars(&self) -> u64 {
        self.instruments
            .iter()
            .fold(0, |sum, instrument| sum.saturating_add(instrument.bars))
    }

    /// The digest of the data alone: timeframe, instruments and bars.
    pub(crate) fn data_digest(timeframe: Timeframe, instruments: &[LayerInstrument]) -> Digest {
        let mut hash = Sha256::new();
        let mut text = |text: &str| {
            // Length before text: joined without it, "ab" and "c" would have the digest of "a" and
            // "bc".
            let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
            hash.update(length.to_be_bytes());
            hash.update(text);
        };
        text(&timeframe.to_string());
        for instrument in instruments {
            text(&instrument.symbol);
            for ticker in &instrument.tickers {
                text(&format!("{} {}", ticker.from.0, ticker.symbol));
            }
            text(&format!(
                "{} {} {} {} {}",
                instrument.price_scale,
                instrument.tick_size,
                instrument.quantity_scale,
                instrument.lot_size,
                instrument.volume_scale
            ));
            // Only where it is so: the same bars of any other instrument keep their digest.
            if instrument.negative_prices {
                text("negative-prices");
            }
            text(&format!("{} {}", instrument.bars, instrument.bars_sha256));
        }
        Digest::finish(hash)
    }

    /// The earliest open time of a bar.
    #[must_use]
    pub fn first_open(&self) -> Option<UnixNanos> {
        self.instruments
            .iter()
            .map(|instrument| instrument.first_open)
            .min()
    }

    /// The latest close time of a bar.
    #[must_use]
    pub fn last_close(&self) -> Option<UnixNanos> {
        self.instruments
            .iter()
            .map(|instrument| instrument.last_close)
            .max()
    }

    /// Checks what the digest cannot show: a manifest that was made by something else.
    pub(crate) fn check_contents(&self) -> Result<(), String> {
        let lists = self
            .actions
            .iter()
            .chain(&self.sessions)
            .chain(&self.lines)
            .chain(self.instruments.iter().flat_map(|one| &one.sessions))
            .map(|list| &list.file);
        let findings = self.findings.iter().map(|findings| &findings.file);
        for file in lists.chain(findings).chain([&self.quarantine.file]) {
            check_file_name(file)?;
        }
        // Strictly ascending: places in this list are the ids of instruments in a run, and a symbol
        // that was there twice would have two.
        if !self.instruments.is_sorted_by(|a, b| a.symbol < b.symbol) {
            return Err("instruments are not in ascending order of symbol".to_owned());
        }
        self.instruments
            .iter()
            .try_for_each(LayerInstrument::check_batches)
    }
}

impl LayerInstrument {
    /// The instrument, as the trading rules see it.
    ///
    /// # Errors
    ///
    /// Returns [`InstrumentError`] if scales or steps do not hold.
    pub fn instrument(&self) -> Result<Instrument, InstrumentError> {
        let grid = InstrumentGrid {
            price_scale: self.price_scale,
            tick_size: self.tick_size,
            quantity_scale: self.quantity_scale,
            lot_size: self.lot_size,
            volume_scale: self.volume_scale,
        };
        let traits = InstrumentTraits {
            prices: self.prices(),
            volume: match self.volume {
                None => VolumeKind::Traded,
                Some(VolumeMark::AllZero) => VolumeKind::None,
            },
        };
        Instrument::new(self.symbol.clone(), grid).map(|it| it.with_traits(traits))
    }

    /// The prices that it may have.
    #[must_use]
    pub fn prices(&self) -> PriceRange {
        if self.negative_prices {
            PriceRange::Any
        } else {
            PriceRange::Positive
        }
    }

    fn check_batches(&self) -> Result<(), String> {
        let symbol = &self.symbol;
        self.instrument().map_err(|error| error.to_string())?;
        for file in &self.files {
            check_file_name(&file.file)?;
        }
        // Readers go through the batches in this sequence, file by file.
        if !self.batches.is_sorted_by_key(|batch| batch.file)
            || self
                .batches
                .last()
                .is_none_or(|batch| batch.file >= self.files.len())
        {
            return Err(format!("{symbol}: a record batch names no file"));
        }
        let mut bars: u64 = 0;
        for batch in &self.batches {
            // The sizes of batches become allocations when they are read.
            if batch.bars == 0 || batch.bars > BARS_PER_BATCH {
                return Err(format!("{symbol}: a record batch of {} bars", batch.bars));
            }
            if batch.length > BATCH_BYTES_MAX {
                return Err(format!(
                    "{symbol}: a record batch of {} bytes",
                    batch.length
                ));
            }
            bars = bars.saturating_add(batch.bars);
        }
        if bars == 0 || bars != self.bars {
            return Err(format!(
                "{symbol}: {bars} bars in batches, {} in all",
                self.bars
            ));
        }
        Ok(())
    }
}

fn check_file_name(file: &str) -> Result<(), String> {
    // The directory handle keeps `..` inside the data directory, but not inside the snapshot: a
    // manifest from elsewhere must not make other files of the data directory part of it.
    if file.is_empty() || file.contains(['/', '\\', '\0']) {
        return Err(format!("{file:?} is not a plain file name"));
    }
    Ok(())
}

/// Bytes of one record batch: its columns, and 64 KiB for metadata and padding. A manifest that
/// asks for more would make the reader allocate it.
const BATCH_BYTES_MAX: u64 = BARS_PER_BATCH * 56 + 65_536;
