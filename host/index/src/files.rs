//! Files of the index: their digest, and their removal. It must never know what they hold.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use counterfoil_os::files::FileError;
use sha2::{Digest as _, Sha256};

/// The digest of every file below a folder, with its name; that of nothing if it is not there.
pub(crate) fn digest(folder: &Path) -> Result<[u8; 32], FileError> {
    let mut all = Vec::new();
    collect(folder, &mut all)?;
    all.sort();
    let mut whole = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    for path in all {
        let mut file = File::open(&path).map_err(FileError::at("read", &path))?;
        let mut one = Sha256::new();
        loop {
            let count = file
                .read(&mut buffer)
                .map_err(FileError::at("read", &path))?;
            if count == 0 {
                break;
            }
            one.update(buffer.get(..count).unwrap_or_default());
        }
        let name = path.strip_prefix(folder).unwrap_or(&path);
        whole.update(Sha256::digest(name.as_os_str().as_encoded_bytes()));
        whole.update(one.finalize());
    }
    Ok(whole.finalize().into())
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

/// Takes a folder away, or whatever lies in its place.
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
