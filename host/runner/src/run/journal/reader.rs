//! Reads a journal's records front to back, with memory flat in its length. It checks the
//! frames, not the hashes and signatures: that is the verifier's work. A torn tail, which a
//! crash leaves, counts as the end.

use core::ops::Range;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use counterfoil_journal::entry::{EntryError, split};
use counterfoil_journal::frame::{Frame, FrameError, FrameReader};
use counterfoil_trading::cbor::CborError;
use counterfoil_trading::record::OpenRecord;

use crate::store::files::{FileError, at};

/// Bytes read at once: several times the largest frame.
const READ_BYTES: usize = 1 << 20;

/// Why a journal could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadJournalError {
    /// The file could not be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A frame is none.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// An entry is none.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// A record is none.
    #[error("a record does not decode: {0}")]
    Record(#[from] CborError),
    /// The first record is no open record.
    #[error("the journal does not begin with an open record")]
    NotOpened,
}

/// A journal's records, front to back.
#[derive(Debug)]
pub struct JournalReader {
    file: File,
    path: PathBuf,
    frames: FrameReader,
    buffer: Vec<u8>,
    /// Where in the buffer the next frame begins.
    start: usize,
    /// Where in the buffer the next entry lies, once it was found.
    found: Option<Range<usize>>,
    index: u64,
    /// The last checkpoint passed, with the number of entries before it.
    checkpoint: Option<(u64, String)>,
}

impl JournalReader {
    /// A reader at the front of the journal at `path`.
    ///
    /// # Errors
    ///
    /// Returns [`ReadJournalError`] if the file cannot be opened.
    pub fn open(path: &Path) -> Result<Self, ReadJournalError> {
        let file = File::open(path).map_err(at("open", path))?;
        Ok(Self {
            file,
            path: path.to_path_buf(),
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

    /// The last checkpoint passed so far, with the number of entries before it; nothing vouches
    /// for it yet.
    #[must_use]
    pub fn last_checkpoint(&self) -> Option<&(u64, String)> {
        self.checkpoint.as_ref()
    }

    /// The next record; `None` at the end.
    ///
    /// # Errors
    ///
    /// Returns [`ReadJournalError`] if what comes is no record, or the file cannot be read.
    pub fn next_body(&mut self) -> Result<Option<&[u8]>, ReadJournalError> {
        let index = self.index;
        match self.next_entry()? {
            None => Ok(None),
            Some(entry) => Ok(Some(split(entry, index)?.1)),
        }
    }

    /// The open record, with which every journal begins.
    ///
    /// # Errors
    ///
    /// Returns [`ReadJournalError`] if the next record is none.
    pub fn open_record(&mut self) -> Result<OpenRecord, ReadJournalError> {
        let first = self.next_body()?.ok_or(ReadJournalError::NotOpened)?;
        Ok(OpenRecord::decode(first)?)
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

    /// The record that [`JournalReader::next_body`] gives next, left in its place.
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

    /// Passes over the entry that was found, if any.
    pub fn pass(&mut self) {
        let found = self.found.take();
        self.index = self.index.saturating_add(u64::from(found.is_some()));
    }

    /// Finds the next entry, unless it was found already.
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
                    let note = String::from_utf8_lossy(note).into_owned();
                    self.checkpoint = Some((self.index, note));
                }
                None => {
                    if !self.fill()? {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// Reads on; false at the end of the file.
    fn fill(&mut self) -> Result<bool, ReadJournalError> {
        self.buffer.drain(..self.start);
        self.start = 0;
        let mut limited = (&self.file).take(u64::try_from(READ_BYTES).unwrap_or(u64::MAX));
        let read = limited
            .read_to_end(&mut self.buffer)
            .map_err(at("read", &self.path))?;
        Ok(read > 0)
    }
}
