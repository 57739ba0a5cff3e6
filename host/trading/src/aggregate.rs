//! Trades to time bars. A bar closes only when the watermark passes its close time; it must never
//! read a clock, and never add a trade to a bar that is closed.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::bar::{ClosedBar, RawBar};
use crate::instrument::{InstrumentId, PriceRange};
use crate::time::{Timeframe, UnixNanos};
use crate::units::{Price, Volume};

/// One trade, at its instrument's scales.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Trade {
    /// What was traded.
    pub instrument: InstrumentId,
    /// When.
    pub time: UnixNanos,
    /// At what price.
    pub price: Price,
    /// How much.
    pub size: Volume,
}

/// Why a trade is in no bar.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TradeError {
    /// Its bar is closed: a strategy has already decided on that bar.
    #[error(
        "trade at {time:?} is late: its bar closed at {close_time:?}, the watermark is {watermark:?}"
    )]
    Late {
        /// When it was made.
        time: UnixNanos,
        /// When its bar closed.
        close_time: UnixNanos,
        /// How far time is known to have come.
        watermark: UnixNanos,
    },
    /// A price that is zero or below.
    #[error("price {price:?} is not above zero")]
    NotPositive {
        /// The price.
        price: Price,
    },
    /// A size that is zero or below.
    #[error("size {size:?} is not above zero")]
    NoSize {
        /// The size.
        size: Volume,
    },
    /// Its bar begins or ends outside 64 bits of nanoseconds.
    #[error("trade at {time:?} is in no bar that can be told")]
    TimeTooFar {
        /// When it was made.
        time: UnixNanos,
    },
    /// The bar's volume does not fit.
    #[error("the volume of the bar that closes at {close_time:?} does not fit")]
    Overflow {
        /// When the bar closes.
        close_time: UnixNanos,
    },
}

/// The timeframe does not have a fixed length.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("trades become bars of a fixed length, such as 1m or 1d, not of months")]
pub struct TimeframeNotFixed;

/// Bars that are not closed yet.
///
/// A bar holds the trades from its open time, inclusive, to its close time, exclusive; open times
/// are multiples of the timeframe since 1970 in UTC, and Mondays for weeks. Its open is the price of the earliest trade,
/// its close that of the latest; of trades with one time the one that came first counts as earlier.
/// An interval without a trade has no bar.
#[derive(Clone, Debug)]
pub struct BarAggregator {
    timeframe_nanos: i64,
    /// How long a trade may be on its way, in nanoseconds.
    lateness_nanos: i64,
    /// The prices that trades may have.
    prices: PriceRange,
    /// No trade before this time will come; those that do are late once their bar is closed.
    watermark: Option<UnixNanos>,
    /// By close time and instrument, so that bars close in sequence.
    forming: BTreeMap<(UnixNanos, InstrumentId), FormingBar>,
}

/// One bar while it forms.
#[derive(Clone, Copy, Debug)]
struct FormingBar {
    bar: RawBar,
    first: UnixNanos,
    last: UnixNanos,
}

impl BarAggregator {
    /// An aggregator for bars of one length.
    ///
    /// Each trade moves the watermark to `lateness_nanos` before it, if that is later; a feed that
    /// sends trades in sequence needs none. A lateness below zero counts as zero.
    ///
    /// # Errors
    ///
    /// Returns [`TimeframeNotFixed`] if the timeframe is one of calendar months.
    pub fn new(timeframe: Timeframe, lateness_nanos: i64) -> Result<Self, TimeframeNotFixed> {
        match timeframe {
            Timeframe::Fixed(timeframe_nanos) if timeframe_nanos > 0 => Ok(Self {
                timeframe_nanos,
                lateness_nanos: lateness_nanos.max(0),
                prices: PriceRange::Positive,
                watermark: None,
                forming: BTreeMap::new(),
            }),
            Timeframe::Fixed(_) | Timeframe::Months(_) => Err(TimeframeNotFixed),
        }
    }

    /// The same, for trades with these prices.
    #[must_use]
    pub fn with_prices(self, prices: PriceRange) -> Self {
        Self { prices, ..self }
    }

    /// How far time is known to have come.
    #[must_use]
    pub fn watermark(&self) -> Option<UnixNanos> {
        self.watermark
    }

    /// Adds a trade to its bar, and puts the bars that closed by it into `closed`, by close time
    /// and then by instrument.
    ///
    /// # Errors
    ///
    /// Returns [`TradeError`] if the trade is in no bar; nothing has changed then.
    pub fn push(&mut self, trade: Trade, closed: &mut Vec<ClosedBar>) -> Result<(), TradeError> {
        let Trade {
            instrument,
            time,
            price,
            size,
        } = trade;
        if !self.prices.allows(price) {
            return Err(TradeError::NotPositive { price });
        }
        if size.0 <= 0 {
            return Err(TradeError::NoSize { size });
        }
        let (open_time, close_time) = self.interval(time).ok_or(TradeError::TimeTooFar { time })?;
        // Before anything changes: a late trade must not reopen a bar that a strategy has decided on.
        if let Some(watermark) = self.watermark.filter(|mark| close_time <= *mark) {
            return Err(TradeError::Late {
                time,
                close_time,
                watermark,
            });
        }
        if let Some(forming) = self.forming.get_mut(&(close_time, instrument)) {
            forming.add(&trade)?;
        } else {
            let bar = RawBar {
                instrument,
                open_time,
                close_time,
                open: price,
                high: price,
                low: price,
                close: price,
                volume: size,
            };
            let forming = FormingBar {
                bar,
                first: time,
                last: time,
            };
            self.forming.insert((close_time, instrument), forming);
        }
        // After the trade is in its bar: the watermark is at most the time of the trade, so it never
        // closes its own bar.
        if let Some(mark) = time.0.checked_sub(self.lateness_nanos) {
            self.advance(UnixNanos(mark), closed);
        }
        Ok(())
    }

    /// Moves the watermark: no trade before this time will come. Bars that close at or before it
    /// go into `closed`, by close time and then by instrument. It never moves back.
    pub fn advance(&mut self, watermark: UnixNanos, closed: &mut Vec<ClosedBar>) {
        if self.watermark.is_some_and(|mark| watermark <= mark) {
            return;
        }
        // Set before bars are closed: it only grows, and a bar that left is never opened again.
        self.watermark = Some(watermark);
        while let Some(entry) = self.forming.first_entry() {
            if entry.key().0 > watermark {
                break;
            }
            // A forming bar holds whatever trades it got: its prices are in order and in the range.
            closed.extend(ClosedBar::parse_in(entry.remove().bar, self.prices));
        }
    }

    /// Closes every bar, as at the end of a file.
    pub fn finish(&mut self, closed: &mut Vec<ClosedBar>) {
        self.advance(UnixNanos(i64::MAX), closed);
    }

    fn interval(&self, time: UnixNanos) -> Option<(UnixNanos, UnixNanos)> {
        let open = time.0.checked_sub(time.past_grid(self.timeframe_nanos)?)?;
        let close = open.checked_add(self.timeframe_nanos)?;
        Some((UnixNanos(open), UnixNanos(close)))
    }
}

impl FormingBar {
    fn add(&mut self, trade: &Trade) -> Result<(), TradeError> {
        // The only part that can fail comes first: a refused trade changes nothing.
        let volume = self.bar.volume.0.checked_add(trade.size.0);
        self.bar.volume = volume.map(Volume).ok_or(TradeError::Overflow {
            close_time: self.bar.close_time,
        })?;
        self.bar.high = self.bar.high.max(trade.price);
        self.bar.low = self.bar.low.min(trade.price);
        // Strictly earlier for the open, the same time or later for the close: of trades with one time
        // the first received opens and the last one closes.
        if trade.time < self.first {
            (self.first, self.bar.open) = (trade.time, trade.price);
        }
        if trade.time >= self.last {
            (self.last, self.bar.close) = (trade.time, trade.price);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::{String, ToString as _};
    use alloc::vec;

    use proptest::prelude::*;

    use super::*;

    type TimePriceSize = (i64, i64, i64);

    fn trade(instrument: u32, time: i64, price: i64, size: i64) -> Trade {
        Trade {
            instrument: InstrumentId(instrument),
            time: UnixNanos(time),
            price: Price(price),
            size: Volume(size),
        }
    }

    fn text(bar: &ClosedBar) -> String {
        let bar = bar.get();
        alloc::format!(
            "{} {}-{} {} {} {} {} {}",
            bar.instrument.0,
            bar.open_time.0,
            bar.close_time.0,
            bar.open.0,
            bar.high.0,
            bar.low.0,
            bar.close.0,
            bar.volume.0
        )
    }

    #[test]
    fn a_bar_closes_when_the_watermark_passes_and_never_before() {
        let mut all = BarAggregator::new(Timeframe::Fixed(10), 0).unwrap();
        let mut closed = Vec::new();
        for (time, price) in [(1, 5), (9, 7), (9, 6)] {
            all.push(trade(1, time, price, 2), &mut closed).unwrap();
        }
        assert!(closed.is_empty(), "its interval is not over");
        all.push(trade(0, 10, 9, 1), &mut closed).unwrap();
        assert_eq!(text(&closed[0]), "1 0-10 5 7 5 6 6");
        // The interval from 20 to 40 is empty and has no bar.
        all.push(trade(1, 45, 4, 1), &mut closed).unwrap();
        all.advance(UnixNanos(49), &mut closed);
        assert_eq!(closed.len(), 2);
        all.finish(&mut closed);
        let bars: Vec<String> = closed.iter().map(text).collect();
        assert_eq!(bars[1..], ["0 10-20 9 9 9 9 1", "1 40-50 4 4 4 4 1"]);
    }

    #[test]
    fn a_late_trade_is_refused_and_changes_nothing() {
        let mut all = BarAggregator::new(Timeframe::Fixed(10), 5).unwrap();
        let mut closed = Vec::new();
        all.push(trade(0, 12, 5, 1), &mut closed).unwrap();
        // 7 is not later than the watermark allows: the bar from 0 to 10 is open.
        all.push(trade(0, 3, 4, 1), &mut closed).unwrap();
        all.push(trade(0, 15, 6, 1), &mut closed).unwrap();
        assert_eq!(text(&closed[0]), "0 0-10 4 4 4 4 1");
        let error = all.push(trade(0, 9, 1, 1), &mut closed).unwrap_err();
        assert!(error.to_string().contains("is late"), "{error}");
        let before_first = all.push(trade(0, 11, 9, 1), &mut closed);
        assert_eq!(before_first, Ok(()));
        all.finish(&mut closed);
        assert_eq!(text(&closed[1]), "0 10-20 9 9 5 6 3");
        assert!(all.push(trade(0, i64::MAX, 1, 1), &mut closed).is_err());
    }

    #[test]
    fn what_is_no_trade_and_no_timeframe_is_refused() {
        assert_eq!(
            BarAggregator::new(Timeframe::Months(1), 0).unwrap_err(),
            TimeframeNotFixed
        );
        let mut all = BarAggregator::new(Timeframe::Fixed(10), 0).unwrap();
        let mut closed = vec![];
        assert!(matches!(
            all.push(trade(0, 1, 0, 1), &mut closed),
            Err(TradeError::NotPositive { .. })
        ));
        assert!(matches!(
            all.push(trade(0, 1, 1, 0), &mut closed),
            Err(TradeError::NoSize { .. })
        ));
        assert!(matches!(
            all.push(trade(0, i64::MAX, 1, 1), &mut closed),
            Err(TradeError::TimeTooFar { .. })
        ));
        all.push(trade(0, 1, 1, i64::MAX), &mut closed).unwrap();
        assert!(matches!(
            all.push(trade(0, 1, 9, 1), &mut closed),
            Err(TradeError::Overflow { .. })
        ));
        all.finish(&mut closed);
        assert_eq!(
            text(&closed[0]),
            alloc::format!("0 0-10 1 1 1 1 {}", i64::MAX)
        );
    }

    proptest! {
        /// The model: group the trades by interval, take the ends by time, and call late what
        /// comes when its interval ends at or before the latest trade less the lateness.
        #[test]
        fn bars_are_those_of_the_model(
            trades in proptest::collection::vec((0_u32..3, -40_i64..200, 1_i64..50, 1_i64..9), 0..60),
            lateness in 0_i64..60,
        ) {
            let mut all = BarAggregator::new(Timeframe::Fixed(10), lateness).unwrap();
            let mut closed = Vec::new();
            let mut model: BTreeMap<(i64, u32), Vec<TimePriceSize>> = BTreeMap::new();
            let mut mark: Option<i64> = None;
            for (instrument, time, price, size) in trades {
                let close = time.div_euclid(10) * 10 + 10;
                let late = mark.is_some_and(|mark| close <= mark);
                let pushed = all.push(trade(instrument, time, price, size), &mut closed);
                prop_assert_eq!(pushed.is_err(), late);
                if !late {
                    model.entry((close, instrument)).or_default().push((time, price, size));
                    mark = Some(mark.map_or(time - lateness, |mark| mark.max(time - lateness)));
                }
            }
            all.finish(&mut closed);
            let expect: Vec<String> = model
                .iter()
                .map(|((close, instrument), trades)| {
                    let mut sorted = trades.clone();
                    sorted.sort_by_key(|(time, _, _)| *time);
                    let prices = || trades.iter().map(|(_, price, _)| *price);
                    let volume: i64 = trades.iter().map(|(_, _, size)| *size).sum();
                    alloc::format!(
                        "{instrument} {}-{close} {} {} {} {} {volume}",
                        close - 10,
                        sorted[0].1,
                        prices().max().unwrap(),
                        prices().min().unwrap(),
                        sorted[sorted.len() - 1].1,
                    )
                })
                .collect();
            prop_assert_eq!(closed.iter().map(text).collect::<Vec<_>>(), expect);
        }
    }
}
