//! What the owner of a data directory says of it, in a file beside the data. It must never be read from a file that
//! somebody else could have written.

use counterfoil_os::file_path::FilePath;
use counterfoil_os::files::{self, FileError, MetadataExt as _};
use counterfoil_os::folder_guard::FolderWriters;
use serde::Deserialize;

/// The settings' file in the data directory.
pub const SETTINGS_FILE: &str = "settings.json";
/// Bytes of a settings file.
const BYTES_MAX: u64 = 4096;
/// The mode bits that let anybody but the owner write.
const OTHERS_WRITE: u32 = 0o022;

/// Why a data directory's settings are not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataSettingsError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(
        "{path}: {reason}; a data directory's settings are {{\"writers-group\": NUMBER}}, in a file of its owner"
    )]
    Refused { path: String, reason: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct DataSettings {
    writers_group: u32,
}

/// Who may write into the data directory at `root`: its owner alone, without a settings file.
///
/// # Errors
///
/// Returns [`DataSettingsError`] if there is a settings file and it is not its owner's alone, or holds something else.
pub(crate) fn folder_writers(root: &FilePath) -> Result<FolderWriters, DataSettingsError> {
    let path = root.join(SETTINGS_FILE);
    let refused = |reason: String| DataSettingsError::Refused {
        path: path.display().to_string(),
        reason,
    };
    // Before the folder is made: without it there are no settings either.
    let Some(folder) = files::facts_of(root)? else {
        return Ok(FolderWriters::Owner);
    };
    let Some(found) = files::own_facts_of(&path)? else {
        return Ok(FolderWriters::Owner);
    };
    // In a folder that a group writes, each member could put a file here that lets others in.
    if !found.is_file() || found.uid() != folder.uid() || found.mode() & OTHERS_WRITE != 0 {
        let reason = "it is not a file that the folder's owner alone can write";
        return Err(refused(reason.to_owned()));
    }
    if found.len() > BYTES_MAX {
        return Err(refused(format!("{} bytes", found.len())));
    }
    let text = files::read_plain(&path, BYTES_MAX)?;
    let settings: DataSettings =
        serde_json::from_slice(&text).map_err(|error| refused(error.to_string()))?;
    Ok(FolderWriters::Group(settings.writers_group))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    use std::path::Path;

    use super::*;
    use crate::store::data_dir::DataDir;

    #[test]
    fn a_group_writes_into_the_data_if_its_owner_says_so() {
        let around = tempfile::tempdir().unwrap();
        let root = around.path().join("data");
        DataDir::open(&root).unwrap();
        let mode = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        mode(&root, 0o775);
        let refused = DataDir::open(&root).unwrap_err().to_string();
        assert!(refused.contains("chmod g-w"), "{refused}");
        let group = fs::metadata(&root).unwrap().gid();
        let path = root.join(SETTINGS_FILE);
        fs::write(&path, format!("{{\"writers-group\": {group}}}")).unwrap();
        mode(&path, 0o644);
        DataDir::open(&root).unwrap();
        mode(&root, 0o777);
        assert!(DataDir::open(&root).is_err(), "everybody writes");
        mode(&root, 0o775);
        mode(&path, 0o664);
        let refused = DataDir::open(&root).unwrap_err().to_string();
        assert!(refused.contains("owner alone"), "{refused}");
        mode(&path, 0o644);
        for other in ["", "{}", "{\"writers-group\": \"staff\"}", "{\"group\": 1}"] {
            fs::write(&path, other).unwrap();
            assert!(DataDir::open(&root).is_err(), "{other:?}");
        }
    }
}
