//! `run`: what operators ask of the runner's process.

use std::io::Write as _;

use anyhow::{Context as _, Result};
use counterfoil_governance::id::Id;
use counterfoil_os::files::read_whole;
use counterfoil_runner::clock::now;
use counterfoil_runner::store::keys::PeopleKeys;
use counterfoil_server::client::{Client, ClientError, Message};
use counterfoil_server::types::{
    EventReply, Feed, KillRequest, PositionsReply, RunReply, RunsReply, StartRequest,
};
use serde_json::{Value, json};

use crate::args::{KillRuns, RunCommand, RunStart, Runner, Watch};
use crate::output::{Answer, note, pairs, say, say_json, short, table};
use crate::people::desk::{actor, hand};
use crate::people::view::View;
use crate::places::Places;

pub(crate) fn run(places: &Places, args: &Runner) -> Result<Answer> {
    let done = ask(places, args);
    // A refusal is an answer, and the answer is no.
    let refused = done.as_ref().err().and_then(|error| error.downcast_ref());
    if let Some(ClientError::Refused(problem)) = refused {
        if places.json {
            say_json(&json!({ "refused": problem }));
        } else {
            say(&format!("refused: {problem}"));
        }
        return Ok(Answer::No);
    }
    done
}

fn ask(places: &Places, args: &Runner) -> Result<Answer> {
    let client = signed_in(places, &args.runner)?;
    let post = |run: &str, act: &str| -> Result<Answer> {
        let reply: RunReply = client.post(&format!("/v1/runs/{run}/{act}"), &())?;
        tell(places, &reply)
    };
    match &args.command {
        RunCommand::Start(start) => {
            let reply: RunReply = client.post("/v1/runs", &request(start)?)?;
            tell(places, &reply)
        }
        RunCommand::List => list(places, &client.get("/v1/runs")?),
        RunCommand::Status(one) => {
            let reply: RunReply = client.get(&format!("/v1/runs/{}", one.run))?;
            tell(places, &reply)
        }
        RunCommand::Positions(one) => positions(
            places,
            &client.get(&format!("/v1/runs/{}/positions", one.run))?,
        ),
        RunCommand::Stop(one) => post(&one.run, "stop"),
        RunCommand::Kill(args) => kill(places, &client, args),
        RunCommand::Resume(one) => post(&one.run, "resume"),
        RunCommand::Watch(args) => watch(places, &client, args),
    }
}

fn kill(places: &Places, client: &Client, args: &KillRuns) -> Result<Answer> {
    let body = KillRequest {
        reason: args.reason.clone(),
    };
    if let Some(run) = &args.run {
        let reply: RunReply = client.post(&format!("/v1/runs/{run}/kill"), &body)?;
        return tell(places, &reply);
    }
    let path = match &args.account {
        Some(account) => format!("/v1/accounts/{}/kill", Id::parse(account)?),
        None => "/v1/kill".to_owned(),
    };
    list(places, &client.post(&path, &body)?)
}

fn signed_in(places: &Places, runner: &str) -> Result<Client> {
    let principal = actor(places)?;
    let people = PeopleKeys::open(&places.keys, places.data.root())?;
    let view = View::open(places)?;
    let hand = hand(&people, view.state(), &principal, now())?;
    let mut client = Client::new(runner);
    client.sign_in(&principal, hand.as_ref())?;
    Ok(client)
}

fn request(args: &RunStart) -> Result<StartRequest> {
    let text = read_whole(&args.manifest)?;
    let manifest: Value = serde_json::from_slice(&text)
        .with_context(|| format!("{} is no manifest", args.manifest.display()))?;
    let feed = match (&args.replay, &args.tcp) {
        (Some(snapshot), _) => Feed::Replay {
            snapshot: snapshot.clone(),
            speed: args.speed,
        },
        (None, Some(address)) => Feed::Tcp {
            address: address.clone(),
        },
        (None, None) if args.market => Feed::Market {},
        (None, None) => Feed::Push {},
    };
    Ok(StartRequest {
        authorization: args.authorization,
        manifest,
        feed,
    })
}

fn tell(places: &Places, run: &RunReply) -> Result<Answer> {
    if places.json {
        say_json(&serde_json::to_value(run)?);
        return Ok(Answer::Yes);
    }
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "none yet".to_owned());
    let state = match &run.reason {
        Some(reason) => format!("{}: {reason}", run.state),
        None => run.state.clone(),
    };
    pairs(&[
        ("run", run.run.clone()),
        ("state", state),
        ("account", run.account.clone()),
        ("feed", format!("{} ({})", run.feed, run.feed_kind)),
        ("started by", run.started_by.clone()),
        ("last bar", text(&run.last_close)),
        ("bars decided", run.bars.to_string()),
        ("fills", run.fills.to_string()),
        (
            "requests",
            format!(
                "{} approved, {} refused",
                run.requests_approved, run.requests_refused
            ),
        ),
        ("inputs refused", run.inputs_refused.to_string()),
        ("equity", text(&run.equity)),
    ]);
    Ok(Answer::Yes)
}

fn list(places: &Places, reply: &RunsReply) -> Result<Answer> {
    if places.json {
        say_json(&serde_json::to_value(reply)?);
        return Ok(Answer::Yes);
    }
    let head = ["run", "state", "account", "feed", "bars", "fills", "equity"];
    let mut rows = vec![head.map(String::from).to_vec()];
    for run in &reply.runs {
        rows.push(vec![
            short(&run.run),
            run.state.clone(),
            run.account.clone(),
            run.feed.clone(),
            run.bars.to_string(),
            run.fills.to_string(),
            run.equity.clone().unwrap_or_default(),
        ]);
    }
    table(&rows);
    Ok(Answer::Yes)
}

fn positions(places: &Places, reply: &PositionsReply) -> Result<Answer> {
    if places.json {
        say_json(&serde_json::to_value(reply)?);
        return Ok(Answer::Yes);
    }
    let head = ["instrument", "quantity", "cost", "value", "last close"];
    let mut rows = vec![head.map(String::from).to_vec()];
    for one in &reply.positions {
        rows.push(vec![
            one.symbol.clone(),
            one.quantity.clone(),
            one.cost.clone(),
            one.value.clone(),
            one.mark_price.clone().unwrap_or_default(),
        ]);
    }
    table(&rows);
    Ok(Answer::Yes)
}

/// Tells each event on a line of its own, until the runner ends or nobody reads.
fn watch(places: &Places, client: &Client, args: &Watch) -> Result<Answer> {
    let mut hear = |message: Message| {
        let line = if places.json {
            let data: Value = serde_json::from_str(&message.data).unwrap_or_default();
            json!({ "id": message.id, "kind": message.kind, "data": data }).to_string()
        } else {
            event_text(&message)
        };
        // What nobody reads any more ends the watching; control characters come from strategies.
        let line: String = line.chars().filter(|one| !one.is_control()).collect();
        writeln!(std::io::stdout(), "{line}").is_ok()
    };
    client.watch(args.run.as_deref(), args.after.as_deref(), &mut hear)?;
    note("the runner ended the stream");
    Ok(Answer::Yes)
}

fn event_text(message: &Message) -> String {
    let Ok(event) = serde_json::from_str::<EventReply>(&message.data) else {
        return format!("{} {}", message.kind, message.data);
    };
    let mut parts = vec![event.time, short(&event.run), event.kind];
    parts.extend(event.state);
    parts.extend(event.level);
    parts.extend(event.close_time);
    parts.extend(event.bars.map(|bars| format!("{bars} bars")));
    parts.extend(event.fills.map(|fills| format!("{fills} fills")));
    parts.extend(event.equity.map(|equity| format!("equity {equity}")));
    parts.extend(event.text);
    parts.join("  ")
}
