//! `serve`: the runner's process.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use counterfoil_runner::clock::now;
use counterfoil_runner::permit::Records;
use counterfoil_runner::store::keys::PeopleKeys;
use counterfoil_runner::supervisor::inlet::EndCommand;
use counterfoil_runner::supervisor::status::RunStatus;
use counterfoil_runner::supervisor::{Signers, Supervisor, SupervisorConfig};
use counterfoil_server::book::{Book, Service};
use counterfoil_server::serve::{LogForm, Reach, Server, log, signal};
use serde_json::json;

use super::live::venues_of;
use crate::args::Serve;
use crate::output::{Answer, note, say, say_json, short};
use crate::people::desk::{actor, hand};
use crate::people::view::View;
use crate::places::Places;

/// Open files of one run, with room for its share of connections.
const FILES_PER_RUN: u64 = 8;
/// Open files of the process: a run has a few, and each connection one. Whoever floods the API must not
/// keep a run from reading its lease.
const FILES_MAX: u64 = 65_536;

pub(crate) fn run(places: &Places, args: &Serve) -> Result<Answer> {
    let files = rlimit::increase_nofile_limit(FILES_MAX)?;
    if files < FILES_MAX {
        note(&format!(
            "this process may open {files} files: enough for {} runs; raise it with `ulimit -n`",
            files / FILES_PER_RUN
        ));
    }
    log(if args.log_json {
        LogForm::Json
    } else {
        LogForm::Text
    });
    let principal = actor(places).context("the runner acts as a service of the ledger")?;
    let view = View::open(places)?;
    let people = PeopleKeys::open(&places.keys, places.data.root())?;
    let service = Service {
        hand: hand(&people, view.state(), &principal, now())?,
        principal,
    };
    let signer = places.keys.signer()?;
    let signers: Signers = Arc::new(move || Box::new(signer.clone()));
    let book = Arc::new(Book::new(
        view.path,
        view.name,
        Arc::clone(&signers),
        service,
    ));
    let records: Arc<dyn Records> = Arc::clone(&book) as Arc<dyn Records>;
    let supervisor = Supervisor::new(SupervisorConfig {
        data: places.data.clone(),
        engine: places.engine(&args.backend)?,
        signers,
        runs_per_account: args.runs_per_account,
        records,
        venues: Arc::new(venues_of(args.venues.as_deref())?),
    });
    let reach = if args.allow_remote {
        Reach::Everybody
    } else {
        Reach::Loopback
    };
    let server = Server::bind(args.listen, reach, supervisor, book)?;
    note(&format!(
        "the runner answers at http://{}",
        server.address()
    ));
    for taken in server.take_over()? {
        let run = short(&taken.left.run);
        match taken.refused {
            None => note(&format!("run {run} goes on")),
            Some(problem) => note(&format!("run {run} does not go on: {problem}")),
        }
    }
    let order = if args.close {
        EndCommand::Stop
    } else {
        EndCommand::Suspend
    };
    let standing = server.run(signal(order), signal(order))?;
    tell(places, &standing);
    let is_left = |one: &RunStatus| one.state.is_active();
    Ok(if standing.iter().any(is_left) {
        Answer::No
    } else {
        Answer::Yes
    })
}

/// Says how each run stands now that the process ends.
fn tell(places: &Places, standing: &[RunStatus]) {
    if places.json {
        let runs = standing
            .iter()
            .map(|one| json!({ "run": one.run, "state": one.state.name(), "reason": one.reason }));
        say_json(&json!({ "runs": runs.collect::<Vec<_>>() }));
        return;
    }
    for one in standing {
        let way = if one.state.is_resumable() {
            "its journal is open, to be gone on with"
        } else if one.state.is_active() {
            "it had not come to its end; its journal is open"
        } else {
            "its journal is closed"
        };
        say(&format!(
            "run {} {}: {way}",
            short(&one.run),
            one.state.name()
        ));
    }
}
