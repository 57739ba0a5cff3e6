//! The command line: every command, argument and flag, with its help. It must never act.

use std::path::PathBuf;

use clap::{ColorChoice, Parser, Subcommand, ValueHint};

mod account;
mod audit;
mod build;
mod change;
mod component;
mod data;
mod fetch;
mod groups;
mod ledger;
mod old_spellings;
mod people;
mod policy;
#[cfg(test)]
mod reference;
mod research;
mod run;
mod serve;
#[cfg(test)]
mod tests;

pub(crate) use account::{
    AccountCommand, AuthorizationCommand, AuthorizationGrantArgs, BudgetCommand, BudgetPayer,
    BudgetSetArgs, LimitsCommand,
};
pub(crate) use audit::{
    AuditCommand, CompareArgs, ParityArgs, ProofArgs, PublishArgs, ReplayArgs, ReportArgs,
    VerifyArgs,
};
pub(crate) use build::{BuildArgs, CompileComponentArgs, DecodeFileArgs, DemoArgs, NewArgs};
pub(crate) use change::{
    BreakGlassCommand, ChangeCommand, ExceptionCommand, ExceptionEndArgs, ExceptionGrantArgs,
    ExceptionListArgs,
};
pub(crate) use component::{
    AttestTestsArgs, ComponentApproveArgs, ComponentArchiveArgs, ComponentArg, ComponentCommand,
    ComponentPromoteArgs, ComponentSubmitArgs, ComponentValidateArgs,
};
pub(crate) use data::{
    DataAcceptArgs, DataCommand, DataFormatsArgs, DataLineageArgs, DataReportArgs,
    DeriveActionsArgs, IngestArgs,
};
pub(crate) use fetch::FetchArgs;
pub(crate) use groups::command;
pub(crate) use ledger::{
    DriftArgs, LedgerCommand, LedgerIndexArgs, LedgerInitArgs, LedgerProofArgs, LedgerSearchArgs,
    LedgerShowArgs, LedgerTailArgs, WhoApprovedArgs,
};
pub(crate) use old_spellings::modernize;
pub(crate) use people::{
    AccessReviewArgs, ClassCommand, ClassSetArgs, DelegationCommand, KeyAddArgs, KeyCommand,
    KeyNewArgs, KeyRevokeArgs, KeyRotateArgs, PeopleCommand, PrincipalAddArgs, PrincipalArg,
    PrincipalRolesArgs, RowFilter,
};
pub(crate) use policy::{
    EvalInputArgs, EvalLimitsArgs, EvalPromotionArgs, EvalStartArgs, PolicyCommand,
    PolicyEvalCommand, ReEvaluateArgs,
};
pub(crate) use research::{MonteCarloArgs, SweepArgs, WalkForwardArgs};
pub(crate) use run::{BacktestArgs, BacktestOrResumeArgs, KillArgs, LiveArgs, ManifestFlags};
pub(crate) use serve::{
    LogLevelArg, RUNNER_DEFAULT, RUNNER_VARIABLE, RunArgs, RunCommand, RunLogArgs, RunManifestArgs,
    RunShowArgs, RunStartArgs, RunnerCommand, ServeArgs, WatchArgs,
};

/// Runs sandboxed trading strategies and signs every decision, so that anyone can verify a run.
#[derive(Debug, Parser)]
#[command(
    name = "counterfoil",
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    after_help = "\
Exit codes: 0 success, 1 a negative answer (not intact, different, denied), 2 error, 64 usage.
`counterfoil COMMAND --help` describes a command. Tab completion: counterfoil completions --help"
)]
pub(crate) struct CliArgs {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags that every command takes.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Global options")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct GlobalArgs {
    /// Directory of data, runs and ledger [default: the user's data directory]
    #[arg(long, global = true, value_name = "DIR", env = "COUNTERFOIL_DATA_DIR", hide_env_values = true, value_hint = ValueHint::DirPath)]
    pub(crate) data_dir: Option<PathBuf>,
    /// Directory of private keys [default: below the user's configuration]
    #[arg(long, global = true, value_name = "DIR", env = "COUNTERFOIL_KEY_DIR", hide_env_values = true, value_hint = ValueHint::DirPath)]
    pub(crate) key_dir: Option<PathBuf>,
    /// Directory of compiled code [default: the user's cache directory]
    #[arg(long, global = true, value_name = "DIR", env = "COUNTERFOIL_CACHE_DIR", hide_env_values = true, value_hint = ValueHint::DirPath)]
    pub(crate) cache_dir: Option<PathBuf>,
    // Named and never guessed from the keys present: with two of them the wrong person would sign.
    /// Act as this principal and sign with its key
    #[arg(
        long = "as",
        global = true,
        env = "COUNTERFOIL_AS",
        hide_env_values = true,
        value_name = "NAME"
    )]
    pub(crate) actor: Option<String>,
    // The record and not a plain flag: an act without its second signature is bound to the
    // emergency that allows it.
    /// Act alone, under the break-glass of this ledger record
    #[arg(long, global = true, value_name = "RECORD")]
    pub(crate) emergency: Option<u64>,
    /// Record acts although this clock is not synchronised and is long after the ledger's last record
    #[arg(long, global = true, hide_short_help = true)]
    pub(crate) trust_clock: bool,
    /// Print JSON instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Colour: auto, always or never; auto respects `NO_COLOR` and `CLICOLOR`
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_default_value = true,
        hide_possible_values = true
    )]
    pub(crate) color: ColorChoice,
    /// Print results and errors only: no progress, notes or strategy log
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Also print the directories, keys and back end in use, and the time taken
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Try everything on real data: ingest, backtest, verify, replay, approve, operate
    Demo(DemoArgs),
    /// Create a strategy crate that builds and passes its test
    New(NewArgs),
    /// Build a strategy crate into a component
    Build(BuildArgs),
    /// Ingest market data into snapshots; check, list and trace them
    #[command(subcommand)]
    Data(DataCommand),
    /// Run a component over a snapshot; every decision is journaled and signed
    Backtest(Box<BacktestOrResumeArgs>),
    /// Backtest every combination of parameter values, on all cores
    Sweep(Box<SweepArgs>),
    /// Choose parameters in-sample and test them out-of-sample, window by window
    WalkForward(Box<WalkForwardArgs>),
    /// Resample a run's trades or bars to see the spread of its result
    MonteCarlo(MonteCarloArgs),
    /// Write a run's report: an HTML page with tables and figures beside it
    Report(ReportArgs),
    /// List, show and compare runs; start, watch and stop the runs of a `serve` process
    Run(RunArgs),
    /// Run a component live on a stream of closed bars, at the paper venue by default
    Live(Box<LiveArgs>),
    /// Serve authorized runs behind a local HTTP API, as a long-running process
    Serve(ServeArgs),
    /// Stop a live run, all runs of an account or all runs, and keep them from starting
    Kill(KillArgs),
    /// Verify a run's journal, a proof or the ledger: hashes, signatures, completeness
    Verify(VerifyArgs),
    /// Run the component again on the recorded inputs and compare every decision
    #[command(after_help = "\
Example:
  counterfoil replay 3f9c --backend pulley

Exit codes: 1 if a decision differs.")]
    Replay(ReplayArgs),
    /// Write the proof of one decision as a file that anyone can verify
    Proof(ProofArgs),
    /// Test runs for look-ahead and live/backtest parity; publish journals
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Take a component from draft to approved: submit, validate, review, approve, promote
    #[command(subcommand)]
    Component(ComponentCommand),
    /// Manage principals, their keys, roles, approval classes and delegations
    #[command(subcommand)]
    People(PeopleCommand),
    /// Sign proposed changes; grant policy exceptions; break glass
    #[command(subcommand)]
    Change(ChangeCommand),
    /// Manage accounts: risk limits, budgets, authorizations to start runs
    #[command(subcommand)]
    Account(AccountCommand),
    /// Write, test, set and evaluate the policy that gates starts, promotions and limits
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Create, read, search and prove the signed audit trail of people's acts
    #[command(subcommand)]
    Ledger(LedgerCommand),
    /// Check what this machine, its folders and its ledger have and lack; exit 1 if something is bad
    Doctor,
    /// Print a shell's completion script
    #[command(after_help = "\
Examples:
  source <(counterfoil completions bash)
  counterfoil completions fish > ~/.config/fish/completions/counterfoil.fish")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the program's version and the versions of its formats
    Version,
    // In another process: a compiler that a hostile component crashes or exhausts must not take the
    // run with it.
    /// Compile a component into the cache (started by the program itself)
    #[command(hide = true)]
    CompileComponent(CompileComponentArgs),
    // In another process with limits: a small file can make its decoder allocate without end.
    /// Decode a data file (started by the program itself)
    #[command(hide = true)]
    DecodeFile(DecodeFileArgs),
    // In another process with limits: a policy that never ends must not block its caller.
    /// Evaluate a policy (started by the program itself)
    #[command(hide = true)]
    EvaluatePolicy,
}
