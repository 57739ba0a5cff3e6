//! The door between whoever brings bars and the thread of one run: a bounded queue of lines, and
//! the order to end. It must never know what a line says.

use core::fmt;
use core::time::Duration;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::run::feed::{LINE_BYTES_MAX, LineRead, LineSource, LineTreatment, SILENCE_MAX};

/// Lines that wait for one run: a minute of sixteen instruments at a bar a second.
pub const LINES_MAX: usize = 1_024;
/// Bytes that wait for one run: a thousand runs hold a GiB at most.
pub const BYTES_MAX: usize = 1 << 20;

/// How a run is told to end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Order {
    /// Decide what is whole, then close the journal: the end of the stream, now.
    Stop,
    /// Take nothing more and leave the journal open, to be resumed.
    Suspend,
    /// Take nothing more, whatever waits. A run that was told why records that and closes its
    /// journal; any other leaves it open.
    Kill,
}

/// What whoever sent a line is told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Told {
    /// The run took it up, and this became of it.
    Treated(LineTreatment),
    /// The run ended before it took it up: it is in no journal.
    NotTaken,
}

/// Hears once what became of a line.
pub type Tell = Box<dyn FnOnce(Told) + Send>;

/// Why a line was not queued.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NotQueued {
    /// The run is behind: the queue is full.
    Full,
    /// The run takes no more.
    Ended,
    /// The line is longer than any bar.
    TooLong,
}

/// The queue of one run.
#[derive(Default)]
pub struct Inlet {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    lines: VecDeque<(Vec<u8>, Option<Tell>)>,
    bytes: usize,
    /// The feed has no more.
    is_over: bool,
    /// The feed broke, and says why.
    broken: Option<String>,
    order: Option<Order>,
    /// The run was woken to hear that it is killed.
    is_woken: bool,
}

/// What a wait for a line came to.
enum Took {
    Line(Vec<u8>, Option<Tell>),
    Nothing,
    End,
}

impl fmt::Debug for Inlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.held();
        f.debug_struct("Inlet")
            .field("lines", &state.lines.len())
            .field("order", &state.order)
            .finish_non_exhaustive()
    }
}

impl State {
    fn takes(&self, line: &[u8]) -> Result<(), NotQueued> {
        if self.order.is_some() || self.is_over {
            return Err(NotQueued::Ended);
        }
        if u64::try_from(line.len()).unwrap_or(u64::MAX) > LINE_BYTES_MAX {
            return Err(NotQueued::TooLong);
        }
        let bytes = self.bytes.saturating_add(line.len());
        if self.lines.len() >= LINES_MAX || bytes > BYTES_MAX {
            return Err(NotQueued::Full);
        }
        Ok(())
    }

    fn add(&mut self, line: Vec<u8>, tell: Option<Tell>) {
        self.bytes = self.bytes.saturating_add(line.len());
        self.lines.push_back((line, tell));
    }
}

impl State {
    /// What an order makes of the run's next question.
    fn heed(&mut self) -> io::Result<Option<LineRead>> {
        match self.order {
            None => Ok(None),
            Some(Order::Stop) => Ok(Some(LineRead::End)),
            // It looks once more, and finds why it is killed.
            Some(Order::Kill) if !self.is_woken => {
                self.is_woken = true;
                Ok(Some(LineRead::Nothing))
            }
            Some(Order::Suspend | Order::Kill) => {
                Err(io::Error::other("the run was told to end at once"))
            }
        }
    }
}

impl Inlet {
    fn held(&self) -> MutexGuard<'_, State> {
        // Whoever panicked while holding it left whole lines: each change is one push or pop.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a line, or says at once why not.
    ///
    /// # Errors
    ///
    /// Returns [`NotQueued`].
    pub fn offer(&self, line: Vec<u8>, tell: Option<Tell>) -> Result<(), NotQueued> {
        let mut state = self.held();
        state.takes(&line)?;
        state.add(line, tell);
        drop(state);
        self.changed.notify_all();
        Ok(())
    }

    /// Queues a line as soon as there is room; false if the run takes no more.
    pub fn put(&self, line: Vec<u8>) -> bool {
        let mut state = self.held();
        loop {
            match state.takes(&line) {
                Ok(()) => break,
                Err(NotQueued::Ended | NotQueued::TooLong) => return false,
                Err(NotQueued::Full) => state = self.wait(state),
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

    /// The feed broke. What was queued before is still taken.
    pub fn fail(&self, why: String) {
        let mut state = self.held();
        state.is_over = true;
        state.broken.get_or_insert(why);
        drop(state);
        self.changed.notify_all();
    }

    /// Gives an order. A kill overrides what was ordered before; nothing else does.
    pub fn order(&self, order: Order) {
        let mut state = self.held();
        if order == Order::Kill || state.order.is_none() {
            state.order = Some(order);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// What was ordered.
    #[must_use]
    pub fn ordered(&self) -> Option<Order> {
        self.held().order
    }

    /// Waits until `time` went by; false if the run takes no more before that.
    #[must_use]
    pub fn pause(&self, time: Duration) -> bool {
        let state = self.held();
        let over = |state: &mut State| state.order.is_none() && !state.is_over;
        let waited = self.changed.wait_timeout_while(state, time, over);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.order.is_none() && !state.is_over
    }

    /// Takes no more, and tells whoever waits; the answer is how many lines were left.
    pub fn end(&self) -> usize {
        let mut state = self.held();
        state.is_over = true;
        state.bytes = 0;
        let left = core::mem::take(&mut state.lines);
        drop(state);
        self.changed.notify_all();
        let count = left.len();
        for (_, tell) in left {
            if let Some(tell) = tell {
                tell(Told::NotTaken);
            }
        }
        count
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed
            .wait(state)
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// What an order makes of the run's next question; none if it may go on.
    ///
    /// # Errors
    ///
    /// Returns an error if the run was told to end at once.
    pub fn heed(&self) -> io::Result<Option<LineRead>> {
        self.held().heed()
    }

    /// The next line, the end, or nothing after a while.
    fn take(&self) -> io::Result<Took> {
        let mut state = self.held();
        let mut is_late = false;
        loop {
            match state.heed()? {
                Some(LineRead::End) => return Ok(Took::End),
                Some(LineRead::Nothing) => return Ok(Took::Nothing),
                Some(LineRead::Line) | None => {}
            }
            if let Some((line, tell)) = state.lines.pop_front() {
                state.bytes = state.bytes.saturating_sub(line.len());
                drop(state);
                self.changed.notify_all();
                return Ok(Took::Line(line, tell));
            }
            if let Some(why) = &state.broken {
                return Err(io::Error::other(why.clone()));
            }
            if state.is_over {
                return Ok(Took::End);
            }
            if is_late {
                return Ok(Took::Nothing);
            }
            let waited = self.changed.wait_timeout(state, SILENCE_MAX);
            let (held, waited) = waited.unwrap_or_else(PoisonError::into_inner);
            (state, is_late) = (held, waited.timed_out());
        }
    }
}

/// The run's end of an [`Inlet`].
pub struct Outlet {
    inlet: Arc<Inlet>,
    tell: Option<Tell>,
}

impl fmt::Debug for Outlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outlet")
            .field("inlet", &self.inlet)
            .finish_non_exhaustive()
    }
}

impl Outlet {
    /// The end that reads.
    #[must_use]
    pub fn new(inlet: Arc<Inlet>) -> Self {
        Self { inlet, tell: None }
    }
}

impl LineSource for Outlet {
    fn next_line(&mut self, line: &mut Vec<u8>) -> io::Result<LineRead> {
        match self.inlet.take()? {
            Took::Nothing => Ok(LineRead::Nothing),
            Took::End => Ok(LineRead::End),
            Took::Line(bytes, tell) => {
                *line = bytes;
                self.tell = tell;
                Ok(LineRead::Line)
            }
        }
    }

    fn treated(&mut self, treatment: LineTreatment) {
        if let Some(tell) = self.tell.take() {
            tell(Told::Treated(treatment));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    fn read(outlet: &mut Outlet) -> Result<Option<String>, String> {
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
        let mut outlet = Outlet::new(Arc::clone(&inlet));
        for number in 0..LINES_MAX {
            inlet.offer(number.to_string().into_bytes(), None).unwrap();
        }
        assert_eq!(inlet.offer(b"more".to_vec(), None), Err(NotQueued::Full));
        assert_eq!(read(&mut outlet), Ok(Some("0".to_owned())));
        let (send, told) = channel();
        let tell: Tell = Box::new(move |what| send.send(what).unwrap());
        inlet.offer(b"last".to_vec(), Some(tell)).unwrap();
        inlet.order(Order::Stop);
        assert_eq!(read(&mut outlet), Ok(None));
        // A suspension does not take a stop back, a kill does.
        inlet.order(Order::Suspend);
        assert_eq!(inlet.ordered(), Some(Order::Stop));
        inlet.order(Order::Kill);
        // It is woken once, whatever waits, to look why; after that there is nothing more.
        let came = outlet.next_line(&mut Vec::new()).unwrap();
        assert_eq!(came, LineRead::Nothing);
        assert!(read(&mut outlet).is_err());
        assert_eq!(inlet.offer(b"late".to_vec(), None), Err(NotQueued::Ended));
        assert_eq!(inlet.end(), LINES_MAX);
        assert_eq!(told.recv().unwrap(), Told::NotTaken);
    }

    #[test]
    fn large_lines_fill_the_queue_before_many_do_and_a_line_has_a_bound() {
        let inlet = Inlet::default();
        let most = usize::try_from(LINE_BYTES_MAX).unwrap();
        assert_eq!(
            inlet.offer(vec![b' '; most + 1], None),
            Err(NotQueued::TooLong)
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
        let mut outlet = Outlet::new(Arc::clone(&inlet));
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
            (|inlet| inlet.order(Order::Stop), Ok(None)),
            (Inlet::finish, Ok(None)),
            (
                |inlet| inlet.fail("gone".to_owned()),
                Err("gone".to_owned()),
            ),
        ];
        for (act, expected) in cases {
            let inlet = Arc::new(Inlet::default());
            let mut outlet = Outlet::new(Arc::clone(&inlet));
            let reader = std::thread::spawn(move || read(&mut outlet));
            act(&inlet);
            assert_eq!(reader.join().unwrap(), expected);
        }
    }
}
