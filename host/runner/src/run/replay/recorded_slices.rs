//! A journal as slices with their records, read once on a thread of its own and compared with the snapshot. It must
//! never know what a component decides in the replay.

use counterfoil_os::file_path::FilePath;
use std::sync::mpsc::{Receiver, SyncSender};

use counterfoil_base::digest::Digest;
use counterfoil_trading::decision_digest::DecisionDigest;
use counterfoil_trading::execution::Delivery;
use counterfoil_trading::record::{
    Callback, CloseRecord, DecisionRecord, DecisionStarts, RunRecord, RunStop, digested_part,
};
use counterfoil_trading::slice::{Slice, SliceError};
use counterfoil_trading::time::UnixNanos;

use super::ReplayError;
use crate::run::feed::{FeedError, FeedItem, SliceFeed as _, SnapshotFeed};
use crate::run::journal::{JournalReader, ReadJournalError};

/// Slices in a batch: enough that the threads rarely wait for each other, small enough for a cache.
pub(super) const SLICES_PER_BATCH: usize = 256;

/// Slices for the replaying thread, which returns the batch to be filled again.
pub(super) type SliceBatch = Vec<RecordedSlice>;

/// One recorded slice. A fault of `init` is a slice without bars.
#[derive(Debug, Default)]
pub(super) struct RecordedSlice {
    pub(super) slice: Slice,
    /// Whether the bars are not the snapshot's. No slice follows then.
    pub(super) is_foreign: bool,
    /// The host's stop, which is also a slice without bars.
    pub(super) stop: Option<RunStop>,
    pub(super) times: Vec<Option<(UnixNanos, UnixNanos)>>,
    /// Deliveries other than corporate actions. Some are inputs, and the venue knows which.
    pub(super) from_outside: Vec<Delivery>,
    time: Option<UnixNanos>,
    starts: DecisionStarts,
    is_faulted: bool,
    bytes: Vec<u8>,
    /// Entry index and end in `bytes` of each record.
    ends: Vec<(u64, usize)>,
}

impl RecordedSlice {
    /// Entry index and bytes of the record at `place`.
    pub(super) fn record(&self, place: usize) -> Option<(u64, &[u8])> {
        let (index, end) = *self.ends.get(place)?;
        let before = place.checked_sub(1).and_then(|last| self.ends.get(last));
        let start = before.map_or(0, |(_, end)| *end);
        self.bytes.get(start..end).map(|body| (index, body))
    }

    /// The number of records.
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
        self.starts = DecisionStarts::default();
        self.is_faulted = false;
        self.bytes.clear();
        self.ends.clear();
    }

    fn push(&mut self, index: u64, body: &[u8]) {
        self.bytes.extend_from_slice(body);
        self.ends.push((index, self.bytes.len()));
    }

    /// Takes the bar and the times of a decision, once for all of its records.
    fn decide(&mut self, decision: &DecisionRecord) -> Result<(), SliceError> {
        self.time = Some(decision.bar.get().close_time);
        if self.starts.begins(decision.decided_bar()) {
            self.slice.add(decision.bar)?;
            self.times.push(decision.circumstances.times);
        }
        Ok(())
    }

    /// Whether the record belongs to this slice.
    fn takes(&self, record: &RunRecord) -> bool {
        let Some(time) = self.time else { return true };
        match record {
            RunRecord::Deliveries(deliveries) => {
                deliveries.time == time && self.slice.bars().is_empty()
            }
            RunRecord::MarginCall(call) => call.time == time && self.slice.bars().is_empty(),
            RunRecord::Decision(decision) => decision.bar.get().close_time == time,
            RunRecord::Fault(fault) => fault.callback != Callback::Init && fault.time == time,
            RunRecord::Stop(_) => false,
            RunRecord::WindDown(_) => self.is_faulted,
            RunRecord::Inputs(inputs) => inputs.time == time,
            RunRecord::Open(_)
            | RunRecord::Manifest(_)
            | RunRecord::Commitments(_)
            | RunRecord::Positions(_)
            | RunRecord::Close(_)
            | RunRecord::Refused(_) => true,
        }
    }
}

/// The end of a journal.
#[derive(Debug)]
pub(super) struct JournalTail {
    /// The decision digest over the recorded deterministic parts.
    pub(super) digest: Digest,
    /// The closing record with its entry index; `None` while the run is open.
    pub(super) close: Option<(u64, CloseRecord)>,
}

/// Reads a journal and groups its records by slice.
pub(super) struct RecordedSliceReader {
    reader: JournalReader,
    snapshot: Option<SnapshotFeed>,
    expected: Slice,
    digest: DecisionDigest,
    close: Option<(u64, CloseRecord)>,
    is_over: bool,
}

impl RecordedSliceReader {
    /// A reader at the start of the journal at `path`. Without a snapshot the bars are the journal's own.
    pub(super) fn open(
        path: &FilePath,
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

    /// Sends all slices in batches of `slices`; `None` if the receiver ended first.
    pub(super) fn send_slices(
        mut self,
        slices: usize,
        send: &SyncSender<SliceBatch>,
        empty: &Receiver<SliceBatch>,
    ) -> Result<Option<JournalTail>, ReplayError> {
        while !self.is_over {
            let mut batch = empty.try_recv().unwrap_or_default();
            batch.resize_with(slices, RecordedSlice::default);
            let mut filled = 0;
            for recorded in &mut batch {
                if !self.fill(recorded)? {
                    break;
                }
                filled += 1;
            }
            batch.truncate(filled);
            if send.send(batch).is_err() {
                return Ok(None);
            }
        }
        Ok(Some(JournalTail {
            digest: self.digest.value(),
            close: self.close,
        }))
    }

    /// Fills `out` with the next slice; false at the end. The last slice of an open journal is left out: a crash can
    /// fall between two of its records.
    fn fill(&mut self, out: &mut RecordedSlice) -> Result<bool, ReplayError> {
        out.clear();
        if self.is_over {
            return Ok(false);
        }
        // Peeked at and not taken: the record that shows where this slice ends is the first one of the next.
        loop {
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
                RunRecord::Open(_)
                | RunRecord::Manifest(_)
                | RunRecord::Commitments(_)
                | RunRecord::Positions(_)
                | RunRecord::Refused(_) => {}
                RunRecord::WindDown(_) => out.push(index, body),
                RunRecord::Inputs(inputs) => {
                    out.push(index, body);
                    out.time = Some(inputs.time);
                }
                RunRecord::Close(close) => self.close = Some((index, close)),
                RunRecord::Deliveries(deliveries) => {
                    out.push(index, body);
                    // Actions are inputs and go into the slice. With a snapshot all other deliveries are computed by
                    // the simulated venue, and only compared.
                    out.time = Some(deliveries.time);
                    for delivery in deliveries.deliveries {
                        if let Delivery::Action(applied) = delivery {
                            out.slice
                                .add_action(applied.action)
                                .map_err(FeedError::from)?;
                        } else if self.snapshot.is_none() {
                            out.from_outside.push(delivery);
                        }
                    }
                }
                RunRecord::MarginCall(call) => {
                    out.push(index, body);
                    out.time = Some(call.time);
                }
                RunRecord::Decision(decision) => {
                    out.push(index, body);
                    out.decide(&decision).map_err(FeedError::from)?;
                }
                RunRecord::Stop(record) => {
                    out.push(index, body);
                    out.time = Some(record.time);
                    out.is_faulted = true;
                    out.stop = Some(record.stop);
                }
                RunRecord::Fault(fault) => {
                    out.push(index, body);
                    out.time = Some(fault.time);
                    out.is_faulted = true;
                }
            }
            self.reader.pass();
        }
        // The tail of an open journal may hold half a slice, or half of what winds a run down. Replayed as a whole one,
        // the strategy would be called with fewer bars than the recorded decisions will have had.
        let is_whole = !self.is_over || self.close.is_some();
        if out.ends.is_empty() || !is_whole {
            return Ok(false);
        }
        self.compare_with_snapshot(out)?;
        self.add_to_digest(out)?;
        Ok(true)
    }

    fn compare_with_snapshot(&mut self, out: &mut RecordedSlice) -> Result<(), ReplayError> {
        let Some(snapshot) = &mut self.snapshot else {
            return Ok(());
        };
        // A fault of `init`, or a stop.
        if out.slice.time().is_none() {
            return Ok(());
        }
        // Bars and actions together, as one value: a journal whose bars were exchanged for others that lead to the
        // same decisions is still foreign.
        let there = snapshot.next(&mut self.expected)? == FeedItem::Slice;
        out.is_foreign = !(there && self.expected == out.slice);
        self.is_over |= out.is_foreign;
        Ok(())
    }

    fn add_to_digest(&mut self, out: &RecordedSlice) -> Result<(), ReadJournalError> {
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
