//! What happens to a run's orders, gathered while its records are sealed: a run of a million bars is not read again for
//! it. It must never stop a run.

use std::sync::{Arc, Mutex, PoisonError};

use counterfoil_report::{GatherError, OrderGatherer, OrderSummary};
use counterfoil_runner::run::journal::RecordSink;
use counterfoil_trading::journal::RecordBytes;
use counterfoil_trading::manifest::Manifest;
use counterfoil_trading::record::RunRecord;

/// Where the summary of a run is found once the run has ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct SealedOrders(Arc<Mutex<Option<OrderGatherer>>>);

/// Gathers on the thread that seals, and leaves what it has when the journal is whole.
#[derive(Debug)]
struct OrderSink {
    gatherer: Option<OrderGatherer>,
    sealed: SealedOrders,
}

impl SealedOrders {
    /// The sink for a run of this manifest.
    pub(crate) fn sink(&self, manifest: &Manifest) -> Result<Box<dyn RecordSink>, GatherError> {
        Ok(Box::new(OrderSink {
            gatherer: Some(OrderGatherer::new(manifest)?),
            sealed: self.clone(),
        }))
    }

    /// The summary; `None` if a record did not fit, and the journal has to be read to say which.
    pub(crate) fn take(&self) -> Option<OrderSummary> {
        let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        found.take().map(OrderGatherer::finish)
    }
}

impl RecordSink for OrderSink {
    fn record(&mut self, index: u64, record: RecordBytes<'_>) {
        let Some(gatherer) = &mut self.gatherer else {
            return;
        };
        if !gatherer.needs_record(record.is_silent) {
            return;
        }
        let taken = RunRecord::decode(record.body)
            .is_ok_and(|record| gatherer.record(index, &record).is_ok());
        // The run goes on: a summary is not worth an order that was not sent.
        if !taken {
            self.gatherer = None;
        }
    }
}

impl Drop for OrderSink {
    fn drop(&mut self) {
        let mut place = self.sealed.0.lock().unwrap_or_else(PoisonError::into_inner);
        *place = self.gatherer.take();
    }
}
