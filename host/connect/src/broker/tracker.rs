//! All orders of a run at a broker: applies updates and reports what they mean for each. It must
//! never fill a gap by arithmetic: missed executions are fetched.

use std::collections::BTreeMap;

use counterfoil_trading::units::Quantity;

use crate::broker::alpaca::OrderUpdate;
use crate::broker::order::{NewOrder, OrderName, VenueFill, VenueStatus};
use crate::broker::order_state::{BrokerEvent, BrokerOrderState, EventEffect};
use crate::broker::{BrokerApi, BrokerError};

/// What a run must know and record about an order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TrackerEvent {
    /// The status changed.
    Moved {
        name: OrderName,
        status: VenueStatus,
    },
    Filled {
        name: OrderName,
        fill: VenueFill,
        status: VenueStatus,
    },
    /// The broker reports something that cannot follow: the run must stop and reconcile.
    Illegal {
        name: OrderName,
        happened: Option<BrokerEvent>,
        /// The status before.
        from: VenueStatus,
    },
    /// The broker states a larger filled quantity than its executions add up to.
    Unexplained {
        name: OrderName,
        /// Filled by the executions.
        known: Quantity,
        /// Filled as the broker states it.
        reported: Quantity,
    },
    /// The broker does not know an order that was sent.
    Lost { name: OrderName },
    /// An event of an order that this run did not send.
    Foreign {
        /// Its client order id.
        name: String,
    },
}

/// The state of every order of a run.
#[derive(Clone, Debug, Default)]
pub struct OrderTracker {
    states: BTreeMap<OrderName, BrokerOrderState>,
}

impl OrderTracker {
    /// Tracks an order that is about to be sent. It must be known here before the venue can report
    /// on it.
    pub fn track(&mut self, order: &NewOrder) {
        self.states
            .entry(order.name.clone())
            .or_insert_with(|| BrokerOrderState::new(order.terms.quantity));
    }

    /// Tracks an order that an earlier process sent, with the executions that the run has recorded.
    /// The next poll finds what happened since.
    ///
    /// # Errors
    ///
    /// Returns the effect that does not follow, if the executions are not those of one order in
    /// sequence; the order is not tracked then.
    pub fn recall(&mut self, order: &NewOrder, fills: &[VenueFill]) -> Result<(), EventEffect> {
        let mut state = BrokerOrderState::new(order.terms.quantity);
        for fill in fills {
            match state.apply(BrokerEvent::Fill(*fill), fill.filled) {
                EventEffect::Filled(..) => {}
                wrong @ (EventEffect::Known
                | EventEffect::Moved(_)
                | EventEffect::Missed { .. }
                | EventEffect::Illegal { .. }) => return Err(wrong),
            }
        }
        self.states.insert(order.name.clone(), state);
        Ok(())
    }

    /// Drops an order that was refused, or whose every event is recorded.
    pub fn forget(&mut self, name: &OrderName) {
        self.states.remove(name);
    }

    /// The state of an order.
    #[must_use]
    pub fn state(&self, name: &OrderName) -> Option<&BrokerOrderState> {
        self.states.get(name)
    }

    /// The orders that can still have events.
    pub fn open(&self) -> impl Iterator<Item = &OrderName> {
        let open = self.states.iter().filter(|(_, state)| !state.is_over());
        open.map(|(name, _)| name)
    }

    /// Applies an update, and fetches the executions that it shows to be missing.
    ///
    /// # Errors
    ///
    /// Returns [`BrokerError`] if they cannot be fetched; the update was not applied then, and the
    /// next poll finds it.
    pub async fn apply_update<B: BrokerApi>(
        &mut self,
        update: &OrderUpdate,
        broker: &B,
    ) -> Result<Vec<TrackerEvent>, BrokerError> {
        let found = OrderName::parse(&update.order.name).ok();
        let Some((name, state)) = found.and_then(|name| {
            let state = self.states.get_mut(&name)?;
            Some((name, state))
        }) else {
            return Ok(vec![TrackerEvent::Foreign {
                name: update.order.name.clone(),
            }]);
        };
        let mut events = Vec::new();
        let apply =
            |state: &mut BrokerOrderState| state.apply(update.happened, update.order.filled);
        let mut applied = apply(state);
        // The update names a larger filled quantity than is known: executions were lost while the
        // stream was down, or are still on their way. They are fetched and applied first, each with
        // its own price, and the update is applied after them.
        if matches!(applied, EventEffect::Missed { .. }) {
            let fills = broker.fills(&update.order.venue_id).await?;
            catch_up(&name, state, &fills, &mut events);
            applied = apply(state);
        }
        events.extend(event(&name, applied, Some(update.happened)));
        Ok(events)
    }

    /// Polls every order that can still have events: after each connection of the stream, and from
    /// time to time.
    ///
    /// # Errors
    ///
    /// Returns [`BrokerError`] if the venue does not respond; what was found before is applied, and
    /// is in `events`.
    pub async fn poll<B: BrokerApi>(
        &mut self,
        broker: &B,
        events: &mut Vec<TrackerEvent>,
    ) -> Result<(), BrokerError> {
        for (name, state) in &mut self.states {
            if state.is_over() {
                continue;
            }
            let Some(order) = broker.find(name).await? else {
                // No guess about its end: it may be late, or the account was reset. The task
                // decides by whether its submission is resolved.
                events.push(TrackerEvent::Lost { name: name.clone() });
                continue;
            };
            let mut applied = state.apply_order(&order);
            if matches!(applied, EventEffect::Missed { .. }) {
                let fills = broker.fills(&order.venue_id).await?;
                catch_up(name, state, &fills, events);
                applied = state.apply_order(&order);
            }
            events.extend(event(name, applied, None));
        }
        Ok(())
    }
}

/// Applies the executions that are not known yet.
fn catch_up(
    name: &OrderName,
    state: &mut BrokerOrderState,
    fills: &[VenueFill],
    events: &mut Vec<TrackerEvent>,
) {
    for fill in fills {
        let happened = BrokerEvent::Fill(*fill);
        let applied = state.apply(happened, fill.filled);
        events.extend(event(name, applied, Some(happened)));
    }
}

fn event(
    name: &OrderName,
    applied: EventEffect,
    happened: Option<BrokerEvent>,
) -> Option<TrackerEvent> {
    let name = name.clone();
    Some(match applied {
        EventEffect::Known => return None,
        EventEffect::Moved(status) => TrackerEvent::Moved { name, status },
        EventEffect::Filled(fill, status) => TrackerEvent::Filled { name, fill, status },
        EventEffect::Missed { known, reported } => TrackerEvent::Unexplained {
            name,
            known,
            reported,
        },
        EventEffect::Illegal { from } => TrackerEvent::Illegal {
            name,
            happened,
            from,
        },
    })
}
