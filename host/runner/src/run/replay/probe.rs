//! Future slices within reach of a host under audit. No code of this program reads them: a host with a look-ahead bug
//! would, and the audit fills them with garbage. It must never reach a guest.

use core::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use counterfoil_base::draws::Random;
use counterfoil_trading::bar::{ClosedBar, RawBar};
use counterfoil_trading::corporate::{CorporateAction, CorporateActionKind};
use counterfoil_trading::slice::Slice;
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::units::{Money, Price, Volume};

/// Slices of garbage after the current one.
const GARBAGE_SLICES: usize = 64;

/// The slices after the one being decided, nearest first. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct LookAheadProbe {
    ahead: Arc<Mutex<Vec<Slice>>>,
}

impl LookAheadProbe {
    /// The slice this many places after the one being decided, from 1.
    #[must_use]
    pub fn ahead(&self, places: usize) -> Option<Slice> {
        let ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        ahead.get(places.checked_sub(1)?).cloned()
    }

    /// Shows the true slices after the one being decided.
    pub fn show_truth<'a>(&self, slices: impl Iterator<Item = &'a Slice>) {
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        ahead.clear();
        ahead.extend(slices.take(GARBAGE_SLICES).cloned());
    }

    /// Shows garbage: well-formed bars and corporate actions of the instruments of `current` that are unrelated to the
    /// slices to come. Each `salt` gives other garbage.
    pub fn show_garbage(&self, current: &Slice, salt: u64) {
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        ahead.clear();
        let mut random = GarbageDraws(Random::new(salt));
        ahead.extend((0..GARBAGE_SLICES).map(|place| {
            let mut slice = Slice::default();
            for bar in current.bars() {
                // Well-formed, so that a host that looks ahead decides on it instead of failing to parse it: a
                // failure would show the bug only where garbage is rejected.
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

/// Draws garbage, the same on every machine.
struct GarbageDraws(Random);

impl GarbageDraws {
    /// A number from 1 to `most`.
    fn number(&mut self, most: u64) -> i64 {
        let place = self.0.below(usize::try_from(most).unwrap_or(usize::MAX));
        i64::try_from(place).unwrap_or(0).saturating_add(1)
    }

    /// A split, a dividend, a symbol change, a delisting or a session end, on more than every second bar.
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
