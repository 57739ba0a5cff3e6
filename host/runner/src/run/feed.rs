//! Where slices come from. A feed must never know what a run does with them.

mod connected;
mod line;
mod lines;
mod market;
mod of_broker;
mod sessions;
mod snapshot;
mod source;

pub use connected::{ConnectedFeed, EventSource};
pub(crate) use line::bar_in;
pub use lines::{Decided, LineFeed};
pub use market::{AnyFeed, Bars, MarketBars, Source};
pub use of_broker::OfBroker;
pub use snapshot::SnapshotFeed;
pub use source::{Came, LINE_BYTES_MAX, LineSource, Patient, SILENCE_MAX, Treatment};

use counterfoil_snapshot::error::ReadError;
use counterfoil_trading::record::{RefusedInput, RunStop};
use counterfoil_trading::slice::{Slice, SliceError};

/// What a feed has next.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Next {
    /// The slice is whole.
    Slice,
    /// Something that no run may see; it is recorded.
    Refused(RefusedInput),
    /// A bar or the end of a session that was recorded before, as a feed that connects again may send it.
    Known,
    /// Nothing yet: whoever asks may look at something else and ask again.
    Nothing,
    /// The run is to end here, before anything more is decided.
    Stop(RunStop),
    /// There is no more.
    End,
}

/// Why a feed cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FeedError {
    /// The snapshot does not hold.
    #[error(transparent)]
    Snapshot(#[from] ReadError),
    /// The bars do not make a slice.
    #[error(transparent)]
    Slice(#[from] SliceError),
    /// The stream broke.
    #[error("the feed broke: {0}")]
    Stream(std::io::Error),
}

/// Where slices come from, in the sequence of their close times.
pub trait Feed {
    /// Fills `slice` with the next one.
    ///
    /// # Errors
    ///
    /// Returns [`FeedError`] if it is not known whether there is another.
    fn next(&mut self, slice: &mut Slice) -> Result<Next, FeedError>;
}
