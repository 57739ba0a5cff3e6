//! The events of a feed, and how a run treats each. It must never know the journal's format: an
//! event can write itself as one line of JSON, and that line is what the journal keeps. Codes and
//! reasons are recorded: they never change.

use counterfoil_trading::bar::ClosedBar;
use counterfoil_trading::instrument::InstrumentId;
use counterfoil_trading::time::UnixNanos;
use serde_json::json;

use crate::feed::protocol::BarGap;

/// One event of a feed, in the sequence in which the run must see it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum FeedEvent {
    /// A closed bar, the next of its instrument.
    Closed(ClosedBar),
    /// No more bars with this close time are waited for.
    EndOfSlice(UnixNanos),
    /// A bar that was passed on before, with the same values.
    Duplicate(ClosedBar),
    /// A bar that was passed on before, with other values.
    Revised(ClosedBar),
    /// A bar before the last of its instrument that was never passed on.
    OutOfOrder(ClosedBar),
    /// A bar whose slice has ended.
    Late(ClosedBar),
    /// A bar that is none of the run's timeframe, or that overlaps the one before it.
    Misfit { bar: ClosedBar, reason: String },
    /// A trade whose bar is closed, or that is invalid.
    TradeRefused {
        reason: String,
        instrument: InstrumentId,
        /// The time of the trade.
        time: UnixNanos,
    },
    /// Trades were canceled or corrected after the fact.
    Amended { input: Vec<u8> },
    /// Bars that should exist and that the history does not provide.
    Missing { gap: BarGap, reason: String },
    /// A gap was filled from the venue's history.
    Filled {
        gap: BarGap,
        /// Bars that the history had.
        bars: u64,
    },
    /// A message that cannot be read.
    Refused { reason: String, input: Vec<u8> },
    /// The connection is lost.
    Disconnected { reason: String },
    /// The subscription is confirmed again.
    Reconnected {
        /// Attempts to connect.
        tries: u32,
    },
    /// The venue denied the feed: nothing follows.
    Ended { reason: String },
}

/// How a run treats an event. The table is in docs/reference/FEEDS.md, and a test compares it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FeedTreatment {
    /// The strategy decides on it.
    Decide,
    /// It ends the slice in progress.
    EndSlice,
    /// It is recorded, and the strategy does not see it.
    Record,
    /// It is counted only.
    Skip,
    /// It is recorded, and the feed ends.
    End,
}

impl FeedTreatment {
    /// The name in the table of docs/reference/FEEDS.md.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Decide => "decide",
            Self::EndSlice => "end slice",
            Self::Record => "record",
            Self::Skip => "skip",
            Self::End => "record and end",
        }
    }
}

impl FeedEvent {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Closed(_) => "closed-bar",
            Self::EndOfSlice(_) => "end-of-slice",
            Self::Duplicate(_) => "duplicate-bar",
            Self::Revised(_) => "revised-bar",
            Self::OutOfOrder(_) => "out-of-order-bar",
            Self::Late(_) => "late-bar",
            Self::Misfit { .. } => "misfit-bar",
            Self::TradeRefused { .. } => "trade-refused",
            Self::Amended { .. } => "trades-amended",
            Self::Missing { .. } => "missing-bars",
            Self::Filled { .. } => "gap-filled",
            Self::Refused { .. } => "unreadable-message",
            Self::Disconnected { .. } => "feed-disconnected",
            Self::Reconnected { .. } => "feed-reconnected",
            Self::Ended { .. } => "feed-ended",
        }
    }

    /// How a run treats it.
    #[must_use]
    pub const fn treatment(&self) -> FeedTreatment {
        match self {
            Self::Closed(_) => FeedTreatment::Decide,
            Self::EndOfSlice(_) => FeedTreatment::EndSlice,
            Self::Duplicate(_) => FeedTreatment::Skip,
            Self::Revised(_)
            | Self::OutOfOrder(_)
            | Self::Late(_)
            | Self::Misfit { .. }
            | Self::TradeRefused { .. }
            | Self::Amended { .. }
            | Self::Missing { .. }
            | Self::Filled { .. }
            | Self::Refused { .. }
            | Self::Disconnected { .. }
            | Self::Reconnected { .. } => FeedTreatment::Record,
            Self::Ended { .. } => FeedTreatment::End,
        }
    }

    /// Whether the venue can cause any number of such events; the others are the feed's own reports of
    /// its connections and gaps.
    #[must_use]
    pub const fn is_of_venue(&self) -> bool {
        match self {
            Self::Closed(_)
            | Self::Duplicate(_)
            | Self::Revised(_)
            | Self::OutOfOrder(_)
            | Self::Late(_)
            | Self::Misfit { .. }
            | Self::TradeRefused { .. }
            | Self::Amended { .. }
            | Self::Refused { .. } => true,
            Self::EndOfSlice(_)
            | Self::Missing { .. }
            | Self::Filled { .. }
            | Self::Disconnected { .. }
            | Self::Reconnected { .. }
            | Self::Ended { .. } => false,
        }
    }

    /// One sentence with the code and the reason, as it is recorded.
    #[must_use]
    pub fn reason(&self) -> String {
        let code = self.code();
        match self {
            Self::Closed(_) => format!("{code}: a bar that is over"),
            Self::EndOfSlice(_) => format!("{code}: no more bars of this time are waited for"),
            Self::Duplicate(_) => format!("{code}: it was told before"),
            Self::Revised(_) => format!("{code}: another bar of this time was told before"),
            Self::OutOfOrder(_) => format!("{code}: it comes before the last of its instrument"),
            Self::Late(_) => format!("{code}: its slice has ended"),
            Self::Amended { .. } => {
                format!("{code}: the venue took back or corrected trades; the bars stand")
            }
            Self::Misfit { reason, .. }
            | Self::Missing { reason, .. }
            | Self::TradeRefused { reason, .. }
            | Self::Refused { reason, .. }
            | Self::Disconnected { reason }
            | Self::Ended { reason } => format!("{code}: {reason}"),
            Self::Filled { bars, .. } => format!("{code}: {bars} bars came from the history"),
            Self::Reconnected { tries } => format!("{code}: at try {tries}"),
        }
    }

    /// What the journal keeps: the venue's message where there is one, else one line of JSON with
    /// integers as in [`ClosedBar`], at the instrument's scales.
    #[must_use]
    pub fn input(&self) -> Vec<u8> {
        let value = match self {
            Self::Amended { input } | Self::Refused { input, .. } => return input.clone(),
            Self::Closed(bar)
            | Self::Duplicate(bar)
            | Self::Revised(bar)
            | Self::OutOfOrder(bar)
            | Self::Late(bar)
            | Self::Misfit { bar, .. } => bar_json(bar),
            Self::EndOfSlice(time) => json!({"close-time": time.0}),
            Self::TradeRefused {
                instrument, time, ..
            } => json!({"instrument": instrument.0, "time": time.0}),
            Self::Missing { gap, .. } => gap_json(gap),
            Self::Filled { gap, bars } => {
                let mut value = gap_json(gap);
                value["bars"] = json!(bars);
                value
            }
            Self::Disconnected { .. } | Self::Ended { .. } => json!({}),
            Self::Reconnected { tries } => json!({"tries": tries}),
        };
        let mut all = json!({"event": self.code()});
        if let (Some(all), serde_json::Value::Object(fields)) = (all.as_object_mut(), value) {
            all.extend(fields);
        }
        all.to_string().into_bytes()
    }
}

fn gap_json(gap: &BarGap) -> serde_json::Value {
    json!({"instrument": gap.instrument.0, "from": gap.from.0, "to": gap.to.0})
}

fn bar_json(bar: &ClosedBar) -> serde_json::Value {
    let bar = bar.get();
    json!({
        "instrument": bar.instrument.0,
        "open-time": bar.open_time.0,
        "close-time": bar.close_time.0,
        "open": bar.open.0,
        "high": bar.high.0,
        "low": bar.low.0,
        "close": bar.close.0,
        "volume": bar.volume.0,
    })
}
