//! The lease of an account: one process may trade it, and each that ever did has a fencing token of
//! its own, which only grows. It must never know an order.
//!
//! ```text
//! DATA/leases/<account id>.lock   locked by the kernel for the process that has the account
//! DATA/leases/<account id>.lease  fencing token (`epoch`) and process, replaced whole
//! ```
//!
//! No time is part of it: a clock that jumps changes nothing.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use counterfoil_governance::id::{Id, IdError};
use counterfoil_os::file_path::FilePath;
use counterfoil_os::files::{self, FileError};
use counterfoil_os::lock::FileLock;
use serde::{Deserialize, Serialize};

use crate::store::data_dir::DataDir;

/// The format of the lease's file.
const FORMAT: &str = "counterfoil-lease/1";

/// Runs of one account in one process, unless configured otherwise: more than a person can watch.
pub const RUNS_PER_ACCOUNT_MAX: usize = 8;

/// Why an account's lease could not be taken, or is no longer held.
///
/// The texts of `File`, `Unreadable` and `Lost` are recorded in stop records: they never change.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LeaseError {
    /// A file could not be read, written or locked.
    #[error(transparent)]
    File(#[from] FileError),
    /// The account name is not a valid id.
    #[error("account.id: {0}")]
    Account(#[from] IdError),
    /// Another process has the account.
    #[error("lease.held: another process trades account {account} and holds {path}; stop it first")]
    Held { account: String, path: String },
    /// The lease file is malformed. To start over at 1 could let an old process trade.
    #[error(
        "lease.unreadable: {path} is not a lease of account {account}: {reason}; restore it, or put an \
         epoch into it that was never used"
    )]
    Unreadable {
        account: String,
        /// The lock file.
        path: String,
        reason: String,
    },
    /// Another process has taken the account since.
    #[error("lease.lost: account {account} is in epoch {found}, this process is of {own}")]
    Lost {
        account: String,
        /// The fencing token in the file.
        found: u64,
        /// This process's.
        own: u64,
    },
    /// The account has as many runs as it may.
    #[error("account.runs: account {account} has {most} runs, which is its maximum")]
    RunsLimit { account: String, most: usize },
}

impl LeaseError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::File(_) => "lease.file",
            Self::Account(_) => "account.id",
            Self::Held { .. } => "lease.held",
            Self::Unreadable { .. } => "lease.unreadable",
            Self::Lost { .. } => "lease.lost",
            Self::RunsLimit { .. } => "account.runs",
        }
    }
}

/// The content of the file.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct LeaseFile {
    format: String,
    account: String,
    #[serde(rename = "epoch")]
    fencing_token: u64,
    process: u32,
}

/// The right to trade one account, released when dropped. The kernel releases it when the process
/// is killed.
#[derive(Debug)]
#[must_use]
pub struct Lease {
    _lock: FileLock,
    account: Id,
    path: FilePath,
    fencing_token: u64,
    runs: AtomicUsize,
}

/// Bytes of a lease: a few short fields.
const BYTES_MAX: u64 = 4096;

/// The leases of this process, by data directory and account: the kernel's lock belongs to the
/// process, and its runs share it.
static HELD: Mutex<BTreeMap<(PathBuf, Id), Weak<Lease>>> = Mutex::new(BTreeMap::new());

/// The place of one run among those of its account.
#[derive(Debug)]
#[must_use]
pub struct RunSlot {
    lease: Arc<Lease>,
}

impl Lease {
    /// Takes the account: the new fencing token is durable when this returns.
    ///
    /// # Errors
    ///
    /// Returns [`LeaseError`] if another process has it, or that is unknown.
    pub fn acquire(data: &DataDir, account: &Id) -> Result<Arc<Self>, LeaseError> {
        let folder = data.root().join("leases");
        files::make_folder(&folder)?;
        let lock_path = folder.join(format!("{account}.lock"));
        // The kernel's lock, not the file's existence: a process that is killed leaves the file behind,
        // and the next one must not have to guess whether it still lives.
        let lock = FileLock::try_take(&lock_path)?.ok_or_else(|| LeaseError::Held {
            account: account.to_string(),
            path: lock_path.display().to_string(),
        })?;
        let mut lease = Self {
            _lock: lock,
            account: account.clone(),
            path: folder.join(format!("{account}.lease")),
            fencing_token: 0,
            runs: AtomicUsize::new(0),
        };
        // Under the lock: two processes at once would otherwise read the same number and both write
        // its successor.
        let last = lease.read()?.unwrap_or(0);
        // Never the same number again, not even after an overflow: order log and stop records name
        // the holder by it.
        let next = last.checked_add(1).filter(|next| *next < u64::MAX);
        lease.fencing_token =
            next.ok_or_else(|| lease.unreadable("its epoch cannot grow".to_owned()))?;
        let written = LeaseFile {
            format: FORMAT.to_owned(),
            account: account.to_string(),
            fencing_token: lease.fencing_token,
            process: std::process::id(),
        };
        let text =
            serde_json::to_vec(&written).map_err(|error| lease.unreadable(error.to_string()))?;
        // Replaced whole and synced before anything is traded. A crash before this leaves the old
        // number, under which this process has sent nothing; a crash after it skips a number, which
        // no one minds.
        files::write_whole(&lease.path, &text)?;
        files::sync_folder(data.root())?;
        Ok(Arc::new(lease))
    }

    /// The account's lease for this process: the one that another run of it holds, or a new one.
    ///
    /// # Errors
    ///
    /// As [`Lease::acquire`].
    pub fn acquire_shared(data: &DataDir, account: &Id) -> Result<Arc<Self>, LeaseError> {
        let place = (data.root().path().to_path_buf(), account.clone());
        let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        // Weak: the lease ends with its last run, and not with the process.
        held.retain(|_, lease| lease.strong_count() > 0);
        if let Some(lease) = held.get(&place).and_then(Weak::upgrade) {
            return Ok(lease);
        }
        let lease = Self::acquire(data, account)?;
        held.insert(place, Arc::downgrade(&lease));
        Ok(lease)
    }

    /// The fencing token of this process.
    #[must_use]
    pub const fn fencing_token(&self) -> u64 {
        self.fencing_token
    }

    /// The account.
    #[must_use]
    pub const fn account(&self) -> &Id {
        &self.account
    }

    /// Checks that no other process has taken the account since.
    ///
    /// # Errors
    ///
    /// Returns [`LeaseError`] if one has, or that is unknown.
    pub fn check(&self) -> Result<(), LeaseError> {
        // The lock alone does not prove it: its file may have been deleted, and another process may
        // have locked a new one. That process has then written a higher number here.
        let found = self.read()?.unwrap_or(0);
        if found == self.fencing_token {
            return Ok(());
        }
        Err(LeaseError::Lost {
            account: self.account.to_string(),
            found,
            own: self.fencing_token,
        })
    }

    /// A place for one more run, of at most `most`.
    ///
    /// # Errors
    ///
    /// Returns [`LeaseError::RunsLimit`] if there is none.
    pub fn admit_run(self: &Arc<Self>, most: usize) -> Result<RunSlot, LeaseError> {
        let count = |runs: usize| (runs < most).then(|| runs.saturating_add(1));
        let order = Ordering::SeqCst;
        match self.runs.fetch_update(order, order, count) {
            Ok(_) => Ok(RunSlot {
                lease: Arc::clone(self),
            }),
            Err(_) => Err(LeaseError::RunsLimit {
                account: self.account.to_string(),
                most,
            }),
        }
    }

    /// The fencing token in the file; `None` if there is no file.
    fn read(&self) -> Result<Option<u64>, LeaseError> {
        let bytes = match files::read_plain(&self.path, BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.source.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let written: LeaseFile =
            serde_json::from_slice(&bytes).map_err(|error| self.unreadable(error.to_string()))?;
        if written.format != FORMAT || written.account != self.account.as_str() {
            return Err(self.unreadable("it is of another format or account".to_owned()));
        }
        Ok(Some(written.fencing_token))
    }

    fn unreadable(&self, reason: String) -> LeaseError {
        LeaseError::Unreadable {
            account: self.account.to_string(),
            path: self.path.display().to_string(),
            reason,
        }
    }
}

impl RunSlot {
    /// The lease that it is a place of.
    #[must_use]
    pub fn lease(&self) -> &Arc<Lease> {
        &self.lease
    }
}

impl Drop for RunSlot {
    fn drop(&mut self) {
        self.lease.runs.fetch_sub(1, Ordering::SeqCst);
    }
}
