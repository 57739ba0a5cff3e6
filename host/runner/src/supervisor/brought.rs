//! The bars of a run under supervision, as its own thread asks for them: they end when it is told to
//! end. It must never know what a bar says.

use std::io;

use counterfoil_connect::feed::inbox::{Heard, Inbox};
use counterfoil_trading::manifest::{Manifest, RunSetup};

use super::inlet::Outlet;
use super::run::Supervised;
use super::status::RunState;
use crate::orders::venues::VenuesError;
use crate::run::feed::{
    AnyFeed, BarSource, DecidedBars, EventSource, FeedSource, LineRead, LineSource, LineTreatment,
    MarketBars,
};

/// Bars that nobody has asked for yet: lines that somebody puts into the run's inlet, or a venue's
/// market.
pub(super) struct Brought<'a> {
    source: FeedSource<Begun<'a>>,
    run: &'a Supervised,
}

impl<'a> Brought<'a> {
    pub(super) fn lines(run: &'a Supervised) -> Self {
        let outlet = Outlet::new(run.inlet.clone());
        let source = FeedSource::Lines(Begun { outlet, run });
        Self { source, run }
    }

    pub(super) const fn market(bars: MarketBars, run: &'a Supervised) -> Self {
        let source = FeedSource::Market(bars);
        Self { source, run }
    }
}

impl<'a> BarSource for Brought<'a> {
    type Feed = AnyFeed<Begun<'a>, Told<'a>>;

    fn open(
        self,
        manifest: &Manifest,
        setup: &RunSetup,
        decided: DecidedBars,
    ) -> Result<Self::Feed, Box<VenuesError>> {
        let Self { source, run } = self;
        source.open_through(manifest, setup, decided, |inbox| Told { inbox, run })
    }
}

/// Says that a run is under way again once it asks for what its journal does not hold.
fn is_asked(run: &Supervised) {
    run.advance(&[RunState::Resuming], RunState::Running, None);
}

/// The run's inlet.
pub(super) struct Begun<'a> {
    outlet: Outlet,
    run: &'a Supervised,
}

impl LineSource for Begun<'_> {
    fn next_line(&mut self, line: &mut Vec<u8>) -> io::Result<LineRead> {
        is_asked(self.run);
        self.outlet.next_line(line)
    }

    fn treated(&mut self, treatment: LineTreatment) {
        self.outlet.treated(treatment);
    }
}

/// A market's events, until the run is told to end.
pub(super) struct Told<'a> {
    inbox: Inbox,
    run: &'a Supervised,
}

impl EventSource for Told<'_> {
    fn next_event(&mut self) -> io::Result<Heard> {
        is_asked(self.run);
        match self.run.inlet.heed()? {
            Some(LineRead::End) => Ok(Heard::End),
            Some(LineRead::Nothing) => Ok(Heard::Nothing),
            Some(LineRead::Line) | None => self.inbox.next_event(),
        }
    }
}
