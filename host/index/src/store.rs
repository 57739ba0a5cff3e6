//! The index's files: terms to record numbers in sled, under a seal. It must never hand sled a byte
//! that sled did not write: files that do not match their seal are thrown away unread.

use std::collections::BTreeSet;
use std::path::Path;

use counterfoil_governance::ledger::{LedgerError, LedgerMark};
use counterfoil_os::file_path::{FilePath, OpenedFolder};
use counterfoil_os::files::{FileError, make_folder, read_plain, write_whole_unsynced};
use counterfoil_os::lock::FileLock;

use crate::files;
use crate::seal::{IndexSeal, IndexSecret};

/// The most bytes of a term that are kept: what is longer is found by its beginning.
pub const TERM_BYTES_MAX: usize = 160;

/// sled's page cache, in bytes: less than the least it would take by default.
const CACHE_BYTES: u64 = 32 << 20;

/// Terms added to sled at once: large enough to be quick, small enough for memory.
const BATCH_TERMS: usize = 20_000;

/// Why the index cannot be used; the caller answers from the ledger.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// Another process uses it.
    #[error("another process is using the index")]
    Busy,
    /// The caller has no secret to seal one with.
    #[error("an index needs the salt key of the key folder")]
    NoSecret,
    /// A record that was verified cannot be read.
    #[error(transparent)]
    Record(#[from] LedgerError),
    /// The database could not be read or written.
    #[error("the index database failed: {0}")]
    Database(#[from] sled::Error),
}

/// The index of one ledger, held by this process.
#[derive(Debug)]
pub(crate) struct IndexStore {
    folder: FilePath,
    origin: String,
    secret: IndexSecret,
    db: sled::Db,
    /// Open for as long as the database, which reaches its files through it.
    _db_folder: OpenedFolder,
    mark: Option<LedgerMark>,
    /// Given back when dropped; the last field, so that the database is closed by then.
    _lock: FileLock,
}

impl IndexStore {
    /// Opens the index in `folder` for the ledger `origin`. One that is missing, damaged, or of
    /// another ledger is empty.
    pub(crate) fn open(
        folder: &FilePath,
        origin: &str,
        secret: &IndexSecret,
    ) -> Result<Self, IndexError> {
        let lock = lock(folder)?;
        let db_folder = folder.join(DB);
        // Files that cannot even be read have no digest, and match no seal.
        let digest = files::digest(&db_folder).ok();
        // sled trusts its own files: a page that was changed can make it panic, or answer with
        // records that never were. So they are opened only if every byte is what was sealed.
        let seal = read_plain(&folder.join(SEAL), SEAL_BYTES_MAX)
            .ok()
            .and_then(|bytes| IndexSeal::decode(&bytes, secret))
            .filter(|seal| seal.origin == origin && seal.files.is_some() && seal.files == digest);
        if seal.is_none() {
            clear(folder)?;
        } else {
            // A process that dies from here on leaves files without a seal, which the next one throws
            // away. With the old seal beside new files it would do the same, one read later.
            files::remove(&folder.join(SEAL))?;
        }
        make_folder(&db_folder)?;
        let opened = OpenedFolder::open(&db_folder);
        let opened = opened.map_err(FileError::at("open folder", &db_folder))?;
        Ok(Self {
            folder: folder.clone(),
            origin: origin.to_owned(),
            secret: secret.clone(),
            db: database(opened.path())?,
            _db_folder: opened,
            mark: seal.map(|seal| seal.mark),
            _lock: lock,
        })
    }

    /// The part of the ledger that it knows; `None` if it is empty.
    pub(crate) const fn mark(&self) -> Option<LedgerMark> {
        self.mark
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) -> Result<(), IndexError> {
        self.db.clear()?;
        self.mark = None;
        Ok(())
    }

    /// Adds the terms of records, each with its number.
    pub(crate) fn add(
        &mut self,
        records: impl Iterator<Item = Result<(u64, BTreeSet<String>), LedgerError>>,
    ) -> Result<(), IndexError> {
        let (mut batch, mut count) = (sled::Batch::default(), 0_usize);
        for record in records {
            let (index, terms) = record?;
            for term in terms {
                let mut key = cut(&term).to_vec();
                // Ends the term, so that "a" followed by a number is not the beginning of "ab".
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
    pub(crate) fn find_prefix(&self, beginning: &str) -> Result<BTreeSet<u64>, IndexError> {
        let mut found = BTreeSet::new();
        for key in self.db.scan_prefix(cut(beginning)).keys() {
            let key = key?;
            let number = key
                .len()
                .checked_sub(8)
                .and_then(|from| key.get(from..))
                .and_then(|bytes| bytes.try_into().ok())
                .map(u64::from_be_bytes);
            found.extend(number);
        }
        Ok(found)
    }

    /// Makes it durable enough to be found whole, and seals it: it knows the ledger up to `mark`.
    pub(crate) fn close(self, mark: LedgerMark) -> Result<(), IndexError> {
        let Self {
            folder,
            origin,
            secret,
            db,
            _lock: lock,
            ..
        } = self;
        db.flush()?;
        // Closed before its files are hashed: sled writes until then.
        drop(db);
        let seal = IndexSeal {
            origin,
            mark,
            files: Some(files::digest(&folder.join(DB))?),
        };
        // Not synced: an index that is lost in a crash is made again.
        write_whole_unsynced(&folder.join(SEAL), seal.encode(&secret).as_bytes())?;
        drop(lock);
        Ok(())
    }
}

/// Removes the index; the next search makes it again.
pub(crate) fn remove(folder: &FilePath) -> Result<(), IndexError> {
    let lock = lock(folder)?;
    clear(folder)?;
    drop(lock);
    Ok(())
}

/// The seal, without opening anything else.
pub(crate) fn sealed(folder: &FilePath, secret: &IndexSecret) -> Option<IndexSeal> {
    let bytes = read_plain(&folder.join(SEAL), SEAL_BYTES_MAX).ok()?;
    IndexSeal::decode(&bytes, secret)
}

const SEAL: &str = "seal";
/// Bytes of a seal: a few short lines.
const SEAL_BYTES_MAX: u64 = 4_096;
const DB: &str = "db";

fn clear(folder: &FilePath) -> Result<(), IndexError> {
    // The seal first: a crash in between leaves files without one, not a seal without its files.
    files::remove(&folder.join(SEAL))?;
    files::remove(&folder.join(DB))?;
    Ok(())
}

/// Takes the lock on the index. The kernel drops it when the process dies.
fn lock(folder: &FilePath) -> Result<FileLock, IndexError> {
    make_folder(folder)?;
    // Not waited for: a search that the ledger can answer must not hang on another process.
    FileLock::try_take(&folder.join("lock"))?.ok_or(IndexError::Busy)
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
