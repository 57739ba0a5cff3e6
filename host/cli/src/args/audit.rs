//! The command line of auditors: report, compare, verify, replay, prove, publish.

use std::path::PathBuf;

use clap::{Subcommand, ValueHint};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Writes report.html, report.json, trades.csv, trades.arrow, equity.csv and equity.arrow; the same
run gives the same bytes. The journal is verified first. docs/reference/REPORT.md defines each
figure.

  counterfoil report 3f9c
  counterfoil report 3f9c/2 --out my-report

Exit codes: 1 if the journal does not verify; the report states that in red.")]
pub(crate) struct ReportArgs {
    /// The run: the first digits of its id, with /N for its Nth execution
    pub(crate) run: String,
    /// The directory to write [default: reports/RUN/EXECUTION in the data directory]
    #[arg(long, short, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) out: Option<PathBuf>,
    /// Returns per year, to annualize figures [default: counted in the data]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=366))]
    pub(crate) periods_per_year: Option<u32>,
    // Given by the caller because a forged journal would bring a key of its own.
    /// The log's public key to trust [default: that of the key directory]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) key: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  counterfoil run compare 3f9c 8c1d

Exit codes: 1 if the runs differ.")]
pub(crate) struct CompareArgs {
    /// A run: the first digits of its id, with /N for its Nth execution
    pub(crate) first: String,
    /// Another run
    pub(crate) second: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Test for look-ahead: run the component again with every later bar replaced by garbage
    #[command(after_help = "\
Exit codes: 1 if a decision differs.")]
    Lookahead(ReplayArgs),
    /// Compare a live run with its own backtest and sign a statement of the result
    Parity(ParityArgs),
    /// Publish a run's journal as a static tiled log that other tools read
    Publish(PublishArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  counterfoil audit parity 3f9c --day 2026-03-02

Exit codes: 1 if a decision differs.")]
pub(crate) struct ParityArgs {
    /// A live run: the first digits of its id; it may still be running
    pub(crate) run: String,
    /// Only bars that close by the end of this day (UTC), such as 2026-03-02
    #[arg(long)]
    pub(crate) day: Option<String>,
    /// Backtest on this snapshot instead of the bars that the run received
    #[arg(long, value_name = "ID")]
    pub(crate) snapshot: Option<String>,
    /// Compiler: cranelift, cranelift-none or pulley (results are the same)
    #[arg(long, default_value = "cranelift", value_name = "NAME")]
    pub(crate) backend: String,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  counterfoil verify 3f9c                          a run's journal
  counterfoil verify decision.tlog-proof --key log-signing.pub
  counterfoil verify ledger                        the ledger of the data directory

`counterfoil-verify` does the same for an auditor, with a far smaller program.

Exit codes: 1 if it does not verify; 2 if it cannot be read.")]
pub(crate) struct VerifyArgs {
    /// A run, its folder, a journal, order log, ledger or proof, or the word `ledger`
    #[arg(value_name = "RUN|FILE|ledger", value_hint = ValueHint::FilePath)]
    pub(crate) what: String,
    /// The log's public key to trust [default: that of the key directory]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) key: Option<PathBuf>,
    /// A ledger to compare a run with, under the same key [default: that of the data directory]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) ledger: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ReplayArgs {
    /// The run: the first digits of its id, with /N for its Nth execution
    pub(crate) run: String,
    /// Compiler: cranelift, cranelift-none or pulley (results are the same)
    #[arg(long, default_value = "cranelift", value_name = "NAME")]
    pub(crate) backend: String,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  counterfoil proof 3f9c --bar IBM:250 -o decision.tlog-proof
  counterfoil verify decision.tlog-proof")]
pub(crate) struct ProofArgs {
    /// The run: the first digits of its id, with /N for its Nth execution
    pub(crate) run: String,
    // Either names one decision. With both, a proof could be of another decision than its reader
    // was promised.
    /// The journal entry to prove, as `run show --decisions` lists it
    #[arg(
        long,
        value_name = "INDEX",
        required_unless_present = "bar",
        conflicts_with = "bar"
    )]
    pub(crate) entry: Option<u64>,
    /// Prove the decision on this bar of an instrument, counted from 0
    #[arg(long, value_name = "SYMBOL:INDEX")]
    pub(crate) bar: Option<String>,
    /// The file to write [default: RUN-ENTRY.tlog-proof in the current directory]
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct PublishArgs {
    /// The run: the first digits of its id, with /N for its Nth execution
    pub(crate) run: String,
    /// The directory to write [default: RUN-log in the current directory]
    #[arg(long, short, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) output: Option<PathBuf>,
}
