//! What the strategy remembers of one instrument: its channels, its range, its stop. It must never
//! send an order.

use counterfoil_sdk::indicators::{Atr, Highest, IndicatorError, Lowest};
use counterfoil_sdk::{Bar, CorporateAction, CorporateActionType, Fill, Instrument, Side};

use crate::Params;

/// One instrument.
#[derive(Debug)]
pub(crate) struct Lane {
    entry_high: Highest,
    entry_low: Lowest,
    exit_high: Highest,
    exit_low: Lowest,
    range: Atr,
    /// The entry sent on the bar before.
    pub(crate) entry: Option<Entry>,
    /// Where the stop stands; none while nothing is held.
    pub(crate) stop: Option<i64>,
}

/// An entry that was sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) id: u64,
    /// How far from its fill the first stop stands, in price units.
    pub(crate) distance: i64,
}

/// What one bar showed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    pub(crate) broke_up: bool,
    pub(crate) broke_down: bool,
    /// The average true range, in price units.
    pub(crate) range: f64,
    /// The highest and lowest price of the exit channel, this bar included.
    exit: (i64, i64),
}

impl Lane {
    pub(crate) fn new(params: &Params) -> Result<Self, IndicatorError> {
        Ok(Self {
            entry_high: Highest::new(params.entry)?,
            entry_low: Lowest::new(params.entry)?,
            exit_high: Highest::new(params.exit)?,
            exit_low: Lowest::new(params.exit)?,
            range: Atr::new(params.range)?,
            entry: None,
            stop: None,
        })
    }

    /// Takes a bar in; none until every window is full.
    pub(crate) fn update(&mut self, bar: &Bar) -> Option<View> {
        // The channel as it was before this bar: the bar is to break it.
        let channel = self.entry_high.value().zip(self.entry_low.value());
        self.entry_high.update(bar.high);
        self.entry_low.update(bar.low);
        let high = self.exit_high.update(bar.high);
        let low = self.exit_low.update(bar.low);
        let range = self.range.update(bar);
        let (highest, lowest) = channel?;
        Some(View {
            broke_up: bar.close > highest,
            broke_down: bar.close < lowest,
            range: range?,
            exit: high.zip(low)?,
        })
    }

    /// Notes where the first stop of a filled entry belongs.
    pub(crate) fn filled(&mut self, fill: &Fill) {
        let Some(entry) = self.entry.filter(|entry| entry.id == fill.client_order_id) else {
            return;
        };
        self.stop = Some(match fill.side {
            Side::Buy => fill.price.saturating_sub(entry.distance),
            Side::Sell => fill.price.saturating_add(entry.distance),
        });
    }

    /// Where the stop of what is held belongs: along the exit channel, and never further from the
    /// price than it was. On the tick grid, and above zero.
    pub(crate) fn trail(&mut self, held: i64, view: &View, of: Option<&Instrument>) -> i64 {
        let (high, low) = view.exit;
        let grid = of.map_or(1, |of| of.tick_size.max(1));
        let below = |price: i64| price - price.rem_euclid(grid);
        let stop = if held > 0 {
            below(self.stop.map_or(low, |stop| stop.max(low)))
        } else {
            let exact = self.stop.map_or(high, |stop| stop.min(high));
            below(exact.saturating_add(grid - 1))
        };
        let stop = stop.max(grid);
        self.stop = Some(stop);
        stop
    }

    /// After a split, prices before it are no longer comparable with those to come.
    pub(crate) fn corporate_action(&mut self, action: &CorporateAction) {
        let CorporateActionType::Split(ratio) = action.action else {
            return;
        };
        self.entry_high.rescale(ratio);
        self.entry_low.rescale(ratio);
        self.exit_high.rescale(ratio);
        self.exit_low.rescale(ratio);
        self.range.rescale(ratio);
        self.stop = self.stop.map(|stop| ratio.price(stop));
        if let Some(entry) = &mut self.entry {
            entry.distance = ratio.price(entry.distance).max(1);
        }
    }
}
