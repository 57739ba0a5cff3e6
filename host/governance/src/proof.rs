//! Proofs of single records, from a ledger's bytes. It must never vouch for a record that the log
//! has not signed.

use counterfoil_journal::checkpoint::Checkpoint;
use counterfoil_journal::checkpoint::CheckpointError;
use counterfoil_journal::frame::{Frame, FrameError, FrameReader};
use counterfoil_journal::hash::leaf_hash;
use counterfoil_journal::inclusion::{ProofError, inclusion_proof};
use counterfoil_journal::key::VerifierKey;
use counterfoil_journal::proof::TlogProof;

/// Why a record cannot be proved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProveError {
    /// Malformed frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The tree has no such record.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The last checkpoint is not the log's.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    #[error("the ledger has no record {index}; it has {records}")]
    NoRecord {
        /// The requested record.
        index: u64,
        /// The number of records.
        records: u64,
    },
}

/// The proof of the record in entry `index`, under the ledger's last checkpoint.
///
/// # Errors
///
/// Returns [`ProveError`] if the last checkpoint covers no such record.
///
/// Source: C2SP tlog-proof.
pub fn prove(bytes: &[u8], key: &VerifierKey, index: u64) -> Result<TlogProof, ProveError> {
    let mut frames = FrameReader::new();
    let mut rest = bytes;
    let (mut leaves, mut found, mut last) = (Vec::new(), None, None);
    loop {
        let parsed = frames.parse(rest)?;
        rest = rest.get(parsed.consumed..).unwrap_or_default();
        match parsed.frame {
            None => break,
            Some(Frame::Entry(entry)) => {
                if u64::try_from(leaves.len()).is_ok_and(|place| place == index) {
                    found = Some(entry.to_vec());
                }
                // Entries after the requested one as well: the proof is against the last checkpoint, which
                // covers all of them.
                leaves.push(leaf_hash(entry));
            }
            Some(Frame::Checkpoint(note)) => last = Some(note.to_vec()),
        }
    }
    let missing = |records| ProveError::NoRecord { index, records };
    let note = last.ok_or(missing(0))?;
    // The log's signature is verified here, so a forged file gives an error and no proof.
    let checkpoint = Checkpoint::open_own(&note, key)?;
    let size = checkpoint.size;
    // An entry after the checkpoint never took effect: a proof of it would show a record that the next opening
    // cuts off.
    let entry = found.filter(|_| index < size).ok_or(missing(size))?;
    Ok(TlogProof {
        hashes: inclusion_proof(&leaves, index, size)?,
        extra: Some(entry),
        index,
        checkpoint: String::from_utf8_lossy(&note).into_owned(),
    })
}
