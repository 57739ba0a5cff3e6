//! The physical form of a journal: a magic line, then framed entries and checkpoints. Bytes
//! in, frames out; where the bytes are kept is not known here.

use alloc::vec::Vec;

use crate::entry::ENTRY_BYTES_MAX;

/// The first bytes of a journal, with the version of its format.
pub const MAGIC: &[u8; 16] = b"counterfoil/j/2\n";

/// The bytes in front of a payload: the tag and the length.
pub const FRAME_HEAD_BYTES: usize = 5;

/// The most a checkpoint's note may hold, in bytes. The journal's own have about 250.
pub const CHECKPOINT_BYTES_MAX: usize = 4096;

/// The most a frame can hold, in bytes: a reader's buffer of this size never gets stuck.
pub const FRAME_BYTES_MAX: usize = FRAME_HEAD_BYTES + ENTRY_BYTES_MAX;

/// The tag of an entry.
const ENTRY_TAG: u8 = b'E';

/// The tag of a checkpoint.
const CHECKPOINT_TAG: u8 = b'C';

/// Why bytes are not a journal's, or cannot be put into one.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    #[error("this is not a journal, or one of another version: it begins with other bytes")]
    Magic,
    #[error("the frame at byte {offset} has the unknown tag {tag:#04x}")]
    UnknownTag { offset: u64, tag: u8 },
    #[error("the frame at byte {offset} has a payload of {bytes} bytes, more than {bytes_max}")]
    TooLong {
        offset: u64,
        bytes: u64,
        bytes_max: usize,
    },
}

/// One frame's payload.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Frame<'a> {
    /// An entry: chain link, salt and body.
    Entry(&'a [u8]),
    /// A checkpoint's note.
    Checkpoint(&'a [u8]),
}

/// What a reader found at the beginning of its input.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ParsedFrame<'a> {
    /// The next frame; nothing if more input is needed.
    pub frame: Option<Frame<'a>>,
    /// How many bytes of the input are done with, magic included.
    pub consumed: usize,
}

/// A reader's position in a journal.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct FrameReader {
    offset: u64,
}

impl FrameReader {
    /// A reader at the beginning of a journal.
    #[must_use]
    pub const fn new() -> Self {
        Self { offset: 0 }
    }

    /// A reader in a journal whose first `offset` bytes, the magic among them, were read before.
    #[must_use]
    pub const fn at(offset: u64) -> Self {
        Self { offset }
    }

    /// How many bytes were consumed so far: where the next frame begins.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// The next frame of `input`, which begins where the last call's `consumed` ended.
    ///
    /// Without a frame the caller reads on and calls again with a longer input; at the end
    /// of the file the rest is a torn tail. An input of [`FRAME_BYTES_MAX`] bytes more
    /// than the magic always holds a frame.
    ///
    /// # Errors
    ///
    /// Returns a [`FrameError`] with the byte offset; the reader stays where it was.
    pub fn parse<'a>(&mut self, input: &'a [u8]) -> Result<ParsedFrame<'a>, FrameError> {
        if self.offset > 0 {
            let parsed = frame(input, self.offset)?;
            return Ok(self.consume(parsed));
        }
        let Some((magic, rest)) = input.split_first_chunk() else {
            let begins_right = MAGIC.starts_with(input);
            return if begins_right {
                Ok(NOTHING)
            } else {
                Err(FrameError::Magic)
            };
        };
        if magic != MAGIC {
            return Err(FrameError::Magic);
        }
        let ParsedFrame { frame, consumed } = frame(rest, 16)?;
        Ok(self.consume(ParsedFrame {
            frame,
            consumed: consumed.saturating_add(MAGIC.len()),
        }))
    }

    fn consume<'a>(&mut self, parsed: ParsedFrame<'a>) -> ParsedFrame<'a> {
        let consumed = u64::try_from(parsed.consumed).unwrap_or(u64::MAX);
        self.offset = self.offset.saturating_add(consumed);
        parsed
    }
}

const NOTHING: ParsedFrame<'static> = ParsedFrame {
    frame: None,
    consumed: 0,
};

/// Appends an entry's frame to `out`.
///
/// # Errors
///
/// Returns [`FrameError::TooLong`] and leaves `out` as it was.
pub fn write_entry(entry: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
    write(ENTRY_TAG, entry, ENTRY_BYTES_MAX, out)
}

/// Appends the frame of a checkpoint's note to `out`.
///
/// # Errors
///
/// Returns [`FrameError::TooLong`] and leaves `out` as it was.
pub fn write_checkpoint(note: &str, out: &mut Vec<u8>) -> Result<(), FrameError> {
    write(CHECKPOINT_TAG, note.as_bytes(), CHECKPOINT_BYTES_MAX, out)
}

fn write(tag: u8, payload: &[u8], bytes_max: usize, out: &mut Vec<u8>) -> Result<(), FrameError> {
    let bytes = u64::try_from(payload.len()).unwrap_or(u64::MAX);
    let too_long = FrameError::TooLong {
        offset: 0,
        bytes,
        bytes_max,
    };
    let length = u32::try_from(payload.len()).map_err(|_| too_long)?;
    if payload.len() > bytes_max {
        return Err(too_long);
    }
    out.reserve(payload.len().saturating_add(FRAME_HEAD_BYTES));
    out.push(tag);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(payload);
    Ok(())
}

/// The frame at the beginning of `input`, which is at `offset` in the journal.
fn frame(input: &[u8], offset: u64) -> Result<ParsedFrame<'_>, FrameError> {
    let Some((&tag, rest)) = input.split_first() else {
        return Ok(NOTHING);
    };
    let bytes_max = match tag {
        ENTRY_TAG => ENTRY_BYTES_MAX,
        CHECKPOINT_TAG => CHECKPOINT_BYTES_MAX,
        // Not skipped: an unknown frame is unsigned bytes, in which anything could be hidden.
        _ => return Err(FrameError::UnknownTag { offset, tag }),
    };
    let Some((length, rest)) = rest.split_first_chunk() else {
        return Ok(NOTHING);
    };
    // A length above the bound is refused now, before the caller buffers that many bytes in the hope of a whole frame.
    let length = u32::from_be_bytes(*length);
    let too_long = FrameError::TooLong {
        offset,
        bytes: length.into(),
        bytes_max,
    };
    let length = usize::try_from(length).map_err(|_| too_long)?;
    if length > bytes_max {
        return Err(too_long);
    }
    // Not an error: a crash in the middle of a write leaves exactly this, and the caller decides what a torn tail means.
    let Some(payload) = rest.get(..length) else {
        return Ok(NOTHING);
    };
    let frame = if tag == ENTRY_TAG {
        Frame::Entry(payload)
    } else {
        Frame::Checkpoint(payload)
    };
    Ok(ParsedFrame {
        frame: Some(frame),
        consumed: length.saturating_add(FRAME_HEAD_BYTES),
    })
}

#[cfg(test)]
mod tests {
    use alloc::{string::ToString, vec};

    use super::*;

    fn journal() -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        write_entry(b"one", &mut bytes).unwrap();
        write_checkpoint("note", &mut bytes).unwrap();
        write_entry(b"", &mut bytes).unwrap();
        write_entry(&vec![7; ENTRY_BYTES_MAX], &mut bytes).unwrap();
        bytes
    }

    /// The frames of `bytes` when it comes in pieces of `piece` bytes, and what is left.
    fn read(bytes: &[u8], piece: usize) -> (Vec<std::string::String>, usize) {
        let (mut reader, mut buffer, mut shown) = (FrameReader::new(), vec![], vec![]);
        for chunk in bytes.chunks(piece) {
            buffer.extend_from_slice(chunk);
            let mut at = 0;
            loop {
                let parsed = reader.parse(&buffer[at..]).unwrap();
                at += parsed.consumed;
                match parsed.frame {
                    Some(Frame::Entry(e)) => shown.push(std::format!("E{}", e.len())),
                    Some(Frame::Checkpoint(c)) => shown.push(std::format!("C{}", c.len())),
                    None => break,
                }
            }
            buffer.drain(..at);
        }
        assert_eq!(reader.offset(), (bytes.len() - buffer.len()) as u64);
        (shown, buffer.len())
    }

    #[test]
    fn frames_are_the_same_however_the_bytes_come_in() {
        let journal = journal();
        let frames = ["E3", "C4", "E0", "E65535"]
            .map(ToString::to_string)
            .to_vec();
        for piece in [1, 2, 5, 15, 16, 17, 33, 4096, 1 << 20] {
            assert_eq!(
                read(&journal, piece),
                (frames.clone(), 0),
                "pieces of {piece}"
            );
        }
        for cut in 0..60 {
            let (frames, left) = read(&journal[..cut], 7);
            let expected = match cut {
                0..16 => (0, cut),
                16..24 => (0, cut - 16),
                24..33 => (1, cut - 24),
                33..38 => (2, cut - 33),
                _ => (3, cut - 38),
            };
            assert_eq!((frames.len(), left), expected, "cut at {cut}");
        }
    }

    #[track_caller]
    fn check(after_magic: &[u8], message: &str) {
        let bytes = [MAGIC, after_magic].concat();
        let mut reader = FrameReader::new();
        assert_eq!(reader.parse(&bytes).unwrap_err().to_string(), message);
        assert_eq!(reader.offset(), 0);
    }

    #[test]
    fn what_is_no_frame_is_refused_at_its_offset() {
        check(b"X", "the frame at byte 16 has the unknown tag 0x58");
        check(b"\0\0\0", "the frame at byte 16 has the unknown tag 0x00");
        check(
            b"E\0\x01\0\0",
            "the frame at byte 16 has a payload of 65536 bytes, more than 65535",
        );
        check(
            b"C\0\0\x10\x01",
            "the frame at byte 16 has a payload of 4097 bytes, more than 4096",
        );
        for other in [&b"x"[..], b"counterfoil/j/1\n", b"counterfoil/k"] {
            assert_eq!(FrameReader::new().parse(other), Err(FrameError::Magic));
        }
        let mut out = vec![1];
        write_entry(&vec![0; ENTRY_BYTES_MAX + 1], &mut out).unwrap_err();
        write_checkpoint(&"x".repeat(CHECKPOINT_BYTES_MAX + 1), &mut out).unwrap_err();
        assert_eq!(out, [1]);
    }
}
