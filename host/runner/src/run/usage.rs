//! What a run used, as its journal and its folder say. It must never know whose budget that is.

use std::fs;

use counterfoil_trading::record::{DecisionRecord, KIND_DECISION, record_kind};

use crate::error::RunnerError;
use crate::run::journal::{JournalReader, ReadJournalError};
use crate::store::data_dir::Execution;
use crate::store::files::at;

/// What the executions of one run used so far.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Used {
    /// Fuel of every decision.
    pub fuel: u64,
    /// From the first bar's coming to the last decision, in nanoseconds, as the host's clock said;
    /// nothing over a snapshot, whose journal knows no clock.
    pub wall_nanos: u64,
    /// Bytes of every file in the folders.
    pub bytes: u64,
}

/// What these executions used, summed; a journal may grow meanwhile.
///
/// # Errors
///
/// Returns [`RunnerError`] if a journal or a folder cannot be read.
pub fn used(executions: &[Execution]) -> Result<Used, RunnerError> {
    let mut sum = Used::default();
    for execution in executions {
        let one = of_one(execution)?;
        sum.fuel = sum.fuel.saturating_add(one.fuel);
        sum.wall_nanos = sum.wall_nanos.saturating_add(one.wall_nanos);
        sum.bytes = sum.bytes.saturating_add(one.bytes);
    }
    Ok(sum)
}

fn of_one(execution: &Execution) -> Result<Used, RunnerError> {
    let mut reader = JournalReader::open(&execution.journal())?;
    let (mut fuel, mut first, mut last) = (0_u64, None, None);
    while let Some(body) = reader.next_body()? {
        if record_kind(body).map_err(ReadJournalError::from)? != KIND_DECISION {
            continue;
        }
        let decision = DecisionRecord::decode(body).map_err(ReadJournalError::from)?;
        fuel = fuel.saturating_add(decision.circumstances.fuel);
        if let Some((received, decided)) = decision.circumstances.times {
            first = first.or(Some(received));
            last = Some(decided);
        }
    }
    let wall = match (first, last) {
        (Some(first), Some(last)) => last.0.saturating_sub(first.0),
        (None, _) | (_, None) => 0,
    };
    let folder = &execution.folder;
    let mut bytes = 0_u64;
    for entry in fs::read_dir(folder).map_err(at("read folder", folder))? {
        let entry = entry.map_err(at("read folder", folder))?;
        let path = entry.path();
        let found = entry.metadata().map_err(at("read", &path))?;
        bytes = bytes.saturating_add(found.len());
    }
    Ok(Used {
        fuel,
        wall_nanos: u64::try_from(wall).unwrap_or(0),
        bytes,
    })
}
