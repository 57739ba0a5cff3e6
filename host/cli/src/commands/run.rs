//! `run`: the runs of the data directory, and requests to the runner's API. It must never decide what
//! an operator may do: the runner does.

use anyhow::{Context as _, Result};
use counterfoil_approval::ledger_client::LedgerActor;
use counterfoil_base::text::harmless_json;
use counterfoil_governance::id::Id;
use counterfoil_os::files::read_whole;
use counterfoil_runner::clock::now;
use counterfoil_runner::store::keys::PeopleKeys;
use counterfoil_server::client::{ApiClient, ClientError, ServerSentEvent};
use counterfoil_server::types::{
    EventReply, FeedRequest, KillRequest, PositionsReply, RunReply, RunsReply, StartRequest,
};
use serde_json::{Value, json};

use super::{compare, manifest, run_log, runs, show};
use crate::args::{
    KillArgs, RUNNER_DEFAULT, RUNNER_VARIABLE, RunArgs, RunCommand, RunStartArgs, RunnerCommand,
    WatchArgs,
};
use crate::cli_context::CliContext;
use crate::output::{
    CommandAnswer, note, print_answer, print_event, print_fields, print_json, print_table,
    short_digest,
};
use crate::people::ledger_access;

pub(crate) fn run(cli: &CliContext, args: &RunArgs) -> Result<CommandAnswer> {
    match &args.command {
        RunCommand::List => runs::run(cli),
        RunCommand::Show(args) => show::run(cli, args),
        RunCommand::Log(args) => run_log::run(cli, args),
        RunCommand::Compare(args) => compare::run(cli, args),
        RunCommand::Manifest(args) => manifest::run(cli, args),
        RunCommand::Runner(command) => print_refusal(cli, ask(cli, &args.runner, command)),
    }
}

/// Prints a refusal of the runner, which is an answer: no.
fn print_refusal(cli: &CliContext, done: Result<CommandAnswer>) -> Result<CommandAnswer> {
    let refused = done.as_ref().err().and_then(|error| error.downcast_ref());
    let Some(ClientError::Refused(problem)) = refused else {
        return done;
    };
    if cli.json {
        print_json(&json!({ "refused": problem }));
    } else {
        print_answer(CommandAnswer::No, &format!("refused: {problem}"));
    }
    Ok(CommandAnswer::No)
}

fn ask(cli: &CliContext, runner: &str, command: &RunnerCommand) -> Result<CommandAnswer> {
    let client = signed_in(cli, runner)?;
    let post = |run: &str, act: &str| -> Result<CommandAnswer> {
        let reply: RunReply = client.post(&format!("/v1/runs/{run}/{act}"), &())?;
        print_run(cli, &reply)
    };
    match command {
        RunnerCommand::Start(start) => {
            let reply: RunReply = client.post("/v1/runs", &request(start)?)?;
            print_run(cli, &reply)
        }
        RunnerCommand::Status { run: None } => print_runs(cli, &client.get("/v1/runs")?),
        RunnerCommand::Status { run: Some(run) } => {
            let reply: RunReply = client.get(&format!("/v1/runs/{run}"))?;
            print_run(cli, &reply)
        }
        RunnerCommand::Positions { run } => {
            print_positions(cli, &client.get(&format!("/v1/runs/{run}/positions"))?)
        }
        RunnerCommand::Stop { run } => post(run, "stop"),
        RunnerCommand::Resume { run } => post(run, "resume"),
        RunnerCommand::Watch(args) => watch(cli, &client, args),
    }
}

/// Stops runs through the API of the runner at `address`.
pub(super) fn kill(
    cli: &CliContext,
    address: Option<&str>,
    args: &KillArgs,
) -> Result<CommandAnswer> {
    let variable = || std::env::var(RUNNER_VARIABLE).ok();
    let address = address
        .map(str::to_owned)
        .or_else(variable)
        .unwrap_or_else(|| RUNNER_DEFAULT.to_owned());
    // A refused kill is an answer with exit code 1. The operator can still stop the run through the
    // data directory, which needs no permission.
    print_refusal(cli, ask_kill(cli, &address, args))
}

fn ask_kill(cli: &CliContext, runner: &str, args: &KillArgs) -> Result<CommandAnswer> {
    let client = signed_in(cli, runner)?;
    let body = KillRequest {
        reason: args.reason.clone(),
    };
    if let Some(run) = &args.run {
        let reply: RunReply = client.post(&format!("/v1/runs/{run}/kill"), &body)?;
        return print_run(cli, &reply);
    }
    let path = match &args.account {
        Some(account) => format!("/v1/accounts/{}/kill", Id::parse(account)?),
        None => "/v1/kill".to_owned(),
    };
    print_runs(cli, &client.post(&path, &body)?)
}

fn signed_in(cli: &CliContext, runner: &str) -> Result<ApiClient> {
    let principal = ledger_access::actor(cli)?;
    let keys = PeopleKeys::open(&cli.keys, cli.data.root())?;
    let view = ledger_access::view(cli)?;
    let actor = LedgerActor::with_best_key(&keys, view.state(), principal, now())?;
    // The key signs a challenge of this runner and ledger. Only the signature leaves this machine,
    // and a recorded one cannot be replayed to another runner.
    let mut client = ApiClient::new(runner);
    client.sign_in(&actor.id, actor.signing_key.as_ref())?;
    Ok(client)
}

fn request(args: &RunStartArgs) -> Result<StartRequest> {
    let text = read_whole(&args.manifest)?;
    let manifest: Value = serde_json::from_slice(&text)
        .with_context(|| format!("{} is not valid JSON", args.manifest.display()))?;
    let feed = match (&args.replay, &args.tcp) {
        (Some(snapshot), _) => FeedRequest::Replay {
            snapshot: snapshot.clone(),
            speed: args.speed,
        },
        (None, Some(address)) => FeedRequest::Tcp {
            address: address.clone(),
        },
        (None, None) if args.market => FeedRequest::Market {},
        (None, None) => FeedRequest::Push {},
    };
    Ok(StartRequest {
        authorization: args.authorization,
        manifest,
        feed,
    })
}

fn print_run(cli: &CliContext, run: &RunReply) -> Result<CommandAnswer> {
    if cli.json {
        print_json(&serde_json::to_value(run)?);
        return Ok(CommandAnswer::Yes);
    }
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "none yet".to_owned());
    let state = match &run.reason {
        Some(reason) => format!("{}: {reason}", run.state),
        None => run.state.clone(),
    };
    print_fields(&[
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
    Ok(CommandAnswer::Yes)
}

fn print_runs(cli: &CliContext, reply: &RunsReply) -> Result<CommandAnswer> {
    if cli.json {
        print_json(&serde_json::to_value(reply)?);
        return Ok(CommandAnswer::Yes);
    }
    let head = ["run", "state", "account", "feed", "bars", "fills", "equity"];
    let mut rows = vec![head.map(String::from).to_vec()];
    for run in &reply.runs {
        rows.push(vec![
            short_digest(&run.run),
            run.state.clone(),
            run.account.clone(),
            run.feed.clone(),
            run.bars.to_string(),
            run.fills.to_string(),
            run.equity.clone().unwrap_or_default(),
        ]);
    }
    print_table(&rows);
    Ok(CommandAnswer::Yes)
}

fn print_positions(cli: &CliContext, reply: &PositionsReply) -> Result<CommandAnswer> {
    if cli.json {
        print_json(&serde_json::to_value(reply)?);
        return Ok(CommandAnswer::Yes);
    }
    let head = ["instrument", "quantity", "cost", "value", "last close"];
    let mut rows = vec![head.map(String::from).to_vec()];
    for position in &reply.positions {
        rows.push(vec![
            position.symbol.clone(),
            position.quantity.clone(),
            position.cost.clone(),
            position.value.clone(),
            position.mark_price.clone().unwrap_or_default(),
        ]);
    }
    print_table(&rows);
    Ok(CommandAnswer::Yes)
}

/// Prints each event on a line of its own, until the runner ends or standard output is closed.
fn watch(cli: &CliContext, client: &ApiClient, args: &WatchArgs) -> Result<CommandAnswer> {
    let mut print = |message: ServerSentEvent| {
        let line = if cli.json {
            let data: Value = serde_json::from_str(&message.data).unwrap_or_default();
            harmless_json(
                &json!({ "id": message.id, "kind": message.kind, "data": data }).to_string(),
            )
        } else {
            event_text(&message)
        };
        // A closed pipe, as of `| head`, ends the watching.
        print_event(&line)
    };
    client.watch(args.run.as_deref(), args.after.as_deref(), &mut print)?;
    note("the runner ended the stream");
    Ok(CommandAnswer::Yes)
}

fn event_text(message: &ServerSentEvent) -> String {
    let Ok(event) = serde_json::from_str::<EventReply>(&message.data) else {
        return format!("{} {}", message.kind, message.data);
    };
    let mut parts = vec![event.time, short_digest(&event.run), event.kind];
    parts.extend(event.state);
    parts.extend(event.level);
    parts.extend(event.close_time);
    parts.extend(event.bars.map(|bars| format!("{bars} bars")));
    parts.extend(event.fills.map(|fills| format!("{fills} fills")));
    parts.extend(event.equity.map(|equity| format!("equity {equity}")));
    parts.extend(event.text);
    parts.join("  ")
}
