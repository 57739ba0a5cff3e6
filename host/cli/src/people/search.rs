//! Finding records: with the index if it is there, otherwise in the ledger itself. What is told
//! is always asked of the records; the index says only where to look.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use counterfoil_approval::ledger_view;
use counterfoil_governance::act::Act;
use counterfoil_governance::id::Id;
use counterfoil_governance::ledger::{origin, verify};
use counterfoil_governance::record::LedgerRecord;
use counterfoil_index::{AnsweredBy, AnyTerm, IndexError, SearchCandidates};
use counterfoil_journal::key::VerifierKey;
use counterfoil_os::files::read_whole;
use counterfoil_trading::time::UnixNanos;
use serde_json::Value;

use super::{record_json, table};
use crate::args::{LedgerSearchArgs, RowFilter};
use crate::cli_context::CliContext;
use crate::output::note;

/// Fields that are not searched by prefix, or that differ in every record: asked of each.
const NOT_INDEXED: [&str; 4] = ["record", "time", "key", "signature"];

/// What records are asked for.
pub(crate) struct Asked<'a> {
    args: &'a LedgerSearchArgs,
    actor: Option<Id>,
    from: Option<UnixNanos>,
    to: Option<UnixNanos>,
}

/// The records that were asked for, in JSON, the oldest first.
pub(crate) fn find(cli: &CliContext, args: &LedgerSearchArgs) -> Result<Vec<Value>> {
    let asked = Asked {
        args,
        actor: args
            .actor
            .as_deref()
            .map(|name| super::id("--actor", name))
            .transpose()?,
        from: super::time_if("--from", args.from.as_deref())?,
        to: super::time_if("--to", args.to.as_deref())?,
    };
    let wanted = asked.wanted(&args.filter);
    let (bytes, key) = ledger(cli)?;
    let (verified, candidates) = if args.no_index {
        let verified = verify(&bytes, &key).context(DOES_NOT_HOLD)?;
        let all = (0..verified.mark().size).collect();
        (verified, all)
    } else {
        let folder = folder(cli);
        let found = counterfoil_index::search(&bytes, &key, &folder, &terms, &wanted);
        let found = found.context(DOES_NOT_HOLD)?;
        told(&found.by);
        (found.verified, found.candidates)
    };
    let records = verified.records.iter().zip(0..);
    let fits = records.filter(|(one, index)| candidates.contains(index) && asked.fits(one));
    let found = fits
        .map(|(one, index)| record_json::record(index, one))
        .collect();
    table::filter(found, &args.filter)
}

const DOES_NOT_HOLD: &str = "the ledger does not hold";

/// Makes the index anew.
pub(crate) fn rebuild(cli: &CliContext) -> Result<SearchCandidates> {
    let (bytes, key) = ledger(cli)?;
    counterfoil_index::rebuild(&bytes, &key, &folder(cli), &terms).context(DOES_NOT_HOLD)
}

/// How many records the index knows; nothing if there is none.
pub(crate) fn indexed_records(cli: &CliContext) -> Option<u64> {
    counterfoil_index::indexed_records(&folder(cli))
}

fn folder(cli: &CliContext) -> std::path::PathBuf {
    cli.data.root().join("index").join("ledger")
}

fn ledger(cli: &CliContext) -> Result<(Vec<u8>, VerifierKey)> {
    let key = cli.keys.public_key();
    let key = key.context("no public key of the log: give --key-dir")?;
    let (name, path) = ledger_view::find(&cli.data)?;
    let key = VerifierKey::new(&origin(&name), &key)?;
    Ok((read_whole(&path)?, key))
}

/// Says why the index was of no use, unless another process has it, which is nothing to see to.
fn told(by: &AnsweredBy) {
    if let AnsweredBy::Ledger(error) = by
        && !matches!(error, IndexError::Busy)
    {
        note(&format!("found without the index: {error}"));
    }
}

impl Asked<'_> {
    /// What the index is asked for; the rest is asked of the records.
    fn wanted(&self, filter: &RowFilter) -> Vec<AnyTerm> {
        let args = self.args;
        let want = |terms: &[String]| AnyTerm(terms.iter().cloned().collect());
        let actor = self.actor.as_ref();
        let mut all: Vec<AnyTerm> = Vec::new();
        all.extend(actor.map(|actor| want(&[format!("actor={actor}")])));
        all.extend(args.act.as_ref().map(|act| want(&[format!("act={act}")])));
        let by = |rule| want(&[format!("denied={rule}"), format!("rule={rule}")]);
        all.extend(args.rule.as_ref().map(by));
        if args.denied {
            all.push(want(&["denied=".to_owned(), "act=refused".to_owned()]));
        }
        let pairs = filter
            .conditions
            .iter()
            .filter_map(|one| one.split_once('='));
        for (field, value) in pairs {
            // What a record does not say is not in the index.
            if value.is_empty() || value == "none" || NOT_INDEXED.contains(&field) {
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
        let (args, signed, rule) = (self.args, &one.signed, denied_by(one));
        self.actor
            .as_ref()
            .is_none_or(|actor| signed.actor == *actor)
            && args.act.as_ref().is_none_or(|act| signed.act.name() == act)
            && (!args.denied || rule.is_some())
            && args.rule.as_deref().is_none_or(|asked| rule == Some(asked))
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
            let text = table::plain(value);
            if let Some(digits) = text.strip_prefix("sha256:") {
                all.insert(format!("{field}={digits}"));
            }
            all.insert(format!("{field}={text}"));
        }
    }
}
