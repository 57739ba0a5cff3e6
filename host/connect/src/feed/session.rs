//! One feed as a task: connects, subscribes, fills gaps, and goes on until nobody listens. It must
//! never drop a bar: its channel is bounded, and while that is full it does not read.

use core::time::Duration;
use std::collections::BTreeMap;

use counterfoil_trading::aggregate::TimeframeNotFixed;
use counterfoil_trading::bar::ClosedBar;
use counterfoil_trading::instrument::InstrumentId;
use counterfoil_trading::time::UnixNanos;
use tokio::sync::mpsc::Sender;

use crate::backoff::Backoff;
use crate::feed::event::FeedEvent;
use crate::feed::history::History;
use crate::feed::intake::{Intake, Offer};
use crate::feed::open_slice::OpenSlice;
use crate::feed::protocol::{Gap, Protocol, Said};
use crate::feed::trades::TradeBars;
use crate::net::dial::Dialer;
use crate::net::endpoint::Endpoint;
use crate::net::socket::Socket;

/// How a feed is run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the stream is.
    pub stream: Endpoint,
    /// Where the history is.
    pub history: Endpoint,
    /// The first wait before connecting again.
    pub backoff_first: Duration,
    /// The longest wait before connecting again.
    pub backoff_max: Duration,
    /// Seed of the jitter of the waits.
    pub seed: u64,
    /// A connection without any frame for so long is given up.
    pub silence: Duration,
    /// How long one request of the history may take.
    pub request_timeout: Duration,
    /// How often a request of the history is tried.
    pub fill_tries: u32,
    /// A bar of the history counts as final so long after its close by the venue's own time.
    pub settle: Duration,
    /// How long the other instruments' bars are waited for after the first of a close time;
    /// `None` waits for a bar of a later one.
    pub slice_wait: Option<Duration>,
    /// How long a trade may be on its way, in nanoseconds of the venue's time.
    pub trade_lateness_nanos: i64,
    /// The close time of each instrument's last bar that the run has.
    pub decided: BTreeMap<InstrumentId, UnixNanos>,
}

impl Settings {
    /// Settings for two addresses, with waits that respect the public limits of both venues.
    #[must_use]
    pub fn new(stream: Endpoint, history: Endpoint, seed: u64) -> Self {
        Self {
            stream,
            history,
            // Binance allows 300 connections in five minutes: one a second.
            backoff_first: Duration::from_secs(1),
            backoff_max: Duration::from_mins(1),
            seed,
            // Both venues ping more often than that.
            silence: Duration::from_mins(1),
            request_timeout: Duration::from_secs(10),
            fill_tries: 5,
            settle: Duration::from_secs(2),
            slice_wait: Some(Duration::from_secs(5)),
            trade_lateness_nanos: 2_000_000_000,
            decided: BTreeMap::new(),
        }
    }
}

/// Why a feed ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Ended {
    /// Nobody listens any more.
    Stopped,
    /// The venue will not serve it; the last event says why.
    Denied {
        /// What the venue said.
        reason: String,
    },
}

/// Why one connection ended.
enum Broken {
    Stopped,
    Denied(String),
    Again(String),
}

struct Session<P> {
    protocol: P,
    settings: Settings,
    dialer: Dialer,
    history: History,
    intake: Intake,
    trades: TradeBars,
    backoff: Backoff,
    events: Sender<FeedEvent>,
    /// Whether this connection's subscription stands.
    is_live: bool,
    /// Whether it was told that there is no connection.
    is_told_gone: bool,
    open_slice: OpenSlice,
}

/// Runs a feed until nobody listens or the venue denies it. Its last event is then
/// [`FeedEvent::SessionEnd`].
///
/// # Errors
///
/// Returns [`TimeframeNotFixed`] if the bars have no fixed length.
pub async fn run<P: Protocol>(
    protocol: P,
    settings: Settings,
    dialer: Dialer,
    events: Sender<FeedEvent>,
) -> Result<Ended, TimeframeNotFixed> {
    let listings = protocol.listings();
    let intake = Intake::new(
        listings.timeframe_nanos(),
        protocol.is_continuous(),
        listings.ids(),
        &settings.decided,
    );
    let trades = TradeBars::new(listings.timeframe(), settings.trade_lateness_nanos)?;
    // One instrument alone is a slice: nothing is waited for.
    let slice_wait = settings
        .slice_wait
        .filter(|_| listings.symbols().count() > 1);
    let open_slice = OpenSlice::new(slice_wait);
    let history = History::new(&dialer, &settings);
    let backoff = Backoff::new(settings.backoff_first, settings.backoff_max, settings.seed);
    let mut session = Session {
        protocol,
        settings,
        dialer,
        history,
        intake,
        trades,
        backoff,
        events,
        is_live: false,
        is_told_gone: false,
        open_slice,
    };
    loop {
        let reason = match session.connection().await {
            Broken::Stopped => return Ok(Ended::Stopped),
            Broken::Denied(reason) => {
                let told = FeedEvent::SessionEnd {
                    reason: reason.clone(),
                };
                let _nobody_listens = session.events.send(told).await;
                return Ok(Ended::Denied { reason });
            }
            Broken::Again(reason) => reason,
        };
        session.intake.interrupt();
        session.trades.interrupt()?;
        session.is_live = false;
        // Once, and not at each try: that also of a feed that was never reached.
        if !core::mem::replace(&mut session.is_told_gone, true)
            && session
                .tell(FeedEvent::Disconnected { reason })
                .await
                .is_err()
        {
            return Ok(Ended::Stopped);
        }
        let wait = session.backoff.next_wait();
        // Waits, unless the listener goes meanwhile.
        let gone = tokio::time::timeout(wait, session.events.closed()).await;
        if gone.is_ok() {
            return Ok(Ended::Stopped);
        }
    }
}

impl<P: Protocol> Session<P> {
    /// One connection, from its opening to its end.
    async fn connection(&mut self) -> Broken {
        let target = self.protocol.stream_target();
        let opening = Socket::open(
            &self.dialer,
            &self.settings.stream,
            &target,
            self.settings.silence,
        );
        let mut socket = match opening.await {
            Ok(socket) => socket,
            Err(error) => return Broken::Again(error.to_string()),
        };
        let mut said: Vec<Said> = Vec::new();
        let first = self.protocol.open();
        let is_live_at_once = first.is_empty();
        for message in first {
            if let Err(error) = socket.send(message.0).await {
                return Broken::Again(error.to_string());
            }
        }
        if is_live_at_once {
            said.push(Said::Live);
        }
        loop {
            for one in said.drain(..) {
                if let Err(broken) = self.act(one, &mut socket).await {
                    return broken;
                }
            }
            match self.frame(&mut socket).await {
                Ok(frame) => self.protocol.read(&frame, &mut said),
                Err(broken) => return broken,
            }
        }
    }

    /// The next frame; meanwhile the slice under way may have to end.
    async fn frame(&mut self, socket: &mut Socket) -> Result<Vec<u8>, Broken> {
        loop {
            let ended = tokio::select! {
                biased;
                () = self.events.closed() => return Err(Broken::Stopped),
                time = self.open_slice.ended() => time,
                frame = socket.next() => {
                    return frame.map_err(|error| Broken::Again(error.to_string()));
                }
            };
            self.tell(FeedEvent::EndOfSlice(ended)).await?;
        }
    }

    /// Does what one word of the venue asks for.
    async fn act(&mut self, said: Said, socket: &mut Socket) -> Result<(), Broken> {
        match said {
            Said::Nothing => Ok(()),
            Said::Answer(message) => {
                let sent = socket.send(message.0).await;
                sent.map_err(|error| Broken::Again(error.to_string()))
            }
            Said::Live => self.live().await,
            Said::Closed(bar) => self.bar(bar).await,
            Said::Revised(bar) => self.tell(self.intake.revise(bar)).await,
            Said::Trade(trade) => {
                let (bars, event) = self.trades.push(trade);
                for bar in bars {
                    self.bar(bar).await?;
                }
                match event {
                    Some(event) => self.tell(event).await,
                    None => Ok(()),
                }
            }
            Said::Amended { input } => self.tell(FeedEvent::Amended { input }).await,
            Said::Refused { reason, input } => {
                self.tell(FeedEvent::Refused { reason, input }).await
            }
            Said::Ends { reason } => Err(Broken::Again(reason)),
            Said::Denied { reason } => Err(Broken::Denied(reason)),
        }
    }

    /// The subscription stands: whatever closed before it is asked for.
    async fn live(&mut self) -> Result<(), Broken> {
        if self.is_live {
            return Ok(());
        }
        self.is_live = true;
        if core::mem::take(&mut self.is_told_gone) {
            let tries = self.backoff.tries();
            self.tell(FeedEvent::Reconnected { tries }).await?;
        }
        // What one instrument lacks tells, with the answer's date, the venue's own time.
        let Some(probe) = self.intake.gaps(UnixNanos(i64::MAX)).first().copied() else {
            return Ok(());
        };
        let length = self.protocol.listings().timeframe_nanos();
        let first = Gap {
            to: UnixNanos(probe.from.0.saturating_add(length)),
            ..probe
        };
        let Some(venue_time) = self.history.venue_time(&self.protocol, &first).await else {
            // The next bar shows the gap, and it is asked for then.
            return Ok(());
        };
        let until = self.history.settled(venue_time);
        let gaps = self.intake.gaps(until);
        self.fill(gaps, until).await
    }

    /// Takes a bar, after the bars before it.
    async fn bar(&mut self, bar: ClosedBar) -> Result<(), Broken> {
        loop {
            match self.intake.offer(bar) {
                Offer::Event(event) => return self.tell(event).await,
                Offer::After(gaps) => self.fill(gaps, bar.get().close_time).await?,
            }
        }
    }

    /// Asks for gaps whose bars are all closed at `known`, a time of the venue's.
    async fn fill(&mut self, gaps: Vec<Gap>, known: UnixNanos) -> Result<(), Broken> {
        let mut found = Vec::new();
        for gap in gaps {
            let bars = tokio::select! {
                biased;
                () = self.events.closed() => return Err(Broken::Stopped),
                bars = self.history.bars(&self.protocol, &gap, known) => bars,
            };
            found.push((gap, bars));
        }
        for event in self.intake.fill(found) {
            self.tell(event).await?;
        }
        Ok(())
    }

    /// Tells an event, and waits until there is room for it.
    async fn tell(&mut self, event: FeedEvent) -> Result<(), Broken> {
        if let FeedEvent::Closed(bar) = &event {
            self.backoff.reset();
            self.open_slice.begin(bar.get().close_time);
        }
        let sent = self.events.send(event).await;
        sent.map_err(|_nobody_listens| Broken::Stopped)
    }
}
