//! Where the lines of a feed come from, and what is reported back about each. It must never know what a line means.

use core::fmt;
use core::time::Duration;
use std::io::{self, BufRead};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::Builder;

/// The most bytes of one line: a bar takes about 200.
pub const LINE_BYTES_MAX: u64 = 64 << 10;

/// How long a silent source may keep its run from checking for a stop: short for the operator who throws a kill
/// switch, long against the few files that a check reads.
pub const SILENCE_MAX: Duration = Duration::from_millis(500);

/// Outcome of waiting for a line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LineRead {
    Line,
    /// No line so far. There may be more.
    Nothing,
    End,
}

/// A source of lines.
pub trait LineSource {
    /// Reads at most [`LINE_BYTES_MAX`] bytes of the next line into `line`, which is empty. A source that can wait for
    /// long returns [`LineRead::Nothing`] every [`SILENCE_MAX`].
    ///
    /// # Errors
    ///
    /// Returns an error if there may be another line and it cannot be read.
    fn next_line(&mut self, line: &mut Vec<u8>) -> io::Result<LineRead>;

    /// Reports how the last line was treated.
    fn treated(&mut self, _treatment: LineTreatment) {}

    /// Whether a sender of nothing but refused lines ends the feed. Not where lines of several senders come one by
    /// one, each of whom learns that its line was refused.
    fn drops_floods(&self) -> bool {
        true
    }
}

/// Blocks as long as the reader does.
impl<R: BufRead> LineSource for R {
    fn next_line(&mut self, line: &mut Vec<u8>) -> io::Result<LineRead> {
        // A stream without line ends would fill the memory; the rest of a long line is read as the next one, which
        // does not parse either and is refused.
        let mut limited = io::Read::take(self, LINE_BYTES_MAX);
        let read = limited.read_until(b'\n', line)?;
        Ok(if read > 0 {
            LineRead::Line
        } else {
            LineRead::End
        })
    }
}

/// Reads lines with a timeout, from a reader that may be silent for long. A thread of its own reads one line at a time
/// and only on request, so no line is taken from the stream before its turn.
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
    /// Starts the reading thread. It ends with the stream, or with the process.
    ///
    /// # Errors
    ///
    /// Returns the operating system's error if the thread could not be started.
    pub fn new<R: BufRead + Send + 'static>(mut reader: R) -> io::Result<Self> {
        let (ask, asked) = sync_channel(1);
        let (answer, lines) = sync_channel(1);
        Builder::new().name("lines".to_owned()).spawn(move || {
            while asked.recv().is_ok() {
                let mut line = Vec::new();
                let read = reader
                    .next_line(&mut line)
                    .map(|came| (came == LineRead::Line).then_some(line));
                if answer.send(read).is_err() {
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
        let gone = || io::Error::other("the thread that reads the feed ended early");
        if !self.is_asked {
            self.ask.send(()).map_err(|_| gone())?;
            self.is_asked = true;
        }
        // A request that timed out stays open: its line is taken at the next call, and not lost.
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

/// How a line was treated.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum LineTreatment {
    /// A closed bar, or session ends, of a slice that will be decided.
    Taken,
    /// A mark, or an empty line.
    Mark,
    /// It is recorded already.
    Known,
    /// It is recorded as refused.
    Refused(String),
}
