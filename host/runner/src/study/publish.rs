//! A journal as a static tiled log (C2SP `tlog-tiles`): tiles, entry bundles, and the checkpoint that covers them. All of
//! it is derived from the journal's file and can be written again. It must never change the journal.

use std::path::{Path, PathBuf};

use counterfoil_journal::bundle::{EntryBundleError, encode_entry};
use counterfoil_journal::hash::leaf_hash;
use counterfoil_journal::tile::{TILE_WIDTH, TileCutter, TileKind, TileName};
use counterfoil_os::files::{FileError, make_folder, write_whole};

use crate::run::journal::{JournalReader, ReadJournalError};
use crate::store::data_dir::Execution;

/// Why a journal could not be published.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    #[error(transparent)]
    Read(#[from] ReadJournalError),
    #[error(transparent)]
    File(#[from] FileError),
    /// An entry does not fit in a bundle.
    #[error(transparent)]
    Bundle(#[from] EntryBundleError),
    #[error("the journal has no checkpoint yet; publish it after its first signed decision")]
    NothingSigned,
}

/// Counts of a published log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PublishReport {
    /// Entries, all covered by the checkpoint.
    pub entries: u64,
    /// Files written, the checkpoint included.
    pub files: u64,
}

/// Writes the log that the journal's last checkpoint covers into `folder`. The checkpoint is written last, so its readers
/// find the tiles that it covers. Publishing a grown journal into the same folder adds to it.
///
/// # Errors
///
/// Returns [`PublishError`] if the journal cannot be read or a file cannot be written. Publishing
/// again completes the log.
///
/// Source: C2SP tlog-tiles.
pub fn publish(
    execution: &Execution,
    folder: &Path,
    progress: &mut dyn FnMut(u64),
) -> Result<PublishReport, PublishError> {
    // The checkpoint is chosen before the tiles are made. A live run appends meanwhile, and entries after this
    // checkpoint are not published under it.
    let (size, checkpoint) = last_checkpoint(execution)?;
    let mut out = TileFolder {
        root: folder,
        files: 0,
    };
    let mut reader = JournalReader::open(&execution.journal())?;
    let mut cutter = TileCutter::new();
    let mut bundle = Vec::new();
    for index in 0..size {
        let Some(entry) = reader.next_entry()? else {
            break;
        };
        encode_entry(entry, &mut bundle)?;
        for (name, contents) in cutter.push(leaf_hash(entry)) {
            out.write(&name, &contents)?;
        }
        let width = index % u64::from(TILE_WIDTH) + 1;
        if width == u64::from(TILE_WIDTH) || index + 1 == size {
            out.bundle(index, width, &bundle)?;
            bundle.clear();
            progress(index + 1);
        }
    }
    for (name, contents) in cutter.partial() {
        out.write(&name, &contents)?;
    }
    // Last of all, and each file is durable before the next. If publishing stops here, readers see the old checkpoint
    // with more tiles than it needs; a checkpoint without its tiles would look like a log that withholds entries.
    out.file(&folder.join("checkpoint"), checkpoint.as_bytes())?;
    Ok(PublishReport {
        entries: size,
        files: out.files,
    })
}

/// The journal's last checkpoint, and the number of entries it covers.
fn last_checkpoint(execution: &Execution) -> Result<(u64, String), PublishError> {
    let mut reader = JournalReader::open(&execution.journal())?;
    while reader.next_entry()?.is_some() {}
    let last = reader.last_checkpoint().cloned();
    last.ok_or(PublishError::NothingSigned)
}

struct TileFolder<'a> {
    root: &'a Path,
    files: u64,
}

impl TileFolder<'_> {
    fn bundle(&mut self, last: u64, width: u64, bundle: &[u8]) -> Result<(), PublishError> {
        let index = last / u64::from(TILE_WIDTH);
        let width = u16::try_from(width).unwrap_or(TILE_WIDTH);
        // An index and a width from 1 to 256 always give a name.
        match TileName::new(TileKind::Entries, index, width) {
            Some(name) => self.write(&name, bundle),
            None => Ok(()),
        }
    }

    fn write(&mut self, name: &TileName, contents: &[u8]) -> Result<(), PublishError> {
        let path: PathBuf = self.root.join(name.to_string());
        self.file(&path, contents)
    }

    fn file(&mut self, path: &Path, contents: &[u8]) -> Result<(), PublishError> {
        if let Some(folder) = path.parent() {
            make_folder(folder)?;
        }
        write_whole(path, contents)?;
        self.files = self.files.saturating_add(1);
        Ok(())
    }
}
