//! A journal as slices with their records, read once on a thread of its own and held against the
//! snapshot as they come. It must never know what a component decides again.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender};

use counterfoil_trading::decision_digest::DecisionDigest;
use counterfoil_trading::execution::Delivery;
use counterfoil_trading::record::{Callback, CloseRecord, RunRecord, RunStop, digested_part};
use counterfoil_trading::slice::Slice;
use counterfoil_trading::time::UnixNanos;

use crate::error::RunnerError;
use crate::run::feed::{Feed as _, FeedError, Next, SnapshotFeed};
use crate::run::journal::{JournalReader, ReadJournalError};

/// Slices handed over at once: enough that the threads meet rarely, small enough for a cache.
pub(super) const SLICES_PER_BATCH: usize = 256;

/// Slices on their way to the engine thread. A batch comes back and is filled again.
pub(super) type Batch = Vec<Recorded>;

/// One slice as the journal has it. A fault of `init` is a slice without bars.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    /// Its bars.
    pub(super) slice: Slice,
    /// Whether these are not the snapshot's bars. Nothing follows then.
    pub(super) is_foreign: bool,
    /// The host's stop, which is a slice without bars too.
    pub(super) stop: Option<RunStop>,
    /// The times of its decisions.
    pub(super) times: Vec<Option<(UnixNanos, UnixNanos)>>,
    /// Its deliveries other than corporate actions: some may be inputs, and the venue knows which.
    pub(super) from_outside: Vec<Delivery>,
    time: Option<UnixNanos>,
    is_faulted: bool,
    bytes: Vec<u8>,
    /// Entry indices, and where in the bytes each record ends.
    ends: Vec<(u64, usize)>,
}

impl Recorded {
    /// Entry index and bytes of the record at `place`, if there are so many.
    pub(super) fn record(&self, place: usize) -> Option<(u64, &[u8])> {
        let (index, end) = *self.ends.get(place)?;
        let before = place.checked_sub(1).and_then(|one| self.ends.get(one));
        let start = before.map_or(0, |(_, end)| *end);
        self.bytes.get(start..end).map(|body| (index, body))
    }

    /// How many records it has.
    pub(super) fn records(&self) -> usize {
        self.ends.len()
    }

    fn clear(&mut self) {
        self.slice.clear();
        self.is_foreign = false;
        self.stop = None;
        self.times.clear();
        self.from_outside.clear();
        self.time = None;
        self.is_faulted = false;
        self.bytes.clear();
        self.ends.clear();
    }

    fn push(&mut self, index: u64, body: &[u8]) {
        self.bytes.extend_from_slice(body);
        self.ends.push((index, self.bytes.len()));
    }

    /// Whether the record belongs to this slice.
    fn takes(&self, record: &RunRecord) -> bool {
        let Some(time) = self.time else { return true };
        match record {
            RunRecord::Deliveries(one) => one.time == time && self.slice.bars().is_empty(),
            RunRecord::MarginCall(one) => one.time == time && self.slice.bars().is_empty(),
            RunRecord::Decision(one) => one.bar.get().close_time == time,
            RunRecord::Fault(one) => one.callback != Callback::Init && one.time == time,
            RunRecord::Stop(_) => false,
            RunRecord::Open(_) | RunRecord::Close(_) | RunRecord::Refused(_) => true,
        }
    }
}

/// What is known once the journal was read to its end.
#[derive(Debug)]
pub(super) struct Tail {
    /// The decision digest over the recorded deterministic parts.
    pub(super) digest: [u8; 32],
    /// The closing record with its entry index.
    pub(super) close: Option<(u64, CloseRecord)>,
}

/// Reads the journal and groups its records.
pub(super) struct Recorder {
    reader: JournalReader,
    snapshot: Option<SnapshotFeed>,
    expected: Slice,
    digest: DecisionDigest,
    close: Option<(u64, CloseRecord)>,
    is_over: bool,
}

impl Recorder {
    /// A recorder at the front of the journal at `path`. Without a snapshot the bars are taken as
    /// the journal has them.
    pub(super) fn open(
        path: &Path,
        snapshot: Option<SnapshotFeed>,
    ) -> Result<Self, ReadJournalError> {
        Ok(Self {
            reader: JournalReader::open(path)?,
            snapshot,
            expected: Slice::default(),
            digest: DecisionDigest::default(),
            close: None,
            is_over: false,
        })
    }

    /// Sends all slices, so many in a batch; `None` if the other side has seen enough before the end.
    pub(super) fn run(
        mut self,
        slices: usize,
        send: &SyncSender<Batch>,
        empty: &Receiver<Batch>,
    ) -> Result<Option<Tail>, RunnerError> {
        while !self.is_over {
            let mut batch = empty.try_recv().unwrap_or_default();
            batch.resize_with(slices, Recorded::default);
            let mut filled = 0;
            for one in &mut batch {
                if !self.fill(one)? {
                    break;
                }
                filled += 1;
            }
            batch.truncate(filled);
            if send.send(batch).is_err() {
                return Ok(None);
            }
        }
        Ok(Some(Tail {
            digest: self.digest.value(),
            close: self.close,
        }))
    }

    /// Fills `out` with the next slice; false at the end. The last slice of a journal that was not
    /// closed is left out unless it ends in a fault: a crash can fall between two of its bars.
    fn fill(&mut self, out: &mut Recorded) -> Result<bool, RunnerError> {
        out.clear();
        if self.is_over {
            return Ok(false);
        }
        while !out.is_faulted {
            let index = self.reader.index();
            let Some(body) = self.reader.peek_body()? else {
                self.is_over = true;
                break;
            };
            let record = RunRecord::decode(body).map_err(ReadJournalError::from)?;
            if !out.takes(&record) {
                break;
            }
            match record {
                RunRecord::Open(_) | RunRecord::Refused(_) => {}
                RunRecord::Close(close) => self.close = Some((index, close)),
                RunRecord::Deliveries(one) => {
                    out.push(index, body);
                    out.time = Some(one.time);
                    for delivery in one.deliveries {
                        if let Delivery::Action(applied) = delivery {
                            out.slice
                                .add_action(applied.action)
                                .map_err(FeedError::from)?;
                        } else if self.snapshot.is_none() {
                            out.from_outside.push(delivery);
                        }
                    }
                }
                RunRecord::MarginCall(one) => {
                    out.push(index, body);
                    out.time = Some(one.time);
                }
                RunRecord::Decision(one) => {
                    out.push(index, body);
                    out.time = Some(one.bar.get().close_time);
                    out.slice.add(one.bar).map_err(FeedError::from)?;
                    out.times.push(one.circumstances.times);
                }
                RunRecord::Stop(one) => {
                    out.push(index, body);
                    out.time = Some(one.time);
                    out.is_faulted = true;
                    out.stop = Some(one.stop);
                }
                RunRecord::Fault(one) => {
                    out.push(index, body);
                    out.time = Some(one.time);
                    out.is_faulted = true;
                }
            }
            self.reader.pass();
        }
        let is_whole = !self.is_over || out.is_faulted || self.close.is_some();
        if out.ends.is_empty() || !is_whole {
            return Ok(false);
        }
        self.hold_against_snapshot(out)?;
        self.digest(out)?;
        Ok(true)
    }

    fn hold_against_snapshot(&mut self, out: &mut Recorded) -> Result<(), RunnerError> {
        let Some(snapshot) = &mut self.snapshot else {
            return Ok(());
        };
        if out.slice.bars().is_empty() {
            return Ok(());
        }
        let there = snapshot.next(&mut self.expected)? == Next::Slice;
        out.is_foreign = !(there && self.expected == out.slice);
        self.is_over |= out.is_foreign;
        Ok(())
    }

    fn digest(&mut self, out: &Recorded) -> Result<(), ReadJournalError> {
        for place in 0..out.records() {
            let Some((_, body)) = out.record(place) else {
                break;
            };
            if let Some(part) = digested_part(body)? {
                self.digest.add(part);
            }
        }
        Ok(())
    }
}
