//! A journal's bytes as chunks of whole frames, shared by the thread that hashes and the thread
//! that runs again. What a frame holds is not known here.

use std::io::{self, Read};

use counterfoil_journal::entry;
use counterfoil_journal::frame::{Frame, FrameError, FrameReader};

/// Bytes read at once: 1 MiB is some six thousand records, so that the threads meet rarely, and
/// a few chunks under way stay small.
const CHUNK_BYTES: usize = 1 << 20;

/// How a journal's bytes ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum JournalEnd {
    /// With so many bytes that are no whole frame: none, or a torn tail.
    Torn(u64),
    /// With bytes that are no frame.
    Bad(FrameError),
}

#[derive(Clone, Copy, Debug)]
struct FramePlace {
    is_entry: bool,
    start: usize,
    end: usize,
}

/// Whole frames, one after the other.
#[derive(Debug)]
pub(crate) struct JournalChunk {
    bytes: Vec<u8>,
    places: Vec<FramePlace>,
    /// The index of the first entry in it.
    first: u64,
}

impl JournalChunk {
    /// The frames.
    pub(crate) fn frames(&self) -> impl Iterator<Item = Frame<'_>> {
        self.places.iter().map(|place| {
            let payload = self.bytes.get(place.start..place.end).unwrap_or_default();
            if place.is_entry {
                Frame::Entry(payload)
            } else {
                Frame::Checkpoint(payload)
            }
        })
    }

    /// The entries with their indices.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let entries = self.frames().filter_map(|frame| match frame {
            Frame::Entry(entry) => Some(entry),
            Frame::Checkpoint(_) => None,
        });
        (self.first..).zip(entries)
    }

    /// The notes of its checkpoints.
    pub(crate) fn notes(&self) -> impl Iterator<Item = &[u8]> {
        self.frames().filter_map(|frame| match frame {
            Frame::Checkpoint(note) => Some(note),
            Frame::Entry(_) => None,
        })
    }

    /// The body of one entry, if it is in here.
    pub(crate) fn body(&self, index: u64) -> Option<&[u8]> {
        let (_, entry) = self.entries().find(|(at, _)| *at == index)?;
        body_of(entry, index)
    }
}

/// The body of an entry.
pub(crate) fn body_of(entry: &[u8], index: u64) -> Option<&[u8]> {
    entry::split(entry, index).ok().map(|(_, body)| body)
}

/// Reads chunks.
#[derive(Debug)]
pub(crate) struct ChunkReader<R> {
    reader: R,
    frames: FrameReader,
    /// The bytes of an incomplete frame.
    left: Vec<u8>,
    entries: u64,
    bytes_read: u64,
    end: Option<JournalEnd>,
}

impl<R: Read> ChunkReader<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self {
            reader,
            frames: FrameReader::new(),
            left: Vec::new(),
            entries: 0,
            bytes_read: 0,
            end: None,
        }
    }

    /// How many bytes were read.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// How the bytes ended, once there is no next chunk.
    pub(crate) fn end(&self) -> JournalEnd {
        self.end.unwrap_or(JournalEnd::Torn(0))
    }

    /// The next chunk, with one frame at least.
    pub(crate) fn next(&mut self) -> io::Result<Option<JournalChunk>> {
        while self.end.is_none() {
            let mut bytes = Vec::with_capacity(CHUNK_BYTES.saturating_add(self.left.len()));
            bytes.append(&mut self.left);
            // Bounded by what is read, never by a length from the file: a forged length must not decide how much memory is used.
            let most = u64::try_from(CHUNK_BYTES).unwrap_or(u64::MAX);
            let read = self.reader.by_ref().take(most).read_to_end(&mut bytes)?;
            let read = u64::try_from(read).unwrap_or(u64::MAX);
            self.bytes_read = self.bytes_read.saturating_add(read);
            let chunk = self.cut(bytes, read == 0);
            if !chunk.places.is_empty() {
                return Ok(Some(chunk));
            }
        }
        Ok(None)
    }

    /// Cuts the bytes into frames; an incomplete frame is kept for the next chunk.
    fn cut(&mut self, bytes: Vec<u8>, at_end: bool) -> JournalChunk {
        let first = self.entries;
        // A decision without requests takes about 170 bytes.
        let mut places = Vec::with_capacity(bytes.len() / 128);
        let mut at = 0_usize;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            let parsed = match self.frames.parse(rest) {
                Ok(parsed) => parsed,
                Err(error) => {
                    // The frames before it still count: they show up to where the journal holds.
                    self.end = Some(JournalEnd::Bad(error));
                    break;
                }
            };
            at = at.saturating_add(parsed.consumed);
            let (is_entry, payload) = match parsed.frame {
                Some(Frame::Entry(payload)) => (true, payload),
                Some(Frame::Checkpoint(payload)) => (false, payload),
                None => {
                    let rest = bytes.get(at..).unwrap_or_default();
                    self.left.extend_from_slice(rest);
                    // Only at the end of the file: before it, the rest is the beginning of a frame that the next read completes.
                    if at_end {
                        let torn = u64::try_from(rest.len()).unwrap_or(u64::MAX);
                        self.end = Some(JournalEnd::Torn(torn));
                    }
                    break;
                }
            };
            self.entries = self.entries.saturating_add(u64::from(is_entry));
            places.push(FramePlace {
                is_entry,
                start: at.saturating_sub(payload.len()),
                end: at,
            });
        }
        JournalChunk {
            bytes,
            places,
            first,
        }
    }
}
