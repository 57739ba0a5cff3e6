//! Searching a ledger, with its index where there is one. The answer is the same without it.

use std::collections::BTreeSet;

use counterfoil_governance::ledger::{LedgerError, PrefixDigests, VerifiedLedger, verify_behind};
use counterfoil_governance::record::LedgerRecord;
use counterfoil_journal::key::VerifierKey;
use counterfoil_os::file_path::FilePath;

use crate::seal::IndexSecret;
use crate::store::{self, IndexError, IndexStore};

/// One field of a record and its value, as text.
pub type SearchTerm = String;

/// A record matches if one of its terms is one of these, or begins like one of them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AnyTerm(pub BTreeSet<SearchTerm>);

/// Where an answer comes from.
#[derive(Debug)]
pub enum AnsweredBy {
    /// From the index.
    Index,
    /// From the ledger alone, and why.
    Ledger(IndexError),
}

/// The ledger's records, and which of them may match.
#[derive(Debug)]
pub struct SearchCandidates {
    /// The ledger's records, checked now or when the index was made.
    pub verified: VerifiedLedger,
    /// The records that may match, by number; the caller compares each of them. Without an index,
    /// every record.
    pub candidates: BTreeSet<u64>,
    /// Where the candidates come from.
    pub by: AnsweredBy,
}

/// Searches a ledger for records that match all of `wanted`; `terms` gives the terms of
/// a record. The index in `folder` is made, or brought up to the ledger, first; without the secret that seals it, the whole
/// ledger is verified and searched.
///
/// # Errors
///
/// Returns [`LedgerError`] if the ledger does not verify. A failure of the index is not an error: the
/// answer then comes from the ledger.
pub fn search(
    ledger: &mut PrefixDigests<'_>,
    key: &VerifierKey,
    folder: &FilePath,
    secret: Option<&IndexSecret>,
    terms: &dyn Fn(u64, &LedgerRecord) -> BTreeSet<SearchTerm>,
    wanted: &[AnyTerm],
) -> Result<SearchCandidates, LedgerError> {
    // An index that anybody could have made may leave out a record: a verifier without the secret believes none.
    let Some(secret) = secret else {
        return Ok(without_index(
            verify_behind(ledger, key, None)?.0,
            IndexError::NoSecret,
        ));
    };
    let store = match IndexStore::open(folder, key.name(), secret) {
        Ok(store) => store,
        Err(error) => return Ok(without_index(verify_behind(ledger, key, None)?.0, error)),
    };
    let (verified, known) = verify_behind(ledger, key, store.mark().as_ref())?;
    // It was made from another ledger, or from more of this one than there is now: a ledger that
    // was cut must not be answered from an index that still has what was removed.
    let store = if known == 0 {
        emptied(store)
    } else {
        Ok(store)
    };
    let found =
        store.and_then(|store| find_candidates(store, ledger.bytes(), &verified, terms, wanted));
    match found {
        Ok(candidates) => Ok(SearchCandidates {
            verified,
            candidates,
            by: AnsweredBy::Index,
        }),
        Err(error) => Ok(without_index(verified, error)),
    }
}

/// Removes the index and rebuilds it from the ledger, all of which is verified.
///
/// # Errors
///
/// Returns [`LedgerError`] if the ledger does not verify.
pub fn rebuild(
    ledger: &mut PrefixDigests<'_>,
    key: &VerifierKey,
    folder: &FilePath,
    secret: Option<&IndexSecret>,
    terms: &dyn Fn(u64, &LedgerRecord) -> BTreeSet<SearchTerm>,
) -> Result<SearchCandidates, LedgerError> {
    match store::remove(folder) {
        Ok(()) => search(ledger, key, folder, secret, terms, &[]),
        Err(error) => Ok(without_index(verify_behind(ledger, key, None)?.0, error)),
    }
}

/// The number of records in the index; `None` without one.
#[must_use]
pub fn indexed_records(folder: &FilePath, secret: &IndexSecret) -> Option<u64> {
    store::sealed(folder, secret).map(|seal| seal.mark.size)
}

fn emptied(mut store: IndexStore) -> Result<IndexStore, IndexError> {
    store.clear()?;
    Ok(store)
}

fn without_index(verified: VerifiedLedger, error: IndexError) -> SearchCandidates {
    SearchCandidates {
        candidates: all(&verified),
        verified,
        by: AnsweredBy::Ledger(error),
    }
}

fn all(verified: &VerifiedLedger) -> BTreeSet<u64> {
    (0..verified.mark().size).collect()
}

/// Brings the index up to the ledger, searches it, and closes it.
fn find_candidates(
    mut store: IndexStore,
    bytes: &[u8],
    verified: &VerifiedLedger,
    terms: &dyn Fn(u64, &LedgerRecord) -> BTreeSet<SearchTerm>,
    wanted: &[AnyTerm],
) -> Result<BTreeSet<u64>, IndexError> {
    let known = store.mark().map_or(0, |mark| mark.size);
    // Only records that are new: a search of a long ledger costs no more than those.
    let new = verified.places.records(bytes, known);
    let new = new.map(|one| one.map(|(index, record)| (index, terms(index, &record))));
    store.add(new)?;
    let mut found = all(verified);
    for want in wanted {
        let mut fits = BTreeSet::new();
        for term in &want.0 {
            fits.extend(store.find_prefix(term)?);
        }
        found.retain(|index| fits.contains(index));
    }
    // What is not found is looked for in every record: a term that the index lost must not hide one.
    if found.is_empty() {
        found = all(verified);
    }
    // Sealed last. If this fails, the files have no seal and the next search makes them again; the
    // error still sends this answer to the ledger.
    store.close(verified.mark())?;
    Ok(found)
}
