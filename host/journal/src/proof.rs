//! Offline proofs that one entry is in a log, as a text of their own: the counterfoil. The
//! entry travels inside; what it means is not known here.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{
    checkpoint::CheckpointError,
    cosignature::Cosigned,
    decimal,
    hash::{Hash, leaf_hash},
    inclusion::{self, verify_inclusion},
    key::VerifierKey,
    note::NOTE_BYTES_MAX,
};

/// The first line of a proof.
const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// The most hashes an inclusion proof can hold: one for each bit of a tree size.
pub const HASHES_MAX: usize = 64;

/// The most a proof may hold, in bytes: an entry in base64, 64 hashes and a note.
pub const PROOF_BYTES_MAX: usize = 96 * 1024 + NOTE_BYTES_MAX;

/// Why a proof is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TlogProofError {
    #[error("the proof holds {bytes} bytes, more than {PROOF_BYTES_MAX}")]
    TooLong { bytes: usize },
    #[error("the proof is not UTF-8 from byte {offset} on")]
    NotUtf8 { offset: usize },
    #[error("the first line is not {HEADER}")]
    Header,
    #[error("the extra line is not base64")]
    Extra,
    #[error("the index line is missing or not a decimal number without leading zeros")]
    Index,
    #[error("hash {place} of the inclusion proof is not 32 bytes of base64")]
    Hash { place: usize },
    #[error("the inclusion proof holds more than {HASHES_MAX} hashes")]
    TooManyHashes,
    #[error("the proof has no checkpoint")]
    NoCheckpoint,
    #[error("the proof carries no entry in its extra line")]
    NoEntry,
    #[error("invalid checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
    #[error("the entry is not in the checkpoint's tree: {0}")]
    Inclusion(#[from] inclusion::ProofError),
}

/// A proof that an entry is in a log, well formed but not verified.
///
/// Source: C2SP tlog-proof, format.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TlogProof {
    /// The entry itself; nothing vouches for it until its leaf hash is verified.
    pub extra: Option<Vec<u8>>,
    /// The entry's index.
    pub index: u64,
    /// The inclusion proof, from the leaf's sibling up to the root's child.
    pub hashes: Vec<Hash>,
    /// The signed checkpoint, word for word.
    pub checkpoint: String,
}

/// What a proof proves.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProvedEntry<'a> {
    /// The entry's index in the log.
    pub index: u64,
    /// The entry's bytes.
    pub entry: &'a [u8],
    /// The checkpoint it is covered by, and the witnesses that signed that.
    pub cosigned: Cosigned,
}

impl TlogProof {
    /// The proof in `bytes`.
    ///
    /// # Errors
    ///
    /// Returns a [`TlogProofError`] that names the line that is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, TlogProofError> {
        // Proofs come by mail and from the web: bounded before anything is decoded.
        if bytes.len() > PROOF_BYTES_MAX {
            return Err(TlogProofError::TooLong { bytes: bytes.len() });
        }
        let text = core::str::from_utf8(bytes).map_err(|error| TlogProofError::NotUtf8 {
            offset: error.valid_up_to(),
        })?;
        let (head, checkpoint) = text
            .split_once("\n\n")
            .ok_or(TlogProofError::NoCheckpoint)?;
        if checkpoint.is_empty() {
            return Err(TlogProofError::NoCheckpoint);
        }
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(HEADER) {
            return Err(TlogProofError::Header);
        }
        let extra = match lines.peek().and_then(|line| line.strip_prefix("extra ")) {
            Some(extra) => {
                lines.next();
                Some(STANDARD.decode(extra).map_err(|_| TlogProofError::Extra)?)
            }
            None => None,
        };
        let index = lines
            .next()
            .and_then(|line| line.strip_prefix("index "))
            .and_then(decimal::parse)
            .ok_or(TlogProofError::Index)?;
        let mut hashes = Vec::new();
        for (place, line) in lines.enumerate() {
            // A tree of 2^64 leaves has 64 levels. More hashes can only be an attempt to spend memory.
            if place == HASHES_MAX {
                return Err(TlogProofError::TooManyHashes);
            }
            hashes.push(Hash::from_base64(line).ok_or(TlogProofError::Hash { place })?);
        }
        Ok(Self {
            extra,
            index,
            hashes,
            checkpoint: checkpoint.to_string(),
        })
    }

    /// The entry that travels in this proof, once everything holds: the checkpoint is signed
    /// by one of the `log` keys under its origin, each known witness's line is by that
    /// witness, and the entry's leaf hash is in the checkpoint's tree at the index.
    ///
    /// How many witnesses are enough is for the caller to say.
    ///
    /// # Errors
    ///
    /// Returns a [`TlogProofError`] that names the part that does not hold.
    ///
    /// Source: C2SP tlog-proof, verifying a tlog proof.
    pub fn verify(
        &self,
        log: &[VerifierKey],
        witnesses: &[VerifierKey],
    ) -> Result<ProvedEntry<'_>, TlogProofError> {
        // The leaf hash is computed from the entry that travels along, never read from the proof: so what the reader sees
        // is what is proved.
        let entry = self.extra.as_deref().ok_or(TlogProofError::NoEntry)?;
        let cosigned = self.verify_leaf(&leaf_hash(entry), log, witnesses)?;
        Ok(ProvedEntry {
            index: self.index,
            entry,
            cosigned,
        })
    }

    /// The same for an entry that came another way, given by its leaf hash.
    ///
    /// # Errors
    ///
    /// Returns a [`TlogProofError`] that names the part that does not hold.
    pub fn verify_leaf(
        &self,
        leaf: &Hash,
        log: &[VerifierKey],
        witnesses: &[VerifierKey],
    ) -> Result<Cosigned, TlogProofError> {
        // The signed root first. With a root from the proof itself, anyone can make a tree around any entry.
        let cosigned = Cosigned::open(self.checkpoint.as_bytes(), log, witnesses)?;
        let head = cosigned.checkpoint.head();
        verify_inclusion(leaf, self.index, head.size, &self.hashes, &head.root)?;
        Ok(cosigned)
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.hashes {
            writeln!(f, "{}", STANDARD.encode(hash.0))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}
