//! The kill switch: a file that is there stops a run, an account's runs or all of them. Whoever can
//! make a file in the folder can stop; nothing else has to be able to answer.
//!
//! ```text
//! DATA/kill/installation
//! DATA/kill/account-<account id>
//! DATA/kill/run-<run id>-<execution>
//! ```

use std::fs;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use counterfoil_governance::id::Id;
use counterfoil_os::files::{self, FileError};
use counterfoil_trading::record::{RunStop, StopCause};

use crate::store::data_dir::{DataDir, Execution};

/// The most bytes of a reason that are read.
const REASON_BYTES_MAX: u64 = 1_000;

/// What is stopped.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Target {
    /// One run.
    Run(Execution),
    /// Every run of an account.
    Account(Id),
    /// Every run.
    Installation,
}

impl Target {
    fn path(&self, data: &DataDir) -> PathBuf {
        let name = match self {
            Self::Run(one) => format!("run-{}-{}", one.run, one.number),
            Self::Account(id) => format!("account-{id}"),
            Self::Installation => "installation".to_owned(),
        };
        data.root().join("kill").join(name)
    }

    /// Why a run that it stops ends.
    #[must_use]
    pub const fn cause(&self) -> StopCause {
        match self {
            Self::Run(_) => StopCause::RunKilled,
            Self::Account(_) => StopCause::AccountKilled,
            Self::Installation => StopCause::InstallationKilled,
        }
    }
}

/// Stops the target, with a reason for the record. It is durable when this returns. Where the reason
/// cannot be written, as on a full disk, an empty file stops all the same.
///
/// # Errors
///
/// Returns [`FileError`] if it is not certain that it is stopped.
pub fn kill(data: &DataDir, target: &Target, reason: &str) -> Result<(), FileError> {
    let path = target.path(data);
    if let Some(folder) = path.parent() {
        files::make_folder(folder)?;
    }
    if let Err(error) = files::write_whole(&path, reason.as_bytes()) {
        bare(&path).map_err(|_| error)?;
    }
    files::sync_folder(data.root())
}

/// Makes the file, and leaves what is in it as it is.
fn bare(path: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)?;
    let folder = path.parent().map(fs::File::open).transpose()?;
    folder.map_or(Ok(()), |folder| folder.sync_all())
}

/// Whether the target is stopped. What cannot be told counts as stopped.
#[must_use]
pub fn is_set(data: &DataDir, target: &Target) -> bool {
    target.path(data).try_exists().unwrap_or(true)
}

/// Lets the target run again; false if it was not stopped. A run that ended stays ended.
///
/// # Errors
///
/// Returns [`FileError`] if the file cannot be taken away.
pub fn lift(data: &DataDir, target: &Target) -> Result<bool, FileError> {
    let path = target.path(data);
    match fs::remove_file(&path) {
        Ok(()) => {
            if let Some(folder) = path.parent() {
                files::sync_folder(folder)?;
            }
            Ok(true)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(FileError::at("remove", &path)(error)),
    }
}

/// A stop that was given within this process. It is there at once, and no full disk delays it;
/// what must outlive the process is a file as well.
#[derive(Clone, Debug, Default)]
pub struct Told(Arc<OnceLock<RunStop>>);

impl Told {
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

/// What can stop one run.
#[derive(Debug)]
pub struct KillSwitch {
    told: Told,
    /// Each with its file, the nearest first.
    files: Vec<(StopCause, PathBuf)>,
}

impl KillSwitch {
    /// The switch of a run.
    #[must_use]
    pub fn new(data: &DataDir, account: &Id, execution: Option<&Execution>) -> Self {
        Self::with(data, account, execution, Told::default())
    }

    /// The switch of a run that this process can stop too.
    #[must_use]
    pub fn with(data: &DataDir, account: &Id, execution: Option<&Execution>, told: Told) -> Self {
        let mut targets: Vec<Target> = execution.cloned().map(Target::Run).into_iter().collect();
        targets.push(Target::Account(account.clone()));
        targets.push(Target::Installation);
        let files = targets.iter().map(|one| (one.cause(), one.path(data)));
        Self {
            told,
            files: files.collect(),
        }
    }

    /// The stop, if there is one. What cannot be told counts as one.
    #[must_use]
    pub fn check(&self) -> Option<RunStop> {
        if let Some(stop) = self.told.get() {
            return Some(stop.clone());
        }
        for (cause, path) in &self.files {
            let message = match fs::File::open(path) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => format!("the switch cannot be read: {error}"),
                Ok(file) => {
                    let mut reason = Vec::new();
                    let read = file.take(REASON_BYTES_MAX).read_to_end(&mut reason);
                    match read {
                        Ok(_) => String::from_utf8_lossy(&reason).trim().to_owned(),
                        Err(error) => format!("the reason cannot be read: {error}"),
                    }
                }
            };
            let cause = *cause;
            return Some(RunStop { cause, message });
        }
        None
    }
}
