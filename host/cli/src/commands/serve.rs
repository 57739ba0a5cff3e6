//! `serve`: the runner's process, which runs authorized manifests behind an HTTP API.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use counterfoil_approval::ledger_client::LedgerActor;
use counterfoil_approval::ledger_seen::LedgerSeen;
use counterfoil_approval::permit::Records;
use counterfoil_os::confine::ConfinedBy;
use counterfoil_os::lock::FileLock;
use counterfoil_runner::clock::now;
use counterfoil_runner::store::keys::PeopleKeys;
use counterfoil_server::serve::{ListenReach, ListeningSocket, LogForm, Server, log, signal};
use counterfoil_server::service_ledger::ServiceLedger;
use counterfoil_server::supervisor::inlet::EndCommand;
use counterfoil_server::supervisor::status::RunStatus;
use counterfoil_server::supervisor::{Signers, Supervisor, SupervisorConfig};
use serde_json::json;

use super::live::venues_of;
use crate::args::ServeArgs;
use crate::cli_context::CliContext;
use crate::confinement;
use crate::output::{CommandAnswer, note, print_json, print_line, short_digest};
use crate::people::ledger_access;

/// The file in the data directory that a `serve` process keeps locked.
const LOCK_FILE: &str = "serve.lock";
/// The file in the data directory with the part of the ledger that `serve` has seen.
const LEDGER_SEEN_FILE: &str = "serve.ledger-seen.json";
/// Open files per run, with room for its share of connections.
const FILES_PER_RUN: u64 = 8;
/// Open files of the process. A run has a few and each connection one: a flood of connections must not
/// keep a run from reading its lease.
const FILES_MAX: u64 = 65_536;

pub(crate) fn run(cli: &CliContext, args: &ServeArgs) -> Result<CommandAnswer> {
    let _only_one = only_process(cli)?;
    raise_file_limit()?;
    log(if args.log_json {
        LogForm::Json
    } else {
        LogForm::Text
    });
    let principal = ledger_access::actor(cli)
        .context("the runner acts as a service of the ledger; give --as SERVICE")?;
    let view = ledger_access::view(cli)?;
    let people = PeopleKeys::open(&cli.keys, cli.data.root())?;
    // Opened before the port is bound: a runner that cannot sign its records must not accept a
    // start.
    let service = LedgerActor::with_best_key(&people, view.state(), principal, now())?;
    let signer = cli.keys.signer()?;
    let signers: Signers = Arc::new(move || Box::new(signer.clone()));
    // Acts go on without it, so it is said once and here.
    if let Some(Err(error)) = view.seen.as_ref().map(LedgerSeen::can_keep) {
        note(&format!(
            "an older copy of all data will not be noticed: {error}"
        ));
    }
    let mut seen = vec![LedgerSeen::new(cli.data.root().join(LEDGER_SEEN_FILE))];
    seen.extend(view.seen);
    let ledger = ServiceLedger::new(view.path, view.name, Arc::clone(&signers), service);
    let ledger = ledger.with_seen(seen);
    let ledger = Arc::new(ledger.with_trusted_clock(cli.trusts_clock));
    let records: Arc<dyn Records> = Arc::clone(&ledger) as Arc<dyn Records>;
    let engine = cli.engine(&args.backend)?;
    let venues = venues_of(args.venues.as_deref())?;
    // Requests are signed but not encrypted, so other machines are refused unless the operator says
    // so.
    let reach = if args.allow_remote {
        ListenReach::AnyHost
    } else {
        ListenReach::Loopback
    };
    // Bound before runs are resumed: if another runner has the port, this process must end without
    // having touched a run.
    let listening = ListeningSocket::open(args.listen, reach)?;
    // Everything that was named is open or read by now, and there is no second thread yet: what follows reads feeds,
    // strategies and requests of others.
    let by = confinement::to_serving(cli, &venues, &args.feed_port)?;
    if by != ConfinedBy::FilesAndCalls {
        note(by.text());
    }
    let supervisor = Supervisor::new(SupervisorConfig {
        data: cli.data.clone(),
        engine,
        signers,
        runs_per_account: args.runs_per_account,
        records,
        venues: Arc::new(venues),
    });
    let server = Server::new(listening, supervisor, ledger)?;
    note(&format!(
        "the runner listens at http://{}",
        server.address()
    ));
    resume_runs(&server)?;
    // A service manager's signal suspends by default: journals stay open and the next process
    // resumes them. Closing them would end every run at each restart.
    let order = if args.close {
        EndCommand::Stop
    } else {
        EndCommand::Suspend
    };
    let standing = server.run(signal(order), signal(order))?;
    print_states(cli, &standing);
    let is_left = |status: &RunStatus| status.state.is_active();
    Ok(if standing.iter().any(is_left) {
        CommandAnswer::No
    } else {
        CommandAnswer::Yes
    })
}

/// Raised before the first connection: at the limit, accepting fails, and so does opening a lease or a journal.
fn raise_file_limit() -> Result<()> {
    let files = rlimit::increase_nofile_limit(FILES_MAX)?;
    if files < FILES_MAX {
        note(&format!(
            "this process may open {files} files, enough for {} runs; raise the limit with `ulimit -n`",
            files / FILES_PER_RUN
        ));
    }
    Ok(())
}

fn resume_runs(server: &Server) -> Result<()> {
    for taken in server.take_over()? {
        let run = short_digest(&taken.left.run.hex());
        match taken.refused {
            None => note(&format!("run {run} resumed")),
            Some(problem) => note(&format!("run {run} not resumed: {problem}")),
        }
    }
    Ok(())
}

/// The lock that is held until the process ends: a second one on the same data would resume the runs that this one
/// drives.
fn only_process(cli: &CliContext) -> Result<FileLock> {
    let root = cli.data.root();
    FileLock::try_take(&root.join(LOCK_FILE))?.with_context(|| {
        format!(
            "another serve process has the data directory {}; stop it first, or give another --data-dir",
            root.display()
        )
    })
}

/// Prints the state of each run at the end of the process.
fn print_states(cli: &CliContext, standing: &[RunStatus]) {
    if cli.json {
        let runs = standing
            .iter()
            .map(|status| json!({ "run": status.run.hex(), "state": status.state.name(), "reason": status.reason }));
        print_json(&json!({ "runs": runs.collect::<Vec<_>>() }));
        return;
    }
    for status in standing {
        let journal = if status.state.is_resumable() {
            "journal left open; resume with `counterfoil run resume`"
        } else if status.state.is_active() {
            "still active; journal left open"
        } else {
            "journal closed"
        };
        print_line(&format!(
            "run {} {}: {journal}",
            short_digest(&status.run.hex()),
            status.state.name()
        ));
    }
}
