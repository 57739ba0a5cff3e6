//! Slices of a run's own journal: the inputs as they were recorded.

use std::path::Path;

use counterfoil_trading::bar::ClosedBar;
use counterfoil_trading::record::{Decision, KIND_DECISION, kind_of};
use counterfoil_trading::slice::Slice;

use super::{Feed, FeedError, Next};
use crate::journal::{JournalReader, ReadJournalError};

/// Slices made of the bars of decision records.
#[derive(Debug)]
pub struct JournalFeed {
    reader: JournalReader,
    /// The first bar of the slice after the one given out.
    ahead: Option<ClosedBar>,
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
        })
    }

    fn next_bar(&mut self) -> Result<Option<ClosedBar>, FeedError> {
        while let Some(body) = self.reader.next_body()? {
            let kind = kind_of(body).map_err(ReadJournalError::from)?;
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
