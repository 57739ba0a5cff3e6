//! All orders of a run at a broker: updates in, and what they mean for each. It must never fill a
//! hole by reckoning: executions that were missed are fetched.

use std::collections::BTreeMap;

use counterfoil_trading::units::Quantity;

use crate::broker::alpaca::Update;
use crate::broker::life::{Applied, Happened, Life};
use crate::broker::order::{NewOrder, OrderName, VenueFill, VenueStatus};
use crate::broker::{Broker, BrokerError};

/// What a run must know and record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DeskEvent {
    /// An order stands elsewhere.
    Moved {
        /// Which.
        name: OrderName,
        /// Where it stands.
        status: VenueStatus,
    },
    /// An order was executed.
    Filled {
        /// Which.
        name: OrderName,
        /// How.
        fill: VenueFill,
        /// Where it stands.
        status: VenueStatus,
    },
    /// The venue says something that cannot be: reconcile before going on.
    Illegal {
        /// Which.
        name: OrderName,
        /// What it says.
        happened: Option<Happened>,
        /// Where the order stood.
        from: VenueStatus,
    },
    /// The venue says that more was executed than it tells executions for.
    Unexplained {
        /// Which.
        name: OrderName,
        /// How much is known.
        known: Quantity,
        /// How much it says.
        told: Quantity,
    },
    /// The venue does not know an order that was sent.
    Lost {
        /// Which.
        name: OrderName,
    },
    /// Something happened to an order that this run did not send.
    Foreign {
        /// Its client order id.
        name: String,
    },
}

/// The orders of a run.
#[derive(Clone, Debug, Default)]
pub struct Desk {
    lives: BTreeMap<OrderName, Life>,
}

impl Desk {
    /// An order is about to be sent. It must be known here before the venue can speak of it.
    pub fn send(&mut self, order: &NewOrder) {
        self.lives
            .entry(order.name.clone())
            .or_insert_with(|| Life::new(order.terms.quantity));
    }

    /// An order that was sent before this process began, with the executions that the run has
    /// recorded of it. What happened since is found by the next look.
    ///
    /// # Errors
    ///
    /// Returns what does not follow, if the executions are not those of one order in sequence;
    /// the order is not taken then.
    pub fn recall(&mut self, order: &NewOrder, fills: &[VenueFill]) -> Result<(), Applied> {
        let mut life = Life::new(order.terms.quantity);
        for fill in fills {
            match life.apply(Happened::Fill(*fill), fill.filled) {
                Applied::Filled(..) => {}
                wrong @ (Applied::Known
                | Applied::Moved(_)
                | Applied::Missed { .. }
                | Applied::Illegal { .. }) => return Err(wrong),
            }
        }
        self.lives.insert(order.name.clone(), life);
        Ok(())
    }

    /// An order was refused, or everything that came of it is recorded: nothing more will come.
    pub fn forget(&mut self, name: &OrderName) {
        self.lives.remove(name);
    }

    /// Where an order stands.
    #[must_use]
    pub fn life(&self, name: &OrderName) -> Option<&Life> {
        self.lives.get(name)
    }

    /// The orders of which something may still come.
    pub fn open(&self) -> impl Iterator<Item = &OrderName> {
        let open = self.lives.iter().filter(|(_, life)| !life.is_over());
        open.map(|(name, _)| name)
    }

    /// Takes an update, and fetches the executions that it shows to be missing.
    ///
    /// # Errors
    ///
    /// Returns [`BrokerError`] if they cannot be fetched; the update was not taken then, and the
    /// next look finds it.
    pub async fn take<B: Broker>(
        &mut self,
        update: &Update,
        broker: &B,
    ) -> Result<Vec<DeskEvent>, BrokerError> {
        let found = OrderName::parse(&update.order.name).ok();
        let Some((name, life)) = found.and_then(|name| {
            let life = self.lives.get_mut(&name)?;
            Some((name, life))
        }) else {
            return Ok(vec![DeskEvent::Foreign {
                name: update.order.name.clone(),
            }]);
        };
        let mut events = Vec::new();
        let apply = |life: &mut Life| life.apply(update.happened, update.order.filled);
        let mut applied = apply(life);
        if matches!(applied, Applied::Missed { .. }) {
            let fills = broker.fills(&update.order.venue_id).await?;
            catch_up(&name, life, &fills, &mut events);
            applied = apply(life);
        }
        events.extend(event(&name, applied, Some(update.happened)));
        Ok(events)
    }

    /// Looks at every order of which something may still come: after each beginning of the stream,
    /// and now and then.
    ///
    /// # Errors
    ///
    /// Returns [`BrokerError`] if the venue does not say; what was found before stands, and is
    /// in `events`.
    pub async fn look<B: Broker>(
        &mut self,
        broker: &B,
        events: &mut Vec<DeskEvent>,
    ) -> Result<(), BrokerError> {
        for (name, life) in &mut self.lives {
            if life.is_over() {
                continue;
            }
            let Some(order) = broker.find(name).await? else {
                events.push(DeskEvent::Lost { name: name.clone() });
                continue;
            };
            let mut applied = life.look(&order);
            if matches!(applied, Applied::Missed { .. }) {
                let fills = broker.fills(&order.venue_id).await?;
                catch_up(name, life, &fills, events);
                applied = life.look(&order);
            }
            events.extend(event(name, applied, None));
        }
        Ok(())
    }
}

/// Applies the executions that are not known yet.
fn catch_up(name: &OrderName, life: &mut Life, fills: &[VenueFill], events: &mut Vec<DeskEvent>) {
    for fill in fills {
        let happened = Happened::Fill(*fill);
        let applied = life.apply(happened, fill.filled);
        events.extend(event(name, applied, Some(happened)));
    }
}

fn event(name: &OrderName, applied: Applied, happened: Option<Happened>) -> Option<DeskEvent> {
    let name = name.clone();
    Some(match applied {
        Applied::Known => return None,
        Applied::Moved(status) => DeskEvent::Moved { name, status },
        Applied::Filled(fill, status) => DeskEvent::Filled { name, fill, status },
        Applied::Missed { known, told } => DeskEvent::Unexplained { name, known, told },
        Applied::Illegal { from } => DeskEvent::Illegal {
            name,
            happened,
            from,
        },
    })
}
