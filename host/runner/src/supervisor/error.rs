//! Why a run is not started, stopped, killed or gone on with. It must never decide that.

use counterfoil_governance::id::IdError;
use counterfoil_trading::manifest::ManifestError;

use super::RUNS_MAX;
use super::feeds::OpenError;
use super::kept::KeptError;
use super::status::RunState;
use crate::error::RunnerError;
use crate::permit::Denied;
use crate::store::data_dir::DataDirError;
use crate::store::files::FileError;

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
        first: String,
        second: String,
    },
    /// The run was started before.
    #[error("run {run} was started before: a live manifest starts once")]
    StartedBefore { run: String },
    /// The process has as many runs as it can hold.
    #[error("{count} runs are under way, and this process holds {RUNS_MAX} at most")]
    Full { count: usize },
    /// The run is not in a state for this.
    #[error("run {run} is {}, and cannot be {wanted}", .state.name())]
    State {
        run: String,
        state: RunState,
        wanted: &'static str,
    },
    /// The grant is for another run.
    #[error("the grant is for run {granted}, the manifest is run {run}")]
    OtherGrant { granted: String, run: String },
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
    #[error(transparent)]
    Ledger(#[from] Denied),
    #[error(transparent)]
    Run(Box<RunnerError>),
    /// No thread to be had.
    #[error("no thread to be had: {0}")]
    Thread(std::io::Error),
}

impl From<RunnerError> for SuperviseError {
    fn from(error: RunnerError) -> Self {
        Self::Run(Box::new(error))
    }
}

impl From<ManifestError> for SuperviseError {
    fn from(error: ManifestError) -> Self {
        RunnerError::from(error).into()
    }
}

impl From<DataDirError> for SuperviseError {
    fn from(error: DataDirError) -> Self {
        RunnerError::from(error).into()
    }
}
