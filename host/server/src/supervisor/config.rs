//! The configuration of a supervisor, and its bounds. It must never hold a secret key, only what makes signers.

use core::fmt;
use std::sync::Arc;

use counterfoil_journal::salt::LogSigner;
use counterfoil_sandbox::engine::EngineSettings;

use counterfoil_approval::permit::Records;
use counterfoil_runner::orders::lease::RUNS_PER_ACCOUNT_MAX;
use counterfoil_runner::orders::venues::Venues;
use counterfoil_runner::store::data_dir::DataDir;

/// Runs of one process at once: each has threads of its own, and a machine has only so many.
pub const RUNS_MAX: usize = 1_024;
/// Runs of one account at once, unless the configuration says otherwise.
pub const RUNS_PER_ACCOUNT: usize = RUNS_PER_ACCOUNT_MAX;

/// Makes signers for journals.
pub type Signers = Arc<dyn Fn() -> Box<dyn LogSigner + Send> + Send + Sync>;

/// The configuration of a supervisor.
#[derive(Clone)]
pub struct SupervisorConfig {
    /// The folder of components, snapshots and journals.
    pub data: DataDir,
    /// Back end, optimisation and cache: none of them may change a result.
    pub engine: EngineSettings,
    /// Makes the signers of checkpoints.
    pub signers: Signers,
    /// Runs of one account at once.
    pub runs_per_account: usize,
    /// The ledger: whether a run is still permitted, and where its end is recorded.
    pub records: Arc<dyn Records>,
    /// Addresses and keys of the venues.
    pub venues: Arc<Venues>,
}

impl fmt::Debug for SupervisorConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SupervisorConfig")
            .field("runs_per_account", &self.runs_per_account)
            .finish_non_exhaustive()
    }
}
