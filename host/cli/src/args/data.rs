//! The command line of `data`: ingestion, findings, lineage, corporate actions.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Subcommand, ValueHint};
use counterfoil_snapshot::source::formats::FORMATS;
use counterfoil_trading::time::Timeframe;

use super::FetchArgs;

#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Ingest a file of bars or trades into an immutable snapshot
    Ingest(Box<IngestArgs>),
    /// Fetch bars from Binance, Alpaca or Kraken; a fetch that was cut off goes on where it was
    Fetch(Box<FetchArgs>),
    /// List the formats that ingestion knows by name, or print the mapping of one
    Formats(DataFormatsArgs),
    /// List the snapshots
    List,
    /// List a snapshot's data quality findings
    Report(DataReportArgs),
    /// Accept findings with a name and a reason; makes a new snapshot
    Accept(DataAcceptArgs),
    /// Show the files and settings a snapshot was made from
    Lineage(DataLineageArgs),
    /// Derive splits and dividends from a file with adjusted closes
    DeriveActions(DeriveActionsArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
The file is kept byte for byte; its bars are checked, and rows with errors are quarantined.
Times are UTC unless a format, a mapping or --zone says otherwise. docs/start/DATA.md describes
columns, checks and the mapping; `counterfoil data formats` lists the formats.

  counterfoil data ingest bars.csv.gz
  counterfoil data ingest BTCUSDT-1m-2024-03.zip --format binance-klines --symbol BTCUSDT
  counterfoil data ingest ibm.csv --symbol IBM --timeframe 1d --vendor stooq")]
pub(crate) struct IngestArgs {
    /// A CSV file, plain, gzip, Zstandard or in a ZIP archive, a Parquet file, or an Arrow IPC file or stream
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Symbol of every row, for a file without a symbol column
    #[arg(long)]
    pub(crate) symbol: Option<String>,
    // Text here and not a parsed type: the snapshot's own parser names the accepted values, and a
    // second list would go stale.
    /// Length of a bar, such as 1m, 1h, 1d or 1M (one month) [default: the commonest gap]
    #[arg(long, value_name = "LENGTH", allow_hyphen_values = true)]
    pub(crate) timeframe: Option<Timeframe>,
    /// Whether the time column is the bar's open or close [default: the format's, or open]
    #[arg(long, value_name = "open|close")]
    pub(crate) time: Option<String>,
    /// Unit of numeric times: s, ms, us or ns [default: by their size]
    #[arg(long, value_name = "UNIT")]
    pub(crate) epoch_unit: Option<String>,
    /// Decimals of a price [default: the most that the file writes]
    #[arg(long, value_name = "DECIMALS")]
    pub(crate) price_scale: Option<u8>,
    /// Class of the instruments, for lot and tick: equity, crypto, fx, future or option; of one instrument with
    /// SYMBOL=; repeatable
    #[arg(long, value_name = "CLASS|SYMBOL=CLASS")]
    pub(crate) asset_class: Vec<String>,
    /// Symbols whose prices may be zero or below, separated by commas; repeatable
    #[arg(long, value_name = "SYMBOLS", value_delimiter = ',')]
    pub(crate) negative_prices: Vec<String>,
    /// Tick size, such as 0.01 [default: that of the asset class, and never coarser than prices are written]
    #[arg(long, value_name = "PRICE")]
    pub(crate) tick: Option<String>,
    /// Round prices to --price-scale or --tick, half to even, where that changes them by at most this much, such
    /// as 0.000001
    #[arg(long, value_name = "AMOUNT", allow_hyphen_values = true)]
    pub(crate) round_prices: Option<String>,
    /// Round volumes to --volume-scale where that changes them by at most this much
    #[arg(long, value_name = "AMOUNT", allow_hyphen_values = true)]
    pub(crate) round_volumes: Option<String>,
    /// Bytes that the file may unpack to [default: 200 times its size, at least 1 GiB and at most 80 GB]
    #[arg(long, value_name = "BYTES")]
    pub(crate) unpacked_max: Option<u64>,
    /// Sign between the fields of a CSV file, such as ";" or tab [default: ,]
    #[arg(long, value_name = "SIGN")]
    pub(crate) delimiter: Option<String>,
    /// Decimal sign, . or , [default: .]
    #[arg(long, value_name = "SIGN")]
    pub(crate) decimal: Option<String>,
    /// Sign that groups digits in thousands, such as . or , or a space [default: none]
    #[arg(long, value_name = "SIGN")]
    pub(crate) thousands: Option<String>,
    /// Encoding of a CSV file: utf-8, utf-16le, utf-16be, latin-1 or windows-1252 [default: UTF-8, or UTF-16 by
    /// its byte order mark]
    #[arg(long, value_name = "NAME")]
    pub(crate) encoding: Option<String>,
    /// Which of several rows of one time, or trades of one id, is used if they differ: first, last, more-volume or
    /// refuse [default: the format's, or refuse]
    #[arg(long, value_name = "RULE")]
    pub(crate) repeats: Option<String>,
    /// Decimals of a volume [default: the most in the file]
    #[arg(long, value_name = "DECIMALS")]
    pub(crate) volume_scale: Option<u8>,
    /// Decimals of a quantity [default: those of the lot]
    #[arg(long, value_name = "DECIMALS")]
    pub(crate) quantity_scale: Option<u8>,
    /// Lot size, such as 0.001 [default: that of the asset class, or the decimals of the volumes]
    #[arg(long, value_name = "QUANTITY")]
    pub(crate) lot: Option<String>,
    /// Vendor of the data, kept with the file
    #[arg(long, value_name = "NAME")]
    pub(crate) vendor: Option<String>,
    /// Vendor's or library's format, see `data formats`
    #[arg(long, value_name = "NAME", conflicts_with = "mapping", hide_possible_values = true,
        value_parser = PossibleValuesParser::new(FORMATS.iter().map(|format| format.name)))]
    pub(crate) format: Option<String>,
    /// JSON file with columns by name or place, delimiter, time format and time zone
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) mapping: Option<PathBuf>,
    /// Zone of times that state none: a name such as Europe/Berlin, an offset such as -05:00, or both
    /// [default: UTC]
    #[arg(long, value_name = "ZONE", allow_hyphen_values = true)]
    pub(crate) zone: Option<String>,
    /// Lines of a CSV file before its header or first row
    #[arg(long, value_name = "LINES")]
    pub(crate) skip: Option<u64>,
    /// Lines of a CSV file behind its last row, such as a total; they are listed and kept apart
    #[arg(long, value_name = "LINES")]
    pub(crate) skip_footer: Option<u64>,
    /// What prices are adjusted for, if the file has columns of splits and dividends: none (they become corporate
    /// actions), splits or all
    #[arg(long, value_name = "none|splits|all")]
    pub(crate) adjusted: Option<String>,
    /// File in a ZIP archive [default: all of its tables]
    #[arg(long, value_name = "NAME")]
    pub(crate) member: Option<String>,
    /// The file has no volume; each bar's volume is 0
    #[arg(long, conflicts_with = "trades")]
    pub(crate) no_volume: bool,
    /// CSV file of corporate actions
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) actions: Option<PathBuf>,
    // Text and not a path: a symbol may stand before it.
    /// When bars are expected: a calendar (JSON file), or 24x7; with SYMBOL= before it, of that instrument
    /// alone; repeatable [default for daily bars: every date on which any instrument has a bar]
    #[arg(long, value_name = "[SYMBOL=]FILE|24x7", value_hint = ValueHint::FilePath)]
    pub(crate) calendar: Vec<String>,
    /// What to do with rows that have errors: quarantine the rows, or refuse the file
    #[arg(long, default_value = "quarantine", value_parser = ["quarantine", "refuse"])]
    pub(crate) policy: String,
    /// Accept findings listed in this file, written by `data accept --json`; repeatable
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) accept: Vec<PathBuf>,
    // Trades have no gap to infer a length from, so it is never guessed.
    /// Rows are trades (time, price, size) to build bars from; needs --timeframe
    #[arg(long, requires = "timeframe")]
    pub(crate) trades: bool,
    /// Add this file to a snapshot's files; where both have a bar, this file's bar is used
    #[arg(long, value_name = "SNAPSHOT")]
    pub(crate) revises: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example, to change a mapping:
  counterfoil data formats mt5 > mapping.json
  counterfoil data ingest EURUSD_M1.csv --symbol EURUSD --mapping mapping.json")]
pub(crate) struct DataFormatsArgs {
    /// The format whose mapping to print
    #[arg(hide_possible_values = true,
        value_parser = PossibleValuesParser::new(FORMATS.iter().map(|format| format.name)))]
    pub(crate) name: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit codes: 1 if there are errors that are not accepted.")]
pub(crate) struct DataReportArgs {
    /// The snapshot's id or its first digits
    pub(crate) snapshot: String,
    /// Only findings of this rule
    #[arg(long)]
    pub(crate) rule: Option<String>,
    /// At most this many findings
    #[arg(long, default_value_t = 100, value_name = "COUNT")]
    pub(crate) most: usize,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  counterfoil data accept 3f9c --rule jump --instrument IBM --by ada --reason checked")]
pub(crate) struct DataAcceptArgs {
    /// The snapshot's id or its first digits
    pub(crate) snapshot: String,
    /// The rule, as `data report` names it
    #[arg(long)]
    pub(crate) rule: String,
    /// Only findings of this instrument
    #[arg(long, value_name = "SYMBOL")]
    pub(crate) instrument: Option<String>,
    /// Only findings of this date
    #[arg(long, value_name = "DAY")]
    pub(crate) date: Option<String>,
    /// Only findings of this source file, as `data report` names it
    #[arg(long, value_name = "NAME")]
    pub(crate) file: Option<String>,
    // A snapshot is made of several files, and each has a line with this number.
    /// Only the finding of this line of --file
    #[arg(long, requires = "file")]
    pub(crate) line: Option<u64>,
    // Required, as the reason is: a finding that is accepted without a name could be blamed on no
    // one later.
    /// Name of the person who accepts
    #[arg(long, value_name = "NAME")]
    pub(crate) by: String,
    /// The reason, kept with the snapshot
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DataLineageArgs {
    /// The snapshot's id or its first digits
    pub(crate) snapshot: String,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  counterfoil data derive-actions ibm.csv --symbol IBM -o actions.csv
  counterfoil data ingest ibm.csv --symbol IBM --actions actions.csv")]
pub(crate) struct DeriveActionsArgs {
    /// A file with closes as traded and adjusted closes
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Symbol of every row, for a file without a symbol column
    #[arg(long)]
    pub(crate) symbol: Option<String>,
    /// JSON file with column names; the adjusted close is "adjusted"
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) mapping: Option<PathBuf>,
    /// The CSV file to write [default: standard output]
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
}
