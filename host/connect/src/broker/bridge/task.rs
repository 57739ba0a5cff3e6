//! The broker's task: serves one call at a time, and applies the update stream between calls.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::mpsc::{Receiver, UnboundedReceiver, channel};
use tokio::time::timeout;

use super::{BrokerCall, BrokerConnection, BrokerReport, ReplySender};
use crate::broker::client::AlpacaBroker;
use crate::broker::order::{NewOrder, OrderName, SendGuard, VenueAccount, VenueFill, VenueOrder};
use crate::broker::order_state::BrokerOrderState;
use crate::broker::tracker::{OrderTracker, TrackerEvent};
use crate::broker::{BrokerApi as _, BrokerError, CancelOutcome, updates};
use crate::wait::wait;

/// Updates that may wait during a call: more than the orders of one run can cause in that time.
/// While the channel is full the stream is not read.
const UPDATES_MAX: usize = 1_024;

/// Reports that may wait for the run's next call, which comes twice a second: more than its orders
/// cause in that time. While there are so many the stream is not read.
const REPORTS_MAX: usize = 4_096;

/// How long one report of the stream may delay a call: the time limit of one request.
const APPLY_MAX: Duration = Duration::from_secs(10);

/// Attempts to read an account between two polls that find nothing new.
const ACCOUNT_READS_MAX: u32 = 3;

/// State of the broker's task.
pub(super) struct BrokerTask {
    broker: AlpacaBroker,
    tracker: OrderTracker,
    /// The venue's own ids, as far as they are known here.
    ids: BTreeMap<OrderName, String>,
    /// Orders whose submission outcome is unknown; "not found" is not final for these.
    unresolved: BTreeSet<OrderName>,
    reports: Vec<BrokerReport>,
    /// What a poll found and no call has returned yet: a call that ends early must not lose it.
    unreported: Vec<TrackerEvent>,
    /// Whether the stream reports every change of an order.
    is_live: bool,
    /// Whether the stream has (re)connected since the last poll.
    has_reconnected: bool,
    /// Whether something may have happened that the stream did not report.
    must_poll: bool,
    call_max: Duration,
    settle: Duration,
}

impl BrokerTask {
    /// Serves calls until the bridge is dropped.
    pub(super) async fn start(
        connection: BrokerConnection,
        mut calls: UnboundedReceiver<BrokerCall>,
    ) {
        let mut task = Self {
            broker: connection.broker(),
            tracker: OrderTracker::default(),
            ids: BTreeMap::new(),
            unresolved: BTreeSet::new(),
            reports: Vec::new(),
            unreported: Vec::new(),
            is_live: false,
            has_reconnected: false,
            must_poll: true,
            call_max: connection.settings.call_max,
            settle: connection.settings.settle,
        };
        let (sender, mut stream) = channel(UPDATES_MAX);
        tokio::spawn(updates::run_update_stream(
            connection.settings.updates,
            connection.credentials,
            connection.listings,
            connection.dialer,
            sender,
        ));
        loop {
            tokio::select! {
                // Calls first: a run waits for at most one report of the stream, however many a
                // busy venue queues.
                biased;
                call = calls.recv() => match call {
                    Some(call) => task.serve(call, &mut stream).await,
                    None => return,
                },
                // Not beyond the bound: an account with another program's orders could otherwise
                // fill the memory while the run decides.
                report = stream.recv(), if task.reports.len() < REPORTS_MAX => match report {
                    Some(report) => task.apply_within_time(report).await,
                    None => break,
                },
            }
        }
        // The venue refuses the stream for good. Orders are still canceled and polled by requests,
        // so that the run can wind down.
        while let Some(call) = calls.recv().await {
            task.serve(call, &mut stream).await;
        }
    }

    async fn serve(
        &mut self,
        call: BrokerCall,
        stream: &mut Receiver<updates::UpdateStreamReport>,
    ) {
        let max = self.call_max;
        match call {
            BrokerCall::Submit(order, guard, to) => {
                limited(max, self.submit(order, guard), to).await;
            }
            BrokerCall::Replace(of, with, guard, to) => {
                limited(max, self.replace(&of, with, guard), to).await;
            }
            BrokerCall::Cancel(name, to) => limited(max, self.cancel(&name), to).await,
            BrokerCall::Find(name, to) => limited(max, self.find(&name), to).await,
            BrokerCall::Recall(order, fills, to) => {
                let recalled = self.recall(&order, &fills);
                limited(max, core::future::ready(recalled), to).await;
            }
            BrokerCall::Events(to) => limited(max, self.events(stream), to).await,
            BrokerCall::Account(to) => limited(max, self.account(stream), to).await,
        }
    }

    async fn submit(
        &mut self,
        order: NewOrder,
        guard: SendGuard,
    ) -> Result<VenueOrder, BrokerError> {
        self.expect(&order);
        let placed = self.broker.submit(&order, &guard).await;
        self.placed(&order.name, placed)
    }

    async fn replace(
        &mut self,
        of: &OrderName,
        with: NewOrder,
        guard: SendGuard,
    ) -> Result<VenueOrder, BrokerError> {
        let venue_id = self.venue_id(of).await?;
        self.expect(&with);
        let placed = self.broker.replace(&venue_id, &with, &guard).await;
        self.placed(&with.name, placed)
    }

    /// Tracks an order before its request leaves: the venue may report on it before it responds.
    fn expect(&mut self, order: &NewOrder) {
        // Before the request, not after: a fill that arrives ahead of the response would otherwise
        // be taken for another program's order.
        self.tracker.track(order);
        self.unresolved.insert(order.name.clone());
    }

    fn placed(
        &mut self,
        name: &OrderName,
        placed: Result<VenueOrder, BrokerError>,
    ) -> Result<VenueOrder, BrokerError> {
        match &placed {
            Ok(order) => self.is_there(name, order),
            // Final: the venue does not have the order, and no request is in flight that could
            // place it.
            Err(
                BrokerError::Refused { .. }
                | BrokerError::Withdrawn { .. }
                | BrokerError::Unsupported { .. }
                | BrokerError::ClockSkew { .. },
            ) => self.is_not_there(name),
            // Any other error leaves the outcome unknown: the order stays tracked until a lookup
            // settles it.
            Err(_) => {}
        }
        placed
    }

    fn is_there(&mut self, name: &OrderName, order: &VenueOrder) {
        self.unresolved.remove(name);
        self.ids.insert(name.clone(), order.venue_id.clone());
    }

    fn is_not_there(&mut self, name: &OrderName) {
        self.unresolved.remove(name);
        self.tracker.forget(name);
    }

    async fn cancel(&mut self, name: &OrderName) -> Result<CancelOutcome, BrokerError> {
        let venue_id = self.venue_id(name).await?;
        self.broker.cancel(&venue_id).await
    }

    async fn venue_id(&mut self, name: &OrderName) -> Result<String, BrokerError> {
        if let Some(id) = self.ids.get(name) {
            return Ok(id.clone());
        }
        match self.broker.find(name).await? {
            Some(order) => {
                self.is_there(name, &order);
                Ok(order.venue_id)
            }
            None => Err(BrokerError::Absent {
                name: name.to_string(),
            }),
        }
    }

    /// Looks the order up twice, with enough time between for any earlier request to arrive.
    async fn find(&mut self, name: &OrderName) -> Result<Option<VenueOrder>, BrokerError> {
        let mut unreported = self.broker.find(name).await?;
        if unreported.is_none() {
            // A request whose response was lost may still be on its way to the venue. To believe
            // the first "not found" would let the caller send the order a second time.
            wait(self.settle).await;
            unreported = self.broker.find(name).await?;
        }
        match &unreported {
            Some(order) => self.is_there(name, order),
            None => self.is_not_there(name),
        }
        Ok(unreported)
    }

    fn recall(&mut self, order: &NewOrder, fills: &[VenueFill]) -> Result<(), BrokerError> {
        self.tracker
            .recall(order, fills)
            .map_err(|_effect| BrokerError::Recall {
                name: order.name.to_string(),
            })?;
        // The journal may be older than the crash: a poll finds what was filled since.
        self.must_poll = true;
        Ok(())
    }

    async fn events(
        &mut self,
        stream: &mut Receiver<updates::UpdateStreamReport>,
    ) -> Result<Vec<BrokerReport>, BrokerError> {
        self.apply_waiting(stream).await;
        self.poll_if_due().await?;
        Ok(core::mem::take(&mut self.reports))
    }

    /// Reads the account between two polls that find nothing new, so that every change it shows was
    /// reported.
    async fn account(
        &mut self,
        stream: &mut Receiver<updates::UpdateStreamReport>,
    ) -> Result<(VenueAccount, Vec<BrokerReport>), BrokerError> {
        // A fill that lands between the reads would be in the account and not in the reports, or
        // the other way round, and reconciliation would stop the run for a difference that does not exist.
        for _ in 0..ACCOUNT_READS_MAX {
            self.apply_waiting(stream).await;
            self.poll().await?;
            let before = self.reports.len();
            let snapshot = self.broker.account().await?;
            self.poll().await?;
            self.apply_waiting(stream).await;
            if self.reports.len() == before && !self.must_poll {
                return Ok((snapshot, core::mem::take(&mut self.reports)));
            }
        }
        Err(BrokerError::Moving)
    }

    /// Applies the reports of the stream that are waiting.
    async fn apply_waiting(&mut self, stream: &mut Receiver<updates::UpdateStreamReport>) {
        while self.reports.len() < REPORTS_MAX
            && let Ok(report) = stream.try_recv()
        {
            self.apply_report(report).await;
        }
    }

    /// Applies one report of the stream within a time limit; if that is exceeded, the next call
    /// polls.
    async fn apply_within_time(&mut self, report: updates::UpdateStreamReport) {
        let _in_time = timeout(APPLY_MAX, self.apply_report(report)).await;
    }

    async fn apply_report(&mut self, report: updates::UpdateStreamReport) {
        match report {
            updates::UpdateStreamReport::Live => {
                self.is_live = true;
                self.has_reconnected = true;
                self.must_poll = true;
                // If this fails, the next call polls before it returns.
                let _looked = self.poll().await;
            }
            updates::UpdateStreamReport::Update(update) => {
                // Set before the await: if the time limit cancels this, the update is lost, and the
                // flag makes the next call find its content by a poll.
                let was_due = core::mem::replace(&mut self.must_poll, true);
                if let Ok(events) = self.tracker.apply_update(&update, &self.broker).await {
                    self.must_poll = was_due;
                    self.unreported.extend(events);
                    self.report_events();
                }
            }
            // The message may have been an execution. A poll finds it in a form that can be read.
            updates::UpdateStreamReport::Refused { .. } => self.must_poll = true,
            updates::UpdateStreamReport::Disconnected { reason } => {
                self.is_live = false;
                self.has_reconnected = false;
                self.reports.push(BrokerReport::Disconnected { reason });
            }
            updates::UpdateStreamReport::Denied { reason } => {
                self.is_live = false;
                self.reports.push(BrokerReport::Denied { reason });
            }
        }
    }

    async fn poll_if_due(&mut self) -> Result<(), BrokerError> {
        if self.is_live && !self.must_poll {
            return Ok(());
        }
        self.poll().await
    }

    async fn poll(&mut self) -> Result<(), BrokerError> {
        let polled = self.tracker.poll(&self.broker, &mut self.unreported).await;
        if polled.is_ok() {
            self.must_poll = false;
        }
        self.report_events();
        if polled.is_ok() && core::mem::take(&mut self.has_reconnected) {
            self.reports.push(BrokerReport::Reconnected);
        }
        polled
    }

    fn report_events(&mut self) {
        let mut reports = Vec::new();
        // Orders with a later report in this batch.
        let mut later = BTreeSet::new();
        // From last to first: only the last report of an order may say that the order is over.
        for event in core::mem::take(&mut self.unreported).into_iter().rev() {
            let name = match &event {
                // Its submission is still being resolved: the gateway looks it up by name before
                // anything else, and "not found" now would only say that it is late.
                TrackerEvent::Lost { name } if self.unresolved.contains(name) => continue,
                TrackerEvent::Moved { name, .. }
                | TrackerEvent::Filled { name, .. }
                | TrackerEvent::Illegal { name, .. }
                | TrackerEvent::Unexplained { name, .. }
                | TrackerEvent::Lost { name } => Some(name.clone()),
                TrackerEvent::Foreign { .. } => None,
            };
            let state = name.as_ref().and_then(|name| self.tracker.state(name));
            let mut is_over = state.is_some_and(BrokerOrderState::is_over);
            // Final, but with executions missing: the stream gives no promise to send them.
            if state.is_some_and(|state| state.status().is_final()) && !is_over {
                self.must_poll = true;
            }
            is_over &= name.is_none_or(|name| later.insert(name));
            reports.push(BrokerReport::Order { event, is_over });
        }
        self.reports.extend(reports.into_iter().rev());
    }
}

/// Sends the result of a call, within its time limit.
async fn limited<T>(
    max: Duration,
    answer: impl Future<Output = Result<T, BrokerError>>,
    to: ReplySender<T>,
) {
    let answer = timeout(max, answer).await;
    // The run may have ended while the call was served.
    let _no_receiver = to.send(answer.unwrap_or(Err(BrokerError::Late { after: max })));
}
