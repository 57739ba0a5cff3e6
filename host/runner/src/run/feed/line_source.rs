//! Where the lines of a feed come from, and what it hears of them. It must never know what a line
//! says.

use core::fmt;
use core::time::Duration;
use std::io::{self, BufRead};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::Builder;

/// The most bytes of one line: a bar takes about 200.
pub const LINE_BYTES_MAX: u64 = 64 << 10;

/// How long a source that has nothing may keep its run from looking whether it was stopped: short
/// for whoever threw a switch, long beside the few files that a look reads.
pub const SILENCE_MAX: Duration = Duration::from_millis(500);

/// What came of waiting for a line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LineRead {
    /// A line.
    Line,
    /// Nothing so far; there may be more.
    Nothing,
    /// There is no more.
    End,
}

/// Where lines come from.
pub trait LineSource {
    /// Puts the next line, without more than [`LINE_BYTES_MAX`] of its bytes, into `line`, which is
    /// empty. A source that can wait for long says [`LineRead::Nothing`] every [`SILENCE_MAX`].
    ///
    /// # Errors
    ///
    /// Returns an error if it is not known whether there is another.
    fn next_line(&mut self, line: &mut Vec<u8>) -> io::Result<LineRead>;

    /// Hears what became of the line that was given last.
    fn treated(&mut self, _treatment: LineTreatment) {}
}

/// Waits as long as the reader does.
impl<R: BufRead> LineSource for R {
    fn next_line(&mut self, line: &mut Vec<u8>) -> io::Result<LineRead> {
        let mut limited = io::Read::take(self, LINE_BYTES_MAX);
        let read = limited.read_until(b'\n', line)?;
        Ok(if read > 0 {
            LineRead::Line
        } else {
            LineRead::End
        })
    }
}

/// The lines of a reader that may be silent for long. They are read on a thread of their own, one
/// at a time and only when asked for, so that none is taken from a stream before its turn.
pub struct TimedLineReader {
    ask: SyncSender<()>,
    lines: Receiver<io::Result<Option<Vec<u8>>>>,
    is_asked: bool,
}

impl fmt::Debug for TimedLineReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimedLineReader").finish_non_exhaustive()
    }
}

impl TimedLineReader {
    /// The lines of this reader. Its thread ends with the stream, or with the process.
    ///
    /// # Errors
    ///
    /// Returns the system's error if there is no thread to be had.
    pub fn new<R: BufRead + Send + 'static>(mut reader: R) -> io::Result<Self> {
        let (ask, asked) = sync_channel(1);
        let (tell, lines) = sync_channel(1);
        Builder::new().name("lines".to_owned()).spawn(move || {
            while asked.recv().is_ok() {
                let mut line = Vec::new();
                let read = reader.next_line(&mut line);
                let read = read.map(|came| (came == LineRead::Line).then_some(line));
                if tell.send(read).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self {
            ask,
            lines,
            is_asked: false,
        })
    }
}

impl LineSource for TimedLineReader {
    fn next_line(&mut self, line: &mut Vec<u8>) -> io::Result<LineRead> {
        let gone = || io::Error::other("the thread that reads the feed is gone");
        if !self.is_asked {
            self.ask.send(()).map_err(|_| gone())?;
            self.is_asked = true;
        }
        match self.lines.recv_timeout(SILENCE_MAX) {
            Err(RecvTimeoutError::Timeout) => Ok(LineRead::Nothing),
            Err(RecvTimeoutError::Disconnected) => Err(gone()),
            Ok(read) => {
                self.is_asked = false;
                let Some(read) = read? else {
                    return Ok(LineRead::End);
                };
                *line = read;
                Ok(LineRead::Line)
            }
        }
    }
}

/// What became of a line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum LineTreatment {
    /// A closed bar, or the ends of sessions, of a slice that will be decided.
    Taken,
    /// A mark, or an empty line.
    Mark,
    /// What was recorded before.
    Known,
    /// It is recorded as refused.
    Refused(String),
}
