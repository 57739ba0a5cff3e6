//! Proofs and published tiles, derived from a journal's file.

use std::path::Path;

use counterfoil_journal::frame::{Frame, FrameError, FrameReader};
use counterfoil_journal::hash::{Hash, leaf_hash};
use counterfoil_journal::inclusion::{ProofError, inclusion_proof};
use counterfoil_journal::proof::TlogProof;
use counterfoil_trading::record::{Decision, KIND_DECISION, kind_of};

use crate::data_dir::Execution;
use crate::files::{self, FileError};
use crate::journal::{JournalReader, ReadJournalError};

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MakeProofError {
    /// The journal could not be read.
    #[error(transparent)]
    Read(#[from] ReadJournalError),
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A frame is none.
    #[error(transparent)]
    Frame(#[from] FrameError),
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
                let decides = kind_of(body).map_err(ReadJournalError::from)? == KIND_DECISION;
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
    let (size, checkpoint) = last_checkpoint(&execution.journal())?
        .filter(|(size, _)| *size > index)
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
            let decision = Decision::decode(body)?;
            Ok(decision.bar.get().instrument.0 == *instrument && decision.index == *bar)
        }
    }
}

/// The last checkpoint of a journal, with the number of entries before it.
fn last_checkpoint(path: &Path) -> Result<Option<(u64, String)>, MakeProofError> {
    // Checkpoints are few and small, entries are passed over: one buffer of the whole file would
    // not be flat in memory, so the file is read in pieces.
    let mut reader = FrameReader::new();
    let mut entries = 0_u64;
    let mut last = None;
    let mut buffer = Vec::new();
    let mut start = 0;
    let mut file = std::fs::File::open(path).map_err(files::at("open", path))?;
    loop {
        let parsed = reader.parse(buffer.get(start..).unwrap_or_default())?;
        start = start.saturating_add(parsed.consumed);
        match parsed.frame {
            Some(Frame::Entry(_)) => entries = entries.saturating_add(1),
            Some(Frame::Checkpoint(note)) => {
                last = Some((entries, String::from_utf8_lossy(note).into_owned()));
            }
            None => {
                buffer.drain(..start);
                start = 0;
                let mut piece = std::io::Read::take(&mut file, 1 << 20);
                let read = std::io::Read::read_to_end(&mut piece, &mut buffer);
                if read.map_err(files::at("read", path))? == 0 {
                    return Ok(last);
                }
            }
        }
    }
}
