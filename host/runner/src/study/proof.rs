//! Proofs of single decisions, derived from a journal's file.

use counterfoil_journal::hash::{Hash, leaf_hash};
use counterfoil_journal::inclusion::{ProofError, inclusion_proof};
use counterfoil_journal::proof::TlogProof;
use counterfoil_trading::record::{DecisionRecord, KIND_DECISION, record_kind};

use crate::run::journal::{JournalReader, ReadJournalError};
use crate::store::data_dir::Execution;

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MakeProofError {
    /// The journal could not be read.
    #[error(transparent)]
    Read(#[from] ReadJournalError),
    /// The tree does not hold the entry.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// No decision fits.
    #[error("the journal has no decision {asked}; it has {decisions}")]
    NoDecision {
        /// What was asked for.
        asked: String,
        /// How many there are.
        decisions: u64,
    },
    /// No checkpoint covers the entry.
    #[error("no checkpoint covers entry {index}: the run was stopped before it was signed")]
    NotCovered {
        /// The entry.
        index: u64,
    },
}

/// Which decision is to be proved.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Which {
    /// The entry with this index.
    Entry(u64),
    /// The decision on the `bar`-th bar (from 0) of the `instrument`-th instrument.
    Bar {
        /// The instrument's id.
        instrument: u32,
        /// The bar's index.
        bar: u64,
    },
}

/// The proof of one decision, under the journal's last checkpoint.
///
/// # Errors
///
/// Returns [`MakeProofError`] if there is no such decision or no checkpoint covers it.
pub fn prove(execution: &Execution, which: &Which) -> Result<TlogProof, MakeProofError> {
    let mut reader = JournalReader::open(&execution.journal())?;
    let mut leaves: Vec<Hash> = Vec::new();
    let mut found: Option<(u64, Vec<u8>)> = None;
    let mut decisions = 0_u64;
    loop {
        let index = reader.index();
        let is_it = match reader.peek_body()? {
            None => break,
            Some(body) => {
                let decides = record_kind(body).map_err(ReadJournalError::from)? == KIND_DECISION;
                decisions = decisions.saturating_add(u64::from(decides));
                decides && fits(which, index, body)?
            }
        };
        if let Some(entry) = reader.next_entry()? {
            leaves.push(leaf_hash(entry));
            if is_it {
                found = Some((index, entry.to_vec()));
            }
        }
    }
    let Some((index, entry)) = found else {
        return Err(MakeProofError::NoDecision {
            asked: which.to_string(),
            decisions,
        });
    };
    let (size, checkpoint) = reader
        .last_checkpoint()
        .filter(|(size, _)| *size > index)
        .cloned()
        .ok_or(MakeProofError::NotCovered { index })?;
    let hashes = inclusion_proof(&leaves, index, size)?;
    Ok(TlogProof {
        extra: Some(entry),
        index,
        hashes,
        checkpoint,
    })
}

impl core::fmt::Display for Which {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Entry(index) => write!(f, "at entry {index}"),
            Self::Bar { instrument, bar } => {
                write!(f, "on bar {bar} of instrument {instrument}")
            }
        }
    }
}

fn fits(which: &Which, index: u64, body: &[u8]) -> Result<bool, ReadJournalError> {
    match which {
        Which::Entry(asked) => Ok(*asked == index),
        Which::Bar { instrument, bar } => {
            let decision = DecisionRecord::decode(body)?;
            Ok(decision.bar.get().instrument.0 == *instrument && decision.index == *bar)
        }
    }
}
