//! `policy eval`: the policy is asked at a gate.

use anyhow::{Context as _, Result};
use counterfoil_approval::gates::{self, PolicyArchive};
use counterfoil_approval::host_checks::policy_in_force;
use counterfoil_approval::ledger_client::LedgerClient;
use counterfoil_base::digest::Digest;
use counterfoil_base::gate::Gate;
use counterfoil_governance::act::{Act, ActName, account_digest};
use counterfoil_governance::id::Id;
use counterfoil_os::files::read_whole;
use counterfoil_policy::bundle::Bundle;
use counterfoil_policy::input::{AccountInput, AskedLimits, GateInput, LimitsInput};
use counterfoil_policy::verdict::PolicyVerdict;
use serde_json::{Value, json};

use super::child::evaluator;
use crate::args::{
    EvalInputArgs, EvalLimitsArgs, EvalPromotionArgs, EvalStartArgs, PolicyEvalCommand,
};
use crate::cli_context::CliContext;
use crate::commands::component::set_of;
use crate::output::{CommandAnswer, print_fields, print_json, print_line};
use crate::people;
use crate::people::ledger_access;

pub(super) fn run(cli: &CliContext, args: &PolicyEvalCommand) -> Result<CommandAnswer> {
    match args {
        PolicyEvalCommand::Promotion(args) => promotion(cli, args),
        PolicyEvalCommand::Start(args) => start(cli, args),
        PolicyEvalCommand::Limits(args) => limits(cli, args),
        PolicyEvalCommand::Input(args) => input(cli, args),
    }
}

fn promotion(cli: &CliContext, args: &EvalPromotionArgs) -> Result<CommandAnswer> {
    let mut client = ledger_access::open(cli)?;
    let component = people::component(client.state(), &args.component)?;
    let act = ActName::Verdict;
    let set = set_of(cli, &mut client, act, &component, args.manifest.as_deref())?;
    let document = gates::promotion(&cli.data, client.state(), &set, client.time())?;
    ask(cli, client, &document, set.digest(), args.print_input)
}

fn start(cli: &CliContext, args: &EvalStartArgs) -> Result<CommandAnswer> {
    let client = ledger_access::open(cli)?;
    let document = gates::start(client.state(), args.record, client.time())?;
    let authorized = client.state().authorizations().get(&args.record);
    let subject = authorized.map(|one| one.authorization.digest());
    let subject = subject.with_context(|| format!("record {} authorizes no start", args.record))?;
    ask(cli, client, &document, subject, args.print_input)
}

fn limits(cli: &CliContext, args: &EvalLimitsArgs) -> Result<CommandAnswer> {
    let client = ledger_access::open(cli)?;
    let (account, document) = asked_limits(&client, args)?;
    let subject = account_digest(&account);
    ask(cli, client, &document, subject, args.print_input)
}

/// What the gate of limits is told, by what was typed.
pub(crate) fn asked_limits(
    client: &LedgerClient,
    args: &EvalLimitsArgs,
) -> Result<(Id, LimitsInput)> {
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
    let document = gates::limits(
        client.state(),
        client.actor().as_str(),
        of,
        asked,
        client.time(),
    );
    Ok((account, document))
}

fn ask<T: GateInput>(
    cli: &CliContext,
    mut client: LedgerClient,
    document: &T,
    subject: Digest,
    print_input: bool,
) -> Result<CommandAnswer> {
    if print_input {
        return print(document);
    }
    let (verdict, record) = said(cli, &mut client, document, subject)?;
    tell(cli, &verdict, Some(record))
}

/// Only prints what the policy would be told.
pub(crate) fn print<T: GateInput>(document: &T) -> Result<CommandAnswer> {
    print_json(&document.document()?);
    Ok(CommandAnswer::Yes)
}

/// Asks the policy in force about what the document says, and records the verdict, pass or fail.
pub(crate) fn said<T: GateInput>(
    cli: &CliContext,
    client: &mut LedgerClient,
    document: &T,
    subject: Digest,
) -> Result<(PolicyVerdict, u64)> {
    let input = document.document()?;
    let bundle = policy_in_force(&cli.data, client.state());
    let act = ActName::Verdict;
    let bundle = ledger_access::require(client, act, subject.to_string(), bundle)?;
    // In a child process with limits: a policy that loops or exhausts memory fails its gate and
    // cannot take this process with it.
    let verdict = evaluator()?.evaluate(Ok(&bundle), T::GATE, &input);
    let archive = PolicyArchive::new(&cli.data);
    // Input, policy and verdict are in the archive before the record names their digests. A crash
    // in between leaves files without a record, never a record whose bytes are missing.
    let recorded = gates::keep(&archive, &bundle, &input, &verdict, subject)?;
    let index = client.act(Act::Verdict(recorded))?.index()?;
    Ok((verdict, index))
}

/// Asks any policy about any document, and records nothing.
fn input(cli: &CliContext, args: &EvalInputArgs) -> Result<CommandAnswer> {
    let gate = Gate::parse(&args.gate).with_context(|| format!("no gate {:?}", args.gate))?;
    let bytes = read_whole(&args.file)?;
    let name = args.file.display();
    let input: Value = serde_json::from_slice(&bytes).with_context(|| format!("{name}"))?;
    let bundle = match &args.policy {
        Some(folder) => Bundle::read(folder)?,
        None => policy_in_force(&cli.data, ledger_access::view(cli)?.state())?,
    };
    let verdict = evaluator()?.evaluate(Ok(&bundle), gate, &input);
    tell(cli, &verdict, None)
}

/// Tells a verdict; a fail is a no.
pub(crate) fn tell(
    cli: &CliContext,
    verdict: &PolicyVerdict,
    record: Option<u64>,
) -> Result<CommandAnswer> {
    if cli.json {
        let mut value = serde_json::to_value(verdict)?;
        value["record"] = json!(record);
        print_json(&value);
    } else {
        let digest = |digest: Option<Digest>| {
            digest.map_or_else(|| "none".to_owned(), |digest| digest.to_string())
        };
        let recorded = record.map_or_else(
            || "none (trial, not recorded)".to_owned(),
            |index| format!("{index} (counterfoil policy re-evaluate {index})"),
        );
        print_fields(&[
            ("gate", verdict.gate.name().to_owned()),
            ("outcome", verdict.outcome.name().to_owned()),
            ("policy", digest(verdict.bundle)),
            ("input", digest(verdict.input)),
            ("record", recorded),
        ]);
        for reason in &verdict.reasons {
            print_line(&format!("  {reason}"));
        }
        if let Some(limits) = &verdict.limits {
            print_line("limits (a manifest's `risk`):");
            print_json(&serde_json::to_value(limits)?);
        }
    }
    Ok(CommandAnswer::yes_if(verdict.passes()))
}
