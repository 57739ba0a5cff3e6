//! Searching a ledger, with its index if it is at hand and without it if not. It must never give
//! another answer with than without.

use std::collections::BTreeSet;
use std::path::Path;

use counterfoil_governance::ledger::{LedgerError, VerifiedLedger, verify, verify_after};
use counterfoil_governance::record::LedgerRecord;
use counterfoil_journal::key::VerifierKey;

use crate::store::{self, IndexError, Store};

/// Something that a record says, as text: a field and its value.
pub type Term = String;

/// What a record must say: one of these, or something that begins like one of them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Want(pub BTreeSet<Term>);

/// How an answer was found.
#[derive(Debug)]
pub enum By {
    /// With the index.
    Index,
    /// In the ledger alone, and why.
    Ledger(IndexError),
}

/// The ledger, and where in it to look.
#[derive(Debug)]
pub struct Found {
    /// The ledger's records, checked now or when the index was made.
    pub verified: VerifiedLedger,
    /// The records that may say all that is wanted, by number; they are to be asked themselves.
    /// Without an index, every record.
    pub candidates: BTreeSet<u64>,
    /// How it was found.
    pub by: By,
}

/// Looks for the records of the ledger in `bytes` that say all of what is wanted. `terms` are what
/// a record says. The index in `folder` is made, or brought up to the ledger, on the way.
///
/// # Errors
///
/// Returns [`LedgerError`] if the ledger does not hold. Nothing of the index is an error.
pub fn search(
    (bytes, key): (&[u8], &VerifierKey),
    folder: &Path,
    terms: &dyn Fn(u64, &LedgerRecord) -> BTreeSet<Term>,
    wanted: &[Want],
) -> Result<Found, LedgerError> {
    let store = match Store::open(folder, key.name()) {
        Ok(store) => store,
        Err(error) => return Ok(alone(verify(bytes, key)?, error)),
    };
    let (verified, store) = match store.mark().map(|mark| verify_after(bytes, key, &mark)) {
        Some(Ok(verified)) => (verified, Ok(store)),
        // It was made from another ledger, or from more of this one than is there now.
        Some(Err(_)) | None => (verify(bytes, key)?, emptied(store)),
    };
    let found = store.and_then(|store| with(store, &verified, terms, wanted));
    match found {
        Ok(candidates) => Ok(Found {
            verified,
            candidates,
            by: By::Index,
        }),
        Err(error) => Ok(alone(verified, error)),
    }
}

/// Throws the index away and makes it again from the ledger, all of which is checked.
///
/// # Errors
///
/// Returns [`LedgerError`] if the ledger does not hold.
pub fn rebuild(
    ledger: (&[u8], &VerifierKey),
    folder: &Path,
    terms: &dyn Fn(u64, &LedgerRecord) -> BTreeSet<Term>,
) -> Result<Found, LedgerError> {
    match store::remove(folder) {
        Ok(()) => search(ledger, folder, terms, &[]),
        Err(error) => Ok(alone(verify(ledger.0, ledger.1)?, error)),
    }
}

/// How many records the index says it knows; nothing if there is none.
#[must_use]
pub fn standing(folder: &Path) -> Option<u64> {
    store::sealed(folder).map(|seal| seal.mark.size)
}

fn emptied(mut store: Store) -> Result<Store, IndexError> {
    store.clear()?;
    Ok(store)
}

fn alone(verified: VerifiedLedger, error: IndexError) -> Found {
    Found {
        candidates: all(&verified),
        verified,
        by: By::Ledger(error),
    }
}

fn all(verified: &VerifiedLedger) -> BTreeSet<u64> {
    (0..verified.mark().size).collect()
}

/// Brings the index up to the ledger, asks it, and closes it.
fn with(
    mut store: Store,
    verified: &VerifiedLedger,
    terms: &dyn Fn(u64, &LedgerRecord) -> BTreeSet<Term>,
    wanted: &[Want],
) -> Result<BTreeSet<u64>, IndexError> {
    let known = store.mark().map_or(0, |mark| mark.size);
    let records = verified.records.iter().zip(0..);
    let new = records.filter(|(_, index)| *index >= known);
    store.add(new.map(|(record, index)| (index, terms(index, record))))?;
    let mut found = all(verified);
    for want in wanted {
        let mut fits = BTreeSet::new();
        for term in &want.0 {
            fits.extend(store.find(term)?);
        }
        found.retain(|index| fits.contains(index));
    }
    store.close(verified.mark())?;
    Ok(found)
}
