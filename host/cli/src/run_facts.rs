//! The facts of a run from its journal. It must never be taken for a verification.

use anyhow::{Context as _, Result};
use counterfoil_report::{FactsGatherer, OrderGatherer, OrderSummary, ReportFigures, RunFacts};
use counterfoil_runner::run::journal::{JournalReader, ReadJournalError};
use counterfoil_runner::store::data_dir::Execution;
use counterfoil_trading::manifest::Manifest;
use counterfoil_trading::record::RunRecord;

/// Records between two looks at the progress bar.
const RECORDS_PER_LOOK: u64 = 4096;

/// The facts of a journal.
pub(crate) fn facts(execution: &Execution) -> Result<RunFacts> {
    let (mut reader, _, mut gather) = begin(execution)?;
    gather_all(&mut reader, &mut gather, |_| {})?;
    Ok(gather.finish())
}

/// What happened to the orders of a journal.
pub(crate) fn orders(execution: &Execution) -> Result<OrderSummary> {
    let (mut reader, manifest) = open(execution)?;
    let mut gather = OrderGatherer::new(&manifest)?;
    loop {
        let index = reader.index();
        let Some(body) = reader.next_body()? else {
            return Ok(gather.finish());
        };
        // A run of a million bars ends in a moment: only what can matter to an order is decoded.
        if gather.needs(body).map_err(ReadJournalError::from)? {
            let record = RunRecord::decode(body).map_err(ReadJournalError::from)?;
            gather.record(index, &record)?;
        }
    }
}

/// Facts and figures of a journal that verified.
pub(crate) fn figures(execution: &Execution) -> Result<(RunFacts, ReportFigures)> {
    let facts = facts(execution)?;
    let figures =
        ReportFigures::from_facts(&facts, None).context("an amount of the run does not fit")?;
    Ok((facts, figures))
}

/// A journal at its first record, the manifest in that record, and what gathers the facts.
pub(crate) fn begin(execution: &Execution) -> Result<(JournalReader, Manifest, FactsGatherer)> {
    let (reader, manifest) = open(execution)?;
    let gather = FactsGatherer::new(&manifest)?;
    Ok((reader, manifest, gather))
}

/// A journal at its first record, and the manifest in that record.
fn open(execution: &Execution) -> Result<(JournalReader, Manifest)> {
    let path = execution.journal();
    let manifest = Manifest::parse(&JournalReader::open(&path)?.opening()?.manifest)?;
    Ok((JournalReader::open(&path)?, manifest))
}

pub(crate) fn gather_all(
    reader: &mut JournalReader,
    gather: &mut FactsGatherer,
    mut look: impl FnMut(u64),
) -> Result<()> {
    loop {
        let index = reader.index();
        let Some(body) = reader.next_body()? else {
            return Ok(());
        };
        let record = RunRecord::decode(body).map_err(ReadJournalError::from)?;
        gather.record(index, &record)?;
        if index.is_multiple_of(RECORDS_PER_LOOK) {
            look(index);
        }
    }
}
