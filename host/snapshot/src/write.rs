//! A snapshot's directory while it is written: nobody sees it before it is whole. A crash leaves
//! a directory whose name begins with `.tmp-`, which may be removed when no ingestion is running.

use std::io::{self, BufWriter, Write as _};

use cap_std::fs::{Dir, File};
use counterfoil_trading::bar::{ClosedBar, RawBar};
use counterfoil_trading::instrument::{Instrument, InstrumentId};
use counterfoil_trading::time::Timeframe;
use counterfoil_trading::units::{Price, Volume};
use sha2::{Digest as _, Sha256};

use crate::arrow_file::BarWriter;
use crate::digest::{Digest, SnapshotId};
use crate::error::IngestError;
use crate::interval::interval;
use crate::manifest::{BARS_PER_BATCH, BatchData, InstrumentData};
use crate::options::TimeMeaning;
use crate::row::Row;
use crate::store::{MANIFEST, SNAPSHOTS};

/// Temporary directories that may be there at once, those of crashed ingestions included.
const STAGINGS_MAX: u32 = 1_000;

/// The directory under its temporary name. Dropped before it is published, it is removed.
#[derive(Debug)]
pub(crate) struct Staging {
    snapshots: Dir,
    name: String,
    dir: Dir,
    published: bool,
}

impl Staging {
    pub(crate) fn new(data: &Dir) -> Result<Self, IngestError> {
        data.create_dir_all(SNAPSHOTS)
            .map_err(IngestError::write(SNAPSHOTS))?;
        let snapshots = data
            .open_dir(SNAPSHOTS)
            .map_err(IngestError::write(SNAPSHOTS))?;
        for number in 0..STAGINGS_MAX {
            let name = format!(".tmp-{number}");
            match snapshots.create_dir(&name) {
                Ok(()) => {
                    let dir = snapshots
                        .open_dir(&name)
                        .map_err(IngestError::write(&name))?;
                    return Ok(Self {
                        snapshots,
                        name,
                        dir,
                        published: false,
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(IngestError::write(&name)(error)),
            }
        }
        let full =
            io::Error::other("too many .tmp- directories of crashed ingestions; remove them");
        Err(IngestError::write(SNAPSHOTS)(full))
    }

    pub(crate) fn create(&self, file: &str) -> Result<BufWriter<File>, IngestError> {
        self.dir
            .create(file)
            .map(BufWriter::new)
            .map_err(IngestError::write(file))
    }

    /// Writes the manifest and gives the directory its name. `false` if that is taken: the same
    /// snapshot is there already.
    pub(crate) fn publish(mut self, id: &SnapshotId, manifest: &[u8]) -> Result<bool, IngestError> {
        let mut file = self.create(MANIFEST)?;
        file.write_all(manifest)
            .map_err(IngestError::write(MANIFEST))?;
        sync(file, MANIFEST)?;
        sync_dir(&self.dir).map_err(IngestError::write(&self.name))?;
        let name = id.hex();
        if self.snapshots.exists(&name) {
            return Ok(false);
        }
        match self.snapshots.rename(&self.name, &self.snapshots, &name) {
            Ok(()) => self.published = true,
            // Another ingestion of the same source was faster.
            Err(_) if self.snapshots.exists(&name) => return Ok(false),
            Err(error) => return Err(IngestError::write(&name)(error)),
        }
        sync_dir(&self.snapshots).map_err(IngestError::write(SNAPSHOTS))?;
        Ok(true)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.published {
            // What cannot be removed is in nobody's way: the next ingestion takes another name.
            drop(self.snapshots.remove_dir_all(&self.name));
        }
    }
}

/// Makes a written file durable.
pub(crate) fn sync(file: BufWriter<File>, name: &str) -> Result<(), IngestError> {
    let file = file
        .into_inner()
        .map_err(|error| IngestError::write(name)(error.into_error()))?;
    file.sync_all().map_err(IngestError::write(name))
}

fn sync_dir(dir: &Dir) -> io::Result<()> {
    dir.open(".")?.sync_all()
}

/// What all bars of a source have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) source: &'a str,
    pub(crate) time_column: &'a str,
    pub(crate) nanos_per_key: i64,
    pub(crate) timeframe: Timeframe,
    pub(crate) meaning: TimeMeaning,
    /// The rows with the most decimals in prices and in volume.
    pub(crate) finest_lines: [u64; 2],
}

/// What was seen while the bars of one instrument were written.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// Bars that open before the bar before them closed.
    pub(crate) overlaps: u64,
    /// Bars without any volume.
    pub(crate) zero_volume: u64,
}

/// Writes the bars of one instrument; its rows are sorted by time, and at least one.
pub(crate) fn write_instrument(
    staging: &Staging,
    index: usize,
    instrument: &Instrument,
    rows: &[Row],
    frame: &Frame<'_>,
    progress: &mut dyn FnMut(u64),
) -> Result<(InstrumentData, Seen), IngestError> {
    let name = format!("{index:04}-{}.arrow", file_part(instrument.symbol()));
    let encode = |error: arrow::error::ArrowError| IngestError::Encode {
        file: name.clone(),
        reason: error.to_string(),
    };
    let mut writer = BarWriter::new(staging.create(&name)?, instrument).map_err(encode)?;
    let mut hash = Sha256::new();
    let mut seen = Seen::default();
    let mut batches = Vec::new();
    let mut ends: Option<(RawBar, RawBar)> = None;
    let mut line = 0;
    for part in rows.chunks(usize::try_from(BARS_PER_BATCH).unwrap_or(usize::MAX)) {
        let mut bars = Vec::with_capacity(part.len());
        for row in part {
            let bar = bar(row, instrument, frame)?;
            let raw = *bar.get();
            if let Some((_, last)) = ends {
                check_sequence(&last, &raw, (line, row.line), instrument, frame)?;
                seen.overlaps = seen
                    .overlaps
                    .saturating_add((raw.open_time < last.close_time).into());
            }
            seen.zero_volume = seen
                .zero_volume
                .saturating_add((raw.volume == Volume(0)).into());
            ends = Some((ends.map_or(raw, |(first, _)| first), raw));
            line = row.line;
            hash.update(bar.canonical());
            bars.push(bar);
        }
        let written = writer.write(&bars).map_err(encode)?;
        if let (Some(first), Some(last)) = (bars.first(), bars.last()) {
            batches.push(BatchData {
                bars: u64::try_from(bars.len()).unwrap_or(u64::MAX),
                first_close: first.get().close_time,
                last_close: last.get().close_time,
                length: written.length,
                offset: written.offset,
                sha256: written.sha256,
            });
        }
        progress(u64::try_from(bars.len()).unwrap_or(u64::MAX));
    }
    let (file, file_sha256) = writer.finish().map_err(encode)?;
    sync(file, &name)?;
    let (first, last) = ends.unwrap_or_default();
    let data = InstrumentData {
        bars: u64::try_from(rows.len()).unwrap_or(u64::MAX),
        bars_sha256: Digest::finish(hash),
        batches,
        file: name,
        file_sha256,
        first_close: first.close_time,
        first_open: first.open_time,
        last_close: last.close_time,
        last_open: last.open_time,
        lot_size: instrument.lot_size(),
        price_scale: instrument.price_scale(),
        quantity_scale: instrument.quantity_scale(),
        symbol: instrument.symbol().to_owned(),
        tick_size: instrument.tick_size(),
        volume_scale: instrument.volume_scale(),
    };
    Ok((data, seen))
}

fn check_sequence(
    last: &RawBar,
    next: &RawBar,
    (first_line, second_line): (u64, u64),
    instrument: &Instrument,
    frame: &Frame<'_>,
) -> Result<(), IngestError> {
    if last.close_time < next.close_time {
        return Ok(());
    }
    // Only calendar months do this: both the 30th and the 31st of January are a month before the
    // end of February.
    Err(IngestError::SameClose {
        file: frame.source.to_owned(),
        symbol: instrument.symbol().to_owned(),
        first_line,
        second_line,
        timeframe: frame.timeframe,
    })
}

fn bar(row: &Row, instrument: &Instrument, frame: &Frame<'_>) -> Result<ClosedBar, IngestError> {
    let file = || frame.source.to_owned();
    let times = row
        .time
        .checked_mul(frame.nanos_per_key)
        .and_then(|stated| interval(frame.timeframe, frame.meaning, stated));
    let (open_time, close_time) = times.ok_or_else(|| IngestError::TimeTooFar {
        file: file(),
        line: row.line,
        column: frame.time_column.to_owned(),
    })?;
    let [price_line, volume_line] = frame.finest_lines;
    let too_large = |column, scale, finest_line| IngestError::NumberTooLarge {
        file: file(),
        line: row.line,
        column,
        scale,
        finest_line,
    };
    let scale = instrument.price_scale();
    let price = |value: i64| {
        let scaled = rescale(value, row.price_scale, scale).map(Price);
        scaled.ok_or_else(|| too_large("prices", scale, price_line))
    };
    let [open, high, low, close] = row.prices;
    let scale = instrument.volume_scale();
    let volume = rescale(row.volume, row.volume_scale, scale);
    ClosedBar::parse(RawBar {
        instrument: InstrumentId(0),
        open_time,
        close_time,
        open: price(open)?,
        high: price(high)?,
        low: price(low)?,
        close: price(close)?,
        volume: volume
            .map(Volume)
            .ok_or_else(|| too_large("volume", scale, volume_line))?,
    })
    .map_err(|source| IngestError::Inconsistent {
        file: file(),
        line: row.line,
        source,
    })
}

fn rescale(value: i64, from: u8, to: u8) -> Option<i64> {
    let factor = 10_i64.checked_pow(u32::from(to.checked_sub(from)?))?;
    value.checked_mul(factor)
}

/// The part of a file name that shows the symbol; the number before it makes the name unique.
fn file_part(symbol: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    symbol
        .chars()
        .take(32)
        .map(|c| if plain(c) { c } else { '_' })
        .collect()
}
