//! Where it is kept what was seen of a data directory: beside the keys, since a copy of older data would bring along what
//! was seen by then. It must never know what was seen.

use counterfoil_base::digest::Digest;
use counterfoil_os::file_path::FilePath;
use counterfoil_os::files::{FileError, is_there, make_folder};
use counterfoil_runner::store::data_dir::DataDir;
use counterfoil_runner::store::keys::KeyDir;

/// The folder in the key folder.
pub const SEEN_FOLDER: &str = "seen";

/// The file about a data directory, by what it is of and its ending; `None` for whoever does not hold the log's key, as an
/// auditor.
///
/// # Errors
///
/// Returns [`FileError`] if the folders cannot be read.
pub fn seen_path(
    keys: &KeyDir,
    data: &DataDir,
    of: &str,
    ending: &str,
) -> Result<Option<FilePath>, FileError> {
    let root = data.root();
    // By the folder and not by what it holds: a copy elsewhere is a data directory of its own, and another ledger that is
    // put into its place must not be unknown.
    let real = root.real().map_err(FileError::at("find", root))?;
    let name = Digest::of(real.as_os_str().as_encoded_bytes()).hex();
    let name = name.get(..16).unwrap_or(&name);
    let folder = keys.path().join(SEEN_FOLDER);
    let path = folder.join(format!("{of}-{name}.{ending}"));
    let is_holder = keys.holds_secret() || is_there(&path)?;
    Ok(is_holder.then_some(path))
}

/// Makes the folder of a file.
///
/// # Errors
///
/// Returns [`FileError`] if it cannot be made.
pub fn make_folder_of(path: &FilePath) -> Result<(), FileError> {
    path.parent().map_or(Ok(()), |folder| make_folder(&folder))
}
