//! What can be typed about what was run: showing, checking, proving it.

use std::path::PathBuf;

use clap::{Subcommand, ValueHint};

#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(crate) struct Show {
    /// The run: the first digits of its id, with /N for its Nth execution
    pub(crate) run: String,
    /// List each fill
    #[arg(long, conflicts_with_all = ["decisions", "manifest"])]
    pub(crate) fills: bool,
    /// List each decision that asked for something or was a fault
    #[arg(long, conflicts_with = "manifest")]
    pub(crate) decisions: bool,
    /// List each input that was refused and no strategy saw: what the feed said beside bars too
    #[arg(long, conflicts_with_all = ["fills", "decisions", "manifest"])]
    pub(crate) refused: bool,
    /// Print the manifest
    #[arg(long)]
    pub(crate) manifest: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Writes report.html, report.json, trades.csv, trades.arrow, equity.csv and equity.arrow. The same run
gives the same bytes. The journal is verified first; where it does not verify, the report says so in
red and the exit code is 1. docs/reference/REPORT.md says what each figure means.

  counterfoil report 3f9c
  counterfoil report 3f9c/2 --out my-report")]
pub(crate) struct Report {
    /// The run: the first digits of its id, with /N for its Nth execution
    pub(crate) run: String,
    /// The folder to write [default: reports/RUN/EXECUTION in the data folder]
    #[arg(long, short, value_hint = ValueHint::DirPath)]
    pub(crate) out: Option<PathBuf>,
    /// Returns that make a year, for annual figures [default: 252, or 365 where weekends have bars]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=366))]
    pub(crate) periods_per_year: Option<u32>,
    /// The public key to trust [default: the one in the key folder]
    #[arg(long, value_hint = ValueHint::FilePath)]
    pub(crate) key: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Compare {
    /// A run: the first digits of its id, with /N for its Nth execution
    pub(crate) first: String,
    /// Another
    pub(crate) second: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Parity {
    /// A live run: the first digits of its id; it may be running
    pub(crate) run: String,
    /// Only bars that close by the end of this day (UTC), such as 2026-03-02
    #[arg(long)]
    pub(crate) day: Option<String>,
    /// Decide again on this snapshot instead of the bars that the run was sent
    #[arg(long, value_name = "ID")]
    pub(crate) snapshot: Option<String>,
    /// The engine's back end
    #[arg(long, default_value = "cranelift", value_name = "NAME")]
    pub(crate) backend: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Verify {
    /// A run, a journal's file or folder, or a .tlog-proof file
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) what: String,
    /// The public key to trust [default: the one in the key folder]
    #[arg(long, value_hint = ValueHint::FilePath)]
    pub(crate) key: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Replay {
    /// The run: the first digits of its id, with /N for its Nth execution
    pub(crate) run: String,
    /// Compiler: cranelift, cranelift-none or pulley (never changes a result)
    #[arg(long, default_value = "cranelift")]
    pub(crate) backend: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Let the component decide again while every bar beyond the one at hand is garbage
    Lookahead(Replay),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Proof {
    /// The run: the first digits of its id, with /N for its Nth execution
    pub(crate) run: String,
    /// The journal entry to prove, as `show --decisions` lists it
    #[arg(long, required_unless_present = "bar", conflicts_with = "bar")]
    pub(crate) entry: Option<u64>,
    /// The bar to prove the decision of, as SYMBOL:INDEX (from 0)
    #[arg(long, value_name = "SYMBOL:INDEX")]
    pub(crate) bar: Option<String>,
    /// Where to write it [default: RUN-ENTRY.tlog-proof in the current folder]
    #[arg(long, short, value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Publish {
    /// The run: the first digits of its id, with /N for its Nth execution
    pub(crate) run: String,
    /// The folder to write to [default: RUN-log in the current folder]
    #[arg(long, short, value_hint = ValueHint::DirPath)]
    pub(crate) output: Option<PathBuf>,
}
