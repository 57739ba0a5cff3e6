//! The ledger, read and checked from its first byte each time, without changing it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use counterfoil_governance::id::Id;
use counterfoil_governance::ledger::{self, Verified};
use counterfoil_governance::state::State;
use counterfoil_journal::key::VerifierKey;
use counterfoil_os::files::read_whole;
use counterfoil_trading::time::UnixNanos;
use serde_json::Value;

use super::words;
use crate::output::note;
use crate::places::Places;

/// The folder of the ledger in the data directory.
const FOLDER: &str = "ledger";
/// What the name of the ledger's file ends with; the ledger's name stands before it.
const ENDING: &str = ".ledger";

/// A ledger's records, checked.
pub(crate) struct View {
    pub(crate) name: Id,
    pub(crate) path: PathBuf,
    pub(crate) key: VerifierKey,
    pub(crate) verified: Verified,
}

impl View {
    /// The ledger of this data directory, under the key of the key folder.
    pub(crate) fn open(places: &Places) -> Result<Self> {
        let key = places.keys.public_key();
        Self::open_by(
            places,
            key.context("no public key of the log: give --key-dir")?,
        )
    }

    /// The same, where the public key's file may be what was changed: the log's secret key, if it is
    /// there, says which key to trust.
    pub(crate) fn open_as_found(places: &Places) -> Result<Self> {
        let opened = Self::open(places);
        match (opened, places.keys.secret_public()) {
            (Err(_), Ok(Some(key))) => Self::open_by(places, key),
            (opened, _) => opened,
        }
    }

    /// The same under a key that the caller trusts.
    pub(crate) fn open_by(places: &Places, key: [u8; 32]) -> Result<Self> {
        let (name, path) = find(places)?;
        let key = VerifierKey::new(&ledger::origin(&name), &key)?;
        let verified = ledger::verify(&read_whole(&path)?, &key)
            .with_context(|| format!("the ledger {} does not hold", path.display()))?;
        if verified.torn_bytes > 0 {
            note(&format!(
                "the last {} bytes of {} are no whole record; the next act cuts them",
                verified.torn_bytes,
                path.display()
            ));
        }
        Ok(Self {
            name,
            path,
            key,
            verified,
        })
    }

    /// When the record of this number was made.
    pub(crate) fn time_of(&self, index: u64) -> Option<UnixNanos> {
        let place = usize::try_from(index).ok()?;
        Some(self.verified.records.get(place)?.signed.time)
    }

    /// Every record in JSON, the oldest first.
    pub(crate) fn rows(&self) -> Vec<Value> {
        let records = self.verified.records.iter().zip(0..);
        records
            .map(|(one, index)| words::record(index, one))
            .collect()
    }

    pub(crate) const fn state(&self) -> &State {
        &self.verified.state
    }
}

/// Where the ledger of this name lies, or will.
pub(crate) fn path_of(places: &Places, name: &Id) -> PathBuf {
    folder(places).join(format!("{name}{ENDING}"))
}

pub(crate) fn folder(places: &Places) -> PathBuf {
    places.data.root().join(FOLDER)
}

/// The one ledger of the data directory.
pub(crate) fn find(places: &Places) -> Result<(Id, PathBuf)> {
    let folder = folder(places);
    let mut found = all(&folder)?;
    match (found.pop(), found.pop()) {
        (Some(one), None) => Ok(one),
        (None, _) => bail!(
            "no ledger in {}; begin one with `counterfoil ledger init NAME --as YOU`",
            folder.display()
        ),
        (Some(_), Some(_)) => bail!(
            "more than one ledger in {}: a data directory has one; move the others away",
            folder.display()
        ),
    }
}

/// Every ledger in a folder.
pub(crate) fn all(folder: &Path) -> Result<Vec<(Id, PathBuf)>> {
    let mut found = Vec::new();
    if !folder.is_dir() {
        return Ok(found);
    }
    for entry in
        std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?
    {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if let Some(name) = name.strip_suffix(ENDING) {
            found.push((
                Id::parse(name).with_context(|| format!("the ledger's file {name:?}"))?,
                path,
            ));
        }
    }
    Ok(found)
}
