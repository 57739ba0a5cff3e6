//! Whether all bars and corporate actions are there: counts, times and digests by instrument,
//! against what the open record promises. It must never judge what was decided on a bar.

use counterfoil_base::digest::Digest;
use counterfoil_trading::corporate::CorporateAction;
use counterfoil_trading::execution::Delivery;
use counterfoil_trading::record::deliveries::encode_action;
use counterfoil_trading::record::{DataCommitment, DecisionRecord, DecisionStarts, RunRecord};
use counterfoil_trading::time::UnixNanos;
use sha2::{Digest as _, Sha256};

use crate::opened::OpenedJournal;
use crate::report::BarsSeen;
use counterfoil_base::text::harmless_line;

/// The bars of all instruments so far.
#[derive(Debug)]
pub(crate) struct BarTally {
    is_closed: bool,
    /// Whether a fault ended the run: then later bars are not expected.
    is_faulted: bool,
    starts: DecisionStarts,
    instruments: Vec<InstrumentTally>,
}

#[derive(Debug)]
struct InstrumentTally {
    symbol: String,
    promised: Option<DataCommitment>,
    bars: u64,
    closes: Option<(UnixNanos, UnixNanos)>,
    sha: Sha256,
    actions: u64,
    actions_sha: Sha256,
    /// The first gap in the numbers: the number that should have come, and the close before it.
    gap: Option<(u64, Option<UnixNanos>)>,
    /// The longest time between two closes, and the first of the two.
    widest: Option<(i64, UnixNanos)>,
}

impl BarTally {
    pub(crate) fn new(opened: &OpenedJournal) -> Self {
        let commitments = opened.open.commitments.as_deref().unwrap_or_default();
        // In the sequence of the manifest: opening the journal has checked that the symbols agree.
        let mut promised = commitments.iter();
        let instruments = opened
            .setup
            .instruments
            .iter()
            .map(|instrument| InstrumentTally {
                symbol: instrument.symbol().to_owned(),
                promised: promised.next().cloned(),
                bars: 0,
                closes: None,
                sha: Sha256::new(),
                actions: 0,
                actions_sha: Sha256::new(),
                gap: None,
                widest: None,
            });
        Self {
            is_closed: false,
            is_faulted: false,
            starts: DecisionStarts::default(),
            instruments: instruments.collect(),
        }
    }

    /// Counts one record.
    pub(crate) fn add(&mut self, record: &RunRecord) {
        // Reset by every later record: only a close record at the end closes the run.
        self.is_closed = matches!(record, RunRecord::Close(_));
        match record {
            RunRecord::Decision(decision) => self.bar(decision),
            // What a stopped run left out is in the feed, not in the journal.
            RunRecord::Fault(_) | RunRecord::Stop(_) => self.is_faulted = true,
            RunRecord::Deliveries(all) => {
                for delivery in &all.deliveries {
                    if let Delivery::Action(applied) = delivery {
                        self.action(&applied.action);
                    }
                }
            }
            RunRecord::Open(_)
            | RunRecord::Manifest(_)
            | RunRecord::Commitments(_)
            | RunRecord::Positions(_)
            | RunRecord::WindDown(_)
            | RunRecord::Inputs(_)
            | RunRecord::Close(_)
            | RunRecord::Refused(_)
            | RunRecord::MarginCall(_) => {}
        }
    }

    /// Whether the last record closes the run.
    pub(crate) const fn is_closed(&self) -> bool {
        self.is_closed
    }

    fn bar(&mut self, decision: &DecisionRecord) {
        if !self.starts.begins(decision.decided_bar()) {
            return;
        }
        let bar = decision.bar.get();
        let Some(counted) = self.instruments.get_mut(bar.instrument.index()) else {
            // The re-run names a bar of an unknown instrument.
            return;
        };
        // The first gap only: later numbers are shifted by it and would report the same loss again.
        let last = counted.closes.map(|(_, last)| last);
        if decision.index != counted.bars && counted.gap.is_none() {
            counted.gap = Some((counted.bars, last));
        }
        if let Some(last) = last {
            let wide = bar.close_time.0.saturating_sub(last.0);
            if counted.widest.is_none_or(|(widest, _)| wide > widest) {
                counted.widest = Some((wide, last));
            }
        }
        counted.bars = counted.bars.saturating_add(1);
        let first = counted.closes.map_or(bar.close_time, |(first, _)| first);
        counted.closes = Some((first, bar.close_time));
        // A feed promises nothing, so there is nothing to compare a digest with.
        if counted.promised.is_some() {
            counted.sha.update(decision.bar.canonical());
        }
    }

    fn action(&mut self, action: &CorporateAction) {
        let Some(counted) = self.instruments.get_mut(action.instrument.index()) else {
            return;
        };
        counted.actions = counted.actions.saturating_add(1);
        let mut encoded = Vec::new();
        encode_action(action, &mut encoded);
        counted.actions_sha.update(&encoded);
    }

    /// The bars counted.
    pub(crate) fn seen(&self) -> Vec<BarsSeen> {
        let seen = self.instruments.iter().map(|tally| BarsSeen {
            symbol: tally.symbol.clone(),
            bars: tally.bars,
            promised: tally.promised.as_ref().map(|promised| promised.bars),
            closes: tally.closes,
        });
        seen.collect()
    }

    /// What is missing.
    pub(crate) fn missing(&self) -> Vec<String> {
        let instruments = self.instruments.iter();
        instruments
            .flat_map(|counted| {
                let bars = counted.missing(self.is_faulted);
                let actions = counted.missing_actions(self.is_faulted);
                bars.into_iter().chain(actions)
            })
            .collect()
    }
}

impl InstrumentTally {
    fn missing_actions(&self, ended_by_fault: bool) -> Option<String> {
        let symbol = harmless_line(&self.symbol);
        let promised = self.promised.as_ref()?;
        let (here, all) = (self.actions, promised.actions);
        // A run that stopped early did not read the rest, which is no loss of the journal.
        if here < all && ended_by_fault {
            return None;
        }
        // Less is a loss, and more is an action that the source never had.
        if here != all {
            return Some(format!(
                "{here} corporate actions of {symbol}, {all} promised"
            ));
        }
        let digest = Digest::finish(self.actions_sha.clone());
        (digest != promised.actions_sha256).then(|| {
            format!("the corporate actions of {symbol} have the promised count but another digest")
        })
    }

    fn missing(&self, ended_by_fault: bool) -> Option<String> {
        let symbol = harmless_line(&self.symbol);
        if let Some((number, after)) = self.gap {
            return Some(match after {
                None => format!("no record for the first bar of {symbol}"),
                Some(after) => format!(
                    "no record for bar {number} of {symbol}, the one after the close at {}",
                    after.rfc3339()
                ),
            });
        }
        let promised = self.promised.as_ref()?;
        let Some((first, last)) = self.closes else {
            let none = promised.bars == 0 || ended_by_fault;
            let all = promised.bars;
            return (!none).then(|| format!("no record for any of the {all} bars of {symbol}"));
        };
        // More than promised is as bad as less: an inserted bar makes the strategy trade on data that the source never
        // had.
        if self.bars > promised.bars {
            let (bars, all) = (self.bars, promised.bars);
            return Some(format!("{bars} bars of {symbol}, {all} promised"));
        }
        if first != promised.first_close {
            return Some(format!(
                "the first bar of {symbol} closes at {}, the first one promised at {}",
                first.rfc3339(),
                promised.first_close.rfc3339()
            ));
        }
        let missing = promised.bars.saturating_sub(self.bars);
        // Counts can be right and bars exchanged: only the digest of all bars shows it.
        if missing == 0 {
            let digest = Digest::finish(self.sha.clone());
            let same = last == promised.last_close && digest == promised.bars_sha256;
            return (!same).then(|| {
                format!("the bars of {symbol} have the promised count but another digest")
            });
        }
        if last < promised.last_close {
            return (!ended_by_fault).then(|| {
                format!(
                    "no record for {missing} bars of {symbol}, some or all of them after the \
                     last close at {}",
                    last.rfc3339()
                )
            });
        }
        // The journal does not have the bars that are missing, so the widest gap is the best hint at
        // where they were.
        let after = self.widest.map_or(first, |(_, after)| after);
        Some(format!(
            "no record for {missing} bars of {symbol} between the closes at {} and {}; the widest \
             gap is after the close at {}",
            first.rfc3339(),
            last.rfc3339(),
            after.rfc3339()
        ))
    }
}
