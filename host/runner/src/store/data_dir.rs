//! The data directory: the place of every file, under names that are digests. It must never know what a file means.
//!
//! ```text
//! DATA/snapshots/…                        market data (the snapshot crate's)
//! DATA/settings.json                      who besides the owner may write here; usually missing
//! DATA/components/<sha256>.wasm           components
//! DATA/components/<sha256>.symbols        their names and lines, for people
//! DATA/runs/<run id>/<execution>/journal  the truth
//! DATA/runs/<run id>/<execution>/manifest.json
//! DATA/runs/<run id>/<execution>/log      what the strategy logged
//! ```

use std::io::ErrorKind;
use std::path::Path;

use counterfoil_base::digest::Digest;
use counterfoil_os::file_path::FilePath;
use counterfoil_os::files::{self, FileError};
use counterfoil_os::folder_guard::{FolderError, FolderWriters, guarded_folder};
use counterfoil_sandbox::admission::COMPONENT_BYTES_MAX;

use crate::store::content::{ContentError, read_content};
use crate::store::data_settings::{DataSettingsError, folder_writers};
use crate::store::symbols::{ComponentSymbols, SYMBOLS_BYTES_MAX};

/// The journal's file in an execution's folder.
pub const JOURNAL_FILE: &str = "journal";
/// The manifest's file in an execution's folder.
pub const MANIFEST_FILE: &str = "manifest.json";

/// The most files of components in a data directory.
pub const COMPONENTS_MAX: usize = 10_000;

/// Why the data directory could not give or take a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataDirError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Settings(#[from] DataSettingsError),
    #[error(
        "no component {digest} in {folder}; run `counterfoil backtest --component FILE` once, or copy the file there"
    )]
    NoComponent { digest: Digest, folder: String },
    /// The component's bytes do not have the digest in its name.
    #[error(
        "{path} was changed: its bytes have digest {found}; restore it from where it came from"
    )]
    ComponentChanged {
        path: String,
        /// The digest of its bytes now.
        found: Digest,
    },
    /// No component that long is admitted.
    #[error("component {path} has {bytes} bytes, more than {COMPONENT_BYTES_MAX}")]
    ComponentTooLong { path: String, bytes: u64 },
    /// No room for one more.
    #[error(
        "{folder} holds {COMPONENTS_MAX} files; move those away that no run and no ledger needs (counterfoil run \
         list, counterfoil component list)"
    )]
    ComponentsFull { folder: String },
    #[error("no run {name:?} in {folder}; `counterfoil run list` lists them")]
    NoRun { name: String, folder: String },
    /// Several runs have ids with this beginning.
    #[error("{name:?} could be {first} or {second}; give more digits")]
    Ambiguous {
        name: String,
        first: String,
        second: String,
    },
    /// The copy of the manifest beside a journal does not have the run's id as its digest.
    #[error(
        "{path} was changed: it is not the manifest of run {run}; the true one is in the journal's first record (`counterfoil run show {run} --manifest`)"
    )]
    ManifestChanged { path: String, run: String },
    /// A live manifest has an execution already.
    #[error("run {run} was started before; a live manifest starts once: use a new start nonce")]
    StartedBefore { run: String },
}

/// The root of all data: components, snapshots, runs.
#[derive(Clone, Debug)]
pub struct DataDir {
    root: FilePath,
    writers: FolderWriters,
}

/// One execution of one manifest.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Execution {
    /// The run id.
    pub run: Digest,
    /// The number of the execution, from 1.
    pub number: u64,
    pub folder: FilePath,
}

/// The origin of the journal of a run's execution.
#[must_use]
pub fn journal_origin(run: &Digest, number: u64) -> String {
    format!("counterfoil/run/{}/{number}", run.hex())
}

impl Execution {
    /// The log's origin, which is also the name of its key.
    #[must_use]
    pub fn origin(&self) -> String {
        journal_origin(&self.run, self.number)
    }

    /// The journal's path.
    #[must_use]
    pub fn journal(&self) -> FilePath {
        self.folder.join(JOURNAL_FILE)
    }

    /// The short name in messages and commands: the first 12 digits of the run id, a slash and the number.
    #[must_use]
    pub fn short(&self) -> String {
        let run = self.run.hex();
        format!("{}/{}", run.get(..12).unwrap_or(&run), self.number)
    }
}

impl DataDir {
    /// The directory at `root`, created if it is missing.
    ///
    /// # Errors
    ///
    /// Returns [`DataDirError`] if it cannot be created, belongs to another user, or can be written by users whom its
    /// owner did not name in its settings.
    pub fn open(root: &Path) -> Result<Self, DataDirError> {
        let root = &FilePath::folder(root);
        let writers = folder_writers(root)?;
        guarded_folder(root, writers)?;
        for folder in ["snapshots", "components", "runs"] {
            guarded_folder(&root.join(folder), writers)?;
        }
        // Those that other parts make, such as the ledger's.
        for name in files::names_in(root)? {
            let folder = root.join(name);
            // A link out of the directory is refused here already: half of the data would be missing.
            if files::is_folder(&folder)? {
                guarded_folder(&folder, writers)?;
            }
        }
        Ok(Self {
            root: root.clone(),
            writers,
        })
    }

    /// Whether the owner lets a group write here.
    #[must_use]
    pub const fn is_group_written(&self) -> bool {
        matches!(self.writers, FolderWriters::Group(_))
    }

    /// The folder that holds everything, opened once.
    #[must_use]
    pub const fn root(&self) -> &FilePath {
        &self.root
    }

    /// The path of the component with this digest.
    #[must_use]
    pub fn component_path(&self, digest: &Digest) -> FilePath {
        self.root
            .join("components")
            .join(format!("{}.wasm", digest.hex()))
    }

    /// Stores a component and returns its digest.
    ///
    /// # Errors
    ///
    /// Returns [`DataDirError`] if it cannot be written.
    pub fn put_component(&self, bytes: &[u8]) -> Result<Digest, DataDirError> {
        let digest = Digest::of(bytes);
        let path = self.component_path(&digest);
        // Written whole or not at all, so a file with this name always has these bytes, unless it was changed
        // later: the read checks that.
        if !files::is_there(&path)? {
            self.check_room()?;
            files::write_whole(&path, bytes)?;
        }
        Ok(digest)
    }

    /// Refuses one component more than a data directory may hold: whoever may start backtests could otherwise fill the
    /// disk with components that differ by a byte.
    fn check_room(&self) -> Result<(), DataDirError> {
        let folder = self.root.join("components");
        // With the files of symbols beside them.
        let held = files::names_in(&folder)?.len();
        if held < COMPONENTS_MAX {
            return Ok(());
        }
        let folder = folder.display().to_string();
        Err(DataDirError::ComponentsFull { folder })
    }

    /// The component with this digest, checked against it.
    ///
    /// # Errors
    ///
    /// Returns [`DataDirError`] if it is missing, too long, or was changed.
    pub fn component(&self, digest: &Digest) -> Result<Vec<u8>, DataDirError> {
        let path = self.component_path(digest);
        read_content(&path, digest, COMPONENT_BYTES_MAX).map_err(|error| {
            let path = path.display().to_string();
            match error {
                ContentError::File(error) => error.into(),
                ContentError::Missing => DataDirError::NoComponent {
                    digest: *digest,
                    folder: self.root.join("components").display().to_string(),
                },
                ContentError::Changed { found } => DataDirError::ComponentChanged { path, found },
                ContentError::TooLong { bytes, .. } => {
                    DataDirError::ComponentTooLong { path, bytes }
                }
            }
        })
    }

    /// Keeps the contents of a component's symbols file.
    ///
    /// # Errors
    ///
    /// Returns [`DataDirError`] if it cannot be written.
    pub fn put_symbols(&self, component: &Digest, text: &str) -> Result<(), DataDirError> {
        Ok(files::write_whole(
            &self.symbols_path(component),
            text.as_bytes(),
        )?)
    }

    /// The symbols of a component; `None` where they are not here, or are not its own.
    #[must_use]
    pub fn symbols(&self, component: &Digest) -> Option<ComponentSymbols> {
        let path = self.symbols_path(component);
        // A trace without names is still a trace: nothing is refused for want of them.
        let bytes = files::read_plain(&path, SYMBOLS_BYTES_MAX).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        ComponentSymbols::parse(&text, component).ok()
    }

    fn symbols_path(&self, component: &Digest) -> FilePath {
        self.component_path(component).with_extension("symbols")
    }

    /// A new execution of the manifest, with a folder that holds a copy of the manifest. The creation of the folder
    /// assigns the number, so two concurrent calls get two numbers.
    ///
    /// # Errors
    ///
    /// Returns [`DataDirError`] if the folder cannot be created, or if `once` is set and an execution exists.
    pub fn new_execution(
        &self,
        run: &Digest,
        manifest: &str,
        once: bool,
    ) -> Result<Execution, DataDirError> {
        let folder = self.run_folder(run);
        files::make_folder(&folder)?;
        let mut number: u64 = 1;
        loop {
            let path = folder.join(number.to_string());
            match files::create_folder(&path) {
                Ok(()) => {
                    // The folder's name is synced last. A crash before that may take back the whole execution, of
                    // which nothing is signed; never the folder of a journal that exists.
                    let written =
                        files::write_whole(&path.join(MANIFEST_FILE), manifest.as_bytes());
                    if let Err(error) = written.and_then(|()| files::sync_folder(&folder)) {
                        // On a full disk: an execution without a manifest would be listed for ever.
                        let _best_effort = files::remove_tree(&path);
                        return Err(error.into());
                    }
                    return Ok(Execution {
                        run: *run,
                        number,
                        folder: path,
                    });
                }
                Err(error) if error.source.kind() == ErrorKind::AlreadyExists => {
                    // The creation is atomic: of two processes that start one live manifest, exactly one gets past
                    // this line, without a lock.
                    if once {
                        return Err(DataDirError::StartedBefore { run: run.hex() });
                    }
                    number = number.saturating_add(1);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Every execution, by run id and number.
    ///
    /// # Errors
    ///
    /// Returns [`DataDirError`] if a folder cannot be read.
    pub fn executions(&self) -> Result<Vec<Execution>, DataDirError> {
        let mut all = Vec::new();
        for name in files::names_in(&self.root.join("runs"))? {
            // A folder with another name is not a run's: a run's id is the digest of its manifest.
            if let Some(run) = Digest::from_hex(&name) {
                all.extend(self.executions_of(&run)?);
            }
        }
        all.sort();
        Ok(all)
    }

    /// Every execution of the run with this id, by number.
    ///
    /// # Errors
    ///
    /// Returns [`DataDirError`] if its folder cannot be read.
    pub fn executions_of(&self, run: &Digest) -> Result<Vec<Execution>, DataDirError> {
        let folders = numbered_folders(&self.run_folder(run))?.into_iter();
        let execution = |(number, folder)| Execution {
            run: *run,
            number,
            folder,
        };
        Ok(folders.map(execution).collect())
    }

    /// The first execution of a run that may not have started yet.
    #[must_use]
    pub fn first_execution(&self, run: &Digest) -> Execution {
        Execution {
            run: *run,
            number: 1,
            folder: self.run_folder(run).join("1"),
        }
    }

    fn run_folder(&self, run: &Digest) -> FilePath {
        self.root.join("runs").join(run.hex())
    }

    /// A signed log in the data directory: a ledger or a run's journal. `None` if there is none.
    ///
    /// # Errors
    ///
    /// Returns [`DataDirError`] if a folder cannot be read.
    pub fn find_signed_log(&self) -> Result<Option<FilePath>, DataDirError> {
        let folder = self.root.join("ledger");
        if files::is_folder(&folder)? {
            let ledgers = files::names_in(&folder)?;
            let mut ledgers = ledgers.iter().filter(|name| name.ends_with(".ledger"));
            if let Some(name) = ledgers.next() {
                return Ok(Some(folder.join(name)));
            }
        }
        // Every folder counts, whatever its name: a new key beside a journal would not be the key that signed it.
        let runs = self.root.join("runs");
        for name in files::names_in(&runs)? {
            let folders = numbered_folders(&runs.join(name))?.into_iter();
            for (_, folder) in folders {
                let journal = folder.join(JOURNAL_FILE);
                // Whatever stands in its place: a link that leads nowhere is no proof that nothing was signed.
                if files::own_facts_of(&journal)?.is_some() {
                    return Ok(Some(journal));
                }
            }
        }
        Ok(None)
    }

    /// The execution named by the first digits of a run id, with `/` and a number unless it is the last one.
    ///
    /// # Errors
    ///
    /// Returns [`DataDirError`] if no run or several runs match.
    pub fn find(&self, name: &str) -> Result<Execution, DataDirError> {
        let bare = name.strip_prefix("sha256:").unwrap_or(name);
        let (prefix, number) = match bare.split_once('/') {
            Some((prefix, number)) => (prefix, Some(number)),
            None => (bare, None),
        };
        let no_run = || DataDirError::NoRun {
            name: name.to_owned(),
            folder: self.root.join("runs").display().to_string(),
        };
        let mut found: Option<Execution> = None;
        for execution in self.executions()? {
            let fits = number.is_none_or(|number| number == execution.number.to_string());
            // An empty prefix would match the only run there is, and kill or resume it by accident.
            if prefix.is_empty() || !execution.run.hex().starts_with(prefix) || !fits {
                continue;
            }
            if let Some(first) = found.as_ref().filter(|first| first.run != execution.run) {
                let (first, second) = (first.short(), execution.short());
                return Err(DataDirError::Ambiguous {
                    name: name.to_owned(),
                    first,
                    second,
                });
            }
            found = Some(execution);
        }
        found.ok_or_else(no_run)
    }

    /// The copy of an execution's manifest beside its journal.
    ///
    /// # Errors
    ///
    /// Returns [`DataDirError`] if it cannot be read, or if its digest is not the run's id.
    pub fn manifest_text(&self, execution: &Execution) -> Result<String, DataDirError> {
        let path = execution.folder.join(MANIFEST_FILE);
        // The run's id is the digest of its manifest, so the name of the folder authenticates the file in it. A changed
        // copy could otherwise resume the run with other limits.
        let bytes = files::read_whole(&path)?;
        if Digest::of(&bytes) != execution.run {
            let (path, run) = (path.display().to_string(), execution.run.hex());
            return Err(DataDirError::ManifestChanged { path, run });
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// The entries of a folder that are named by a number, sorted by it; none if the folder is missing.
fn numbered_folders(folder: &FilePath) -> Result<Vec<(u64, FilePath)>, DataDirError> {
    if !files::is_folder(folder)? {
        return Ok(Vec::new());
    }
    let numbered = |name: &String| Some((name.parse().ok()?, folder.join(name)));
    let mut all: Vec<_> = files::names_in(folder)?
        .iter()
        .filter_map(numbered)
        .collect();
    all.sort();
    Ok(all)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_changed_copy_of_the_manifest_is_not_taken_for_the_manifest() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::open(folder.path()).unwrap();
        let run = Digest::of(b"{}");
        let execution = data.new_execution(&run, "{}", false).unwrap();
        assert_eq!(data.manifest_text(&execution).unwrap(), "{}");
        fs::write(execution.folder.join(MANIFEST_FILE), "{ }").unwrap();
        let error = data.manifest_text(&execution).unwrap_err().to_string();
        assert!(error.contains("was changed"), "{error}");
        // Two executions of one manifest get two numbers; one that starts once gets none.
        assert_eq!(data.new_execution(&run, "{}", false).unwrap().number, 2);
        assert!(data.new_execution(&run, "{}", true).is_err());
        // A folder that is not named by a digest is not a run's.
        fs::create_dir_all(folder.path().join("runs/other/1")).unwrap();
        assert_eq!(data.executions().unwrap().len(), 2);
    }
}
