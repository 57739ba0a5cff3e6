//! Bars that did not happen: those of a snapshot in another sequence, each relative to the close
//! before it, as a snapshot of its own. It must never know what a run does with them.
//!
//! A bar is taken as what it did to the close before it: open, high, low and close over that close,
//! which is first brought to the bar's own shares by a split and lessened by a dividend. So a drawn
//! bar is in one piece with the one before it, its prices keep their sequence, and
//! corporate actions are in the prices. All instruments of one moment are drawn together. The
//! times are those of the source, and volumes come with their bars.

use std::collections::BTreeMap;

use counterfoil_base::draws::Random;
use counterfoil_trading::bar::{ClosedBar, RawBar};
use counterfoil_trading::corporate::{CorporateAction, CorporateActionKind};
use counterfoil_trading::decimal::{divide_half_even, power_of_ten};
use counterfoil_trading::instrument::{Instrument, PriceRange};
use counterfoil_trading::manifest::CalendarEntry;
use counterfoil_trading::slice::Slice;
use counterfoil_trading::time::{Timeframe, UnixNanos};
use counterfoil_trading::units::{MONEY_SCALE, Price, Volume};

use crate::error::IngestError;
use crate::store::selection::BarSelection;
use crate::store::snapshot_id::SnapshotId;
use crate::synthetic::resample_error::ResampleError;

/// Bars that are drawn from: all of them are in memory, at 80 bytes each.
pub const BARS_MAX: usize = 10_000_000;

/// How bars are drawn.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BlockDraw {
    /// Blocks of a random length, each from a random place and continuing at the beginning after the
    /// end, until there are as many slices as the source has: some twice, some never.
    ///
    /// Source: D. N. Politis and J. P. Romano, "The Stationary Bootstrap", Journal of the American
    /// Statistical Association 89, 1994: lengths are geometric, with the mean `block`.
    Stationary,
    /// Blocks of the length `block`, the last one shorter: each once, in another sequence.
    Shuffle,
}

/// One sample.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SampleSpec {
    /// How bars are drawn.
    pub draw: BlockDraw,
    /// Slices in a block, at least one; of a stationary bootstrap the mean.
    pub block: u32,
    /// The seed of all samples.
    pub seed: u64,
    /// Which of the seed's samples, from 0.
    pub sample: u32,
}

/// A sample's snapshot.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SampleSnapshot {
    /// Its name.
    pub id: SnapshotId,
    /// Whether it was made now; otherwise it was there before.
    pub is_new: bool,
}

/// Bars to draw from.
#[derive(Debug)]
pub struct BarDeck {
    pub(crate) source: SnapshotId,
    pub(crate) range: [Option<UnixNanos>; 2],
    pub(crate) timeframe: Timeframe,
    /// Times stay, so the calendars do.
    pub(crate) calendars: Vec<CalendarEntry>,
    pub(crate) instruments: Vec<Instrument>,
    /// When sessions ended: times stay, so these do.
    pub(crate) session_ends: Vec<UnixNanos>,
    /// The same of each instrument with a calendar of its own.
    pub(crate) own_session_ends: Vec<Option<Vec<UnixNanos>>>,
    /// Open and close time of each slice.
    times: Vec<(UnixNanos, UnixNanos)>,
    /// By slice, where its bars begin; and their end.
    starts: Vec<usize>,
    relative_bars: Vec<RelativeBar>,
    /// The first open of each instrument: where its prices begin.
    first: Vec<Price>,
}

/// One bar, relative to the close before it.
#[derive(Clone, Copy, Debug)]
struct RelativeBar {
    instrument: usize,
    /// Open, high, low, close.
    prices: [Price; 4],
    volume: Volume,
    /// The close before it, at the price scale and [`REFERENCE_DIGITS`] more.
    reference: i128,
}

/// Decimals of a reference beyond those of a price: what a dividend's nano-units are rounded to.
const REFERENCE_DIGITS: u8 = 9;

impl BlockDraw {
    /// `stationary` or `shuffle`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stationary => "stationary",
            Self::Shuffle => "shuffle",
        }
    }
}

impl BarDeck {
    /// Reads all bars of a selection.
    ///
    /// # Errors
    ///
    /// Returns [`ResampleError`] if there are none or too many, or if they cannot be read.
    pub(crate) fn read(selection: &BarSelection) -> Result<Self, ResampleError> {
        let instruments = selection.instruments();
        if let Some(below) = instruments.iter().find(|it| it.prices() == PriceRange::Any) {
            let symbol = below.symbol().to_owned();
            return Err(ResampleError::NegativePrices { symbol });
        }
        let mut actions = selection.actions()?.into_iter().peekable();
        let mut last: BTreeMap<usize, Price> = BTreeMap::new();
        let mut since: BTreeMap<usize, Vec<CorporateAction>> = BTreeMap::new();
        let mut deck = Self {
            source: selection.source(),
            range: selection.range(),
            timeframe: selection.timeframe(),
            calendars: selection.calendars(),
            session_ends: selection.session_ends()?,
            own_session_ends: selection.own_session_ends()?,
            times: Vec::new(),
            starts: Vec::new(),
            relative_bars: Vec::new(),
            first: vec![Price::default(); instruments.len()],
            instruments,
        };
        let (mut slices, mut slice) = (selection.slices(), Slice::default());
        while slices.next_into(&mut slice)? {
            let Some(close_time) = slice.close_time() else {
                continue;
            };
            let before = |action: &CorporateAction| action.ex_time < close_time;
            while let Some(action) = actions.next_if(before) {
                let place = place(action.instrument.0);
                since.entry(place).or_default().push(action);
            }
            let open_time = slice.bars().first().map(|bar| bar.get().open_time);
            deck.times
                .push((open_time.unwrap_or(close_time), close_time));
            deck.starts.push(deck.relative_bars.len());
            for bar in slice.bars() {
                let raw = bar.get();
                let at = place(raw.instrument.0);
                if let Some(first) = deck.first.get_mut(at).filter(|first| first.0 == 0) {
                    *first = raw.open;
                }
                // The first bar has no close before it, and is taken from its own open.
                let before = last.insert(at, raw.close).unwrap_or(raw.open);
                // Actions since the instrument's last bar, which may be several slices ago.
                let events = since.remove(&at).unwrap_or_default();
                let reference = deck.reference(at, before, &events);
                deck.relative_bars.push(RelativeBar {
                    instrument: at,
                    prices: [raw.open, raw.high, raw.low, raw.close],
                    volume: raw.volume,
                    reference: reference.ok_or_else(|| ResampleError::Reference {
                        symbol: deck.symbol(at),
                        close_time,
                    })?,
                });
            }
            // Checked slice by slice: the source may be a hundred times larger than memory.
            if deck.relative_bars.len() > BARS_MAX {
                return Err(ResampleError::TooMany { max: BARS_MAX });
            }
        }
        deck.starts.push(deck.relative_bars.len());
        if deck.relative_bars.is_empty() {
            return Err(ResampleError::Empty);
        }
        Ok(deck)
    }

    /// The instruments without a bar to draw, which no sample has.
    #[must_use]
    pub fn without_bars(&self) -> Vec<&str> {
        let all = self.instruments.iter().zip(&self.first);
        // A first open is above zero: other instruments are refused.
        let all = all.filter(|(_, first)| first.0 == 0);
        all.map(|(instrument, _)| instrument.symbol()).collect()
    }

    fn symbol(&self, instrument: usize) -> String {
        let instrument = self.instruments.get(instrument);
        instrument.map_or_else(String::new, |instrument| instrument.symbol().to_owned())
    }

    /// The close before a bar, on the bar's own shares and without what was paid on them.
    fn reference(
        &self,
        instrument: usize,
        before: Price,
        events: &[CorporateAction],
    ) -> Option<i128> {
        let price_scale = self.instruments.get(instrument)?.price_scale();
        let scale = price_scale.checked_add(REFERENCE_DIGITS)?;
        let mut reference = i128::from(before.0).checked_mul(power_of_ten(REFERENCE_DIGITS)?)?;
        for event in events {
            match &event.kind {
                CorporateActionKind::Split { new, old } => {
                    let old_shares = reference.checked_mul(i128::from(old.get()))?;
                    reference = divide_half_even(old_shares, i128::from(new.get()))?;
                }
                CorporateActionKind::Dividend { per_unit, .. } => {
                    // In more decimals than a price has, so that small dividends are not rounded away.
                    let paid = match scale.checked_sub(MONEY_SCALE) {
                        Some(finer) => per_unit.0.checked_mul(power_of_ten(finer)?)?,
                        None => return None,
                    };
                    reference = reference.checked_sub(paid)?;
                }
                CorporateActionKind::SymbolChange { .. }
                | CorporateActionKind::Delisting { .. }
                | CorporateActionKind::Halt { .. }
                | CorporateActionKind::SessionEnd => {}
            }
        }
        // A dividend above the close would turn the price around and every bar after it.
        Some(reference).filter(|reference| *reference > 0)
    }

    /// The slices of a sample, by their place in the source.
    fn draw(&self, how: &SampleSpec) -> Vec<usize> {
        let count = self.times.len();
        let block = usize::try_from(how.block).unwrap_or(usize::MAX).max(1);
        let mut random = Random::of_sample(how.seed, how.sample);
        match how.draw {
            BlockDraw::Shuffle => {
                let all: Vec<usize> = (0..count).collect();
                let mut blocks: Vec<&[usize]> = all.chunks(block).collect();
                random.shuffle(&mut blocks);
                blocks.concat()
            }
            BlockDraw::Stationary => {
                let mut all = Vec::with_capacity(count);
                let mut at = random.below(count);
                while all.len() < count {
                    all.push(at);
                    at = at.saturating_add(1);
                    if random.below(block) == 0 {
                        at = random.below(count);
                    } else if at >= count {
                        at = 0;
                    }
                }
                all
            }
        }
    }

    /// The bars of one slice of the source.
    fn slice(&self, place: usize) -> Option<&[RelativeBar]> {
        let (start, end) = (
            self.starts.get(place)?,
            self.starts.get(place.checked_add(1)?)?,
        );
        self.relative_bars.get(*start..*end)
    }

    /// The bars of a sample, by instrument, each in sequence of time.
    pub(crate) fn bars(&self, how: &SampleSpec) -> Result<Vec<Vec<ClosedBar>>, ResampleError> {
        let mut last = self.first.clone();
        let mut bars = vec![Vec::new(); self.instruments.len()];
        // Times are the source's, in their sequence; only the bars at them are drawn.
        for (drawn, (open_time, close_time)) in self.draw(how).into_iter().zip(&self.times) {
            for relative in self.slice(drawn).ok_or_else(|| inconsistent(drawn))? {
                let at = relative.instrument;
                let beyond = || ResampleError::Beyond {
                    symbol: self.symbol(at),
                    sample: how.sample,
                };
                let (Some(base), Some(instrument), Some(bars)) =
                    (last.get_mut(at), self.instruments.get(at), bars.get_mut(at))
                else {
                    return Err(inconsistent(drawn));
                };
                let prices = relative
                    .from(*base, instrument.tick_size())
                    .ok_or_else(beyond)?;
                let [open, high, low, close] = prices;
                *base = close;
                bars.push(
                    ClosedBar::parse(RawBar {
                        open_time: *open_time,
                        close_time: *close_time,
                        open,
                        high,
                        low,
                        close,
                        volume: relative.volume,
                        ..RawBar::default()
                    })
                    .map_err(|_| beyond())?,
                );
            }
        }
        Ok(bars)
    }
}

impl RelativeBar {
    /// The bar's prices after another close, on the grid: none below one tick. What is larger
    /// before rounding is not smaller after it, so open and close stay between low and high.
    fn from(&self, base: Price, tick: i64) -> Option<[Price; 4]> {
        let tick = i128::from(tick.max(1));
        let unit = self.reference.checked_mul(tick)?;
        let base = i128::from(base.0).checked_mul(power_of_ten(REFERENCE_DIGITS)?)?;
        let mut all = self.prices;
        for price in &mut all {
            // Rounded once, at the end. Rounded at each step, errors would add up along the path and
            // drift away from the source's returns.
            let ticks = divide_half_even(base.checked_mul(i128::from(price.0))?, unit)?;
            let value = ticks.max(1).checked_mul(tick)?;
            *price = Price(i64::try_from(value).ok()?);
        }
        Some(all)
    }
}

fn inconsistent(slice: usize) -> ResampleError {
    ResampleError::Write(IngestError::Internal {
        file: "resample".to_owned(),
        reason: format!("slice {slice} has no bars or no instrument"),
    })
}

fn place(id: u32) -> usize {
    usize::try_from(id).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use counterfoil_base::digest::Digest;

    fn deck(slices: i64) -> BarDeck {
        BarDeck {
            source: SnapshotId(Digest::of(b"")),
            range: [None, None],
            timeframe: Timeframe::Fixed(1),
            calendars: Vec::new(),
            instruments: Vec::new(),
            session_ends: Vec::new(),
            own_session_ends: Vec::new(),
            times: (0..slices)
                .map(|time| (UnixNanos(time), UnixNanos(time + 1)))
                .collect(),
            starts: Vec::new(),
            relative_bars: Vec::new(),
            first: Vec::new(),
        }
    }

    fn how(draw: BlockDraw, block: u32, sample: u32) -> SampleSpec {
        SampleSpec {
            draw,
            block,
            seed: 7,
            sample,
        }
    }

    #[test]
    fn a_shuffle_has_each_slice_once_and_keeps_its_blocks_together() {
        for (block, count) in [(1, 10), (3, 10), (10, 10), (99, 10), (4, 1)] {
            let drawn = deck(count).draw(&how(BlockDraw::Shuffle, block, 0));
            let mut sorted = drawn.clone();
            sorted.sort_unstable();
            let all: Vec<usize> = (0..usize::try_from(count).unwrap()).collect();
            assert_eq!(sorted, all);
            let block = usize::try_from(block).unwrap();
            for pair in drawn.windows(2).filter(|pair| (pair[0] + 1) % block != 0) {
                assert!(
                    pair[1] == pair[0] + 1 || pair[0] == all.len() - 1,
                    "{drawn:?}"
                );
            }
        }
    }

    #[test]
    fn blocks_of_a_stationary_bootstrap_have_the_mean_length_and_every_slice_its_share() {
        let (count, block) = (1_000, 20);
        let deck = deck(count);
        let (mut ends, mut seen) = (0, vec![0; 1_000]);
        for sample in 0..200 {
            let drawn = deck.draw(&how(BlockDraw::Stationary, block, sample));
            assert_eq!(drawn.len(), 1_000);
            ends += drawn
                .windows(2)
                .filter(|pair| (pair[0] + 1) % 1_000 != pair[1])
                .count();
            for place in drawn {
                seen[place] += 1;
            }
        }
        // 199,800 pairs, one in 20 the end of a block, less one in a thousand that continues by chance:
        // 9,980 with a deviation of 97.
        assert!((9_600..10_360).contains(&ends), "{ends}");
        // Circular: the first and the last are drawn as often as any.
        for place in [0, 1, 500, 998, 999] {
            assert!((60..400).contains(&seen[place]), "{place}: {}", seen[place]);
        }
    }

    #[test]
    fn a_seed_draws_the_same_again_and_each_sample_another() {
        let deck = deck(100);
        let third = deck.draw(&how(BlockDraw::Stationary, 5, 3));
        assert_eq!(third, deck.draw(&how(BlockDraw::Stationary, 5, 3)));
        assert_ne!(third, deck.draw(&how(BlockDraw::Stationary, 5, 4)));
        // Of another writing: `python3` with the lines of `Random` and `BarDeck::draw`.
        assert_eq!(third[..10], [32, 33, 34, 35, 36, 76, 26, 72, 73, 61]);
    }
}
