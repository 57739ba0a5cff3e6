//! The bars that a live run decided, copied from its journal into a snapshot. It must never know what was decided on
//! them.

use core::fmt::Write as _;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Seek as _, SeekFrom, Write as _};

use counterfoil_os::files::{FileError, unnamed_in};
use counterfoil_snapshot::snapshot_store::SnapshotStore;
use counterfoil_snapshot::source::choices::{EpochUnit, GapRule, TimeMeaning};
use counterfoil_snapshot::source::options::IngestOptions;
use counterfoil_snapshot::store::snapshot_id::SnapshotId;
use counterfoil_trading::bar::ClosedBar;
use counterfoil_trading::bar_grid::session_cut;
use counterfoil_trading::decimal;
use counterfoil_trading::execution::Delivery;
use counterfoil_trading::instrument::{Instrument, InstrumentId};
use counterfoil_trading::manifest::{InstrumentEntry, Manifest, RunSetup};
use counterfoil_trading::record::{
    DecisionRecord, DecisionStarts, DeliveriesRecord, KIND_DECISION, KIND_DELIVERIES, KIND_REFUSED,
    RefusedInput, record_kind,
};
use counterfoil_trading::time::{DAY_NANOS, Timeframe, UnixNanos};

use super::ParityError;
use crate::run::feed::bar_in;
use crate::run::journal::{JournalReader, ReadJournalError};
use crate::store::data_dir::{DataDir, Execution};

/// The header of the file of bars.
const HEADER: &str = "symbol,time,open,high,low,close,volume";

/// The whole slices of a live run's journal, and the bars that it refused.
pub(super) struct LiveBars {
    /// Entries up to the end of the last whole slice.
    entries: u64,
    /// The earliest open time of their bars.
    pub(super) first_open: UnixNanos,
    /// Close times of the first and the last slice.
    closes: Option<(UnixNanos, UnixNanos)>,
    /// Whether the live run received corporate actions or session ends, which bars do not show.
    pub(super) has_actions: bool,
    lengths: BarLengths,
    /// Bars that the live run refused.
    refused: BTreeSet<(String, UnixNanos)>,
    /// Instruments with a bar.
    seen: BTreeSet<InstrumentId>,
}

impl LiveBars {
    /// Reads the first `entries` entries of a journal, up to the last whole slice that closes by `through`.
    pub(super) fn read(
        execution: &Execution,
        setup: &RunSetup,
        entries: u64,
        through: Option<UnixNanos>,
    ) -> Result<Self, ReadJournalError> {
        let mut live_bars = Self {
            entries: 0,
            first_open: UnixNanos(i64::MAX),
            closes: None,
            has_actions: false,
            lengths: BarLengths::default(),
            refused: BTreeSet::new(),
            seen: BTreeSet::new(),
        };
        let mut reader = JournalReader::open(&execution.journal())?;
        let mut open_slice = PartialSlice::default();
        let mut starts = DecisionStarts::default();
        // Up to the verified checkpoint and not to the end of the file, to which the live run may still append.
        while reader.index() < entries {
            let before = reader.index();
            let Some(body) = reader.next_body()? else {
                break;
            };
            match record_kind(body)? {
                KIND_REFUSED => {
                    let refused = RefusedInput::decode(body)?;
                    live_bars.refuse(&refused, &setup.instruments);
                    continue;
                }
                KIND_DELIVERIES => {
                    let record = DeliveriesRecord::decode(body)?;
                    let is_action = |delivery: &Delivery| matches!(delivery, Delivery::Action(_));
                    live_bars.has_actions |= record.deliveries.iter().any(is_action);
                    live_bars.end(&mut open_slice, before);
                    continue;
                }
                KIND_DECISION => {}
                // Every other record belongs to the next slice, or closes the run.
                _ => {
                    live_bars.end(&mut open_slice, before);
                    continue;
                }
            }
            let decision = DecisionRecord::decode(body)?;
            if !starts.begins(decision.decided_bar()) {
                continue;
            }
            let close = decision.bar.get().close_time;
            if open_slice.close != Some(close) {
                live_bars.end(&mut open_slice, before);
            }
            // Read no further: the slices come in order, so every later one is out as well.
            if through.is_some_and(|through| close > through) {
                break;
            }
            open_slice.add(&decision.bar);
            live_bars.lengths.add(setup, &decision.bar);
            live_bars.seen.insert(decision.bar.get().instrument);
            if open_slice.bars == setup.instruments.len() {
                live_bars.end(&mut open_slice, reader.index());
            }
        }
        Ok(live_bars)
    }

    /// Close times of the first and the last slice; `None` without a whole slice.
    pub(super) const fn closes(&self) -> Option<(UnixNanos, UnixNanos)> {
        self.closes
    }

    /// The symbols of instruments without a bar, which a snapshot of the bars would lack.
    pub(super) fn without_bars<'a>(&self, setup: &'a RunSetup) -> Vec<&'a str> {
        let all = (0..).map(InstrumentId).zip(&setup.instruments);
        let all = all.filter(|(id, _)| !self.seen.contains(id));
        all.map(|(_, instrument)| instrument.symbol()).collect()
    }

    /// Whether the live run refused such a bar.
    pub(super) fn is_refused(&self, symbol: &str, close: UnixNanos) -> bool {
        self.refused.contains(&(symbol.to_owned(), close))
    }

    fn refuse(&mut self, refused: &RefusedInput, instruments: &[Instrument]) {
        let Some(bar) = bar_in(&refused.input, instruments) else {
            return;
        };
        let instrument = instruments.get(bar.get().instrument.index());
        let symbol = instrument.map(|instrument| instrument.symbol().to_owned());
        let close = bar.get().close_time;
        self.refused.extend(symbol.map(|symbol| (symbol, close)));
    }

    /// Notes that the open slice is whole, and ends before entry `end`.
    fn end(&mut self, open_slice: &mut PartialSlice, end: u64) {
        let ended = core::mem::take(open_slice);
        let Some(close) = ended.close else { return };
        let first = self.closes.map_or(close, |(first, _)| first);
        self.closes = Some((first, close));
        self.first_open = self.first_open.min(ended.first_open);
        self.entries = end;
    }

    /// Makes a snapshot of the bars. Instruments with different scales or grids go into files of their own, as a file has
    /// one of each.
    pub(super) fn ingest(
        &self,
        store: &SnapshotStore,
        data: &DataDir,
        execution: &Execution,
        manifest: &Manifest,
        now: UnixNanos,
    ) -> Result<SnapshotId, ParityError> {
        if self.lengths.has_others() {
            return Err(ParityError::OtherLengths {
                run: execution.short(),
            });
        }
        let setup = manifest.setup()?;
        let mut snapshot = None;
        let mut grids: Vec<InstrumentEntry> = Vec::new();
        for instrument in &setup.instruments {
            let grid = grid_of(instrument);
            if !grids.contains(&grid) {
                grids.push(grid);
            }
        }
        for grid in &grids {
            // Without a name: if the process stops here, no half file of bars is left for a later ingest.
            let mut file = unnamed_in(data.root())?;
            let is_of = |instrument: &Instrument| grid_of(instrument) == *grid;
            let symbols = self.write(&mut file, execution, &setup.instruments, &is_of)?;
            let options = IngestOptions {
                timeframe: Some(setup.timeframe),
                gaps: GapRule::Any,
                time: Some(TimeMeaning::Open),
                calendars: manifest.calendars.clone(),
                epoch_unit: Some(EpochUnit::Nanos),
                price_scale: Some(grid.price_scale),
                tick: Some(grid.tick_size.clone()),
                volume_scale: Some(grid.volume_scale),
                quantity_scale: Some(grid.quantity_scale),
                lot: Some(grid.lot_size.clone()),
                negative_prices: if grid.negative_prices {
                    symbols
                } else {
                    BTreeSet::new()
                },
                vendor: Some(execution.origin()),
                ingested_at: Some(now),
                revises: snapshot,
                ..IngestOptions::default()
            };
            let name = format!("{}.csv", execution.short().replace('/', "-"));
            let made = store.ingest(file, &name, &options, &mut |_| {})?;
            snapshot = Some(made.id);
        }
        snapshot.ok_or_else(|| ParityError::NoSlice {
            run: execution.short(),
        })
    }

    /// Writes the bars of the wanted instruments, and rewinds the file; the symbols that have a bar.
    fn write(
        &self,
        file: &mut File,
        execution: &Execution,
        instruments: &[Instrument],
        is_wanted: &dyn Fn(&Instrument) -> bool,
    ) -> Result<BTreeSet<String>, ParityError> {
        let mut symbols = BTreeSet::new();
        let path = execution.journal();
        let io = |error| ParityError::File(FileError::at("copy the bars of", &path)(error));
        let mut out = BufWriter::new(&mut *file);
        writeln!(out, "{HEADER}").map_err(io)?;
        let mut reader = JournalReader::open(&path)?;
        let mut line = String::new();
        let mut starts = DecisionStarts::default();
        while reader.index() < self.entries {
            let Some(body) = reader.next_body()? else {
                break;
            };
            if record_kind(body).map_err(ReadJournalError::from)? != KIND_DECISION {
                continue;
            }
            let decision = DecisionRecord::decode(body).map_err(ReadJournalError::from)?;
            if !starts.begins(decision.decided_bar()) {
                continue;
            }
            let instrument = instruments.get(decision.bar.get().instrument.index());
            let Some(instrument) = instrument.filter(|instrument| is_wanted(instrument)) else {
                continue;
            };
            if !symbols.contains(instrument.symbol()) {
                symbols.insert(instrument.symbol().to_owned());
            }
            line.clear();
            put_row(&mut line, instrument, &decision.bar);
            writeln!(out, "{line}").map_err(io)?;
        }
        out.flush().map_err(io)?;
        drop(out);
        file.seek(SeekFrom::Start(0)).map_err(io)?;
        Ok(symbols)
    }
}

/// Whether bars close where ingested ones would, which state their open times alone.
#[derive(Default)]
struct BarLengths {
    /// Whether a bar follows an exchange's clock.
    has_other: bool,
    /// Instruments with bars that end with their session, with whole ones that reach beyond it, and with bars that
    /// open after it.
    cut: BTreeSet<InstrumentId>,
    beyond: BTreeSet<InstrumentId>,
    later: BTreeSet<InstrumentId>,
}

impl BarLengths {
    fn add(&mut self, setup: &RunSetup, bar: &ClosedBar) {
        let bar = bar.get();
        let Timeframe::Fixed(nanos) = setup.timeframe else {
            self.has_other |= bar.open_time.0.rem_euclid(DAY_NANOS) != 0;
            return;
        };
        let id = bar.instrument;
        let is_whole = bar.open_time.0.checked_add(nanos) == Some(bar.close_time.0);
        let Some(calendar) = setup.calendars.of(id.index()) else {
            self.has_other |= !is_whole;
            return;
        };
        if calendar.is_after_session(bar.open_time) {
            self.later.insert(id);
        }
        let cut = session_cut(setup.timeframe, calendar, bar.open_time);
        if cut == Some(bar.close_time) {
            self.cut.insert(id);
        } else if cut.is_some() && is_whole {
            self.beyond.insert(id);
        } else {
            self.has_other |= !is_whole;
        }
    }

    /// Whether a bar closes elsewhere: ingestion ends the last bar of a session with it, unless the instrument trades
    /// on.
    fn has_others(&self) -> bool {
        let is_cut = self.cut.iter().any(|id| self.later.contains(id));
        let is_beyond = self.beyond.iter().any(|id| !self.later.contains(id));
        self.has_other || is_cut || is_beyond
    }
}

/// The slice whose bars are read now.
#[derive(Default)]
struct PartialSlice {
    close: Option<UnixNanos>,
    first_open: UnixNanos,
    bars: usize,
}

impl PartialSlice {
    fn add(&mut self, bar: &ClosedBar) {
        let bar = bar.get();
        let first_open = if self.close.is_none() {
            bar.open_time
        } else {
            self.first_open.min(bar.open_time)
        };
        *self = Self {
            close: Some(bar.close_time),
            first_open,
            bars: self.bars.saturating_add(1),
        };
    }
}

/// An instrument's definition as a file of bars states it: without its symbol, and without the volume mark,
/// which follows from the bars.
fn grid_of(instrument: &Instrument) -> InstrumentEntry {
    InstrumentEntry {
        symbol: String::new(),
        volume: None,
        ..InstrumentEntry::from(instrument)
    }
}

/// Appends a bar as a line of CSV (RFC 4180).
fn put_row(out: &mut String, instrument: &Instrument, bar: &ClosedBar) {
    let bar = bar.get();
    let symbol = instrument.symbol().replace('"', "\"\"");
    let [open, high, low, close] =
        [bar.open, bar.high, bar.low, bar.close].map(|price| instrument.price_text(price));
    let volume = decimal::format(bar.volume.0.into(), instrument.volume_scale());
    // Writing into a string cannot fail.
    let _infallible = write!(
        out,
        "\"{symbol}\",{},{open},{high},{low},{close},{volume}",
        bar.open_time.0
    );
}
