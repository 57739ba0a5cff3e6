//! What can be typed.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueHint};

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
    /// Draw a run's trades again: what else they could have come to
    MonteCarlo(MonteCarlo),
    /// Run a component over closed bars from a stream, into the paper venue
    Live(Box<Live>),
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
    /// Look for what a backtest must not do
    #[command(subcommand)]
    Audit(Audit),
    /// Write the proof of one decision: the counterfoil
    Proof(Proof),
    /// Write a run's journal as a static tiled log that other tools read
    Publish(Publish),
    /// Compile a component into the cache (used by the program itself)
    #[command(hide = true)]
    CompileComponent(CompileComponent),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Demo {
    /// Where the demo keeps its data [default: demo-data in the current folder]
    #[arg(long, value_hint = ValueHint::DirPath)]
    pub(crate) folder: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct New {
    /// The strategy's name in kebab-case; also the new folder's
    pub(crate) name: String,
    /// The folder of the SDK [default: the one this program was built from]
    #[arg(long, value_hint = ValueHint::DirPath)]
    pub(crate) sdk: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Build {
    /// The strategy crate's folder
    #[arg(default_value = ".", value_hint = ValueHint::DirPath)]
    pub(crate) folder: PathBuf,
    /// Where to write the component [default: NAME.wasm in the crate's folder]
    #[arg(long, short, value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
}

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
    /// Who made the data; it is kept with the file
    #[arg(long)]
    pub(crate) vendor: Option<String>,
    /// The file's column names, delimiter, time format and time zone (JSON, see docs/DATA.md)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) mapping: Option<PathBuf>,
    /// Corporate actions: a CSV file, see docs/DATA.md
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
    /// The file's column names (JSON, see docs/DATA.md); the adjusted close is "adjusted"
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) mapping: Option<PathBuf>,
    /// Where to write the actions [default: standard output]
    #[arg(long, short, value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
}

/// What a manifest is made of, for both kinds of run.
#[derive(Debug, clap::Args)]
pub(crate) struct Terms {
    /// The component: a file, or the digest of one used before
    #[arg(long, value_hint = ValueHint::FilePath)]
    pub(crate) component: Option<String>,
    /// A parameter of the strategy, as name=value; repeat for more
    #[arg(long = "param", short = 'p', value_name = "NAME=VALUE")]
    pub(crate) params: Vec<String>,
    /// Starting cash
    #[arg(long, default_value = "1000000")]
    pub(crate) cash: String,
    /// cash (no shorts) or margin
    #[arg(long, default_value = "cash")]
    pub(crate) account: String,
    /// Gross exposure of a margin account as a multiple of its equity
    #[arg(long, default_value = "2")]
    pub(crate) leverage: String,
    /// Least equity of a margin account, in basis points of its gross exposure
    #[arg(long, default_value = "0")]
    pub(crate) maintenance_bps: String,
    /// Below it: reduce (only reducing orders pass) or liquidate (the host flattens too)
    #[arg(long, default_value = "reduce")]
    pub(crate) margin_call: String,
    /// Fee in basis points of notional
    #[arg(long, default_value = "0")]
    pub(crate) fee_bps: String,
    /// The same for resting limit orders filled at their limit [default: that of --fee-bps]
    #[arg(long)]
    pub(crate) maker_fee_bps: Option<String>,
    /// Fee for one unit of quantity
    #[arg(long, default_value = "0")]
    pub(crate) fee_per_share: String,
    /// Fee once an order, with its first fill
    #[arg(long, default_value = "0")]
    pub(crate) fee_fixed: String,
    /// The least an order pays once it has a fill
    #[arg(long, default_value = "0")]
    pub(crate) fee_min: String,
    /// The most an order pays, or off
    #[arg(long, default_value = "off")]
    pub(crate) fee_max: String,
    /// Slippage in basis points of the price
    #[arg(long, default_value = "0")]
    pub(crate) slippage_bps: String,
    /// Slippage in grid steps of the price
    #[arg(long, default_value_t = 0)]
    pub(crate) slippage_ticks: u32,
    /// Slippage in basis points for a fill as large as its bar's volume; less in proportion
    #[arg(long, default_value = "0")]
    pub(crate) slippage_volume_bps: String,
    /// Yearly fee on the value of short positions, in basis points
    #[arg(long, default_value = "0")]
    pub(crate) borrow_bps: String,
    /// Bars that pass before the venue has an order
    #[arg(long, default_value_t = 0)]
    pub(crate) latency_bars: u32,
    /// Fill limit orders only where the price goes beyond the limit
    #[arg(long)]
    pub(crate) limit_trade_through: bool,
    /// Share of a bar's volume that may fill on each side, in basis points, or off
    #[arg(long, default_value = "1000")]
    pub(crate) volume_cap: String,
    /// Risk limits: a JSON file, or the preset research (wide; not for live money)
    #[arg(long, value_hint = ValueHint::FilePath)]
    pub(crate) risk: Option<String>,
    /// Limits of the guest: a JSON file [default: the documented ones]
    #[arg(long, value_hint = ValueHint::FilePath)]
    pub(crate) limits: Option<PathBuf>,
    /// After a fault: leave or cancel working orders, or cancel-and-flatten
    #[arg(long, default_value = "cancel")]
    pub(crate) on_fault: String,
    /// Seed handed to the strategy
    #[arg(long, default_value = "0")]
    pub(crate) seed: String,
    /// The account's owner
    #[arg(long, default_value = "nobody")]
    pub(crate) owner: String,
    /// The account's name
    #[arg(long, default_value = "paper")]
    pub(crate) account_name: String,
    /// The account's currency
    #[arg(long, default_value = "USD")]
    pub(crate) currency: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Backtest {
    /// A manifest; then of the flags that go into one only --component is taken: its file
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) manifest: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) terms: Terms,
    /// The snapshot: its id or the first digits of it
    #[arg(long)]
    pub(crate) snapshot: Option<String>,
    /// Which instruments, separated by commas [default: all]
    #[arg(long, value_delimiter = ',')]
    pub(crate) instruments: Vec<String>,
    /// First day or time, inclusive
    #[arg(long)]
    pub(crate) from: Option<String>,
    /// Last day or time, exclusive
    #[arg(long)]
    pub(crate) to: Option<String>,
    /// Decisions for one signed checkpoint
    #[arg(long, default_value_t = 4096)]
    pub(crate) cadence: u32,
    /// Compiler: cranelift, cranelift-none or pulley (never changes a result)
    #[arg(long, default_value = "cranelift")]
    pub(crate) backend: String,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
A backtest that was killed goes on with --resume: its journal is verified, decided again and compared, and
then the rest of its snapshot is decided. Nothing is lost: what no checkpoint covers is kept beside the
journal. docs/OPERATE.md says more.

  counterfoil backtest --resume 3f9c")]
pub(crate) struct BacktestOrResume {
    #[command(flatten)]
    pub(crate) base: Backtest,
    /// Go on with this run, which was killed; its journal says everything else
    #[arg(
        long,
        value_name = "RUN",
        conflicts_with_all = ["manifest", "Terms", "snapshot", "instruments", "from", "to", "cadence"]
    )]
    pub(crate) resume: Option<String>,
}

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
    /// How often its trades are drawn
    #[arg(long, default_value_t = 10_000)]
    pub(crate) samples: u32,
    /// The same seed draws the same samples
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Each trade once, in another sequence, instead of drawing with replacement
    #[arg(long)]
    pub(crate) shuffle: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
A run that was killed goes on with --resume: its journal is verified, decided again and compared, and then
the next bar is taken. The feed may go on where it stopped or send bars again: those that were decided are
skipped, and where one differs it is refused and recorded. docs/OPERATE.md says more.

  counterfoil live --resume 3f9c < bars.ndjson")]
pub(crate) struct Live {
    /// A manifest; then of the flags that go into one only --component is taken: its file
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) manifest: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) terms: Terms,
    /// Instruments as in this snapshot: symbols, scales and grid steps
    #[arg(long)]
    pub(crate) like_snapshot: Option<String>,
    /// Which of its instruments, separated by commas [default: all]
    #[arg(long, value_delimiter = ',')]
    pub(crate) instruments: Vec<String>,
    /// Read bars from this address (host:port) instead of standard input
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) connect: Option<String>,
    /// Wait at this address for one sender of bars; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "connect")]
    pub(crate) listen: Option<String>,
    /// Go on with this run, which was killed; its journal says everything but where bars come from
    #[arg(
        long,
        value_name = "RUN",
        conflicts_with_all = ["manifest", "Terms", "like_snapshot", "instruments", "feed", "start_nonce"]
    )]
    pub(crate) resume: Option<String>,
    /// The feed's name
    #[arg(long, default_value = "stdin")]
    pub(crate) feed: String,
    /// Makes this start different from every other [default: random]
    #[arg(long)]
    pub(crate) start_nonce: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(
    group(clap::ArgGroup::new("target").required(true)),
    after_help = "\
A live run that is stopped decides nothing more: before its next slice it takes its orders back, or flattens
its positions, as its manifest's on-fault says, records why, and closes. Exit code 1: there was no stop to
lift. docs/OPERATE.md says more.

  counterfoil kill 3f9c --reason 'wrong parameters'
  counterfoil kill --account desk-1
  counterfoil kill --all
  counterfoil kill --all --lift"
)]
pub(crate) struct Kill {
    /// The run: the first digits of its id
    #[arg(group = "target")]
    pub(crate) run: Option<String>,
    /// Every run of this account
    #[arg(long, group = "target")]
    pub(crate) account: Option<String>,
    /// Every run of the installation
    #[arg(long, group = "target")]
    pub(crate) all: bool,
    /// Why, for the record
    #[arg(long, default_value = "")]
    pub(crate) reason: String,
    /// Take the stop back: what ended stays ended, but may start again
    #[arg(long)]
    pub(crate) lift: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    /// The run: the first digits of its id, with /N for its Nth execution
    pub(crate) run: String,
    /// List each fill
    #[arg(long, conflicts_with_all = ["decisions", "manifest"])]
    pub(crate) fills: bool,
    /// List each decision that asked for something or was a fault
    #[arg(long, conflicts_with = "manifest")]
    pub(crate) decisions: bool,
    /// Print the manifest
    #[arg(long)]
    pub(crate) manifest: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Writes report.html, report.json, trades.csv, trades.arrow, equity.csv and equity.arrow. The same run
gives the same bytes. The journal is verified first; where it does not verify, the report says so in
red and the exit code is 1. docs/REPORT.md says what each figure means.

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

#[derive(Debug, clap::Args)]
pub(crate) struct CompileComponent {
    /// Arguments that the sandbox gave
    pub(crate) rest: Vec<String>,
}
