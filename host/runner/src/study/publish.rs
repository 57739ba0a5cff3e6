//! A journal as a static tiled log (C2SP `tlog-tiles`): tiles, entry bundles, and the checkpoint
//! that covers them. Everything here is derived from the journal's file and can be made again.

use std::path::{Path, PathBuf};

use counterfoil_journal::bundle::{EntryBundleError, encode_entry};
use counterfoil_journal::hash::leaf_hash;
use counterfoil_journal::tile::{TILE_WIDTH, TileCutter, TileKind, TileName};

use crate::run::journal::{JournalReader, ReadJournalError};
use crate::store::data_dir::Execution;
use counterfoil_os::files::{FileError, make_folder, write_whole};

/// Why a journal could not be published.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The journal could not be read.
    #[error(transparent)]
    Read(#[from] ReadJournalError),
    /// A file could not be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// An entry does not fit in a bundle.
    #[error(transparent)]
    Bundle(#[from] EntryBundleError),
    /// Nothing is signed yet.
    #[error("the journal has no checkpoint yet: nothing of it can be published")]
    NothingSigned,
}

/// What was published.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Published {
    /// Entries, all of them covered by the checkpoint.
    pub entries: u64,
    /// Files written, the checkpoint included.
    pub files: u64,
}

/// Writes the log that the journal's last checkpoint covers into `folder`. The checkpoint comes
/// last, so that whoever reads it finds the tiles it needs; publishing a journal that has grown
/// into the same folder adds to it.
///
/// # Errors
///
/// Returns [`PublishError`] if the journal cannot be read or a file cannot be written. Publishing
/// again goes on from there.
///
/// Source: C2SP tlog-tiles.
pub fn publish(
    execution: &Execution,
    folder: &Path,
    progress: &mut dyn FnMut(u64),
) -> Result<Published, PublishError> {
    let (size, checkpoint) = last_checkpoint(execution)?;
    let mut out = Folder {
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
    out.file(&folder.join("checkpoint"), checkpoint.as_bytes())?;
    Ok(Published {
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

struct Folder<'a> {
    root: &'a Path,
    files: u64,
}

impl Folder<'_> {
    fn bundle(&mut self, last: u64, width: u64, bundle: &[u8]) -> Result<(), PublishError> {
        let index = last / u64::from(TILE_WIDTH);
        let width = u16::try_from(width).unwrap_or(TILE_WIDTH);
        // An index and a width from 1 to 256 always make a name.
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
