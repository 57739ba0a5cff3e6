//! An order log, verified: chain, checkpoints, tokens, times. It must never know a venue, and of the journal it knows what
//! its own first record says.

mod join;
mod ranges;
mod text;
mod walk;

use std::collections::BTreeMap;

use counterfoil_base::digest::Digest;
use counterfoil_trading::plan::PlanDigest;
use counterfoil_trading::time::UnixNanos;

pub(crate) use join::JoinCheck;
pub use join::{LimitsJoin, OrdersJoin};
pub use walk::verify_order_log;

/// What every order log's origin begins with.
pub(crate) const ORDERS_ORIGIN: &str = "counterfoil/orders/";

/// Why an order log does not hold.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OrderLogFinding {
    /// The record.
    pub index: u64,
    pub why: String,
}

/// What is known of an order log after verification.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct OrderLogReport {
    /// The run, which execution, its account and the venue, where the first record holds.
    pub of: Option<OrderLogSubject>,
    /// Records under a signed checkpoint.
    pub records: u64,
    /// Tokens spent.
    pub spent: u64,
    /// Orders that ended.
    pub ended: u64,
    /// Records behind the last checkpoint. Nothing was sent on them.
    pub unsigned: u64,
    /// Bytes at the end that are no whole record.
    pub torn_bytes: u64,
    /// The first thing that does not hold.
    pub finding: Option<OrderLogFinding>,
    /// The first time that runs backward.
    pub backward: Option<OrderLogFinding>,
}

impl OrderLogReport {
    /// Whether every record holds, and all are signed.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        self.of.is_some()
            && self.finding.is_none()
            && self.backward.is_none()
            && self.unsigned == 0
            && self.torn_bytes == 0
    }
}

/// Whose orders a log has.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OrderLogSubject {
    pub run: Digest,
    pub execution: u64,
    pub account: String,
    pub venue: String,
}

/// What a journal is compared with.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct OrderLogFacts {
    pub(crate) of: Option<OrderLogSubject>,
    /// Every token that was spent, by the number of its plan: the first, if there are more.
    pub(crate) spent: BTreeMap<u64, SpentToken>,
    /// The processes, in sequence.
    pub(crate) processes: Vec<OrderProcess>,
    /// The digests of limits that tokens name, each with the first record that does.
    pub(crate) limits: BTreeMap<Digest, u64>,
}

/// A token that was spent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct SpentToken {
    pub(crate) plan: PlanDigest,
    pub(crate) time: UnixNanos,
}

/// A process that sent orders.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct OrderProcess {
    /// The first record of the journal that it can have written.
    pub(crate) first_record: u64,
    pub(crate) time: UnixNanos,
}
