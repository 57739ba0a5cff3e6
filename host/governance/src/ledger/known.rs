//! What a process knows of a ledger that it has verified. It must never be made from anything that was not verified.

use std::sync::Arc;

use counterfoil_base::digest::Digest;
use counterfoil_journal::checkpoint::Checkpoint;
use counterfoil_journal::entry::Chain;
use counterfoil_journal::tree::Tree;
use sha2::Sha256;

use super::LedgerMark;
use crate::state::LedgerState;

/// The last bytes of a file that are compared when it is opened again: some of its last checkpoint, whose signature no
/// other ledger has.
pub(crate) const TAIL_BYTES: usize = 512;

/// What a process knows of a ledger, between two of its looks. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct KnownLedger {
    pub(super) origin: String,
    pub(super) chain: Chain,
    pub(super) tree: Tree,
    pub(super) checkpoint: Checkpoint,
    pub(super) state: Arc<LedgerState>,
    /// The bytes of the file up to its last checkpoint.
    pub(super) length: u64,
    /// The last of these bytes.
    pub(super) tail: Vec<u8>,
    /// All of these bytes, hashed.
    pub(super) bytes: Sha256,
}

impl KnownLedger {
    /// The state after the last record.
    #[must_use]
    pub const fn state(&self) -> &Arc<LedgerState> {
        &self.state
    }

    /// How much is known, as another process can check it.
    #[must_use]
    pub fn mark(&self) -> LedgerMark {
        LedgerMark {
            size: self.tree.size(),
            root: self.tree.root(),
            length: self.length,
            bytes: Digest::finish(self.bytes.clone()),
        }
    }
}

/// The end of a file's bytes.
pub(crate) fn tail_of(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.len().saturating_sub(TAIL_BYTES);
    bytes.get(start..).unwrap_or(bytes).to_vec()
}
