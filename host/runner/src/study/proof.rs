//! Inclusion proofs of single decisions, derived from a journal's file. It must never need the signing key.

use counterfoil_journal::hash::{Hash, leaf_hash};
use counterfoil_journal::inclusion::{ProofError, inclusion_proof};
use counterfoil_journal::proof::TlogProof;
use counterfoil_trading::record::{DecidedBar, DecisionStarts, KIND_DECISION, record_kind};

use crate::run::journal::{JournalReader, ReadJournalError};
use crate::store::data_dir::Execution;

/// Why a decision could not be proved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MakeProofError {
    #[error(transparent)]
    Read(#[from] ReadJournalError),
    #[error(transparent)]
    Proof(#[from] ProofError),
    #[error("the journal has no decision {asked}; it has {decisions}")]
    NoDecision {
        asked: String,
        /// The number of decisions in the journal.
        decisions: u64,
    },
    #[error(
        "no checkpoint covers entry {index}: the process ended before it was signed; resume the run first"
    )]
    NotCovered { index: u64 },
}

/// Selects the decision to prove.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DecisionSelector {
    /// The entry with this index.
    Entry(u64),
    /// The decision on the `bar`-th bar (from 0) of the `instrument`-th instrument.
    Bar { instrument: u32, bar: u64 },
}

/// The proof of one decision, under the journal's last checkpoint.
///
/// # Errors
///
/// Returns [`MakeProofError`] if there is no such decision or no checkpoint covers it.
pub fn prove(execution: &Execution, which: &DecisionSelector) -> Result<TlogProof, MakeProofError> {
    let mut reader = JournalReader::open(&execution.journal())?;
    let mut leaves: Vec<Hash> = Vec::new();
    let mut found: Option<(u64, Vec<u8>)> = None;
    let mut decisions = 0_u64;
    let mut starts = DecisionStarts::default();
    loop {
        let index = reader.index();
        let is_selected = match reader.peek_body()? {
            None => break,
            Some(body) => {
                let decides = record_kind(body).map_err(ReadJournalError::from)? == KIND_DECISION;
                decides && {
                    let bar = DecidedBar::of(body).map_err(ReadJournalError::from)?;
                    let begins = starts.begins(bar);
                    decisions = decisions.saturating_add(u64::from(begins));
                    fits(which, index, bar, begins)
                }
            }
        };
        // All leaves, those after the decision too: the inclusion path needs the hashes of its right-hand subtrees.
        if let Some(entry) = reader.next_entry()? {
            leaves.push(leaf_hash(entry));
            if is_selected {
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
    // Of all checkpoints the last: an auditor who holds an older one can ask for consistency, while a proof under an old
    // checkpoint could hide that the log was cut after it.
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

impl core::fmt::Display for DecisionSelector {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Entry(index) => write!(f, "at entry {index}"),
            Self::Bar { instrument, bar } => {
                write!(f, "on bar {bar} of instrument {instrument}")
            }
        }
    }
}

fn fits(which: &DecisionSelector, index: u64, decided: DecidedBar, begins: bool) -> bool {
    match which {
        DecisionSelector::Entry(asked) => *asked == index,
        // Of a decision in several records the first, which has the bar's fuel; the others are proved by their entries.
        DecisionSelector::Bar { instrument, bar } => {
            begins && decided.instrument.0 == *instrument && decided.index == *bar
        }
    }
}
