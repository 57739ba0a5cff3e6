//! Files of the index: their digest, and their removal. It must never know what they hold.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use counterfoil_base::digest::Digest;
use counterfoil_os::files::FileError;
use sha2::{Digest as _, Sha256};

/// The digest of every file below a folder, with its name; that of no file if it is missing.
pub(crate) fn digest(folder: &Path) -> Result<Digest, FileError> {
    let mut all = Vec::new();
    collect(folder, &mut all)?;
    // Folders are listed in any sequence; the digest must not depend on it.
    all.sort();
    let mut whole = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    for path in all {
        let mut file = File::open(&path).map_err(FileError::at("read", &path))?;
        let mut file_hash = Sha256::new();
        loop {
            let count = file
                .read(&mut buffer)
                .map_err(FileError::at("read", &path))?;
            if count == 0 {
                break;
            }
            let read = buffer.get(..count).ok_or_else(|| {
                FileError::at("read", &path)(io::Error::other("more bytes than the buffer holds"))
            })?;
            file_hash.update(read);
        }
        let name = path.strip_prefix(folder).unwrap_or(&path);
        // Digests have one length, so no name can be taken for the beginning of a file.
        whole.update(Sha256::digest(name.as_os_str().as_encoded_bytes()));
        whole.update(file_hash.finalize());
    }
    Ok(Digest::finish(whole))
}

fn collect(folder: &Path, all: &mut Vec<PathBuf>) -> Result<(), FileError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(FileError::at("read folder", folder)(error)),
    };
    for entry in entries {
        let entry = entry.map_err(FileError::at("read folder", folder))?;
        let path = entry.path();
        if entry
            .file_type()
            .map_err(FileError::at("read", &path))?
            .is_dir()
        {
            collect(&path, all)?;
        } else {
            all.push(path);
        }
    }
    Ok(())
}

/// Removes a folder, or a file in its place.
pub(crate) fn remove(path: &Path) -> Result<(), FileError> {
    let removed = fs::remove_dir_all(path).or_else(|error| {
        if error.kind() == io::ErrorKind::NotADirectory {
            return fs::remove_file(path);
        }
        let gone = error.kind() == io::ErrorKind::NotFound;
        if gone { Ok(()) } else { Err(error) }
    });
    removed.map_err(FileError::at("remove", path))
}
