//! Why a run did not start, or stopped. None of these is a verdict on the strategy: faults are
//! journaled and end a run as an outcome.

use counterfoil_governance::attest::AttestError;
use counterfoil_journal::key::KeyError as VerifierKeyError;
use counterfoil_sandbox::arguments::ArgumentError;
use counterfoil_sandbox::compile::CompileError;
use counterfoil_sandbox::describe::DescribeError;
use counterfoil_sandbox::engine::EngineError;
use counterfoil_sandbox::guest::StartError;
use counterfoil_snapshot::error::{IngestError, ReadError, ResampleError};
use counterfoil_trading::manifest::ManifestError;
use counterfoil_trading::record::RunStop;
use counterfoil_trading::run::RunError;
use counterfoil_verify::{Finding, PublicKeyError, VerifyError};

use crate::orders::gateway::GatewayError;
use crate::orders::lease::LeaseError;
use crate::orders::venues::VenuesError;
use crate::run::feed::FeedError;
use crate::run::journal::{JournalError, ReadJournalError};
use crate::store::data_dir::DataDirError;
use crate::store::files::FileError;
use crate::store::keys::KeyError;
use crate::store::lock::LockError;

/// Why a run did not start, or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunnerError {
    /// The manifest does not hold.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// No bars were drawn.
    #[error(transparent)]
    Resample(Box<ResampleError>),
    /// The manifest and what it names do not agree.
    #[error("{what} is {found} in {place}, but {stated} in the manifest; {way_on}")]
    Disagrees {
        /// What.
        what: &'static str,
        /// Where the other value stands.
        place: &'static str,
        /// The other value.
        found: String,
        /// The manifest's.
        stated: String,
        /// What to do.
        way_on: &'static str,
    },
    /// A text that should be a date or time.
    #[error(
        "{field} is {text:?}; expected a date like 2003-01-02 or a time like 2003-01-02T15:00:00Z"
    )]
    Time {
        /// The field.
        field: &'static str,
        /// The text.
        text: String,
    },
    /// The strategy does not work with such bars.
    #[error("{strategy} {wants}, the run has {has}")]
    BarsWanted {
        /// The strategy's name.
        strategy: String,
        /// What it wants.
        wants: String,
        /// What there is.
        has: String,
    },
    /// The data directory.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The lock of an execution.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The account.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// The gateway.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// Something that must hold for a run does not.
    #[error("{}: the run does not start: {}", .0.cause.name(), .0.message)]
    NotStarted(RunStop),
    /// The run needs no resumption.
    #[error("run {run} has its closing record: there is nothing to resume")]
    RunEnded {
        /// The run's short name.
        run: String,
    },
    /// The journal does not verify.
    #[error("the journal of run {run} does not verify: {finding}")]
    NotIntact {
        /// The run's short name.
        run: String,
        /// What is wrong with it.
        finding: Box<Finding>,
    },
    /// More than bars would have to become a snapshot.
    #[error(
        "run {run} was told of corporate actions or ends of sessions, which its bars alone do not show; \
         hold it against a snapshot that has them: --snapshot ID"
    )]
    NotOnlyBars {
        /// The run's short name.
        run: String,
    },
    /// Some of the run's instruments have no bar to become a snapshot of.
    #[error(
        "run {run} had no bar of {symbols} yet, so its bars alone are no snapshot of all it trades; hold it \
         against one that has them: --snapshot ID"
    )]
    Silent {
        /// The run's short name.
        run: String,
        /// The instruments.
        symbols: String,
    },
    /// Nothing can be said of a run that has decided nothing.
    #[error("run {run} has no whole slice that is signed; wait for its first bars")]
    NoSlice {
        /// The run's short name.
        run: String,
    },
    /// The journal could not be verified.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// The signer's key cannot verify.
    #[error("the signing key cannot be verified with: {0}")]
    PublicKey(#[from] PublicKeyError),
    /// The log's name cannot be a key's.
    #[error("the run's origin cannot be checked: {0}")]
    VerifierKey(#[from] VerifierKeyError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The signing key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The snapshot.
    #[error(transparent)]
    Snapshot(#[from] ReadError),
    /// No snapshot could be made.
    #[error(transparent)]
    Ingest(Box<IngestError>),
    /// No statement could be made.
    #[error(transparent)]
    Attest(#[from] AttestError),
    /// The feed.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// A venue.
    #[error(transparent)]
    Venue(Box<VenuesError>),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The component was not admitted or does not compile.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The component's description.
    #[error(transparent)]
    Describe(#[from] DescribeError),
    /// The parameters.
    #[error(transparent)]
    Argument(#[from] ArgumentError),
    /// The guest could not be started, and not by its own fault.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The run could not go on.
    #[error(transparent)]
    Run(#[from] RunError<JournalError>),
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A journal could not be read.
    #[error(transparent)]
    ReadJournal(#[from] ReadJournalError),
    /// No thread to be had.
    #[error("no thread to be had: {0}")]
    Thread(std::io::Error),
    /// A thread ended without an answer.
    #[error("the thread that reads the journal did not run to its end")]
    ThreadGone,
}

// Both are large, and rare.
impl From<ResampleError> for RunnerError {
    fn from(error: ResampleError) -> Self {
        Self::Resample(Box::new(error))
    }
}

impl From<VenuesError> for RunnerError {
    fn from(error: VenuesError) -> Self {
        Self::Venue(Box::new(error))
    }
}

impl From<IngestError> for RunnerError {
    fn from(error: IngestError) -> Self {
        Self::Ingest(Box::new(error))
    }
}
