//! What can be typed.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueHint};

mod build;
mod component;
mod data;
mod manifest;
mod operate;
mod people;
mod policy;
mod research;
mod run;
mod serve;
mod show;

pub(crate) use build::{Build, CompileComponent, Demo, New};
pub(crate) use component::{
    AttestTests, Component, ComponentApprove, ComponentArchive, ComponentPromote, ComponentSubmit,
    ComponentValidate, OneComponent,
};
pub(crate) use data::{Data, DataAccept, DataLineage, DataReport, DeriveActions, Ingest};
pub(crate) use manifest::FeedManifest;
pub(crate) use operate::{Authorize, AuthorizeStart, Budget, BudgetSet, Limits, Payer};
pub(crate) use people::{
    AccessReview, BreakGlass, Change, Delegate, Drift, Exception, ExceptionEnd, ExceptionGrant,
    ExceptionList, Key, KeyAdd, KeyNew, KeyRevoke, KeyRotate, Ledger, LedgerIndex, LedgerInit,
    LedgerProof, LedgerSearch, LedgerShow, LedgerTail, LedgerVerify, OnePrincipal, Principal,
    PrincipalAdd, PrincipalClass, PrincipalRoles, RowFilter, WhoApproved,
};
pub(crate) use policy::{
    EvalInput, EvalLimits, EvalPromotion, EvalStart, Policy, PolicyEval, PolicyReEvaluate,
};
pub(crate) use research::{MonteCarlo, Sweep, WalkForward};
pub(crate) use run::{Backtest, BacktestOrResume, Kill, Live, Terms};
pub(crate) use serve::{KillRuns, RunCommand, RunStart, Runner, Serve, Watch};
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
    /// Who acts: the principal whose key signs
    #[arg(
        long = "as",
        global = true,
        env = "COUNTERFOIL_AS",
        value_name = "NAME"
    )]
    pub(crate) actor: Option<String>,
    /// Do alone what takes two, under the break-glass of this record
    #[arg(long, global = true, value_name = "RECORD")]
    pub(crate) emergency: Option<u64>,
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
    /// Write the manifest of a run over a feed, under its account's limits: what `authorize` takes
    Manifest(FeedManifest),
    /// Be the runner's process: runs that were authorized, behind a local API (a service)
    Serve(Serve),
    /// Start, stop, kill and watch the runs of the runner's process
    Run(Runner),
    /// Stop a live run, every run of an account, or all; or lift such a stop
    Kill(Kill),
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
    /// Components on their way: draft, validated, approved, archived
    #[command(subcommand)]
    Component(Component),
    /// People and services, and their roles
    #[command(subcommand)]
    Principal(Principal),
    /// Keys that people sign with
    #[command(subcommand)]
    Key(Key),
    /// The record of what people did and were denied
    #[command(subcommand)]
    Ledger(Ledger),
    /// Rules that are not kept for a while, and what is done instead
    #[command(subcommand)]
    Exception(Exception),
    /// Acts that take more than one signature: sign, withdraw, list
    #[command(subcommand)]
    Change(Change),
    /// Let somebody speak for you in an approval class, for a while
    #[command(subcommand)]
    Delegate(Delegate),
    /// Do alone what takes two, for a short while, loudly
    #[command(subcommand)]
    BreakGlass(BreakGlass),
    /// What the gates allow, as code: test, try, set in force, ask, ask again
    #[command(subcommand)]
    Policy(Policy),
    /// Let runs start for a while: authorize, withdraw, list
    #[command(subcommand)]
    Authorize(Authorize),
    /// The risk limits of accounts, as the policy gives them
    #[command(subcommand)]
    Limits(Limits),
    /// What owners and teams may use, and what they used
    #[command(subcommand)]
    Budget(Budget),
    /// Who approved a run or a component, with which key, when
    WhoApproved(WhoApproved),
    /// Who holds which role and key, since when; duties in conflict; keys about to expire
    AccessReview(AccessReview),
    /// What differs between what the ledger declares and what is there
    Drift(Drift),
    /// Compile a component into the cache (used by the program itself)
    #[command(hide = true)]
    CompileComponent(CompileComponent),
    /// Evaluate a policy (used by the program itself)
    #[command(hide = true)]
    EvaluatePolicy,
}
