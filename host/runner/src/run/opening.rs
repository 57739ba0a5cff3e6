//! What a journal begins with: made before anything is written, so that the ledger can name it first.

use counterfoil_journal::entry::{Chain, EntryError};
use counterfoil_journal::hash::Hash;
use counterfoil_journal::salt::LogSigner;
use counterfoil_trading::manifest::{Manifest, ManifestError};
use counterfoil_trading::record::{Opening, RunStarter};

use crate::build::host_build;

/// The number of the only execution of a live manifest.
pub const FIRST_EXECUTION: u64 = 1;

/// The opening of a run over a feed, in this process.
///
/// # Errors
///
/// Returns [`ManifestError`] if the manifest has no canonical form, which every parsed manifest has.
pub fn of_feed(manifest: &Manifest, start: RunStarter) -> Result<Opening, ManifestError> {
    Ok(Opening {
        manifest: manifest.canonical()?,
        execution: FIRST_EXECUTION,
        host: host_build(),
        start,
        commitments: None,
    })
}

/// The leaf hash of the entry 0 that this opening makes in its run's journal.
///
/// # Errors
///
/// Returns [`EntryError`] if entry 0 would be too long.
pub fn entry_0(
    opening: &Opening,
    origin: &str,
    signer: &dyn LogSigner,
) -> Result<Hash, EntryError> {
    let bodies = opening.bodies();
    let first = bodies.first().map(Vec::as_slice).unwrap_or_default();
    let salt = signer.salts(origin).at(0);
    Chain::default().link(salt, first, &mut Vec::new())
}

/// Checks that a journal begins with the entry 0 that the ledger's start names, if one does.
///
/// # Errors
///
/// Returns [`OtherStart`] with both.
pub(crate) fn check_entry_0(
    opening: &Opening,
    origin: &str,
    signer: &dyn LogSigner,
    named: Option<Hash>,
) -> Result<(), OtherStart> {
    let Some(named) = named else {
        return Ok(());
    };
    let found = entry_0(opening, origin, signer).map_err(|_| OtherStart { found: None, named })?;
    if found == named {
        return Ok(());
    }
    let found = Some(found);
    Err(OtherStart { found, named })
}

/// A journal that does not begin as the ledger's start says.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "the ledger's start names entry 0 with the leaf hash {}, and the journal's is {}; restore the journal that this \
     start began, or start another run",
    hex::encode(.named.0), found.map_or_else(|| "too long".to_owned(), |hash| hex::encode(hash.0))
)]
pub struct OtherStart {
    /// That of the journal; absent where it would be too long.
    pub found: Option<Hash>,
    /// That of the ledger.
    pub named: Hash,
}
