//! Holds the strategy's answers against the manifest's limits: fuel, requests, reasons, sizes. It must never judge an order,
//! which is the risk gate's part of the re-run.

use counterfoil_trading::execution::Delivery;
use counterfoil_trading::limits::SandboxLimits;
use counterfoil_trading::record::{
    DecisionRecord, DecisionStarts, DeliveriesRecord, FaultRecord, RunRecord,
};
use counterfoil_trading::strategy::Fault;
use counterfoil_trading::time::UnixNanos;

use crate::finding::{Finding, FindingCause};
use crate::opened::{InstrumentNames, OpenedJournal};

/// The least that one request makes a host allocate: two 64-bit ids, a quantity, prices and times take more in every
/// layout, and its reason comes on top.
const REQUEST_BYTES_MIN: u64 = 64;

/// The most bytes of a fault's message that is not the strategy's own sentence: of a panic's text.
const FAULT_BYTES_MAX: u64 = 1_024;

/// The limits, and the slice under way.
#[derive(Debug)]
pub(crate) struct AnswerLimits {
    limits: SandboxLimits,
    names: InstrumentNames,
    instruments: u64,
    /// Whether a record has taken the fuel of `init`: the first for which the guest was called does.
    is_started: bool,
    slice: AnsweredSlice,
    starts: DecisionStarts,
    /// The bytes of the answer under way, at the least: it may take several records.
    answer_bytes: u64,
}

/// What one slice asked of the guest.
#[derive(Debug, Default)]
struct AnsweredSlice {
    time: Option<UnixNanos>,
    /// Decisions, one for each bar.
    bars: u64,
    /// Callbacks ahead of the bars.
    calls: u64,
    /// The first record of deliveries, and the fuel of all.
    delivered: Option<(u64, u64)>,
    /// The decision with the most fuel beyond what `init` may have added, with that fuel.
    dearest: Option<(u64, u64)>,
}

impl AnswerLimits {
    pub(crate) fn new(opened: &OpenedJournal) -> Self {
        Self {
            limits: opened.manifest.limits.clone(),
            names: opened.names.clone(),
            instruments: u64::try_from(opened.setup.instruments.len()).unwrap_or(u64::MAX),
            is_started: false,
            slice: AnsweredSlice::default(),
            starts: DecisionStarts::default(),
            answer_bytes: 0,
        }
    }

    /// Takes the next record.
    pub(crate) fn add(
        &mut self,
        index: u64,
        body: &[u8],
        record: &RunRecord,
    ) -> Result<(), Box<Finding>> {
        let checked = match record {
            RunRecord::Deliveries(deliveries) => {
                self.deliveries(index, deliveries)?;
                Ok(())
            }
            RunRecord::Decision(decision) => {
                if self.slice.time != Some(decision.bar.get().close_time) {
                    self.end_slice()?;
                }
                self.decision(index, decision)
            }
            RunRecord::Fault(fault) => self.fault(fault),
            RunRecord::Open(_)
            | RunRecord::Manifest(_)
            | RunRecord::Commitments(_)
            | RunRecord::Positions(_)
            | RunRecord::WindDown(_)
            | RunRecord::Inputs(_)
            | RunRecord::Close(_)
            | RunRecord::Refused(_)
            | RunRecord::Stop(_)
            | RunRecord::MarginCall(_) => Ok(()),
        };
        checked.map_err(|cause| self.names.finding(index, Some(body), cause))
    }

    /// Ends the last slice. Of one that the journal breaks off, more bars may follow.
    pub(crate) fn finish(&mut self) -> Result<(), Box<Finding>> {
        if self.slice.bars > 0 {
            self.slice.bars = self.instruments;
        }
        self.end_slice()
    }

    fn deliveries(&mut self, index: u64, record: &DeliveriesRecord) -> Result<(), Box<Finding>> {
        if self.slice.time != Some(record.time) || self.slice.bars > 0 {
            self.end_slice()?;
            self.slice.time = Some(record.time);
        }
        let calls = record.deliveries.iter().filter(|delivery| match delivery {
            Delivery::Fill(_) | Delivery::Event(_) => true,
            Delivery::Action(applied) => applied.action.has_callback(),
            Delivery::Borrow(_) => false,
        });
        let calls = u64::try_from(calls.count()).unwrap_or(u64::MAX);
        self.slice.calls = self.slice.calls.saturating_add(calls);
        let (first, fuel) = self.slice.delivered.unwrap_or((index, 0));
        self.slice.delivered = Some((first, fuel.saturating_add(record.fuel)));
        Ok(())
    }

    fn decision(&mut self, index: u64, decision: &DecisionRecord) -> Result<(), FindingCause> {
        if self.starts.begins(decision.decided_bar()) {
            self.begin(index, decision);
        } else {
            // A record that continues an answer is no bar, and the guest was not called again for it.
            at_most(
                "fuel of a continued answer",
                decision.circumstances.fuel,
                "none",
                0,
            )?;
        }
        self.requests(decision)
    }

    fn begin(&mut self, index: u64, decision: &DecisionRecord) {
        self.answer_bytes = 0;
        let slice = &mut self.slice;
        let is_first = slice.bars == 0 && slice.calls == 0 && !self.is_started;
        slice.time = Some(decision.bar.get().close_time);
        slice.bars = slice.bars.saturating_add(1);
        let init = if is_first {
            self.limits.fuel_of_init(self.instruments)
        } else {
            0
        };
        let fuel = decision.circumstances.fuel.saturating_sub(init);
        // How many bars the slice has is known at its end; until then the dearest decision stands for all.
        if slice.dearest.is_none_or(|(_, most)| fuel > most) {
            slice.dearest = Some((index, fuel));
        }
    }

    fn requests(&mut self, decision: &DecisionRecord) -> Result<(), FindingCause> {
        let requests = decision.requests.as_deref().unwrap_or_default();
        let mut bytes = self.answer_bytes;
        for request in requests {
            let reason = request.reason.as_deref().unwrap_or_default();
            let reason = u64::try_from(reason.len()).unwrap_or(u64::MAX);
            at_most(
                "bytes of a reason",
                reason,
                "reason-bytes",
                self.limits.reason_bytes,
            )?;
            bytes = bytes
                .saturating_add(REQUEST_BYTES_MIN)
                .saturating_add(reason);
        }
        self.answer_bytes = bytes;
        let most = self.limits.answer_bytes;
        at_most(
            "bytes of an answer, at the least",
            bytes,
            "answer-bytes",
            most,
        )
    }

    fn fault(&self, record: &FaultRecord) -> Result<(), FindingCause> {
        let bytes = u64::try_from(record.message.len()).unwrap_or(u64::MAX);
        if record.fault == Fault::StrategyError {
            let most = self.limits.reason_bytes;
            return at_most(
                "bytes of the strategy's sentence",
                bytes,
                "reason-bytes",
                most,
            );
        }
        at_most(
            "bytes of the fault's message",
            bytes,
            "a panic's text",
            FAULT_BYTES_MAX,
        )
    }

    fn end_slice(&mut self) -> Result<(), Box<Finding>> {
        let slice = core::mem::take(&mut self.slice);
        if let Some((index, fuel)) = slice.delivered {
            let init = if self.is_started || slice.calls == 0 {
                0
            } else {
                self.limits.fuel_of_init(self.instruments)
            };
            let each = self.limits.fuel_per_callback;
            let most = each.saturating_mul(slice.calls).saturating_add(init);
            at_most("fuel of the callbacks", fuel, "fuel-per-callback", most)
                .map_err(|cause| of_kind("deliveries", index, slice.time, cause))?;
        }
        if let Some((index, fuel)) = slice.dearest {
            let most = self.limits.fuel_of_bar(slice.bars);
            at_most(
                "fuel of on-bar",
                fuel,
                "fuel-per-callback and fuel-per-bar",
                most,
            )
            .map_err(|cause| of_kind("decision", index, slice.time, cause))?;
        }
        self.is_started |= slice.calls > 0 || slice.bars > 0;
        Ok(())
    }
}

fn of_kind(
    kind: &'static str,
    index: u64,
    close_time: Option<UnixNanos>,
    cause: FindingCause,
) -> Box<Finding> {
    Box::new(Finding {
        kind: Some(kind),
        close_time,
        ..Finding::at(index, cause)
    })
}

fn at_most(
    what: &'static str,
    found: u64,
    limit: &'static str,
    most: u64,
) -> Result<(), FindingCause> {
    // The host is not trusted to have stopped the guest: a record beyond a limit is of another run than the manifest's.
    if found <= most {
        return Ok(());
    }
    Err(FindingCause::BeyondLimit {
        what,
        found,
        limit,
        most,
    })
}
