//! Where slices come from. A feed must never know what a run does with a slice.

mod broker_actions;
mod connected;
mod line;
mod line_source;
mod lines;
mod market;
mod refusal_fold;
mod sessions;
mod snapshot;

pub use broker_actions::BrokerActionFilter;
pub use connected::{ConnectedFeed, EventSource};
pub(crate) use line::bar_in;
pub use line_source::{
    LINE_BYTES_MAX, LineRead, LineSource, LineTreatment, SILENCE_MAX, TimedLineReader,
};
pub use lines::{DecidedBars, LineFeed};
pub use market::{AnyFeed, BarSource, FeedSource, MarketBars};
pub use snapshot::SnapshotFeed;

use counterfoil_snapshot::store::read_error::ReadError;
use counterfoil_trading::record::{RefusedInput, RunStop};
use counterfoil_trading::slice::{Slice, SliceError};

/// The next item of a feed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum FeedItem {
    /// The slice is filled and whole.
    Slice,
    /// An input that no run may see. It is recorded.
    Refused(RefusedInput),
    /// A bar or session end that is recorded already, as a feed may send it again after a reconnection.
    Known,
    /// Nothing yet. The caller may look at something else and ask again.
    Nothing,
    /// The run ends here, before any further decision.
    Stop(RunStop),
    End,
}

/// Why a feed cannot continue.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FeedError {
    #[error(transparent)]
    Snapshot(#[from] ReadError),
    /// The bars or actions do not make a slice.
    #[error(transparent)]
    Slice(#[from] SliceError),
    #[error("the feed broke: {0}")]
    Stream(std::io::Error),
}

/// A source of slices, in the order of their close times.
pub trait SliceFeed {
    /// Fills `slice` with the next one.
    ///
    /// # Errors
    ///
    /// Returns [`FeedError`] if the feed may have another slice and cannot give it.
    fn next(&mut self, slice: &mut Slice) -> Result<FeedItem, FeedError>;
}
