//! A CSV file to a snapshot: every row becomes a bar or stands in quarantine. It must never
//! guess where two readings are possible, and never read a clock.

use std::collections::BTreeMap;
use std::io::Read;

use cap_std::fs::Dir;
use counterfoil_trading::instrument::Instrument;
use counterfoil_trading::time::Timeframe;

use crate::digest::{Digest, SnapshotId};
use crate::error::IngestError;
use crate::interval::from_gap;
use crate::manifest::{FORMAT, InstrumentData, Manifest, SourceData};
use crate::options::IngestOptions;
use crate::quarantine::Quarantine;
use crate::report::IngestReport;
use crate::row::{Row, check_symbol};
use crate::scales::{price_grid, price_scale};
use crate::series::Series;
use crate::source::HashingReader;
use crate::store::{MANIFEST, QUARANTINE, load};
use crate::table::{Table, read_table};
use crate::write::{Frame, Seen, Staging, sync, write_instrument};

/// How far an ingestion is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Progress {
    /// The source is read.
    Reading {
        /// Rows read.
        rows: u64,
        /// Bytes read, after decompression.
        bytes: u64,
    },
    /// The bars are written.
    Writing {
        /// Bars written.
        bars: u64,
        /// Bars in all.
        bars_total: u64,
    },
}

/// What ingestion made.
#[derive(Clone, Debug)]
pub struct Ingested {
    /// The snapshot's name.
    pub id: SnapshotId,
    /// What it holds.
    pub manifest: Manifest,
    /// Whether the same snapshot was there before; it was read whole, and holds.
    pub already_there: bool,
    /// What to tell the user.
    pub report: IngestReport,
}

pub(crate) fn ingest(
    data: &Dir,
    source: impl Read,
    name: &str,
    options: &IngestOptions,
    progress: &mut dyn FnMut(Progress),
) -> Result<Ingested, IngestError> {
    let grid = price_grid(options)?;
    if let Some(symbol) = &options.symbol {
        check_symbol(symbol).map_err(|reason| IngestError::Option {
            option: "symbol",
            reason,
        })?;
    }
    let staging = Staging::new(data)?;
    let mut source = HashingReader::new(source);
    let quarantine = Quarantine::new(staging.create(QUARANTINE)?);
    let table = read_table(&mut source, name, options, grid, (quarantine, progress))?;
    let (sha256, bytes) = source
        .finish()
        .map_err(IngestError::source(name, table.rows))?;
    let source = SourceData {
        bytes,
        compression: if table.gzip { "gzip" } else { "none" }.to_owned(),
        name: name.to_owned(),
        rows: table.rows,
        sha256,
    };
    table.check_not_empty(name)?;
    let (manifest, report) = write_table(&staging, table, source, options, progress)?;
    let encode = |error: serde_json::Error| IngestError::Encode {
        file: MANIFEST.to_owned(),
        reason: error.to_string(),
    };
    let bytes = manifest.canonical().map_err(encode)?;
    let id = SnapshotId(Digest::of(&bytes));
    let already_there = !staging.publish(&id, &bytes)?;
    if already_there {
        // "Already there" is said of a snapshot that holds, not of a directory with its name.
        let damaged = |error| IngestError::Damaged(Box::new(error));
        let there = load(data, &id).map_err(damaged)?;
        there.verify_all().map_err(damaged)?;
    }
    Ok(Ingested {
        id,
        manifest,
        already_there,
        report,
    })
}

/// The rows of every instrument, by symbol and time.
type Rows = BTreeMap<String, Vec<Row>>;

/// Writes all bars and the quarantine file of a source.
fn write_table(
    staging: &Staging,
    table: Table,
    source: SourceData,
    options: &IngestOptions,
    progress: &mut dyn FnMut(Progress),
) -> Result<(Manifest, IngestReport), IngestError> {
    let Table {
        columns,
        series,
        times,
        quarantine,
        rows: rows_read,
        blank_lines,
        finest: [finest_price, finest_volume],
        ..
    } = table;
    let name = source.name.as_str();
    let out_of_order = series.values().map(Series::late).sum();
    let rows: Rows = series
        .into_iter()
        .map(|(symbol, series)| (symbol, series.into_rows()))
        .collect();
    let nanos_per_key = times.nanos_per_key(name, &columns.time_name)?;
    let timeframe = match options.timeframe {
        Some(timeframe) => timeframe,
        None => infer_timeframe(name, &rows, nanos_per_key)?,
    };
    let (price_scale, tick_size, finest_price_line) = price_scale(options, finest_price)?;
    let volume_scale = finest_volume.0;
    let frame = Frame {
        source: name,
        time_column: &columns.time_name,
        nanos_per_key,
        timeframe,
        meaning: options.time,
        finest_lines: [finest_price_line, finest_volume.1],
    };
    let scales = (price_scale, tick_size, volume_scale);
    let (instruments, seen) = write_bars(staging, rows, scales, &frame, progress)?;
    let (file, quarantine) = quarantine.finish();
    sync(file, QUARANTINE)?;
    let report = IngestReport {
        rows: rows_read,
        bars: instruments.iter().map(|one| one.bars).sum(),
        quarantined: quarantine.data.rows,
        reasons: quarantine.data.reasons.clone(),
        examples: quarantine.examples,
        out_of_order,
        overlaps: seen.overlaps,
        zero_volume: seen.zero_volume,
        blank_lines,
        ignored_columns: columns.ignored,
        timeframe,
        timeframe_inferred: options.timeframe.is_none(),
        price_scale,
        volume_scale,
    };
    let manifest = Manifest {
        format: FORMAT.to_owned(),
        instruments,
        quality: report.notes(),
        quarantine: quarantine.data,
        source,
        time: options.time,
        timeframe,
    };
    Ok((manifest, report))
}

/// Writes the files of all instruments, one after the other, and frees the rows of each.
fn write_bars(
    staging: &Staging,
    rows: Rows,
    (price_scale, tick_size, volume_scale): (u8, i64, u8),
    frame: &Frame<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<(Vec<InstrumentData>, Seen), IngestError> {
    let count = |rows: &Vec<Row>| u64::try_from(rows.len()).unwrap_or(u64::MAX);
    let bars_total = rows.values().map(count).sum();
    let mut bars: u64 = 0;
    let mut all = Vec::with_capacity(rows.len());
    let mut seen_all = Seen::default();
    for (index, (symbol, rows)) in rows.into_iter().enumerate() {
        let instrument = Instrument::new(symbol, (price_scale, tick_size), (0, 1), volume_scale)
            .map_err(|source| IngestError::Instrument {
                file: frame.source.to_owned(),
                source,
            })?;
        let (data, seen) =
            write_instrument(staging, index, &instrument, &rows, frame, &mut |more| {
                bars = bars.saturating_add(more);
                progress(Progress::Writing { bars, bars_total });
            })?;
        seen_all.overlaps = seen_all.overlaps.saturating_add(seen.overlaps);
        seen_all.zero_volume = seen_all.zero_volume.saturating_add(seen.zero_volume);
        all.push(data);
    }
    Ok((all, seen_all))
}

/// The timeframe that the smallest gap between two rows of one instrument tells.
fn infer_timeframe(file: &str, rows: &Rows, nanos_per_key: i64) -> Result<Timeframe, IngestError> {
    let gaps = rows.values().flat_map(|rows| {
        let next = rows.iter().skip(1);
        rows.iter()
            .zip(next)
            .filter_map(|(a, b)| b.time.checked_sub(a.time)?.checked_mul(nanos_per_key))
    });
    from_gap(gaps.min()).map_err(|reason| IngestError::NoTimeframe {
        file: file.to_owned(),
        reason,
    })
}
