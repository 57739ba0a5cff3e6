//! The key folder: files that other users can read, keys that the ledger does not know or that have ended, and the
//! log's own key. Secret keys must never leave this file.

use std::path::Path;

use counterfoil_governance::state::LedgerState;
use counterfoil_journal::public_key::PublicKey;
use counterfoil_os::file_path::FilePath;
use counterfoil_os::files::{MetadataExt as _, facts_of};
use counterfoil_trading::time::UnixNanos;

use super::{DriftError, Found, MISSING};
use counterfoil_runner::store::data_dir::DataDir;
use counterfoil_runner::store::keys::{
    KeyDir, KeyDirError, PEOPLE_FOLDER, PUBLIC_FILE, PeopleKeys, PersonKey, SECRET_FILE,
    read_public,
};

/// The declared permissions of a file with a secret key.
const OWNER_ALONE: &str = "its owner alone reads it";

/// The key folder, as findings name it.
pub(super) fn folder(key_dir: &KeyDir) -> String {
    let path = key_dir.path();
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.path().to_path_buf());
    whole.display().to_string()
}

pub(super) fn look(
    key_dir: &KeyDir,
    data: &DataDir,
    state: &LedgerState,
    now: UnixNanos,
    all: &mut Found,
) -> Result<(), DriftError> {
    log(key_dir, state, all)?;
    let people = key_dir.path().join(PEOPLE_FOLDER);
    if mode_of(&people)?.is_none() {
        return Ok(());
    }
    // Opened for its checks only. The keys are read without them below, so that an open folder does not hide
    // the findings about its files.
    match PeopleKeys::open(key_dir, data.root()) {
        Ok(_) => {}
        Err(KeyDirError::FolderOpen { path, mode }) => {
            let mode = format!("mode {mode:o}");
            let path = inside(key_dir, &path);
            all.add("key.folder-open", path, "its owner alone writes it", mode);
        }
        Err(KeyDirError::InData { data, .. }) => {
            let found = format!("in {data}");
            all.add("key.in-data", folder(key_dir), "apart from the data", found);
        }
        Err(error) => return Err(error.into()),
    }
    let people = PeopleKeys::unchecked(key_dir);
    for key in people.all()? {
        check_person_key(&people, &key, state, now, all)?;
    }
    Ok(())
}

/// A path in the key folder as findings name it, with or without links in it.
fn inside(key_dir: &KeyDir, path: &str) -> String {
    let people = Path::new(path)
        .file_name()
        .is_some_and(|name| name == PEOPLE_FOLDER);
    let folder = folder(key_dir);
    if people {
        return format!("{folder}/{PEOPLE_FOLDER}");
    }
    folder
}

/// Checks the key file of one person.
fn check_person_key(
    people: &PeopleKeys,
    key: &PersonKey,
    state: &LedgerState,
    now: UnixNanos,
    all: &mut Found,
) -> Result<(), DriftError> {
    let path = people.path(&key.name, &key.public)?;
    let subject = std::path::absolute(path.path()).unwrap_or_else(|_| path.path().to_path_buf());
    let subject = subject.display().to_string();
    let public = PublicKey(key.public);
    // Reported alone: other users may have replaced the file, so its content proves nothing about the
    // principal.
    if is_open_to_others(&path, &subject, "key.open", all)? {
        return Ok(());
    }
    if let Err(KeyDirError::Malformed { .. }) = people.signer(&key.name, &key.public) {
        let found = "no key, or another";
        all.add("key.content", &*subject, public.to_string(), found);
    }
    let declared = state.keys().get(&public);
    let Some(declared) = declared.filter(|record| record.owner.as_str() == key.name) else {
        let found = format!("key {public} of {}", key.name);
        all.add("key.undeclared", subject, "no such key", found);
        return Ok(());
    };
    let ended = declared
        .ended
        .map(|index| format!("ended with record {index}"));
    let over = declared.until.filter(|_| !declared.counts(now));
    let over = over.map(|until| format!("over since {}", until.date_or_time()));
    if let Some(ended) = ended.or(over) {
        all.add("key.ended", subject, ended, "its file is there");
    }
    Ok(())
}

/// Checks the log's key: it is the key that the ledger names, in a file that only its holder can read.
fn log(key_dir: &KeyDir, state: &LedgerState, all: &mut Found) -> Result<(), DriftError> {
    let (folder, declared) = (folder(key_dir), state.log_key().to_string());
    let mut compare = |file: &str, found: String| {
        if found != declared {
            all.add("log.key", format!("{folder}/{file}"), &*declared, found);
        }
    };
    let public = key_dir.path().join(PUBLIC_FILE);
    if mode_of(&public)?.is_some() {
        compare(PUBLIC_FILE, text(read_public(&public))?);
    } else {
        compare(PUBLIC_FILE, MISSING.to_owned());
    }
    // Only the holder of the log's key has its secret file: without it nothing is missing here.
    match key_dir.secret_public() {
        Ok(None) => {}
        Err(KeyDirError::Open { mode, .. }) => {
            let (path, mode) = (format!("{folder}/{SECRET_FILE}"), format!("mode {mode:o}"));
            all.add("log.open", path, OWNER_ALONE, mode);
        }
        Ok(Some(found)) => compare(SECRET_FILE, text(Ok(found))?),
        Err(error) => compare(SECRET_FILE, text(Err(error))?),
    }
    Ok(())
}

/// The text of a finding for a key that was read from a file.
fn text(found: Result<[u8; 32], KeyDirError>) -> Result<String, DriftError> {
    match found {
        Ok(found) => Ok(PublicKey(found).to_string()),
        Err(KeyDirError::Malformed { .. }) => Ok("no key".to_owned()),
        Err(error) => Err(error.into()),
    }
}

/// Whether other users can access a file; adds a finding if they can.
fn is_open_to_others(
    path: &FilePath,
    subject: &str,
    rule: &str,
    all: &mut Found,
) -> Result<bool, DriftError> {
    let mode = mode_of(path)?.unwrap_or_default();
    let is_open = mode & 0o077 != 0;
    if is_open {
        all.add(rule, subject, OWNER_ALONE, format!("mode {mode:o}"));
    }
    Ok(is_open)
}

/// The permission bits of a file or folder; `None` if it does not exist.
fn mode_of(path: &FilePath) -> Result<Option<u32>, DriftError> {
    Ok(facts_of(path)?.map(|found| found.mode() & 0o7777))
}
