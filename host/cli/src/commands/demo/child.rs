//! A child process of the demo that runs beside it. It never outlives its handle.

use core::time::Duration;
use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// How long the demo waits for a line: far longer than any takes.
const LINE_WAIT_MAX: Duration = Duration::from_mins(1);

/// The output of the child that is read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ChildPipe {
    Standard,
    Error,
}

/// A child whose lines are read; it is killed and reaped when dropped.
pub(super) struct DemoChild {
    process: Child,
    lines: Receiver<String>,
}

impl Drop for DemoChild {
    fn drop(&mut self) {
        // Both fail only on a child that has ended and was reaped.
        let _gone = self.process.kill();
        let _gone = self.process.wait();
    }
}

impl DemoChild {
    pub(super) fn start(mut command: Command, pipe: ChildPipe) -> Result<Self> {
        let place = |wanted| {
            if pipe == wanted {
                Stdio::piped()
            } else {
                Stdio::null()
            }
        };
        command
            .stdin(Stdio::null())
            .stdout(place(ChildPipe::Standard))
            .stderr(place(ChildPipe::Error));
        let mut process = command.spawn().context("cannot start this program again")?;
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

    /// What `wanted` makes of the first line for which it makes something.
    ///
    /// # Errors
    ///
    /// Fails with the lines that the child printed if it ends first, or prints nothing for a minute.
    pub(super) fn find<T>(
        &self,
        what: &str,
        mut wanted: impl FnMut(&str) -> Result<Option<T>>,
    ) -> Result<T> {
        let mut printed = String::new();
        loop {
            match self.lines.recv_timeout(LINE_WAIT_MAX) {
                Ok(line) => {
                    if let Some(found) = wanted(&line)? {
                        return Ok(found);
                    }
                    printed.push_str(&line);
                    printed.push('\n');
                }
                Err(RecvTimeoutError::Timeout) => {
                    bail!(
                        "{what}: no line for {} s; printed: {printed}",
                        LINE_WAIT_MAX.as_secs()
                    )
                }
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("{what}: the process ended; printed: {printed}")
                }
            }
        }
    }

    /// Kills it as the kernel does when memory runs out, without a chance to tidy up.
    pub(super) fn kill(mut self) -> Result<()> {
        self.process
            .kill()
            .context("cannot kill the runner's process")?;
        self.process
            .wait()
            .context("cannot wait for the runner's process")?;
        Ok(())
    }

    /// Ends it as a service manager does, and waits until it has ended with exit code 0.
    pub(super) fn terminate(mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.process), Signal::TERM)
            .context("cannot signal the runner's process")?;
        while self.lines.recv_timeout(LINE_WAIT_MAX).is_ok() {}
        let ended = self
            .process
            .try_wait()
            .context("cannot wait for the runner's process")?;
        let ended = match ended {
            Some(ended) => ended,
            // Its pipe is closed, so it ends soon.
            None => self
                .process
                .wait()
                .context("cannot wait for the runner's process")?,
        };
        ensure!(ended.success(), "the runner's process ended with {ended}");
        Ok(())
    }
}
