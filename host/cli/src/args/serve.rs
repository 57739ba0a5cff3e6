//! What can be typed about the runner's process and the runs in it.

use core::net::SocketAddr;
use std::path::PathBuf;

use clap::{Subcommand, ValueHint};

/// Where the runner listens unless it is told otherwise.
const LISTEN: &str = "127.0.0.1:7878";
/// The same as a client writes it.
const RUNNER: &str = "http://127.0.0.1:7878";

#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// Where to listen; port 0 takes one that is free
    #[arg(long, default_value = LISTEN)]
    pub(crate) listen: SocketAddr,
    /// Listen where other machines can reach it, although nothing is encrypted
    #[arg(long)]
    pub(crate) allow_remote: bool,
    /// At the end, close the journals instead of leaving the runs to be gone on with
    #[arg(long)]
    pub(crate) close: bool,
    /// Runs of one account at once
    #[arg(long, default_value_t = counterfoil_runner::supervisor::RUNS_PER_ACCOUNT)]
    pub(crate) runs_per_account: usize,
    /// How venues are reached: addresses and the file with a key; docs/reference/FEEDS.md has its form
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) venues: Option<PathBuf>,
    /// Compiler: cranelift, cranelift-none or pulley (never changes a result)
    #[arg(long, default_value = "cranelift")]
    pub(crate) backend: String,
    /// Write the process's own log as JSON lines
    #[arg(long)]
    pub(crate) log_json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Runner {
    /// The runner to ask
    #[arg(long, global = true, env = "COUNTERFOIL_RUNNER", default_value = RUNNER, value_hint = ValueHint::Url)]
    pub(crate) runner: String,
    #[command(subcommand)]
    pub(crate) command: RunCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RunCommand {
    /// Start the run of a manifest that was authorized (operator)
    Start(RunStart),
    /// List the runs of the runner
    List,
    /// How a run stands
    Status(OneRun),
    /// What a run holds
    Positions(OneRun),
    /// Tell a run to decide what is whole and close its journal (operator)
    Stop(OneRun),
    /// Kill a run, or every run of an account or of the installation (operator)
    Kill(KillRuns),
    /// Go on with a run that was left or halted (operator)
    Resume(OneRun),
    /// Watch one run, or all, until the runner ends
    Watch(Watch),
}

#[derive(Debug, clap::Args)]
pub(crate) struct RunStart {
    /// The manifest
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) manifest: PathBuf,
    /// The ledger's record that authorizes the start
    #[arg(long, value_name = "RECORD")]
    pub(crate) authorization: u64,
    /// The bars of this snapshot, as if they came now
    #[arg(long, value_name = "SNAPSHOT", conflicts_with_all = ["push", "tcp", "market"])]
    pub(crate) replay: Option<String>,
    /// How many times faster than they were [default: as fast as the run takes them]
    #[arg(long, requires = "replay", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) speed: Option<u32>,
    /// Bars come over the API
    #[arg(long, conflicts_with_all = ["tcp", "market"])]
    pub(crate) push: bool,
    /// Bars come from the venue that the manifest's feed is named after
    #[arg(long, conflicts_with = "tcp")]
    pub(crate) market: bool,
    /// Bars come as lines from this address of this machine
    #[arg(long, value_name = "ADDRESS", required_unless_present_any = ["replay", "push", "market"])]
    pub(crate) tcp: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct OneRun {
    /// The run: the first digits of its id
    pub(crate) run: String,
}

#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("killed").required(true)))]
pub(crate) struct KillRuns {
    /// The run: the first digits of its id
    #[arg(group = "killed")]
    pub(crate) run: Option<String>,
    /// Every run of this account; none starts until `counterfoil kill --lift`
    #[arg(long, group = "killed")]
    pub(crate) account: Option<String>,
    /// Every run of the installation; none starts until `counterfoil kill --lift`
    #[arg(long, group = "killed")]
    pub(crate) all: bool,
    /// Why, for the record
    #[arg(long, default_value = "")]
    pub(crate) reason: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Watch {
    /// The run: the first digits of its id [default: all]
    pub(crate) run: Option<String>,
    /// Only what comes after the event with this id
    #[arg(long, value_name = "ID")]
    pub(crate) after: Option<String>,
}
