//! The feed of a supervised run, as its own thread reads it: it ends when the run is commanded to
//! end. It must never know what a bar means.

use std::io;

use counterfoil_connect::feed::inbox::{EventRead, FeedInbox};
use counterfoil_runner::orders::venues::VenuesError;
use counterfoil_runner::run::feed::{
    AnyFeed, BarSource, DecidedBars, EventSource, FeedSource, LineRead, LineSource, LineTreatment,
    MarketBars,
};
use counterfoil_trading::manifest::{Manifest, RunSetup};

use super::inlet::InletReader;
use super::run::SupervisedRun;
use super::status::RunState;

/// The feed of a run before it is opened: the lines of its inlet, or a venue's market.
pub(super) struct SupervisedFeed<'a> {
    source: FeedSource<SupervisedLines<'a>>,
    run: &'a SupervisedRun,
}

impl<'a> SupervisedFeed<'a> {
    pub(super) fn lines(run: &'a SupervisedRun) -> Self {
        let lines = InletReader::new(run.inlet.clone());
        let source = FeedSource::Lines(SupervisedLines { lines, run });
        Self { source, run }
    }

    pub(super) const fn market(bars: MarketBars, run: &'a SupervisedRun) -> Self {
        let source = FeedSource::Market(bars);
        Self { source, run }
    }
}

impl<'a> BarSource for SupervisedFeed<'a> {
    type Feed = AnyFeed<SupervisedLines<'a>, SupervisedMarket<'a>>;

    fn open(
        self,
        manifest: &Manifest,
        setup: &RunSetup,
        decided: DecidedBars,
    ) -> Result<Self::Feed, Box<VenuesError>> {
        let Self { source, run } = self;
        source.open_through(manifest, setup, decided, |inbox| SupervisedMarket {
            inbox,
            run,
        })
    }
}

/// A resumed run is running again once it reads what its journal does not have.
fn mark_running(run: &SupervisedRun) {
    run.advance(&[RunState::Resuming], RunState::Running, None);
}

/// The lines of the run's inlet.
pub(super) struct SupervisedLines<'a> {
    lines: InletReader,
    run: &'a SupervisedRun,
}

impl LineSource for SupervisedLines<'_> {
    fn next_line(&mut self, line: &mut Vec<u8>) -> io::Result<LineRead> {
        mark_running(self.run);
        self.lines.next_line(line)
    }

    fn treated(&mut self, treatment: LineTreatment) {
        self.lines.treated(treatment);
    }

    fn drops_floods(&self) -> bool {
        !self.run.is_pushed()
    }
}

/// A market's events, until the run is commanded to end.
pub(super) struct SupervisedMarket<'a> {
    inbox: FeedInbox,
    run: &'a SupervisedRun,
}

impl EventSource for SupervisedMarket<'_> {
    fn next_event(&mut self) -> io::Result<EventRead> {
        mark_running(self.run);
        // The command before the next event: a venue that never pauses must not keep a killed run
        // alive.
        match self.run.inlet.end_signal()? {
            Some(LineRead::End) => Ok(EventRead::End),
            Some(LineRead::Nothing) => Ok(EventRead::Nothing),
            Some(LineRead::Line) | None => self.inbox.next_event(),
        }
    }
}
