//! Differences between what the ledger declares and what the machine holds: bytes, keys, runs, people. It must
//! never change anything, nor decide what happens to a difference.

mod bytes;
mod keys;
mod people;
mod runs;

use std::collections::BTreeSet;

use counterfoil_governance::act::DriftFinding;
use counterfoil_governance::state::LedgerState;
use counterfoil_os::files::FileError;
use counterfoil_trading::manifest::ManifestError;
use counterfoil_trading::time::UnixNanos;

use counterfoil_runner::store::data_dir::{DataDir, DataDirError};
use counterfoil_runner::store::keys::{KeyDir, KeyDirError};
use counterfoil_runner::study::evidence::EvidenceStoreError;

/// Why the check for drift could not be completed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DriftError {
    /// A file or folder could not be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// Something in the data directory could not be read.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// A piece of evidence could not be read.
    #[error(transparent)]
    Evidence(#[from] EvidenceStoreError),
    /// A manifest is invalid, although its bytes match its digest.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The key folder could not be read.
    #[error(transparent)]
    Key(#[from] KeyDirError),
}

/// The kinds of drift by their stable codes, each with what to do about it.
pub const KINDS: &[(&str, &str)] = &[
    (
        "component.bytes",
        "restore the component's file from a copy",
    ),
    (
        "evidence.bytes",
        "restore the file; a component whose evidence is missing cannot be approved again",
    ),
    (
        "evidence.journal",
        "restore the journal of the backtest that was attested, or validate the component again",
    ),
    (
        "policy.bytes",
        "restore the file; until then every gate is shut",
    ),
    (
        "limits.bytes",
        "restore the file, or set the limits again (counterfoil account limits set)",
    ),
    (
        "verdict.bytes",
        "restore the file; until then the verdict cannot be evaluated again",
    ),
    (
        "class.short",
        "add a member or a key (counterfoil people add, counterfoil people key add), or set the class to fewer \
         signatures (counterfoil people class set)",
    ),
    (
        "role.keyless",
        "add a key (counterfoil people key add), or remove the roles (counterfoil people roles)",
    ),
    (
        "key.open",
        "chmod 600 the file, and rotate the key, which others may have read (counterfoil people key rotate)",
    ),
    (
        "key.folder-open",
        "chmod go-w the folder, and check the files in it",
    ),
    (
        "key.in-data",
        "move the keys out of the data directory (--key-dir), and rotate them",
    ),
    (
        "key.undeclared",
        "have an administrator add the key (counterfoil people key add), or delete the file",
    ),
    (
        "key.ended",
        "delete the file: an ended key signs nothing any more",
    ),
    (
        "key.content",
        "restore the file, or delete it and rotate the key",
    ),
    (
        "log.key",
        "restore the log's key, or name the right folder with --key-dir",
    ),
    (
        "log.open",
        "chmod 600 the file, and rotate the log's key, which others may have read",
    ),
    (
        "run.unauthorized",
        "find out who started it; runs are started through the runner (counterfoil run start)",
    ),
    (
        "run.component",
        "find out who started it; have the component approved before it runs again",
    ),
    (
        "run.missing",
        "restore the run's folder: its journal is the evidence of what it did",
    ),
    (
        "run.anchors",
        "restore the run's logs from a copy; whoever holds the log's key can write others, and the ledger does not know \
         them",
    ),
    (
        "run.manifest",
        "write the copy again from the journal's first record (counterfoil run show RUN --manifest)",
    ),
    (
        "run.limits",
        "stop the run (counterfoil run stop), and start a new one under the limits in force",
    ),
    (
        "run.going-on",
        "stop the run (counterfoil run stop, counterfoil kill)",
    ),
];

/// What to do about drift of this kind.
#[must_use]
pub fn hint(rule: &str) -> &'static str {
    let found = KINDS.iter().find(|(code, _)| *code == rule);
    found.map_or("compare the two and correct one", |(_, hint)| *hint)
}

/// Every difference at this time, each once.
///
/// # Errors
///
/// Returns [`DriftError`] if anything could not be read: an incomplete check must not look like agreement.
pub fn look(
    data: &DataDir,
    key_dir: &KeyDir,
    state: &LedgerState,
    now: UnixNanos,
) -> Result<BTreeSet<DriftFinding>, DriftError> {
    let mut found = Found(BTreeSet::new());
    bytes::look(data, state, &mut found)?;
    people::look(state, now, &mut found);
    keys::look(key_dir, data, state, now, &mut found)?;
    runs::look(data, state, now, &mut found)?;
    Ok(found.0)
}

/// Whether a check with this key folder can find this difference: other principals keep their keys in other
/// folders.
#[must_use]
pub fn is_seen_from(key_dir: &KeyDir, drift: &DriftFinding) -> bool {
    // A difference in a folder that this check did not read is not gone: its end must not be recorded from
    // here.
    let of_keys = drift.rule.starts_with("key.") || drift.rule.starts_with("log.");
    !of_keys || drift.subject.starts_with(&keys::folder(key_dir))
}

/// The differences so far.
struct Found(BTreeSet<DriftFinding>);

impl Found {
    fn add(
        &mut self,
        rule: &str,
        subject: impl Into<String>,
        declared: impl Into<String>,
        found: impl Into<String>,
    ) {
        self.0.insert(DriftFinding {
            rule: rule.to_owned(),
            subject: subject.into(),
            declared: declared.into(),
            found: found.into(),
        });
    }
}

/// The text of a finding for missing bytes.
const MISSING: &str = "missing";
