//! The lease of an account: one process may trade it, and each that ever did has an epoch of its own,
//! which only grows. It must never know an order.
//!
//! ```text
//! DATA/leases/<account id>.lock   locked by the kernel for the process that has the account
//! DATA/leases/<account id>.lease  the epoch and the holder, replaced whole
//! ```
//!
//! No time is part of it: a clock that jumps changes nothing.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::store::data_dir::DataDir;
use counterfoil_governance::id::{Id, IdError};
use counterfoil_os::lock::FileLock;
use serde::{Deserialize, Serialize};

use counterfoil_os::files::{self, FileError};

/// The format of the lease's file.
const FORMAT: &str = "counterfoil-lease/1";

/// Runs of one account in one process, where nothing else is asked for: more than a person can watch
/// is no account's need.
pub const RUNS_PER_ACCOUNT_MAX: usize = 8;

/// Why an account is not to be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LeaseError {
    /// A file could not be read, written or locked.
    #[error(transparent)]
    File(#[from] FileError),
    /// The account's name is no id.
    #[error("account.id: {0}")]
    Account(#[from] IdError),
    /// Another process has the account.
    #[error("lease.held: another process trades account {account}; it holds {path}")]
    Held {
        /// The account.
        account: String,
        /// The lock's file.
        path: String,
    },
    /// The file is none of a lease. To begin again at 1 could let an old process trade.
    #[error(
        "lease.unreadable: {path} is no lease of account {account}: {reason}; restore it, or put an \
         epoch into it that was never used"
    )]
    Unreadable {
        /// The account.
        account: String,
        /// The file.
        path: String,
        /// Why not.
        reason: String,
    },
    /// Another process has taken the account since.
    #[error("lease.lost: account {account} is in epoch {found}, this process is of {own}")]
    Lost {
        /// The account.
        account: String,
        /// The epoch of now.
        found: u64,
        /// This process's.
        own: u64,
    },
    /// As many runs as are allowed trade the account.
    #[error("account.runs: {most} runs trade account {account}, which is all that may")]
    RunsLimit {
        /// The account.
        account: String,
        /// How many.
        most: usize,
    },
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

/// What the file holds.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Written {
    format: String,
    account: String,
    epoch: u64,
    process: u32,
}

/// The right to trade one account, given back when dropped. The kernel gives it back when the process
/// is killed.
#[derive(Debug)]
#[must_use]
pub struct Lease {
    _lock: FileLock,
    account: Id,
    path: PathBuf,
    epoch: u64,
    runs: AtomicUsize,
}

/// The leases that runs of this process have, by data directory and account: the kernel's lock is
/// one process's, and its runs share it.
static HELD: Mutex<BTreeMap<(PathBuf, Id), Weak<Lease>>> = Mutex::new(BTreeMap::new());

/// The place of one run among those of its account.
#[derive(Debug)]
#[must_use]
pub struct RunSlot {
    lease: Arc<Lease>,
}

impl Lease {
    /// Takes the account: the new epoch is durable when this returns.
    ///
    /// # Errors
    ///
    /// Returns [`LeaseError`] if another process has it, or it cannot be told.
    pub fn take(data: &DataDir, account: &Id) -> Result<Arc<Self>, LeaseError> {
        let folder = data.root().join("leases");
        files::make_folder(&folder)?;
        let lock_path = folder.join(format!("{account}.lock"));
        let lock = FileLock::try_take(&lock_path)?.ok_or_else(|| LeaseError::Held {
            account: account.to_string(),
            path: lock_path.display().to_string(),
        })?;
        let mut lease = Self {
            _lock: lock,
            account: account.clone(),
            path: folder.join(format!("{account}.lease")),
            epoch: 0,
            runs: AtomicUsize::new(0),
        };
        let last = lease.read()?.unwrap_or(0);
        let next = last.checked_add(1).filter(|next| *next < u64::MAX);
        lease.epoch = next.ok_or_else(|| lease.unreadable("its epoch cannot grow".to_owned()))?;
        let written = Written {
            format: FORMAT.to_owned(),
            account: account.to_string(),
            epoch: lease.epoch,
            process: std::process::id(),
        };
        let text = serde_json::to_vec(&written);
        let text = text.map_err(|error| lease.unreadable(error.to_string()))?;
        files::write_whole(&lease.path, &text)?;
        files::sync_folder(data.root())?;
        Ok(Arc::new(lease))
    }

    /// The account for this process: its lease if a run of it has it already, else a new one.
    ///
    /// # Errors
    ///
    /// As [`Lease::take`].
    pub fn of_process(data: &DataDir, account: &Id) -> Result<Arc<Self>, LeaseError> {
        let place = (data.root().to_path_buf(), account.clone());
        let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|_, lease| lease.strong_count() > 0);
        if let Some(lease) = held.get(&place).and_then(Weak::upgrade) {
            return Ok(lease);
        }
        let lease = Self::take(data, account)?;
        held.insert(place, Arc::downgrade(&lease));
        Ok(lease)
    }

    /// The epoch of this process.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The account.
    #[must_use]
    pub const fn account(&self) -> &Id {
        &self.account
    }

    /// Checks that no other process has taken the account since. The lock alone would not say: its
    /// file may have been deleted.
    ///
    /// # Errors
    ///
    /// Returns [`LeaseError`] if one has, or it cannot be told.
    pub fn check(&self) -> Result<(), LeaseError> {
        let found = self.read()?.unwrap_or(0);
        if found == self.epoch {
            return Ok(());
        }
        Err(LeaseError::Lost {
            account: self.account.to_string(),
            found,
            own: self.epoch,
        })
    }

    /// A place for one more run, of at most so many.
    ///
    /// # Errors
    ///
    /// Returns [`LeaseError::RunsLimit`] if there is none.
    pub fn admit(self: &Arc<Self>, most: usize) -> Result<RunSlot, LeaseError> {
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

    /// The epoch in the file; `None` if there is no file.
    fn read(&self) -> Result<Option<u64>, LeaseError> {
        let bytes = match std::fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(FileError::at("read", &self.path)(error).into()),
        };
        let written: Written =
            serde_json::from_slice(&bytes).map_err(|error| self.unreadable(error.to_string()))?;
        if written.format != FORMAT || written.account != self.account.as_str() {
            return Err(self.unreadable("it is of another format or account".to_owned()));
        }
        Ok(Some(written.epoch))
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
