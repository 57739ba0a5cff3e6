//! A layer's directory while it is written: readers see it only once it is whole. It must never
//! remove what another process is still writing.
//!
//! `LAYER/.tmp-N` belongs to the process that holds the lock on `locks/LAYER-N`. A process that is killed
//! loses its locks, so the next one to come knows which directories are leftovers. Both making
//! and clearing happen under `locks/all`, so a directory is never seen without its owner's lock.

use core::cell::RefCell;
use std::io::{self, BufWriter, Write as _};

use cap_std::fs::{Dir, File, OpenOptions};

use crate::error::IngestError;
use crate::layout::LOCKS;
use counterfoil_base::digest::Digest;
use counterfoil_os::files::sync_file_system;
use counterfoil_os::lock::FileLock;

/// Held while a directory is made or leftovers are removed.
const LOCK_ALL: &str = "locks/all";

/// Temporary directories of one layer that may be in use at once.
const STAGINGS_MAX: u32 = 1_000;

/// Files that are made durable one by one. A sync of the whole file system also waits for what other programs write, but
/// ten thousand single ones wait a minute.
const SINGLE_SYNCS_MAX: usize = 64;

/// The prefix of a temporary directory's name.
const TEMPORARY: &str = ".tmp-";

/// The directory under its temporary name. Dropped before it is published, it is removed.
#[derive(Debug)]
pub(crate) struct StagingDir {
    layer: &'static str,
    parent: Dir,
    name: String,
    dir: Dir,
    /// The directory, open since before its first file: a sync of the file system reports what failed since then.
    handle: std::fs::File,
    /// Files that are written and not durable yet.
    unsynced: RefCell<Vec<String>>,
    published: bool,
    /// Held until the directory is published or removed.
    _lock: FileLock,
}

impl StagingDir {
    /// A new directory in a layer, after what killed processes left there was removed.
    pub(crate) fn new(data: &Dir, layer: &'static str) -> Result<Self, IngestError> {
        for folder in [layer, LOCKS] {
            data.create_dir_all(folder)
                .map_err(IngestError::write(folder))?;
        }
        let parent = data.open_dir(layer).map_err(IngestError::write(layer))?;
        // Held until this function returns. Without it another process could see the directory
        // below between its creation and the lock on its number, and clear it as a leftover.
        let _all = open_lock(data, LOCK_ALL)
            .and_then(FileLock::wait_of)
            .map_err(IngestError::write(LOCK_ALL))?;
        clear(data, &parent, layer).map_err(IngestError::write(layer))?;
        for number in 0..STAGINGS_MAX {
            let place = lock_name(layer, number);
            let lock = open_lock(data, &place)
                .and_then(FileLock::try_of)
                .map_err(IngestError::write(&place))?;
            // Another ingestion, in this process or in another one, is using this number.
            let Some(lock) = lock else {
                continue;
            };
            let name = format!("{TEMPORARY}{number}");
            // The lock is free and leftovers were cleared, so the name is free as well.
            parent
                .create_dir(&name)
                .map_err(IngestError::write(&name))?;
            let dir = parent.open_dir(&name).map_err(IngestError::write(&name))?;
            let handle = dir.open(".").map_err(IngestError::write(&name))?;
            return Ok(Self {
                layer,
                parent,
                name,
                dir,
                handle: handle.into_std(),
                unsynced: RefCell::default(),
                published: false,
                _lock: lock,
            });
        }
        let full = io::Error::other("too many ingestions at once; wait for one to end");
        Err(IngestError::write(layer)(full))
    }

    pub(crate) fn create(&self, file: &str) -> Result<BufWriter<File>, IngestError> {
        self.dir
            .create(file)
            .map(BufWriter::new)
            .map_err(IngestError::write(file))
    }

    /// Closes a written file, which becomes durable when the directory is published.
    pub(crate) fn close(&self, file: BufWriter<File>, name: &str) -> Result<(), IngestError> {
        file.into_inner()
            .map_err(|error| IngestError::write(name)(error.into_error()))?;
        self.unsynced.borrow_mut().push(name.to_owned());
        Ok(())
    }

    /// Makes the closed files durable.
    fn sync_closed(&self) -> Result<(), IngestError> {
        let files = self.unsynced.take();
        if files.len() > SINGLE_SYNCS_MAX
            && sync_file_system(&self.handle).map_err(IngestError::write(&self.name))?
        {
            return Ok(());
        }
        for name in files {
            let synced = self.dir.open(&name).and_then(|file| file.sync_all());
            synced.map_err(IngestError::write(&name))?;
        }
        Ok(())
    }

    /// Opens a file that was written.
    pub(crate) fn open(&self, file: &str) -> Result<File, IngestError> {
        self.dir.open(file).map_err(IngestError::source(file, 0))
    }

    /// Removes a file that is not needed any more.
    pub(crate) fn remove(&self, file: &str) -> Result<(), IngestError> {
        self.dir.remove_file(file).map_err(IngestError::write(file))
    }

    /// Writes a whole file and makes it durable.
    pub(crate) fn write_file(&self, file: &str, bytes: &[u8]) -> Result<(), IngestError> {
        let mut open = self.create(file)?;
        open.write_all(bytes).map_err(IngestError::write(file))?;
        sync(open, file)
    }

    /// Gives the directory its name. `false` if that is taken: the same contents are there.
    pub(crate) fn publish(mut self, id: &Digest) -> Result<bool, IngestError> {
        // A crash before the rename leaves a temporary directory that no reader takes for an entry, however much of
        // its files is on the disk. After the rename it would be too late: a power failure could show the entry with
        // files that are empty. First the contents, then the names.
        self.sync_closed()?;
        sync_dir(&self.dir).map_err(IngestError::write(&self.name))?;
        let name = id.hex();
        // An entry's name is the digest of its contents, so one that is there is the same entry,
        // whole: it got its name by this same rename. It may have been damaged since, which is
        // why callers check it.
        if self.parent.exists(&name) {
            return Ok(false);
        }
        match self.parent.rename(&self.name, &self.parent, &name) {
            // From here on readers see the entry, all of it or nothing: the rename is atomic.
            Ok(()) => self.published = true,
            // Another ingestion of the same source was faster: it published between the check
            // above and this rename. A directory that is not empty is never replaced.
            Err(_) if self.parent.exists(&name) => return Ok(false),
            Err(error) => return Err(IngestError::write(&name)(error)),
        }
        // Until the parent is durable a power failure may take the name back. No id was given to
        // the caller by then, so nothing refers to it.
        sync_dir(&self.parent).map_err(IngestError::write(self.layer))?;
        Ok(true)
    }
}

impl Drop for StagingDir {
    fn drop(&mut self) {
        if !self.published {
            // What cannot be removed now is removed by the next ingestion, which finds the lock
            // free once this value is gone. The error of the ingestion itself is the one to report.
            drop(self.parent.remove_dir_all(&self.name));
        }
    }
}

/// Writes one small file under a name: whole and durable, or not at all.
pub(crate) fn write_whole(dir: &Dir, name: &str, bytes: &[u8]) -> io::Result<()> {
    // The process id keeps two processes that write the same name from sharing a temporary file.
    let temporary = format!("{TEMPORARY}{}-{name}", std::process::id());
    let mut file = dir.create(&temporary)?;
    // Durable before the rename: readers find the old file or the whole new one, never a part.
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if let Err(error) = written.and_then(|()| dir.rename(&temporary, dir, name)) {
        drop(dir.remove_file(&temporary));
        return Err(error);
    }
    sync_dir(dir)
}

/// Removes the directories whose lock no process holds.
fn clear(data: &Dir, parent: &Dir, layer: &str) -> io::Result<()> {
    for entry in parent.entries()? {
        let entry = entry?;
        let name = entry.file_name();
        let number = name
            .to_str()
            .and_then(|name| name.strip_prefix(TEMPORARY)?.parse::<u32>().ok());
        // Other names are not ours: files of `write_whole`, entries, and what people put here.
        let Some(number) = number.filter(|number| *number < STAGINGS_MAX) else {
            continue;
        };
        let lock = FileLock::try_of(open_lock(data, &lock_name(layer, number))?)?;
        // The kernel drops the locks of a process that dies, so a lock that can be taken means
        // that no process is writing here.
        if lock.is_some() {
            parent.remove_dir_all(&name)?;
        }
    }
    Ok(())
}

fn lock_name(layer: &str, number: u32) -> String {
    format!("{LOCKS}/{layer}-{number}")
}

/// A lock file; it is never removed, so that two processes always mean the same file.
fn open_lock(data: &Dir, place: &str) -> io::Result<std::fs::File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true);
    data.open_with(place, &options).map(File::into_std)
}

/// Makes a written file durable.
pub(crate) fn sync(file: BufWriter<File>, name: &str) -> Result<(), IngestError> {
    let file = file
        .into_inner()
        .map_err(|error| IngestError::write(name)(error.into_error()))?;
    file.sync_all().map_err(IngestError::write(name))
}

fn sync_dir(dir: &Dir) -> io::Result<()> {
    dir.open(".")?.sync_all()
}

#[cfg(test)]
mod tests {
    use cap_std::ambient_authority;

    use super::*;

    /// Each file was synced alone before: ten thousand instruments took a minute of waiting. A file that is gone cannot be
    /// synced, which shows that the closed ones are looked at before the name is given.
    #[test]
    fn closed_files_are_synced_before_the_directory_gets_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let data = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
        for (count, is_published) in [(3, false), (SINGLE_SYNCS_MAX + 1, true)] {
            let staging = StagingDir::new(&data, "snapshots").unwrap();
            for number in 0..count {
                let name = format!("file-{number}");
                let mut file = staging.create(&name).unwrap();
                file.write_all(b"bars").unwrap();
                staging.close(file, &name).unwrap();
                assert_eq!(staging.dir.read(&name).unwrap(), b"bars");
            }
            assert_eq!(staging.unsynced.borrow().len(), count);
            staging.remove("file-1").unwrap();
            // A sync of the whole file system needs no file to be there.
            let id = Digest::of(&count.to_be_bytes());
            assert_eq!(staging.publish(&id).is_ok(), is_published, "{count}");
            assert_eq!(data.exists(format!("snapshots/{}", id.hex())), is_published);
        }
    }

    #[test]
    fn what_a_killed_ingestion_left_goes_and_what_is_in_use_stays() {
        let folder = tempfile::tempdir().unwrap();
        let data = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
        // As a killed process leaves them: directories, and locks that no process holds.
        for number in [0, 3] {
            data.create_dir_all(format!("snapshots/.tmp-{number}/deep"))
                .unwrap();
            data.write(format!("snapshots/.tmp-{number}/deep/file"), "torn")
                .unwrap();
        }
        data.write("snapshots/.tmp-other", "not ours").unwrap();
        let names = || {
            let mut names: Vec<String> = data
                .read_dir("snapshots")
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        };
        let first = StagingDir::new(&data, "snapshots").unwrap();
        first.write_file("file", b"half").unwrap();
        assert_eq!(names(), [".tmp-0", ".tmp-other"]);
        let second = StagingDir::new(&data, "snapshots").unwrap();
        assert_eq!(names(), [".tmp-0", ".tmp-1", ".tmp-other"]);
        assert!(data.exists("snapshots/.tmp-0/file"), "it is in use");
        drop(first);
        assert_eq!(names(), [".tmp-1", ".tmp-other"]);
        let id = Digest::of(b"x");
        assert!(second.publish(&id).unwrap());
        assert_eq!(names(), [".tmp-other".to_owned(), id.hex()]);
        assert!(
            !StagingDir::new(&data, "snapshots")
                .unwrap()
                .publish(&id)
                .unwrap()
        );
        assert_eq!(names().len(), 2);
    }
}
