//! The places of connections: a new one takes the place of the oldest stranger, and sessions keep theirs. It must
//! never know what a request does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use counterfoil_governance::id::Id;
use tokio::sync::Notify;

/// Connections that a principal keeps at once: its tools many times over. Beyond them its connections give way like a
/// stranger's, so that one principal cannot shut out the others.
pub(crate) const KEPT_PER_PRINCIPAL: usize = 32;

/// The places of one server.
#[derive(Debug)]
pub(crate) struct Places {
    most: usize,
    table: Mutex<PlaceTable>,
}

#[derive(Debug, Default)]
struct PlaceTable {
    next: u64,
    /// Connections without a valid login so far, oldest first.
    strangers: BTreeMap<u64, Arc<Notify>>,
    /// Connections of each principal.
    kept: BTreeMap<Id, BTreeSet<u64>>,
}

/// One connection's place, free when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    number: u64,
    evicted: Arc<Notify>,
}

impl PlaceTable {
    fn count(&self) -> usize {
        let kept: usize = self.kept.values().map(BTreeSet::len).sum();
        self.strangers.len().saturating_add(kept)
    }
}

impl Places {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            table: Mutex::default(),
        })
    }

    fn held(&self) -> MutexGuard<'_, PlaceTable> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place, if need be that of the oldest stranger; `None` if sessions have all.
    pub(crate) fn take(self: &Arc<Self>) -> Option<Place> {
        let mut table = self.held();
        if table.count() >= self.most {
            // The oldest and not the newest: requests that were left half-open are older than that of an operator
            // who has just connected, and a whole request takes milliseconds.
            let (_, oldest) = table.strangers.pop_first()?;
            oldest.notify_one();
        }
        let number = table.next;
        table.next = number.saturating_add(1);
        let evicted = Arc::new(Notify::new());
        table.strangers.insert(number, Arc::clone(&evicted));
        drop(table);
        Some(Place {
            places: Arc::clone(self),
            number,
            evicted,
        })
    }
}

impl Place {
    /// Keeps the place for a principal whose login was checked, up to the bound of each principal.
    pub(crate) fn keep(&self, principal: &Id) {
        let mut table = self.places.held();
        let kept = table.kept.get(principal).map_or(0, BTreeSet::len);
        // Only a stranger's: a place that was given away already must not be counted again.
        if kept < KEPT_PER_PRINCIPAL && table.strangers.remove(&self.number).is_some() {
            let of = table.kept.entry(principal.clone()).or_default();
            of.insert(self.number);
        }
    }

    /// Lets the place give way again, as the stranger's that it was.
    pub(crate) fn give_back(&self) {
        let mut table = self.places.held();
        let mut was_kept = false;
        for kept in table.kept.values_mut() {
            was_kept |= kept.remove(&self.number);
        }
        if was_kept {
            table.kept.retain(|_, kept| !kept.is_empty());
            table
                .strangers
                .insert(self.number, Arc::clone(&self.evicted));
        }
    }

    /// Waits until another connection has taken the place.
    pub(crate) async fn evicted(&self) {
        self.evicted.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.places.held();
        table.strangers.remove(&self.number);
        for kept in table.kept.values_mut() {
            kept.remove(&self.number);
        }
        table.kept.retain(|_, kept| !kept.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn is_evicted(place: &Place) -> bool {
        place.evicted().now_or_never().is_some()
    }

    /// 520 half-open requests shut every operator out, for as long as their sender liked.
    #[test]
    fn the_oldest_stranger_gives_way_and_a_session_does_not() {
        let places = Places::new(3);
        let (erin, bob) = (Id::parse("erin").unwrap(), Id::parse("bob").unwrap());
        let first = places.take().unwrap();
        first.keep(&erin);
        let (second, third) = (places.take().unwrap(), places.take().unwrap());
        let fourth = places.take().unwrap();
        assert!(is_evicted(&second) && !is_evicted(&first) && !is_evicted(&third));
        // Its place is gone: a login that comes too late keeps nothing.
        second.keep(&bob);
        assert_eq!(places.held().count(), 3);
        third.keep(&bob);
        fourth.keep(&bob);
        assert!(places.take().is_none(), "sessions have every place");
        drop((second, first));
        assert!(places.take().is_some());
    }

    #[test]
    fn a_place_whose_login_no_longer_counts_gives_way_again() {
        let places = Places::new(2);
        let (erin, bob) = (Id::parse("erin").unwrap(), Id::parse("bob").unwrap());
        let (first, second) = (places.take().unwrap(), places.take().unwrap());
        first.keep(&erin);
        second.keep(&bob);
        assert!(places.take().is_none());
        first.give_back();
        first.give_back();
        assert_eq!(places.held().count(), 2);
        let _third = places.take().unwrap();
        assert!(is_evicted(&first) && !is_evicted(&second));
        // Its place is another's by now.
        first.give_back();
        assert_eq!(places.held().count(), 2);
    }

    #[test]
    fn a_principal_keeps_a_few_and_its_others_give_way() {
        let places = Places::new(KEPT_PER_PRINCIPAL + 2);
        let mallory = Id::parse("mallory").unwrap();
        let all: Vec<Place> = (0..KEPT_PER_PRINCIPAL + 2)
            .map(|_| places.take().unwrap())
            .collect();
        for place in &all {
            place.keep(&mallory);
        }
        let _operator = places.take().unwrap();
        let evicted: Vec<usize> = (0..all.len()).filter(|at| is_evicted(&all[*at])).collect();
        assert_eq!(evicted, [KEPT_PER_PRINCIPAL]);
        drop(all);
        assert_eq!(places.held().count(), 1);
    }
}
