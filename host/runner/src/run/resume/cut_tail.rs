//! Keeps the unsigned tail that a resumption cuts off a journal, in a file that is durable before the journal gets
//! shorter. It must never know why the tail is cut.

use counterfoil_os::file_path::FilePath;
use counterfoil_os::files::{self, FileError};

/// How the names of the kept tails begin; a number from 1 follows.
const CUT_FILE: &str = "cut-";

/// The tail that was cut off a journal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CutTail {
    /// Where in the journal the tail began.
    pub offset: u64,
    pub bytes: u64,
    /// The file that holds the tail.
    pub kept: FilePath,
}

/// Keeps `tail`, a journal's bytes from `offset` on, in a new file in `folder`. An empty tail is not kept.
///
/// # Errors
///
/// Returns [`FileError`] if the tail may not be durable. The journal is unchanged then.
pub(crate) fn keep_tail(
    folder: &FilePath,
    offset: u64,
    tail: &[u8],
) -> Result<Option<CutTail>, FileError> {
    if tail.is_empty() {
        return Ok(None);
    }
    // A new number each time: if the process stops between the copy and the cut, the next resumption keeps the same
    // tail once more. Overwriting could lose the tail of an earlier crash, which an auditor may ask for.
    let mut number: u64 = 1;
    let kept = loop {
        let path = folder.join(format!("{CUT_FILE}{number}"));
        // Whatever it is: a link that leads nowhere takes the name as well.
        if files::own_facts_of(&path)?.is_none() {
            break path;
        }
        number = number.saturating_add(1);
    };
    // Synced with its folder before this returns, and the caller cuts after that: at every moment the bytes are in
    // the journal, in this file, or in both.
    files::write_whole(&kept, tail)?;
    Ok(Some(CutTail {
        offset,
        bytes: u64::try_from(tail.len()).unwrap_or(u64::MAX),
        kept,
    }))
}
