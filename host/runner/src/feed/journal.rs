//! Slices of a run's own journal: bars and corporate actions as they were recorded.

use std::path::Path;

use counterfoil_trading::bar::ClosedBar;
use counterfoil_trading::corporate::CorporateAction;
use counterfoil_trading::execution::Delivery;
use counterfoil_trading::record::{Decision, Deliveries, KIND_DECISION, KIND_DELIVERIES, kind_of};
use counterfoil_trading::slice::Slice;

use super::{Feed, FeedError, Next};
use crate::journal::{JournalReader, ReadJournalError};

/// Slices made of the bars of decision records and the actions of deliveries records.
#[derive(Debug)]
pub struct JournalFeed {
    reader: JournalReader,
    /// The first bar of the slice after the one given out.
    ahead: Option<ClosedBar>,
    /// Corporate actions recorded since the last bar given out: those of the next slice.
    actions: Vec<CorporateAction>,
}

impl JournalFeed {
    /// The feed that the journal at `path` recorded.
    ///
    /// # Errors
    ///
    /// Returns [`ReadJournalError`] if the file cannot be opened.
    pub fn open(path: &Path) -> Result<Self, ReadJournalError> {
        Ok(Self {
            reader: JournalReader::open(path)?,
            ahead: None,
            actions: Vec::new(),
        })
    }

    fn next_bar(&mut self) -> Result<Option<ClosedBar>, FeedError> {
        while let Some(body) = self.reader.next_body()? {
            let kind = kind_of(body).map_err(ReadJournalError::from)?;
            if kind == KIND_DELIVERIES {
                let all = Deliveries::decode(body).map_err(ReadJournalError::from)?;
                let actions = all.deliveries.into_iter();
                self.actions.extend(actions.filter_map(|one| match one {
                    Delivery::Action(applied) => Some(applied.action),
                    Delivery::Fill(_) | Delivery::Event(_) | Delivery::Borrow(_) => None,
                }));
            }
            if kind == KIND_DECISION {
                let decision = Decision::decode(body).map_err(ReadJournalError::from)?;
                return Ok(Some(decision.bar));
            }
        }
        Ok(None)
    }
}

impl Feed for JournalFeed {
    fn next(&mut self, slice: &mut Slice) -> Result<Next, FeedError> {
        slice.clear();
        let first = match self.ahead.take() {
            Some(bar) => Some(bar),
            None => self.next_bar()?,
        };
        let Some(first) = first else {
            return Ok(Next::End);
        };
        slice.add(first)?;
        for action in self.actions.drain(..) {
            slice.add_action(action)?;
        }
        while let Some(bar) = self.next_bar()? {
            if bar.get().close_time != first.get().close_time {
                self.ahead = Some(bar);
                break;
            }
            slice.add(bar)?;
        }
        Ok(Next::Slice)
    }
}
