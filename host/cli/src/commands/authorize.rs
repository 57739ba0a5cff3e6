//! `authorize`: the second human gate. An operator lets the run of one manifest start for a while;
//! the policy is asked, and both are records.

use anyhow::{Context as _, Result};
use counterfoil_approval::gates;
use counterfoil_approval::permit::terms_of;
use counterfoil_approval::record_json;
use counterfoil_base::digest::Digest;
use counterfoil_base::gate::GateReason;
use counterfoil_governance::act::{Act, ActName, DigestSet, StartAuthorization};
use counterfoil_governance::state::{AuthorizationRecord, LedgerState};
use counterfoil_os::files::read_whole;
use counterfoil_policy::verdict::PolicyVerdict;
use counterfoil_runner::clock::now;
use counterfoil_trading::manifest::Manifest;
use counterfoil_trading::time::UnixNanos;
use serde_json::{Value, json};

use super::policy::eval::said;
use crate::args::{AuthorizationCommand, AuthorizationGrantArgs, RowFilter};
use crate::cli_context::CliContext;
use crate::output::{CommandAnswer, print_json, print_line};
use crate::people::ledger_access;
use crate::people::outcome::print_outcome;
use crate::people::{self, table};

/// A second.
const SECOND_NANOS: i64 = 1_000_000_000;

pub(crate) fn run(cli: &CliContext, args: &AuthorizationCommand) -> Result<CommandAnswer> {
    match args {
        AuthorizationCommand::Grant(args) => start(cli, args),
        AuthorizationCommand::Withdraw { record, reason } => {
            let (authorized, reason) = (*record, reason.clone());
            let outcome =
                ledger_access::open(cli)?.act(Act::StartWithdraw { authorized, reason })?;
            let what = format!("the authorization of record {record} is withdrawn");
            Ok(print_outcome(
                cli,
                outcome,
                &what,
                json!({ "authorized-by": record }),
            ))
        }
        AuthorizationCommand::List { all, filter } => list(cli, *all, filter),
    }
}

fn start(cli: &CliContext, args: &AuthorizationGrantArgs) -> Result<CommandAnswer> {
    let text = String::from_utf8(read_whole(&args.manifest)?);
    let name = args.manifest.display();
    let manifest = Manifest::parse(&text.with_context(|| format!("{name}"))?);
    let manifest = manifest.with_context(|| format!("{name}"))?;
    let component = people::digest(&manifest.component);
    let component = component.with_context(|| format!("{name} names no component by digest"))?;
    let mut client = ledger_access::open(cli)?;
    let from = people::time_if("--from", args.from.as_deref())?;
    // A policy is told whole seconds: the window is open in the very second that it begins in.
    let second = UnixNanos(
        client
            .time()
            .0
            .saturating_sub(client.time().0.rem_euclid(SECOND_NANOS)),
    );
    let window = (
        from.unwrap_or(second),
        people::time("--until", &args.until)?,
    );
    let limits = manifest.limits_digest()?;
    // What is authorized is everything the manifest decides, by digest. A start under another
    // account, feed, parameter or limit is another start and needs its own authorization.
    let terms = terms_of(&manifest, set(client.state(), component, limits));
    let run = manifest.run_id()?.to_string();
    let terms = ledger_access::require(&mut client, ActName::StartAuthorize, run, terms)?;
    let asked = StartAuthorization {
        terms,
        not_before: window.0,
        not_after: window.1,
    };
    let subject = asked.digest();
    let index = client.act(Act::StartAuthorize(asked))?.index()?;
    // A verdict is valid for an hour. One asked for now would have expired when the window opens,
    // so the operator asks then.
    if client.time() < window.0 {
        return told(cli, client.state(), index, None);
    }
    let document = gates::start(client.state(), index, client.time())?;
    // The authorization is recorded whatever the policy answers, and a denial is recorded too: an
    // operator who retries until the policy passes leaves the failed attempts in the ledger.
    let (verdict, record) = said(cli, &mut client, &document, subject)?;
    told(cli, client.state(), index, Some((&verdict, record)))
}

/// What the component was promoted under last, with these limits if it ever was. Of one that was not
/// promoted, or under other limits alone, the ledger says so by its own rule.
fn set(state: &LedgerState, component: Digest, limits: Digest) -> DigestSet {
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
    cli: &CliContext,
    state: &LedgerState,
    index: u64,
    asked: Option<(&PolicyVerdict, u64)>,
) -> Result<CommandAnswer> {
    let shut = asked.is_some_and(|(verdict, _)| !verdict.passes());
    let answer = CommandAnswer::yes_if(!shut);
    let found = state.authorizations().get(&index);
    let one = found.context("the authorization that was recorded")?;
    if cli.json {
        let reason = |one: &GateReason| json!({ "code": one.code, "text": one.text });
        let mut value = row(state, index, one, now());
        value["verdict"] = json!(asked.map(|(verdict, record)| json!({
            "record": record,
            "outcome": verdict.outcome.name(),
            "reasons": verdict.reasons.iter().map(reason).collect::<Vec<_>>(),
        })));
        print_json(&value);
        return Ok(answer);
    }
    let (from, until) = (one.authorization.not_before, one.authorization.not_after);
    let (from, until) = (from.date_or_time(), until.date_or_time());
    print_line(&format!(
        "record {index}: authorized to start from {from} until {until}"
    ));
    let ask = format!("counterfoil policy eval start {index}");
    let Some((verdict, record)) = asked else {
        print_line(&format!("next, once the window is open: {ask}"));
        return Ok(answer);
    };
    let outcome = verdict.outcome.name();
    print_line(&format!("record {record}: policy verdict {outcome}"));
    for reason in &verdict.reasons {
        print_line(&format!("  {reason}"));
    }
    if shut {
        print_line(&format!(
            "no run can start under it; correct that, then: {ask}"
        ));
    } else {
        print_line(&format!(
            "next, within an hour: counterfoil run start MANIFEST --authorization {index}"
        ));
        print_line(&format!("later, evaluate the policy again first: {ask}"));
    }
    Ok(answer)
}

fn list(cli: &CliContext, all: bool, filter: &RowFilter) -> Result<CommandAnswer> {
    let view = ledger_access::view(cli)?;
    let (state, time) = (view.state(), now());
    let found = state.authorizations().iter();
    let found = found.map(|(index, one)| row(state, *index, one, time));
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
    table::print(
        cli,
        table::filter(found, filter)?,
        &columns,
        "no authorization",
    );
    Ok(CommandAnswer::Yes)
}

fn row(state: &LedgerState, index: u64, one: &AuthorizationRecord, time: UnixNanos) -> Value {
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
    let mut value = record_json::terms(&asked.terms);
    value["record"] = json!(index);
    value["by"] = record_json::text(&one.record_ref.by);
    value["not-before"] = record_json::until(Some(asked.not_before));
    value["not-after"] = record_json::until(Some(asked.not_after));
    value["is"] = json!(is);
    value["runs"] = json!(
        runs.map(|run| run.start.run.to_string())
            .collect::<Vec<_>>()
    );
    value["withdrawn"] = json!(one.withdrawn.as_ref().map(|(reason, record_ref)| {
        record_json::join(
            record_json::record_ref(record_ref),
            json!({ "reason": reason }),
        )
    }));
    value
}
