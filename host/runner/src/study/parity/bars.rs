//! The bars that a live run decided, out of its journal and into a snapshot. It must never know
//! what was decided on them.

use core::fmt::Write as _;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Seek as _, SeekFrom, Write as _};

use counterfoil_snapshot::source::options::{EpochUnit, IngestOptions};
use counterfoil_snapshot::store::folder::SnapshotStore;
use counterfoil_snapshot::store::snapshot_id::SnapshotId;
use counterfoil_trading::bar::ClosedBar;
use counterfoil_trading::decimal;
use counterfoil_trading::execution::Delivery;
use counterfoil_trading::instrument::{Instrument, InstrumentId};
use counterfoil_trading::manifest::{InstrumentEntry, RunSetup};
use counterfoil_trading::record::{
    DecisionRecord, DeliveriesRecord, KIND_DECISION, KIND_DELIVERIES, KIND_REFUSED, RefusedInput,
    record_kind,
};
use counterfoil_trading::time::UnixNanos;

use crate::error::RunnerError;
use crate::run::feed::bar_in;
use crate::run::journal::{JournalReader, ReadJournalError};
use crate::store::data_dir::{DataDir, Execution};
use crate::store::files::at;

/// The first line of the file of bars.
const HEADER: &str = "symbol,time,open,high,low,close,volume";

/// How far a journal's whole slices go, and what was refused on the way.
pub(super) struct Taken {
    /// Entries that hold them.
    entries: u64,
    /// The earliest open of any bar in them.
    pub(super) first_open: UnixNanos,
    /// Close times of the first and the last.
    closes: Option<(UnixNanos, UnixNanos)>,
    /// Whether the live run was told of corporate actions or ends of sessions, which are no bars.
    pub(super) has_actions: bool,
    /// Bars that the live run was sent and refused.
    refused: BTreeSet<(String, UnixNanos)>,
    /// The instruments that had a bar.
    seen: BTreeSet<InstrumentId>,
}

impl Taken {
    /// Reads the first `entries` entries of a journal, as far as the last whole slice that closes
    /// by `through`.
    pub(super) fn read(
        execution: &Execution,
        setup: &RunSetup,
        entries: u64,
        through: Option<UnixNanos>,
    ) -> Result<Self, RunnerError> {
        let mut taken = Self {
            entries: 0,
            first_open: UnixNanos(i64::MAX),
            closes: None,
            has_actions: false,
            refused: BTreeSet::new(),
            seen: BTreeSet::new(),
        };
        let mut reader = JournalReader::open(&execution.journal())?;
        let mut under_way = UnderWay::default();
        while reader.index() < entries {
            let before = reader.index();
            let Some(body) = reader.next_body()? else {
                break;
            };
            match record_kind(body).map_err(ReadJournalError::from)? {
                KIND_REFUSED => {
                    let refused = RefusedInput::decode(body).map_err(ReadJournalError::from)?;
                    taken.refuse(&refused, &setup.instruments);
                    continue;
                }
                KIND_DELIVERIES => {
                    let one = DeliveriesRecord::decode(body).map_err(ReadJournalError::from)?;
                    let is_action = |one: &Delivery| matches!(one, Delivery::Action(_));
                    taken.has_actions |= one.deliveries.iter().any(is_action);
                    taken.end(&mut under_way, before);
                    continue;
                }
                KIND_DECISION => {}
                // Every other record is of the next slice, or closes the run.
                _ => {
                    taken.end(&mut under_way, before);
                    continue;
                }
            }
            let one = DecisionRecord::decode(body).map_err(ReadJournalError::from)?;
            let close = one.bar.get().close_time;
            if under_way.close != Some(close) {
                taken.end(&mut under_way, before);
            }
            if through.is_some_and(|through| close > through) {
                break;
            }
            under_way.add(&one.bar);
            taken.seen.insert(one.bar.get().instrument);
            if under_way.bars == setup.instruments.len() {
                taken.end(&mut under_way, reader.index());
            }
        }
        Ok(taken)
    }

    /// Close times of the first and the last slice, if there is one.
    pub(super) const fn closes(&self) -> Option<(UnixNanos, UnixNanos)> {
        self.closes
    }

    /// The instruments without a bar: a snapshot of the bars would not know them.
    pub(super) fn silent<'a>(&self, setup: &'a RunSetup) -> Vec<&'a str> {
        let all = (0..).map(InstrumentId).zip(&setup.instruments);
        let all = all.filter(|(id, _)| !self.seen.contains(id));
        all.map(|(_, one)| one.symbol()).collect()
    }

    /// Whether the live run was sent such a bar and refused it.
    pub(super) fn is_refused(&self, symbol: &str, close: UnixNanos) -> bool {
        self.refused.contains(&(symbol.to_owned(), close))
    }

    fn refuse(&mut self, refused: &RefusedInput, instruments: &[Instrument]) {
        let Some(bar) = bar_in(&refused.input, instruments) else {
            return;
        };
        let instrument = instruments.get(bar.get().instrument.index());
        let symbol = instrument.map(|one| one.symbol().to_owned());
        let close = bar.get().close_time;
        self.refused.extend(symbol.map(|symbol| (symbol, close)));
    }

    /// Notes that the slice under way is whole, with everything before entry `end`.
    fn end(&mut self, under_way: &mut UnderWay, end: u64) {
        let ended = core::mem::take(under_way);
        let Some(close) = ended.close else { return };
        let first = self.closes.map_or(close, |(first, _)| first);
        self.closes = Some((first, close));
        self.first_open = self.first_open.min(ended.first_open);
        self.entries = end;
    }

    /// Makes a snapshot of the bars. Instruments with other decimals or grids have files of their
    /// own, since a file has one of each.
    pub(super) fn ingest(
        &self,
        store: &SnapshotStore,
        data: &DataDir,
        execution: &Execution,
        (setup, now): (&RunSetup, UnixNanos),
    ) -> Result<SnapshotId, RunnerError> {
        let mut snapshot = None;
        let mut grids: Vec<InstrumentEntry> = Vec::new();
        for instrument in &setup.instruments {
            let grid = grid_of(instrument);
            if !grids.contains(&grid) {
                grids.push(grid);
            }
        }
        for grid in &grids {
            let temp = tempfile::tempfile_in(data.root());
            let mut file = temp.map_err(at("write into", data.root()))?;
            let is_of = |one: &Instrument| grid_of(one) == *grid;
            self.write(&mut file, execution, &setup.instruments, &is_of)?;
            let options = IngestOptions {
                timeframe: Some(setup.timeframe),
                epoch_unit: Some(EpochUnit::Nanos),
                price_scale: Some(grid.price_scale),
                tick: Some(grid.tick_size.clone()),
                volume_scale: Some(grid.volume_scale),
                quantity_scale: Some(grid.quantity_scale),
                lot: Some(grid.lot_size.clone()),
                vendor: Some(execution.origin()),
                ingested_at: Some(now),
                revises: snapshot,
                ..IngestOptions::default()
            };
            let name = format!("{}.csv", execution.short().replace('/', "-"));
            let made = store.ingest(file, &name, &options, &mut |_| {})?;
            snapshot = Some(made.id);
        }
        snapshot.ok_or_else(|| RunnerError::NoSlice {
            run: execution.short(),
        })
    }

    /// Writes the bars of some instruments, and goes back to the file's beginning.
    fn write(
        &self,
        file: &mut File,
        execution: &Execution,
        instruments: &[Instrument],
        is_wanted: &dyn Fn(&Instrument) -> bool,
    ) -> Result<(), RunnerError> {
        let path = execution.journal();
        let io = |error| RunnerError::File(at("copy the bars of", &path)(error));
        let mut out = BufWriter::new(&mut *file);
        writeln!(out, "{HEADER}").map_err(io)?;
        let mut reader = JournalReader::open(&path)?;
        let mut line = String::new();
        while reader.index() < self.entries {
            let Some(body) = reader.next_body()? else {
                break;
            };
            if record_kind(body).map_err(ReadJournalError::from)? != KIND_DECISION {
                continue;
            }
            let one = DecisionRecord::decode(body).map_err(ReadJournalError::from)?;
            let instrument = instruments.get(one.bar.get().instrument.index());
            let Some(instrument) = instrument.filter(|one| is_wanted(one)) else {
                continue;
            };
            line.clear();
            put_row(&mut line, instrument, &one.bar);
            writeln!(out, "{line}").map_err(io)?;
        }
        out.flush().map_err(io)?;
        drop(out);
        file.seek(SeekFrom::Start(0)).map_err(io)?;
        Ok(())
    }
}

/// The slice whose bars are being read.
#[derive(Default)]
struct UnderWay {
    close: Option<UnixNanos>,
    first_open: UnixNanos,
    bars: usize,
}

impl UnderWay {
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

/// An instrument's definition apart from its name.
fn grid_of(instrument: &Instrument) -> InstrumentEntry {
    InstrumentEntry {
        symbol: String::new(),
        ..InstrumentEntry::from(instrument)
    }
}

/// One bar as a line of CSV (RFC 4180).
fn put_row(out: &mut String, instrument: &Instrument, bar: &ClosedBar) {
    let bar = bar.get();
    let symbol = instrument.symbol().replace('"', "\"\"");
    let [open, high, low, close] =
        [bar.open, bar.high, bar.low, bar.close].map(|price| instrument.price_text(price));
    let volume = decimal::format(bar.volume.0.into(), instrument.volume_scale());
    // Writing into a text cannot fail.
    let _infallible = write!(
        out,
        "\"{symbol}\",{},{open},{high},{low},{close},{volume}",
        bar.open_time.0
    );
}
