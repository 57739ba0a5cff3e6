//! The bytes of a source: unpacked if they are gzip or Zstandard, as UTF-8, cut into lines of
//! bounded length. It must never know what a row means.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;

use crate::source::choices::TextEncoding;
use crate::source::encoding::{Utf8Reader, by_mark};
use crate::source::options::ROW_BYTES_MAX;

/// The first bytes of every gzip member. Source: RFC 1952, 2.3.1.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The first bytes of every Zstandard frame. Source: RFC 8878, 3.1.1.
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Bytes read at once.
const CHUNK_BYTES: usize = 65_536;

/// The outcome of reading one line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SourceLine {
    /// It is in the buffer, without its end.
    Whole,
    /// Its beginning is in the buffer; it had this many bytes.
    TooLong(u64),
    /// The end of the source.
    End,
}

/// The lines of a source.
pub(crate) struct LineReader<'a> {
    inner: Box<dyn BufRead + 'a>,
    /// The last byte of a line: `\n`, or `\r` in a file that has no other.
    end: u8,
    /// The line last read; the first is 1.
    pub(crate) number: u64,
    /// Bytes read so far, after decompression.
    pub(crate) bytes: u64,
    /// `gzip`, `zstd` or `none`.
    pub(crate) packing: &'static str,
    /// Bytes after which the caller stops: the rest of a long line is not read beyond.
    pub(crate) bytes_max: u64,
}

impl<'a> LineReader<'a> {
    pub(crate) fn open(source: impl Read + 'a, encoding: Option<TextEncoding>) -> io::Result<Self> {
        let mut reader = BufReader::with_capacity(CHUNK_BYTES, source);
        // By its bytes, not by its name: vendors send gzip without the suffix and plain files with it.
        let mut magic = Vec::new();
        Read::by_ref(&mut reader).take(4).read_to_end(&mut magic)?;
        let is_gzip = magic.starts_with(&GZIP_MAGIC);
        let is_zstd = magic == ZSTD_MAGIC;
        let whole = io::Cursor::new(magic).chain(reader);
        let (packing, unpacked): (_, Box<dyn BufRead + 'a>) = if is_gzip {
            // Several members in sequence are one file (RFC 1952, 2.2). A decoder of one member would
            // end after the first, and the rest of the data would be missing without an error.
            let unpacked = BufReader::with_capacity(CHUNK_BYTES, MultiGzDecoder::new(whole));
            ("gzip", Box::new(unpacked))
        } else if is_zstd {
            // It reads all frames, and refuses windows above 128 MiB.
            let unpacked = zstd::Decoder::with_buffer(whole)?;
            (
                "zstd",
                Box::new(BufReader::with_capacity(CHUNK_BYTES, unpacked)),
            )
        } else {
            ("none", Box::new(whole))
        };
        let mut inner = as_utf8(unpacked, encoding)?;
        // No more than a row is looked at: a first line that is longer is refused anyway.
        let mut begin = Vec::new();
        let most = u64::try_from(ROW_BYTES_MAX).unwrap_or(u64::MAX);
        Read::by_ref(&mut inner)
            .take(most)
            .read_to_end(&mut begin)?;
        let end = line_end(&begin);
        let inner: Box<dyn BufRead + 'a> = Box::new(io::Cursor::new(begin).chain(inner));
        Ok(Self {
            inner,
            end,
            number: 0,
            bytes: 0,
            packing,
            bytes_max: u64::MAX,
        })
    }

    /// Puts the next line into `buffer`. However long the line, no more than a row's worth of it
    /// is ever in memory.
    pub(crate) fn next_into(&mut self, buffer: &mut Vec<u8>) -> io::Result<SourceLine> {
        buffer.clear();
        let first = self.part(buffer)?;
        if first == 0 {
            return Ok(SourceLine::End);
        }
        self.number = self.number.saturating_add(1);
        if buffer.ends_with(&[self.end]) {
            buffer.pop();
            if buffer.ends_with(b"\r") {
                buffer.pop();
            }
            return Ok(SourceLine::Whole);
        }
        // The rest of a long line is read and dropped piece by piece: a file that is one line of
        // gigabytes costs time and no memory, and the line after it is found.
        let mut length = first;
        let mut rest = Vec::new();
        loop {
            rest.clear();
            let count = self.part(&mut rest)?;
            length = length.saturating_add(count);
            // Zeros without an end are a small file once packed.
            let is_enough = self.bytes > self.bytes_max;
            if count == 0 || is_enough || rest.ends_with(&[self.end]) {
                break;
            }
        }
        // Nothing followed: it is the last line, without an end.
        Ok(if length == first {
            if buffer.ends_with(b"\r") {
                buffer.pop();
            }
            SourceLine::Whole
        } else {
            SourceLine::TooLong(length)
        })
    }

    /// Whether no line follows.
    pub(crate) fn is_at_end(&mut self) -> io::Result<bool> {
        self.inner.fill_buf().map(<[u8]>::is_empty)
    }

    fn part(&mut self, buffer: &mut Vec<u8>) -> io::Result<u64> {
        let most = u64::try_from(ROW_BYTES_MAX).unwrap_or(u64::MAX);
        let count = Read::by_ref(&mut self.inner)
            .take(most)
            .read_until(self.end, buffer)?;
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.bytes = self.bytes.saturating_add(count);
        Ok(count)
    }
}

/// The bytes of a text file as UTF-8.
fn as_utf8<'a>(
    mut inner: Box<dyn BufRead + 'a>,
    encoding: Option<TextEncoding>,
) -> io::Result<Box<dyn BufRead + 'a>> {
    let mut begin = Vec::new();
    Read::by_ref(&mut inner).take(2).read_to_end(&mut begin)?;
    // The mark counts more than what was stated: it is in the file.
    let encoding = by_mark(&begin).or(encoding);
    let whole = io::Cursor::new(begin).chain(inner);
    Ok(match encoding {
        None | Some(TextEncoding::Utf8) => Box::new(whole),
        Some(encoding) => Box::new(BufReader::with_capacity(
            CHUNK_BYTES,
            Utf8Reader::new(whole, encoding),
        )),
    })
}

/// The last byte of each line, as the first line shows it.
fn line_end(begin: &[u8]) -> u8 {
    let mut bytes = begin
        .iter()
        .skip_while(|byte| !matches!(byte, b'\r' | b'\n'));
    match (bytes.next(), bytes.next()) {
        // A carriage return that begins the next line and not a line feed: files of old Macs, and of some
        // spreadsheets, would be one line of the whole file. `\r\r\n` ends lines with the line feed.
        (Some(b'\r'), Some(next)) if !matches!(next, b'\r' | b'\n') => b'\r',
        _ => b'\n',
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn lines(bytes: &[u8]) -> Vec<String> {
        let mut lines = LineReader::open(bytes, None).unwrap();
        let mut buffer = Vec::new();
        let mut all = Vec::new();
        loop {
            match lines.next_into(&mut buffer).unwrap() {
                SourceLine::End => return all,
                SourceLine::Whole => all.push(String::from_utf8(buffer.clone()).unwrap()),
                SourceLine::TooLong(length) => all.push(format!("{length} bytes")),
            }
        }
    }

    #[test]
    fn a_source_is_cut_into_lines_whatever_its_ends_and_its_packing() {
        assert_eq!(lines(b""), Vec::<String>::new());
        assert_eq!(lines(b"a"), ["a"]);
        assert_eq!(lines(b"a\r\nb\n\nc"), ["a", "b", "", "c"]);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(b"a\nb\n").unwrap();
        let mut packed = gzip.finish().unwrap();
        assert_eq!(lines(&packed), ["a", "b"]);
        packed.extend_from_within(..);
        assert_eq!(lines(&packed), ["a", "b", "a", "b"]);
        let mut packed = zstd::encode_all(&b"a\nb\n"[..], 1).unwrap();
        packed.extend_from_within(..);
        assert_eq!(lines(&packed), ["a", "b", "a", "b"]);
        assert_eq!(lines(b"a\rb\r\rc"), ["a", "b", "", "c"]);
        assert_eq!(lines(b"a\r\nb\rc\n"), ["a", "b\rc"]);
        assert_eq!(lines(b"a\r\r\nb\n"), ["a\r", "b"]);
        assert_eq!(lines(b"a\r"), ["a"]);
        assert_eq!(lines(b"\xff\xfea\0\n\0b\0"), ["\u{feff}a", "b"]);
        assert_eq!(lines(b"\xfe\xff\0a\0\r\0b"), ["\u{feff}a", "b"]);
    }

    #[test]
    fn a_line_that_is_too_long_is_counted_and_does_not_take_the_next_with_it() {
        let mut bytes = vec![b'x'; ROW_BYTES_MAX * 3];
        bytes.extend_from_slice(b"\nnext\n");
        assert_eq!(
            lines(&bytes),
            [
                format!("{} bytes", ROW_BYTES_MAX * 3 + 1),
                "next".to_owned()
            ]
        );
    }
}
