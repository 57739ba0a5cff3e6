//! The files of code of one entry, as wasmtime's cache writes them. It must never follow a link.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use counterfoil_os::files::{FileError, read_whole};

/// Files of code in an entry: one component makes one.
const FILES_MAX: usize = 4;
/// Bytes of code: an interpreter's guest of 18 MB makes about 30 MB, compressed.
const BYTES_MAX: u64 = 256 << 20;
/// Folders inside each other: wasmtime makes two.
const DEPTH_MAX: usize = 3;

/// The code files by their path in the entry; `None` if there are none, or something is there that wasmtime does not
/// write.
pub(super) fn read_code_files(
    entry: &Path,
) -> Result<Option<BTreeMap<String, Vec<u8>>>, FileError> {
    let mut code = BTreeMap::new();
    let mut bytes: u64 = 0;
    let mut folders = vec![(entry.to_path_buf(), String::new(), 0_usize)];
    while let Some((folder, at, depth)) = folders.pop() {
        for found in fs::read_dir(&folder).map_err(FileError::at("read folder", &folder))? {
            let found = found.map_err(FileError::at("read folder", &folder))?;
            let path = found.path();
            let name = found.file_name().to_string_lossy().into_owned();
            let kind = found.file_type().map_err(FileError::at("read", &path))?;
            // Usage counters, which wasmtime rewrites whenever it reads the code, in another thread than this: they
            // come and go. It takes nothing from them but numbers for its own housekeeping. Code has no extension.
            if !kind.is_dir() && path.extension().is_some() {
                continue;
            }
            let metadata = fs::symlink_metadata(&path).map_err(FileError::at("read", &path))?;
            if metadata.is_dir() && depth < DEPTH_MAX {
                let depth = depth.saturating_add(1);
                folders.push((path, format!("{at}{name}/"), depth));
                continue;
            }
            bytes = bytes.saturating_add(metadata.len());
            // A link could lead wasmtime to other bytes than those that are authenticated here.
            if !metadata.is_file() || bytes > BYTES_MAX {
                return Ok(None);
            }
            if code.len() >= FILES_MAX {
                return Ok(None);
            }
            code.insert(format!("{at}{name}"), read_whole(&path)?);
        }
    }
    Ok((!code.is_empty()).then_some(code))
}
