//! What a change would change, from the bytes behind its digests: a signer never signs for a digest alone.
//! What cannot be read is said to be so, and never left out.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use counterfoil_approval::gates::PolicyArchive;
use counterfoil_approval::{record_json, value_text};
use counterfoil_base::digest::Digest;
use counterfoil_governance::act::Act;
use counterfoil_governance::state::LedgerState;
use counterfoil_policy::bundle::Bundle;
use serde_json::{Map, Value, json};

use crate::cli_context::CliContext;

/// One line a difference: a field or file with what it is now and what it would be.
pub(super) fn differences(cli: &CliContext, state: &LedgerState, act: &Act) -> Vec<Value> {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "of every other act the fields are the whole of it"
    )]
    let found = match act {
        Act::LimitsSet {
            account, limits, ..
        } => {
            let now = state.limits().get(account).map(|one| one.limits);
            of_limits(cli, now, limits)
        }
        Act::PolicySet { bundle } => of_policy(cli, state.policy(), bundle),
        act => Ok(of_fields(act)),
    };
    // What cannot be read is shown as unreadable instead of left out: a signer who sees no line
    // would believe that nothing changes.
    found.unwrap_or_else(|error| vec![row("unreadable", None, Some(&json!(format!("{error:#}"))))])
}

/// The differences in one line.
pub(super) fn line(differences: &[Value]) -> String {
    let told = differences.iter().map(|one| {
        let part = |name: &str| one.get(name).map(value_text::short).unwrap_or_default();
        match (part("now"), part("then")) {
            (now, then) if now.is_empty() => format!("{} {then}", part("what")),
            (now, then) => format!("{} {now} -> {then}", part("what")),
        }
    });
    told.collect::<Vec<_>>().join(", ")
}

fn row(what: &str, now: Option<&Value>, then: Option<&Value>) -> Value {
    json!({ "what": what, "now": now, "then": then })
}

fn of_fields(act: &Act) -> Vec<Value> {
    let fields = record_json::whole(act);
    let fields = fields.as_object().into_iter().flatten();
    let own = fields.filter(|(name, field)| *name != "act" && !field.is_null());
    own.map(|(name, field)| row(name, None, Some(field)))
        .collect()
}

fn of_limits(cli: &CliContext, now: Option<Digest>, then: &Digest) -> Result<Vec<Value>> {
    let read = |digest: &Digest| -> Result<Map<String, Value>> {
        let bytes = PolicyArchive::new(&cli.data).get(digest)?;
        serde_json::from_slice(&bytes).with_context(|| format!("the limits {digest}"))
    };
    let (old, new) = (
        now.as_ref().map(read).transpose()?.unwrap_or_default(),
        read(then)?,
    );
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let differ = names
        .into_iter()
        .filter(|name| old.get(*name) != new.get(*name));
    let one = |name: &String| row(name, old.get(name), new.get(name));
    let head = row(
        "limits",
        now.as_ref().map(record_json::digest).as_ref(),
        Some(&record_json::digest(then)),
    );
    Ok(core::iter::once(head).chain(differ.map(one)).collect())
}

fn of_policy(cli: &CliContext, now: Option<Digest>, then: &Digest) -> Result<Vec<Value>> {
    let read = |digest: &Digest| -> Result<Bundle> {
        let bytes = PolicyArchive::new(&cli.data).get(digest)?;
        Bundle::decode(&bytes).with_context(|| format!("the policy {digest}"))
    };
    let (old, new) = (now.as_ref().map(read).transpose()?, read(then)?);
    let file = |bundle: &Bundle, path: &String| {
        let bytes = bundle.files().get(path);
        bytes.map(|bytes| record_json::digest(&Digest::of(bytes)))
    };
    let paths = old.iter().chain([&new]).flat_map(|one| one.files().keys());
    let paths: BTreeSet<&String> = paths.collect();
    let one = |path: &String| {
        let before = old.as_ref().and_then(|old| file(old, path));
        row(path, before.as_ref(), file(&new, path).as_ref())
    };
    let differ = paths
        .into_iter()
        .map(one)
        .filter(|row| row["now"] != row["then"]);
    let head = row(
        "policy",
        now.as_ref().map(record_json::digest).as_ref(),
        Some(&record_json::digest(then)),
    );
    Ok(core::iter::once(head).chain(differ).collect())
}
