//! `policy eval`: the policy is asked at a gate.

use anyhow::{Context as _, Result};
use counterfoil_base::digest::Digest;
use counterfoil_base::gate::Gate;
use counterfoil_governance::act::{Act, Refused, account_digest};
use counterfoil_governance::id::Id;
use counterfoil_os::files::read_whole;
use counterfoil_policy::input::{AccountInput, AskedLimits, GateInput, LimitsInput};
use counterfoil_policy::verdict::PolicyVerdict;
use counterfoil_runner::gates::{self, Archive};
use serde_json::{Value, json};

use super::child::evaluator;
use super::folder::read;
use crate::args::{EvalInput, EvalLimits, EvalPromotion, EvalStart, PolicyEval};
use crate::commands::component::set_of;
use crate::output::{Answer, pairs, say, say_json};
use crate::people;
use crate::people::desk::Desk;
use crate::people::refusal::Refusal;
use crate::people::view::View;
use crate::places::Places;

/// The act that records what the policy said.
const ASKING: &str = "verdict";

pub(super) fn run(places: &Places, args: &PolicyEval) -> Result<Answer> {
    match args {
        PolicyEval::Promotion(args) => promotion(places, args),
        PolicyEval::Start(args) => start(places, args),
        PolicyEval::Limits(args) => limits(places, args),
        PolicyEval::Input(args) => input(places, args),
    }
}

fn promotion(places: &Places, args: &EvalPromotion) -> Result<Answer> {
    let mut desk = Desk::open(places)?;
    let component = people::component(desk.state(), &args.component)?;
    let act = (ASKING, &component);
    let set = match set_of(places, &mut desk, act, args.manifest.as_deref())? {
        Ok(set) => set,
        Err(refusal) => return Ok(refusal.tell(places, &[])),
    };
    let document = gates::promotion(&places.data, desk.state(), &set, desk.now)?;
    ask(places, desk, &document, set.digest(), args.print_input)
}

fn start(places: &Places, args: &EvalStart) -> Result<Answer> {
    let desk = Desk::open(places)?;
    let document = gates::start(desk.state(), args.record, desk.now)?;
    let authorized = desk.state().authorizations().get(&args.record);
    let subject = authorized.map(|one| one.authorization.digest());
    let subject = subject.with_context(|| format!("record {} authorizes no start", args.record))?;
    ask(places, desk, &document, subject, args.print_input)
}

fn limits(places: &Places, args: &EvalLimits) -> Result<Answer> {
    let desk = Desk::open(places)?;
    let (account, document) = asked_limits(&desk, args)?;
    let subject = account_digest(&account);
    ask(places, desk, &document, subject, args.print_input)
}

/// What the gate of limits is told, by what was typed.
pub(crate) fn asked_limits(desk: &Desk, args: &EvalLimits) -> Result<(Id, LimitsInput)> {
    let account = people::id("the account", &args.account)?;
    let of = AccountInput {
        name: account.to_string(),
        owner: people::id("--owner", &args.owner)?.to_string(),
        kind: args.kind.clone(),
        currency: args.currency.clone(),
    };
    let asked = AskedLimits {
        orders_per_bar: args.orders_per_bar,
        orders_per_day: args.orders_per_day,
        working_orders: args.working_orders,
        order_notional: args.order_notional,
        position_notional: args.position_notional,
        gross_exposure: args.gross_exposure,
        net_exposure: args.net_exposure,
        price_collar_bps: args.price_collar_bps,
        daily_loss: args.daily_loss,
        drawdown_bps: args.drawdown_bps,
    };
    let document = gates::limits(desk.state(), desk.actor.as_str(), of, asked, desk.now);
    Ok((account, document))
}

fn ask<T: GateInput>(
    places: &Places,
    mut desk: Desk,
    document: &T,
    subject: Digest,
    print_input: bool,
) -> Result<Answer> {
    if print_input {
        return print(document);
    }
    match said(places, &mut desk, document, subject)? {
        Ok((verdict, record)) => tell(places, &verdict, Some(record)),
        Err(refusal) => Ok(refusal.tell(places, &[])),
    }
}

/// Only prints what the policy would be told.
pub(crate) fn print<T: GateInput>(document: &T) -> Result<Answer> {
    say_json(&document.document()?);
    Ok(Answer::Yes)
}

/// Asks the policy in force about what the document says, and records the verdict, pass or fail.
pub(crate) fn said<T: GateInput>(
    places: &Places,
    desk: &mut Desk,
    document: &T,
    subject: Digest,
) -> Result<Result<(PolicyVerdict, u64), Refusal>> {
    let input = document.document()?;
    let bundle = match super::in_force(places, desk.state())? {
        Ok(bundle) => bundle,
        Err(shut) => {
            let refused = Refused {
                act: ASKING.to_owned(),
                subject: subject.to_string(),
                rule: shut.rule.to_owned(),
                why: shut.why,
            };
            return desk.refuse(&refused, shut.way_on).map(Err);
        }
    };
    let verdict = evaluator()?.evaluate(Ok(&bundle), T::GATE, &input);
    let archive = Archive::new(&places.data);
    let recorded = gates::keep(&archive, &bundle, &input, &verdict, subject)?;
    let done = desk.act(Act::Verdict(recorded))?;
    Ok(done.map(|done| (verdict, done.index)))
}

/// Asks any policy about any document, and records nothing.
fn input(places: &Places, args: &EvalInput) -> Result<Answer> {
    let gate = Gate::parse(&args.gate).with_context(|| format!("no gate {:?}", args.gate))?;
    let bytes = read_whole(&args.file)?;
    let name = args.file.display();
    let input: Value = serde_json::from_slice(&bytes).with_context(|| format!("{name}"))?;
    let bundle = match &args.policy {
        Some(folder) => read(folder)?,
        None => {
            super::in_force(places, View::open(places)?.state())?.map_err(anyhow::Error::from)?
        }
    };
    let verdict = evaluator()?.evaluate(Ok(&bundle), gate, &input);
    tell(places, &verdict, None)
}

/// Tells a verdict; a fail is a no.
pub(crate) fn tell(
    places: &Places,
    verdict: &PolicyVerdict,
    record: Option<u64>,
) -> Result<Answer> {
    if places.json {
        let mut value = serde_json::to_value(verdict)?;
        value["record"] = json!(record);
        say_json(&value);
    } else {
        let digest = |digest: Option<Digest>| {
            digest.map_or_else(|| "none".to_owned(), |digest| digest.to_string())
        };
        let recorded = record.map_or_else(
            || "none: this was a trial".to_owned(),
            |index| format!("{index} (counterfoil policy re-evaluate {index})"),
        );
        pairs(&[
            ("gate", verdict.gate.name().to_owned()),
            ("outcome", verdict.outcome.name().to_owned()),
            ("policy", digest(verdict.bundle)),
            ("input", digest(verdict.input)),
            ("record", recorded),
        ]);
        for reason in &verdict.reasons {
            say(&format!("  {reason}"));
        }
        if let Some(limits) = &verdict.limits {
            say("limits, as a manifest's risk:");
            say_json(&serde_json::to_value(limits)?);
        }
    }
    Ok(if verdict.passes() {
        Answer::Yes
    } else {
        Answer::No
    })
}
