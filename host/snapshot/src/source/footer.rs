//! The last lines of a text file, which vendors fill with totals, sources and copyrights: kept apart where the caller
//! asks for it, and recognized where it does not. It must never know what a row means.

use std::collections::VecDeque;
use std::io;

use crate::error::IngestError;
use crate::source::lines::{LineReader, SourceLine};
use crate::source::options::IngestOptions;

/// Lines of a footer, all of which are in memory at once: 6.5 MB at most.
pub(crate) const FOOTER_LINES_MAX: u64 = 100;

/// The lines of a text file, of which the last ones are its footer.
pub(crate) struct FooterLines {
    lines: LineReader<'static>,
    /// The lines of the footer.
    count: usize,
    /// The lines that were read and not given out: as many as the footer has, until the file ends.
    ahead: VecDeque<HeldLine>,
    is_ended: bool,
    /// The line given out last.
    number: u64,
    /// Whether it is one of the footer.
    is_footer: bool,
    /// A buffer to use again.
    spare: Vec<u8>,
}

/// A line that was read ahead.
struct HeldLine {
    read: SourceLine,
    number: u64,
    bytes: Vec<u8>,
}

/// The lines that the caller states as a footer.
///
/// # Errors
///
/// Returns [`IngestError::Option`] if they are more than are kept in memory.
pub(crate) fn footer_lines(options: &IngestOptions) -> Result<usize, IngestError> {
    let stated = options.skip_footer.unwrap_or(0);
    usize::try_from(stated)
        .ok()
        .filter(|_| stated <= FOOTER_LINES_MAX)
        .ok_or_else(|| IngestError::Option {
            option: "skip-footer",
            reason: format!("a footer has at most {FOOTER_LINES_MAX} lines, not {stated}"),
        })
}

impl FooterLines {
    pub(crate) fn new(lines: LineReader<'static>, count: usize) -> Self {
        Self {
            lines,
            count,
            ahead: VecDeque::new(),
            is_ended: false,
            number: 0,
            is_footer: false,
            spare: Vec::new(),
        }
    }

    /// Puts the next line into `buffer`.
    pub(crate) fn next_into(&mut self, buffer: &mut Vec<u8>) -> io::Result<SourceLine> {
        if self.count == 0 {
            let read = self.lines.next_into(buffer)?;
            self.number = self.lines.number;
            return Ok(read);
        }
        while self.ahead.len() <= self.count && !self.is_ended {
            let mut bytes = core::mem::take(&mut self.spare);
            let read = self.lines.next_into(&mut bytes)?;
            if read == SourceLine::End {
                self.is_ended = true;
            } else {
                self.ahead.push_back(HeldLine {
                    read,
                    number: self.lines.number,
                    bytes,
                });
            }
        }
        buffer.clear();
        let Some(line) = self.ahead.pop_front() else {
            self.is_footer = false;
            return Ok(SourceLine::End);
        };
        self.number = line.number;
        // Before the end of the file there are always as many lines behind this one as the footer has.
        self.is_footer = self.ahead.len() < self.count;
        self.spare = core::mem::replace(buffer, line.bytes);
        Ok(line.read)
    }

    /// Whether no line follows.
    pub(crate) fn is_at_end(&mut self) -> io::Result<bool> {
        Ok(self.ahead.is_empty() && self.lines.is_at_end()?)
    }

    /// The line given out last; the first is 1.
    pub(crate) const fn number(&self) -> u64 {
        self.number
    }

    /// Whether the line given out last is one of the footer.
    pub(crate) const fn is_footer(&self) -> bool {
        self.is_footer
    }

    /// The lines of the footer.
    pub(crate) const fn footer_count(&self) -> usize {
        self.count
    }

    /// Bytes read so far, after decompression.
    pub(crate) const fn bytes(&self) -> u64 {
        self.lines.bytes
    }

    /// `gzip`, `zstd` or `none`.
    pub(crate) const fn packing(&self) -> &'static str {
        self.lines.packing
    }
}

/// The lines behind the last row of a text file, none of which can be read as a row.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct LikelyFooter {
    /// The last row.
    after: u64,
    lines: u64,
}

impl LikelyFooter {
    /// The footer between the last row and the end of a file; `None` if there is no row or nothing behind it, or
    /// if it is too long to be one.
    pub(crate) fn between(last_row: u64, lines_read: u64) -> Option<Self> {
        let lines = lines_read.checked_sub(last_row)?;
        let is_footer = last_row > 0 && (1..=FOOTER_LINES_MAX).contains(&lines);
        is_footer.then_some(Self {
            after: last_row,
            lines,
        })
    }

    /// What to state so that a line is not taken for a row, if it is in the footer.
    pub(crate) fn hint(self, line: u64) -> Option<String> {
        (line > self.after).then(|| {
            format!(
                "; if the file ends with a footer, state --skip-footer {}",
                self.lines
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of a text, those of the footer in brackets.
    fn lines(text: &'static str, footer: usize) -> String {
        let reader = LineReader::open(text.as_bytes(), None).unwrap();
        let mut lines = FooterLines::new(reader, footer);
        let mut buffer = Vec::new();
        let mut all = Vec::new();
        while lines.next_into(&mut buffer).unwrap() != SourceLine::End {
            let text = format!("{}{}", lines.number(), String::from_utf8_lossy(&buffer));
            all.push(if lines.is_footer() {
                format!("[{text}]")
            } else {
                text
            });
        }
        assert!(lines.is_at_end().unwrap());
        all.join(" ")
    }

    #[test]
    fn the_last_lines_are_the_footer_however_long_the_file_is() {
        assert_eq!(lines("a\nb\nc\n", 0), "1a 2b 3c");
        assert_eq!(lines("a\nb\nc\n", 1), "1a 2b [3c]");
        assert_eq!(lines("a\nb\nc", 2), "1a [2b] [3c]");
        assert_eq!(lines("a\n\nc\n", 2), "1a [2] [3c]");
        assert_eq!(lines("a\nb\n", 2), "[1a] [2b]");
        assert_eq!(lines("a\n", 5), "[1a]");
        assert_eq!(lines("", 5), "");
    }

    #[test]
    fn only_lines_behind_the_last_row_are_likely_a_footer() {
        let hint = |last: u64, read: u64, line: u64| {
            let footer = LikelyFooter::between(last, read);
            footer
                .and_then(|footer| footer.hint(line))
                .unwrap_or_default()
        };
        let expected = "; if the file ends with a footer, state --skip-footer 2";
        assert_eq!(hint(5, 7, 6), expected);
        assert_eq!(hint(5, 7, 4), "");
        assert_eq!(hint(5, 5, 4), "");
        assert_eq!(hint(0, 7, 6), "");
        assert_eq!(hint(5, 500, 6), "");
    }
}
