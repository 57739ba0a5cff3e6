//! Aggregates the trades of a stream into bars, by the aggregator that ingestion uses too. It must
//! never pass a bar whose trades may be incomplete.

use counterfoil_trading::aggregate::{BarAggregator, TimeframeNotFixed, Trade};
use counterfoil_trading::bar::ClosedBar;
use counterfoil_trading::time::{Timeframe, UnixNanos};

use crate::feed::event::FeedEvent;

/// The bars that the trades of one connection make.
#[derive(Clone, Debug)]
pub struct TradeBars {
    timeframe: Timeframe,
    lateness_nanos: i64,
    aggregator: BarAggregator,
    /// The start of the first interval that the connection covers entirely.
    whole_from: Option<UnixNanos>,
}

impl TradeBars {
    /// Bars of one length, from trades that may be `lateness_nanos` late.
    ///
    /// # Errors
    ///
    /// Returns [`TimeframeNotFixed`] if the length is one of calendar months.
    pub fn new(timeframe: Timeframe, lateness_nanos: i64) -> Result<Self, TimeframeNotFixed> {
        Ok(Self {
            timeframe,
            lateness_nanos,
            aggregator: BarAggregator::new(timeframe, lateness_nanos)?,
            whole_from: None,
        })
    }

    /// The connection is lost: the bars in progress are incomplete.
    ///
    /// # Errors
    ///
    /// As [`TradeBars::new`].
    pub fn interrupt(&mut self) -> Result<(), TimeframeNotFixed> {
        *self = Self::new(self.timeframe, self.lateness_nanos)?;
        Ok(())
    }

    /// Adds a trade; returns the bars it closed, and the event to report, if any.
    ///
    /// The interval of a connection's first trade may have begun before it, so its bar does not
    /// pass; the history has it.
    pub fn push(&mut self, trade: Trade) -> (Vec<ClosedBar>, Option<FeedEvent>) {
        let mut closed = Vec::new();
        let pushed = self.aggregator.push(trade, &mut closed);
        let event = pushed.err().map(|error| FeedEvent::TradeRefused {
            reason: error.to_string(),
            instrument: trade.instrument,
            time: trade.time,
        });
        if self.whole_from.is_none() && event.is_none() {
            self.whole_from = self.next_interval(trade.time);
        }
        closed.retain(|bar| {
            self.whole_from
                .is_some_and(|from| bar.get().open_time >= from)
        });
        (closed, event)
    }

    fn next_interval(&self, time: UnixNanos) -> Option<UnixNanos> {
        let Timeframe::Fixed(length) = self.timeframe else {
            return None;
        };
        let offset = time.past_grid(length)?;
        time.0
            .checked_sub(offset)?
            .checked_add(length)
            .map(UnixNanos)
    }
}

#[cfg(test)]
mod tests {
    use counterfoil_trading::instrument::InstrumentId;
    use counterfoil_trading::units::{Price, Volume};

    use super::*;

    fn trade(time: i64) -> Trade {
        Trade {
            instrument: InstrumentId(0),
            time: UnixNanos(time),
            price: Price(time + 1),
            size: Volume(1),
        }
    }

    #[test]
    fn only_intervals_that_the_connection_covers_whole_become_bars() {
        let mut bars = TradeBars::new(Timeframe::Fixed(10), 2).unwrap();
        let mut closed = Vec::new();
        let mut push = |bars: &mut TradeBars, time| {
            let (more, event) = bars.push(trade(time));
            closed.extend(more.iter().map(|bar| bar.get().close_time.0));
            event.is_none()
        };
        for time in [5, 11, 12, 22, 31, 33] {
            assert!(push(&mut bars, time));
        }
        assert!(!push(&mut bars, 19), "its bar is closed");
        bars.interrupt().unwrap();
        for time in [34, 41, 52, 62] {
            assert!(push(&mut bars, time));
        }
        assert_eq!(closed, [20, 30, 50, 60], "not 10, and not 40");
    }
}
