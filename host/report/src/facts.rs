//! The results of a run, in exact numbers: the input of every figure, table and chart. It must
//! never know how a journal writes these things down.

use std::collections::BTreeMap;

use counterfoil_trading::instrument::{Instrument, InstrumentId};
use counterfoil_trading::order::{OrderStatus, Side};
use counterfoil_trading::record::StopCause;
use counterfoil_trading::time::{Timeframe, UnixNanos};
use counterfoil_trading::units::Money;

use crate::order_watch::UnfilledOrders;
use crate::thin::ThinnedLine;
use crate::trade::RoundTrip;

/// The account after one slice.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct SliceFacts {
    /// The slice's close time.
    pub(crate) time: UnixNanos,
    /// Cash.
    pub(crate) cash: Money,
    /// Cash plus the value of all positions.
    pub(crate) equity: Money,
    /// The sum of the absolute values of all positions, at the last closes.
    pub(crate) exposure: Money,
    /// Whether it has a bar of an instrument that the run traded. Without any trade every slice counts.
    pub(crate) counts: bool,
}

/// Trading costs, by kind. Every amount is a cost where it is positive.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct TradingCosts {
    /// Fees, charged beside the price.
    pub(crate) fees: Money,
    /// Slippage, which is in the prices paid and received.
    pub(crate) slippage: Money,
    /// The cost of borrowing for short positions.
    pub(crate) borrow: Money,
    /// Dividends received less those paid; no cost, but beside them.
    pub(crate) dividends: Money,
}

impl TradingCosts {
    /// Whether trading cost nothing.
    #[must_use]
    pub(crate) fn is_zero(&self) -> bool {
        [self.fees, self.slippage, self.borrow] == [Money::ZERO; 3]
    }
}

/// Outcomes of the strategy's requests.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct OrderFacts {
    /// Requests that the risk gate let through.
    pub(crate) approved: u64,
    /// Requests that the risk gate refused, by code.
    pub(crate) refused: BTreeMap<&'static str, u64>,
    /// Orders that had not ended when the run did.
    pub(crate) working: u64,
    /// Whether the host canceled those when the run ended.
    pub(crate) canceled_at_end: bool,
    /// Orders without a fill.
    pub(crate) unfilled: UnfilledOrders,
    /// Order events of the venue, by status and code.
    pub(crate) events: BTreeMap<(&'static str, &'static str), u64>,
    /// Fills.
    pub(crate) fills: u64,
    /// Margin calls.
    pub(crate) margin_calls: u64,
    /// Fills whose slippage ran into the end of the bar's range.
    pub(crate) clamped: u64,
}

/// A buy or a sell in a price chart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FillMark {
    /// Close time of the bar.
    pub(crate) time: i64,
    /// The price of the fill.
    pub(crate) price: f64,
    /// Bought or sold.
    pub(crate) side: Side,
}

/// The data of one instrument's charts.
#[derive(Clone, Debug)]
pub(crate) struct InstrumentFacts {
    /// Closes.
    pub(crate) price: ThinnedLine,
    /// The position after each bar.
    pub(crate) position: ThinnedLine,
    /// Every fill.
    pub(crate) marks: Vec<FillMark>,
    /// Notional bought and sold.
    pub(crate) traded: Money,
    /// Bars decided.
    pub(crate) bars: u64,
    /// The place in [`RunFacts::slices`] of each bar; empty once the facts are gathered.
    pub(crate) slices: Vec<u32>,
}

/// Tickers that one instrument got during the run, with their first moments, in sequence.
pub(crate) type TickerChanges = Vec<(UnixNanos, String)>;

/// The fault that ended a run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct FaultFacts {
    /// Its name.
    pub(crate) name: &'static str,
    /// The callback.
    pub(crate) callback: &'static str,
    /// Close time of its slice; none in `init`.
    pub(crate) slice_close: Option<UnixNanos>,
    /// The strategy's message.
    pub(crate) message: String,
    /// The engine's trace.
    pub(crate) trace: String,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum RunEnding {
    /// The data or the feed ended.
    EndOfData,
    /// The guest was at fault.
    Fault,
    /// The host stopped the run.
    Stopped,
    /// No closing record: the run is still running, or its process was stopped.
    NotClosed,
}

impl OrderFacts {
    /// Orders that the venue rejected, by code.
    pub(crate) fn rejected(&self) -> BTreeMap<&'static str, u64> {
        let rejected = OrderStatus::Rejected.name();
        let events = self.events.iter();
        let rejections = events.filter(|((status, _), _)| *status == rejected);
        rejections
            .map(|((_, code), count)| (*code, *count))
            .collect()
    }
}

impl RunEnding {
    /// Its name in `report.json`.
    #[must_use]
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::EndOfData => "end-of-data",
            Self::Fault => "fault",
            Self::Stopped => "stopped",
            Self::NotClosed => "not-closed",
        }
    }
}

/// The result of a run.
#[derive(Clone, Debug)]
pub struct RunFacts {
    /// Cash at the start.
    pub(crate) starting_cash: Money,
    /// The length of a bar.
    pub(crate) timeframe: Timeframe,
    /// The instruments.
    pub(crate) instruments: Vec<Instrument>,
    /// The build of the host that wrote the journal, for people.
    pub(crate) host: String,
    /// The account after each slice, in sequence.
    pub(crate) slices: Vec<SliceFacts>,
    /// Tickers that instruments got during the run, by instrument id, with their first moments.
    pub(crate) tickers: Vec<TickerChanges>,
    /// One an instrument, by instrument id.
    pub(crate) lines: Vec<InstrumentFacts>,
    /// Round trips in the sequence in which they ended, then the open ones by instrument.
    pub(crate) trades: Vec<RoundTrip>,
    /// Trading costs.
    pub(crate) costs: TradingCosts,
    /// Notional bought and sold.
    pub(crate) traded: Money,
    /// Fuel of each decision, smallest first.
    pub(crate) fuel: Vec<u64>,
    /// Outcomes of requests.
    pub(crate) orders: OrderFacts,
    /// The fault, if there was one.
    pub(crate) fault: Option<FaultFacts>,
    /// Inputs that no run may see, with their reasons, by reason.
    pub(crate) refused_inputs: BTreeMap<String, u64>,
    /// Journal entries of the first decision, and of the first with a request.
    pub(crate) first_entries: (Option<u64>, Option<u64>),
    /// How it ended.
    pub(crate) ending: RunEnding,
    /// The host's stop: cause and sentence.
    pub(crate) stop: Option<(&'static str, String)>,
}

/// Letters of a message that stay in one line of a table.
const MESSAGE_LETTERS_MAX: usize = 200;

/// A cause with its message, on one line: a message is the strategy's text, and a line end in it would begin
/// another row in a table that is read line by line.
fn with_message(cause: String, message: &str) -> String {
    if message.is_empty() {
        return cause;
    }
    let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
    let mut line: String = message
        .chars()
        .take(MESSAGE_LETTERS_MAX)
        .map(plain)
        .collect();
    if line.len() < message.len() {
        line.push('\u{2026}');
    }
    format!("{cause}: {line}")
}

impl RunFacts {
    /// Marks the slices that make periods: those with a bar of an instrument that the run traded.
    ///
    /// Returns, years and exposure are of these alone. An instrument that a strategy only watches has
    /// bars on other days, at which the account cannot move: each would be a return of zero, and the
    /// same account would have another Sharpe ratio.
    pub(crate) fn count_slices(&mut self) {
        let is_traded = |lines: &InstrumentFacts| !lines.marks.is_empty();
        let any = self.lines.iter().any(is_traded);
        for lines in &mut self.lines {
            let places = core::mem::take(&mut lines.slices);
            if any && !is_traded(lines) {
                continue;
            }
            for place in places {
                let slice = usize::try_from(place)
                    .ok()
                    .and_then(|place| self.slices.get_mut(place));
                if let Some(slice) = slice {
                    slice.counts = true;
                }
            }
        }
    }

    /// Puts another text in the place of a fault's trace, such as one with the names of functions.
    pub fn change_trace(&mut self, change: impl FnOnce(&str) -> String) {
        if let Some(fault) = &mut self.fault {
            fault.trace = change(&fault.trace);
        }
    }

    /// Bars decided.
    #[must_use]
    pub(crate) fn decisions(&self) -> u64 {
        self.lines.iter().map(|lines| lines.bars).sum()
    }

    /// Equity at the end.
    #[must_use]
    pub(crate) fn final_equity(&self) -> Money {
        // Without a slice nothing was decided, and the account is as it began.
        self.slices
            .last()
            .map_or(self.starting_cash, |slice| slice.equity)
    }

    /// Cash at the end.
    #[must_use]
    pub(crate) fn final_cash(&self) -> Money {
        self.slices
            .last()
            .map_or(self.starting_cash, |slice| slice.cash)
    }

    /// What ended the run before its data or its feed did, on one line; `None` for a run that went to its
    /// end.
    #[must_use]
    pub fn early_end(&self) -> Option<String> {
        match self.ending {
            RunEnding::EndOfData => None,
            RunEnding::NotClosed => Some("the run is not closed".to_owned()),
            RunEnding::Fault => Some(self.fault.as_ref().map_or_else(
                || RunEnding::Fault.name().to_owned(),
                |fault| {
                    let mut text = format!("{} in {}", fault.name, fault.callback);
                    // A fault in `init` has no slice yet.
                    if let Some(time) = fault.slice_close {
                        let time = time.date_or_time();
                        text.push_str(&[", slice closing ", &time].concat());
                    }
                    with_message(text, &fault.message)
                },
            )),
            RunEnding::Stopped => match &self.stop {
                // A feed that ended stopped the run as planned.
                Some((cause, _)) if *cause == StopCause::FeedEnded.name() => None,
                Some((cause, message)) => Some(with_message((*cause).to_owned(), message)),
                None => Some(RunEnding::Stopped.name().to_owned()),
            },
        }
    }

    /// The ticker of an instrument on the bar that closes at `close`; the manifest's before any change.
    #[must_use]
    pub fn ticker(&self, instrument: InstrumentId, close: UnixNanos) -> &str {
        let changes = self.tickers.get(instrument.index());
        let changes = changes.map_or(&[] as &[_], Vec::as_slice);
        // A close is the first moment after its bar: a change at that moment is of the next bar.
        let last = changes.iter().rfind(|(from, _)| *from < close);
        match last {
            Some((_, ticker)) => ticker,
            None => self
                .instruments
                .get(instrument.index())
                .map_or("", Instrument::symbol),
        }
    }

    /// Close times of the first and the last slice.
    #[must_use]
    pub(crate) fn ends(&self) -> Option<(UnixNanos, UnixNanos)> {
        Some((self.slices.first()?.time, self.slices.last()?.time))
    }
}
