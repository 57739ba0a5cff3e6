//! The re-run: the journal's bars and requests go down the same path as in the run, and each record
//! that comes out must equal the journal's, byte for byte. The guest itself is not called.

mod compare;
mod judge;
mod script;

use std::collections::VecDeque;

use counterfoil_base::digest::Digest;
use counterfoil_trading::decision_digest::DecisionDigest;
use counterfoil_trading::execution::Delivery;
use counterfoil_trading::record::{
    Callback, CloseRecord, DecisionRecord, DeliveriesRecord, FaultRecord, RunRecord, RunStop,
    StopRecord,
};
use counterfoil_trading::run::{NoClock, RecordedTimes, Run, RunError, RunPorts};
use counterfoil_trading::slice::Slice;
use counterfoil_trading::strategy::StrategyFault;
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::venue::recorded_venue::RecordedVenue;

use crate::finding::{Finding, FindingCause};
use crate::opened::{InstrumentNames, OpenedJournal};
use compare::{Differs, RecordComparison, SliceBodies};
use script::RecordedStrategy;

/// What is plugged into the path.
type AuditPorts<'a, 'b> =
    RunPorts<'a, RecordedStrategy, RecordedVenue, RecordComparison<'b>, RecordedTimes<NoClock>>;

/// The most bytes of records in one slice: a million deliveries, more than the most instruments,
/// working orders and requests together can cause. Beyond it a journal is refused unread.
const SLICE_BYTES_MAX: usize = 1 << 30;

/// What ended the run, until all records of its wind-down are there.
#[derive(Debug)]
enum PendingEnd {
    InitFault(StrategyFault),
    SliceFault,
    Stop(RunStop),
}

/// How far the run has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum RerunState {
    Running,
    Faulted,
    Closed,
}

/// Re-runs a journal, record by record.
#[derive(Debug)]
pub(crate) struct Rerunner {
    names: InstrumentNames,
    run: Run,
    venue: RecordedVenue,
    instruments: usize,
    /// How many entries the opening takes.
    opening: u64,
    state: RerunState,
    digest: DecisionDigest,
    // The slice under way: its records, its bars, and the parts to play in it.
    bodies: SliceBodies,
    slice: Slice,
    script: RecordedStrategy,
    times: RecordedTimes<NoClock>,
    time: Option<UnixNanos>,
    ending: Option<PendingEnd>,
    /// Whether only the closing record may follow.
    is_closing: bool,
    /// The first record that cannot be derived, and why.
    pub(crate) underived: Option<(u64, String)>,
    pub(crate) closed: Option<CloseRecord>,
}

impl Rerunner {
    pub(crate) fn new(opened: &OpenedJournal) -> Self {
        let setup = &opened.setup;
        Self {
            names: opened.names.clone(),
            run: Run::new(setup),
            venue: RecordedVenue::new(setup),
            instruments: setup.instruments.len(),
            opening: opened.entries,
            state: RerunState::Running,
            digest: DecisionDigest::default(),
            bodies: SliceBodies::default(),
            slice: Slice::default(),
            script: RecordedStrategy::default(),
            times: RecordedTimes::new(VecDeque::new(), NoClock),
            time: None,
            ending: None,
            is_closing: false,
            underived: None,
            closed: None,
        }
    }

    /// Takes the journal's next record, which is not the first.
    pub(crate) fn record(
        &mut self,
        index: u64,
        body: &[u8],
        record: RunRecord,
    ) -> Result<(), Box<Finding>> {
        let found = |cause| self.names.finding(index, Some(body), cause);
        let is_end = matches!(record, RunRecord::Positions(_) | RunRecord::Close(_));
        if self.state == RerunState::Closed || (self.is_closing && !is_end) {
            return Err(found(FindingCause::AfterEnd));
        }
        match record {
            // A second manifest in the middle would change the rules for the records behind it.
            RunRecord::Open(_) | RunRecord::Manifest(_) | RunRecord::Commitments(_) => {
                Err(found(FindingCause::OpenAgain))
            }
            RunRecord::Refused(refused) => {
                let mut canonical = Vec::new();
                refused.encode(&mut canonical);
                if self.state != RerunState::Running {
                    return Err(found(FindingCause::AfterEnd));
                }
                // The re-run cannot derive a feed's input, so at least its form must be the only one.
                if canonical == body {
                    Ok(())
                } else {
                    Err(found(FindingCause::NotCanonical))
                }
            }
            RunRecord::Close(close) => {
                self.begin_closing()?;
                self.close(index, body, close)
            }
            RunRecord::Positions(_) => {
                self.begin_closing()?;
                self.push(index, body)
            }
            // Part of what the fault or stop in front of it derives.
            RunRecord::WindDown(_) if self.ending.is_some() => self.push(index, body),
            RunRecord::WindDown(_) => Err(found(FindingCause::AfterEnd)),
            RunRecord::Deliveries(_)
            | RunRecord::MarginCall(_)
            | RunRecord::Decision(_)
            | RunRecord::Fault(_)
            | RunRecord::Stop(_)
            | RunRecord::Inputs(_)
                if self.state != RerunState::Running =>
            {
                Err(found(FindingCause::AfterEnd))
            }
            RunRecord::Deliveries(deliveries) => self.deliveries(index, body, &deliveries),
            RunRecord::MarginCall(call) => self.ahead_of_bars(index, body, call.time),
            RunRecord::Inputs(inputs) => self.inputs(index, body, inputs.time),
            RunRecord::Decision(decision) => self.decision(index, body, decision),
            RunRecord::Fault(fault) => self.fault(index, body, fault),
            RunRecord::Stop(stop) => self.stop(index, body, stop),
        }
    }

    pub(crate) fn decision_digest(&self) -> Digest {
        self.digest.value()
    }

    pub(crate) fn fills(&self) -> u64 {
        self.run.totals().fills
    }

    fn deliveries(
        &mut self,
        index: u64,
        body: &[u8],
        record: &DeliveriesRecord,
    ) -> Result<(), Box<Finding>> {
        // Fuel is recorded once for all deliveries of a slice, in the first record; later ones would overwrite it with 0.
        let is_first = self.time != Some(record.time) || !self.slice.bars().is_empty();
        self.ahead_of_bars(index, body, record.time)?;
        if is_first {
            self.script.set_deliveries_fuel(record.fuel);
        }
        // Withheld orders and broker reports are run inputs: the venue takes them from here.
        self.venue.load_deliveries(&record.deliveries);
        // Corporate actions are run inputs too, and no other record holds them.
        for delivery in &record.deliveries {
            let Delivery::Action(applied) = delivery else {
                continue;
            };
            if let Err(error) = self.slice.add_action(applied.action.clone()) {
                let reason = error.to_string();
                return Err(self
                    .names
                    .finding(index, Some(body), FindingCause::Slice { reason }));
            }
        }
        Ok(())
    }

    /// Takes inputs of a slice, which may come between its decisions. An input that no rule takes follows from nothing,
    /// so it differs from what the re-run gives.
    fn inputs(&mut self, index: u64, body: &[u8], time: UnixNanos) -> Result<(), Box<Finding>> {
        if self.time != Some(time) {
            self.step()?;
        }
        self.time = Some(time);
        self.push(index, body)
    }

    /// Takes a record that comes before the decisions of its slice.
    fn ahead_of_bars(
        &mut self,
        index: u64,
        body: &[u8],
        time: UnixNanos,
    ) -> Result<(), Box<Finding>> {
        if self.time != Some(time) || !self.slice.bars().is_empty() {
            self.step()?;
        }
        self.time = Some(time);
        self.push(index, body)
    }

    fn decision(
        &mut self,
        index: u64,
        body: &[u8],
        decision: DecisionRecord,
    ) -> Result<(), Box<Finding>> {
        let bar = decision.bar.get();
        // What continues a decision is compared with what the rules give, byte for byte, like every record: here it
        // only adds to the requests of its bar.
        if self.time == Some(bar.close_time) && self.script.continues(&decision) {
            self.push(index, body)?;
            self.script.add_part(decision);
            return Ok(());
        }
        if self.time != Some(bar.close_time) {
            self.step()?;
        }
        // The record names the instrument; the run would index its tables with it.
        let reason = if bar.instrument.index() >= self.instruments {
            Some(format!(
                "the manifest has no instrument {}",
                bar.instrument.0
            ))
        } else {
            self.slice
                .add(decision.bar)
                .err()
                .map(|error| error.to_string())
        };
        if let Some(reason) = reason {
            return Err(self
                .names
                .finding(index, Some(body), FindingCause::Slice { reason }));
        }
        self.time = Some(bar.close_time);
        self.bodies.push(index, body);
        self.times.add(decision.circumstances.times);
        self.script.add_decision(decision);
        Ok(())
    }

    fn fault(&mut self, index: u64, body: &[u8], record: FaultRecord) -> Result<(), Box<Finding>> {
        let fault = StrategyFault {
            fault: record.fault,
            message: record.message,
            trace: record.trace,
        };
        let at_init = record.callback == Callback::Init;
        // A fault in `init` comes before any slice, and one in a callback belongs to the slice under way.
        if at_init || self.time != Some(record.time) {
            self.step()?;
        }
        self.bodies.push(index, body);
        self.time = Some(record.time);
        if at_init {
            if index != self.opening {
                let reason = "init is over once a bar is decided".to_owned();
                return Err(self
                    .names
                    .finding(index, Some(body), FindingCause::Rules { reason }));
            }
            self.ending = Some(PendingEnd::InitFault(fault));
        } else {
            // All bars of the slice are in the journal, those after the fault without an answer,
            // so that everything in it follows.
            self.script.set_fault(record.callback, fault);
            self.ending = Some(PendingEnd::SliceFault);
        }
        self.state = RerunState::Faulted;
        Ok(())
    }

    /// Takes a stop. That it happened is a run input; its effect is derived.
    fn stop(&mut self, index: u64, body: &[u8], record: StopRecord) -> Result<(), Box<Finding>> {
        self.step()?;
        self.bodies.push(index, body);
        // The cause is an input and taken over. The cancels and orders of the stop follow from the rules,
        // and are compared.
        self.ending = Some(PendingEnd::Stop(record.stop));
        self.state = RerunState::Faulted;
        Ok(())
    }

    /// Everything in front of the closing records is over.
    fn begin_closing(&mut self) -> Result<(), Box<Finding>> {
        if !self.is_closing {
            self.step()?;
            self.is_closing = true;
        }
        Ok(())
    }

    /// Keeps a record that what is under way must give.
    fn push(&mut self, index: u64, body: &[u8]) -> Result<(), Box<Finding>> {
        // The journal decides how much is under way. Without the bound, a forged one would fill the auditor's memory.
        if self.bodies.bytes() > SLICE_BYTES_MAX {
            let reason = "the slice has more records than any run can cause".to_owned();
            return Err(self
                .names
                .finding(index, Some(body), FindingCause::Slice { reason }));
        }
        self.bodies.push(index, body);
        Ok(())
    }

    /// Takes what is under way, if anything is, down the path: a slice, or the end of the run.
    fn step(&mut self) -> Result<(), Box<Finding>> {
        if self.bodies.is_empty() {
            return Ok(());
        }
        match self.ending.take() {
            None | Some(PendingEnd::SliceFault) => self.play_slice()?,
            Some(PendingEnd::InitFault(fault)) => {
                self.play(|run, _, ports| run.fail_init(fault, ports))?;
            }
            Some(PendingEnd::Stop(stop)) => self.play(|run, _, ports| run.halt(stop, ports))?,
        }
        self.clear();
        Ok(())
    }

    fn close(&mut self, index: u64, body: &[u8], close: CloseRecord) -> Result<(), Box<Finding>> {
        self.bodies.push(index, body);
        // Before the close record: it states the digest of what is in front of it.
        let digest = self.digest.clone();
        self.play(|run, _, ports| run.close(&digest, ports.journal))?;
        self.clear();
        self.state = RerunState::Closed;
        self.closed = Some(close);
        Ok(())
    }

    /// Ends the last slice of a journal without a closing record, if the slice is whole.
    pub(crate) fn finish(&mut self) -> Result<(), Box<Finding>> {
        // A journal that a crash ended may stop within a slice. Its records are genuine, but the rules need the whole slice
        // to derive them, so nothing is claimed about them.
        // The same within what winds a run down.
        let whole = self.slice.bars().len() == self.instruments
            && !self.script.ends_in_fault()
            && !self.script.may_continue()
            && self.ending.is_none()
            && !self.is_closing;
        if whole {
            return self.step();
        }
        if let Some((index, _)) = self.bodies.get(0) {
            self.underived = Some((index, "the journal ends within this slice".to_owned()));
        }
        Ok(())
    }

    fn clear(&mut self) {
        self.bodies.clear();
        self.slice.clear();
        self.script.clear();
        self.times.clear();
        self.time = None;
    }

    /// Takes the slice under way down the path.
    fn play_slice(&mut self) -> Result<(), Box<Finding>> {
        self.play(|run, slice, ports| run.step(slice, ports).map(|_progress| ()))
    }

    /// Calls the run once, and compares the records that come out with the journal's.
    fn play<T>(
        &mut self,
        act: impl FnOnce(&mut Run, &Slice, &mut AuditPorts<'_, '_>) -> Result<T, RunError<Differs>>,
    ) -> Result<(), Box<Finding>> {
        let mut compare = RecordComparison::new(&self.bodies, &mut self.digest);
        let mut ports = RunPorts {
            strategy: &mut self.script,
            venue: &mut self.venue,
            journal: &mut compare,
            clock: &mut self.times,
        };
        // The same code as in the run: rules written a second time could be wrong together with what they
        // check.
        let acted = act(&mut self.run, &self.slice, &mut ports);
        // Both ways: a record that the rules do not give, and one that they give and the journal lacks.
        let (at, produced) = compare.finish();
        match acted {
            Ok(_) if self.bodies.get(at).is_none() => Ok(()),
            Ok(_) => Err(self.differs(at, None)),
            Err(RunError::Journal(Differs)) => Err(self.differs(at, produced.as_deref())),
            Err(error) => {
                let (index, body) = self.site(at);
                let reason = error.to_string();
                Err(self
                    .names
                    .finding(index, body, FindingCause::Rules { reason }))
            }
        }
    }
}
