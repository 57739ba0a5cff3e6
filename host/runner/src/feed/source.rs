//! Where the lines of a feed come from, and what it hears of them. It must never know what a line
//! says.

use std::io::{self, BufRead};

/// The most bytes of one line: a bar takes about 200.
pub const LINE_BYTES_MAX: u64 = 64 << 10;

/// Where lines come from.
pub trait LineSource {
    /// Puts the next line, without more than [`LINE_BYTES_MAX`] of its bytes, into `line`, which is
    /// empty; false at the end.
    ///
    /// # Errors
    ///
    /// Returns an error if it is not known whether there is another.
    fn next_line(&mut self, line: &mut Vec<u8>) -> io::Result<bool>;

    /// Hears what became of the line that was given last.
    fn treated(&mut self, _treatment: Treatment) {}
}

impl<R: BufRead> LineSource for R {
    fn next_line(&mut self, line: &mut Vec<u8>) -> io::Result<bool> {
        let mut limited = io::Read::take(self, LINE_BYTES_MAX);
        Ok(limited.read_until(b'\n', line)? > 0)
    }
}

/// What became of a line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Treatment {
    /// A closed bar, or the ends of sessions, of a slice that will be decided.
    Taken,
    /// A mark, or an empty line.
    Mark,
    /// What was recorded before.
    Known,
    /// It is recorded as refused.
    Refused(String),
}
