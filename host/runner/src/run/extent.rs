//! How far a journal goes: its first record, its decisions, and whether it is closed. It must never be taken for a
//! verification.

use std::path::Path;

use counterfoil_trading::record::{
    CloseRecord, KIND_CLOSE, KIND_DECISION, OpenRecord, record_kind,
};

use crate::run::journal::{JournalReader, ReadJournalError};

/// How far a journal goes.
#[derive(Clone, Debug)]
pub struct JournalExtent {
    pub open: OpenRecord,
    /// Entries, the open record included.
    pub entries: u64,
    pub decisions: u64,
    /// The closing record; `None` while the run is open.
    pub close: Option<CloseRecord>,
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
            match record_kind(body)? {
                KIND_DECISION => extent.decisions = extent.decisions.saturating_add(1),
                KIND_CLOSE => extent.close = Some(CloseRecord::decode(body)?),
                _ => {}
            }
        }
        Ok(extent)
    }
}
