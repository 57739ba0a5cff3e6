//! One feed as a task: connects, subscribes, fills gaps, and runs until its receiver is dropped. It must
//! never drop a bar: its channel is bounded, and while that is full it does not read.

use core::convert::Infallible;

use counterfoil_trading::aggregate::TimeframeNotFixed;
use counterfoil_trading::bar::ClosedBar;
use counterfoil_trading::time::UnixNanos;
use tokio::sync::mpsc::Sender;

use crate::backoff::Backoff;
use crate::feed::config::FeedConfig;
use crate::feed::event::FeedEvent;
use crate::feed::history::BarHistory;
use crate::feed::intake::{BarIntake, OfferOutcome};
use crate::feed::open_slice::OpenSlice;
use crate::feed::protocol::{BarGap, FeedProtocol, VenueMessage};
use crate::feed::trades::TradeBars;
use crate::net::dial::Dialer;
use crate::net::socket::WebSocket;
use crate::reconnect::{ConnectionEnd, wait_to_reconnect};

/// Unreadable messages of one connection between two bars: a venue's new kind of message is seen
/// long before that, and each is a signed record or counted in one.
pub const UNREADABLE_MAX: u32 = 1_000;

/// Why a feed ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum FeedEnd {
    /// The receiver was dropped.
    Stopped,
    /// The venue refuses to serve it; the last event has the reason.
    Denied { reason: String },
}

struct FeedTask<P> {
    protocol: P,
    config: FeedConfig,
    dialer: Dialer,
    history: BarHistory,
    intake: BarIntake,
    trades: TradeBars,
    backoff: Backoff,
    events: Sender<FeedEvent>,
    /// Whether the subscription of this connection is confirmed.
    is_live: bool,
    /// Whether the loss of the connection was reported.
    has_reported_loss: bool,
    open_slice: OpenSlice,
    /// Unreadable messages of this connection since the last bar.
    unreadable: u32,
}

/// Runs a feed until its receiver is dropped or the venue denies it; then its last event is
/// [`FeedEvent::Ended`].
///
/// # Errors
///
/// Returns [`TimeframeNotFixed`] if the bars have no fixed length.
pub async fn run_feed<P: FeedProtocol>(
    protocol: P,
    config: FeedConfig,
    dialer: Dialer,
    events: Sender<FeedEvent>,
) -> Result<FeedEnd, TimeframeNotFixed> {
    let mut task = FeedTask::new(protocol, config, dialer, events)?;
    loop {
        let Err(end) = task.connect_once().await;
        let reason = match end {
            ConnectionEnd::NoReceiver => return Ok(FeedEnd::Stopped),
            ConnectionEnd::Denied(reason) => {
                let ended = FeedEvent::Ended {
                    reason: reason.clone(),
                };
                let _no_receiver = task.events.send(ended).await;
                return Ok(FeedEnd::Denied { reason });
            }
            ConnectionEnd::Broken(reason) => reason,
        };
        // What the broken connection left half-built is dropped: a bar made of the trades before
        // and after the gap would be a bar that never was.
        task.intake.interrupt();
        task.trades.interrupt()?;
        task.is_live = false;
        task.unreadable = 0;
        // Reported once, not at each attempt, and also for a feed that was never reached. Each
        // report is a record of the journal: a night without a venue must not fill it.
        if !core::mem::replace(&mut task.has_reported_loss, true)
            && task.emit(FeedEvent::Disconnected { reason }).await.is_err()
        {
            return Ok(FeedEnd::Stopped);
        }
        let wait = task.backoff.next_wait();
        if !wait_to_reconnect(wait, &task.events).await {
            return Ok(FeedEnd::Stopped);
        }
    }
}

impl<P: FeedProtocol> FeedTask<P> {
    fn new(
        protocol: P,
        config: FeedConfig,
        dialer: Dialer,
        events: Sender<FeedEvent>,
    ) -> Result<Self, TimeframeNotFixed> {
        let listings = protocol.listings();
        let intake = BarIntake::new(
            listings.timeframe_nanos(),
            protocol.is_continuous(),
            listings.ids(),
            &config.decided,
        );
        let trades = TradeBars::new(listings.timeframe(), config.trade_lateness_nanos)?;
        // One instrument alone is a slice: there is no other bar to wait for.
        let slice_wait = config.slice_wait.filter(|_| listings.symbols().count() > 1);
        Ok(Self {
            open_slice: OpenSlice::new(slice_wait),
            history: BarHistory::new(&dialer, &config),
            backoff: Backoff::new(config.backoff_first, config.backoff_max, config.seed),
            protocol,
            config,
            dialer,
            intake,
            trades,
            events,
            is_live: false,
            has_reported_loss: false,
            unreadable: 0,
        })
    }

    /// One connection, from its opening to its end.
    async fn connect_once(&mut self) -> Result<Infallible, ConnectionEnd> {
        let target = self.protocol.stream_target();
        let (stream, silence) = (&self.config.stream, self.config.silence);
        let mut socket = WebSocket::open(&self.dialer, stream, &target, silence).await?;
        let mut messages: Vec<VenueMessage> = Vec::new();
        let opening = self.protocol.open();
        // A venue that needs no login and no subscription message is live as soon as it is
        // connected.
        if opening.is_empty() {
            messages.push(VenueMessage::Live);
        }
        for message in opening {
            socket.send(message.0).await?;
        }
        loop {
            for message in messages.drain(..) {
                self.apply(message, &mut socket).await?;
            }
            let frame = self.next_frame(&mut socket).await?;
            self.protocol.read(&frame, &mut messages);
        }
    }

    /// The next frame; meanwhile the slice in progress may have to end.
    async fn next_frame(&mut self, socket: &mut WebSocket) -> Result<Vec<u8>, ConnectionEnd> {
        loop {
            let close_time = tokio::select! {
                // The end of a slice goes before the next frame: a venue that sends without pause
                // must not keep a slice open.
                biased;
                () = self.events.closed() => return Err(ConnectionEnd::NoReceiver),
                close_time = self.open_slice.ended() => close_time,
                frame = socket.next() => return Ok(frame?),
            };
            self.emit(FeedEvent::EndOfSlice(close_time)).await?;
        }
    }

    /// Applies one message of the venue.
    async fn apply(
        &mut self,
        message: VenueMessage,
        socket: &mut WebSocket,
    ) -> Result<(), ConnectionEnd> {
        match message {
            VenueMessage::Nothing => Ok(()),
            VenueMessage::Answer(answer) => Ok(socket.send(answer.0).await?),
            VenueMessage::Live => self.catch_up().await,
            VenueMessage::Closed(bar) => self.offer_bar(bar).await,
            VenueMessage::Revised(bar) => self.emit(self.intake.revise(bar)).await,
            VenueMessage::Trade(trade) => {
                let (bars, event) = self.trades.push(trade);
                for bar in bars {
                    self.offer_bar(bar).await?;
                }
                match event {
                    Some(event) => self.emit(event).await,
                    None => Ok(()),
                }
            }
            VenueMessage::Amended { input } => self.emit(FeedEvent::Amended { input }).await,
            VenueMessage::Refused { reason, input } => self.refuse(reason, input).await,
            VenueMessage::Ends { reason } => Err(ConnectionEnd::Broken(reason)),
            VenueMessage::Denied { reason } => Err(ConnectionEnd::Denied(reason)),
        }
    }

    /// Reports a message that cannot be read, and drops a connection that sends nothing else.
    async fn refuse(&mut self, reason: String, input: Vec<u8>) -> Result<(), ConnectionEnd> {
        self.unreadable = self.unreadable.saturating_add(1);
        let is_garbage = self.unreadable >= UNREADABLE_MAX;
        let end = format!(
            "{} messages could not be read since the last bar; the last: {reason}",
            self.unreadable
        );
        self.emit(FeedEvent::Refused { reason, input }).await?;
        // Garbage costs its sender one byte and the journal a signed record. The next connection
        // comes after a longer wait, since no bar has reset it.
        if is_garbage {
            return Err(ConnectionEnd::Broken(end));
        }
        Ok(())
    }

    /// The subscription is confirmed: requests the bars that closed before.
    async fn catch_up(&mut self) -> Result<(), ConnectionEnd> {
        // A venue may confirm twice: the gap is requested once per connection.
        if self.is_live {
            return Ok(());
        }
        self.is_live = true;
        if core::mem::take(&mut self.has_reported_loss) {
            let tries = self.backoff.tries();
            self.emit(FeedEvent::Reconnected { tries }).await?;
        }
        // One request for the first missing bar shows, by the date of its response, the venue's own
        // time. This machine's clock is not asked: were it ahead, a bar that still forms would
        // count as missing, and its unfinished values would be decided on.
        let Some(probe) = self.intake.gaps(UnixNanos(i64::MAX)).first().copied() else {
            return Ok(());
        };
        let length = self.protocol.listings().timeframe_nanos();
        let first = BarGap {
            to: UnixNanos(probe.from.0.saturating_add(length)),
            ..probe
        };
        let Some(venue_time) = self.history.venue_time(&self.protocol, &first).await else {
            // The next bar of the stream shows the gap, and it is filled then.
            return Ok(());
        };
        let until = self.history.settled(venue_time);
        let gaps = self.intake.gaps(until);
        self.fill_gaps(gaps, until).await
    }

    /// Passes a bar on, after the bars before it.
    async fn offer_bar(&mut self, bar: ClosedBar) -> Result<(), ConnectionEnd> {
        // At most two rounds: after `fill_gaps` nothing before this bar is waited for.
        loop {
            match self.intake.offer(bar) {
                OfferOutcome::Event(event) => return self.emit(event).await,
                OfferOutcome::After(gaps) => self.fill_gaps(gaps, bar.get().close_time).await?,
            }
        }
    }

    /// Requests gaps whose bars are all closed at `known`, a time of the venue's clock.
    async fn fill_gaps(
        &mut self,
        gaps: Vec<BarGap>,
        known: UnixNanos,
    ) -> Result<(), ConnectionEnd> {
        let mut found = Vec::new();
        for gap in gaps {
            let bars = tokio::select! {
                biased;
                () = self.events.closed() => return Err(ConnectionEnd::NoReceiver),
                bars = self.history.bars(&self.protocol, &gap, known) => bars,
            };
            found.push((gap, bars));
        }
        // All at once, after the last response: a connection that breaks in between leaves every
        // gap open, and the next connection requests it again.
        for event in self.intake.fill_gaps(found) {
            self.emit(event).await?;
        }
        Ok(())
    }

    /// Sends an event, and waits while the channel is full.
    async fn emit(&mut self, event: FeedEvent) -> Result<(), ConnectionEnd> {
        if let FeedEvent::Closed(bar) = &event {
            // A bar proves that the venue serves: a login alone does not, and a venue that accepts
            // and closes each connection must not be tried every second.
            self.backoff.reset();
            self.unreadable = 0;
            self.open_slice.begin(bar.get().close_time);
        }
        self.events
            .send(event)
            .await
            .map_err(|_closed| ConnectionEnd::NoReceiver)
    }
}
