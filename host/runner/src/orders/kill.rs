//! The kill switch: a file whose existence stops a run, an account's runs or all of them. Anyone
//! who can create a file in the folder can stop; no process has to answer.
//!
//! ```text
//! DATA/kill/installation
//! DATA/kill/account-<account id>
//! DATA/kill/run-<run id>-<execution>
//! ```
//!
//! The messages of a stop are recorded: they never change.

use std::sync::{Arc, OnceLock};

use counterfoil_governance::id::Id;
use counterfoil_os::file_path::FilePath;
use counterfoil_os::files::{self, FileError};
use counterfoil_trading::record::{RunStop, StopCause};

use crate::store::data_dir::{DataDir, Execution};

/// The most bytes of a reason that are read.
const REASON_BYTES_MAX: u64 = 1_000;

/// What a kill switch stops.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum KillTarget {
    Run(Execution),
    /// Every run of an account.
    Account(Id),
    /// Every run.
    Installation,
}

impl KillTarget {
    fn path(&self, data: &DataDir) -> FilePath {
        let name = match self {
            Self::Run(execution) => format!("run-{}-{}", execution.run.hex(), execution.number),
            Self::Account(id) => format!("account-{id}"),
            Self::Installation => "installation".to_owned(),
        };
        data.root().join("kill").join(name)
    }

    /// The stop cause of a run that it stops.
    #[must_use]
    pub const fn cause(&self) -> StopCause {
        match self {
            Self::Run(_) => StopCause::RunKilled,
            Self::Account(_) => StopCause::AccountKilled,
            Self::Installation => StopCause::InstallationKilled,
        }
    }
}

/// Sets the switch of a target, with a reason to record. It is durable when this returns. If the
/// reason cannot be written, say on a full disk, an empty file stops all the same.
///
/// # Errors
///
/// Returns [`FileError`] if the switch may not be durable.
pub fn set_switch(data: &DataDir, target: &KillTarget, reason: &str) -> Result<(), FileError> {
    let path = target.path(data);
    if let Some(folder) = path.parent() {
        files::make_folder(&folder)?;
    }
    if let Err(error) = files::write_whole(&path, reason.as_bytes()) {
        // A full disk may have room for a name and not for a text. That the run stops matters more
        // than why.
        create_empty(&path).map_err(|_| error)?;
    }
    files::sync_folder(data.root())
}

/// Creates the file, or leaves an existing one unchanged.
fn create_empty(path: &FilePath) -> Result<(), FileError> {
    files::open_or_make(path)?;
    let folder = path.parent();
    folder.map_or(Ok(()), |folder| files::sync_folder(&folder))
}

/// Whether the target is stopped. An unknown answer counts as stopped.
#[must_use]
pub fn is_set(data: &DataDir, target: &KillTarget) -> bool {
    // Fails closed: an attacker who makes the folder unreadable stops the runs, and cannot hide a
    // stop.
    is_there(&target.path(data)).unwrap_or(true)
}

/// Whether there is anything at a switch's path: a link that leads nowhere and a pipe are switches as well.
fn is_there(path: &FilePath) -> Result<bool, FileError> {
    Ok(files::own_facts_of(path)?.is_some())
}

/// Lifts the switch of a target; false if it was not set. A run that ended stays ended.
///
/// # Errors
///
/// Returns [`FileError`] if the file cannot be removed.
pub fn lift(data: &DataDir, target: &KillTarget) -> Result<bool, FileError> {
    let path = target.path(data);
    let was_set = files::remove_file(&path)?;
    if was_set && let Some(folder) = path.parent() {
        files::sync_folder(&folder)?;
    }
    Ok(was_set)
}

/// The stop that somebody asked for, who is named at the start of the message: `by NAME`, or `by NAME: reason`.
///
/// Without a name nobody is recorded: anyone who can create a file can stop a run, and need not say who they are.
#[must_use]
pub fn asked_stop(cause: StopCause, message: String) -> RunStop {
    let named = message.strip_prefix("by ");
    let name = named.map(|rest| rest.split_once(": ").map_or(rest, |(name, _)| name));
    let by = name
        .filter(|name| Id::parse(name).is_ok())
        .map(str::to_owned);
    RunStop { cause, message, by }
}

/// A stop given within this process. It takes effect at once, and no full disk delays it; a stop
/// that must outlive the process is a file as well.
#[derive(Clone, Debug, Default)]
pub struct InProcessStop(Arc<OnceLock<RunStop>>);

impl InProcessStop {
    /// Stops the run; the first reason stays.
    pub fn stop(&self, stop: RunStop) {
        let _first = self.0.set(stop);
    }

    /// The stop, if it was given.
    #[must_use]
    pub fn get(&self) -> Option<&RunStop> {
        self.0.get()
    }
}

/// Everything that can stop one run.
#[derive(Debug)]
pub struct KillSwitch {
    in_process: InProcessStop,
    /// Each file with its cause, the narrowest first.
    files: Vec<(StopCause, FilePath)>,
}

impl KillSwitch {
    /// The switch of a run.
    #[must_use]
    pub fn new(data: &DataDir, account: &Id, execution: Option<&Execution>) -> Self {
        Self::with_stop(data, account, execution, InProcessStop::default())
    }

    /// The switch of a run that this process can stop as well.
    #[must_use]
    pub fn with_stop(
        data: &DataDir,
        account: &Id,
        execution: Option<&Execution>,
        in_process: InProcessStop,
    ) -> Self {
        let mut targets: Vec<KillTarget> = execution
            .cloned()
            .map(KillTarget::Run)
            .into_iter()
            .collect();
        targets.push(KillTarget::Account(account.clone()));
        targets.push(KillTarget::Installation);
        let files = targets
            .iter()
            .map(|target| (target.cause(), target.path(data)));
        Self {
            in_process,
            files: files.collect(),
        }
    }

    /// The stop, if there is one. An unreadable switch counts as one.
    #[must_use]
    pub fn active_stop(&self) -> Option<RunStop> {
        if let Some(stop) = self.in_process.get() {
            return Some(stop.clone());
        }
        for (cause, path) in &self.files {
            if matches!(is_there(path), Ok(false)) {
                continue;
            }
            // Bounded, since the reason becomes part of a record; and only of a plain file: a run that waited for what
            // a pipe gives could not be stopped any more.
            let message = match files::read_plain(path, REASON_BYTES_MAX) {
                Ok(reason) => String::from_utf8_lossy(&reason).trim().to_owned(),
                // Fails closed: a switch that cannot be read may be set.
                Err(error) => format!("the switch cannot be read: {}", error.source),
            };
            return Some(asked_stop(*cause, message));
        }
        None
    }
}
