//! The roots of a log at the sizes that somebody noted, in one pass over its bytes.

use std::collections::BTreeMap;
use std::io::{self, Read};

use counterfoil_base::digest::Digest;
use counterfoil_journal::frame::Frame;
use counterfoil_journal::hash::{Hash, leaf_hash};
use counterfoil_journal::tree::Tree;
use counterfoil_trading::record::{CloseRecord, KIND_CLOSE, record_kind};

use super::Sizes;
use crate::chunk::{ChunkReader, JournalEnd, body_of};

/// What a log holds.
#[derive(Debug, Default)]
pub(super) struct LogRoots {
    /// The leaf hash of entry 0.
    pub(super) entry_0: Option<Hash>,
    /// Roots by size; sizes beyond the end are left out.
    pub(super) roots: BTreeMap<u64, Hash>,
    /// Entries that a checkpoint covers.
    pub(super) entries: u64,
    /// Whether nothing follows the last checkpoint.
    pub(super) is_whole: bool,
    /// The decision digest, where the last entry closes a journal.
    pub(super) decisions: Option<Digest>,
}

impl LogRoots {
    /// Reads a log to its end, or to the first bytes that are no part of one.
    pub(super) fn read<R: Read>(reader: R, sizes: &Sizes) -> io::Result<Self> {
        let mut found = Self::default();
        let mut tree = Tree::new();
        if sizes.contains(&0) {
            found.roots.insert(0, tree.root());
        }
        let mut chunks = ChunkReader::new(reader);
        while let Some(chunk) = chunks.next()? {
            let mut last = None;
            for frame in chunk.frames() {
                let Frame::Entry(entry) = frame else {
                    // What no checkpoint covers a crash may leave, and anybody may add.
                    found.entries = tree.size();
                    continue;
                };
                let leaf = leaf_hash(entry);
                found.entry_0.get_or_insert(leaf);
                last = Some((tree.size(), entry));
                tree.push(leaf);
                // A root costs a hash for each level: only where somebody noted one.
                if sizes.contains(&tree.size()) {
                    found.roots.insert(tree.size(), tree.root());
                }
            }
            if let Some((index, entry)) = last {
                found.decisions = decisions(index, entry);
            }
        }
        found.is_whole =
            matches!(chunks.end(), JournalEnd::Torn(0)) && found.entries == tree.size();
        let covered = found.entries;
        found.roots.retain(|size, _| *size <= covered);
        if covered == 0 {
            found.entry_0 = None;
        }
        Ok(found)
    }
}

/// The decision digest in a closing record.
fn decisions(index: u64, entry: &[u8]) -> Option<Digest> {
    let body = body_of(entry, index)?;
    let is_close = record_kind(body).is_ok_and(|kind| kind == KIND_CLOSE);
    let close = is_close.then(|| CloseRecord::decode(body).ok()).flatten()?;
    Some(close.decision_digest)
}
