//! What can be typed about runs: what a manifest is made of, and what is run by it.

use std::path::PathBuf;

use clap::ValueHint;

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
journal. docs/start/OPERATE.md says more.

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
#[command(after_help = "\
A run that was killed goes on with --resume: its journal is verified, decided again and compared, and then
the next bar is taken. The feed may go on where it stopped or send bars again: those that were decided are
skipped, and where one differs it is refused and recorded. docs/start/OPERATE.md says more.

  counterfoil live --resume 3f9c < bars.ndjson
  counterfoil live --component my.wasm --like-snapshot 8c1d --risk research --feed binance")]
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
    #[command(flatten)]
    pub(crate) broker: Broker,
    /// The feed's name; binance, binance-trades, alpaca and alpaca-trades take bars from the venue
    #[arg(long, value_name = "NAME", default_value = "stdin")]
    pub(crate) feed: String,
    /// Makes this start different from every other [default: random]
    #[arg(long)]
    pub(crate) start_nonce: Option<String>,
}

/// The broker that takes a live run's orders, and how it is reached.
#[derive(Debug, clap::Args)]
pub(crate) struct Broker {
    /// Send orders to this broker's paper environment: alpaca [default: the paper venue of this program]
    #[arg(
        long = "broker",
        id = "broker",
        value_name = "NAME",
        conflicts_with_all = ["manifest", "resume"]
    )]
    pub(crate) name: Option<String>,
    /// How far the broker's cash may differ from the run's before the run halts
    #[arg(long, value_name = "AMOUNT", default_value = "0")]
    pub(crate) cash_tolerance: String,
    /// How venues are reached: addresses and the file with a key; docs/reference/FEEDS.md has its form
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) venues: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
#[command(
    group(clap::ArgGroup::new("target").required(true)),
    after_help = "\
A live run that is stopped decides nothing more: before its next slice it takes its orders back, or flattens
its positions, as its manifest's on-fault says, records why, and closes. It is stopped whoever you are; with
--as it is a record of the ledger too. Where there is a ledger, --lift takes --as and a role in it. Exit code 1:
there was no stop to lift, or it is not yours to lift. docs/start/OPERATE.md says more.

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
