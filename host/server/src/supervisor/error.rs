//! Why a run could not be started, stopped, killed or resumed. It must never name a route or a status code.

use counterfoil_governance::id::IdError;
use counterfoil_trading::manifest::ManifestError;

use counterfoil_governance::rule::AccessDenial;
use counterfoil_os::files::FileError;
use counterfoil_runner::run::component::ComponentError;
use counterfoil_runner::run::execute::ExecuteError;
use counterfoil_runner::run::mismatch::ManifestMismatch;
use counterfoil_runner::run::run_end::RunEndError;
use counterfoil_runner::store::data_dir::DataDirError;

use super::config::RUNS_MAX;
use super::feeds::FeedOpenError;
use super::run_file::RunFileError;
use super::status::RunState;

/// Why a run could not be started, stopped, killed or resumed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SuperviseError {
    /// No supervised run has this name.
    #[error("unknown run {name:?}; list the runs with `counterfoil run status`")]
    Unknown {
        /// The name asked for.
        name: String,
    },
    /// The prefix matches more than one run.
    #[error("ambiguous run {name:?}: matches {first} and {second}; give more digits")]
    Ambiguous {
        /// The name asked for.
        name: String,
        first: String,
        second: String,
    },
    /// The manifest was started before.
    #[error("run {run} was started before: a live manifest starts once; use a new start nonce")]
    StartedBefore { run: String },
    /// The process has its maximum of active runs.
    #[error("too many runs: {count} are active, and a process may have at most {RUNS_MAX}")]
    Full { count: usize },
    /// The run's state does not allow this.
    #[error("run {run} is {} and cannot be {wanted}", .state.name())]
    State {
        run: String,
        state: RunState,
        wanted: &'static str,
    },
    /// The grant is for another run.
    #[error("the grant is for run {granted}, but the manifest is run {run}")]
    OtherGrant { granted: String, run: String },
    /// The process is shutting down.
    #[error("the process is shutting down and starts no run")]
    Ending,
    /// The feed could not be opened.
    #[error(transparent)]
    Feed(#[from] FeedOpenError),
    /// Account or principal in the run file is not a valid id.
    #[error(transparent)]
    Id(#[from] IdError),
    /// Its start is recorded, and its journal was not begun.
    #[error(
        "run {run} did not start: the process ended before its journal began; start another run"
    )]
    DidNotStart {
        /// The run id.
        run: String,
    },
    /// The run file.
    #[error(transparent)]
    RunFile(#[from] RunFileError),
    /// The kill switch could not be made durable.
    #[error(
        "the kill switch may not survive a restart: {0}; kill again once the disk can be written"
    )]
    Switch(#[from] FileError),
    #[error(transparent)]
    Ledger(#[from] AccessDenial),
    #[error(transparent)]
    Run(Box<ExecuteError>),
    /// The end of a closed journal could not be read.
    #[error(transparent)]
    RunEnd(#[from] RunEndError),
    /// The system could not start a thread.
    #[error("cannot start a thread: {0}")]
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
