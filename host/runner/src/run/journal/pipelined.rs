//! A journal that hashes and writes on a second thread, for runs whose cadence allows records to wait. It must
//! never be used where an order waits for its record.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use counterfoil_trading::decision_digest::DecisionDigest;
use counterfoil_trading::journal::{Journal, RecordBytes, RecordSeal};
use counterfoil_trading::record;

use super::{JournalError, RunJournal, Sealer};

/// Bytes in one batch: small enough to stay in the cache of the core that reads it.
const BATCH_BYTES: usize = 64 << 10;
/// Batches in flight: enough to cover a slow write, and a bound on memory.
const BATCHES: usize = 8;

/// Records for the writing thread.
#[derive(Debug, Default)]
struct JournalBatch {
    bytes: Vec<u8>,
    records: Vec<RecordSpan>,
}

/// Where one record ends in its batch.
#[derive(Clone, Copy, Debug)]
struct RecordSpan {
    end: usize,
    seal: RecordSeal,
    is_silent: bool,
}

/// A request to the writing thread.
#[derive(Debug)]
enum SealerTask {
    Add(JournalBatch),
    Digest(SyncSender<DecisionDigest>),
}

/// A journal with a writing thread of its own.
#[derive(Debug)]
pub struct PipelinedJournal {
    batch: JournalBatch,
    tasks: Option<SyncSender<SealerTask>>,
    empty: Receiver<JournalBatch>,
    thread: Option<JoinHandle<Result<(), JournalError>>>,
}

impl PipelinedJournal {
    /// Starts the writing thread.
    ///
    /// # Errors
    ///
    /// Returns the operating system's error if the thread could not be started.
    pub fn start(mut sealer: Sealer) -> std::io::Result<Self> {
        let (tasks, inbox) = sync_channel::<SealerTask>(BATCHES);
        let (give_back, empty) = sync_channel::<JournalBatch>(BATCHES);
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || {
                while let Ok(task) = inbox.recv() {
                    match task {
                        SealerTask::Add(mut batch) => {
                            add_all(&mut sealer, &batch)?;
                            batch.bytes.clear();
                            batch.records.clear();
                            // The buffer is only returned for reuse. Once the run's thread has ended there is no
                            // receiver, and the buffer is dropped.
                            let _unused = give_back.try_send(batch);
                        }
                        SealerTask::Digest(answer) => {
                            // The closing record states this digest, so everything before it must be in the
                            // file first: a write error surfaces here and not after the run was closed.
                            sealer.write()?;
                            let _gone = answer.send(sealer.digest().clone());
                        }
                    }
                }
                // All senders are gone: the run is closed, or failed. Either way everything it accepted is
                // written and synced, so a resumption loses as little as possible.
                sealer.finish()
            })?;
        Ok(Self {
            batch: JournalBatch::default(),
            tasks: Some(tasks),
            empty,
            thread: Some(thread),
        })
    }

    fn send(&mut self, task: SealerTask) -> Result<(), JournalError> {
        let sent = self
            .tasks
            .as_ref()
            .is_some_and(|tasks| tasks.send(task).is_ok());
        if sent {
            Ok(())
        } else {
            Err(self.thread_error())
        }
    }

    fn flush(&mut self) -> Result<(), JournalError> {
        // An empty buffer that came back is used again; while none did, a new one is made.
        let next = self.empty.try_recv().unwrap_or_default();
        let full = core::mem::replace(&mut self.batch, next);
        self.send(SealerTask::Add(full))
    }

    /// The error with which the writing thread ended. A failed send only shows that it is gone.
    fn thread_error(&mut self) -> JournalError {
        self.tasks = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(Err(error))) => error,
            _ => JournalError::ThreadGone,
        }
    }
}

fn add_all(sealer: &mut Sealer, batch: &JournalBatch) -> Result<(), JournalError> {
    let mut start = 0;
    for span in &batch.records {
        #[expect(
            clippy::expect_used,
            reason = "`accept` notes each span's end from the length of the same buffer"
        )]
        let body = batch
            .bytes
            .get(start..span.end)
            .expect("invariant: a span lies in its batch");
        // Only the bytes cross the channel, so the digested part is found again here. It depends on the bytes
        // alone: the digest is the same as of an inline journal.
        let digested = record::digested_part(body)?;
        sealer.add(RecordBytes {
            body,
            digested,
            seal: span.seal,
            is_silent: span.is_silent,
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
        self.batch.records.push(RecordSpan {
            end,
            seal: record.seal,
            is_silent: record.is_silent,
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
        self.send(SealerTask::Digest(answer))?;
        digest.recv().map_err(|_| self.thread_error())
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
        // Without the sender the thread drains its inbox, syncs and ends. Joining keeps the caller from opening
        // the journal for a resumption while the old thread still writes to it.
        self.tasks = None;
        if let Some(thread) = self.thread.take() {
            let _outcome = thread.join();
        }
    }
}
