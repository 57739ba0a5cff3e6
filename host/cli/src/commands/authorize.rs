//! `authorize`: the second human gate. An operator lets the run of one manifest start for a while;
//! the policy is asked, and both are records.

use anyhow::{Context as _, Result};
use counterfoil_base::digest::Digest;
use counterfoil_base::gate::GateReason;
use counterfoil_governance::act::{Act, Authorization, DigestSet, Refused};
use counterfoil_governance::state::{Authorized, State};
use counterfoil_os::files::read_whole;
use counterfoil_os::files::read_whole;
use counterfoil_policy::verdict::PolicyVerdict;
use counterfoil_runner::clock::now;
use counterfoil_runner::gates;
use counterfoil_runner::permit::terms_of;
use counterfoil_runner::times::show_time;
use counterfoil_trading::manifest::Manifest;
use counterfoil_trading::time::UnixNanos;
use serde_json::{Value, json};

use super::policy::eval::said;
use crate::args::{Authorize, AuthorizeStart, Filter};
use crate::output::{Answer, say, say_json};
use crate::people::desk::Desk;
use crate::people::refusal::tell;
use crate::people::view::View;
use crate::people::{self, rows, words};
use crate::places::Places;

/// The name of the act, where it is refused before the ledger is asked.
const ACT: &str = "start-authorize";

/// A second.
const SECOND_NANOS: i64 = 1_000_000_000;

pub(crate) fn run(places: &Places, args: &Authorize) -> Result<Answer> {
    match args {
        Authorize::Start(args) => start(places, args),
        Authorize::Withdraw { record, reason } => {
            let (authorized, reason) = (*record, reason.clone());
            let done = Desk::open(places)?.act(Act::StartWithdraw { authorized, reason })?;
            let what = format!("the authorization of record {record} is withdrawn");
            Ok(tell(
                places,
                done,
                &what,
                json!({ "authorized-by": record }),
            ))
        }
        Authorize::List { all, filter } => list(places, *all, filter),
    }
}

fn start(places: &Places, args: &AuthorizeStart) -> Result<Answer> {
    let text = String::from_utf8(read_whole(&args.manifest)?);
    let name = args.manifest.display();
    let manifest = Manifest::parse(&text.with_context(|| format!("{name}"))?);
    let manifest = manifest.with_context(|| format!("{name}"))?;
    let component = people::digest(&manifest.component);
    let component = component.with_context(|| format!("{name} names no component by digest"))?;
    let mut desk = Desk::open(places)?;
    let from = people::time_if("--from", args.from.as_deref())?;
    // A policy is told whole seconds: the window is open in the very second that it begins in.
    let second = UnixNanos(
        desk.now
            .0
            .saturating_sub(desk.now.0.rem_euclid(SECOND_NANOS)),
    );
    let window = (
        from.unwrap_or(second),
        people::time("--until", &args.until)?,
    );
    let limits = manifest.limits_digest()?;
    let terms = match terms_of(&manifest, set(desk.state(), component, limits)) {
        Ok(terms) => terms,
        Err(denied) => {
            let refused = Refused {
                act: ACT.to_owned(),
                subject: Digest(manifest.run_id()?).to_string(),
                rule: denied.code.to_owned(),
                why: denied.why,
            };
            return Ok(desk.refuse(&refused, &denied.who)?.tell(places, &[]));
        }
    };
    let asked = Authorization {
        terms,
        not_before: window.0,
        not_after: window.1,
    };
    let subject = asked.digest();
    let done = match desk.act(Act::StartAuthorize(asked))? {
        Ok(done) => done,
        Err(refusal) => return Ok(refusal.tell(places, &[])),
    };
    if desk.now < window.0 {
        return told(places, desk.state(), done.index, None);
    }
    let document = gates::start(desk.state(), done.index, desk.now)?;
    match said(places, &mut desk, &document, subject)? {
        Ok((verdict, record)) => told(places, desk.state(), done.index, Some((&verdict, record))),
        Err(refusal) => Ok(refusal.tell(places, &[])),
    }
}

/// What the component was promoted under last, with these limits if it ever was. Of one that nobody
/// promoted, or under other limits alone, the ledger says so by its own rule.
fn set(state: &State, component: Digest, limits: Digest) -> DigestSet {
    let found = state.registry().components().get(&component);
    let promoted = || {
        found
            .into_iter()
            .flat_map(|one| one.promotions.iter().rev())
    };
    let under = promoted().find(|one| one.set.limits == limits);
    under.or_else(|| promoted().next()).map_or(
        DigestSet {
            component,
            limits: Digest([0; 32]),
            policy: state.policy().unwrap_or(Digest([0; 32])),
            evidence: Digest([0; 32]),
        },
        |last| last.set,
    )
}

/// Tells what was authorized, and what the policy says of it; it is not asked about a window that is
/// to come.
fn told(
    places: &Places,
    state: &State,
    index: u64,
    asked: Option<(&PolicyVerdict, u64)>,
) -> Result<Answer> {
    let shut = asked.is_some_and(|(verdict, _)| !verdict.passes());
    let answer = if shut { Answer::No } else { Answer::Yes };
    let found = state.authorizations().get(&index);
    let one = found.context("the authorization that was recorded")?;
    if places.json {
        let reason = |one: &GateReason| json!({ "code": one.code, "text": one.text });
        let mut value = row(state, (index, one), now());
        value["verdict"] = json!(asked.map(|(verdict, record)| json!({
            "record": record,
            "outcome": verdict.outcome.name(),
            "reasons": verdict.reasons.iter().map(reason).collect::<Vec<_>>(),
        })));
        say_json(&value);
        return Ok(answer);
    }
    let (from, until) = (one.authorization.not_before, one.authorization.not_after);
    let (from, until) = (show_time(from), show_time(until));
    say(&format!(
        "record {index}: starts are authorized from {from} until {until}"
    ));
    let ask = format!("counterfoil policy eval start {index}");
    let Some((verdict, record)) = asked else {
        say(&format!("when the window is open, ask the policy: {ask}"));
        return Ok(answer);
    };
    let outcome = verdict.outcome.name();
    say(&format!("record {record}: the policy says {outcome}"));
    for reason in &verdict.reasons {
        say(&format!("  {reason}"));
    }
    if shut {
        say(&format!(
            "nothing starts by it; mend that, and ask again: {ask}"
        ));
    } else {
        say(&format!(
            "next, within an hour: counterfoil run start MANIFEST --authorization {index}"
        ));
        say(&format!("later, ask again first: {ask}"));
    }
    Ok(answer)
}

fn list(places: &Places, all: bool, filter: &Filter) -> Result<Answer> {
    let view = View::open(places)?;
    let (state, time) = (view.state(), now());
    let found = state.authorizations().iter();
    let found = found.map(|(index, one)| row(state, (*index, one), time));
    let counts = |row: &Value| all || row["is"] == json!("open") || row["is"] == json!("to come");
    let found = found.filter(counts).collect();
    let columns = [
        "record",
        "by",
        "component",
        "account",
        "market",
        "not-before",
        "not-after",
        "is",
        "runs",
    ];
    rows::tell(
        places,
        rows::filter(found, filter)?,
        &columns,
        "no authorization",
    );
    Ok(Answer::Yes)
}

fn row(state: &State, (index, one): (u64, &Authorized), time: UnixNanos) -> Value {
    let asked = &one.authorization;
    let is = if one.withdrawn.is_some() {
        "withdrawn"
    } else if time < asked.not_before {
        "to come"
    } else if time < asked.not_after {
        "open"
    } else {
        "over"
    };
    let runs = state.registry().runs().values();
    let runs = runs.filter(|run| run.start.authorized == index);
    let mut value = words::terms(&asked.terms);
    value["record"] = json!(index);
    value["by"] = words::text(&one.deed.by);
    value["not-before"] = words::until(Some(asked.not_before));
    value["not-after"] = words::until(Some(asked.not_after));
    value["is"] = json!(is);
    value["runs"] = json!(
        runs.map(|run| run.start.run.to_string())
            .collect::<Vec<_>>()
    );
    value["withdrawn"] = json!(
        one.withdrawn
            .as_ref()
            .map(|(reason, deed)| { words::join(words::deed(deed), json!({ "reason": reason })) })
    );
    value
}
