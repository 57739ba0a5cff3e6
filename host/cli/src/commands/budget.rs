//! `budget`: what owners and teams may use, and what they used.

use anyhow::{Context as _, Result, bail};
use counterfoil_base::digest::Digest;
use counterfoil_governance::act::{Act, Budget, Payer, Usage};
use counterfoil_governance::id::Id;
use counterfoil_governance::report::{Used, daily_usage, standing};
use counterfoil_governance::state::{DAY_NANOS, day_of};
use counterfoil_runner::clock::now;
use counterfoil_runner::run::usage;
use counterfoil_runner::times::show_time;
use counterfoil_trading::manifest::Manifest;
use counterfoil_trading::time::UnixNanos;
use serde_json::{Value, json};

use crate::args::{self, BudgetSet, Filter};
use crate::output::{Answer, say, say_json};
use crate::people::desk::Desk;
use crate::people::refusal::tell;
use crate::people::view::View;
use crate::people::{self, rows, words};
use crate::places::Places;

/// Nanoseconds in a second.
const SECOND_NANOS: u64 = 1_000_000_000;

pub(crate) fn run(places: &Places, args: &args::Budget) -> Result<Answer> {
    match args {
        args::Budget::Set(args) => set(places, args),
        args::Budget::Team { name, member } => {
            let team = people::id("the team", name)?;
            let members = member.iter().map(|name| people::id("--member", name));
            let members: std::collections::BTreeSet<_> = members.collect::<Result<_>>()?;
            let names: Vec<_> = members.iter().map(words::text).collect();
            let act = Act::TeamSet {
                team: team.clone(),
                members,
            };
            let done = Desk::open(places)?.act(act)?;
            let what = format!("the team {team} is {}", rows::plain(&json!(names)));
            let facts = json!({ "team": team.as_str(), "members": names });
            Ok(tell(places, done, &what, facts))
        }
        args::Budget::Excess {
            payer: of,
            until,
            reason,
        } => {
            let (of, until) = (payer(of)?, people::time("--until", until)?);
            let facts = words::join(words::payer(&of), json!({ "until": show_time(until) }));
            let what = format!("{of} may be over budget until {}", show_time(until));
            let reason = reason.clone();
            let done = Desk::open(places)?.act(Act::BudgetExcess { of, until, reason })?;
            Ok(tell(places, done, &what, facts))
        }
        args::Budget::Use { run, tag } => record(places, run, tag),
        args::Budget::List(filter) => list(places, filter),
        args::Budget::Report { day } => report(places, day.as_deref()),
    }
}

fn payer(typed: &args::Payer) -> Result<Payer> {
    match (&typed.owner, &typed.team) {
        (Some(owner), None) => Ok(Payer::Owner(people::id("--owner", owner)?)),
        (None, Some(team)) => Ok(Payer::Team(people::id("--team", team)?)),
        (None, None) | (Some(_), Some(_)) => bail!("whose budget? give --owner or --team"),
    }
}

fn set(places: &Places, args: &BudgetSet) -> Result<Answer> {
    let of = payer(&args.payer)?;
    let budget = Budget {
        of: of.clone(),
        fuel: args.fuel,
        runs: args.runs,
        bytes: args.bytes,
        wall_nanos: args.wall.saturating_mul(SECOND_NANOS),
    };
    let done = Desk::open(places)?.act(Act::BudgetSet(budget))?;
    let what = format!("{of} has a budget");
    Ok(tell(places, done, &what, words::payer(&of)))
}

/// Records what a run used since it was recorded last; so it can be done every day, or twice.
fn record(places: &Places, name: &str, tags: &[String]) -> Result<Answer> {
    let execution = places.data.find(name)?;
    let manifest = Manifest::parse(&places.data.manifest_text(&execution)?)?;
    let all = places.data.executions_of(&execution.run)?;
    let used = usage::run_usage(&all)?;
    let mut desk = Desk::open(places)?;
    let run = Digest(manifest.run_id()?);
    let started = desk.state().registry().runs().get(&run);
    let owner = match started {
        Some(started) => started.start.terms.owner.clone(),
        None => Id::parse(&manifest.account.owner).context("the manifest's owner")?,
    };
    let (mut fuel, mut wall_nanos, mut bytes) = (used.fuel, used.wall_nanos, None);
    let usages = desk.state().books().usages.iter();
    for (before, _) in usages.filter(|(one, _)| one.run == run) {
        fuel = fuel.saturating_sub(before.fuel);
        wall_nanos = wall_nanos.saturating_sub(before.wall_nanos);
        bytes = Some(before.bytes);
    }
    if fuel == 0 && wall_nanos == 0 && bytes == Some(used.bytes) {
        let facts = json!({ "run": words::digest(&run), "record": Value::Null });
        if places.json {
            say_json(&facts);
        } else {
            say("all of it is on record");
        }
        return Ok(Answer::Yes);
    }
    let facts = json!({
        "run": words::digest(&run), "owner": words::text(&owner), "tags": tags,
        "fuel": fuel, "wall-nanos": wall_nanos, "bytes": used.bytes,
    });
    let what = format!(
        "run {run} of {owner} used {fuel} fuel and {wall_nanos} ns more, and holds {} bytes",
        used.bytes
    );
    let done = desk.act(Act::Usage(Usage {
        run,
        owner,
        tags: tags.iter().cloned().collect(),
        fuel,
        wall_nanos,
        bytes: used.bytes,
    }))?;
    Ok(tell(places, done, &what, facts))
}

/// Every budget with what is used of it now.
fn list(places: &Places, filter: &Filter) -> Result<Answer> {
    let view = View::open(places)?;
    let (state, time) = (view.state(), now());
    let mut all = Vec::new();
    for (of, (budget, deed)) in &state.books().budgets {
        let used = standing(state, of, time);
        let of_each = [
            ("runs", used.runs, budget.runs),
            ("fuel", used.fuel, budget.fuel),
            ("wall-nanos", used.wall_nanos, budget.wall_nanos),
            ("bytes", used.bytes, budget.bytes),
        ];
        let excess = state.books().excesses.get(of);
        let excess = excess.filter(|one| time < one.until);
        let mut value = words::payer(of);
        value["over"] = json!(of_each.iter().any(|(_, used, most)| used >= most));
        value["excess-until"] = json!(excess.map(|one| show_time(one.until)));
        value["by"] = words::text(&deed.by);
        value["record"] = json!(deed.index);
        for (name, used, most) in of_each {
            value[name] = json!(format!("{used} of {most}"));
        }
        all.push(value);
    }
    let all = rows::filter(all, filter)?;
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
    rows::tell(places, all, &columns, "no budget");
    Ok(if over { Answer::No } else { Answer::Yes })
}

/// What was used on a day.
fn report(places: &Places, day: Option<&str>) -> Result<Answer> {
    let view = View::open(places)?;
    let time = people::time_if("--day", day)?.unwrap_or_else(now);
    let day = day_of(time);
    let used = daily_usage(view.state(), day);
    let start = UnixNanos(day.saturating_mul(DAY_NANOS));
    let date = show_time(start);
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
    if places.json {
        say_json(&json!({ "day": date, "used": all }));
        return Ok(Answer::Yes);
    }
    say(&format!("used on {date} (UTC), as runs reported it:"));
    let columns = ["of", "name", "runs", "fuel", "wall-nanos", "bytes"];
    rows::tell(places, all, &columns, "nothing");
    Ok(Answer::Yes)
}

fn row(of: &str, name: &str, used: &Used) -> Value {
    json!({
        "of": of,
        "name": name,
        "runs": used.runs,
        "fuel": used.fuel,
        "wall-nanos": used.wall_nanos,
        "bytes": used.bytes,
    })
}
