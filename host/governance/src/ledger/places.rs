//! Records of verified bytes, decoded when somebody asks for one: most commands go by the state, and all records of a long
//! ledger decoded at once take four times its bytes. It must never be asked about other bytes than those that were verified.

use core::ops::Range;

use counterfoil_journal::entry::split;

use super::LedgerError;
use crate::record::LedgerRecord;

/// Where the entries of a ledger's records stand in its bytes.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RecordPlaces(Vec<Range<usize>>);

impl RecordPlaces {
    /// Adds a record whose entry of so many bytes ends here.
    pub(super) fn add(&mut self, end: u64, length: usize) {
        // A ledger is read into memory as a whole.
        let end = usize::try_from(end).unwrap_or(usize::MAX);
        self.0.push(end.saturating_sub(length)..end);
    }

    /// The number of records.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.0.len()
    }

    /// A record of `bytes`, the ledger in which it stands; `None` if it has no record of this index.
    ///
    /// # Errors
    ///
    /// Returns [`LedgerError`] if these are other bytes than those that were verified.
    pub fn record(&self, bytes: &[u8], index: u64) -> Result<Option<LedgerRecord>, LedgerError> {
        let place = usize::try_from(index).ok();
        let Some(place) = place.and_then(|place| self.0.get(place)) else {
            return Ok(None);
        };
        let entry = bytes.get(place.clone()).unwrap_or_default();
        let (previous, body) = split(entry, index)?;
        let record = LedgerRecord::decode(previous, body);
        let record = record.map_err(|source| LedgerError::Record { index, source })?;
        Ok(Some(record))
    }

    /// The records from `first` on with their indexes, the oldest first, each decoded when it is taken.
    pub fn records<'a>(
        &'a self,
        bytes: &'a [u8],
        first: u64,
    ) -> impl Iterator<Item = Result<(u64, LedgerRecord), LedgerError>> + 'a {
        let indexes = first..u64::try_from(self.count()).unwrap_or(u64::MAX);
        indexes.filter_map(|index| {
            let record = self.record(bytes, index).transpose()?;
            Some(record.map(|record| (index, record)))
        })
    }
}
