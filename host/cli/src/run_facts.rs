//! The facts of a run from its journal. It must never be taken for a verification.

use anyhow::{Context as _, Result};
use counterfoil_report::{FactsGatherer, ReportFigures, RunFacts};
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

/// Facts and figures of a journal that verified.
pub(crate) fn figures(execution: &Execution) -> Result<(RunFacts, ReportFigures)> {
    let facts = facts(execution)?;
    let figures =
        ReportFigures::from_facts(&facts, None).context("an amount of the run does not fit")?;
    Ok((facts, figures))
}

/// A journal at its first record, the manifest in that record, and what gathers the facts.
pub(crate) fn begin(execution: &Execution) -> Result<(JournalReader, Manifest, FactsGatherer)> {
    let path = execution.journal();
    let manifest = Manifest::parse(&JournalReader::open(&path)?.opening()?.manifest)?;
    let gather = FactsGatherer::new(&manifest)?;
    Ok((JournalReader::open(&path)?, manifest, gather))
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
