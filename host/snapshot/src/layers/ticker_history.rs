//! Which instrument the rows of a ticker are of: tickers pass to other instruments, by a symbol change or after a
//! delisting. It must never know a price.

use std::collections::BTreeMap;

use counterfoil_trading::corporate::CorporateActionKind;
use counterfoil_trading::time::{DAY_NANOS, UnixNanos};

use crate::error::IngestError;
use crate::quality::actions::SymbolAction;
use crate::source::symbols::check_symbol;
use crate::source::times::date;
use crate::spool::series::{SeriesFile, SeriesStep, TickerShare};
use crate::store::manifest::{LayerInstrument, LayerTicker};

/// Between the name of an instrument that reuses a ticker and the date on which it begins.
const REUSED: char = '@';

/// How long a ticker rests after a delisting before its rows are of another instrument: longer than a weekend with
/// holidays, so that rows that a vendor repeats after the end stay errors.
const REST_NANOS: i64 = 5 * DAY_NANOS;

/// A ticker that an instrument got after its first.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct TickerRename {
    pub(crate) from: UnixNanos,
    pub(crate) instrument: String,
    pub(crate) ticker: String,
}

/// A delisting, after which the ticker may be another instrument's.
#[derive(Clone, Debug, Eq, PartialEq)]
struct TickerEnd {
    at: UnixNanos,
    instrument: String,
}

/// An instrument that has the ticker of one that was delisted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ReusedTicker {
    /// The first row of it.
    from: UnixNanos,
    /// The instrument that was delisted.
    before: String,
    ticker: String,
    /// Its own name.
    instrument: String,
}

impl ReusedTicker {
    /// The instrument that an instrument's name means at a time.
    pub(crate) fn owner<'a>(all: &'a [Self], instrument: &'a str, time: UnixNanos) -> &'a str {
        let reuses = all.iter().filter(|reused| {
            // Actions are of dates, and a day of bars may begin hours after its date.
            reused.before == instrument && reused.from.day() <= time.day()
        });
        let latest = reuses.max_by_key(|reused| reused.from);
        latest.map_or(instrument, |reused| &reused.instrument)
    }

    /// The first ticker of an instrument.
    pub(crate) fn ticker_of<'a>(all: &'a [Self], instrument: &'a str) -> &'a str {
        let mut own = all.iter().filter(|reused| reused.instrument == instrument);
        own.next().map_or(instrument, |reused| &reused.ticker)
    }

    /// Those of a layer's instruments.
    pub(crate) fn of_instruments<'a>(
        instruments: impl Iterator<Item = &'a LayerInstrument>,
    ) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for instrument in instruments {
            let parts = instrument.symbol.rsplit_once(REUSED);
            let (Some((before, _)), Some(first)) = (parts, instrument.tickers.first()) else {
                continue;
            };
            if first.symbol == instrument.symbol {
                continue;
            }
            let from = first.from;
            match all
                .iter_mut()
                .find(|known| known.instrument == instrument.symbol)
            {
                Some(known) => known.from = known.from.min(from),
                None => all.push(Self {
                    from,
                    before: before.to_owned(),
                    ticker: first.symbol.clone(),
                    instrument: instrument.symbol.clone(),
                }),
            }
        }
        all
    }

    /// The change of symbol by which reports show the ticker in place of the name.
    fn change(&self) -> SymbolAction {
        SymbolAction {
            ex_time: self.from,
            instrument: self.instrument.clone(),
            kind: CorporateActionKind::SymbolChange {
                symbol: self.ticker.clone(),
            },
        }
    }

    /// Gives actions to the instruments that had the names at the time, and adds the changes to their tickers.
    pub(crate) fn assign_actions(all: &[Self], actions: &mut Vec<SymbolAction>) {
        if all.is_empty() {
            return;
        }
        for action in actions.iter_mut() {
            action.instrument = Self::owner(all, &action.instrument, action.ex_time).to_owned();
        }
        for change in all.iter().map(Self::change) {
            if !actions.iter().any(|action| action.key() == change.key()) {
                actions.push(change);
            }
        }
        actions.sort_by(|a, b| a.key().cmp(&b.key()));
    }
}

/// By instrument, which rows are its own. Of two rows with one time the earlier share's counts.
pub(crate) type SharesByInstrument = BTreeMap<String, Vec<TickerShare>>;

/// What a file of actions says of tickers, and the instruments that are known to reuse one.
#[derive(Clone, Debug, Default)]
pub(crate) struct TickerHistory {
    pub(crate) renames: Vec<TickerRename>,
    delistings: Vec<TickerEnd>,
    known: Vec<ReusedTicker>,
}

/// The instrument of each ticker's rows.
pub(crate) struct TickerOwnership {
    pub(crate) shares: SharesByInstrument,
    /// By instrument, the tickers it got after its first.
    pub(crate) later_tickers: BTreeMap<String, Vec<LayerTicker>>,
    /// Instruments whose first ticker was another's before.
    pub(crate) reused: Vec<ReusedTicker>,
}

impl TickerHistory {
    /// From a file of actions, and the instruments of the snapshot that the file revises.
    pub(crate) fn new(actions: &[SymbolAction], revised: &[LayerInstrument]) -> Self {
        let mut history = Self {
            known: ReusedTicker::of_instruments(revised.iter()),
            ..Self::default()
        };
        for action in actions {
            let (at, instrument) = (action.ex_time, action.instrument.clone());
            match &action.kind {
                CorporateActionKind::SymbolChange { symbol } => {
                    history.renames.push(TickerRename {
                        from: at,
                        instrument,
                        ticker: symbol.clone(),
                    });
                }
                CorporateActionKind::Delisting { .. } => {
                    history.delistings.push(TickerEnd { at, instrument });
                }
                CorporateActionKind::Split { .. }
                | CorporateActionKind::Dividend { .. }
                | CorporateActionKind::Halt { .. }
                | CorporateActionKind::SessionEnd => {}
            }
        }
        history
    }

    /// Its settings in a recipe.
    pub(crate) fn settings(&self) -> [(&'static str, Option<String>); 3] {
        let text = |lines: Vec<String>| (!lines.is_empty()).then(|| lines.join("\n"));
        let rename = |rename: &TickerRename| {
            format!("{} {} {}", rename.from.0, rename.instrument, rename.ticker)
        };
        let end = |end: &TickerEnd| format!("{} {}", end.at.0, end.instrument);
        let reuse = |reused: &ReusedTicker| format!("{} {}", reused.from.0, reused.instrument);
        [
            ("renames", text(self.renames.iter().map(rename).collect())),
            (
                "delistings",
                text(self.delistings.iter().map(end).collect()),
            ),
            ("reused", text(self.known.iter().map(reuse).collect())),
        ]
    }

    /// Gives the rows of a ticker to the instrument that had it at the time.
    pub(crate) fn assign(
        &self,
        series: &SeriesFile<'_>,
        nanos_per_key: i64,
    ) -> Result<TickerOwnership, IngestError> {
        let mut ownership = self.assign_renamed(series, nanos_per_key)?;
        for end in &self.delistings {
            self.split_at(&mut ownership, end, series, nanos_per_key)?;
        }
        Ok(ownership)
    }

    /// Gives the rows that come after a delisting and a rest to an instrument of their own.
    fn split_at(
        &self,
        ownership: &mut TickerOwnership,
        end: &TickerEnd,
        series: &SeriesFile<'_>,
        nanos_per_key: i64,
    ) -> Result<(), IngestError> {
        let before = ReusedTicker::owner(&ownership.reused, &end.instrument, end.at).to_owned();
        let Some(shares) = ownership.shares.get(&before) else {
            return Ok(());
        };
        let Some(from) = first_after_rest(series, shares, end.at, nanos_per_key)? else {
            return Ok(());
        };
        let later = ownership.later_tickers.get(&before);
        let ticker = later.and_then(|all| all.last()).map_or_else(
            || ReusedTicker::ticker_of(&ownership.reused, &before).to_owned(),
            |last| last.symbol.clone(),
        );
        // A later file of the same instrument begins on another day: the name that the snapshot has counts.
        let known = self.known.iter().filter(|known| {
            known.before == end.instrument && known.from >= end.at && known.from <= from
        });
        let instrument = match known.max_by_key(|known| known.from) {
            Some(known) => known.instrument.clone(),
            None => format!(
                "{}{REUSED}{}",
                end.instrument,
                date(UnixNanos(day_start(from)))
            ),
        };
        if check_symbol(&instrument).is_err() || ownership.shares.contains_key(&instrument) {
            return Ok(());
        }
        let cut = |share: &TickerShare| {
            let kept = TickerShare {
                to: Some(share.to.map_or(from, |to| to.min(from))),
                ..share.clone()
            };
            let moved = TickerShare {
                from: Some(share.from.map_or(from, |own| own.max(from))),
                ticker: Some(share.ticker.clone().unwrap_or_else(|| ticker.clone())),
                ..share.clone()
            };
            (kept, moved)
        };
        let (kept, moved): (Vec<_>, Vec<_>) = shares.iter().map(cut).unzip();
        let (kept, moved) = (
            filled(series, kept, nanos_per_key)?,
            filled(series, moved, nanos_per_key)?,
        );
        if kept.is_empty() {
            ownership.shares.remove(&before);
        } else {
            ownership.shares.insert(before, kept);
        }
        ownership.shares.insert(instrument.clone(), moved);
        ownership.reused.push(ReusedTicker {
            from,
            before: end.instrument.clone(),
            ticker,
            instrument,
        });
        Ok(())
    }

    /// Gives rows to instruments by the changes of symbols alone.
    fn assign_renamed(
        &self,
        series: &SeriesFile<'_>,
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
        for rename in &self.renames {
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
            let kept = filled(series, kept, nanos_per_key)?;
            let moved = filled(series, moved, nanos_per_key)?;
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
            reused: Vec::new(),
        })
    }
}

/// The shares that have a row. An instrument of an empty one would be listed without a bar.
fn filled(
    series: &SeriesFile<'_>,
    shares: Vec<TickerShare>,
    nanos_per_key: i64,
) -> Result<Vec<TickerShare>, IngestError> {
    let mut filled = Vec::with_capacity(shares.len());
    for share in shares {
        let mut rows = series.rows(core::slice::from_ref(&share), nanos_per_key)?;
        if rows.next()?.is_some() {
            filled.push(share);
        }
    }
    Ok(filled)
}

fn day_start(time: UnixNanos) -> i64 {
    time.day().saturating_mul(DAY_NANOS)
}

/// The time of the first row that comes a rest after a moment and after the row before it.
fn first_after_rest(
    series: &SeriesFile<'_>,
    shares: &[TickerShare],
    end: UnixNanos,
    nanos_per_key: i64,
) -> Result<Option<UnixNanos>, IngestError> {
    let mut rows = series.rows(shares, nanos_per_key)?;
    let mut last = end.0;
    while let Some(step) = rows.next()? {
        let SeriesStep::Row(row) = step else { continue };
        let Some(time) = row.time.checked_mul(nanos_per_key) else {
            continue;
        };
        if time >= last.saturating_add(REST_NANOS) {
            return Ok(Some(UnixNanos(time)));
        }
        last = last.max(time);
    }
    Ok(None)
}
