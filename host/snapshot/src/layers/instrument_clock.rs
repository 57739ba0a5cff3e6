//! The local time that an instrument's bars follow, and when those at the end of a session close. It must never know a
//! price.

use counterfoil_trading::bar::{ClosedBar, RawBar};
use counterfoil_trading::bar_grid::session_cut;
use counterfoil_trading::instrument::PriceRange;
use counterfoil_trading::time::Timeframe;

use crate::error::IngestError;
use crate::layers::merge::BarMerge;
use crate::layers::plan::{CurationInputs, stated_calendar_of};
use crate::quality::grid::OpenGrid;
use crate::quality::market_clock::MarketClock;

/// An instrument's local time, as its bars show it.
pub(crate) struct InstrumentClock {
    /// On the grid where most of its bars begin.
    pub(crate) market: MarketClock,
    /// Whether bars open after sessions: then the last bar of a session holds trades from after it, and closes with
    /// its whole length.
    has_later_hours: bool,
}

impl InstrumentClock {
    /// From the stated calendar or the instrument's own, and from its bars.
    pub(crate) fn new(inputs: &CurationInputs, symbol: &str) -> Result<Self, IngestError> {
        let stated = stated_calendar_of(&inputs.stated, symbol)?;
        let (timeframe, clock) = (inputs.timeframe, inputs.clock_of(symbol));
        let clock = match &stated {
            Some(calendar) => MarketClock {
                calendar: calendar.clone(),
                ..clock
            },
            None => clock,
        };
        let mut merge = BarMerge::new(&inputs.layers, symbol)?;
        let mut grid = OpenGrid::default();
        let mut has_later_hours = false;
        while let Some((merged, _)) = merge.next()? {
            let open_time = merged.bar.get().open_time;
            grid.add(clock.grid_place(timeframe, open_time), open_time);
            has_later_hours |= clock.calendar.is_after_session(open_time);
        }
        if stated.is_some() {
            return Ok(Self {
                market: clock,
                has_later_hours,
            });
        }
        // Rows that state a zone or offsets have their clock's changes taken out.
        let is_utc = clock.calendar.offsets.is_empty();
        if let Some([(first, bars), (second, others)]) = grid.clock_change().filter(|_| is_utc) {
            return Err(IngestError::ClockChange {
                symbol: symbol.to_owned(),
                found: format!(
                    "{bars} bars open at {} and {others} at {}",
                    clock_text(first),
                    clock_text(second)
                ),
            });
        }
        let place = grid.commonest().unwrap_or(0);
        Ok(Self {
            market: MarketClock {
                calendar: clock.anchored_at(timeframe, place),
                zone: clock.zone,
            },
            has_later_hours,
        })
    }

    /// The bar, closed with its session if it reaches beyond.
    ///
    /// A file states when bars open. Closed with its whole length, the last of a session would be decided on hours
    /// after it, and a live run, whose feed closes it with the session, would decide otherwise.
    pub(crate) fn ended(&self, timeframe: Timeframe, bar: ClosedBar) -> ClosedBar {
        let raw = *bar.get();
        let cut = session_cut(timeframe, &self.market.calendar, raw.open_time);
        let Some(close_time) = cut.filter(|_| !self.has_later_hours) else {
            return bar;
        };
        // Its file's reader checked the prices, and the end of a session is after the bar's open.
        ClosedBar::parse_in(RawBar { close_time, ..raw }, PriceRange::Any).unwrap_or(bar)
    }
}

/// A time of day, or the time since the place of a grid, as hours and minutes.
fn clock_text(nanos: i64) -> String {
    let minutes = nanos / 60_000_000_000;
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}
