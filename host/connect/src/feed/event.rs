//! What a feed tells a run, and what is done with each of it. It must never know the journal's
//! format: an event can write itself as one line of JSON, and that is what is kept.

use counterfoil_trading::bar::ClosedBar;
use counterfoil_trading::instrument::InstrumentId;
use counterfoil_trading::time::UnixNanos;
use serde_json::json;

use crate::feed::protocol::Gap;

/// One event of a feed, in the sequence in which the run must see it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum FeedEvent {
    /// A bar that is over, and the next of its instrument.
    Closed(ClosedBar),
    /// No more bars with this close time are waited for.
    EndOfSlice(UnixNanos),
    /// A bar that was told before, with the same values.
    Duplicate(ClosedBar),
    /// A bar that was told before, with other values.
    Revised(ClosedBar),
    /// A bar before the last of its instrument that was never told.
    OutOfOrder(ClosedBar),
    /// A bar whose slice has ended.
    Late(ClosedBar),
    /// A trade whose bar is closed, or that is none.
    TradeRefused {
        /// Why.
        reason: String,
        /// Whose.
        instrument: InstrumentId,
        /// When it was made.
        time: UnixNanos,
    },
    /// Trades were taken back or corrected after the fact.
    Amended {
        /// The message.
        input: Vec<u8>,
    },
    /// Bars that should be there and cannot be had.
    Missing {
        /// Which.
        gap: Gap,
        /// Why.
        reason: String,
    },
    /// A gap was closed from the venue's history.
    Filled {
        /// Which.
        gap: Gap,
        /// How many bars it had.
        bars: u64,
    },
    /// A message that cannot be read.
    Refused {
        /// Why.
        reason: String,
        /// The message.
        input: Vec<u8>,
    },
    /// The connection is gone.
    Disconnected {
        /// Why.
        reason: String,
    },
    /// The subscription stands again.
    Reconnected {
        /// How often was tried.
        tries: u32,
    },
    /// There is no more: the feed was denied.
    SessionEnd {
        /// Why.
        reason: String,
    },
}

/// What is done with an event. The table stands in docs/reference/FEEDS.md, and a test holds it there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Treatment {
    /// The strategy decides on it.
    Decide,
    /// It ends the slice under way.
    EndSlice,
    /// It is recorded, and no strategy sees it.
    Record,
    /// It is counted only.
    Skip,
    /// It is recorded, and the feed is over.
    End,
}

impl Treatment {
    /// Its name in the table.
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
    /// Its stable name.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Closed(_) => "closed-bar",
            Self::EndOfSlice(_) => "end-of-slice",
            Self::Duplicate(_) => "duplicate-bar",
            Self::Revised(_) => "revised-bar",
            Self::OutOfOrder(_) => "out-of-order-bar",
            Self::Late(_) => "late-bar",
            Self::TradeRefused { .. } => "trade-refused",
            Self::Amended { .. } => "trades-amended",
            Self::Missing { .. } => "missing-bars",
            Self::Filled { .. } => "gap-filled",
            Self::Refused { .. } => "unreadable-message",
            Self::Disconnected { .. } => "feed-disconnected",
            Self::Reconnected { .. } => "feed-reconnected",
            Self::SessionEnd { .. } => "feed-ended",
        }
    }

    /// What is done with it.
    #[must_use]
    pub const fn treatment(&self) -> Treatment {
        match self {
            Self::Closed(_) => Treatment::Decide,
            Self::EndOfSlice(_) => Treatment::EndSlice,
            Self::Duplicate(_) => Treatment::Skip,
            Self::Revised(_)
            | Self::OutOfOrder(_)
            | Self::Late(_)
            | Self::TradeRefused { .. }
            | Self::Amended { .. }
            | Self::Missing { .. }
            | Self::Filled { .. }
            | Self::Refused { .. }
            | Self::Disconnected { .. }
            | Self::Reconnected { .. } => Treatment::Record,
            Self::SessionEnd { .. } => Treatment::End,
        }
    }

    /// A sentence for people.
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
            Self::Missing { reason, .. }
            | Self::TradeRefused { reason, .. }
            | Self::Refused { reason, .. }
            | Self::Disconnected { reason }
            | Self::SessionEnd { reason } => format!("{code}: {reason}"),
            Self::Filled { bars, .. } => format!("{code}: {bars} bars came from the history"),
            Self::Reconnected { tries } => format!("{code}: at try {tries}"),
        }
    }

    /// What is kept of it: the venue's message where there is one, else one line of JSON with
    /// integers as in [`ClosedBar`], at the instrument's scales.
    #[must_use]
    pub fn input(&self) -> Vec<u8> {
        let value = match self {
            Self::Amended { input } | Self::Refused { input, .. } => return input.clone(),
            Self::Closed(bar)
            | Self::Duplicate(bar)
            | Self::Revised(bar)
            | Self::OutOfOrder(bar)
            | Self::Late(bar) => bar_json(bar),
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
            Self::Disconnected { .. } | Self::SessionEnd { .. } => json!({}),
            Self::Reconnected { tries } => json!({"tries": tries}),
        };
        let mut all = json!({"event": self.code()});
        if let (Some(all), serde_json::Value::Object(fields)) = (all.as_object_mut(), value) {
            all.extend(fields);
        }
        all.to_string().into_bytes()
    }
}

fn gap_json(gap: &Gap) -> serde_json::Value {
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
