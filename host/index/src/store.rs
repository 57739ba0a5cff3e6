//! The index's files: terms to record numbers in sled, under a seal. It must never hand sled a byte
//! that sled did not write: files that do not match their seal are thrown away unread.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use counterfoil_governance::FileError;
use counterfoil_governance::ledger::LedgerMark;

use crate::files;
use crate::seal::Seal;

/// The most bytes of a term that are kept: what is longer is found by its beginning.
pub const TERM_BYTES_MAX: usize = 160;

/// sled's page cache, in bytes: less than the least it would take by itself.
const CACHE_BYTES: u64 = 32 << 20;

/// Terms added to sled at once: large enough to be quick, small enough for memory.
const BATCH_TERMS: usize = 20_000;

/// Why the index is not at hand; whoever asked answers without it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// Another process uses it.
    #[error("another process uses the index")]
    Busy,
    /// The database could not be read or written.
    #[error("the index's database: {0}")]
    Database(#[from] sled::Error),
}

/// The index of one ledger, held by this process.
#[derive(Debug)]
pub(crate) struct Store {
    folder: PathBuf,
    origin: String,
    db: sled::Db,
    mark: Option<LedgerMark>,
    /// Given back when dropped; the last field, so that the database is closed by then.
    _lock: File,
}

impl Store {
    /// Opens the index in `folder` for the ledger `origin`. One that is missing, damaged, or of
    /// another ledger is empty.
    pub(crate) fn open(folder: &Path, origin: &str) -> Result<Self, IndexError> {
        let lock = lock(folder)?;
        let seal = fs::read(folder.join(SEAL)).ok();
        let seal = seal.and_then(|bytes| Seal::decode(&bytes));
        let db_folder = folder.join(DB);
        // What cannot even be read is no index.
        let digest = files::digest(&db_folder).ok();
        let seal = seal.filter(|seal| seal.origin == origin && Some(seal.files) == digest);
        if seal.is_none() {
            clear(folder)?;
        } else {
            // Whoever dies from here on leaves files without a seal.
            files::remove(&folder.join(SEAL))?;
        }
        Ok(Self {
            folder: folder.to_path_buf(),
            origin: origin.to_owned(),
            db: database(&db_folder)?,
            mark: seal.map(|seal| seal.mark),
            _lock: lock,
        })
    }

    /// How much of the ledger it knows; nothing if it is empty.
    pub(crate) const fn mark(&self) -> Option<LedgerMark> {
        self.mark
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) -> Result<(), IndexError> {
        self.db.clear()?;
        self.mark = None;
        Ok(())
    }

    /// Adds what records say, each with its number.
    pub(crate) fn add(
        &mut self,
        records: impl Iterator<Item = (u64, BTreeSet<String>)>,
    ) -> Result<(), IndexError> {
        let (mut batch, mut count) = (sled::Batch::default(), 0_usize);
        for (index, terms) in records {
            for term in terms {
                let mut key = cut(&term).to_vec();
                key.push(0);
                key.extend(index.to_be_bytes());
                batch.insert(key, &[]);
                count = count.saturating_add(1);
            }
            if count >= BATCH_TERMS {
                self.db.apply_batch(core::mem::take(&mut batch))?;
                count = 0;
            }
        }
        self.db.apply_batch(batch)?;
        Ok(())
    }

    /// The numbers of the records with a term that begins like this, and perhaps of some more.
    pub(crate) fn find(&self, beginning: &str) -> Result<BTreeSet<u64>, IndexError> {
        let mut found = BTreeSet::new();
        for key in self.db.scan_prefix(cut(beginning)).keys() {
            let key = key?;
            let number = key.len().checked_sub(8).and_then(|from| key.get(from..));
            let number = number.and_then(|bytes| bytes.try_into().ok());
            found.extend(number.map(u64::from_be_bytes));
        }
        Ok(found)
    }

    /// Makes it durable enough to be found whole, and seals it: it knows the ledger up to `mark`.
    pub(crate) fn close(self, mark: LedgerMark) -> Result<(), IndexError> {
        let Self {
            folder,
            origin,
            db,
            _lock: lock,
            ..
        } = self;
        db.flush()?;
        drop(db);
        let seal = Seal {
            origin,
            mark,
            files: files::digest(&folder.join(DB))?,
        };
        files::write_whole(&folder, SEAL, seal.encode().as_bytes())?;
        drop(lock);
        Ok(())
    }
}

/// Takes the index away; it is made again when somebody searches.
pub(crate) fn remove(folder: &Path) -> Result<(), IndexError> {
    let lock = lock(folder)?;
    clear(folder)?;
    drop(lock);
    Ok(())
}

/// What the seal says, without opening anything else.
pub(crate) fn sealed(folder: &Path) -> Option<Seal> {
    let bytes = fs::read(folder.join(SEAL)).ok()?;
    Seal::decode(&bytes)
}

const SEAL: &str = "seal";
const DB: &str = "db";

fn clear(folder: &Path) -> Result<(), IndexError> {
    files::remove(&folder.join(SEAL))?;
    files::remove(&folder.join(DB))?;
    Ok(())
}

/// The right to use the index. The kernel gives it back when a process dies.
fn lock(folder: &Path) -> Result<File, IndexError> {
    fs::create_dir_all(folder).map_err(FileError::at("create folder", folder))?;
    let path = folder.join("lock");
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    let file = options.open(&path).map_err(FileError::at("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(IndexError::Busy),
        Err(TryLockError::Error(error)) => Err(FileError::at("lock", &path)(error).into()),
    }
}

fn database(path: &Path) -> Result<sled::Db, IndexError> {
    let config = sled::Config::new()
        .path(path)
        .mode(sled::Mode::HighThroughput)
        .cache_capacity(CACHE_BYTES)
        .flush_every_ms(None);
    Ok(config.open()?)
}

fn cut(term: &str) -> &[u8] {
    let bytes = term.as_bytes();
    bytes.get(..TERM_BYTES_MAX).unwrap_or(bytes)
}
