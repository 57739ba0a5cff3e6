//! The broker's task: one call at a time, and the stream between them.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::mpsc::{Receiver, UnboundedReceiver, channel};
use tokio::time::timeout;

use super::{Answer, Call, Connection, Told};
use crate::broker::client::AlpacaBroker;
use crate::broker::desk::{Desk, DeskEvent};
use crate::broker::life::Life;
use crate::broker::order::{Leave, NewOrder, OrderName, Snapshot, VenueFill, VenueOrder};
use crate::broker::{Broker as _, BrokerError, Cancel, updates};
use crate::wait::wait;

/// Updates that may wait while a call is made: more than one run's orders can cause in that time.
/// While they are full the stream is not read.
const UPDATES_MAX: usize = 1_024;

/// How long one thing that the stream told may keep a call waiting: one request's time.
const HEAR_MAX: Duration = Duration::from_secs(10);

/// How often an account is read until no order changes meanwhile.
const SNAPSHOTS_MAX: u32 = 3;

/// The task's state.
pub(super) struct Task {
    broker: AlpacaBroker,
    desk: Desk,
    /// The venue's own names, as far as they are known here.
    ids: BTreeMap<OrderName, String>,
    /// Orders of which it is not known whether the venue has them: that it has not is no news.
    unsure: BTreeSet<OrderName>,
    told: Vec<Told>,
    /// What a look has found and nobody was told yet: a call that ends early must not lose it.
    found: Vec<DeskEvent>,
    /// Whether every change of an order comes by the stream.
    is_live: bool,
    /// Whether the stream has begun since the last look.
    is_back: bool,
    /// Whether something may have happened that the stream did not tell.
    must_look: bool,
    call_max: Duration,
    settle: Duration,
}

impl Task {
    /// Runs until nobody asks any more.
    pub(super) async fn start(connection: Connection, mut calls: UnboundedReceiver<Call>) {
        let mut task = Self {
            broker: connection.broker(),
            desk: Desk::default(),
            ids: BTreeMap::new(),
            unsure: BTreeSet::new(),
            told: Vec::new(),
            found: Vec::new(),
            is_live: false,
            is_back: false,
            must_look: true,
            call_max: connection.settings.call_max,
            settle: connection.settings.settle,
        };
        let (sender, mut stream) = channel(UPDATES_MAX);
        tokio::spawn(updates::run(
            connection.settings.updates,
            connection.credentials,
            connection.listings,
            connection.dialer,
            sender,
        ));
        loop {
            tokio::select! {
                // Whoever asks waits for at most one thing that the stream told.
                biased;
                call = calls.recv() => match call {
                    Some(call) => task.serve(call, &mut stream).await,
                    None => return,
                },
                said = stream.recv() => match said {
                    Some(said) => task.hear_one(said).await,
                    None => break,
                },
            }
        }
        // The stream is denied for good; what is asked is still answered by requests.
        while let Some(call) = calls.recv().await {
            task.serve(call, &mut stream).await;
        }
    }

    async fn serve(&mut self, call: Call, stream: &mut Receiver<updates::Told>) {
        let max = self.call_max;
        match call {
            Call::Submit(order, leave, to) => limited(max, self.submit(order, leave), to).await,
            Call::Replace(of, with, leave, to) => {
                limited(max, self.replace(&of, with, leave), to).await;
            }
            Call::Cancel(name, to) => limited(max, self.cancel(&name), to).await,
            Call::Find(name, to) => limited(max, self.find(&name), to).await,
            Call::Recall(order, fills, to) => {
                let recalled = self.recall(&order, &fills);
                limited(max, core::future::ready(recalled), to).await;
            }
            Call::Events(to) => limited(max, self.events(stream), to).await,
            Call::Snapshot(to) => limited(max, self.snapshot(stream), to).await,
        }
    }

    async fn submit(&mut self, order: NewOrder, leave: Leave) -> Result<VenueOrder, BrokerError> {
        self.expect(&order);
        let placed = self.broker.submit(&order, &leave).await;
        self.placed(&order.name, placed)
    }

    async fn replace(
        &mut self,
        of: &OrderName,
        with: NewOrder,
        leave: Leave,
    ) -> Result<VenueOrder, BrokerError> {
        let venue_id = self.venue_id(of).await?;
        self.expect(&with);
        let placed = self.broker.replace(&venue_id, &with, &leave).await;
        self.placed(&with.name, placed)
    }

    /// The venue may speak of the order from now on.
    fn expect(&mut self, order: &NewOrder) {
        self.desk.send(order);
        self.unsure.insert(order.name.clone());
    }

    fn placed(
        &mut self,
        name: &OrderName,
        placed: Result<VenueOrder, BrokerError>,
    ) -> Result<VenueOrder, BrokerError> {
        match &placed {
            Ok(order) => self.is_there(name, order),
            // Nothing is there, and nothing was sent that could bring it.
            Err(
                BrokerError::Refused { .. }
                | BrokerError::Withdrawn { .. }
                | BrokerError::Unsupported { .. }
                | BrokerError::ClockSkew { .. },
            ) => self.is_not_there(name),
            Err(_) => {}
        }
        placed
    }

    fn is_there(&mut self, name: &OrderName, order: &VenueOrder) {
        self.unsure.remove(name);
        self.ids.insert(name.clone(), order.venue_id.clone());
    }

    fn is_not_there(&mut self, name: &OrderName) {
        self.unsure.remove(name);
        self.desk.forget(name);
    }

    async fn cancel(&mut self, name: &OrderName) -> Result<Cancel, BrokerError> {
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

    /// Looks twice, with as much time between as anything sent before may need to arrive.
    async fn find(&mut self, name: &OrderName) -> Result<Option<VenueOrder>, BrokerError> {
        let mut found = self.broker.find(name).await?;
        if found.is_none() {
            wait(self.settle).await;
            found = self.broker.find(name).await?;
        }
        match &found {
            Some(order) => self.is_there(name, order),
            None => self.is_not_there(name),
        }
        Ok(found)
    }

    fn recall(&mut self, order: &NewOrder, fills: &[VenueFill]) -> Result<(), BrokerError> {
        let recalled = self.desk.recall(order, fills);
        recalled.map_err(|_wrong| BrokerError::Recall {
            name: order.name.to_string(),
        })?;
        self.must_look = true;
        Ok(())
    }

    async fn events(
        &mut self,
        stream: &mut Receiver<updates::Told>,
    ) -> Result<Vec<Told>, BrokerError> {
        self.hear_all(stream).await;
        self.look_if_due().await?;
        Ok(core::mem::take(&mut self.told))
    }

    /// Reads the account between two looks that find nothing new, so that everything it shows was
    /// told.
    async fn snapshot(
        &mut self,
        stream: &mut Receiver<updates::Told>,
    ) -> Result<(Snapshot, Vec<Told>), BrokerError> {
        for _ in 0..SNAPSHOTS_MAX {
            self.hear_all(stream).await;
            self.look().await?;
            let before = self.told.len();
            let snapshot = self.broker.snapshot().await?;
            self.look().await?;
            self.hear_all(stream).await;
            if self.told.len() == before && !self.must_look {
                return Ok((snapshot, core::mem::take(&mut self.told)));
            }
        }
        Err(BrokerError::Moving)
    }

    /// Takes what the stream has told so far.
    async fn hear_all(&mut self, stream: &mut Receiver<updates::Told>) {
        while let Ok(said) = stream.try_recv() {
            self.hear(said).await;
        }
    }

    /// Takes one thing that the stream told, for a short time: where that is not enough, the next call
    /// looks.
    async fn hear_one(&mut self, said: updates::Told) {
        let _in_time = timeout(HEAR_MAX, self.hear(said)).await;
    }

    async fn hear(&mut self, said: updates::Told) {
        match said {
            updates::Told::Live => {
                self.is_live = true;
                self.is_back = true;
                self.must_look = true;
                // Where this fails, the next call looks before it answers.
                let _looked = self.look().await;
            }
            updates::Told::Update(update) => {
                // What it says is not known before it was taken.
                let was_due = core::mem::replace(&mut self.must_look, true);
                if let Ok(events) = self.desk.take(&update, &self.broker).await {
                    self.must_look = was_due;
                    self.found.extend(events);
                    self.tell();
                }
            }
            // What it says is looked for.
            updates::Told::Refused { .. } => self.must_look = true,
            updates::Told::Disconnected { reason } => {
                self.is_live = false;
                self.is_back = false;
                self.told.push(Told::Lost { reason });
            }
            updates::Told::Denied { reason } => {
                self.is_live = false;
                self.told.push(Told::Denied { reason });
            }
        }
    }

    async fn look_if_due(&mut self) -> Result<(), BrokerError> {
        if self.is_live && !self.must_look {
            return Ok(());
        }
        self.look().await
    }

    async fn look(&mut self) -> Result<(), BrokerError> {
        let looked = self.desk.look(&self.broker, &mut self.found).await;
        if looked.is_ok() {
            self.must_look = false;
        }
        self.tell();
        if looked.is_ok() && core::mem::take(&mut self.is_back) {
            self.told.push(Told::Back);
        }
        looked
    }

    fn tell(&mut self) {
        let mut told = Vec::new();
        let mut later = BTreeSet::new();
        // From the last to the first: an order is over with the last that is told of it.
        for event in core::mem::take(&mut self.found).into_iter().rev() {
            let name = match &event {
                // Whoever sent it asks for it by name before anything else is done.
                DeskEvent::Lost { name } if self.unsure.contains(name) => continue,
                DeskEvent::Moved { name, .. }
                | DeskEvent::Filled { name, .. }
                | DeskEvent::Illegal { name, .. }
                | DeskEvent::Unexplained { name, .. }
                | DeskEvent::Lost { name } => Some(name.clone()),
                DeskEvent::Foreign { .. } => None,
            };
            let life = name.as_ref().and_then(|name| self.desk.life(name));
            let mut is_over = life.is_some_and(Life::is_over);
            // An end whose executions are not all told yet: nobody promises that they come.
            if life.is_some_and(|life| life.status().is_final()) && !is_over {
                self.must_look = true;
            }
            is_over &= name.is_none_or(|name| later.insert(name));
            told.push(Told::Order { event, is_over });
        }
        self.told.extend(told.into_iter().rev());
    }
}

/// Answers a call within its time.
async fn limited<T>(
    max: Duration,
    answer: impl Future<Output = Result<T, BrokerError>>,
    to: Answer<T>,
) {
    let answer = timeout(max, answer).await;
    // Whoever asked may be gone.
    let _unheard = to.send(answer.unwrap_or(Err(BrokerError::Late { after: max })));
}
