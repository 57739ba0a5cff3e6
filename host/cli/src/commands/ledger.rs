//! `ledger`: begin it, read it, check it, prove a record of it.

mod health;
mod verify;

pub(super) use verify::verify;

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use counterfoil_approval::ledger_client::ActOutcome;
use counterfoil_approval::ledger_seen::LedgerSeen;
use counterfoil_approval::record_search::{self, RecordQuery, SearchPlace};
use counterfoil_approval::{ledger_view, record_json, value_text};
use counterfoil_governance::act::Act;
use counterfoil_governance::ledger::{self, Ledger, LedgerError, LedgerFounder, PrefixDigests};
use counterfoil_governance::proof::prove;
use counterfoil_os::files::{make_folder, read_whole, write_whole};
use counterfoil_runner::clock::now;
use counterfoil_runner::store::keys::PeopleKeys;
use serde_json::{Value, json};

use super::{drift, who_approved};
use crate::args::{
    LedgerCommand, LedgerIndexArgs, LedgerInitArgs, LedgerProofArgs, LedgerSearchArgs,
    LedgerShowArgs, LedgerTailArgs,
};
use crate::cli_context::CliContext;
use crate::output::{CommandAnswer, note, print_fields, print_json, print_line};
use crate::people::ledger_access;
use crate::people::outcome::print_outcome;
use crate::people::{self, table};

/// What a list of records shows.
const COLUMNS: [&str; 6] = ["record", "time", "actor", "act", "denied", "about"];

pub(crate) fn run(cli: &CliContext, args: &LedgerCommand) -> Result<CommandAnswer> {
    match args {
        LedgerCommand::Init(args) => init(cli, args),
        LedgerCommand::EndSetup => {
            let outcome = ledger_access::open(cli)?.act(Act::SetupEnd {})?;
            let what = "the set-up has ended: administration and risk take two from here on";
            Ok(print_outcome(cli, outcome, what, json!({})))
        }
        LedgerCommand::Holder { name } => {
            let id = people::id("the name", name)?;
            let outcome = ledger_access::open(cli)?.act(Act::LogHolder { id: id.clone() })?;
            let what = format!("{id} holds the log's key, and may never be an operator");
            Ok(print_outcome(
                cli,
                outcome,
                &what,
                json!({ "principal": id.as_str() }),
            ))
        }
        LedgerCommand::ResetClock { reason } => {
            let reason = reason.clone();
            let mut client = ledger_access::open(cli)?;
            // None: the denial says why.
            let ahead = client
                .state()
                .first_ahead(client.time())
                .unwrap_or_default();
            let outcome = client.act(Act::ClockReset { ahead, reason })?;
            let what = "the ledger's clock is this act's time again";
            Ok(print_outcome(cli, outcome, what, json!({})))
        }
        LedgerCommand::Health => health::run(cli),
        LedgerCommand::Tail(args) => tail(cli, args),
        LedgerCommand::Search(args) => search(cli, args),
        LedgerCommand::Index(args) => index(cli, args),
        LedgerCommand::Show(args) => show(cli, args),
        LedgerCommand::Proof(args) => proof(cli, args),
        LedgerCommand::Drift(args) => drift::run(cli, args),
        LedgerCommand::WhoApproved(args) => who_approved::run(cli, args),
    }
}

pub(crate) fn init(cli: &CliContext, args: &LedgerInitArgs) -> Result<CommandAnswer> {
    let name = people::id("the ledger's name", &args.name)?;
    let log_holder = people::id("--log-holder", &args.log_holder)?;
    let actor = ledger_access::actor(cli)?;
    let keys = PeopleKeys::open(&cli.keys, cli.data.root())?;
    let folder = ledger_view::folder(&cli.data);
    make_folder(&folder)?;
    // A second ledger under the same keys would let an administrator begin a history without the
    // denials of the first.
    if let Some((other, path)) = ledger_view::all(&folder)?.first() {
        bail!(
            "there is a ledger {other} at {}: a data directory has one",
            path.display()
        );
    }
    // A new ledger in the place of one that is gone would have none of its denials.
    if let Some(seen) = LedgerSeen::beside_keys(&cli.keys, &cli.data)? {
        seen.look()?.check(&mut PrefixDigests::new(&[]))?;
    }
    // The first administrator must hold a key here: the genesis is signed, and an unsigned one
    // could name anybody.
    let own = keys
        .all()?
        .into_iter()
        .find(|key| key.name == actor.as_str());
    let own = own.with_context(|| {
        format!("no key of {actor} in the key folder; make one with `counterfoil people key new {actor}`")
    })?;
    let signer = keys.signer(&own.name, &own.public)?;
    let log = Box::new(cli.keys.signer()?);
    let founder = LedgerFounder {
        administrator: actor.clone(),
        log_holder,
        time: now(),
    };
    let path = ledger_view::path_of(&cli.data, &name);
    let made = Ledger::begin(&path, &name, log, founder, signer.as_ref());
    // `begin` fails if the file exists: of two processes that begin a ledger at once, one fails.
    let outcome = match made {
        Ok(_) => ActOutcome::Recorded { index: 0 },
        Err(LedgerError::Genesis(denial)) => ActOutcome::Denied(denial.into()),
        Err(error) => return Err(error.into()),
    };
    let what = format!("the ledger {name} begins, and {actor} is its administrator");
    let facts = json!({ "ledger": ledger::origin(&name), "path": path.path(), "administrator": actor.as_str() });
    Ok(print_outcome(cli, outcome, &what, facts))
}

/// Tells rows of records, with what each is about in a column of its own.
pub(crate) fn tell_records(cli: &CliContext, mut found: Vec<Value>) {
    if !cli.json {
        for row in &mut found {
            row["about"] = json!(record_json::about(row));
        }
    }
    table::print(cli, found, &COLUMNS, "no record");
}

fn tail(cli: &CliContext, args: &LedgerTailArgs) -> Result<CommandAnswer> {
    let last = record_json::last(&ledger_access::view(cli)?, args.count)?;
    tell_records(cli, last);
    Ok(CommandAnswer::Yes)
}

fn search(cli: &CliContext, args: &LedgerSearchArgs) -> Result<CommandAnswer> {
    let actor = args.by.as_deref();
    let query = RecordQuery {
        actor: actor.map(|name| people::id("--actor", name)).transpose()?,
        act: args.act.clone(),
        rule: args.rule.clone(),
        is_denied: args.denied,
        from: people::time_if("--from", args.from.as_deref())?,
        to: people::time_if("--to", args.to.as_deref())?,
        fields: table::conditions(&args.filter)?,
        place: if args.no_index {
            SearchPlace::WholeLedger
        } else {
            SearchPlace::Index
        },
    };
    let found = record_search::find(&cli.data, &cli.keys, &query)?;
    if let Some(error) = found.index_failure {
        note(&format!("found without the index: {error}"));
    }
    tell_records(cli, found.records);
    Ok(CommandAnswer::Yes)
}

/// How much of the ledger the index knows; made anew, if that is asked for.
fn index(cli: &CliContext, args: &LedgerIndexArgs) -> Result<CommandAnswer> {
    // The index is derived from the ledger and holds no authority. It is thrown away whole, because
    // an edited index looks like a stale one.
    let view = if args.rebuild {
        record_search::rebuild_index(&cli.data, &cli.keys)?
    } else {
        ledger_access::view(cli)?.verified
    };
    let (known, records) = (
        record_search::indexed_records(&cli.data, &cli.keys),
        view.mark().size,
    );
    if cli.json {
        print_json(&json!({ "records": records, "indexed": known }));
        return Ok(CommandAnswer::Yes);
    }
    let known = known.map_or_else(
        || "none: the next search makes it".to_owned(),
        |known| format!("{known} records"),
    );
    print_fields(&[("ledger", format!("{records} records")), ("index", known)]);
    Ok(CommandAnswer::Yes)
}

fn show(cli: &CliContext, args: &LedgerShowArgs) -> Result<CommandAnswer> {
    let view = ledger_access::view(cli)?;
    let count = view.count();
    let record = view.record(args.record)?;
    let record = record.with_context(|| format!("no record {}; there are {count}", args.record))?;
    let value = record_json::record(args.record, &record);
    if cli.json {
        print_json(&value);
        return Ok(CommandAnswer::Yes);
    }
    let fields = value.as_object().into_iter().flatten();
    let told: Vec<(&str, String)> = fields
        .filter(|(_, field)| !field.is_null())
        .map(|(name, field)| (name.as_str(), value_text::plain(field)))
        .collect();
    print_fields(&told);
    Ok(CommandAnswer::Yes)
}

fn proof(cli: &CliContext, args: &LedgerProofArgs) -> Result<CommandAnswer> {
    let view = ledger_access::view(cli)?;
    let proof = prove(&read_whole(&view.path)?, &view.key, args.record)?;
    let name = || PathBuf::from(format!("{}-{}.tlog-proof", view.name, args.record));
    let path = args.output.clone().unwrap_or_else(name);
    write_whole(&path, proof.to_string().as_bytes())?;
    if cli.json {
        print_json(&json!({ "record": args.record, "proof": path }));
    } else {
        let path = path.display();
        print_line(&format!(
            "wrote {path}: record {}, its inclusion proof and a signed checkpoint",
            args.record
        ));
        print_line(&format!(
            "next: counterfoil-verify proof --key log-signing.pub {path}"
        ));
    }
    Ok(CommandAnswer::Yes)
}
