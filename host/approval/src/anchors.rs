//! A run's logs on disk against what the ledger anchors of them. It must never read more of the ledger than its verified
//! state.

use std::fs::File;
use std::io;

use counterfoil_base::digest::Digest;
use counterfoil_governance::state::LedgerState;
use counterfoil_os::file_path::AsFilePath;
use counterfoil_os::files::{FileError, open_plain, own_facts_of};
use counterfoil_runner::orders::gateway::order_log;
use counterfoil_runner::store::data_dir::Execution;
use counterfoil_verify::{AnchoredOrders, AnchorsReport, check_anchors};

/// Where the order log of a run should be.
#[derive(Clone, Copy, Debug)]
pub enum OrdersPlace<'a> {
    /// At this path; it is missing if there is no file.
    At(&'a dyn AsFilePath),
    /// Nobody said.
    NotAsked,
}

/// Compares the logs of an execution in its folder with the ledger's record of it.
///
/// # Errors
///
/// Returns [`FileError`] if a log is there and cannot be read.
pub fn compare_execution(
    state: &LedgerState,
    execution: &Execution,
) -> Result<AnchorsReport, FileError> {
    let orders = order_log::path(execution);
    let (run, number) = (&execution.run, execution.number);
    compare_logs(
        state,
        run,
        number,
        &execution.journal(),
        OrdersPlace::At(&orders),
    )
}

/// Compares the logs of an execution at these paths with the ledger's record of it.
///
/// # Errors
///
/// As [`compare_execution`].
pub fn compare_logs(
    state: &LedgerState,
    run: &Digest,
    execution: u64,
    journal: &(impl AsFilePath + ?Sized),
    orders: OrdersPlace<'_>,
) -> Result<AnchorsReport, FileError> {
    let Some(started) = state.registry().runs().get(run) else {
        return Ok(AnchorsReport::not_started());
    };
    let orders = match orders {
        OrdersPlace::NotAsked => AnchoredOrders::NotAsked,
        OrdersPlace::At(path) => {
            open_log(path)?.map_or(AnchoredOrders::Missing, AnchoredOrders::Given)
        }
    };
    let checked = match open_log(journal)? {
        Some(file) => check_anchors(started, execution, file, orders),
        // A journal that was taken away has no records, which every anchor contradicts.
        None => check_anchors(started, execution, io::empty(), orders),
    };
    checked.map_err(FileError::at("read", journal))
}

/// A log's file; `None` if it is not there.
fn open_log(path: &(impl AsFilePath + ?Sized)) -> Result<Option<File>, FileError> {
    // Asked of the directory and not of the target: a link that leads nowhere is there, and an error.
    match own_facts_of(path)? {
        None => Ok(None),
        Some(_) => open_plain(path).map(Some),
    }
}
