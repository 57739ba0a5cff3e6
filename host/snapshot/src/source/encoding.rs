//! Bytes of a text file in another encoding as UTF-8, a piece at a time. A letter that the encoding does not have
//! becomes a byte that is not UTF-8, so that its row is quarantined and never read with another letter.

use std::collections::VecDeque;
use std::io::{self, Read};

use crate::source::choices::TextEncoding;

/// Bytes decoded at once.
const CHUNK_BYTES: usize = 16_384;

/// Never part of UTF-8.
const INVALID: u8 = 0xff;

/// Letters 0x80 to 0x9f of Windows code page 1252; 0 where it has none. Source: Unicode, CP1252.TXT.
const WINDOWS_1252: [u16; 32] = [
    0x20ac, 0, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160, 0x2039,
    0x0152, 0, 0x017d, 0, 0, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x02dc,
    0x2122, 0x0161, 0x203a, 0x0153, 0, 0x017e, 0x0178,
];

/// Reads bytes of an encoding as UTF-8.
pub(crate) struct Utf8Reader<R> {
    inner: R,
    encoding: TextEncoding,
    /// The first byte of a pair whose second one was not read yet.
    half: Option<u8>,
    /// The first half of a letter of two pairs.
    surrogate: Option<u16>,
    /// Decoded, and not given on.
    ready: VecDeque<u8>,
    at_end: bool,
}

/// The encoding that a byte order mark shows.
pub(crate) fn by_mark(begin: &[u8]) -> Option<TextEncoding> {
    // A mark of UTF-8 is a letter that the header drops.
    match begin {
        [0xff, 0xfe, ..] => Some(TextEncoding::Utf16Le),
        [0xfe, 0xff, ..] => Some(TextEncoding::Utf16Be),
        _ => None,
    }
}

impl<R: Read> Utf8Reader<R> {
    pub(crate) fn new(inner: R, encoding: TextEncoding) -> Self {
        Self {
            inner,
            encoding,
            half: None,
            surrogate: None,
            ready: VecDeque::new(),
            at_end: false,
        }
    }

    /// Decodes the next piece.
    fn fill(&mut self) -> io::Result<()> {
        let mut chunk = [0; CHUNK_BYTES];
        let count = self.inner.read(&mut chunk)?;
        if count == 0 {
            self.at_end = true;
            // A file that was cut within a letter ends in one that is none.
            if self.half.take().is_some() || self.surrogate.take().is_some() {
                self.ready.push_back(INVALID);
            }
        }
        for byte in chunk.get(..count).unwrap_or_default() {
            self.take(*byte);
        }
        Ok(())
    }

    fn take(&mut self, byte: u8) {
        match self.encoding {
            TextEncoding::Utf8 => self.ready.push_back(byte),
            TextEncoding::Latin1 => self.push(u32::from(byte)),
            TextEncoding::Windows1252 => {
                let place = usize::from(byte).checked_sub(0x80);
                let special = place.and_then(|place| WINDOWS_1252.get(place));
                match special {
                    Some(0) => self.ready.push_back(INVALID),
                    Some(letter) => self.push(u32::from(*letter)),
                    None => self.push(u32::from(byte)),
                }
            }
            TextEncoding::Utf16Le | TextEncoding::Utf16Be => {
                let Some(first) = self.half.take() else {
                    self.half = Some(byte);
                    return;
                };
                let unit = if self.encoding == TextEncoding::Utf16Le {
                    u16::from_le_bytes([first, byte])
                } else {
                    u16::from_be_bytes([first, byte])
                };
                self.take_unit(unit);
            }
        }
    }

    /// A unit of UTF-16. Source: Unicode, 3.9, table 3-5.
    fn take_unit(&mut self, unit: u16) {
        let is_low = (0xdc00..=0xdfff).contains(&unit);
        if let Some(high) = self.surrogate.take() {
            if is_low {
                let high = u32::from(high.saturating_sub(0xd800)).saturating_mul(0x400);
                let low = u32::from(unit.saturating_sub(0xdc00));
                return self.push(high.saturating_add(low).saturating_add(0x1_0000));
            }
            self.ready.push_back(INVALID);
        }
        if (0xd800..=0xdbff).contains(&unit) {
            self.surrogate = Some(unit);
        } else {
            // A low half alone is no letter, and becomes the byte that is none.
            self.push(u32::from(unit));
        }
    }

    fn push(&mut self, letter: u32) {
        match char::from_u32(letter) {
            Some(letter) => self.ready.extend(letter.encode_utf8(&mut [0; 4]).bytes()),
            None => self.ready.push_back(INVALID),
        }
    }
}

impl<R: Read> Read for Utf8Reader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.ready.is_empty() && !self.at_end {
            self.fill()?;
        }
        self.ready.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(encoding: TextEncoding, bytes: &[u8], expect: &[u8]) {
        let mut all = Vec::new();
        Utf8Reader::new(bytes, encoding)
            .read_to_end(&mut all)
            .unwrap();
        assert_eq!(all, expect, "{encoding:?}");
    }

    #[test]
    fn letters_are_the_same_in_every_encoding() {
        let text = "Eröffnung;1,5\n€ 𝛼\n";
        let units: Vec<u16> = text.encode_utf16().collect();
        let le: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let be: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        check(TextEncoding::Utf8, text.as_bytes(), text.as_bytes());
        check(TextEncoding::Utf16Le, &le, text.as_bytes());
        check(TextEncoding::Utf16Be, &be, text.as_bytes());
        check(
            TextEncoding::Latin1,
            b"Er\xf6ffnung",
            "Eröffnung".as_bytes(),
        );
        check(TextEncoding::Windows1252, b"\x80 \xf6", "€ ö".as_bytes());
    }

    #[test]
    fn what_is_no_letter_is_no_utf_8() {
        check(TextEncoding::Utf16Le, &[0x41, 0, 0, 0xd8], b"A\xff");
        check(TextEncoding::Utf16Le, &[0, 0xd8, 0x41, 0], b"\xffA");
        check(TextEncoding::Utf16Le, &[0, 0xdc, 0x41], b"\xff\xff");
        check(TextEncoding::Windows1252, b"\x81", b"\xff");
    }
}
