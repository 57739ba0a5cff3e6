//! Files of the index: their digest, and their removal. It must never know what they hold.

use std::io::{self, Read as _};

use counterfoil_base::digest::Digest;
use counterfoil_os::file_path::FilePath;
use counterfoil_os::files::{self, FileError};
use sha2::{Digest as _, Sha256};

/// The digest of every file below a folder, with its name; that of no file if it is missing.
pub(crate) fn digest(folder: &FilePath) -> Result<Digest, FileError> {
    let mut all = Vec::new();
    collect(folder, &mut all)?;
    // Folders are listed in any sequence; the digest must not depend on it.
    all.sort();
    let mut whole = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    for path in all {
        let mut file = files::open_plain(&path)?;
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
        let name = path.path();
        let name = name.strip_prefix(folder.path()).unwrap_or(name);
        // Digests have one length, so no name can be taken for the beginning of a file.
        whole.update(Sha256::digest(name.as_os_str().as_encoded_bytes()));
        whole.update(file_hash.finalize());
    }
    Ok(Digest::finish(whole))
}

fn collect(folder: &FilePath, all: &mut Vec<FilePath>) -> Result<(), FileError> {
    if files::own_facts_of(folder)?.is_none() {
        return Ok(());
    }
    for name in files::names_in(folder)? {
        let path = folder.join(name);
        match files::own_facts_of(&path)? {
            Some(found) if found.is_dir() => collect(&path, all)?,
            // sled would follow a link to files that it did not make.
            Some(found) if found.is_symlink() => {
                let why = io::Error::other("it is a link, and the index has none");
                return Err(FileError::at("read", &path)(why));
            }
            _ => all.push(path),
        }
    }
    Ok(())
}

/// Removes a folder, or a file in its place.
pub(crate) fn remove(path: &FilePath) -> Result<(), FileError> {
    files::remove_tree(path).map(drop)
}
