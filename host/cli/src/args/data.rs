//! What can be typed about market data: ingestion, findings, lineage, corporate actions.

use std::path::PathBuf;

use clap::{Subcommand, ValueHint};

#[derive(Debug, clap::Args)]
pub(crate) struct Ingest {
    /// A CSV file with a header, plain or gzip, a Parquet file or an Arrow IPC file
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// The symbol of every row, for a file without a symbol column
    #[arg(long)]
    pub(crate) symbol: Option<String>,
    /// The length of a bar, such as 1m, 1h, 1d or 1M (case matters) [default: the smallest gap]
    #[arg(long)]
    pub(crate) timeframe: Option<String>,
    /// What the time column means: open or close
    #[arg(long, default_value = "open")]
    pub(crate) time: String,
    /// Unit of times that are numbers: s, ms, us or ns [default: by their size]
    #[arg(long)]
    pub(crate) epoch_unit: Option<String>,
    /// Decimals of a price [default: the most in the file]
    #[arg(long)]
    pub(crate) price_scale: Option<u8>,
    /// The price grid step [default: one at the price scale]
    #[arg(long)]
    pub(crate) tick: Option<String>,
    /// Decimals of a volume [default: the most in the file]
    #[arg(long)]
    pub(crate) volume_scale: Option<u8>,
    /// Decimals of a quantity [default: those of the lot]
    #[arg(long)]
    pub(crate) quantity_scale: Option<u8>,
    /// The quantity grid step, such as 0.001 [default: one at the quantity scale]
    #[arg(long)]
    pub(crate) lot: Option<String>,
    /// Who made the data; it is kept with the file
    #[arg(long)]
    pub(crate) vendor: Option<String>,
    /// The file's column names, delimiter, time format and time zone (JSON, see docs/start/DATA.md)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) mapping: Option<PathBuf>,
    /// Corporate actions: a CSV file, see docs/start/DATA.md
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) actions: Option<PathBuf>,
    /// When bars are expected: a calendar (JSON), or 24x7 [default for daily bars: the dates on
    /// which any instrument has one]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) calendar: Option<PathBuf>,
    /// What happens to rows and bars with errors: quarantine, or refuse the file
    #[arg(long, default_value = "quarantine", value_parser = ["quarantine", "refuse"])]
    pub(crate) policy: String,
    /// Accept findings: what `counterfoil data accept --json` printed; repeat for more
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) accept: Vec<PathBuf>,
    /// The rows are trades (time, price, size); needs --timeframe
    #[arg(long, requires = "timeframe")]
    pub(crate) trades: bool,
    /// Add this file to the files of a snapshot; where both have a bar, this file's counts
    #[arg(long, value_name = "SNAPSHOT")]
    pub(crate) revises: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Data {
    /// List what the checks found in a snapshot; exit code 1 if errors are open
    Report(DataReport),
    /// Accept findings, with name and reason: makes a new snapshot
    Accept(DataAccept),
    /// Show which files and settings a snapshot was made from
    Lineage(DataLineage),
    /// Find the splits and dividends that a file's adjusted closes show
    DeriveActions(DeriveActions),
}

#[derive(Debug, clap::Args)]
pub(crate) struct DataReport {
    /// The snapshot: its id or the first digits of it
    pub(crate) snapshot: String,
    /// Findings of this rule alone
    #[arg(long)]
    pub(crate) rule: Option<String>,
    /// At most so many findings
    #[arg(long, default_value_t = 100)]
    pub(crate) most: usize,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DataAccept {
    /// The snapshot: its id or the first digits of it
    pub(crate) snapshot: String,
    /// The rule, as the report names it
    #[arg(long)]
    pub(crate) rule: String,
    /// Findings of this instrument alone
    #[arg(long)]
    pub(crate) instrument: Option<String>,
    /// Findings of this date alone
    #[arg(long)]
    pub(crate) date: Option<String>,
    /// Findings of this source alone, as the report names it
    #[arg(long)]
    pub(crate) file: Option<String>,
    /// The finding of this line alone
    #[arg(long, requires = "file")]
    pub(crate) line: Option<u64>,
    /// Who accepts
    #[arg(long)]
    pub(crate) by: String,
    /// Why
    #[arg(long)]
    pub(crate) reason: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DataLineage {
    /// The snapshot: its id or the first digits of it
    pub(crate) snapshot: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DeriveActions {
    /// A file with closes as traded and adjusted
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// The symbol of every row, for a file without a symbol column
    #[arg(long)]
    pub(crate) symbol: Option<String>,
    /// The file's column names (JSON, see docs/start/DATA.md); the adjusted close is "adjusted"
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) mapping: Option<PathBuf>,
    /// Where to write the actions [default: standard output]
    #[arg(long, short, value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
}
