//! The bytes of a source: unpacked if they are gzip, cut into lines of
//! bounded length. It must never know what a row means.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;

use crate::source::options::ROW_BYTES_MAX;

/// The first bytes of every gzip member. Source: RFC 1952, 2.3.1.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

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
    /// The line last read; the first is 1.
    pub(crate) number: u64,
    /// Bytes read so far, after decompression.
    pub(crate) bytes: u64,
    pub(crate) gzip: bool,
}

impl<'a> LineReader<'a> {
    pub(crate) fn open(source: impl Read + 'a) -> io::Result<Self> {
        let mut reader = BufReader::with_capacity(CHUNK_BYTES, source);
        // By its bytes, not by its name: vendors send gzip without the suffix and plain files with it.
        let mut magic = Vec::new();
        Read::by_ref(&mut reader).take(2).read_to_end(&mut magic)?;
        let gzip = magic == GZIP_MAGIC;
        let whole = io::Cursor::new(magic).chain(reader);
        let inner: Box<dyn BufRead + 'a> = if gzip {
            // Several members in sequence are one file (RFC 1952, 2.2). A decoder of one member would
            // end after the first, and the rest of the data would be missing without an error.
            Box::new(BufReader::with_capacity(
                CHUNK_BYTES,
                MultiGzDecoder::new(whole),
            ))
        } else {
            Box::new(whole)
        };
        Ok(Self {
            inner,
            number: 0,
            bytes: 0,
            gzip,
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
        if buffer.ends_with(b"\n") {
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
            if count == 0 || rest.ends_with(b"\n") {
                break;
            }
        }
        // Nothing followed: it is the last line, without an end.
        Ok(if length == first {
            SourceLine::Whole
        } else {
            SourceLine::TooLong(length)
        })
    }

    fn part(&mut self, buffer: &mut Vec<u8>) -> io::Result<u64> {
        let most = u64::try_from(ROW_BYTES_MAX).unwrap_or(u64::MAX);
        let count = Read::by_ref(&mut self.inner)
            .take(most)
            .read_until(b'\n', buffer)?;
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.bytes = self.bytes.saturating_add(count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn lines(bytes: &[u8]) -> Vec<String> {
        let mut lines = LineReader::open(bytes).unwrap();
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
