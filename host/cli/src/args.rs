//! What can be typed.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueHint};

mod build;
mod data;
mod research;
mod run;
mod show;

pub(crate) use build::{Build, CompileComponent, Demo, New};
pub(crate) use data::{Data, DataAccept, DataLineage, DataReport, DeriveActions, Ingest};
pub(crate) use research::{MonteCarlo, Sweep, WalkForward};
pub(crate) use run::{Backtest, BacktestOrResume, Live, Terms};
pub(crate) use show::{Audit, Compare, Parity, Proof, Publish, Replay, Report, Show, Verify};

/// Hosts trading strategies that nobody has to trust.
#[derive(Debug, Parser)]
#[command(
    name = "counterfoil",
    version,
    max_term_width = 100,
    after_help = "\
Exit codes: 0 good, 1 the answer is no, 2 could not tell, 64 wrong usage.
Tab completion for bash: source <(COMPLETE=bash counterfoil)"
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Global {
    /// Where snapshots, components and runs are kept [default: the user's data folder]
    #[arg(long, global = true, env = "COUNTERFOIL_DATA_DIR", value_hint = ValueHint::DirPath)]
    pub(crate) data_dir: Option<PathBuf>,
    /// Where the signing key is kept, apart from the data [default: the user's configuration folder]
    #[arg(long, global = true, env = "COUNTERFOIL_KEY_DIR", value_hint = ValueHint::DirPath)]
    pub(crate) key_dir: Option<PathBuf>,
    /// Print JSON instead of tables
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show everything on real data: ingest, backtest, sign, verify, replay, prove
    Demo(Demo),
    /// Start a new strategy: a crate that builds and passes its test
    New(New),
    /// Build a strategy crate into a component
    Build(Build),
    /// Make an immutable snapshot of a file: CSV, plain or gzip, Parquet or Arrow IPC
    Ingest(Box<Ingest>),
    /// What the checks found in a snapshot, where it comes from, and corporate actions
    #[command(subcommand)]
    Data(Data),
    /// List the snapshots
    Snapshots,
    /// Run a component over a snapshot, every decision journaled and signed
    Backtest(Box<BacktestOrResume>),
    /// Run one manifest with many values of its parameters, on all cores
    Sweep(Box<Sweep>),
    /// Choose parameters in one window and judge them in the next, again and again
    WalkForward(Box<WalkForward>),
    /// Draw a run's trades or bars again: what else it could have come to
    MonteCarlo(MonteCarlo),
    /// Run a component over closed bars from a stream, into the paper venue
    Live(Box<Live>),
    /// List the runs
    Runs,
    /// Show one run, its decisions or its fills
    Show(Show),
    /// Write a run's report: a page to read, and its tables and figures as files
    Report(Report),
    /// Compare two runs: manifests, the first differing decision, profit by cause
    Compare(Compare),
    /// Check a run's journal, or a proof: integrity and completeness
    Verify(Verify),
    /// Let the component decide again and compare every decision
    Replay(Replay),
    /// Hold a live run against its own backtest and sign what was found
    Parity(Parity),
    /// Look for what a backtest must not do
    #[command(subcommand)]
    Audit(Audit),
    /// Write the proof of one decision: the counterfoil
    Proof(Proof),
    /// Write a run's journal as a static tiled log that other tools read
    Publish(Publish),
    /// Compile a component into the cache (used by the program itself)
    #[command(hide = true)]
    CompileComponent(CompileComponent),
}
