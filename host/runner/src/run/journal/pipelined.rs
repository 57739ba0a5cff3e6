//! A journal whose hashing and writing run on a second thread, for runs whose cadence allows
//! records to wait. The engine thread copies a record and goes on.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use counterfoil_trading::decision_digest::DecisionDigest;
use counterfoil_trading::journal::{Journal, RecordBytes};
use counterfoil_trading::record;

use super::{JournalError, RunJournal, Sealer};

/// Bytes in one batch: small enough to stay in the cache of the core that reads it.
const BATCH_BYTES: usize = 64 << 10;
/// Batches under way: enough to cover a slow write, and a bound on memory.
const BATCHES: usize = 8;

/// Records on their way to the writing thread.
#[derive(Debug, Default)]
struct Batch {
    bytes: Vec<u8>,
    records: Vec<Span>,
}

/// Where one record lies in its batch.
#[derive(Clone, Copy, Debug)]
struct Span {
    end: usize,
    is_decision: bool,
}

/// What is asked of the writing thread.
#[derive(Debug)]
enum Task {
    Add(Batch),
    Digest(SyncSender<DecisionDigest>),
}

/// A journal with a thread of its own.
#[derive(Debug)]
pub struct PipelinedJournal {
    batch: Batch,
    tasks: Option<SyncSender<Task>>,
    empty: Receiver<Batch>,
    thread: Option<JoinHandle<Result<(), JournalError>>>,
}

impl PipelinedJournal {
    /// Starts the writing thread.
    ///
    /// # Errors
    ///
    /// Returns the system's error if there is no thread to be had.
    pub fn start(mut sealer: Sealer) -> std::io::Result<Self> {
        let (tasks, inbox) = sync_channel::<Task>(BATCHES);
        let (give_back, empty) = sync_channel::<Batch>(BATCHES);
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || {
                while let Ok(task) = inbox.recv() {
                    match task {
                        Task::Add(mut batch) => {
                            add_all(&mut sealer, &batch)?;
                            batch.bytes.clear();
                            batch.records.clear();
                            // Nobody takes it once the engine has ended, which is no loss.
                            let _unused = give_back.try_send(batch);
                        }
                        Task::Digest(answer) => {
                            sealer.write()?;
                            let _gone = answer.send(sealer.digest().clone());
                        }
                    }
                }
                sealer.finish()
            })?;
        Ok(Self {
            batch: Batch::default(),
            tasks: Some(tasks),
            empty,
            thread: Some(thread),
        })
    }

    fn send(&mut self, task: Task) -> Result<(), JournalError> {
        let sent = self
            .tasks
            .as_ref()
            .is_some_and(|tasks| tasks.send(task).is_ok());
        if sent { Ok(()) } else { Err(self.reason()) }
    }

    fn flush(&mut self) -> Result<(), JournalError> {
        let next = self.empty.try_recv().unwrap_or_default();
        let full = core::mem::replace(&mut self.batch, next);
        self.send(Task::Add(full))
    }

    /// Why the thread is gone.
    fn reason(&mut self) -> JournalError {
        self.tasks = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(Err(error))) => error,
            _ => JournalError::ThreadGone,
        }
    }
}

fn add_all(sealer: &mut Sealer, batch: &Batch) -> Result<(), JournalError> {
    let mut start = 0;
    for span in &batch.records {
        let body = batch.bytes.get(start..span.end).unwrap_or_default();
        let digested = record::digested_part(body)?;
        sealer.add(RecordBytes {
            body,
            digested,
            is_decision: span.is_decision,
        })?;
        start = span.end;
    }
    Ok(())
}

impl Journal for PipelinedJournal {
    type Error = JournalError;

    fn accept(&mut self, record: RecordBytes<'_>) -> Result<(), JournalError> {
        self.batch.bytes.extend_from_slice(record.body);
        let end = self.batch.bytes.len();
        self.batch.records.push(Span {
            end,
            is_decision: record.is_decision,
        });
        if end >= BATCH_BYTES {
            self.flush()
        } else {
            Ok(())
        }
    }
}

impl RunJournal for PipelinedJournal {
    fn digest(&mut self) -> Result<DecisionDigest, JournalError> {
        self.flush()?;
        let (answer, digest) = sync_channel(1);
        self.send(Task::Digest(answer))?;
        digest.recv().map_err(|_| self.reason())
    }

    fn finish(mut self) -> Result<(), JournalError> {
        self.flush()?;
        self.tasks = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(outcome)) => outcome,
            _ => Err(JournalError::ThreadGone),
        }
    }
}

impl Drop for PipelinedJournal {
    /// A run that ended with an error leaves what it accepted in the file.
    fn drop(&mut self) {
        self.tasks = None;
        if let Some(thread) = self.thread.take() {
            let _outcome = thread.join();
        }
    }
}
