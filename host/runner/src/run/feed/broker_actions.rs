//! Drops corporate actions that the broker applies itself, and passes session ends through, which do not touch the
//! account. If the run's orders are to be canceled at its end, the end of the feed becomes a stop. It must never know
//! which broker it is.

use std::collections::VecDeque;

use counterfoil_trading::corporate::CorporateActionKind;
use counterfoil_trading::manifest::RunSetup;
use counterfoil_trading::record::{FaultAction, RefusedInput, RunStop, StopCause};
use counterfoil_trading::slice::Slice;

use super::{FeedError, FeedItem, SliceFeed};

/// Drops corporate actions the broker applies itself; passes everything else through.
#[derive(Debug)]
pub struct BrokerActionFilter<F> {
    inner: F,
    is_broker: bool,
    cancels_at_end: bool,
    refused: VecDeque<RefusedInput>,
    /// The slice without its actions, given after the refusals.
    next: Option<Slice>,
}

impl<F> BrokerActionFilter<F> {
    /// The filtered feed of a run. Without a broker it passes everything through.
    pub fn new(inner: F, setup: &RunSetup) -> Self {
        let is_broker = setup.broker.is_some();
        Self {
            inner,
            is_broker,
            cancels_at_end: is_broker && setup.on_fault == FaultAction::Cancel,
            refused: VecDeque::new(),
            next: None,
        }
    }
}

impl<F: SliceFeed> SliceFeed for BrokerActionFilter<F> {
    fn next(&mut self, slice: &mut Slice) -> Result<FeedItem, FeedError> {
        loop {
            if let Some(refused) = self.refused.pop_front() {
                return Ok(FeedItem::Refused(refused));
            }
            if let Some(next) = self.next.take() {
                *slice = next;
                return Ok(FeedItem::Slice);
            }
            let next = self.inner.next(slice)?;
            // A closed run does not watch its orders. Without this stop, which cancels them first, orders would work
            // at the broker with no process behind them.
            if next == FeedItem::End && self.cancels_at_end {
                return Ok(FeedItem::Stop(RunStop::of(
                    StopCause::FeedEnded,
                    "the feed ended, or the run was told to stop".to_owned(),
                )));
            }
            if !self.is_broker || next != FeedItem::Slice {
                return Ok(next);
            }
            // Applied twice, a split would double the run's position against the broker's, and the next
            // reconciliation would stop the run. Dropped without a record, the jump in price
            // would stay unexplained.
            let is_end =
                |kind: &CorporateActionKind| matches!(kind, CorporateActionKind::SessionEnd);
            if slice.actions().iter().all(|action| is_end(&action.kind)) {
                return Ok(FeedItem::Slice);
            }
            let mut plain = Slice::default();
            for action in slice.actions() {
                if is_end(&action.kind) {
                    plain.add_action(action.clone())?;
                } else {
                    self.refused.push_back(RefusedInput {
                        reason: "the broker applies its own corporate actions".to_owned(),
                        input: format!("{action:?}").into_bytes(),
                    });
                }
            }
            for bar in slice.bars() {
                plain.add(*bar)?;
            }
            self.next = Some(plain);
        }
    }
}

#[cfg(test)]
mod tests {
    use core::num::NonZeroU32;

    use counterfoil_trading::bar::{ClosedBar, RawBar};
    use counterfoil_trading::corporate::CorporateAction;
    use counterfoil_trading::instrument::InstrumentId;
    use counterfoil_trading::time::UnixNanos;
    use counterfoil_trading::units::{Price, Volume};

    use super::*;

    /// One slice with a split and the end of a session, then no more.
    struct SingleSlice(bool);

    impl SliceFeed for SingleSlice {
        fn next(&mut self, slice: &mut Slice) -> Result<FeedItem, FeedError> {
            slice.clear();
            if core::mem::replace(&mut self.0, true) {
                return Ok(FeedItem::End);
            }
            let split = CorporateActionKind::Split {
                new: NonZeroU32::MAX,
                old: NonZeroU32::MIN,
            };
            for kind in [split, CorporateActionKind::SessionEnd] {
                slice.add_action(CorporateAction {
                    instrument: InstrumentId(0),
                    ex_time: UnixNanos(5),
                    kind,
                })?;
            }
            let bar = ClosedBar::parse(RawBar {
                instrument: InstrumentId(0),
                open_time: UnixNanos(5),
                close_time: UnixNanos(9),
                open: Price(5),
                high: Price(5),
                low: Price(5),
                close: Price(5),
                volume: Volume(1),
            });
            slice.add(bar.unwrap())?;
            Ok(FeedItem::Slice)
        }
    }

    #[test]
    fn a_broker_splits_its_own_shares_and_sessions_still_end() {
        for is_strict in [false, true] {
            let mut feed = BrokerActionFilter {
                inner: SingleSlice(false),
                is_broker: is_strict,
                cancels_at_end: is_strict,
                refused: VecDeque::new(),
                next: None,
            };
            let mut slice = Slice::default();
            if is_strict {
                let FeedItem::Refused(refused) = feed.next(&mut slice).unwrap() else {
                    panic!("the split passes");
                };
                assert_eq!(
                    refused.reason,
                    "the broker applies its own corporate actions"
                );
            }
            assert_eq!(feed.next(&mut slice).unwrap(), FeedItem::Slice);
            let actions = if is_strict { 1 } else { 2 };
            assert_eq!((slice.actions().len(), slice.bars().len()), (actions, 1));
            let end = feed.next(&mut slice).unwrap();
            assert_eq!(matches!(end, FeedItem::Stop(_)), is_strict, "{end:?}");
        }
    }
}
