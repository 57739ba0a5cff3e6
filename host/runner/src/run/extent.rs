//! How far a journal goes: its first record, its decisions, and whether it is closed. It must never be taken for a
//! verification.

use std::path::Path;

use counterfoil_trading::record::{Close, KIND_CLOSE, KIND_DECISION, Open, kind_of};

use crate::run::journal::{JournalReader, ReadJournalError};

/// How far a journal goes.
#[derive(Clone, Debug)]
pub struct JournalExtent {
    pub open: Open,
    /// Entries, the open record included.
    pub entries: u64,
    pub decisions: u64,
    /// The closing record; `None` while the run is open.
    pub close: Option<Close>,
}

impl JournalExtent {
    /// Reads the journal at `path` once.
    ///
    /// # Errors
    ///
    /// Returns [`ReadJournalError`] if it cannot be read, or does not begin with an open record.
    pub fn read(path: &Path) -> Result<Self, ReadJournalError> {
        let mut reader = JournalReader::open(path)?;
        let open = reader.open_record()?;
        let mut extent = Self {
            open,
            entries: 1,
            decisions: 0,
            close: None,
        };
        while let Some(body) = reader.next_body()? {
            extent.entries = extent.entries.saturating_add(1);
            match kind_of(body)? {
                KIND_DECISION => extent.decisions = extent.decisions.saturating_add(1),
                KIND_CLOSE => extent.close = Some(Close::decode(body)?),
                _ => {}
            }
        }
        Ok(extent)
    }
}
