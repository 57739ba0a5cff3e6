//! What happened to a run's orders, without the other facts: what a command shows when a run has ended. It must never
//! be taken for a report, whose figures it does not have.

use counterfoil_trading::cbor::CborError;
use counterfoil_trading::manifest::Manifest;
use counterfoil_trading::record::{KIND_DECISION, RunRecord, is_silent_decision, record_kind};
use serde_json::Value;

use crate::facts::RunFacts;
use crate::gather::{FactsGatherer, GatherError};

/// Gathers what happened to orders, from the records that can matter to one.
#[derive(Debug)]
pub struct OrderGatherer(FactsGatherer);

/// What happened to a run's orders.
#[derive(Debug)]
pub struct OrderSummary(RunFacts);

impl OrderGatherer {
    /// Nothing gathered yet, for a run of this manifest.
    ///
    /// # Errors
    ///
    /// Returns [`GatherError`] if the manifest does not hold.
    pub fn new(manifest: &Manifest) -> Result<Self, GatherError> {
        FactsGatherer::new(manifest).map(Self)
    }

    /// Whether the record in `body` can matter. Most bars of most runs cannot: no order waits, and the strategy asks for
    /// none.
    ///
    /// # Errors
    ///
    /// Returns [`CborError`] if the body is not a record.
    pub fn needs(&self, body: &[u8]) -> Result<bool, CborError> {
        // While an order waits, each bar is one on which it did not fill, and the summary says why.
        if self.0.has_open_orders() || record_kind(body)? != KIND_DECISION {
            return Ok(true);
        }
        is_silent_decision(body).map(|is_silent| !is_silent)
    }

    /// As [`OrderGatherer::needs`], where it is known whether the record is a decision without a request.
    #[must_use]
    pub fn needs_record(&self, is_silent: bool) -> bool {
        self.0.has_open_orders() || !is_silent
    }

    /// Takes a record that is needed, the one in `entry`.
    ///
    /// # Errors
    ///
    /// Returns [`GatherError`] if the record does not fit the manifest.
    pub fn record(&mut self, entry: u64, record: &RunRecord) -> Result<(), GatherError> {
        self.0.record(entry, record)
    }

    /// The summary, once all records were looked at.
    #[must_use]
    pub fn finish(self) -> OrderSummary {
        OrderSummary(self.0.finish())
    }
}

impl OrderSummary {
    /// As in `report.json`.
    #[must_use]
    pub fn json(&self) -> Value {
        self.0.orders_json()
    }

    /// Fields of a terminal: names and texts.
    #[must_use]
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        self.0.order_lines()
    }
}
