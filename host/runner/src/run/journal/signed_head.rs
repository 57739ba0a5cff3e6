//! The signed end of a log that is being written, shared with whoever anchors it. It must never be ahead of the disk.

use counterfoil_os::file_path::AsFilePath;
use std::sync::{Arc, Mutex, PoisonError};

use counterfoil_journal::consistency::TreeHead;
use counterfoil_journal::hash::leaf_hash;
use counterfoil_journal::tree::Tree;

use super::{JournalReader, ReadJournalError};

/// The entries of a log that are signed and durable. Clones share it.
#[derive(Clone, Debug)]
pub struct SignedHead(Arc<Mutex<TreeHead>>);

impl Default for SignedHead {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(head_of(&Tree::new()))))
    }
}

impl SignedHead {
    /// The entries so far.
    #[must_use]
    pub fn get(&self) -> TreeHead {
        // A head is one value, so a panic elsewhere leaves a whole one.
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters what is durable now.
    pub(crate) fn set(&self, tree: &Tree) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = head_of(tree);
    }
}

/// A tree as a checkpoint names it.
#[must_use]
pub fn head_of(tree: &Tree) -> TreeHead {
    TreeHead {
        size: tree.size(),
        root: tree.root(),
    }
}

/// The signed ends of a run's two logs.
#[derive(Clone, Debug, Default)]
pub struct RunHeads {
    pub journal: SignedHead,
    pub orders: SignedHead,
}

/// How many entries a journal has, and the root over them. Signatures are not checked.
///
/// # Errors
///
/// Returns [`ReadJournalError`] if it cannot be read.
pub fn journal_head(path: &(impl AsFilePath + ?Sized)) -> Result<TreeHead, ReadJournalError> {
    let mut journal = JournalReader::open(path)?;
    let mut tree = Tree::new();
    while let Some(entry) = journal.next_entry()? {
        tree.push(leaf_hash(entry));
    }
    Ok(head_of(&tree))
}
