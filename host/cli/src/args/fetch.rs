//! The command line of `data fetch`.

use std::path::PathBuf;

use clap::ValueHint;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Every answer is kept as it came, with its address and time; a bar that still forms is left out.
The same command again fetches only what is not there. binance-archive has whole months that are
over; kraken has the last 720 bars only; alpaca needs a key (--venues).

  counterfoil data fetch binance --symbol BTCUSDT --timeframe 1h --from 2024-01-01 --to 2024-02-01 --ingest
  counterfoil data fetch alpaca --symbol SPY,QQQ --timeframe 1d --from 2020-01-01 --to 2024-01-01 \\
      --venues venues.json --ingest

Exit codes: 1 if the source lacks some of the bars.")]
pub(crate) struct FetchArgs {
    /// binance, binance-archive, alpaca or kraken
    #[arg(value_parser = ["binance", "binance-archive", "alpaca", "kraken"])]
    pub(crate) source: String,
    /// Symbols as the source writes them, separated by commas
    #[arg(long, value_name = "SYMBOL", value_delimiter = ',', required = true)]
    pub(crate) symbol: Vec<String>,
    /// Length of a bar, such as 1m, 1h or 1d
    #[arg(long, value_name = "LENGTH")]
    pub(crate) timeframe: String,
    /// First open time: a date or a time like 2024-01-02T15:00:00Z
    #[arg(long, value_name = "TIME")]
    pub(crate) from: String,
    /// End of the open times, exclusive
    #[arg(long, value_name = "TIME")]
    pub(crate) to: String,
    /// Make a snapshot of what was fetched
    #[arg(long)]
    pub(crate) ingest: bool,
    /// Fetch also what is there: the source may have corrected it
    #[arg(long)]
    pub(crate) again: bool,
    /// JSON file with addresses and keys of the venues
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) venues: Option<PathBuf>,
    /// Address of the source, in place of its public one
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
}
