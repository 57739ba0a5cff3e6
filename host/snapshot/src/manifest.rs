//! The manifest: what a snapshot holds, down to the digest of every record batch. Its canonical
//! JSON (RFC 8785) is what the snapshot's id is taken over; it must never hold a path or a clock.

use std::collections::BTreeMap;

use counterfoil_trading::instrument::{Instrument, InstrumentError};
use counterfoil_trading::time::{Timeframe, UnixNanos};
use serde::{Deserialize, Serialize};

use crate::digest::{Digest, SnapshotId};
use crate::options::TimeMeaning;
use crate::text::{as_text, nanos};

/// The format this crate writes and reads.
pub const FORMAT: &str = "counterfoil-snapshot/1";

/// Bars in one record batch, the unit that is read and checked at once: 448 KiB of columns, small
/// enough for a cache and large enough that one hash call costs nothing beside the hashing.
pub const BARS_PER_BATCH: u64 = 8_192;

/// What a snapshot holds.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: String,
    /// The instruments, by symbol.
    pub instruments: Vec<InstrumentData>,
    /// What a reader should know about the data before trusting a result.
    pub quality: Vec<QualityNote>,
    /// The rows that are no bars.
    pub quarantine: QuarantineData,
    /// The file it was made from.
    pub source: SourceData,
    /// What the source's times mean.
    pub time: TimeMeaning,
    /// The length of every bar.
    #[serde(with = "as_text")]
    pub timeframe: Timeframe,
}

/// One instrument and its bars.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct InstrumentData {
    /// Number of bars, at least one.
    pub bars: u64,
    /// SHA-256 over the canonical bytes of all bars, in sequence of close time.
    #[serde(with = "as_text")]
    pub bars_sha256: Digest,
    /// The record batches of the Arrow file, in sequence of close time.
    pub batches: Vec<BatchData>,
    /// Name of the Arrow file, beside the manifest.
    pub file: String,
    /// SHA-256 of the Arrow file.
    #[serde(with = "as_text")]
    pub file_sha256: Digest,
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
    /// The quantity grid step at the quantity scale.
    #[serde(with = "as_text")]
    pub lot_size: i64,
    /// Decimals of a price.
    pub price_scale: u8,
    /// Decimals of a quantity.
    pub quantity_scale: u8,
    /// The ticker in the source.
    pub symbol: String,
    /// The price grid step at the price scale.
    #[serde(with = "as_text")]
    pub tick_size: i64,
    /// Decimals of a volume.
    pub volume_scale: u8,
}

/// One record batch of an Arrow file: the bytes of its message, metadata and body.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BatchData {
    /// Number of bars, at most [`BARS_PER_BATCH`].
    pub bars: u64,
    /// Close time of its first bar.
    #[serde(with = "nanos")]
    pub first_close: UnixNanos,
    /// Close time of its last bar.
    #[serde(with = "nanos")]
    pub last_close: UnixNanos,
    /// Bytes of metadata and body.
    pub length: u64,
    /// Where it begins in the file, in bytes.
    pub offset: u64,
    /// SHA-256 of those bytes.
    #[serde(with = "as_text")]
    pub sha256: Digest,
}

/// Something about the data that is no error.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct QualityNote {
    /// A stable name, such as `out-of-order`.
    pub code: String,
    /// How many rows, bars or columns it is about.
    pub count: u64,
    /// A sentence for people.
    pub message: String,
}

/// The quarantine file and what is in it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct QuarantineData {
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

/// The file that a snapshot was made from.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SourceData {
    /// Size of the file as it came.
    pub bytes: u64,
    /// `gzip` or `none`.
    pub compression: String,
    /// Its name, for people.
    pub name: String,
    /// Rows in it, header and blank lines apart.
    pub rows: u64,
    /// SHA-256 of the file as it came.
    #[serde(with = "as_text")]
    pub sha256: Digest,
}

impl Manifest {
    /// The canonical JSON: sorted keys, no white space, no floats.
    ///
    /// # Errors
    ///
    /// Returns [`serde_json::Error`] if a value has no JSON form; none here has that fate.
    pub fn canonical(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json_canonicalizer::to_vec(self)
    }

    /// The snapshot's name: the digest of the canonical JSON.
    ///
    /// # Errors
    ///
    /// Returns [`serde_json::Error`] as [`Manifest::canonical`] does.
    pub fn id(&self) -> Result<SnapshotId, serde_json::Error> {
        Ok(SnapshotId(Digest::of(&self.canonical()?)))
    }

    /// Bars of all instruments.
    #[must_use]
    pub fn bars(&self) -> u64 {
        self.instruments
            .iter()
            .fold(0, |sum, one| sum.saturating_add(one.bars))
    }

    /// The earliest open time of a bar.
    #[must_use]
    pub fn first_open(&self) -> Option<UnixNanos> {
        self.instruments.iter().map(|one| one.first_open).min()
    }

    /// The latest close time of a bar.
    #[must_use]
    pub fn last_close(&self) -> Option<UnixNanos> {
        self.instruments.iter().map(|one| one.last_close).max()
    }

    /// What does not hold although the digest does: the manifest was made by something else.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.format != FORMAT {
            return Err(format!(
                "format is {:?}; this program reads {FORMAT}",
                self.format
            ));
        }
        if !self.instruments.is_sorted_by(|a, b| a.symbol < b.symbol) {
            return Err("instruments are not sorted by symbol, each once".to_owned());
        }
        self.instruments.iter().try_for_each(InstrumentData::check)
    }
}

impl InstrumentData {
    /// The instrument, as the trading rules see it.
    ///
    /// # Errors
    ///
    /// Returns [`InstrumentError`] if scales or steps do not hold.
    pub fn instrument(&self) -> Result<Instrument, InstrumentError> {
        Instrument::new(
            self.symbol.clone(),
            (self.price_scale, self.tick_size),
            (self.quantity_scale, self.lot_size),
            self.volume_scale,
        )
    }

    fn check(&self) -> Result<(), String> {
        let symbol = &self.symbol;
        self.instrument().map_err(|error| error.to_string())?;
        if self.file.is_empty() || self.file.contains(['/', '\\', '\0']) {
            return Err(format!("{symbol}: {:?} is no plain file name", self.file));
        }
        let mut bars: u64 = 0;
        for batch in &self.batches {
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

/// Bytes of one record batch: its columns, and 64 KiB for metadata and padding. A manifest that
/// asks for more would make the reader allocate it.
const BATCH_BYTES_MAX: u64 = BARS_PER_BATCH * 56 + 65_536;
