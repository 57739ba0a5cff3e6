//! How far a journal goes: its first record, its decisions, and whether it is closed. It must never be taken for a
//! verification.

use counterfoil_os::file_path::AsFilePath;

use counterfoil_trading::record::{
    CloseRecord, DecidedBar, DecisionStarts, KIND_CLOSE, KIND_DECISION, KIND_POSITIONS, Opening,
    PositionsRecord, record_kind,
};

use counterfoil_trading::units::Quantity;

use crate::run::journal::{JournalReader, ReadJournalError};

/// How far a journal goes.
#[derive(Clone, Debug)]
pub struct JournalExtent {
    pub open: Opening,
    /// All entries.
    pub entries: u64,
    pub decisions: u64,
    /// The closing record; `None` while the run is open.
    pub close: Option<CloseRecord>,
    /// The position in each instrument at the end; nothing while the run is open.
    pub positions: Vec<Quantity>,
}

impl JournalExtent {
    /// Reads the journal at `path` once.
    ///
    /// # Errors
    ///
    /// Returns [`ReadJournalError`] if it cannot be read, or does not begin with an open record.
    pub fn read(path: &(impl AsFilePath + ?Sized)) -> Result<Self, ReadJournalError> {
        let mut reader = JournalReader::open(path)?;
        let open = reader.opening()?;
        let mut extent = Self {
            open,
            entries: reader.index(),
            decisions: 0,
            close: None,
            positions: Vec::new(),
        };
        let mut starts = DecisionStarts::default();
        while let Some(body) = reader.next_body()? {
            extent.entries = extent.entries.saturating_add(1);
            match record_kind(body)? {
                KIND_DECISION => {
                    let begins = starts.begins(DecidedBar::of(body)?);
                    extent.decisions = extent.decisions.saturating_add(u64::from(begins));
                }
                KIND_CLOSE => extent.close = Some(CloseRecord::decode(body)?),
                KIND_POSITIONS => {
                    extent
                        .positions
                        .extend(PositionsRecord::decode(body)?.positions);
                }
                _ => {}
            }
        }
        Ok(extent)
    }
}
