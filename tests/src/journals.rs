//! The frames and records of a journal's file, read whole. It must never judge them: the
//! verifier does.

use std::path::Path;

use counterfoil_journal::checkpoint::Checkpoint;
use counterfoil_journal::entry::HEAD_BYTES;
use counterfoil_journal::frame::{Frame, FrameReader};
use counterfoil_journal::key::VerifierKey;
use counterfoil_trading::execution::{Delivery, Fill};
use counterfoil_trading::record::{DecisionRecord, FaultRecord, RunRecord, WindDownRecord};
use counterfoil_trading::units::Quantity;
use counterfoil_verify::{VerifyOptions, VerifyReport, verify_journal};

use crate::world::{public_key, signer};

/// One frame, understood.
#[derive(Clone, Debug)]
pub enum Item {
    /// A record.
    Record(RunRecord),
    /// A checkpoint whose signature holds.
    Checkpoint(Checkpoint),
}

/// Every whole frame of the journal at `path`. The checkpoints must be signed under `origin`.
pub fn items(path: &Path, origin: &str) -> Vec<Item> {
    let bytes = std::fs::read(path).unwrap();
    let key = VerifierKey::new(origin, &signer().verifying_key()).unwrap();
    let mut reader = FrameReader::new();
    let mut rest = bytes.as_slice();
    let mut items = Vec::new();
    loop {
        let parsed = reader.parse(rest).unwrap();
        rest = rest.get(parsed.consumed..).unwrap();
        items.push(match parsed.frame {
            None => return items,
            Some(Frame::Entry(entry)) => {
                Item::Record(RunRecord::decode(entry.get(HEAD_BYTES..).unwrap()).unwrap())
            }
            Some(Frame::Checkpoint(note)) => {
                Item::Checkpoint(Checkpoint::open_own(note, &key).unwrap())
            }
        });
    }
}

/// Every record of the journal at `path`.
pub fn records(path: &Path, origin: &str) -> Vec<RunRecord> {
    let records = items(path, origin)
        .into_iter()
        .filter_map(|item| match item {
            Item::Record(record) => Some(record),
            Item::Checkpoint(_) => None,
        });
    records.collect()
}

/// The positions in the records before a closing record.
pub fn closing_positions(records: &[RunRecord]) -> Vec<Quantity> {
    let mut positions = Vec::new();
    for record in records {
        if let RunRecord::Positions(part) = record {
            positions.extend(&part.positions);
        }
    }
    positions
}

/// The fault that ended a run.
///
/// # Panics
///
/// As a test would, if there is none.
pub fn fault_of(records: &[RunRecord]) -> &FaultRecord {
    let mut faults = records.iter().filter_map(|record| {
        if let RunRecord::Fault(fault) = record {
            return Some(fault);
        }
        None
    });
    faults.next().unwrap()
}

/// The cancels and flattening orders with which the host wound a run down.
pub fn wind_down(records: &[RunRecord]) -> WindDownRecord {
    let mut whole = WindDownRecord::default();
    for record in records {
        if let RunRecord::WindDown(part) = record {
            whole.canceled.extend(&part.canceled);
            whole.flattened.extend(&part.flattened);
            whole.plans.extend(&part.plans);
        }
    }
    whole
}

/// The decisions among records.
pub fn decisions(records: &[RunRecord]) -> Vec<&DecisionRecord> {
    let mut decisions = Vec::new();
    for record in records {
        if let RunRecord::Decision(decision) = record {
            decisions.push(decision);
        }
    }
    decisions
}

/// The fills among records.
pub fn fills(records: &[RunRecord]) -> Vec<Fill> {
    let mut fills = Vec::new();
    for record in records {
        if let RunRecord::Deliveries(deliveries) = record {
            for delivery in &deliveries.deliveries {
                if let Delivery::Fill(fill) = delivery {
                    fills.push(*fill);
                }
            }
        }
    }
    fills
}

/// The auditor's report on a journal's bytes.
pub fn verified(bytes: &[u8]) -> VerifyReport {
    verify_journal(bytes, &public_key(), VerifyOptions::default()).unwrap()
}
