//! The feed of a broker's run: the broker applies its own corporate actions, so one that the feed
//! tells is refused. Ends of sessions are no action of the account, and pass.

use std::collections::VecDeque;

use counterfoil_trading::corporate::ActionKind;
use counterfoil_trading::record::RefusedInput;
use counterfoil_trading::slice::Slice;

use super::{Feed, FeedError, Next};

/// A feed whose corporate actions are refused, if they are to be.
#[derive(Debug)]
pub struct NoActions<F> {
    inner: F,
    is_strict: bool,
    refused: VecDeque<RefusedInput>,
    /// The slice without its actions, which comes after they were refused.
    next: Option<Slice>,
}

impl<F> NoActions<F> {
    /// A feed that refuses them in a broker's run.
    pub const fn new(inner: F, is_strict: bool) -> Self {
        Self {
            inner,
            is_strict,
            refused: VecDeque::new(),
            next: None,
        }
    }
}

impl<F: Feed> Feed for NoActions<F> {
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
            if !self.is_strict || next != Next::Slice {
                return Ok(next);
            }
            let is_end = |kind: &ActionKind| matches!(kind, ActionKind::SessionEnd);
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
