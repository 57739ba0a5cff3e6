//! The command line of `backtest`, `live` and `kill`, and the flags that a manifest is made of.

use std::path::PathBuf;

use clap::ValueHint;

/// Flags that a manifest is made of, the same for both kinds of run. A flag that is left out
/// (`None`) takes the value of `--terms` or the default.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct ManifestFlags {
    // Optional here, because a manifest that is given as a file names its component itself.
    /// The component: a file, or the digest of one used before
    #[arg(long, value_hint = ValueHint::FilePath)]
    pub(crate) component: Option<String>,
    /// A parameter of the strategy; repeatable
    #[arg(long = "param", short = 'p', value_name = "NAME=VALUE")]
    pub(crate) params: Vec<String>,
    // No default: a run under limits that its author never chose would pass for a reviewed one.
    /// Risk limits: a JSON file, or the preset `research` (wide; not for live money)
    #[arg(long, value_name = "FILE|research", value_hint = ValueHint::FilePath)]
    pub(crate) risk: Option<String>,
    /// Starting cash [default: 1000000]
    #[arg(long, allow_negative_numbers = true, value_name = "AMOUNT", help_heading = TERMS)]
    pub(crate) cash: Option<String>,
    /// Kind of account: cash (no shorts) or margin [default: cash]
    #[arg(long, value_name = "KIND", help_heading = TERMS)]
    pub(crate) account: Option<String>,
    /// Fee, in basis points of notional [default: 0]
    #[arg(long, allow_negative_numbers = true, value_name = "BPS", help_heading = TERMS)]
    pub(crate) fee_bps: Option<String>,
    /// Fee for one unit of quantity [default: 0]
    #[arg(long, allow_negative_numbers = true, value_name = "AMOUNT", help_heading = TERMS)]
    pub(crate) fee_per_share: Option<String>,
    /// Slippage, in basis points of the price [default: 0]
    #[arg(long, allow_negative_numbers = true, value_name = "BPS", help_heading = TERMS)]
    pub(crate) slippage_bps: Option<String>,
    /// Set any term by its name, such as costs.fee-bps=10, or a parameter; repeatable
    #[arg(long, value_name = "NAME=VALUE", help_heading = TERMS)]
    pub(crate) set: Vec<String>,
    /// JSON file of terms: `account`, `costs`, `matching`, `limits` as in a manifest; flags override it
    #[arg(long, value_name = "FILE", help_heading = TERMS, value_hint = ValueHint::FilePath)]
    pub(crate) terms: Option<PathBuf>,
    // Flags of 0.1 for what --set names. They work, hidden.
    #[arg(long, allow_negative_numbers = true, hide = true)]
    pub(crate) leverage: Option<String>,
    #[arg(long, allow_negative_numbers = true, hide = true)]
    pub(crate) maintenance_bps: Option<String>,
    #[arg(long, hide = true)]
    pub(crate) margin_call: Option<String>,
    #[arg(long, allow_negative_numbers = true, hide = true)]
    pub(crate) maker_fee_bps: Option<String>,
    #[arg(long, allow_negative_numbers = true, hide = true)]
    pub(crate) fee_fixed: Option<String>,
    #[arg(long, allow_negative_numbers = true, hide = true)]
    pub(crate) fee_min: Option<String>,
    #[arg(long, allow_negative_numbers = true, hide = true)]
    pub(crate) fee_max: Option<String>,
    #[arg(long, hide = true)]
    pub(crate) slippage_ticks: Option<u32>,
    #[arg(long, allow_negative_numbers = true, hide = true)]
    pub(crate) slippage_volume_bps: Option<String>,
    #[arg(long, allow_negative_numbers = true, hide = true)]
    pub(crate) borrow_bps: Option<String>,
    #[arg(long, hide = true)]
    pub(crate) latency_bars: Option<u32>,
    #[arg(long, hide = true)]
    pub(crate) limit_trade_through: bool,
    #[arg(long, allow_negative_numbers = true, hide = true)]
    pub(crate) volume_cap: Option<String>,
    #[arg(long, hide = true)]
    pub(crate) owner: Option<String>,
    #[arg(long, hide = true)]
    pub(crate) account_name: Option<String>,
    #[arg(long, hide = true)]
    pub(crate) currency: Option<String>,
    /// JSON file of sandbox limits; those it leaves out keep their documented defaults
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) limits: Option<PathBuf>,
    /// Working orders after a fault: leave, cancel or cancel-and-flatten [default: cancel]
    #[arg(long, value_name = "ACTION")]
    pub(crate) on_fault: Option<String>,
    /// Seed of the strategy's random numbers [default: 0]
    #[arg(long)]
    pub(crate) seed: Option<String>,
}

/// Heading of the flags for terms.
const TERMS: &str = "Account and costs";

/// The names that `--set` and `--terms` take, for the end of a help text.
const TERM_NAMES: &str = "\
Names for --set:
  account   .kind .cash .currency .name .owner .leverage .maintenance-bps .margin-call
  costs     .fee-bps .maker-fee-bps .fee-per-share .fee-fixed .fee-min .fee-max .slippage-bps
            .slippage-ticks .slippage-volume-bps .volume-cap-bps .borrow-bps
  matching  .latency-bars .limit-trade-through
  limits    .fuel-init .fuel-per-callback .fuel-per-bar .memory-bytes .table-elements .instances
            .requests-per-bar .answer-bytes .reason-bytes .log-bytes-per-callback .deadline-ms
docs/reference/MANIFEST.md describes each.";

#[derive(Debug, clap::Args)]
pub(crate) struct BacktestArgs {
    /// Run this manifest; of the flags that go into one only --component is taken, as its file
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) manifest: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) terms: ManifestFlags,
    /// The snapshot's id or its first digits
    #[arg(long, value_name = "ID")]
    pub(crate) snapshot: Option<String>,
    /// Instruments, separated by commas [default: all of the snapshot]
    #[arg(long, value_name = "SYMBOLS", value_delimiter = ',')]
    pub(crate) instruments: Vec<String>,
    /// First day or time (UTC), inclusive
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// Last day or time (UTC), exclusive
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,
    // Large, because a backtest sends no orders: only a crash makes the unsigned decisions of the
    // last bars be made again.
    /// Decisions per signed checkpoint
    #[arg(long, default_value_t = 4096, value_name = "COUNT")]
    pub(crate) cadence: u32,
    /// Compiler: cranelift, cranelift-none or pulley (results are the same)
    #[arg(long, default_value = "cranelift", value_name = "NAME")]
    pub(crate) backend: String,
}

#[derive(Debug, clap::Args)]
#[command(after_help = format!("\
Examples:
  counterfoil backtest --component my.wasm --snapshot 8c1d --risk research -p fast=10 --fee-bps 2
  counterfoil backtest manifest.json
  counterfoil backtest --resume 3f9c      after a crash: verify, replay, then run the rest

{TERM_NAMES}

Exit codes: 1 if the run ended with a fault or was stopped."))]
pub(crate) struct BacktestOrResumeArgs {
    #[command(flatten)]
    pub(crate) base: BacktestArgs,
    /// Resume this run after its process was killed; everything else is in its journal
    #[arg(
        long,
        value_name = "RUN",
        conflicts_with_all = ["manifest", "ManifestFlags", "snapshot", "instruments", "from", "to", "cadence"]
    )]
    pub(crate) resume: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = format!("\
Examples:
  counterfoil live --component my.wasm --like-snapshot 8c1d --risk research < bars.ndjson
  counterfoil live --component my.wasm --like-snapshot 8c1d --risk research --feed binance
  counterfoil live --resume 3f9c < bars.ndjson

A resumed run is verified and replayed first. Bars that it decided before are skipped when the
feed sends them again; a bar that differs is refused and recorded. docs/start/OPERATE.md and
docs/reference/FEEDS.md say more.

{TERM_NAMES}

Exit codes: 1 if the run ended with a fault or was stopped."))]
pub(crate) struct LiveArgs {
    /// Run this manifest; of the flags that go into one only --component is taken, as its file
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) manifest: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) terms: ManifestFlags,
    /// Take the instruments of this snapshot: symbols, scales, tick and lot sizes
    #[arg(long, value_name = "ID")]
    pub(crate) like_snapshot: Option<String>,
    /// Instruments, separated by commas [default: all of the snapshot]
    #[arg(long, value_name = "SYMBOLS", value_delimiter = ',')]
    pub(crate) instruments: Vec<String>,
    /// Read bars from this address instead of standard input
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) connect: Option<String>,
    /// Listen for one sender of bars; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "connect")]
    pub(crate) listen: Option<String>,
    // A flag of its own: a mistyped address alone must not let a network choose the bars.
    /// Allow a sender on another machine, although nothing is encrypted
    #[arg(long, requires = "listen")]
    pub(crate) allow_remote: bool,
    /// Resume this run after its process was killed; all but the bars' source is in its journal
    #[arg(
        long,
        value_name = "RUN",
        conflicts_with_all = ["manifest", "ManifestFlags", "like_snapshot", "instruments", "feed", "start_nonce"]
    )]
    pub(crate) resume: Option<String>,
    #[command(flatten)]
    pub(crate) broker: BrokerFlags,
    /// The feed's name; binance, binance-trades, alpaca and alpaca-trades connect to the venue
    #[arg(long, value_name = "NAME", default_value = "stdin")]
    pub(crate) feed: String,
    // Random by default: two starts of one manifest would have one run id, and the second would be
    // refused as a repetition.
    /// Text that makes this start's run id unique [default: random]
    #[arg(long, value_name = "TEXT")]
    pub(crate) start_nonce: Option<String>,
}

/// The broker that takes a live run's orders, and how it is reached.
#[derive(Debug, clap::Args)]
pub(crate) struct BrokerFlags {
    /// Send orders to this broker's paper environment: alpaca [default: the built-in paper venue]
    #[arg(
        long = "broker",
        id = "broker",
        value_name = "NAME",
        conflicts_with_all = ["manifest", "resume"]
    )]
    pub(crate) name: Option<String>,
    // Zero by default: the account differs from the run's books by fees or by an error, and only an
    // operator can say by which.
    /// Halt the run if the broker's cash differs from the run's by more than this
    #[arg(long, value_name = "AMOUNT", default_value = "0")]
    pub(crate) cash_tolerance: String,
    /// JSON file with the venues' addresses and key files, see docs/reference/FEEDS.md
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) venues: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
#[command(
    group(clap::ArgGroup::new("target").required(true)),
    after_help = "\
A stopped run makes no further decision: before its next slice it cancels its orders, or also
flattens its positions (the manifest's on-fault), records the reason and closes. Stopping needs
no role and no ledger, only the data directory; with --as it is recorded in the ledger. Lifting
needs a role if there is a ledger. With --runner the runner's API does it, which needs --as and
a role (operator).

  counterfoil kill 3f9c --reason 'wrong parameters'
  counterfoil kill --account desk-1
  counterfoil kill --all
  counterfoil kill --all --lift

Exit codes: 1 if there was nothing to lift, or the ledger or the runner refuses."
)]
pub(crate) struct KillArgs {
    /// The run: the first digits of its id
    #[arg(group = "target")]
    pub(crate) run: Option<String>,
    /// Every run of this account
    #[arg(long, group = "target")]
    pub(crate) account: Option<String>,
    // A flag and not the default: a kill without a target must never stop more than its caller
    // meant.
    /// Every run of the data directory
    #[arg(long, group = "target")]
    pub(crate) all: bool,
    /// The reason, for the record
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) reason: String,
    /// Lift the stop: ended runs stay ended, but new ones may start
    #[arg(long)]
    pub(crate) lift: bool,
    /// Go through a runner's API [default URL: `COUNTERFOIL_RUNNER`, or the local runner]
    #[arg(
        long,
        value_name = "URL",
        num_args = 0..=1,
        require_equals = true,
        conflicts_with = "lift",
        value_hint = ValueHint::Url
    )]
    #[expect(
        clippy::option_option,
        reason = "not given, given without an address, given with one"
    )]
    pub(crate) runner: Option<Option<String>>,
}
