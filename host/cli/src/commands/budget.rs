//! `budget`: what owners and teams may use, and what they used.

use anyhow::{Context as _, Result, bail};
use counterfoil_approval::{record_json, value_text};
use counterfoil_governance::act::{Act, BudgetHolder, Usage, UsageBudget};
use counterfoil_governance::id::Id;
use counterfoil_governance::report::{UsageTotals, daily_usage, standing};
use counterfoil_governance::state::{DAY_NANOS, day_of};
use counterfoil_runner::clock::now;
use counterfoil_runner::run::usage;
use counterfoil_trading::manifest::Manifest;
use counterfoil_trading::time::UnixNanos;
use serde_json::{Value, json};

use crate::args::{self, BudgetSetArgs, RowFilter};
use crate::cli_context::CliContext;
use crate::output::{CommandAnswer, print_json, print_line};
use crate::people::ledger_access;
use crate::people::outcome::print_outcome;
use crate::people::{self, table};

/// Nanoseconds in a second.
const SECOND_NANOS: u64 = 1_000_000_000;

pub(crate) fn run(cli: &CliContext, args: &args::BudgetCommand) -> Result<CommandAnswer> {
    match args {
        args::BudgetCommand::Set(args) => set(cli, args),
        args::BudgetCommand::Team { name, member } => {
            let team = people::id("the team", name)?;
            let members = member.iter().map(|name| people::id("--member", name));
            let members: std::collections::BTreeSet<_> = members.collect::<Result<_>>()?;
            let names: Vec<_> = members.iter().map(record_json::text).collect();
            let act = Act::TeamSet {
                team: team.clone(),
                members,
            };
            let outcome = ledger_access::open(cli)?.act(act)?;
            let what = format!(
                "team {team} has the members {}",
                value_text::plain(&json!(names))
            );
            let facts = json!({ "team": team.as_str(), "members": names });
            Ok(print_outcome(cli, outcome, &what, facts))
        }
        args::BudgetCommand::Excess {
            payer: of,
            until,
            reason,
        } => {
            let (of, until) = (payer(of)?, people::time("--until", until)?);
            let facts = record_json::join(
                record_json::payer(&of),
                json!({ "until": until.date_or_time() }),
            );
            let what = format!("{of} may exceed its budget until {}", until.date_or_time());
            let reason = reason.clone();
            let outcome = ledger_access::open(cli)?.act(Act::BudgetExcess { of, until, reason })?;
            Ok(print_outcome(cli, outcome, &what, facts))
        }
        args::BudgetCommand::Use { run, tag } => record(cli, run, tag),
        args::BudgetCommand::List(filter) => list(cli, filter),
        args::BudgetCommand::Report { day } => report(cli, day.as_deref()),
    }
}

fn payer(typed: &args::BudgetPayer) -> Result<BudgetHolder> {
    match (&typed.owner, &typed.team) {
        (Some(owner), None) => Ok(BudgetHolder::Owner(people::id("--owner", owner)?)),
        (None, Some(team)) => Ok(BudgetHolder::Team(people::id("--team", team)?)),
        (None, None) | (Some(_), Some(_)) => bail!("no owner and no team; give --owner or --team"),
    }
}

fn set(cli: &CliContext, args: &BudgetSetArgs) -> Result<CommandAnswer> {
    let of = payer(&args.payer)?;
    let budget = UsageBudget {
        of: of.clone(),
        fuel: args.fuel,
        runs: args.runs,
        bytes: args.bytes,
        wall_nanos: args.wall.saturating_mul(SECOND_NANOS),
    };
    let outcome = ledger_access::open(cli)?.act(Act::BudgetSet(budget))?;
    let what = format!("{of} has a budget");
    Ok(print_outcome(cli, outcome, &what, record_json::payer(&of)))
}

/// Records what a run used since it was recorded last; so it can be done every day, or twice.
fn record(cli: &CliContext, name: &str, tags: &[String]) -> Result<CommandAnswer> {
    let execution = cli.data.find(name)?;
    let manifest = Manifest::parse(&cli.data.manifest_text(&execution)?)?;
    let all = cli.data.executions_of(&execution.run)?;
    // Usage is read from the journals, which the runner signed, not from what the caller reports:
    // an owner cannot record less than was used.
    let used = usage::run_usage(&all)?;
    let mut client = ledger_access::open(cli)?;
    let run = manifest.run_id()?;
    let started = client.state().registry().runs().get(&run);
    let owner = match started {
        Some(started) => started.start.terms.owner.clone(),
        None => Id::parse(&manifest.account.owner).context("the manifest's owner")?,
    };
    let (mut fuel, mut wall_nanos, mut bytes) = (used.fuel, used.wall_nanos, None);
    let usages = client.state().books().usages.iter();
    // What earlier records hold is subtracted, so that the command can run daily or twice, or again
    // after a crash, without counting anything twice.
    for (before, _) in usages.filter(|(one, _)| one.run == run) {
        fuel = fuel.saturating_sub(before.fuel);
        wall_nanos = wall_nanos.saturating_sub(before.wall_nanos);
        bytes = Some(before.bytes);
    }
    if fuel == 0 && wall_nanos == 0 && bytes == Some(used.bytes) {
        let facts = json!({ "run": record_json::digest(&run), "record": Value::Null });
        if cli.json {
            print_json(&facts);
        } else {
            print_line("nothing new to record");
        }
        return Ok(CommandAnswer::Yes);
    }
    let facts = json!({
        "run": record_json::digest(&run), "owner": record_json::text(&owner), "tags": tags,
        "fuel": fuel, "wall-nanos": wall_nanos, "bytes": used.bytes,
    });
    let what = format!(
        "run {run} of {owner}: {fuel} fuel and {wall_nanos} ns more, {} bytes in storage",
        used.bytes
    );
    let outcome = client.act(Act::Usage(Usage {
        run,
        owner,
        tags: tags.iter().cloned().collect(),
        fuel,
        wall_nanos,
        bytes: used.bytes,
    }))?;
    Ok(print_outcome(cli, outcome, &what, facts))
}

/// Every budget with what is used of it now.
fn list(cli: &CliContext, filter: &RowFilter) -> Result<CommandAnswer> {
    let view = ledger_access::view(cli)?;
    let (state, time) = (view.state(), now());
    let mut all = Vec::new();
    for (of, (budget, record_ref)) in &state.books().budgets {
        let used = standing(state, of, time);
        let of_each = [
            ("runs", used.runs, budget.runs),
            ("fuel", used.fuel, budget.fuel),
            ("wall-nanos", used.wall_nanos, budget.wall_nanos),
            ("bytes", used.bytes, budget.bytes),
        ];
        let excess = state.books().excesses.get(of);
        let excess = excess.filter(|one| time < one.until);
        let mut value = record_json::payer(of);
        value["over"] = json!(of_each.iter().any(|(_, used, most)| used >= most));
        value["excess-until"] = json!(excess.map(|one| one.until.date_or_time()));
        value["by"] = record_json::text(&record_ref.by);
        value["record"] = json!(record_ref.index);
        for (name, used, most) in of_each {
            value[name] = json!(format!("{used} of {most}"));
        }
        all.push(value);
    }
    let all = table::filter(all, filter)?;
    let over = all.iter().any(|row| row["over"] == json!(true));
    let columns = [
        "owner",
        "team",
        "runs",
        "fuel",
        "wall-nanos",
        "bytes",
        "over",
        "excess-until",
        "record",
    ];
    table::print(cli, all, &columns, "no budget");
    Ok(CommandAnswer::yes_if(!over))
}

/// What was used on a day.
fn report(cli: &CliContext, day: Option<&str>) -> Result<CommandAnswer> {
    let view = ledger_access::view(cli)?;
    let time = people::time_if("--day", day)?.unwrap_or_else(now);
    let day = day_of(time);
    let used = daily_usage(view.state(), day);
    let start = UnixNanos(day.saturating_mul(DAY_NANOS));
    let date = start.date_or_time();
    let date = date.split('T').next().unwrap_or_default().to_owned();
    let list = [
        ("owner", &used.owners),
        ("team", &used.teams),
        ("tag", &used.tags),
    ];
    let mut all = Vec::new();
    for (kind, found) in list {
        all.extend(found.iter().map(|(name, used)| row(kind, name, used)));
    }
    if cli.json {
        print_json(&json!({ "day": date, "used": all }));
        return Ok(CommandAnswer::Yes);
    }
    print_line(&format!(
        "use on {date} (UTC), as recorded from the runs' journals:"
    ));
    let columns = ["of", "name", "runs", "fuel", "wall-nanos", "bytes"];
    table::print(cli, all, &columns, "nothing");
    Ok(CommandAnswer::Yes)
}

fn row(of: &str, name: &str, used: &UsageTotals) -> Value {
    json!({
        "of": of,
        "name": name,
        "runs": used.runs,
        "fuel": used.fuel,
        "wall-nanos": used.wall_nanos,
        "bytes": used.bytes,
    })
}
