//! Whether a run's logs are those that the ledger anchors: at its start, while it ran, and at its end. It must never
//! decide whether the ledger itself holds.

mod roots;
mod text;

use std::collections::BTreeSet;
use std::io::{self, Read};

use counterfoil_governance::registry::RegisteredRun;
use counterfoil_journal::consistency::TreeHead;

use roots::LogRoots;

/// The most contradictions that are told. One exchanged journal contradicts every anchor.
const SENTENCES_MAX: usize = 8;

/// What the ledger says of a run's logs, and whether they agree.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AnchorsReport {
    /// The record of the run's start; `None` if the ledger has none.
    pub start: Option<u64>,
    /// Anchors while it ran.
    pub anchors: u64,
    /// The record of the last one of them, and of the entries of the journal that it holds.
    pub last: Option<(u64, u64)>,
    /// The record of its end.
    pub end: Option<u64>,
    /// Whether the order log was compared as well.
    pub with_orders: bool,
    /// Why nothing could be compared.
    pub unknown: Option<String>,
    /// What contradicts the ledger, one sentence each; empty where all agrees.
    pub why: Vec<String>,
    /// How many more there are.
    pub more: u64,
}

impl AnchorsReport {
    /// The report on a run that the ledger did not start.
    #[must_use]
    pub fn not_started() -> Self {
        Self::default()
    }

    /// The report on a run whose first record names a ledger that is not there.
    #[must_use]
    pub fn without_ledger(named: &str) -> Self {
        Self {
            unknown: Some(format!(
                "record 0 names the ledger {named}, which is not here"
            )),
            ..Self::default()
        }
    }

    /// Whether the ledger has the run, and nothing contradicts it; or whether that could not be told.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        self.unknown.is_some() || (self.start.is_some() && self.why.is_empty())
    }

    fn note(&mut self, why: String) {
        if self.why.len() < SENTENCES_MAX {
            self.why.push(why);
        } else {
            self.more = self.more.saturating_add(1);
        }
    }
}

/// What the order log of a run is, for the comparison.
#[derive(Debug)]
pub enum AnchoredOrders<R> {
    /// The log.
    Given(R),
    /// It is not there.
    Missing,
    /// Nobody said where it is.
    NotAsked,
}

/// Compares the logs of an execution with what the ledger has of it. Whether they are signed is another question.
///
/// # Errors
///
/// Returns the error of a reader.
pub fn check_anchors<J: Read, O: Read>(
    started: &RegisteredRun,
    execution: u64,
    journal: J,
    orders: AnchoredOrders<O>,
) -> io::Result<AnchorsReport> {
    let heads = heads_of(started, execution);
    let sizes = |log: fn(&KnownHead) -> TreeHead| heads.iter().map(|head| log(head).size).collect();
    let journal = LogRoots::read(journal, &sizes(|head| head.journal))?;
    let mut report = AnchorsReport {
        start: Some(started.record_ref.index),
        end: started
            .ended
            .as_ref()
            .map(|(_, record_ref)| record_ref.index),
        ..AnchorsReport::default()
    };
    check_start(started, &journal, &mut report);
    for head in &heads {
        if !head.is_end {
            report.anchors = report.anchors.saturating_add(1);
            report.last = Some((head.record, head.journal.size));
        }
        check_head("journal", head.record, head.journal, &journal, &mut report);
    }
    check_end(started, execution, &journal, &mut report);
    match orders {
        AnchoredOrders::NotAsked => {}
        AnchoredOrders::Missing => {
            report.with_orders = true;
            if let Some(head) = heads.iter().rev().find(|head| head.orders.size > 0) {
                let (size, record) = (head.orders.size, head.record);
                report.note(format!(
                    "the order log is missing, and had {size} records by record {record} of the ledger"
                ));
            }
        }
        AnchoredOrders::Given(orders) => {
            report.with_orders = true;
            let orders = LogRoots::read(orders, &sizes(|head| head.orders))?;
            for head in &heads {
                check_head("order log", head.record, head.orders, &orders, &mut report);
            }
            check_orders_end(started, execution, &orders, &mut report);
        }
    }
    Ok(report)
}

/// What one record of the ledger says of both logs.
struct KnownHead {
    record: u64,
    journal: TreeHead,
    orders: TreeHead,
    is_end: bool,
}

/// Every anchor of an execution, in the ledger's sequence.
fn heads_of(started: &RegisteredRun, execution: u64) -> Vec<KnownHead> {
    let anchors = started.anchors.iter();
    let anchors = anchors.filter(|(one, _)| one.execution == execution);
    let anchors = anchors.map(|(one, record_ref)| KnownHead {
        record: record_ref.index,
        journal: one.journal,
        orders: one.orders,
        is_end: false,
    });
    let end = started.ended.as_ref();
    let end = end.filter(|(one, _)| one.execution == execution);
    let end = end.map(|(one, record_ref)| KnownHead {
        record: record_ref.index,
        journal: one.journal,
        orders: one.orders,
        is_end: true,
    });
    anchors.chain(end).collect()
}

fn check_start(started: &RegisteredRun, journal: &LogRoots, report: &mut AnchorsReport) {
    let record = started.record_ref.index;
    let named = started.start.entry_0;
    match journal.entry_0 {
        Some(found) if found == named => {}
        Some(found) => report.note(format!(
            "the journal begins with entry 0 of leaf hash {}, and record {record} of the ledger starts the run with {}",
            hex::encode(found.0),
            hex::encode(named.0)
        )),
        // A run that ended before its journal began has none.
        None if started.has_no_logs() => {}
        None => report.note(format!(
            "the journal is empty, and record {record} of the ledger starts the run"
        )),
    }
}

fn check_head(
    log: &str,
    record: u64,
    known: TreeHead,
    found: &LogRoots,
    report: &mut AnchorsReport,
) {
    let size = known.size;
    let why = match found.roots.get(&size) {
        Some(root) if *root == known.root => return,
        Some(root) => format!(
            "the first {size} records of the {log} have the root {}, and {} by record {record} of the ledger",
            hex::encode(root.0),
            hex::encode(known.root.0)
        ),
        None => format!(
            "the {log} has {} records, and had {size} by record {record} of the ledger",
            found.entries
        ),
    };
    report.note(why);
}

/// A journal that is longer than at its end goes on after it; and its closing record holds the decision digest.
fn check_end(
    started: &RegisteredRun,
    execution: u64,
    journal: &LogRoots,
    report: &mut AnchorsReport,
) {
    let Some((end, record_ref)) = &started.ended else {
        return;
    };
    let record = record_ref.index;
    if end.execution != execution {
        let ended = end.execution;
        return report.note(format!(
            "record {record} of the ledger ends execution {ended} of the run, and this is {execution}"
        ));
    }
    longer("journal", record, end.journal.size, journal, report);
    let closed = journal
        .decisions
        .filter(|_| journal.entries == end.journal.size);
    if let Some(found) = closed.filter(|found| *found != end.decisions) {
        let named = end.decisions;
        report.note(format!(
            "the journal closes with the decision digest {found}, and record {record} of the ledger holds {named}"
        ));
    }
}

fn check_orders_end(
    started: &RegisteredRun,
    execution: u64,
    orders: &LogRoots,
    report: &mut AnchorsReport,
) {
    let end = started.ended.as_ref();
    if let Some((end, record_ref)) = end.filter(|(end, _)| end.execution == execution) {
        longer(
            "order log",
            record_ref.index,
            end.orders.size,
            orders,
            report,
        );
    }
}

fn longer(log: &str, record: u64, size: u64, found: &LogRoots, report: &mut AnchorsReport) {
    if found.entries > size {
        report.note(format!(
            "the {log} has {} records, and ended with {size} by record {record} of the ledger",
            found.entries
        ));
    }
    // A crash leaves such bytes, but the run goes on then, and cuts them; nothing is written after its end.
    if size > 0 && !found.is_whole {
        report.note(format!(
            "the {log} has bytes behind its last checkpoint, and the run ended with record {record} of the ledger"
        ));
    }
}

/// Sizes at which roots are taken.
type Sizes = BTreeSet<u64>;
