//! The journal's part: each record that the rules give is compared, byte for byte, with the one
//! that the journal holds. What the bytes mean is not known here.

use counterfoil_trading::decision_digest::DecisionDigest;
use counterfoil_trading::journal::{Journal, RecordBytes};

/// Bodies of consecutive entries, one behind the other.
#[derive(Debug, Default)]
pub(super) struct SliceBodies {
    bytes: Vec<u8>,
    /// Each body's index, and where it ends.
    ends: Vec<(u64, usize)>,
}

impl SliceBodies {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    pub(super) fn push(&mut self, index: u64, body: &[u8]) {
        self.bytes.extend_from_slice(body);
        // One buffer for all bodies: a hostile journal of tiny records costs an index each and no
        // allocation.
        self.ends.push((index, self.bytes.len()));
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// One body and its index in the journal.
    pub(super) fn get(&self, place: usize) -> Option<(u64, &[u8])> {
        let start = match place.checked_sub(1) {
            None => 0,
            Some(before) => self.ends.get(before)?.1,
        };
        let (index, end) = *self.ends.get(place)?;
        Some((index, self.bytes.get(start..end)?))
    }
}

/// The re-run gave a record that differs from the journal's.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the re-run gives a different record")]
pub(super) struct Differs;

/// Takes records as a journal does, and compares.
#[derive(Debug)]
pub(super) struct RecordComparison<'a> {
    bodies: &'a SliceBodies,
    digest: &'a mut DecisionDigest,
    /// Where the next record is compared.
    at: usize,
    /// The record that differed from the one at `at`.
    produced: Option<Vec<u8>>,
}

impl<'a> RecordComparison<'a> {
    pub(super) fn new(bodies: &'a SliceBodies, digest: &'a mut DecisionDigest) -> Self {
        Self {
            bodies,
            digest,
            at: 0,
            produced: None,
        }
    }

    /// How many records were equal, and the one that was not.
    pub(super) fn finish(self) -> (usize, Option<Vec<u8>>) {
        (self.at, self.produced)
    }
}

impl Journal for RecordComparison<'_> {
    type Error = Differs;

    fn accept(&mut self, record: RecordBytes<'_>) -> Result<(), Differs> {
        let recorded = self.bodies.get(self.at).map(|(_, body)| body);
        // Bytes, not values: two encodings of one value would be two digests of one run.
        if recorded != Some(record.body) {
            self.produced = Some(record.body.to_vec());
            return Err(Differs);
        }
        // Only after the comparison: the digest must be over records that the rules confirmed.
        if let Some(part) = record.digested {
            self.digest.add(part);
        }
        self.at = self.at.saturating_add(1);
        Ok(())
    }
}
