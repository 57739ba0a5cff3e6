//! How far a journal goes: its first record, its last slice, and whether it was closed.

use std::path::Path;

use counterfoil_trading::record::{Close, Decision, KIND_CLOSE, KIND_DECISION, Open, kind_of};
use counterfoil_trading::time::UnixNanos;

use crate::journal::{JournalReader, ReadJournalError};

/// How far a journal goes.
#[derive(Clone, Debug)]
pub struct Extent {
    /// The first record.
    pub open: Open,
    /// Entries, the open record included.
    pub entries: u64,
    /// Decisions.
    pub decisions: u64,
    /// Close time of the last bar that was decided.
    pub last_close: Option<UnixNanos>,
    /// The closing record, if there is one.
    pub close: Option<Close>,
}

impl Extent {
    /// Reads the journal at `path` once.
    ///
    /// # Errors
    ///
    /// Returns [`ReadJournalError`] if it cannot be read, or does not begin with an open record.
    pub fn of(path: &Path) -> Result<Self, ReadJournalError> {
        let mut reader = JournalReader::open(path)?;
        let first = reader.next_body()?.ok_or(ReadJournalError::NotOpened)?;
        let open = Open::decode(first)?;
        let mut extent = Self {
            open,
            entries: 1,
            decisions: 0,
            last_close: None,
            close: None,
        };
        while let Some(body) = reader.next_body()? {
            extent.entries = extent.entries.saturating_add(1);
            match kind_of(body)? {
                KIND_DECISION => {
                    extent.decisions = extent.decisions.saturating_add(1);
                    extent.last_close = Some(Decision::decode(body)?.bar.get().close_time);
                }
                KIND_CLOSE => extent.close = Some(Close::decode(body)?),
                _ => {}
            }
        }
        Ok(extent)
    }

    /// Whether the slice that closes at `time` is recorded whole. The last one of a journal that
    /// was not closed may not be: a crash can fall between two of its bars.
    #[must_use]
    pub fn is_whole(&self, time: Option<UnixNanos>) -> bool {
        self.close.is_some() || time < self.last_close
    }
}
