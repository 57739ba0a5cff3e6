//! `key`: keys that people sign with.

use anyhow::{Context as _, Result};
use counterfoil_approval::ledger_view::LedgerView;
use counterfoil_approval::record_json;
use counterfoil_base::digest::Digest;
use counterfoil_governance::act::Act;
use counterfoil_governance::state::LedgerState;
use counterfoil_journal::public_key::PublicKey;
use counterfoil_runner::clock::now;
use counterfoil_runner::store::keys::PeopleKeys;
use serde_json::{Value, json};

use crate::args::{KeyAddArgs, KeyCommand, KeyNewArgs, KeyRevokeArgs, KeyRotateArgs, RowFilter};
use crate::cli_context::CliContext;
use crate::output::{CommandAnswer, note, print_json, print_line};
use crate::people::ledger_access;
use crate::people::outcome::print_outcome;
use crate::people::{self, table};

/// What a list of keys shows.
pub(crate) const COLUMNS: [&str; 6] = [
    "key",
    "principal",
    "counts",
    "until",
    "added-by",
    "ended-by",
];

pub(crate) fn run(cli: &CliContext, args: &KeyCommand) -> Result<CommandAnswer> {
    match args {
        KeyCommand::New(args) => new(cli, args),
        KeyCommand::Add(args) => add(cli, args),
        KeyCommand::Rotate(args) => rotate(cli, args),
        KeyCommand::Revoke(args) => revoke(cli, args),
        KeyCommand::List(filter) => list(cli, filter),
    }
}

fn new(cli: &CliContext, args: &KeyNewArgs) -> Result<CommandAnswer> {
    let id = people::id("the name", &args.name)?;
    let keys = PeopleKeys::open(&cli.keys, cli.data.root())?;
    // Only the public half is ever printed: what a terminal, a log or a shell history keeps can be
    // read by others.
    let public = PublicKey(keys.make(id.as_str())?);
    if cli.json {
        print_json(&json!({ "principal": id.as_str(), "key": record_json::key(&public) }));
    } else {
        // The key alone on standard output, for whatever takes it from there.
        print_line(&public.to_string());
        note(&format!(
            "public key of {id}; its private key is in the key directory, readable by you only"
        ));
        let is_there = |view: LedgerView| view.state().principals().contains_key(&id);
        let next = if ledger_access::view(cli).is_ok_and(is_there) {
            format!("key add {id} --key {public}")
        } else {
            format!("add {id} --role ROLE --key {public}")
        };
        note(&format!(
            "next, by an administrator: counterfoil people {next}"
        ));
    }
    Ok(CommandAnswer::Yes)
}

fn add(cli: &CliContext, args: &KeyAddArgs) -> Result<CommandAnswer> {
    let id = people::id("the name", &args.name)?;
    let key = people::public_key(&args.key)?;
    let until = people::time_if("--until", args.until.as_deref())?;
    let outcome = ledger_access::open(cli)?.act(Act::KeyAdd {
        id: id.clone(),
        key,
        until,
    })?;
    let facts = json!({ "principal": id.as_str(), "key": record_json::key(&key) });
    Ok(print_outcome(
        cli,
        outcome,
        &format!("{id} can also sign with key {key}"),
        facts,
    ))
}

/// The new key lies in its file before the ledger hears of it: whatever a crash interrupts, one of
/// the two counts and is there.
fn rotate(cli: &CliContext, args: &KeyRotateArgs) -> Result<CommandAnswer> {
    let until = people::time_if("--until", args.until.as_deref())?;
    let mut client = ledger_access::open(cli)?;
    let keys = PeopleKeys::open(&cli.keys, cli.data.root())?;
    // The private key is durable before the ledger names its public half. A crash between the two
    // leaves an unused file; in the other sequence it would leave a principal whose only valid key
    // exists nowhere.
    let key = PublicKey(keys.make(client.actor().as_str())?);
    // Signed by the old key, which ends with this record: a thief of the new file alone cannot
    // make the record, and a thief of the old key cannot rotate once it is written.
    let outcome = client.act(Act::KeyRotate { key, until })?;
    let actor = client.actor();
    let facts = json!({ "principal": actor.as_str(), "key": record_json::key(&key) });
    Ok(print_outcome(
        cli,
        outcome,
        &format!("{actor} now signs with key {key}"),
        facts,
    ))
}

fn revoke(cli: &CliContext, args: &KeyRevokeArgs) -> Result<CommandAnswer> {
    let mut client = ledger_access::open(cli)?;
    let known: Vec<Digest> = client
        .state()
        .keys()
        .keys()
        .map(|key| Digest(key.0))
        .collect();
    // A whole key is taken as typed, even if the ledger does not know it, so that the denial is
    // recorded. A prefix must fit one known key: revoking a wrong key by a slip cannot be undone.
    let key = match people::digest(&args.key) {
        Some(whole) => Some(whole),
        None => people::begins_with(&args.key, known.iter())?,
    };
    let key = key.with_context(|| {
        format!(
            "no key begins with {:?}; `counterfoil people key list` shows them",
            args.key
        )
    })?;
    let key = PublicKey(key.0);
    // Whether the key is registered at all is the ledger's decision.
    let owner = client.state().keys().get(&key).map(|one| one.owner.clone());
    let id = owner.unwrap_or_else(|| client.actor().clone());
    let reason = args.reason.clone();
    let outcome = client.act(Act::KeyRevoke {
        id: id.clone(),
        key,
        reason,
    })?;
    let facts = json!({ "principal": id.as_str(), "key": record_json::key(&key) });
    Ok(print_outcome(
        cli,
        outcome,
        &format!("key {key} of {id} is revoked"),
        facts,
    ))
}

fn list(cli: &CliContext, filter: &RowFilter) -> Result<CommandAnswer> {
    let view = ledger_access::view(cli)?;
    let found = table::filter(rows(view.state()), filter)?;
    table::print(cli, found, &COLUMNS, "no key");
    Ok(CommandAnswer::Yes)
}

/// Every key, the oldest first.
pub(crate) fn rows(state: &LedgerState) -> Vec<Value> {
    let now = now();
    let mut all: Vec<_> = state.keys().iter().collect();
    all.sort_by_key(|(_, one)| one.added);
    let row = |(key, one): (&PublicKey, &counterfoil_governance::state::KeyRecord)| {
        json!({
            "key": record_json::key(key),
            "principal": one.owner.as_str(),
            "counts": one.counts(now),
            "until": record_json::until(one.until),
            "added-by": one.added,
            "ended-by": one.ended,
        })
    };
    all.into_iter().map(row).collect()
}
