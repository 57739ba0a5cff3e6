//! What a process needs to know of a supervised run after a restart: how the run is fed, and whether it resumes. It
//! must never repeat what the journal records.

use counterfoil_base::digest::Digest;
use counterfoil_os::file_path::FilePath;
use counterfoil_os::files::{self, FileError};
use serde::{Deserialize, Serialize};

use counterfoil_runner::store::data_dir::DataDir;

use super::feed_settings::FeedSettings;

/// The format of the file.
const FORMAT: &str = "counterfoil-supervised/1";
/// The folder in the data directory.
const FOLDER: &str = "supervised";

/// Whether a run resumes after a restart of the process.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestartIntent {
    /// It resumes.
    Running,
    /// It has ended or was killed: it does not resume by itself.
    Ended,
}

/// The file of one supervised run, `DATA/supervised/<run>.json`.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RunFile {
    format: String,
    /// The manifest, in its canonical form.
    pub manifest: String,
    /// How it is fed.
    pub feed: FeedSettings,
    /// The principal who started it.
    pub by: String,
    /// Whether it resumes after a restart.
    #[serde(rename = "meant")]
    pub intent: RestartIntent,
    /// The name of the state it ended in.
    pub state: Option<String>,
    /// The reason of that state, if any.
    pub reason: Option<String>,
    /// The decision digest in hex, once its journal is closed.
    #[serde(default, with = "hex_digest")]
    pub decision_digest: Option<Digest>,
}

/// A digest as its 64 hex digits, which is how the format writes it.
mod hex_digest {
    use counterfoil_base::digest::Digest;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer, de};

    #[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
    pub(super) fn serialize<S: Serializer>(
        digest: &Option<Digest>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        digest.map(|digest| digest.hex()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Digest>, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)? else {
            return Ok(None);
        };
        let mut bytes = [0; 32];
        hex::decode_to_slice(&text, &mut bytes).map_err(de::Error::custom)?;
        Ok(Some(Digest(bytes)))
    }
}

/// Why a run file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunFileError {
    #[error(transparent)]
    File(#[from] FileError),
    /// Its content is not a run file.
    #[error("invalid run file {path}: {reason}; move it away to start without this run")]
    Malformed { path: String, reason: String },
}

impl RunFile {
    /// The file of a run that is about to begin.
    #[must_use]
    pub fn new(manifest: String, feed: FeedSettings, by: String) -> Self {
        Self {
            format: FORMAT.to_owned(),
            manifest,
            feed,
            by,
            intent: RestartIntent::Running,
            state: None,
            reason: None,
            decision_digest: None,
        }
    }

    /// Writes the file.
    ///
    /// # Errors
    ///
    /// Returns [`RunFileError`] if it cannot be written; the old file is unchanged then.
    pub fn write(&self, data: &DataDir, run: &Digest) -> Result<(), RunFileError> {
        let path = path(data, run);
        let mut text =
            serde_json::to_vec_pretty(self).map_err(|error| RunFileError::Malformed {
                path: path.display().to_string(),
                reason: error.to_string(),
            })?;
        text.push(b'\n');
        if let Some(folder) = path.parent() {
            files::make_folder(&folder)?;
        }
        // Replaced whole: a crash leaves the old file or the new one. With neither, the next
        // process would not know that the run exists, and its orders would work unattended.
        Ok(files::write_whole(&path, &text)?)
    }

    /// Removes the file of a run that did not begin.
    ///
    /// # Errors
    ///
    /// Returns [`FileError`] if it cannot be removed.
    pub fn remove(data: &DataDir, run: &Digest) -> Result<(), FileError> {
        files::remove_file(&path(data, run)).map(drop)
    }

    /// Every run file, by run id.
    ///
    /// # Errors
    ///
    /// Returns [`RunFileError`] if a file cannot be read or is invalid.
    pub fn all(data: &DataDir) -> Result<Vec<(Digest, Self)>, RunFileError> {
        let folder = data.root().join(FOLDER);
        let mut all = Vec::new();
        if !files::is_folder(&folder)? {
            return Ok(all);
        }
        for name in files::names_in(&folder)? {
            // Half-written files of a crash have another name, and are skipped.
            if let Some(run) = name.strip_suffix(".json").and_then(Digest::from_hex) {
                all.push((run, Self::read(data, &run)?));
            }
        }
        all.sort_by_key(|(run, _)| *run);
        Ok(all)
    }

    fn read(data: &DataDir, run: &Digest) -> Result<Self, RunFileError> {
        let path = path(data, run);
        let malformed = |reason: String| RunFileError::Malformed {
            path: path.display().to_string(),
            reason,
        };
        let file: Self = serde_json::from_slice(&files::read_whole(&path)?)
            .map_err(|error| malformed(error.to_string()))?;
        // A file of another version is an error: read without its new fields, a run could resume that must
        // not.
        if file.format == FORMAT {
            return Ok(file);
        }
        Err(malformed(format!(
            "format {:?} instead of {FORMAT:?}",
            file.format
        )))
    }
}

fn path(data: &DataDir, run: &Digest) -> FilePath {
    data.root().join(FOLDER).join(format!("{}.json", run.hex()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_reads_back_and_a_malformed_digest_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::open(folder.path()).unwrap();
        let run = Digest([10; 32]);
        let mut file = RunFile::new("{}".to_owned(), FeedSettings::Push {}, "alice".to_owned());
        file.write(&data, &run).unwrap();
        assert_eq!(RunFile::read(&data, &run).unwrap(), file);
        file.intent = RestartIntent::Ended;
        file.decision_digest = Some(Digest([7; 32]));
        file.write(&data, &run).unwrap();
        assert_eq!(RunFile::read(&data, &run).unwrap(), file);
        let text = fs::read_to_string(path(&data, &run)).unwrap();
        assert!(text.contains("\"meant\": \"ended\""), "{text}");
        let digest = "07".repeat(32);
        assert!(text.contains(&digest), "{text}");
        fs::write(path(&data, &run), text.replace(&digest, "07")).unwrap();
        let error = RunFile::read(&data, &run).unwrap_err();
        assert!(matches!(error, RunFileError::Malformed { .. }), "{error}");
    }
}
