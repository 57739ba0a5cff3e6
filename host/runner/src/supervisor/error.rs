//! Why a run is not started, stopped, killed or gone on with. It must never decide that.

use counterfoil_governance::id::IdError;
use counterfoil_trading::manifest::ManifestError;

use super::RUNS_MAX;
use super::feeds::OpenError;
use super::kept::KeptError;
use super::status::RunState;
use crate::run::component::ComponentError;
use crate::run::execute::ExecuteError;
use crate::run::mismatch::ManifestMismatch;
use crate::run::run_end::RunEndError;
use crate::store::data_dir::DataDirError;
use counterfoil_governance::rule::AccessDenial;
use counterfoil_os::files::FileError;

/// Why a run is not started, stopped, killed or gone on with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SuperviseError {
    /// There is no such run.
    #[error("no run {name:?} is under supervision")]
    Unknown {
        /// The name asked for.
        name: String,
    },
    /// More than one run has a name that begins like this.
    #[error("{name:?} could be {first} or {second}; give more digits")]
    Ambiguous {
        /// The name asked for.
        name: String,
        /// One run.
        first: String,
        /// Another.
        second: String,
    },
    /// The run was started before.
    #[error("run {run} was started before: a live manifest starts once")]
    StartedBefore {
        /// The run.
        run: String,
    },
    /// The process has as many runs as it can hold.
    #[error("{count} runs are under way, and this process holds {RUNS_MAX} at most")]
    Full {
        /// Runs under way.
        count: usize,
    },
    /// The run is not in a state for this.
    #[error("run {run} is {}, and cannot be {wanted}", .state.name())]
    State {
        /// The run.
        run: String,
        /// Where it stands.
        state: RunState,
        /// What was wanted.
        wanted: &'static str,
    },
    /// The grant is for another run.
    #[error("the grant is for run {granted}, the manifest is run {run}")]
    OtherGrant {
        /// The run granted.
        granted: String,
        /// The manifest's.
        run: String,
    },
    /// The process ends: no run begins any more.
    #[error("the process is ending: no run begins")]
    Ending,
    /// The feed cannot be opened.
    #[error(transparent)]
    Feed(#[from] OpenError),
    /// The account or principal that was kept has no name that can be one.
    #[error(transparent)]
    Id(#[from] IdError),
    /// What is kept of a run.
    #[error(transparent)]
    Kept(#[from] KeptError),
    /// The kill switch could not be kept.
    #[error("the kill switch is not certain to hold: {0}")]
    Switch(#[from] FileError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] AccessDenial),
    /// The run itself.
    #[error(transparent)]
    Run(Box<ExecuteError>),
    /// The closed journal's end could not be read.
    #[error(transparent)]
    RunEnd(#[from] RunEndError),
    /// No thread to be had.
    #[error("no thread to be had: {0}")]
    Thread(std::io::Error),
}

impl From<ExecuteError> for SuperviseError {
    fn from(error: ExecuteError) -> Self {
        Self::Run(Box::new(error))
    }
}

impl From<ManifestError> for SuperviseError {
    fn from(error: ManifestError) -> Self {
        ExecuteError::from(error).into()
    }
}

impl From<ManifestMismatch> for SuperviseError {
    fn from(error: ManifestMismatch) -> Self {
        ExecuteError::from(error).into()
    }
}

impl From<ComponentError> for SuperviseError {
    fn from(error: ComponentError) -> Self {
        ExecuteError::from(error).into()
    }
}

impl From<DataDirError> for SuperviseError {
    fn from(error: DataDirError) -> Self {
        ExecuteError::from(error).into()
    }
}
