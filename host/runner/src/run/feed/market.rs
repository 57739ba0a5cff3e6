//! Where a run's bars come from, opened once it is known which of them the run has: lines, or a
//! venue's market. It must never know what a run does with a bar.

use std::collections::BTreeMap;
use std::sync::Arc;

use counterfoil_connect::feed::inbox::FeedInbox;
use counterfoil_connect::feed::market::MarketSource;
use counterfoil_trading::instrument::InstrumentId;
use counterfoil_trading::manifest::{Manifest, RunSetup};
use counterfoil_trading::slice::Slice;
use counterfoil_trading::time::UnixNanos;

use super::connected::{ConnectedFeed, EventSource};
use super::lines::{Decided, LineFeed};
use super::source::LineSource;
use super::{Feed, FeedError, Next};
use crate::error::RunnerError;
use crate::orders::venues::Venues;

/// Bars that nobody has asked for yet.
pub trait Bars {
    /// The feed that they come by.
    type Feed: Feed + Send;

    /// Begins to take them, after what the run has decided.
    ///
    /// # Errors
    ///
    /// Returns [`RunnerError`] if they cannot be had. Nothing was taken then.
    fn open(
        self,
        manifest: &Manifest,
        setup: &RunSetup,
        decided: Decided,
    ) -> Result<Self::Feed, RunnerError>;
}

impl<R: LineSource + Send> Bars for R {
    type Feed = LineFeed<R>;

    fn open(
        self,
        _manifest: &Manifest,
        setup: &RunSetup,
        decided: Decided,
    ) -> Result<Self::Feed, RunnerError> {
        Ok(LineFeed::go_on(self, &setup.instruments, decided))
    }
}

/// The bars of a venue's market.
#[derive(Clone, Debug)]
pub struct MarketBars {
    /// How venues are reached.
    pub venues: Arc<Venues>,
    /// Which market.
    pub market: MarketSource,
}

impl MarketBars {
    /// Begins to take them, through a wrapper of the events' source.
    fn open_through<S: EventSource>(
        &self,
        (manifest, setup): (&Manifest, &RunSetup),
        decided: Decided,
        wrap: impl FnOnce(FeedInbox) -> S,
    ) -> Result<ConnectedFeed<S>, RunnerError> {
        let mut last: BTreeMap<InstrumentId, UnixNanos> = BTreeMap::new();
        for (close, instrument) in decided.bars.keys() {
            // They are in the sequence of their close times.
            last.insert(*instrument, *close);
        }
        let inbox = self
            .venues
            .connect(self.market, manifest, setup, last)
            .map_err(|error| RunnerError::Venue(Box::new(error)))?;
        let count = setup.instruments.len();
        Ok(ConnectedFeed::new(wrap(inbox), count, decided))
    }
}

/// Lines, or a market.
#[derive(Debug)]
pub enum Source<R> {
    /// Closed bars as newline-delimited JSON.
    Lines(R),
    /// A venue's market.
    Market(MarketBars),
}

/// The feed of a [`Source`].
#[derive(Debug)]
pub enum AnyFeed<R, S> {
    /// Of lines.
    Lines(LineFeed<R>),
    /// Of a market.
    Market(ConnectedFeed<S>),
}

impl<R: LineSource, S: EventSource> Feed for AnyFeed<R, S> {
    fn next(&mut self, slice: &mut Slice) -> Result<Next, FeedError> {
        match self {
            Self::Lines(feed) => feed.next(slice),
            Self::Market(feed) => feed.next(slice),
        }
    }
}

impl<R: LineSource + Send> Bars for Source<R> {
    type Feed = AnyFeed<R, FeedInbox>;

    fn open(
        self,
        manifest: &Manifest,
        setup: &RunSetup,
        decided: Decided,
    ) -> Result<Self::Feed, RunnerError> {
        self.open_through((manifest, setup), decided, |inbox| inbox)
    }
}

impl<R: LineSource + Send> Source<R> {
    /// As [`Bars::open`], through a wrapper of a market's events.
    ///
    /// # Errors
    ///
    /// As [`Bars::open`].
    pub fn open_through<S: EventSource>(
        self,
        (manifest, setup): (&Manifest, &RunSetup),
        decided: Decided,
        wrap: impl FnOnce(FeedInbox) -> S,
    ) -> Result<AnyFeed<R, S>, RunnerError> {
        match self {
            Self::Lines(lines) => Ok(AnyFeed::Lines(lines.open(manifest, setup, decided)?)),
            Self::Market(bars) => {
                let feed = bars.open_through((manifest, setup), decided, wrap)?;
                Ok(AnyFeed::Market(feed))
            }
        }
    }
}
