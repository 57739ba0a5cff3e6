//! What a host could see of the slices to come. Nothing in this program looks at it: it is the
//! place where a hole would look, and where an audit puts garbage.

use core::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use counterfoil_base::draws::Random;
use counterfoil_trading::bar::{ClosedBar, RawBar};
use counterfoil_trading::corporate::{CorporateAction, CorporateActionKind};
use counterfoil_trading::slice::Slice;
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::units::{Money, Price, Volume};

/// Slices of garbage beyond the one being decided.
const GARBAGE_SLICES: usize = 64;

/// The slices beyond the one being decided, nearest first. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Tape {
    ahead: Arc<Mutex<Vec<Slice>>>,
}

impl Tape {
    /// The slice this many places beyond the one being decided, from 1.
    #[must_use]
    pub fn ahead(&self, places: usize) -> Option<Slice> {
        let ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        ahead.get(places.checked_sub(1)?).cloned()
    }

    /// Puts the true slices beyond the one being decided on the tape.
    pub fn show<'a>(&self, slices: impl Iterator<Item = &'a Slice>) {
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        ahead.clear();
        ahead.extend(slices.take(GARBAGE_SLICES).cloned());
    }

    /// Puts garbage on the tape: bars and corporate actions that are well-formed, of the
    /// instruments of `current`, and have nothing to do with what is to come. `salt` makes each garbage another.
    pub fn garble(&self, current: &Slice, salt: u64) {
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        ahead.clear();
        let mut random = Garbage(Random::new(salt));
        ahead.extend((0..GARBAGE_SLICES).map(|place| {
            let mut slice = Slice::default();
            for bar in current.bars() {
                // Well-formed by construction, and where it is not there is less garbage.
                let Some(bar) = random.bar(bar.get(), place) else {
                    continue;
                };
                let _unused = slice.add(bar);
                if let Some(action) = random.action(bar.get()) {
                    let _unused = slice.add_action(action);
                }
            }
            slice
        }));
    }
}

/// A generator of garbage, the same on every machine.
struct Garbage(Random);

impl Garbage {
    /// A number from 1 to `most`.
    fn number(&mut self, most: u64) -> i64 {
        let place = self.0.below(usize::try_from(most).unwrap_or(usize::MAX));
        i64::try_from(place).unwrap_or(0).saturating_add(1)
    }

    /// A split, a dividend, another ticker, the end of an instrument or of a session, on more than
    /// every other bar.
    fn action(&mut self, bar: &RawBar) -> Option<CorporateAction> {
        let mut count = || u32::try_from(self.number(9)).ok().and_then(NonZeroU32::new);
        let (new, old) = (count()?, count()?);
        let per_unit = Money(i128::from(self.number(5_000_000_000)));
        let kind = match self.number(8) {
            1 => CorporateActionKind::Split { new, old },
            2 => CorporateActionKind::Dividend {
                per_unit,
                special: true,
            },
            3 => CorporateActionKind::SymbolChange {
                symbol: format!("GARBAGE{new}"),
            },
            4 => CorporateActionKind::Delisting { per_unit },
            5 => CorporateActionKind::SessionEnd,
            _ => return None,
        };
        Some(CorporateAction {
            instrument: bar.instrument,
            ex_time: bar.open_time,
            kind,
        })
    }

    fn bar(&mut self, like: &RawBar, place: usize) -> Option<ClosedBar> {
        let step = i64::try_from(place).ok()?.checked_add(1)?;
        let length = like.close_time.0.checked_sub(like.open_time.0)?;
        let open_time = like.open_time.0.checked_add(length.checked_mul(step)?)?;
        let most = u64::try_from(like.close.0).ok()?.saturating_mul(2);
        let mut prices = [0; 4].map(|_: i64| self.number(most));
        prices.sort_unstable();
        let [low, first, second, high] = prices;
        // Up as often as down.
        let (open, close) = if self.number(2) == 1 {
            (first, second)
        } else {
            (second, first)
        };
        ClosedBar::parse(RawBar {
            instrument: like.instrument,
            open_time: UnixNanos(open_time),
            close_time: UnixNanos(open_time.checked_add(length)?),
            open: Price(open),
            high: Price(high),
            low: Price(low),
            close: Price(close),
            volume: Volume(self.number(1_000_000)),
        })
        .ok()
    }
}
