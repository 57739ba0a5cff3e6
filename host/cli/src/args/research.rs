//! The command line of research: many backtests, and resampling one.

use std::path::PathBuf;

use clap::ValueHint;

use super::run::BacktestArgs;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each combination is a run of its own, journaled and signed; a run that exists already is reused.
The table is printed best profit first and written as CSV, Arrow and JSON.

  counterfoil sweep --component my.wasm --snapshot 8c1d --risk research --vary fast=5..20:5
  counterfoil sweep manifest.json --vary costs.fee-bps=0,2,5

Exit codes: 1 if a run ended early by a fault or a stop, 2 if one failed; the table holds the others.")]
pub(crate) struct SweepArgs {
    #[command(flatten)]
    pub(crate) base: BacktestArgs,
    /// Values of a field: NAME=A,B,C or NAME=FROM..TO:STEP (TO included). NAME is a parameter, or the
    /// place of a manifest field such as costs.fee-bps. Repeat for a grid
    #[arg(long, value_name = "NAME=VALUES", required_unless_present = "list")]
    pub(crate) vary: Vec<String>,
    /// CSV file of combinations: the header names the fields, each row is one combination
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "vary")]
    pub(crate) list: Option<PathBuf>,
    /// Concurrent runs; the table is the same for any number [default: one per core]
    #[arg(long, value_name = "COUNT")]
    pub(crate) workers: Option<usize>,
    /// How many of the best to print; the files hold all
    #[arg(long, default_value_t = 20, value_name = "COUNT")]
    pub(crate) top: usize,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  counterfoil walk-forward --component my.wasm --snapshot 8c1d --risk research \\
    --vary fast=5..20:5 --train 730 --test 365

Exit codes: 1 if a run ended early by a fault or a stop, 2 if one failed.")]
pub(crate) struct WalkForwardArgs {
    #[command(flatten)]
    pub(crate) sweep: SweepArgs,
    /// Days of each in-sample window
    #[arg(long, value_name = "DAYS")]
    pub(crate) train: u32,
    /// Days of each out-of-sample window; also how far the windows move
    #[arg(long, value_name = "DAYS")]
    pub(crate) test: u32,
    /// Start every in-sample window at the first day
    #[arg(long)]
    pub(crate) anchored: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  counterfoil monte-carlo 3f9c --samples 10000 --seed 3
  counterfoil monte-carlo 3f9c --bars --block 20

Exit codes: with --bars 1 if a run ended early by a fault or a stop, 2 if one failed.")]
pub(crate) struct MonteCarloArgs {
    /// The run: the first digits of its id, with /N for its Nth execution
    pub(crate) run: String,
    /// How many samples [default: 10000; with --bars 100]
    #[arg(long, value_name = "COUNT")]
    pub(crate) samples: Option<u32>,
    /// Seed of the draws; the same seed gives the same samples
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Permute the trades or blocks instead of drawing with replacement
    #[arg(long)]
    pub(crate) shuffle: bool,
    /// Resample the bars, not the trades, and run the component on every sample
    #[arg(long)]
    pub(crate) bars: bool,
    /// Average length of a block of bars; with --shuffle the exact length
    #[arg(long, default_value_t = 20, value_name = "BARS", requires = "bars", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) block: u32,
    /// Concurrent runs; the table is the same for any number [default: one per core]
    #[arg(long, value_name = "COUNT", requires = "bars")]
    pub(crate) workers: Option<usize>,
}
