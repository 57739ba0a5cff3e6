//! The command line of `serve` and `run`: the runner's process and the runs in it.

use core::net::SocketAddr;
use std::path::PathBuf;

use clap::{Subcommand, ValueHint};

use super::audit::CompareArgs;

/// Address at which the runner listens.
const LISTEN_DEFAULT: &str = "127.0.0.1:7878";
/// The same address as a client writes it.
pub(crate) const RUNNER_DEFAULT: &str = "http://127.0.0.1:7878";
/// Environment variable with the address of the runner.
pub(crate) const RUNNER_VARIABLE: &str = "COUNTERFOIL_RUNNER";

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  counterfoil serve --as robot 2> runner.log &

Runs that an earlier process left open are resumed. The acting principal is a service of the
ledger.

Exit codes: 1 if a run was still active at the end.")]
pub(crate) struct ServeArgs {
    // Loopback: requests are signed but not encrypted, and positions must not cross a network in
    // clear.
    /// Address to listen at; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", default_value = LISTEN_DEFAULT)]
    pub(crate) listen: SocketAddr,
    // A flag of its own beside --listen: a mistyped address alone must not open the runner to a
    // network.
    /// Allow connections from other machines, although nothing is encrypted
    #[arg(long)]
    pub(crate) allow_remote: bool,
    /// Close the runs' journals at the end instead of leaving them to be resumed
    #[arg(long)]
    pub(crate) close: bool,
    /// Concurrent runs per account
    #[arg(long, value_name = "COUNT", default_value_t = counterfoil_server::supervisor::RUNS_PER_ACCOUNT)]
    pub(crate) runs_per_account: usize,
    /// JSON file with the venues' addresses and key files, see docs/reference/FEEDS.md
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) venues: Option<PathBuf>,
    // The process confines itself to its ports: an address that a start names later cannot open one.
    /// Port of this machine at which runs may read bars (`run start --tcp`); may be repeated
    #[arg(long, value_name = "PORT")]
    pub(crate) feed_port: Vec<u16>,
    /// Compiler: cranelift, cranelift-none or pulley (results are the same)
    #[arg(long, default_value = "cranelift", value_name = "NAME")]
    pub(crate) backend: String,
    /// Write the log as JSON lines
    #[arg(long)]
    pub(crate) log_json: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
`list`, `show`, `compare` and `manifest` read the data directory. The others ask the runner (`counterfoil
serve`) and sign in with --as.")]
pub(crate) struct RunArgs {
    /// The runner's address
    #[arg(long, global = true, value_name = "URL", env = RUNNER_VARIABLE, hide_env_values = true, default_value = RUNNER_DEFAULT, value_hint = ValueHint::Url)]
    pub(crate) runner: String,
    #[command(subcommand)]
    pub(crate) command: RunCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RunCommand {
    /// List the runs of the data directory: backtests and live runs
    List,
    /// Show a run: summary, fills, decisions, refused inputs or manifest
    Show(RunShowArgs),
    /// Print what a run's strategy logged, with bar, time and instrument
    Log(RunLogArgs),
    /// Compare two runs: manifests, the first different decision, profit by cause
    Compare(CompareArgs),
    /// Write the manifest to start a backtested run live, under its account's limits
    Manifest(RunManifestArgs),
    #[command(flatten)]
    Runner(RunnerCommand),
}

/// What the runner's process is asked for.
#[derive(Debug, Subcommand)]
pub(crate) enum RunnerCommand {
    /// Start the run of an authorized manifest in the runner (operator)
    Start(RunStartArgs),
    /// Show the state of one run in the runner, or list all
    Status {
        /// The run: the first digits of its id [default: all]
        run: Option<String>,
    },
    /// Show a run's positions
    Positions {
        /// The run: the first digits of its id
        run: String,
    },
    /// Stop a run after the slice it is deciding and close its journal (operator)
    Stop {
        /// The run: the first digits of its id
        run: String,
    },
    /// Resume a run that was left open or halted (operator)
    Resume {
        /// The run: the first digits of its id
        run: String,
    },
    /// Print the events of one run or all, one a line, until the runner ends
    Watch(WatchArgs),
}

/// What of a run's log is printed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  counterfoil run log 3f9c
  counterfoil run log 3f9c --level warn --instrument MSFT")]
pub(crate) struct RunLogArgs {
    /// The run: the first digits of its id, with /N for its Nth execution
    pub(crate) run: String,
    /// This level and those above it
    #[arg(long, value_enum, default_value = "debug")]
    pub(crate) level: LogLevelArg,
    /// Lines of callbacks about this instrument alone
    #[arg(long, value_name = "SYMBOL")]
    pub(crate) instrument: Option<String>,
}

/// How important a log line is.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum LogLevelArg {
    Debug,
    Info,
    Warn,
    Error,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  counterfoil run show 3f9c
  counterfoil run show 3f9c --decisions")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(crate) struct RunShowArgs {
    /// The run: the first digits of its id, with /N for its Nth execution
    pub(crate) run: String,
    /// List the fills
    #[arg(long, conflicts_with_all = ["decisions", "manifest"])]
    pub(crate) fills: bool,
    /// List the decisions with requests or a fault, by journal entry
    #[arg(long, conflicts_with = "manifest")]
    pub(crate) decisions: bool,
    /// List the inputs that were refused and never reached the strategy
    #[arg(long, conflicts_with_all = ["fills", "decisions", "manifest"])]
    pub(crate) refused: bool,
    /// Print the manifest
    #[arg(long)]
    pub(crate) manifest: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Component, parameters, instruments and account are those of the backtested run. Bars come from
the feed, the risk limits are the account's limits in force, and every decision is signed before
its order is sent.

  counterfoil run manifest 3f9c --feed ticker -o start.json
  counterfoil account authorization grant start.json --until 2026-03-31 --as olga

Exit codes: 1 if the account has no limits.")]
pub(crate) struct RunManifestArgs {
    /// The run: the first digits of its id
    pub(crate) run: String,
    /// Name of the feed that sends the bars
    #[arg(long, value_name = "NAME")]
    pub(crate) feed: String,
    /// Instruments, separated by commas [default: all of the run]
    #[arg(long, value_name = "SYMBOLS", value_delimiter = ',')]
    pub(crate) instruments: Vec<String>,
    /// Text that makes this start's run id unique [default: random]
    #[arg(long, value_name = "TEXT")]
    pub(crate) start_nonce: Option<String>,
    /// The file to write
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: PathBuf,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  counterfoil run start start.json --authorization 17 --replay 8c1d --speed 8640000 --as olga
  counterfoil run start start.json --authorization 17 --market --as olga

Exit codes: 1 if the runner refuses the start; the output names the rule.")]
pub(crate) struct RunStartArgs {
    /// The manifest
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) manifest: PathBuf,
    // Named by the caller, although the runner could search for it: an operator states under which
    // authorization the run starts, and the record shows it.
    /// Ledger record that authorizes the start
    #[arg(long, value_name = "RECORD")]
    pub(crate) authorization: u64,
    /// Replay the bars of this snapshot as if they arrived now
    #[arg(long, value_name = "SNAPSHOT", conflicts_with_all = ["push", "tcp", "market"])]
    pub(crate) replay: Option<String>,
    /// How many times faster than real time to replay [default: as fast as the run decides]
    #[arg(long, value_name = "FACTOR", requires = "replay", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) speed: Option<u32>,
    /// Bars are pushed to the API
    #[arg(long, conflicts_with_all = ["tcp", "market"])]
    pub(crate) push: bool,
    /// Bars come from the venue that the manifest's feed names
    #[arg(long, conflicts_with = "tcp")]
    pub(crate) market: bool,
    // Exactly one source. A run whose bars could come from either would have no proof of where they
    // came from.
    /// Bars come as lines from this address, which must be on the runner's machine
    #[arg(long, value_name = "HOST:PORT", required_unless_present_any = ["replay", "push", "market"])]
    pub(crate) tcp: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct WatchArgs {
    /// The run: the first digits of its id [default: all]
    pub(crate) run: Option<String>,
    /// Only events after the one with this id
    #[arg(long, value_name = "ID")]
    pub(crate) after: Option<String>,
}
