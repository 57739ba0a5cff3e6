//! Slices of a snapshot, with its corporate actions. It must never know what an action does.

use core::iter::Peekable;
use std::vec::IntoIter;

use counterfoil_snapshot::store::slices::SliceReader;
use counterfoil_trading::corporate::CorporateAction;
use counterfoil_trading::slice::{Slice, SliceError};

use super::{FeedError, FeedItem, SliceFeed};

/// A feed of a snapshot's slices, with its corporate actions.
#[derive(Debug)]
pub struct SnapshotFeed {
    slices: SliceReader,
    actions: PendingActions,
}

impl SnapshotFeed {
    /// A feed of these slices; each action joins the slice in whose time it falls. What comes after the last bar is a
    /// slice without bars.
    #[must_use]
    pub fn new(slices: SliceReader, actions: Vec<CorporateAction>) -> Self {
        Self {
            slices,
            actions: PendingActions::new(actions),
        }
    }
}

impl SliceFeed for SnapshotFeed {
    fn next(&mut self, slice: &mut Slice) -> Result<FeedItem, FeedError> {
        if self.slices.next_into(slice)? {
            self.actions.join(slice)?;
            return Ok(FeedItem::Slice);
        }
        slice.clear();
        // What comes after the last bar still changes the account: a company may be delisted the day after.
        Ok(if self.actions.join_rest(slice)? {
            FeedItem::Slice
        } else {
            FeedItem::End
        })
    }
}

/// Corporate actions that are in no slice yet, by ex-time.
#[derive(Debug)]
struct PendingActions(Peekable<IntoIter<CorporateAction>>);

impl PendingActions {
    fn new(mut actions: Vec<CorporateAction>) -> Self {
        actions.sort_by_key(|action| action.ex_time);
        Self(actions.into_iter().peekable())
    }

    /// Moves the actions before the slice's close time into it. The close time is the first moment after a bar, so an
    /// action at that moment belongs to the next slice.
    fn join(&mut self, slice: &mut Slice) -> Result<(), SliceError> {
        let Some(close) = slice.close_time() else {
            return Ok(());
        };
        while let Some(action) = self.0.next_if(|action| action.ex_time < close) {
            slice.add_action(action)?;
        }
        Ok(())
    }

    /// Moves the actions after the last bar into a slice; false if there are none.
    fn join_rest(&mut self, slice: &mut Slice) -> Result<bool, SliceError> {
        let is_left = self.0.peek().is_some();
        for action in self.0.by_ref() {
            slice.add_action(action)?;
        }
        Ok(is_left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use counterfoil_trading::bar::{ClosedBar, RawBar};
    use counterfoil_trading::corporate::CorporateActionKind;
    use counterfoil_trading::instrument::InstrumentId;
    use counterfoil_trading::time::UnixNanos;
    use counterfoil_trading::units::Price;

    #[test]
    fn an_action_joins_the_slice_whose_bars_begin_at_its_ex_time() {
        let action = |time| CorporateAction {
            instrument: InstrumentId(0),
            ex_time: UnixNanos(time),
            kind: CorporateActionKind::SymbolChange {
                symbol: "NEW".to_owned(),
            },
        };
        let mut actions = PendingActions::new([40, 10, 19, 20, 5].map(action).to_vec());
        let mut joined = |open: i64, close: i64| {
            let price = Price(1);
            let raw = RawBar {
                open_time: UnixNanos(open),
                close_time: UnixNanos(close),
                open: price,
                high: price,
                low: price,
                close: price,
                ..RawBar::default()
            };
            let mut slice = Slice::default();
            slice.add(ClosedBar::parse(raw).unwrap()).unwrap();
            actions.join(&mut slice).unwrap();
            let times = slice.actions().iter().map(|action| action.ex_time.0);
            times.collect::<Vec<_>>()
        };
        assert_eq!(joined(0, 10), [5]);
        assert_eq!(joined(10, 20), [10, 19]);
        // After a gap without bars, such as a weekend.
        assert_eq!(joined(30, 40), [20]);
        assert_eq!(joined(40, 50), [40]);
        let mut after = PendingActions::new([60, 70, 60].map(action).to_vec());
        let mut slice = Slice::default();
        assert_eq!(after.join_rest(&mut slice), Ok(true));
        assert_eq!((slice.actions().len(), slice.close_time()), (3, None));
        assert_eq!(slice.time(), Some(UnixNanos(70)));
        assert_eq!(after.join_rest(&mut Slice::default()), Ok(false));
    }
}
