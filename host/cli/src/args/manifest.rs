//! What can be typed about manifests that are made from runs.

use std::path::PathBuf;

use clap::ValueHint;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
What was backtested is what starts: component, parameters, instruments and account are those of the run. The
bars come from a feed, the risk limits are those in force for the account, and each decision is signed before
its order leaves. Exit code 1: the account has no limits.

  counterfoil manifest 3f9c --feed ticker -o start.json
  counterfoil authorize start start.json --until 2026-03-31 --as olga")]
pub(crate) struct FeedManifest {
    /// The run: the first digits of its id
    pub(crate) run: String,
    /// The name of the feed that the bars come from
    #[arg(long, value_name = "NAME")]
    pub(crate) feed: String,
    /// Which of its instruments, separated by commas [default: all]
    #[arg(long, value_delimiter = ',')]
    pub(crate) instruments: Vec<String>,
    /// Makes this start different from every other [default: random]
    #[arg(long)]
    pub(crate) start_nonce: Option<String>,
    /// Where to write it
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: PathBuf,
}
