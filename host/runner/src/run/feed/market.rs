//! Where a run's bars come from: lines, or a venue's market. Both are opened after the run knows which bars are
//! decided. It must never know what a run does with a bar.

use std::collections::BTreeMap;
use std::sync::Arc;

use counterfoil_connect::feed::inbox::FeedInbox;
use counterfoil_connect::feed::market::MarketSource;
use counterfoil_trading::instrument::InstrumentId;
use counterfoil_trading::manifest::{Manifest, RunSetup};
use counterfoil_trading::slice::Slice;
use counterfoil_trading::time::UnixNanos;

use super::connected::{ConnectedFeed, EventSource};
use super::line_source::LineSource;
use super::lines::{DecidedBars, LineFeed};
use super::{FeedError, FeedItem, SliceFeed};
use crate::orders::venues::{Venues, VenuesError};

/// Bars that are not taken yet. Opening is the first use of the stream, so a run that does not start consumes nothing.
pub trait BarSource {
    type Feed: SliceFeed + Send;

    /// Opens the feed of bars after the decided ones.
    ///
    /// # Errors
    ///
    /// Returns [`VenuesError`] if the venue cannot be reached. No bar is taken then.
    fn open(
        self,
        manifest: &Manifest,
        setup: &RunSetup,
        decided: DecidedBars,
    ) -> Result<Self::Feed, Box<VenuesError>>;
}

impl<R: LineSource + Send> BarSource for R {
    type Feed = LineFeed<R>;

    fn open(
        self,
        _manifest: &Manifest,
        setup: &RunSetup,
        decided: DecidedBars,
    ) -> Result<Self::Feed, Box<VenuesError>> {
        Ok(LineFeed::resume(
            self,
            &setup.instruments,
            setup.bar_sequence(),
            decided,
        ))
    }
}

/// The bars of a venue's market.
#[derive(Clone, Debug)]
pub struct MarketBars {
    pub venues: Arc<Venues>,
    pub market: MarketSource,
}

impl MarketBars {
    /// Opens the feed through a wrapper around the source of events.
    fn open_through<S: EventSource>(
        &self,
        manifest: &Manifest,
        setup: &RunSetup,
        decided: DecidedBars,
        wrap: impl FnOnce(FeedInbox) -> S,
    ) -> Result<ConnectedFeed<S>, Box<VenuesError>> {
        let mut last: BTreeMap<InstrumentId, UnixNanos> = BTreeMap::new();
        for (close, instrument) in decided.bars.keys() {
            // The map is in the order of close times, so the last insertion of an instrument is its last bar.
            last.insert(*instrument, *close);
        }
        let inbox = self
            .venues
            .connect(self.market, manifest, setup, last)
            .map_err(Box::new)?;
        // The venue sends history from each instrument's last decided bar on, so a gap while the process was down is
        // filled with closed bars instead of being skipped.
        let count = setup.instruments.len();
        Ok(ConnectedFeed::new(
            wrap(inbox),
            setup.bar_sequence(),
            count,
            decided,
        ))
    }
}

/// Lines of JSON, or a venue's market.
#[derive(Debug)]
pub enum FeedSource<R> {
    Lines(R),
    Market(MarketBars),
}

/// The feed of a [`FeedSource`].
#[derive(Debug)]
pub enum AnyFeed<R, S> {
    Lines(LineFeed<R>),
    Market(ConnectedFeed<S>),
}

impl<R: LineSource, S: EventSource> SliceFeed for AnyFeed<R, S> {
    fn next(&mut self, slice: &mut Slice) -> Result<FeedItem, FeedError> {
        match self {
            Self::Lines(feed) => feed.next(slice),
            Self::Market(feed) => feed.next(slice),
        }
    }
}

impl<R: LineSource + Send> BarSource for FeedSource<R> {
    type Feed = AnyFeed<R, FeedInbox>;

    fn open(
        self,
        manifest: &Manifest,
        setup: &RunSetup,
        decided: DecidedBars,
    ) -> Result<Self::Feed, Box<VenuesError>> {
        self.open_through(manifest, setup, decided, |inbox| inbox)
    }
}

impl<R: LineSource + Send> FeedSource<R> {
    /// As [`BarSource::open`], through a wrapper around a market's events.
    ///
    /// # Errors
    ///
    /// As [`BarSource::open`].
    pub fn open_through<S: EventSource>(
        self,
        manifest: &Manifest,
        setup: &RunSetup,
        decided: DecidedBars,
        wrap: impl FnOnce(FeedInbox) -> S,
    ) -> Result<AnyFeed<R, S>, Box<VenuesError>> {
        match self {
            Self::Lines(lines) => Ok(AnyFeed::Lines(lines.open(manifest, setup, decided)?)),
            Self::Market(bars) => {
                let feed = bars.open_through(manifest, setup, decided, wrap)?;
                Ok(AnyFeed::Market(feed))
            }
        }
    }
}
