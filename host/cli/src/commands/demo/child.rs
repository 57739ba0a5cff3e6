//! A child process of the demo that goes on while the demo does something else. It never outlives
//! what holds it.

use core::time::Duration;
use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child as Process, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// How long the demo waits for a line: far longer than any takes.
const LINE_WAIT_MAX: Duration = Duration::from_mins(1);

/// Which of its outputs is read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Output {
    Standard,
    Error,
}

/// A child whose lines are read; it is killed and reaped when dropped.
pub(super) struct Child {
    process: Process,
    lines: Receiver<String>,
}

impl Drop for Child {
    fn drop(&mut self) {
        // Both fail only on a child that has ended and was reaped.
        let _gone = self.process.kill();
        let _gone = self.process.wait();
    }
}

impl Child {
    pub(super) fn start(mut command: Command, output: Output) -> Result<Self> {
        let place = |wanted| {
            if output == wanted {
                Stdio::piped()
            } else {
                Stdio::null()
            }
        };
        command
            .stdin(Stdio::null())
            .stdout(place(Output::Standard))
            .stderr(place(Output::Error));
        let mut process = command.spawn().context("this program again")?;
        let out = process.stdout.take().map(|out| Box::new(out) as _);
        let err = process.stderr.take().map(|err| Box::new(err) as _);
        let pipe: Option<Box<dyn Read + Send>> = out.or(err);
        let (sender, lines) = channel();
        // A thread reads all the while, so that the child never waits for the demo.
        thread::spawn(move || {
            for line in pipe
                .into_iter()
                .flat_map(|pipe| BufReader::new(pipe).lines())
            {
                let Ok(line) = line else { return };
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self { process, lines })
    }

    /// The first line of which `wanted` makes something.
    ///
    /// # Errors
    ///
    /// Says what the child said instead if it ended first, or says nothing for too long.
    pub(super) fn find<T>(
        &self,
        what: &str,
        mut wanted: impl FnMut(&str) -> Result<Option<T>>,
    ) -> Result<T> {
        let mut said = String::new();
        loop {
            match self.lines.recv_timeout(LINE_WAIT_MAX) {
                Ok(line) => {
                    if let Some(found) = wanted(&line)? {
                        return Ok(found);
                    }
                    said.push_str(&line);
                    said.push('\n');
                }
                Err(RecvTimeoutError::Timeout) => {
                    bail!("{what}: nothing for {} s; {said}", LINE_WAIT_MAX.as_secs())
                }
                Err(RecvTimeoutError::Disconnected) => bail!("{what}: it ended before; {said}"),
            }
        }
    }

    /// Kills it as the kernel does when memory runs out: it cannot do anything about it.
    pub(super) fn kill(mut self) -> Result<()> {
        self.process.kill().context("SIGKILL")?;
        self.process.wait().context("the end of a killed process")?;
        Ok(())
    }

    /// Ends it as a service manager does, and waits until it has ended with exit code 0.
    pub(super) fn terminate(mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.process), Signal::TERM).context("SIGTERM")?;
        while self.lines.recv_timeout(LINE_WAIT_MAX).is_ok() {}
        let ended = self.process.try_wait().context("the end of a process")?;
        let ended = match ended {
            Some(ended) => ended,
            // Its pipe is closed, so it is on its way out.
            None => self.process.wait().context("the end of a process")?,
        };
        ensure!(ended.success(), "the runner's process ended with {ended}");
        Ok(())
    }
}
