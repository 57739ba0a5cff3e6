//! `ledger`: begin it, read it, check it, prove a record of it.

mod health;

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use counterfoil_governance::act::Act;
use counterfoil_governance::ledger::{self, LedgerError};
use counterfoil_governance::proof::prove;
use counterfoil_governance::record::Signed;
use counterfoil_index::AnsweredBy;
use counterfoil_journal::entry::GENESIS;
use counterfoil_journal::public_key::PublicKey;
use counterfoil_journal::signer::Signer as _;
use counterfoil_os::files::{make_folder, read_whole, write_whole};
use counterfoil_runner::clock::now;
use counterfoil_runner::store::keys::{PeopleKeys, read_public};
use serde_json::{Value, json};

use crate::args::{
    Ledger, LedgerIndex, LedgerInit, LedgerProof, LedgerSearch, LedgerShow, LedgerTail,
    LedgerVerify,
};
use crate::output::{Answer, pairs, say, say_json};
use crate::people::desk;
use crate::people::refusal::{Refusal, tell};
use crate::people::view::{self, View};
use crate::people::{self, rows, search, words};
use crate::places::Places;

/// What a list of records shows.
const COLUMNS: [&str; 6] = ["record", "time", "actor", "act", "denied", "about"];

pub(crate) fn run(places: &Places, args: &Ledger) -> Result<Answer> {
    match args {
        Ledger::Init(args) => init(places, args),
        Ledger::EndSetup => {
            let done = desk::Desk::open(places)?.act(Act::SetupEnd {})?;
            let what = "the set-up has ended: administration and risk take two from here on";
            Ok(tell(places, done, what, json!({})))
        }
        Ledger::Holder { name } => {
            let id = people::id("the name", name)?;
            let done = desk::Desk::open(places)?.act(Act::LogHolder { id: id.clone() })?;
            let what = format!("{id} holds the log's key, and may never be an operator");
            Ok(tell(
                places,
                done,
                &what,
                json!({ "principal": id.as_str() }),
            ))
        }
        Ledger::Health => health::run(places),
        Ledger::Tail(args) => tail(places, args),
        Ledger::Search(args) => search(places, args),
        Ledger::Index(args) => index(places, args),
        Ledger::Show(args) => show(places, args),
        Ledger::Verify(args) => verify(places, args),
        Ledger::Proof(args) => proof(places, args),
    }
}

pub(crate) fn init(places: &Places, args: &LedgerInit) -> Result<Answer> {
    let name = people::id("the ledger's name", &args.name)?;
    let log_holder = people::id("--log-holder", &args.log_holder)?;
    let actor = desk::actor(places)?;
    let keys = PeopleKeys::open(&places.keys, places.data.root())?;
    let folder = view::folder(places);
    make_folder(&folder)?;
    if let Some((other, path)) = view::all(&folder)?.first() {
        bail!(
            "there is a ledger {other} at {}: a data directory has one",
            path.display()
        );
    }
    let own = keys
        .all()?
        .into_iter()
        .find(|key| key.name == actor.as_str());
    let own = own.with_context(|| {
        format!("no key of {actor} in the key folder; make one with `counterfoil key new {actor}`")
    })?;
    let hand = keys.signer(&own.name, &own.public)?;
    let log = places.keys.signer()?;
    let act = Act::Genesis {
        administrators: vec![(actor.clone(), PublicKey(own.public))],
        log_key: PublicKey(log.verifying_key()),
        log_holder,
    };
    let origin = ledger::origin(&name);
    let genesis = Signed::sign((&origin, GENESIS), now(), actor.clone(), act, hand.as_ref())?;
    let path = view::path_of(places, &name);
    let made = ledger::Ledger::create(&path, &name, Box::new(log), &genesis);
    let done = match made {
        Ok(_) => Ok(desk::Done {
            index: 0,
            proposed: None,
        }),
        Err(LedgerError::Genesis(denial)) => Err(Refusal::new(&denial, None)),
        Err(error) => return Err(error.into()),
    };
    let what = format!("the ledger {name} begins, and {actor} is its administrator");
    let facts = json!({ "ledger": origin, "path": path, "administrator": actor.as_str() });
    Ok(tell(places, done, &what, facts))
}

/// Tells rows of records, with what each is about in a column of its own.
pub(crate) fn tell_records(places: &Places, mut found: Vec<Value>) {
    if !places.json {
        for row in &mut found {
            row["about"] = json!(words::about(row));
        }
    }
    rows::tell(places, found, &COLUMNS, "no record");
}

fn tail(places: &Places, args: &LedgerTail) -> Result<Answer> {
    let mut all = View::open(places)?.rows();
    let first = all.len().saturating_sub(args.count);
    tell_records(places, all.split_off(first));
    Ok(Answer::Yes)
}

fn search(places: &Places, args: &LedgerSearch) -> Result<Answer> {
    tell_records(places, search::find(places, args)?);
    Ok(Answer::Yes)
}

/// How much of the ledger the index knows; made anew, if that is asked for.
fn index(places: &Places, args: &LedgerIndex) -> Result<Answer> {
    let view = if args.rebuild {
        let found = search::rebuild(places)?;
        if let AnsweredBy::Ledger(error) = found.by {
            return Err(error).context("the index could not be made");
        }
        found.verified
    } else {
        View::open(places)?.verified
    };
    let (known, records) = (search::indexed_records(places), view.mark().size);
    if places.json {
        say_json(&json!({ "records": records, "indexed": known }));
        return Ok(Answer::Yes);
    }
    let known = known.map_or_else(
        || "none: the next search makes it".to_owned(),
        |known| format!("{known} records"),
    );
    pairs(&[("ledger", format!("{records} records")), ("index", known)]);
    Ok(Answer::Yes)
}

fn show(places: &Places, args: &LedgerShow) -> Result<Answer> {
    let view = View::open(places)?;
    let count = view.verified.records.len();
    let place = usize::try_from(args.record).ok();
    let record = place.and_then(|place| view.verified.records.get(place));
    let record = record.with_context(|| format!("no record {}; there are {count}", args.record))?;
    let value = words::record(args.record, record);
    if places.json {
        say_json(&value);
        return Ok(Answer::Yes);
    }
    let fields = value.as_object().into_iter().flatten();
    let told: Vec<(&str, String)> = fields
        .filter(|(_, field)| !field.is_null())
        .map(|(name, field)| (name.as_str(), rows::plain(field)))
        .collect();
    pairs(&told);
    Ok(Answer::Yes)
}

fn verify(places: &Places, args: &LedgerVerify) -> Result<Answer> {
    let (name, path) = view::find(places)?;
    let key = match &args.key {
        Some(path) => read_public(path)?,
        None => places
            .keys
            .public_key()
            .context("no public key of the log: give --key FILE")?,
    };
    let key = counterfoil_journal::key::VerifierKey::new(&ledger::origin(&name), &key)?;
    let found = ledger::verify(&read_whole(&path)?, &key);
    let answer = match &found {
        Ok(found) if found.torn_bytes == 0 => Answer::Yes,
        Ok(_) | Err(_) => Answer::No,
    };
    if places.json {
        say_json(&match found {
            Ok(found) => json!({
                "good": answer == Answer::Yes,
                "ledger": key.name(),
                "records": found.records.len(),
                "denials": found.state.denials(),
                "torn-bytes": found.torn_bytes,
                "root": found.checkpoint.as_ref().map(|one| hex::encode(one.root.0)),
            }),
            Err(error) => {
                json!({ "good": false, "ledger": key.name(), "reason": error.to_string() })
            }
        });
        return Ok(answer);
    }
    match found {
        Err(error) => say(&format!("not intact: {error}")),
        Ok(found) => {
            let head = if answer == Answer::Yes {
                "intact"
            } else {
                "not whole"
            };
            pairs(&[
                ("ledger", format!("{head}: {}", key.name())),
                ("records", found.records.len().to_string()),
                ("denials", found.state.denials().to_string()),
                ("torn bytes", found.torn_bytes.to_string()),
            ]);
        }
    }
    Ok(answer)
}

fn proof(places: &Places, args: &LedgerProof) -> Result<Answer> {
    let view = View::open(places)?;
    let proof = prove(&read_whole(&view.path)?, &view.key, args.record)?;
    let name = || PathBuf::from(format!("{}-{}.tlog-proof", view.name, args.record));
    let path = args.output.clone().unwrap_or_else(name);
    write_whole(&path, proof.to_string().as_bytes())?;
    if places.json {
        say_json(&json!({ "record": args.record, "proof": path }));
    } else {
        let path = path.display();
        say(&format!(
            "wrote {path}: record {}, its inclusion proof and a signed checkpoint",
            args.record
        ));
        say(&format!(
            "next: counterfoil-verify proof --key log-signing.pub {path}"
        ));
    }
    Ok(Answer::Yes)
}
