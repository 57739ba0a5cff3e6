//! Some instruments of a snapshot in a range of time, what a journal commits to about their bars,
//! and the way to read them. It must never know a run.

use std::collections::BTreeMap;
use std::sync::Arc;

use counterfoil_trading::corporate::{CorporateAction, CorporateActionKind};
use counterfoil_trading::instrument::{Instrument, InstrumentId};
use counterfoil_trading::manifest::CalendarEntry;
use counterfoil_trading::time::{Timeframe, UnixNanos};
use sha2::{Digest as _, Sha256};

use crate::quality::actions::SymbolAction;
use crate::store::batches::{BarReader, TimeRange};
use crate::store::contents::SnapshotContents;
use crate::store::manifest::LayerInstrument;
use crate::store::read_error::ReadError;
use crate::store::slices::SliceReader;
use crate::store::snapshot_id::SnapshotId;
use counterfoil_base::digest::Digest;

/// Bars of a snapshot. The id of an instrument is its place among the selected ones, in the sequence in which
/// they were asked for; of the whole snapshot, by symbol.
#[derive(Clone, Debug)]
pub struct BarSelection {
    contents: Arc<SnapshotContents>,
    /// Places in the manifest, in sequence of ids.
    places: Vec<usize>,
    range: TimeRange,
}

/// A journal's commitment to an instrument's bars.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InstrumentCommitment {
    /// The instrument.
    pub symbol: String,
    /// Number of bars; it may be 0, as for a share that was not yet listed.
    pub bars: u64,
    /// Close time of the first bar.
    pub first_close: Option<UnixNanos>,
    /// Close time of the last bar.
    pub last_close: Option<UnixNanos>,
    /// SHA-256 over the canonical bytes of the bars, in sequence of close time.
    pub bars_sha256: Digest,
}

impl BarSelection {
    pub(crate) fn new(
        contents: Arc<SnapshotContents>,
        places: Vec<usize>,
        range: TimeRange,
    ) -> Self {
        Self {
            contents,
            places,
            range,
        }
    }

    /// The snapshot.
    pub(crate) fn source(&self) -> SnapshotId {
        self.contents.id
    }

    /// The length of every bar.
    pub(crate) fn timeframe(&self) -> Timeframe {
        self.contents.manifest.timeframe
    }

    /// The calendars of its instruments.
    #[must_use]
    pub fn calendars(&self) -> Vec<CalendarEntry> {
        let instruments = self.instruments();
        self.contents.manifest.calendars_of(&instruments)
    }

    /// The start and the end of the range.
    pub(crate) const fn range(&self) -> [Option<UnixNanos>; 2] {
        [self.range.from, self.range.to]
    }

    /// The instruments; an [`InstrumentId`] is the place in this list.
    #[must_use]
    pub fn instruments(&self) -> Vec<Instrument> {
        let all = &self.contents.instruments;
        self.places
            .iter()
            .filter_map(|place| all.get(*place).cloned())
            .collect()
    }

    /// Number, ends and digest of the bars of each instrument, in sequence of id. Where an
    /// instrument is selected whole this is from the manifest, otherwise its bars are read.
    ///
    /// # Errors
    ///
    /// Returns [`ReadError`] if bars must be read and do not hold.
    pub fn commitment(&self) -> Result<Vec<InstrumentCommitment>, ReadError> {
        let mut all = Vec::with_capacity(self.places.len());
        for place in &self.places {
            let Some(data) = self.contents.manifest.instruments.get(*place) else {
                continue;
            };
            // The manifest's digest of the bars can replace them only if all of them are selected;
            // the bars are then checked against it as they are read.
            all.push(if is_whole(data, self.range) {
                InstrumentCommitment {
                    symbol: data.symbol.clone(),
                    bars: data.bars,
                    first_close: Some(data.first_close),
                    last_close: Some(data.last_close),
                    bars_sha256: data.bars_sha256,
                }
            } else {
                self.read_commitment(*place, data)?
            });
        }
        Ok(all)
    }

    /// The corporate actions of the instruments in the range, by ex-time, then by instrument; of
    /// one instrument and time a split comes before what is paid on the new shares. A halt that
    /// began before the range and lasts into it is in it. With a calendar the ends of sessions are
    /// among them, from the last one before an instrument's first bar to its last bar.
    ///
    /// # Errors
    ///
    /// Returns [`ReadError`] if the file was changed or cannot be read.
    pub fn actions(&self) -> Result<Vec<CorporateAction>, ReadError> {
        let ids: BTreeMap<String, InstrumentId> = self
            .instruments()
            .iter()
            .zip(0..)
            .map(|(instrument, id)| (instrument.symbol().to_owned(), InstrumentId(id)))
            .collect();
        let inside = |action: &SymbolAction| {
            let last = match action.kind {
                CorporateActionKind::Halt { until } => UnixNanos(until.0.saturating_sub(1)),
                CorporateActionKind::Split { .. }
                | CorporateActionKind::Dividend { .. }
                | CorporateActionKind::SymbolChange { .. }
                | CorporateActionKind::Delisting { .. }
                | CorporateActionKind::SessionEnd => action.ex_time,
            };
            self.range.from.is_none_or(|from| from <= last)
                && self.range.to.is_none_or(|to| action.ex_time < to)
        };
        let all = self.contents.actions()?.into_iter().filter_map(|action| {
            let instrument = *ids.get(&action.instrument)?;
            inside(&action).then_some(CorporateAction {
                instrument,
                ex_time: action.ex_time,
                kind: action.kind,
            })
        });
        let mut all: Vec<CorporateAction> = all.collect();
        // Of one instrument and time the file is sorted by kind; the end of a session is last.
        self.add_session_ends(&mut all)?;
        // Stable: of one time and instrument a split stays before what is paid on the new shares.
        all.sort_by_key(|action| (action.ex_time, action.instrument));
        Ok(all)
    }

    /// The same instruments in the sequence of a snapshot, by symbol.
    pub(crate) fn by_symbol(&self) -> Self {
        let mut places = self.places.clone();
        places.sort_unstable();
        Self {
            places,
            ..self.clone()
        }
    }

    /// The close of the first bar of the instruments in the whole snapshot.
    #[must_use]
    pub fn first_close(&self) -> Option<UnixNanos> {
        let all = &self.contents.manifest.instruments;
        let own = self.places.iter().filter_map(|place| all.get(*place));
        own.map(|data| data.first_close).min()
    }

    /// The close of the last bar of the instruments in the whole snapshot.
    #[must_use]
    pub fn last_close(&self) -> Option<UnixNanos> {
        let all = &self.contents.manifest.instruments;
        let own = self.places.iter().filter_map(|place| all.get(*place));
        own.map(|data| data.last_close).max()
    }

    /// The session ends of the whole snapshot.
    pub(crate) fn session_ends(&self) -> Result<Vec<UnixNanos>, ReadError> {
        self.contents.session_ends()
    }

    /// By id, the session ends of an instrument with a calendar of its own.
    pub(crate) fn own_session_ends(&self) -> Result<Vec<Option<Vec<UnixNanos>>>, ReadError> {
        let own = |place: &usize| self.contents.own_session_ends(*place);
        self.places.iter().map(own).collect()
    }

    fn add_session_ends(&self, all: &mut Vec<CorporateAction>) -> Result<(), ReadError> {
        let common = self.contents.session_ends()?;
        for (place, id) in self.places.iter().zip(0..) {
            let Some(data) = self.contents.manifest.instruments.get(*place) else {
                continue;
            };
            // Of its own calendar none as well: a coin has no session that a stock exchange ends.
            let own = self.contents.own_session_ends(*place)?;
            let ends = own.as_ref().unwrap_or(&common);
            let from = self
                .range
                .from
                .map_or(data.first_open, |from| from.max(data.first_open));
            let to = self
                .range
                .to
                .map_or(data.last_close, |to| to.min(data.last_close));
            // The last one before the first bar shows that there are sessions.
            let first = ends.partition_point(|end| *end <= from).saturating_sub(1);
            let own = ends.iter().skip(first).take_while(|end| **end < to);
            all.extend(own.map(|end| CorporateAction {
                instrument: InstrumentId(id),
                ex_time: *end,
                kind: CorporateActionKind::SessionEnd,
            }));
        }
        Ok(())
    }

    /// The bars, slice by slice.
    #[must_use]
    pub fn slices(&self) -> SliceReader {
        let readers = self.places.iter().zip(0..).map(|(place, id)| {
            BarReader::new(
                Arc::clone(&self.contents),
                *place,
                InstrumentId(id),
                self.range,
            )
        });
        SliceReader::new(readers.collect())
    }

    fn read_commitment(
        &self,
        place: usize,
        data: &LayerInstrument,
    ) -> Result<InstrumentCommitment, ReadError> {
        let contents = Arc::clone(&self.contents);
        let mut bars = BarReader::new(contents, place, InstrumentId(0), self.range);
        let mut hash = Sha256::new();
        let mut count: u64 = 0;
        let (mut first_close, mut last_close) = (None, None);
        while let Some(bar) = bars.next_bar()? {
            hash.update(bar.canonical());
            count = count.saturating_add(1);
            last_close = Some(bar.get().close_time);
            first_close = first_close.or(last_close);
        }
        let bars_sha256 = Digest::finish(hash);
        let symbol = data.symbol.clone();
        Ok(InstrumentCommitment {
            symbol,
            bars: count,
            first_close,
            last_close,
            bars_sha256,
        })
    }
}

fn is_whole(data: &LayerInstrument, range: TimeRange) -> bool {
    range.from.is_none_or(|from| from <= data.first_open)
        && range.to.is_none_or(|to| data.last_open < to)
}
