//! A child process with bounds: on the time it may take, the bytes it may answer, and, set by the child itself, its memory
//! and processor time. It must never know what the child computes.

use core::time::Duration;
use std::fs::File;
use std::io::{self, Read, Write as _};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};

use rlimit::Resource;

use crate::clock::{Stopwatch, wait};

/// Time between two looks at whether a child has ended.
const POLL_INTERVAL: Duration = Duration::from_millis(2);

/// What the parent allows a child.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ChildBounds {
    /// Wall-clock time until the child is killed.
    pub wall_time: Duration,
    /// Bytes of standard error that are kept.
    pub answer_bytes_max: usize,
}

/// How a child ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ChildEnd {
    /// The child ended by itself or by a signal. `answer` is what it wrote to standard error, cut one byte
    /// after the bound, so that a longer answer can be recognised.
    Exited { status: ExitStatus, answer: Vec<u8> },
    /// The child was killed at the end of its wall-clock time.
    TimedOut,
}

/// Starts `command`, writes `question` to its standard input, and waits until it ends. The answer is what it writes
/// to standard error; its standard output is discarded.
///
/// # Errors
///
/// Returns the operating system's error if the child cannot be started or watched.
pub fn ask_child(
    command: &mut Command,
    question: &[u8],
    bounds: ChildBounds,
) -> io::Result<ChildEnd> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
    thread::scope(|threads| {
        // Threads of their own: a child that never reads, or that writes more than a pipe holds, must not be
        // able to block the thread that kills it.
        threads.spawn(move || {
            if let Some(mut stdin) = stdin {
                // A child that dies before it has read everything is recognised by how it ends.
                let _broken_pipe = stdin.write_all(question);
            }
        });
        let answer = threads.spawn(move || {
            stderr.map_or_else(Vec::new, |stderr| {
                read_bounded(stderr, bounds.answer_bytes_max)
            })
        });
        let ended = wait_until(&mut child, bounds.wall_time);
        if !matches!(ended, Ok(Some(_))) {
            // Also when waiting failed: an unwatched child would keep both pipes, and this scope, open.
            child.kill()?;
            child.wait()?;
        }
        let Some(status) = ended? else {
            return Ok(ChildEnd::TimedOut);
        };
        let answer = answer
            .join()
            .map_err(|_| io::Error::other("the thread that reads the child's answer panicked"))?;
        Ok(ChildEnd::Exited { status, answer })
    })
}

/// A child that reads a file and whose standard output is read as it comes. It is killed when it is dropped, so that a
/// caller that stops early leaves nothing running.
#[derive(Debug)]
pub struct OutputChild {
    child: Child,
    output: Option<ChildStdout>,
    answer: Option<JoinHandle<Vec<u8>>>,
}

impl OutputChild {
    /// Starts `command` with `input` as its standard input. Of its standard error so many bytes are kept, and one more.
    ///
    /// # Errors
    ///
    /// Returns the operating system's error if the child cannot be started.
    pub fn start(command: &mut Command, input: File, answer_bytes_max: usize) -> io::Result<Self> {
        let mut child = command
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (output, stderr) = (child.stdout.take(), child.stderr.take());
        // A thread of its own: a child that fills this pipe would never go on with its output.
        let answer = thread::spawn(move || {
            stderr.map_or_else(Vec::new, |stderr| read_bounded(stderr, answer_bytes_max))
        });
        Ok(Self {
            child,
            output,
            answer: Some(answer),
        })
    }

    /// Closes the child's output and waits for its end, which only its own limits bound.
    ///
    /// # Errors
    ///
    /// Returns the operating system's error if the child cannot be watched.
    pub fn end(mut self) -> io::Result<ChildEnd> {
        self.output = None;
        let status = self.child.wait()?;
        let answer = self
            .answer
            .take()
            .map_or_else(|| Ok(Vec::new()), JoinHandle::join);
        let answer = answer
            .map_err(|_| io::Error::other("the thread that reads the child's answer panicked"))?;
        Ok(ChildEnd::Exited { status, answer })
    }
}

impl Read for OutputChild {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.output
            .as_mut()
            .map_or(Ok(0), |output| output.read(buffer))
    }
}

impl Drop for OutputChild {
    fn drop(&mut self) {
        // Both fail where the child has ended already.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Bounds on the calling process, which the operating system enforces.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct OwnLimits {
    /// Bytes of address space.
    pub memory_bytes: u64,
    /// Processor seconds of all threads together.
    pub cpu_seconds: u64,
}

/// Lowers the limits of the calling process, for good. From then on it writes no core file either: a hostile input
/// that crashes the process on purpose must not fill the disk.
///
/// # Errors
///
/// Returns the operating system's error if a limit cannot be lowered; then nothing may be evaluated.
pub fn lower_own_limits(limits: OwnLimits) -> io::Result<()> {
    // Soft and hard limit alike: with a higher hard limit, the process could raise the soft one again.
    let lower = |resource: Resource, limit: u64| {
        let (_, hard) = rlimit::getrlimit(resource)?;
        // Whoever started this program may allow it less already, and only root may take more again.
        let limit = limit.min(hard);
        rlimit::setrlimit(resource, limit, limit)
    };
    lower(Resource::AS, limits.memory_bytes)?;
    lower(Resource::CPU, limits.cpu_seconds)?;
    lower(Resource::CORE, 0)
}

/// The child's end, or `None` when the time is over.
fn wait_until(child: &mut Child, wall_time: Duration) -> io::Result<Option<ExitStatus>> {
    let running = Stopwatch::start();
    while running.elapsed() < wall_time {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        wait(POLL_INTERVAL);
    }
    child.try_wait()
}

fn read_bounded(stderr: impl Read, bytes_max: usize) -> Vec<u8> {
    let most = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    let mut answer = Vec::new();
    // A read error ends the answer early, and its reader refuses an answer that is cut off.
    let _cut_off = stderr.take(most.saturating_add(1)).read_to_end(&mut answer);
    answer
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    /// A question larger than a pipe holds.
    const LARGE: usize = 1 << 20;

    fn ask(script: &str, wall_ms: u64, answer_bytes_max: usize) -> ChildEnd {
        let bounds = ChildBounds {
            wall_time: Duration::from_millis(wall_ms),
            answer_bytes_max,
        };
        let mut command = Command::new("/bin/sh");
        ask_child(command.args(["-c", script]), &vec![b'x'; LARGE], bounds).unwrap()
    }

    #[track_caller]
    fn check(script: &str, answer_bytes_max: usize, code: i32, length: usize) {
        match ask(script, 60_000, answer_bytes_max) {
            ChildEnd::Exited { status, answer } => {
                assert_eq!((status.code(), answer.len()), (Some(code), length));
            }
            ChildEnd::TimedOut => panic!("timed out: {script}"),
        }
    }

    #[test]
    fn a_child_answers_on_standard_error_and_only_as_much_as_it_may() {
        check("cat >&2", LARGE, 0, LARGE);
        check("cat >&2; exit 7", 10, 7, 11);
        check("exit 3", 10, 3, 0);
    }

    #[test]
    fn the_output_of_a_child_is_read_as_it_comes_and_a_child_that_is_dropped_is_killed() {
        let mut input = tempfile::tempfile().unwrap();
        input.write_all(b"12345").unwrap();
        io::Seek::rewind(&mut input).unwrap();
        let start = |script: &str| {
            let mut command = Command::new("/bin/sh");
            let input = input.try_clone().unwrap();
            OutputChild::start(command.args(["-c", script]), input, 4).unwrap()
        };
        let mut child = start("cat; echo refused >&2; exit 7");
        let mut output = String::new();
        child.read_to_string(&mut output).unwrap();
        assert_eq!(output, "12345");
        let ChildEnd::Exited { status, answer } = child.end().unwrap() else {
            panic!("it ended by itself");
        };
        assert_eq!((status.code(), answer.as_slice()), (Some(7), &b"refus"[..]));
        let child = start("exec sleep 600");
        let path = format!("/proc/{}/cmdline", child.child.id());
        drop(child);
        assert!(!std::path::Path::new(&path).exists());
    }

    /// The parent once wrote the question before it began to watch: a child that never read blocked it for ever.
    #[test]
    fn a_child_that_never_reads_or_never_ends_is_killed() {
        for script in ["exec sleep 600", "exec sleep 600 </dev/null"] {
            assert_eq!(ask(script, 50, 10), ChildEnd::TimedOut, "{script}");
        }
    }
}
