//! The ledger of a data directory, read and verified each time, behind what was verified before where the caller can
//! trust that. It must never change the ledger's file.

use crate::ledger_seen::{LedgerSeen, LedgerSeenError, SeenBefore};
use counterfoil_governance::id::{Id, IdError};
use counterfoil_governance::ledger::{
    LedgerError, LedgerMark, PrefixDigests, VerifiedLedger, origin, verify_behind,
};
use counterfoil_governance::record::LedgerRecord;
use counterfoil_governance::state::LedgerState;
use counterfoil_index::{IndexSecret, read_mark, write_mark};
use counterfoil_journal::key::{VerifierKey, VerifierKeyError};
use counterfoil_os::file_path::FilePath;
use counterfoil_os::files::{FileError, is_folder, names_in, read_whole};
use counterfoil_runner::store::data_dir::DataDir;
use counterfoil_runner::store::keys::{KeyDir, KeyDirError};
use counterfoil_trading::time::UnixNanos;

/// The folder of the ledger in the data directory.
const FOLDER: &str = "ledger";
/// What the name of the ledger's file ends with, after the ledger's own name.
const ENDING: &str = ".ledger";

/// Why the ledger of a data directory cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerViewError {
    /// A file or folder could not be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The key folder has no public key of the log.
    #[error("no public key of the log in the key folder; name the folder with --key-dir")]
    LogKey(#[source] KeyDirError),
    /// The log's public key cannot verify anything.
    #[error(transparent)]
    Key(#[from] VerifierKeyError),
    /// The folder holds no ledger.
    #[error("no ledger in {folder}; create one with `counterfoil ledger init NAME --as YOU`")]
    Missing { folder: String },
    /// The folder holds more than one ledger.
    #[error("more than one ledger in {folder}; a data directory has one: move the others away")]
    Several { folder: String },
    /// The name of a ledger's file is not a valid id.
    #[error("the ledger file {name:?} has an invalid name; move it out of the ledger folder")]
    Name {
        name: String,
        /// Why it is not valid.
        source: IdError,
    },
    /// It is an older copy, or what was seen of it cannot be read.
    #[error(transparent)]
    Seen(#[from] LedgerSeenError),
    /// A hash, a signature or a rule fails.
    #[error("the ledger {path} does not verify")]
    Verify {
        /// The ledger's file.
        path: String,
        /// The first record that fails, and why.
        source: LedgerError,
    },
}

/// A ledger's verified records.
#[derive(Clone, Debug)]
pub struct LedgerView {
    /// The ledger's name.
    pub name: Id,
    /// Its file.
    pub path: FilePath,
    /// The key that verified it.
    pub key: VerifierKey,
    /// Where the records stand and what they add up to.
    pub verified: VerifiedLedger,
    /// The file's bytes.
    bytes: Vec<u8>,
    /// What was seen of it here; `None` without the keys of its log.
    pub seen: Option<LedgerSeen>,
}

impl LedgerView {
    /// The ledger of a data directory, under the log's public key in the key folder.
    ///
    /// # Errors
    ///
    /// Returns [`LedgerViewError`] if there is no ledger, no key, or the ledger does not verify.
    pub fn open(data: &DataDir, keys: &KeyDir) -> Result<Self, LedgerViewError> {
        let marked = MarkedPart::of(data, keys);
        UnverifiedLedger::open(data, keys)?.verified(marked.as_ref())
    }

    /// The same, for a check that reports a changed public key instead of trusting it: where the
    /// public key's file does not verify the ledger, the log's secret key says which key to trust.
    ///
    /// # Errors
    ///
    /// As [`LedgerView::open`].
    pub fn open_with_own_key(data: &DataDir, keys: &KeyDir) -> Result<Self, LedgerViewError> {
        // Only for reports of drift: a process that can replace the public key's file must not choose which ledger
        // other commands trust.
        match (Self::open(data, keys), keys.secret_public()) {
            // An older copy holds under the right key.
            (Err(LedgerViewError::Seen(error)), _) => Err(error.into()),
            (Err(_), Ok(Some(key))) => Self::open_with_key(data, key),
            (opened, _) => opened,
        }
    }

    /// The same under a key that the caller trusts.
    ///
    /// # Errors
    ///
    /// As [`LedgerView::open`].
    pub fn open_with_key(data: &DataDir, key: [u8; 32]) -> Result<Self, LedgerViewError> {
        UnverifiedLedger::open_with_key(data, &key)?.verified(None)
    }

    /// The number of records.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.verified.places.count()
    }

    /// The record of this index; `None` if there is none.
    ///
    /// # Errors
    ///
    /// Returns [`LedgerViewError::Verify`] if the bytes changed in memory since they were verified.
    pub fn record(&self, index: u64) -> Result<Option<LedgerRecord>, LedgerViewError> {
        let record = self.verified.places.record(&self.bytes, index);
        record.map_err(|source| self.not_verified(source))
    }

    /// The records from `first` on with their indexes, the oldest first.
    pub fn records(
        &self,
        first: u64,
    ) -> impl Iterator<Item = Result<(u64, LedgerRecord), LedgerViewError>> + '_ {
        let all = self.verified.places.records(&self.bytes, first);
        all.map(|record| record.map_err(|source| self.not_verified(source)))
    }

    fn not_verified(&self, source: LedgerError) -> LedgerViewError {
        LedgerViewError::Verify {
            path: self.path.display().to_string(),
            source,
        }
    }

    /// When the record of this index was made.
    ///
    /// # Errors
    ///
    /// As [`LedgerView::record`].
    pub fn time_of(&self, index: u64) -> Result<Option<UnixNanos>, LedgerViewError> {
        Ok(self.record(index)?.map(|record| record.signed.time))
    }

    /// The state after the last record.
    #[must_use]
    pub const fn state(&self) -> &LedgerState {
        &self.verified.state
    }
}

/// A ledger's bytes as they were read, and the key that is to verify them.
#[derive(Debug)]
pub(crate) struct UnverifiedLedger {
    name: Id,
    path: FilePath,
    pub(crate) key: VerifierKey,
    pub(crate) bytes: Vec<u8>,
    seen: Option<SeenBefore>,
}

impl UnverifiedLedger {
    /// The ledger of a data directory, under the log's public key in the key folder.
    pub(crate) fn open(data: &DataDir, keys: &KeyDir) -> Result<Self, LedgerViewError> {
        let key = keys.public_key().map_err(LedgerViewError::LogKey)?;
        let seen = LedgerSeen::beside_keys(keys, data)?;
        let seen = seen.map(|seen| seen.look()).transpose()?;
        let ledger = Self::open_with_key(data, &key)?;
        Ok(Self { seen, ..ledger })
    }

    fn open_with_key(data: &DataDir, key: &[u8; 32]) -> Result<Self, LedgerViewError> {
        let (name, path) = find(data)?;
        let key = VerifierKey::new(&origin(&name), key)?;
        Ok(Self {
            bytes: read_whole(&path)?,
            name,
            path,
            key,
            seen: None,
        })
    }

    /// Checks a ledger that was verified: an older copy verifies as well, and would revive keys that were revoked since.
    pub(crate) fn check_seen(
        &self,
        digests: &mut PrefixDigests<'_>,
    ) -> Result<(), LedgerSeenError> {
        self.seen
            .as_ref()
            .map_or(Ok(()), |before| before.check(digests))
    }

    fn verified(self, marked: Option<&MarkedPart>) -> Result<LedgerView, LedgerViewError> {
        let mut digests = PrefixDigests::new(&self.bytes);
        let verified = match marked {
            None => verify_behind(&mut digests, &self.key, None).map(|(found, _)| found),
            Some(marked) => marked.verify(&mut digests, &self.key),
        };
        let verified = verified.map_err(|source| LedgerViewError::Verify {
            path: self.path.display().to_string(),
            source,
        })?;
        self.check_seen(&mut digests)?;
        let Self {
            name,
            path,
            key,
            seen,
            bytes,
        } = self;
        if let Some(before) = &seen {
            before.keep_read(&verified.mark(), &path)?;
        }
        Ok(LedgerView {
            name,
            path,
            key,
            verified,
            bytes,
            seen: seen.map(|before| before.seen),
        })
    }
}

/// Records that are added before a mark is written anew: far fewer than a command can verify.
const RECORDS_PER_MARK: u64 = 64;

/// How much of a data directory's ledger was verified before, as a file that needs a secret of the key folder.
#[derive(Debug)]
pub struct MarkedPart {
    path: FilePath,
    secret: IndexSecret,
}

impl MarkedPart {
    /// The mark of a data directory; `None` for whoever has no secret to trust it by.
    #[must_use]
    pub fn of(data: &DataDir, keys: &KeyDir) -> Option<Self> {
        let secret = IndexSecret(keys.index_secret()?);
        let path = data.root().join("index").join("ledger.mark");
        Some(Self { path, secret })
    }

    /// What was verified before of the ledger `origin`.
    #[must_use]
    pub fn read(&self, origin: &str) -> Option<LedgerMark> {
        read_mark(&self.path, origin, &self.secret)
    }

    /// Verifies a ledger behind its mark, and moves the mark on.
    fn verify(
        &self,
        digests: &mut PrefixDigests<'_>,
        key: &VerifierKey,
    ) -> Result<VerifiedLedger, LedgerError> {
        let mark = self.read(key.name());
        let (found, known) = verify_behind(digests, key, mark.as_ref())?;
        if found.mark().size >= known.saturating_add(RECORDS_PER_MARK) {
            // Only a shorter wait: without it the next command verifies what this one did.
            let _best_effort = write_mark(&self.path, key.name(), found.mark(), &self.secret);
        }
        Ok(found)
    }
}

/// Where the ledger of this name is stored, or will be.
#[must_use]
pub fn path_of(data: &DataDir, name: &Id) -> FilePath {
    folder(data).join(format!("{name}{ENDING}"))
}

/// The folder of the ledger in a data directory.
#[must_use]
pub fn folder(data: &DataDir) -> FilePath {
    data.root().join(FOLDER)
}

/// The one ledger of a data directory: its name and its file.
///
/// # Errors
///
/// Returns [`LedgerViewError`] if there is none, or more than one: a process that could add a second file
/// would otherwise choose which ledger counts.
pub fn find(data: &DataDir) -> Result<(Id, FilePath), LedgerViewError> {
    let folder = folder(data);
    // Counted rather than taken by name: a copy of an older ledger beside the real one would otherwise
    // take back what was recorded since.
    let mut found = all(&folder)?;
    let name = || folder.display().to_string();
    match (found.pop(), found.pop()) {
        (Some(found), None) => Ok(found),
        (None, _) => Err(LedgerViewError::Missing { folder: name() }),
        (Some(_), Some(_)) => Err(LedgerViewError::Several { folder: name() }),
    }
}

/// Every ledger in a folder.
///
/// # Errors
///
/// Returns [`LedgerViewError`] if the folder cannot be read, or a ledger's name is not valid.
pub fn all(folder: &FilePath) -> Result<Vec<(Id, FilePath)>, LedgerViewError> {
    let mut found = Vec::new();
    if !is_folder(folder)? {
        return Ok(found);
    }
    for file in names_in(folder)? {
        // Other files are not ledgers, so a copy or a note that an operator leaves here does not stop every
        // command.
        let Some(name) = file.strip_suffix(ENDING) else {
            continue;
        };
        let id = Id::parse(name).map_err(|source| LedgerViewError::Name {
            name: name.to_owned(),
            source,
        })?;
        found.push((id, folder.join(&file)));
    }
    Ok(found)
}
