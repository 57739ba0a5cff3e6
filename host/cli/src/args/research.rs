//! What can be typed about research: many runs, and drawing one again.

use std::path::PathBuf;

use clap::ValueHint;

use super::run::Backtest;

#[derive(Debug, clap::Args)]
pub(crate) struct Sweep {
    #[command(flatten)]
    pub(crate) base: Backtest,
    /// A field and its values, as NAME=A,B,C or NAME=FROM..TO:STEP (TO included); a parameter by
    /// its name, another field by its place, such as costs.fee-bps; repeat for a grid
    #[arg(long, value_name = "NAME=VALUES", required_unless_present = "list")]
    pub(crate) vary: Vec<String>,
    /// A CSV file whose header names fields and whose rows are the combinations
    #[arg(long, value_hint = ValueHint::FilePath, conflicts_with = "vary")]
    pub(crate) list: Option<PathBuf>,
    /// Runs at once; the table is the same for any number [default: one a core]
    #[arg(long)]
    pub(crate) workers: Option<usize>,
    /// How many of the best to print; the files hold all
    #[arg(long, default_value_t = 20)]
    pub(crate) top: usize,
}

#[derive(Debug, clap::Args)]
pub(crate) struct WalkForward {
    #[command(flatten)]
    pub(crate) sweep: Sweep,
    /// Days in each window to choose in
    #[arg(long, value_name = "DAYS")]
    pub(crate) train: u32,
    /// Days in each window to be judged by; the windows move on by as much
    #[arg(long, value_name = "DAYS")]
    pub(crate) test: u32,
    /// Choose in all days before, not only in the last ones
    #[arg(long)]
    pub(crate) anchored: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct MonteCarlo {
    /// The run: the first digits of its id, with /N for its Nth execution
    pub(crate) run: String,
    /// How many samples are drawn [default: 10000; with --bars 100]
    #[arg(long)]
    pub(crate) samples: Option<u32>,
    /// The same seed draws the same samples
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Each trade or block of bars once, in another sequence, instead of drawing with replacement
    #[arg(long)]
    pub(crate) shuffle: bool,
    /// Draw the run's bars, not its trades, and decide every sample anew: each is a snapshot and a run
    #[arg(long)]
    pub(crate) bars: bool,
    /// Bars that stay together, on average; with --shuffle always
    #[arg(long, default_value_t = 20, requires = "bars", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) block: u32,
    /// Runs at once; the table is the same for any number [default: one a core]
    #[arg(long, requires = "bars")]
    pub(crate) workers: Option<usize>,
}
