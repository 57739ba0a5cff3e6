//! Cuts off what no checkpoint covers, and keeps it: the copy is durable before the journal gets
//! shorter. It must never know why it is cut.

use std::path::{Path, PathBuf};

use counterfoil_os::files::{self, FileError};

/// How the files of what was cut begin; a number from 1 follows.
const CUT_FILE: &str = "cut-";

/// What was cut off a journal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Cut {
    /// Where in the journal it began.
    pub offset: u64,
    /// How many bytes.
    pub bytes: u64,
    /// Where it is kept.
    pub kept: PathBuf,
}

/// Keeps `tail`, the bytes of a journal from `offset` on, in a new file in `folder`. Nothing is
/// written where there is nothing to keep.
///
/// # Errors
///
/// Returns [`FileError`] if it is not certain that they are kept; the journal is as it was then.
pub(crate) fn keep(folder: &Path, offset: u64, tail: &[u8]) -> Result<Option<Cut>, FileError> {
    if tail.is_empty() {
        return Ok(None);
    }
    let mut number: u64 = 1;
    let kept = loop {
        let path = folder.join(format!("{CUT_FILE}{number}"));
        if !path
            .try_exists()
            .map_err(FileError::at("look for", &path))?
        {
            break path;
        }
        number = number.saturating_add(1);
    };
    files::write_whole(&kept, tail)?;
    Ok(Some(Cut {
        offset,
        bytes: u64::try_from(tail.len()).unwrap_or(u64::MAX),
        kept,
    }))
}
