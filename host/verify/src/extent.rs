//! How far a log has signed a journal, found before any of its records is read. It must never look at what a record says,
//! but for the first one, which names the log.

use std::io::{self, Read};

use counterfoil_journal::audit::AuditError;
use counterfoil_journal::checkpoint::{Checkpoint, CheckpointError};
use counterfoil_journal::entry;
use counterfoil_journal::frame::Frame;
use counterfoil_journal::hash::{Hash, leaf_hash};
use counterfoil_journal::key::VerifierKey;
use counterfoil_journal::public_key::PublicKey;
use counterfoil_trading::record::{OpenRecord, RunRecord};

use crate::chunk::{ChunkReader, JournalEnd, body_of};
use crate::finding::{Finding, FindingCause};
use crate::key_file::log_key;
use crate::opened::origin;
use crate::source::JournalSource;

/// More entries than any opening has: parts of the longest manifest, and commitments of the most instruments.
const OPENING_ENTRIES_MAX: usize = 1_024;

/// The most bytes of a manifest's part, and commitments of a record: what the journal's format says.
const PART_BYTES_MAX: u64 = 60_000;
const COMMITMENTS_MAX: u64 = 256;

/// How far a journal is signed.
#[derive(Debug)]
pub(crate) struct SignedExtent {
    /// Records that a checkpoint with a valid signature claims to cover. What follows them costs a reader nothing but
    /// counting.
    pub(crate) records: u64,
    /// Bytes seen. What a writer appends afterwards is not part of this verification.
    pub(crate) bytes: u64,
    /// Why nothing is signed.
    pub(crate) unsigned: Option<Box<Finding>>,
}

impl SignedExtent {
    /// Looks through the source once, and once more if its last checkpoint is not the log's.
    pub(crate) fn of<S: JournalSource>(source: &mut S, key: &PublicKey) -> io::Result<Self> {
        let seen = source.look_ahead(|reader| Scan::read(reader, key, ScanMode::Last))?;
        // The opening says whose log this is. Without it the walk names what is wrong with the first record, and reads
        // no further.
        let Some(key) = &seen.key else {
            return Ok(seen.extent(u64::MAX));
        };
        let records = if let Some(records) = seen.last_size(key) {
            records
        } else {
            // Every checkpoint up to the first that does not hold: as many signatures as the log made, and one more.
            let (key, mode) = (PublicKey(*key.public_key()), ScanMode::UntilInvalid);
            source
                .look_ahead(|reader| Scan::read(reader, &key, mode))?
                .valid
        };
        let mut extent = seen.extent(records);
        if records == 0 {
            extent.unsigned = Some(seen.unsigned(key));
        }
        Ok(extent)
    }
}

/// Which signatures a scan checks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum ScanMode {
    /// None; the last checkpoint is kept.
    Last,
    /// Each, until one does not hold.
    UntilInvalid,
}

/// What one look through a journal's frames finds.
#[derive(Debug)]
struct Scan {
    key: Option<VerifierKey>,
    /// The fewest entries that the opening can have.
    opening: u64,
    entries: u64,
    bytes: u64,
    end: JournalEnd,
    /// The first and the last checkpoint, each with the number of entries before it.
    first: Option<(Vec<u8>, u64)>,
    last: Option<(Vec<u8>, u64)>,
    /// Records that a valid checkpoint covers, where signatures are checked.
    valid: u64,
    /// Link and leaf hash of each entry in front of the first checkpoint.
    links: Vec<(Hash, Hash)>,
}

impl Scan {
    fn read(reader: &mut dyn Read, key: &PublicKey, mode: ScanMode) -> io::Result<Self> {
        let mut chunks = ChunkReader::new(reader);
        let mut scan = Self {
            key: None,
            opening: 0,
            entries: 0,
            bytes: 0,
            end: JournalEnd::Torn(0),
            first: None,
            last: None,
            valid: 0,
            links: Vec::new(),
        };
        'file: while let Some(chunk) = chunks.next()? {
            for frame in chunk.frames() {
                match frame {
                    Frame::Entry(bytes) => scan.entry(bytes, key),
                    Frame::Checkpoint(note) => {
                        if !scan.checkpoint(note, mode) {
                            break 'file;
                        }
                    }
                }
                // Nobody's log: what follows cannot be checked.
                if scan.key.is_none() {
                    break 'file;
                }
            }
        }
        scan.bytes = chunks.bytes_read();
        scan.end = chunks.end();
        Ok(scan)
    }

    fn entry(&mut self, bytes: &[u8], key: &PublicKey) {
        if self.entries == 0
            && let Some(open) = open_of(bytes)
        {
            self.key = log_key(key, &origin(&open.run_id, open.execution)).ok();
            self.opening = opening_min(&open);
        }
        // Bounded: a file without any checkpoint must not be hashed whole to name one entry of it.
        if self.first.is_none() && self.links.len() < OPENING_ENTRIES_MAX {
            // An entry too short for a link is named by the walk.
            if let Ok((link, _)) = entry::split(bytes, self.entries) {
                self.links.push((link, leaf_hash(bytes)));
            }
        }
        self.entries = self.entries.saturating_add(1);
    }

    /// Takes a checkpoint; whether to read on.
    fn checkpoint(&mut self, note: &[u8], mode: ScanMode) -> bool {
        let at = (note.to_vec(), self.entries);
        if mode == ScanMode::UntilInvalid {
            match self.key.as_ref().map(|key| size_of(&at, key)) {
                Some(Ok(size)) => self.valid = self.valid.max(size),
                Some(Err(_)) | None => return false,
            }
        }
        if self.first.is_none() {
            self.first = Some(at.clone());
        }
        self.last = Some(at);
        true
    }

    fn last_size(&self, key: &VerifierKey) -> Option<u64> {
        size_of(self.last.as_ref()?, key).ok()
    }

    fn extent(&self, records: u64) -> SignedExtent {
        SignedExtent {
            records,
            bytes: self.bytes,
            unsigned: None,
        }
    }

    /// Why nothing is signed, at the record that shows it.
    fn unsigned(&self, key: &VerifierKey) -> Box<Finding> {
        let last = self.entries.saturating_sub(1);
        let (index, cause) = match (&self.first, self.end) {
            (Some(first), _) => match self.changed() {
                // The key's holder signed other bytes: this says more than that the signature does not fit.
                Some(index) => (index, FindingCause::Changed),
                None => (
                    first.1.saturating_sub(1),
                    size_of(first, key)
                        .map_or_else(FindingCause::from, |_| FindingCause::NothingSigned),
                ),
            },
            (None, JournalEnd::Bad(error)) => (last, FindingCause::Frame(error)),
            (None, JournalEnd::Torn(_)) if self.entries < self.opening => {
                (0, FindingCause::OpeningTorn)
            }
            (None, JournalEnd::Torn(_)) => (0, FindingCause::NothingSigned),
        };
        Box::new(Finding::at(index, cause))
    }

    /// The entry whose bytes changed, by the links between entries.
    fn changed(&self) -> Option<u64> {
        changed_entry(&self.links)
    }
}

/// The entry whose bytes changed, of entries from the first on, each with its link and its leaf hash.
pub(crate) fn changed_entry(links: &[(Hash, Hash)]) -> Option<u64> {
    let fits = |place: usize| Some(links.get(place)?.1 == links.get(place.checked_add(1)?)?.0);
    let broken = (0..links.len()).find(|place| fits(*place) == Some(false))?;
    let after = broken.checked_add(1)?;
    // The next entry links to the second of the two as it is: then the first one changed.
    let place = if fits(after) == Some(false) {
        after
    } else {
        broken
    };
    u64::try_from(place).ok()
}

/// Links and leaf hashes of the first entries.
pub(crate) fn links<'a>(entries: impl Iterator<Item = (u64, &'a [u8])>) -> Vec<(Hash, Hash)> {
    let links = entries
        .take(OPENING_ENTRIES_MAX)
        .map_while(|(index, entry)| {
            let (link, _) = entry::split(entry, index).ok()?;
            Some((link, leaf_hash(entry)))
        });
    links.collect()
}

fn open_of(entry: &[u8]) -> Option<OpenRecord> {
    let Ok(RunRecord::Open(open)) = RunRecord::decode(body_of(entry, 0)?) else {
        return None;
    };
    Some(*open)
}

/// The fewest entries of an opening: the open record, the parts of its manifest and its commitments.
fn opening_min(open: &OpenRecord) -> u64 {
    let parts = open.manifest_bytes.div_ceil(PART_BYTES_MAX);
    let committed = open.data.map_or(0, |data| data.count);
    let lists = committed.div_ceil(COMMITMENTS_MAX);
    1_u64.saturating_add(parts).saturating_add(lists)
}

/// The size that a checkpoint signs, which cannot be more than the entries in front of it.
fn size_of(checkpoint: &(Vec<u8>, u64), key: &VerifierKey) -> Result<u64, AuditError> {
    let (note, entries) = checkpoint;
    let entries = *entries;
    let signed: Result<Checkpoint, CheckpointError> = Checkpoint::open_own(note, key);
    let size = signed
        .map_err(|source| AuditError::Checkpoint { entries, source })?
        .size;
    if size > entries {
        return Err(AuditError::Size { entries, size });
    }
    Ok(size)
}

#[cfg(test)]
mod tests {
    use counterfoil_journal::entry::Chain;
    use counterfoil_journal::frame::{MAGIC, write_checkpoint, write_entry};
    use counterfoil_journal::salt::RecordSalt;
    use counterfoil_journal::signer::{Ed25519Signer, Signer as _};
    use counterfoil_journal::tree::Tree;
    use counterfoil_trading::record::{HostBuild, Opening, RunStarter};

    use super::*;

    /// A checkpoint that nobody signed, or a later copy of a good one, has nothing behind the last good one run.
    #[test]
    fn only_what_a_valid_checkpoint_covers_counts_as_signed() {
        let signer = Ed25519Signer::from_seed(&[3; 32]);
        let opening = Opening {
            manifest: "{}".to_owned(),
            execution: 1,
            host: HostBuild::default(),
            start: RunStarter::default(),
            commitments: None,
        };
        let origin = origin(&opening.record().run_id, 1);
        let (mut chain, mut tree) = (Chain::new(), Tree::new());
        let mut bytes = MAGIC.to_vec();
        let mut add = |bytes: &mut Vec<u8>, body: &[u8]| {
            let mut entry = Vec::new();
            tree.push(chain.link(RecordSalt::default(), body, &mut entry).unwrap());
            write_entry(&entry, bytes).unwrap();
            let (origin, size, root) = (origin.clone(), tree.size(), tree.root());
            let checkpoint = Checkpoint { origin, size, root };
            checkpoint.sign(&signer).unwrap()
        };
        for body in opening.bodies() {
            let _unsigned = add(&mut bytes, &body);
        }
        let torn = bytes.clone();
        let good = add(&mut bytes, b"third");
        let key = PublicKey(signer.verifying_key());
        let records = |bytes: &[u8]| {
            let mut source = bytes;
            SignedExtent::of(&mut source, &key).unwrap().records
        };
        assert_eq!(records(&torn), 0);
        assert_eq!(records(&bytes), 0);
        write_checkpoint(&good, &mut bytes).unwrap();
        assert_eq!(records(&bytes), 3);
        let signed_later = add(&mut bytes, b"fourth");
        assert_eq!(records(&bytes), 3);
        for forged in ["", "x\n4\nAAAA\n\n", &signed_later.replace('4', "5"), &good] {
            let mut bytes = bytes.clone();
            write_checkpoint(forged, &mut bytes).unwrap();
            assert_eq!(records(&bytes), 3, "{forged}");
        }
        // Nor is one that claims more than what stands in front of it.
        let mut early = torn;
        write_checkpoint(&good, &mut early).unwrap();
        assert_eq!(records(&early), 0);
    }
}
