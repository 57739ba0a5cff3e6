//! Finding records of the ledger: with the index if it is there, otherwise in the ledger itself. It must never answer
//! from the index, which says only where to look: every answer is read from the records.

use std::collections::BTreeSet;

use counterfoil_governance::act::Act;
use counterfoil_governance::id::Id;
use counterfoil_governance::ledger::{LedgerError, PrefixDigests, VerifiedLedger, verify_behind};
use counterfoil_governance::record::LedgerRecord;
use counterfoil_index::{AnsweredBy, AnyTerm, IndexError, IndexSecret};
use counterfoil_os::file_path::FilePath;
use counterfoil_runner::store::data_dir::DataDir;
use counterfoil_runner::store::keys::KeyDir;
use counterfoil_trading::time::UnixNanos;
use serde_json::Value;

use crate::field_condition::{self, FieldCondition};
use crate::ledger_seen::LedgerSeenError;
use crate::ledger_view::{LedgerViewError, UnverifiedLedger};
use crate::{record_json, value_text};

/// Fields that are not searched by prefix, or that differ in every record: asked of each.
const NOT_INDEXED: [&str; 4] = ["record", "time", "key", "signature"];

/// Where records are looked for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum SearchPlace {
    /// The index, which is made or brought up to the ledger first.
    #[default]
    Index,
    /// The whole ledger, verified again.
    WholeLedger,
}

/// Which records to find: those that fit all of it.
#[derive(Clone, Debug, Default)]
pub struct RecordQuery {
    pub actor: Option<Id>,
    /// The name of an act, such as `component-approve`.
    pub act: Option<String>,
    /// The code of the rule that denied it, such as `duty.author`.
    pub rule: Option<String>,
    /// Whether only denials fit.
    pub is_denied: bool,
    /// The first time that fits.
    pub from: Option<UnixNanos>,
    /// The first time after those that fit.
    pub to: Option<UnixNanos>,
    pub fields: Vec<FieldCondition>,
    pub place: SearchPlace,
}

/// The records that fit a query.
#[derive(Debug)]
pub struct FoundRecords {
    /// In JSON, the oldest first.
    pub records: Vec<Value>,
    /// Why the index was of no use; not where another process has it, or where the caller has no secret to trust it by:
    /// neither needs attention.
    pub index_failure: Option<IndexError>,
}

/// Why the ledger could not be searched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SearchError {
    #[error(transparent)]
    View(#[from] LedgerViewError),
    #[error(transparent)]
    Seen(#[from] LedgerSeenError),
    #[error("the ledger does not hold")]
    Verify(#[from] LedgerError),
    #[error("the index could not be made")]
    Index(#[source] IndexError),
}

/// The records that fit a query.
///
/// # Errors
///
/// Returns [`SearchError`] if the ledger cannot be read or does not verify. A failure of the index is no error.
pub fn find(
    data: &DataDir,
    keys: &KeyDir,
    query: &RecordQuery,
) -> Result<FoundRecords, SearchError> {
    let ledger = UnverifiedLedger::open(data, keys)?;
    let (mut digests, key) = (PrefixDigests::new(&ledger.bytes), &ledger.key);
    let (verified, candidates, index_failure) = match query.place {
        SearchPlace::WholeLedger => {
            let (verified, _) = verify_behind(&mut digests, key, None)?;
            let all = (0..verified.mark().size).collect();
            (verified, all, None)
        }
        SearchPlace::Index => {
            let (folder, wanted) = (folder(data), query.wanted());
            let found = counterfoil_index::search(
                &mut digests,
                key,
                &folder,
                secret(keys).as_ref(),
                &terms,
                &wanted,
            )?;
            (found.verified, found.candidates, failure(found.by))
        }
    };
    ledger.check_seen(&mut digests)?;
    let mut found = Vec::new();
    for index in candidates {
        let record = verified.places.record(&ledger.bytes, index)?;
        if let Some(one) = record.filter(|one| query.fits(one)) {
            found.push(record_json::record(index, &one));
        }
    }
    Ok(FoundRecords {
        records: field_condition::filter(found, &query.fields),
        index_failure,
    })
}

/// Makes the index anew; returns the ledger that it was made from.
///
/// # Errors
///
/// Returns [`SearchError`] if the ledger cannot be read or does not verify, or the index cannot be made.
pub fn rebuild_index(data: &DataDir, keys: &KeyDir) -> Result<VerifiedLedger, SearchError> {
    let ledger = UnverifiedLedger::open(data, keys)?;
    let (mut digests, key) = (PrefixDigests::new(&ledger.bytes), &ledger.key);
    let made = counterfoil_index::rebuild(
        &mut digests,
        key,
        &folder(data),
        secret(keys).as_ref(),
        &terms,
    )?;
    ledger.check_seen(&mut digests)?;
    match made.by {
        AnsweredBy::Index => Ok(made.verified),
        AnsweredBy::Ledger(error) => Err(SearchError::Index(error)),
    }
}

/// How many records the index knows; `None` without an index.
#[must_use]
pub fn indexed_records(data: &DataDir, keys: &KeyDir) -> Option<u64> {
    counterfoil_index::indexed_records(&folder(data), &secret(keys)?)
}

/// What seals the index; `None` in a key folder without the log's secrets.
fn secret(keys: &KeyDir) -> Option<IndexSecret> {
    keys.index_secret().map(IndexSecret)
}

fn folder(data: &DataDir) -> FilePath {
    data.root().join("index").join("ledger")
}

fn failure(by: AnsweredBy) -> Option<IndexError> {
    match by {
        AnsweredBy::Index | AnsweredBy::Ledger(IndexError::Busy | IndexError::NoSecret) => None,
        AnsweredBy::Ledger(error) => Some(error),
    }
}

impl RecordQuery {
    /// What the index is asked for; the rest is asked of the records.
    fn wanted(&self) -> Vec<AnyTerm> {
        let want = |terms: &[String]| AnyTerm(terms.iter().cloned().collect());
        let actor = self.actor.as_ref();
        let mut all: Vec<AnyTerm> = Vec::new();
        all.extend(actor.map(|actor| want(&[format!("actor={actor}")])));
        all.extend(self.act.as_ref().map(|act| want(&[format!("act={act}")])));
        let by = |rule| want(&[format!("denied={rule}"), format!("rule={rule}")]);
        all.extend(self.rule.as_ref().map(by));
        if self.is_denied {
            all.push(want(&["denied=".to_owned(), "act=refused".to_owned()]));
        }
        for FieldCondition { field, value } in &self.fields {
            // What a record does not say is not in the index.
            if value.is_empty() || value == "none" || NOT_INDEXED.contains(&field.as_str()) {
                continue;
            }
            let bare = value.strip_prefix("sha256:").unwrap_or(value);
            all.push(want(&[
                format!("{field}={value}"),
                format!("{field}={bare}"),
            ]));
        }
        all
    }

    fn fits(&self, one: &LedgerRecord) -> bool {
        let (signed, rule) = (&one.signed, denied_by(one));
        self.actor
            .as_ref()
            .is_none_or(|actor| signed.actor == *actor)
            && self.act.as_ref().is_none_or(|act| signed.act.name() == act)
            && (!self.is_denied || rule.is_some())
            && self.rule.as_deref().is_none_or(|asked| rule == Some(asked))
            && self.from.is_none_or(|from| signed.time >= from)
            && self.to.is_none_or(|to| signed.time < to)
    }
}

/// The rule by which the ledger denied the act, or the program refused it before.
fn denied_by(record: &LedgerRecord) -> Option<&str> {
    match (record.denied, &record.signed.act) {
        (Some(rule), _) => Some(rule.code()),
        (None, Act::Refused(refused)) => Some(&refused.rule),
        (None, _) => None,
    }
}

/// What a record says: every field of its JSON form with every value that it can be asked for by.
fn terms(index: u64, record: &LedgerRecord) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    if let Value::Object(fields) = record_json::record(index, record) {
        for (field, value) in fields {
            if !NOT_INDEXED.contains(&field.as_str()) {
                add(&mut all, &field, &value);
            }
        }
    }
    all
}

fn add(all: &mut BTreeSet<String>, field: &str, value: &Value) {
    match value {
        Value::Null => {}
        Value::Array(items) => items.iter().for_each(|item| add(all, field, item)),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            let text = value_text::plain(value);
            if let Some(digits) = text.strip_prefix("sha256:") {
                all.insert(format!("{field}={digits}"));
            }
            all.insert(format!("{field}={text}"));
        }
    }
}
