//! The feed of a broker's run. The broker applies its own corporate actions, so one that the feed tells
//! is refused; ends of sessions are no action of the account, and pass. Where the run's orders are to
//! be taken back at its end, the end is a stop: afterwards nobody would look after them.

use std::collections::VecDeque;

use counterfoil_trading::corporate::CorporateActionKind;
use counterfoil_trading::manifest::RunSetup;
use counterfoil_trading::record::{FaultAction, RefusedInput, RunStop, StopCause};
use counterfoil_trading::slice::Slice;

use super::{Feed, FeedError, Next};

/// A feed as it is for a run of this venue.
#[derive(Debug)]
pub struct OfBroker<F> {
    inner: F,
    is_broker: bool,
    takes_back: bool,
    refused: VecDeque<RefusedInput>,
    /// The slice without its actions, which comes after they were refused.
    next: Option<Slice>,
}

impl<F> OfBroker<F> {
    /// The feed of a run; one without a broker is as it was.
    pub fn new(inner: F, setup: &RunSetup) -> Self {
        let is_broker = setup.broker.is_some();
        Self {
            inner,
            is_broker,
            takes_back: is_broker && setup.on_fault == FaultAction::Cancel,
            refused: VecDeque::new(),
            next: None,
        }
    }
}

impl<F: Feed> Feed for OfBroker<F> {
    fn next(&mut self, slice: &mut Slice) -> Result<Next, FeedError> {
        loop {
            if let Some(refused) = self.refused.pop_front() {
                return Ok(Next::Refused(refused));
            }
            if let Some(next) = self.next.take() {
                *slice = next;
                return Ok(Next::Slice);
            }
            let next = self.inner.next(slice)?;
            if next == Next::End && self.takes_back {
                return Ok(Next::Stop(RunStop {
                    cause: StopCause::FeedEnded,
                    message: "the feed ended, or the run was told to stop".to_owned(),
                }));
            }
            if !self.is_broker || next != Next::Slice {
                return Ok(next);
            }
            let is_end =
                |kind: &CorporateActionKind| matches!(kind, CorporateActionKind::SessionEnd);
            if slice.actions().iter().all(|one| is_end(&one.kind)) {
                return Ok(Next::Slice);
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
    struct One(bool);

    impl Feed for One {
        fn next(&mut self, slice: &mut Slice) -> Result<Next, FeedError> {
            slice.clear();
            if core::mem::replace(&mut self.0, true) {
                return Ok(Next::End);
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
            Ok(Next::Slice)
        }
    }

    #[test]
    fn a_broker_splits_its_own_shares_and_sessions_still_end() {
        for is_strict in [false, true] {
            let mut feed = OfBroker {
                inner: One(false),
                is_broker: is_strict,
                takes_back: is_strict,
                refused: VecDeque::new(),
                next: None,
            };
            let mut slice = Slice::default();
            if is_strict {
                let Next::Refused(refused) = feed.next(&mut slice).unwrap() else {
                    panic!("the split passes");
                };
                assert_eq!(
                    refused.reason,
                    "the broker applies its own corporate actions"
                );
            }
            assert_eq!(feed.next(&mut slice).unwrap(), Next::Slice);
            let actions = if is_strict { 1 } else { 2 };
            assert_eq!((slice.actions().len(), slice.bars().len()), (actions, 1));
            let end = feed.next(&mut slice).unwrap();
            assert_eq!(matches!(end, Next::Stop(_)), is_strict, "{end:?}");
        }
    }
}
