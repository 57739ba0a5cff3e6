//! What a process must find of its runs when it starts again: how each was fed, and whether it is
//! meant to go on. The journal says everything else.

use std::fs;
use std::path::PathBuf;

use counterfoil_os::files::{self, FileError};
use serde::{Deserialize, Serialize};

use super::feeds::FeedSettings;
use crate::store::data_dir::DataDir;

/// The format of the file.
const FORMAT: &str = "counterfoil-supervised/1";
/// The folder in the data directory.
const FOLDER: &str = "supervised";

/// What is meant to become of a run when the process starts again.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Meant {
    /// It goes on.
    Running,
    /// It has ended, or somebody killed it: it does not go on by itself.
    Ended,
}

/// What is kept of one run.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Kept {
    format: String,
    /// The manifest, in its canonical form.
    pub manifest: String,
    /// How it is fed.
    pub feed: FeedSettings,
    /// Who started it.
    pub by: String,
    /// What is meant to become of it.
    pub meant: Meant,
    /// The name of the state it ended in.
    pub state: Option<String>,
    /// Why, if there is a reason to tell.
    pub reason: Option<String>,
    /// The decision digest in hex, once its journal is closed.
    #[serde(default)]
    pub decision_digest: Option<String>,
}

/// Why what was kept cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeptError {
    /// The file.
    #[error(transparent)]
    File(#[from] FileError),
    /// It holds something else.
    #[error("{path} does not hold what is kept of a run: {reason}; move it away to go on without")]
    Malformed {
        /// The file.
        path: String,
        /// Why not.
        reason: String,
    },
}

impl Kept {
    /// What is kept of a run that is about to begin.
    #[must_use]
    pub fn new(manifest: String, feed: FeedSettings, by: String) -> Self {
        Self {
            format: FORMAT.to_owned(),
            manifest,
            feed,
            by,
            meant: Meant::Running,
            state: None,
            reason: None,
            decision_digest: None,
        }
    }

    /// Keeps it.
    ///
    /// # Errors
    ///
    /// Returns [`KeptError`] if it cannot be written; the file is as it was then.
    pub fn write(&self, data: &DataDir, run: &str) -> Result<(), KeptError> {
        let path = path(data, run);
        let mut text = serde_json::to_vec_pretty(self).map_err(|error| KeptError::Malformed {
            path: path.display().to_string(),
            reason: error.to_string(),
        })?;
        text.push(b'\n');
        if let Some(folder) = path.parent() {
            files::make_folder(folder)?;
        }
        Ok(files::write_whole(&path, &text)?)
    }

    /// Everything that is kept, by run id.
    ///
    /// # Errors
    ///
    /// Returns [`KeptError`] if a file cannot be read or holds something else.
    pub fn all(data: &DataDir) -> Result<Vec<(String, Self)>, KeptError> {
        let folder = data.root().join(FOLDER);
        let mut all = Vec::new();
        if !folder.is_dir() {
            return Ok(all);
        }
        for entry in fs::read_dir(&folder).map_err(FileError::at("read folder", &folder))? {
            let entry = entry.map_err(FileError::at("read folder", &folder))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            // What a crash left half-written has another name.
            if let Some(run) = name.strip_suffix(".json").filter(|run| run.len() == 64) {
                all.push((run.to_owned(), Self::read(data, run)?));
            }
        }
        all.sort_by(|one, other| one.0.cmp(&other.0));
        Ok(all)
    }

    fn read(data: &DataDir, run: &str) -> Result<Self, KeptError> {
        let path = path(data, run);
        let malformed = |reason: String| KeptError::Malformed {
            path: path.display().to_string(),
            reason,
        };
        let kept: Self = serde_json::from_slice(&files::read_whole(&path)?)
            .map_err(|error| malformed(error.to_string()))?;
        if kept.format == FORMAT {
            return Ok(kept);
        }
        Err(malformed(format!(
            "its format is {:?}, not {FORMAT:?}",
            kept.format
        )))
    }
}

fn path(data: &DataDir, run: &str) -> PathBuf {
    data.root().join(FOLDER).join(format!("{run}.json"))
}
