//! The queue between the senders of bars and the thread of one run: bounded lines, and the command to end. It must
//! never know what a line means.

use core::fmt;
use core::time::Duration;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use counterfoil_runner::run::feed::{
    LINE_BYTES_MAX, LineRead, LineSource, LineTreatment, SILENCE_MAX,
};

/// Lines that wait for one run: a minute of sixteen instruments at a bar a second.
pub const LINES_MAX: usize = 1_024;
/// Bytes that wait for one run: a thousand runs hold at most a GiB.
pub const BYTES_MAX: usize = 1 << 20;

/// The command that ends a run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EndCommand {
    /// Decide what is complete, then close the journal, as at the end of the stream.
    Stop,
    /// Read nothing more and leave the journal open, to be resumed.
    Suspend,
    /// Read nothing more, whatever waits. A run with a stop to record records it and closes its
    /// journal; any other leaves it open.
    Kill,
}

/// Outcome reported to the line's sender.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum LineOutcome {
    /// The run read it, with this treatment.
    Treated(LineTreatment),
    /// The run ended before it read the line: no journal has it.
    NotTaken,
}

/// Called once with the outcome of a line.
pub type LineCallback = Box<dyn FnOnce(LineOutcome) + Send>;

/// Why a line was not queued.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum QueueRefusal {
    /// The queue is full: the run is behind.
    Full,
    /// The run reads no more lines.
    Ended,
    /// The line is longer than any bar.
    TooLong,
}

/// The queue of one run.
#[derive(Default)]
pub struct Inlet {
    state: Mutex<InletQueue>,
    changed: Condvar,
}

#[derive(Default)]
struct InletQueue {
    lines: VecDeque<(Vec<u8>, Option<LineCallback>)>,
    bytes: usize,
    /// The feed has no more lines.
    is_over: bool,
    /// Why the feed broke.
    broken: Option<String>,
    command: Option<EndCommand>,
    /// Whether the run was woken once to find the reason of its kill.
    is_woken: bool,
}

/// Outcome of waiting for a line.
enum Dequeued {
    Line(Vec<u8>, Option<LineCallback>),
    Nothing,
    End,
}

impl fmt::Debug for Inlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.held();
        f.debug_struct("Inlet")
            .field("lines", &state.lines.len())
            .field("command", &state.command)
            .finish_non_exhaustive()
    }
}

impl InletQueue {
    fn check_room(&self, line: &[u8]) -> Result<(), QueueRefusal> {
        if self.command.is_some() || self.is_over {
            return Err(QueueRefusal::Ended);
        }
        if u64::try_from(line.len()).unwrap_or(u64::MAX) > LINE_BYTES_MAX {
            return Err(QueueRefusal::TooLong);
        }
        let bytes = self.bytes.saturating_add(line.len());
        if self.lines.len() >= LINES_MAX || bytes > BYTES_MAX {
            return Err(QueueRefusal::Full);
        }
        Ok(())
    }

    fn add(&mut self, line: Vec<u8>, report: Option<LineCallback>) {
        self.bytes = self.bytes.saturating_add(line.len());
        self.lines.push_back((line, report));
    }
}

impl InletQueue {
    /// The result of the next read by the command; `None` without a command.
    fn end_signal(&mut self) -> io::Result<Option<LineRead>> {
        match self.command {
            None => Ok(None),
            Some(EndCommand::Stop) => Ok(Some(LineRead::End)),
            // Woken once more, so that the guard reads the reason of the kill and the journal gets
            // its stop record. Only then the read fails.
            Some(EndCommand::Kill) if !self.is_woken => {
                self.is_woken = true;
                Ok(Some(LineRead::Nothing))
            }
            Some(EndCommand::Suspend | EndCommand::Kill) => {
                Err(io::Error::other("the run was commanded to end at once"))
            }
        }
    }
}

impl Inlet {
    fn held(&self) -> MutexGuard<'_, InletQueue> {
        // A panic while it was held left whole lines: each change is one push or pop.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a line, or refuses at once.
    ///
    /// # Errors
    ///
    /// Returns [`QueueRefusal`].
    pub fn offer(&self, line: Vec<u8>, report: Option<LineCallback>) -> Result<(), QueueRefusal> {
        let mut state = self.held();
        state.check_room(&line)?;
        state.add(line, report);
        drop(state);
        self.changed.notify_all();
        Ok(())
    }

    /// Queues a line as soon as there is room; false if the run reads no more.
    pub fn put(&self, line: Vec<u8>) -> bool {
        let mut state = self.held();
        loop {
            match state.check_room(&line) {
                Ok(()) => break,
                Err(QueueRefusal::Ended | QueueRefusal::TooLong) => return false,
                Err(QueueRefusal::Full) => state = self.wait(state),
            }
        }
        state.add(line, None);
        drop(state);
        self.changed.notify_all();
        true
    }

    /// The feed has no more lines.
    pub fn finish(&self) {
        self.held().is_over = true;
        self.changed.notify_all();
    }

    /// The feed broke. The run still reads the lines queued before.
    pub fn fail(&self, why: String) {
        let mut state = self.held();
        state.is_over = true;
        // The first reason stays: later errors of a broken connection only follow from it.
        state.broken.get_or_insert(why);
        drop(state);
        self.changed.notify_all();
    }

    /// Commands the run to end. A kill overrides an earlier command; no other command does.
    pub fn command(&self, command: EndCommand) {
        let mut state = self.held();
        // A suspension after a stop would leave open a journal that an operator asked to close. A kill always
        // counts: it must not wait for a stop that hangs.
        if command == EndCommand::Kill || state.command.is_none() {
            state.command = Some(command);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// The command, if one was given.
    #[must_use]
    pub fn commanded(&self) -> Option<EndCommand> {
        self.held().command
    }

    /// Waits for `time`; false if the run reads no more before that.
    #[must_use]
    pub fn pause(&self, time: Duration) -> bool {
        let state = self.held();
        let over = |state: &mut InletQueue| state.command.is_none() && !state.is_over;
        let waited = self.changed.wait_timeout_while(state, time, over);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.command.is_none() && !state.is_over
    }

    /// Ends the queue and reports to the senders that wait; returns how many lines were left.
    pub fn end(&self) -> usize {
        let mut state = self.held();
        state.is_over = true;
        state.bytes = 0;
        // Taken under the lock, reported after it: a callback that blocks must not hold up the
        // queue. Each sender learns that no journal has its line, and may send it again after a
        // resume.
        let left = core::mem::take(&mut state.lines);
        drop(state);
        self.changed.notify_all();
        let count = left.len();
        for (_, report) in left {
            if let Some(report) = report {
                report(LineOutcome::NotTaken);
            }
        }
        count
    }

    fn wait<'a>(&self, state: MutexGuard<'a, InletQueue>) -> MutexGuard<'a, InletQueue> {
        self.changed
            .wait(state)
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The result of the run's next read by the command; `None` without a command.
    ///
    /// # Errors
    ///
    /// Returns an error if the run was commanded to end at once.
    pub fn end_signal(&self) -> io::Result<Option<LineRead>> {
        self.held().end_signal()
    }

    /// The next line, the end, or nothing after a while.
    fn dequeue(&self) -> io::Result<Dequeued> {
        let mut state = self.held();
        let mut is_late = false;
        loop {
            match state.end_signal()? {
                Some(LineRead::End) => return Ok(Dequeued::End),
                Some(LineRead::Nothing) => return Ok(Dequeued::Nothing),
                Some(LineRead::Line) | None => {}
            }
            // The command goes before the lines that wait: a kill must not wait behind a minute of
            // bars.
            if let Some((line, report)) = state.lines.pop_front() {
                state.bytes = state.bytes.saturating_sub(line.len());
                drop(state);
                self.changed.notify_all();
                return Ok(Dequeued::Line(line, report));
            }
            // After the lines that arrived before: they are whole, and their senders were promised
            // that.
            if let Some(why) = &state.broken {
                return Err(io::Error::other(why.clone()));
            }
            if state.is_over {
                return Ok(Dequeued::End);
            }
            if is_late {
                return Ok(Dequeued::Nothing);
            }
            let waited = self.changed.wait_timeout(state, SILENCE_MAX);
            let (held, waited) = waited.unwrap_or_else(PoisonError::into_inner);
            (state, is_late) = (held, waited.timed_out());
        }
    }
}

/// The reading end of an [`Inlet`].
pub struct InletReader {
    inlet: Arc<Inlet>,
    report: Option<LineCallback>,
}

impl fmt::Debug for InletReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InletReader")
            .field("inlet", &self.inlet)
            .finish_non_exhaustive()
    }
}

impl InletReader {
    /// The reading end.
    #[must_use]
    pub fn new(inlet: Arc<Inlet>) -> Self {
        Self {
            inlet,
            report: None,
        }
    }
}

impl LineSource for InletReader {
    fn next_line(&mut self, line: &mut Vec<u8>) -> io::Result<LineRead> {
        match self.inlet.dequeue()? {
            Dequeued::Nothing => Ok(LineRead::Nothing),
            Dequeued::End => Ok(LineRead::End),
            Dequeued::Line(bytes, report) => {
                *line = bytes;
                self.report = report;
                Ok(LineRead::Line)
            }
        }
    }

    fn treated(&mut self, treatment: LineTreatment) {
        if let Some(report) = self.report.take() {
            report(LineOutcome::Treated(treatment));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    fn read(outlet: &mut InletReader) -> Result<Option<String>, String> {
        let mut line = Vec::new();
        loop {
            match outlet.next_line(&mut line) {
                Ok(LineRead::Line) => return Ok(Some(String::from_utf8(line).unwrap())),
                Ok(LineRead::Nothing) => {}
                Ok(LineRead::End) => return Ok(None),
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    #[test]
    fn a_queue_is_bounded_and_an_order_goes_before_what_waits() {
        let inlet = Arc::new(Inlet::default());
        let mut outlet = InletReader::new(Arc::clone(&inlet));
        for number in 0..LINES_MAX {
            inlet.offer(number.to_string().into_bytes(), None).unwrap();
        }
        assert_eq!(inlet.offer(b"more".to_vec(), None), Err(QueueRefusal::Full));
        assert_eq!(read(&mut outlet), Ok(Some("0".to_owned())));
        let (send, told) = channel();
        let report: LineCallback = Box::new(move |what| send.send(what).unwrap());
        inlet.offer(b"last".to_vec(), Some(report)).unwrap();
        inlet.command(EndCommand::Stop);
        assert_eq!(read(&mut outlet), Ok(None));
        // A suspension does not take a stop back, a kill does.
        inlet.command(EndCommand::Suspend);
        assert_eq!(inlet.commanded(), Some(EndCommand::Stop));
        inlet.command(EndCommand::Kill);
        // It is woken once, whatever waits, to look why; after that there is nothing more.
        let came = outlet.next_line(&mut Vec::new()).unwrap();
        assert_eq!(came, LineRead::Nothing);
        assert!(read(&mut outlet).is_err());
        assert_eq!(
            inlet.offer(b"late".to_vec(), None),
            Err(QueueRefusal::Ended)
        );
        assert_eq!(inlet.end(), LINES_MAX);
        assert_eq!(told.recv().unwrap(), LineOutcome::NotTaken);
    }

    #[test]
    fn large_lines_fill_the_queue_before_many_do_and_a_line_has_a_bound() {
        let inlet = Inlet::default();
        let most = usize::try_from(LINE_BYTES_MAX).unwrap();
        assert_eq!(
            inlet.offer(vec![b' '; most + 1], None),
            Err(QueueRefusal::TooLong)
        );
        let mut fitted = 0;
        while inlet.offer(vec![b' '; most], None).is_ok() {
            fitted += 1;
        }
        assert_eq!(fitted, BYTES_MAX / most);
    }

    #[test]
    fn a_reader_of_a_silent_feed_is_let_go_after_a_while() {
        let inlet = Arc::new(Inlet::default());
        let mut outlet = InletReader::new(Arc::clone(&inlet));
        let came = outlet.next_line(&mut Vec::new()).unwrap();
        assert_eq!(came, LineRead::Nothing);
        inlet.offer(b"x".to_vec(), None).unwrap();
        assert_eq!(read(&mut outlet), Ok(Some("x".to_owned())));
    }

    #[test]
    fn a_reader_that_waits_is_woken_by_a_line_an_order_and_the_end() {
        type Case = (fn(&Inlet), Result<Option<String>, String>);
        let cases: [Case; 4] = [
            (
                |inlet| inlet.offer(b"x".to_vec(), None).unwrap(),
                Ok(Some("x".to_owned())),
            ),
            (|inlet| inlet.command(EndCommand::Stop), Ok(None)),
            (Inlet::finish, Ok(None)),
            (
                |inlet| inlet.fail("gone".to_owned()),
                Err("gone".to_owned()),
            ),
        ];
        for (act, expected) in cases {
            let inlet = Arc::new(Inlet::default());
            let mut outlet = InletReader::new(Arc::clone(&inlet));
            let reader = std::thread::spawn(move || read(&mut outlet));
            act(&inlet);
            assert_eq!(reader.join().unwrap(), expected);
        }
    }
}
