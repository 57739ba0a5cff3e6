//! Which part of a journal's file is signed, and whether the rest is what a crash leaves. It must never change a
//! byte, and never know what a record means.

use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};

use counterfoil_journal::checkpoint::Checkpoint;
use counterfoil_journal::frame::{Frame, FrameReader};
use counterfoil_journal::key::VerifierKey;
use counterfoil_os::file_path::AsFilePath;
use counterfoil_os::files::{FileError, open_plain};

/// Bytes read at once: several times the largest frame.
const READ_BYTES: u64 = 1 << 20;

/// Where the signature lines of a note begin.
const SIGNATURES: &[u8] = "\n\n\u{2014} ".as_bytes();

/// A journal's file, split after its last checkpoint.
#[derive(Debug, Default)]
pub(crate) struct SignedPrefix {
    /// Where the last checkpoint's frame ends; 0 without a checkpoint.
    pub(crate) end: u64,
    /// Entries before `end`.
    pub(crate) entries: u64,
    /// Whole entries after `end`.
    pub(crate) uncovered: u64,
    /// All bytes after `end`.
    pub(crate) tail: Vec<u8>,
}

impl SignedPrefix {
    /// Reads the frames of the file at `path`, up to the first bytes that are not a frame. A missing file is an
    /// empty prefix.
    pub(crate) fn scan(path: &(impl AsFilePath + ?Sized)) -> Result<Self, FileError> {
        let mut file = match open_plain(path) {
            Ok(file) => file,
            Err(error) if error.source.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error),
        };
        let mut found = Self::default();
        let mut frames = FrameReader::new();
        let mut buffer = Vec::new();
        loop {
            let mut limited = (&file).take(READ_BYTES);
            let read = limited
                .read_to_end(&mut buffer)
                .map_err(FileError::at("read", path))?;
            let mut start: usize = 0;
            let mut is_over = read == 0;
            while !is_over {
                let input = buffer.get(start..).unwrap_or_default();
                // Nothing after a malformed frame can be signed in order. Whether a crash or an attacker wrote it
                // is found out later, by the verifier and by the search in the tail.
                let Ok(parsed) = frames.parse(input) else {
                    is_over = true;
                    break;
                };
                start = start.saturating_add(parsed.consumed);
                match parsed.frame {
                    Some(Frame::Entry(_)) => found.uncovered = found.uncovered.saturating_add(1),
                    Some(Frame::Checkpoint(_)) => {
                        // By position alone: the signature is checked when the prefix is verified.
                        found.entries = found.entries.saturating_add(found.uncovered);
                        found.uncovered = 0;
                        found.end = frames.offset();
                    }
                    None => break,
                }
            }
            buffer.drain(..start.min(buffer.len()));
            if is_over {
                break;
            }
        }
        file.seek(SeekFrom::Start(found.end))
            .map_err(FileError::at("read", path))?;
        file.read_to_end(&mut found.tail)
            .map_err(FileError::at("read", path))?;
        Ok(found)
    }

    /// The size of a signed checkpoint in the tail, if there is one. A crash leaves none there: a whole checkpoint
    /// ends the signed prefix, unless bytes in front of it were changed.
    pub(crate) fn checkpoint_beyond(&self, key: &VerifierKey) -> Option<u64> {
        let origin = format!("{}\n", key.name());
        let origin = origin.as_bytes();
        // Searched for byte by byte, not frame by frame: the change that hides a checkpoint is one that breaks the
        // frames in front of it. Only a signature by the log's own key counts, so quoted text in a strategy's log
        // does not block a resumption.
        self.tail
            .windows(origin.len())
            .enumerate()
            .filter(|(_, window)| *window == origin)
            .filter_map(|(begin, _)| signed_note(self.tail.get(begin..)?, key))
            .find(|size| *size > self.entries)
    }
}

/// The tree size of the checkpoint at the start of `bytes`, if there is one.
fn signed_note(bytes: &[u8], key: &VerifierKey) -> Option<u64> {
    let at = bytes
        .windows(SIGNATURES.len())
        .position(|window| window == SIGNATURES)?;
    let line = at.checked_add(SIGNATURES.len())?;
    let length = bytes.get(line..)?.iter().position(|byte| *byte == b'\n')?;
    let end = line.checked_add(length)?;
    let checkpoint = Checkpoint::open_own(bytes.get(..=end)?, key).ok()?;
    Some(checkpoint.size)
}
