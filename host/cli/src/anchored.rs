//! Compares a run with the ledger's anchors, for every command that gives a verdict on a run.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use counterfoil_approval::anchors::{OrdersPlace, compare_execution, compare_logs};
use counterfoil_approval::ledger_view::{LedgerView, LedgerViewError};
use counterfoil_governance::state::LedgerState;
use counterfoil_journal::public_key::PublicKey;
use counterfoil_os::file_path::AsFilePath;
use counterfoil_os::files::open_plain;
use counterfoil_runner::run::journal::JournalReader;
use counterfoil_runner::store::data_dir::Execution;
use counterfoil_trading::manifest::Manifest;
use counterfoil_trading::record::Opening;
use counterfoil_verify::{AnchorsReport, VerifyReport, verify_ledger_state};

use crate::cli_context::CliContext;

/// Compares a run of the data directory with the ledger there. `None` for backtests, which need no start, and for a live
/// run that names no authorization and that no ledger here started.
pub(crate) fn of_execution(
    cli: &CliContext,
    execution: &Execution,
) -> Result<Option<AnchorsReport>> {
    let Some(live) = LiveOpening::of(cli, execution)? else {
        return Ok(None);
    };
    let state = view(cli)?.map(|view| view.verified.state);
    live.compare(execution, state.as_ref())
}

/// As [`of_execution`], with the ledger of the data directory that the caller has read.
pub(crate) fn beside(
    cli: &CliContext,
    execution: &Execution,
    state: Option<&LedgerState>,
) -> Result<Option<AnchorsReport>> {
    let live = LiveOpening::of(cli, execution)?;
    live.map_or(Ok(None), |live| live.compare(execution, state))
}

/// What a live run's journal begins with, if it can be read.
struct LiveOpening(Option<Opening>);

impl LiveOpening {
    /// `None` for a backtest.
    fn of(cli: &CliContext, execution: &Execution) -> Result<Option<Self>> {
        let opening = opening(execution);
        // The copy beside the journal, whose digest is the run's id, goes first: a journal that was exchanged may say
        // anything. An auditor may have the journal alone.
        let text = match (cli.data.manifest_text(execution), &opening) {
            (Ok(text), _) => text,
            (Err(_), Some(opening)) => opening.manifest.clone(),
            (Err(error), None) => return Err(error.into()),
        };
        let is_live = Manifest::parse(&text)?.is_live();
        Ok(is_live.then_some(Self(opening)))
    }

    fn compare(
        self,
        execution: &Execution,
        state: Option<&LedgerState>,
    ) -> Result<Option<AnchorsReport>> {
        let named = self.0.and_then(|opening| opening.start.authorization);
        let Some(state) = state else {
            // An auditor's copy of a run may come without one. It is told, and no verdict on what is there.
            return Ok(named.map(|named| AnchorsReport::without_ledger(&named.ledger)));
        };
        let report = compare_execution(state, execution)?;
        // A run that the ledger does not know is no contradiction, unless its own first record says that a ledger
        // authorized it: that ledger was taken away or exchanged.
        Ok(Some(report).filter(|report| report.start.is_some() || named.is_some()))
    }
}

/// What a journal begins with, if it can be read.
fn opening(execution: &Execution) -> Option<Opening> {
    let mut journal = JournalReader::open(&execution.journal()).ok()?;
    journal.opening().ok()
}

/// Compares a verified journal and perhaps its order log with a ledger.
pub(crate) fn of_report(
    state: &LedgerState,
    report: &VerifyReport,
    journal: &(impl AsFilePath + ?Sized),
    orders: OrdersPlace<'_>,
) -> Result<Option<AnchorsReport>> {
    let (Some(run), Some(number)) = (&report.run_id, report.execution) else {
        return Ok(None);
    };
    if !report.manifest.as_ref().is_some_and(Manifest::is_live) {
        return Ok(None);
    }
    Ok(Some(compare_logs(state, run, number, journal, orders)?))
}

/// The ledger of the data directory, if there is one.
pub(crate) fn view(cli: &CliContext) -> Result<Option<LedgerView>> {
    match LedgerView::open(&cli.data, &cli.keys) {
        Ok(view) => Ok(Some(view)),
        Err(LedgerViewError::Missing { .. }) => Ok(None),
        // Without its verdict this command would say yes of a run that the ledger may contradict.
        Err(error) => Err(error.into()),
    }
}

/// The error for a run that the data directory has not: that its folder is gone, where the ledger knows it.
pub(crate) fn gone(cli: &CliContext, what: &str, error: anyhow::Error) -> anyhow::Error {
    let Ok(Some(view)) = view(cli) else {
        return error;
    };
    let prefix = what.strip_prefix("sha256:").unwrap_or(what);
    let mut runs = view.state().registry().runs().iter();
    let known = runs.find(|(run, _)| !prefix.is_empty() && run.hex().starts_with(prefix));
    let Some((run, started)) = known else {
        return error;
    };
    let (run, record) = (run.hex(), started.record_ref.index);
    anyhow::anyhow!(
        "run {run} was started with record {record} of the ledger, and its folder is gone; restore it from a copy: its \
         journal is the evidence of what the run did"
    )
}

/// What a ledger in a file adds up to.
pub(crate) fn state_of(path: &Path, key: &PublicKey) -> Result<LedgerState> {
    let shown = path.display();
    let (report, state) = verify_ledger_state(open_plain(path)?, key)?;
    let why = report.finding.as_ref().map(|one| one.why.clone());
    ensure!(
        report.is_good(),
        "the ledger {shown} does not verify: {}",
        why.unwrap_or_else(|| "it is empty".to_owned())
    );
    state.with_context(|| format!("the ledger {shown} is empty"))
}
