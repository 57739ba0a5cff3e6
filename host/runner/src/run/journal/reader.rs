//! Reads a journal's records front to back, in memory that does not grow with the journal. It checks frames,
//! not hashes or signatures, which are the verifier's. A torn tail, which a crash leaves, counts as the end.

use core::ops::Range;
use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use counterfoil_journal::entry::{EntryError, split};
use counterfoil_journal::frame::{Frame, FrameError, FrameReader};
use counterfoil_os::file_path::AsFilePath;
use counterfoil_os::files::{FileError, open_plain};
use counterfoil_trading::cbor::CborError;
use counterfoil_trading::record::{OpenRecord, Opening, OpeningReader};

/// Bytes read at once: several times the largest frame.
const READ_BYTES: usize = 1 << 20;

/// Why a journal could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadJournalError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Entry(#[from] EntryError),
    #[error("malformed record: {0}")]
    Record(#[from] CborError),
    #[error("the journal does not begin with an open record and all parts of its manifest")]
    NotOpened,
}

/// Reads a journal's records, front to back.
#[derive(Debug)]
pub struct JournalReader {
    file: File,
    path: PathBuf,
    frames: FrameReader,
    buffer: Vec<u8>,
    /// The start of the next frame in the buffer.
    start: usize,
    /// The next entry in the buffer, once it is found.
    found: Option<Range<usize>>,
    index: u64,
    /// The last checkpoint passed, with the number of entries before it.
    checkpoint: Option<(u64, String)>,
}

impl JournalReader {
    /// A reader at the start of the journal at `path`.
    ///
    /// # Errors
    ///
    /// Returns [`ReadJournalError`] if the file cannot be opened.
    pub fn open(path: &(impl AsFilePath + ?Sized)) -> Result<Self, ReadJournalError> {
        let file = open_plain(path)?;
        Ok(Self {
            file,
            path: path.whole().to_path_buf(),
            frames: FrameReader::new(),
            buffer: Vec::new(),
            start: 0,
            found: None,
            index: 0,
            checkpoint: None,
        })
    }

    /// The index of the entry that [`JournalReader::next_body`] gives next.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The last checkpoint passed so far, with the number of entries before it. Its signature is not checked.
    #[must_use]
    pub fn last_checkpoint(&self) -> Option<&(u64, String)> {
        self.checkpoint.as_ref()
    }

    /// The next record; `None` at the end.
    ///
    /// # Errors
    ///
    /// Returns [`ReadJournalError`] if the next entry is malformed or the file cannot be read.
    pub fn next_body(&mut self) -> Result<Option<&[u8]>, ReadJournalError> {
        let index = self.index;
        match self.next_entry()? {
            None => Ok(None),
            Some(entry) => Ok(Some(split(entry, index)?.1)),
        }
    }

    /// What every journal begins with: the open record, the manifest and the commitments.
    ///
    /// # Errors
    ///
    /// Returns [`ReadJournalError`] if the next records are not an opening.
    pub fn opening(&mut self) -> Result<Opening, ReadJournalError> {
        let first = self.next_body()?.ok_or(ReadJournalError::NotOpened)?;
        let mut opening = OpeningReader::new(OpenRecord::decode(first)?);
        while !opening.is_whole() {
            let body = self.next_body()?.ok_or(ReadJournalError::NotOpened)?;
            opening.add(body)?;
        }
        opening.finish().ok_or(ReadJournalError::NotOpened)
    }

    /// The next entry, link and record; `None` at the end.
    ///
    /// # Errors
    ///
    /// As [`JournalReader::next_body`].
    pub fn next_entry(&mut self) -> Result<Option<&[u8]>, ReadJournalError> {
        self.find()?;
        let found = self.found.take();
        self.index = self.index.saturating_add(u64::from(found.is_some()));
        Ok(found.and_then(|found| self.buffer.get(found)))
    }

    /// The record that [`JournalReader::next_body`] gives next, without passing it.
    ///
    /// # Errors
    ///
    /// As [`JournalReader::next_body`].
    pub fn peek_body(&mut self) -> Result<Option<&[u8]>, ReadJournalError> {
        self.find()?;
        let entry = self.found.clone().and_then(|found| self.buffer.get(found));
        match entry {
            None => Ok(None),
            Some(entry) => Ok(Some(split(entry, self.index)?.1)),
        }
    }

    /// Passes the entry that was peeked at, if any.
    pub fn pass(&mut self) {
        let found = self.found.take();
        self.index = self.index.saturating_add(u64::from(found.is_some()));
    }

    /// Finds the next entry, unless it is found already.
    fn find(&mut self) -> Result<(), ReadJournalError> {
        while self.found.is_none() {
            let input = self.buffer.get(self.start..).unwrap_or_default();
            let parsed = self.frames.parse(input)?;
            let end = self.start.saturating_add(parsed.consumed);
            self.start = end;
            match parsed.frame {
                Some(Frame::Entry(entry)) => {
                    self.found = Some(end.saturating_sub(entry.len())..end);
                }
                Some(Frame::Checkpoint(note)) => {
                    // Kept as text and unverified: a forged note must not end the read, and a reader that trusts
                    // it has to check its signature.
                    let note = String::from_utf8_lossy(note).into_owned();
                    self.checkpoint = Some((self.index, note));
                }
                None => {
                    // At the end of the file half a frame is what a crash leaves: it is not an error, and no
                    // entry that was never whole is reported.
                    if !self.fill()? {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// Reads more of the file; false at its end.
    fn fill(&mut self) -> Result<bool, ReadJournalError> {
        self.buffer.drain(..self.start);
        self.start = 0;
        let mut limited = (&self.file).take(u64::try_from(READ_BYTES).unwrap_or(u64::MAX));
        let read = limited
            .read_to_end(&mut self.buffer)
            .map_err(FileError::at("read", &self.path))?;
        Ok(read > 0)
    }
}
