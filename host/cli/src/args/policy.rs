//! The command line of `policy`.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Subcommand, ValueHint};
use counterfoil_base::gate::Gate;

use super::RowFilter;

/// The names of all gates.
fn gates() -> PossibleValuesParser {
    PossibleValuesParser::new(Gate::ALL.map(Gate::name))
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Write the starter policy into a new directory
    Init {
        /// The directory to create
        #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
        folder: PathBuf,
    },
    /// Show a policy's digest and files
    Show {
        /// The policy's directory [default: the policy in force]
        #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
        folder: Option<PathBuf>,
    },
    /// Run a policy's own tests
    #[command(after_help = "\
Exit codes: 1 if a test fails.")]
    Test {
        /// The policy's directory
        #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
        folder: PathBuf,
    },
    /// Evaluate the policy in force at a gate and record its verdict
    #[command(subcommand)]
    Eval(PolicyEvalCommand),
    /// Propose a policy to be set in force (administrator, approver or compliance; two signatures)
    Set {
        /// The policy's directory
        #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
        folder: PathBuf,
    },
    /// List the recorded verdicts
    Verdicts(RowFilter),
    /// Evaluate recorded verdicts again on their recorded inputs
    #[command(after_help = "\
Exit codes: 1 if a verdict differs from its record.")]
    ReEvaluate(ReEvaluateArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyEvalCommand {
    /// Evaluate whether a component may be promoted, with its evidence and approvals
    Promotion(EvalPromotionArgs),
    /// Evaluate whether a run may start now under an authorization
    Start(EvalStartArgs),
    /// Evaluate which limits an account gets
    Limits(Box<EvalLimitsArgs>),
    /// Evaluate a policy on an input document of your own; nothing is recorded
    Input(EvalInputArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit codes: 1 if the policy denies it.")]
pub(crate) struct EvalPromotionArgs {
    /// The component: a file, a digest, or the first digits of a digest
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) component: String,
    /// Manifest with the limits [default: the limits of its evidence]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) manifest: Option<PathBuf>,
    /// Print the policy's input and evaluate nothing
    #[arg(long)]
    pub(crate) print_input: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit codes: 1 if the policy denies it.")]
pub(crate) struct EvalStartArgs {
    /// Ledger record of the authorization
    pub(crate) record: u64,
    /// Print the policy's input and evaluate nothing
    #[arg(long)]
    pub(crate) print_input: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Amounts are whole units of the account's currency. A limit that is left out is requested at the
policy's cap.

Exit codes: 1 if the policy or the ledger denies it.")]
pub(crate) struct EvalLimitsArgs {
    /// The account
    pub(crate) account: String,
    /// The account's owner
    #[arg(long, value_name = "NAME")]
    pub(crate) owner: String,
    /// The account's kind
    #[arg(long, default_value = "cash", value_parser = ["cash", "margin"])]
    pub(crate) kind: String,
    /// The settlement currency
    #[arg(long, default_value = "USD")]
    pub(crate) currency: String,
    /// Orders per bar
    #[arg(long, value_name = "COUNT")]
    pub(crate) orders_per_bar: Option<u32>,
    /// Orders per UTC day
    #[arg(long, value_name = "COUNT")]
    pub(crate) orders_per_day: Option<u32>,
    /// Working orders at a time
    #[arg(long, value_name = "COUNT")]
    pub(crate) working_orders: Option<u32>,
    /// Notional of one order
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) order_notional: Option<u64>,
    /// Notional of one position
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) position_notional: Option<u64>,
    /// Gross exposure: the sum of all positions' absolute notionals
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) gross_exposure: Option<u64>,
    /// Net exposure: the absolute sum of all positions' notionals
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) net_exposure: Option<u64>,
    /// Distance of a limit or stop price from the last close, in basis points
    #[arg(long, value_name = "BPS")]
    pub(crate) price_collar_bps: Option<u32>,
    /// Loss of equity within a UTC day after which only reducing orders pass
    #[arg(long, value_name = "AMOUNT")]
    pub(crate) daily_loss: Option<u64>,
    /// Drawdown from peak equity after which only reducing orders pass, in basis points
    #[arg(long, value_name = "BPS")]
    pub(crate) drawdown_bps: Option<u32>,
    /// Print the policy's input and evaluate nothing
    #[arg(long)]
    pub(crate) print_input: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit codes: 1 if the policy denies it.")]
pub(crate) struct EvalInputArgs {
    /// The gate
    #[arg(value_parser = gates())]
    pub(crate) gate: String,
    /// The input document: a JSON file, see docs/reference/POLICY.md
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// The policy's directory [default: the policy in force]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) policy: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ReEvaluateArgs {
    /// Ledger record of the verdict
    #[arg(required_unless_present = "all")]
    pub(crate) record: Option<u64>,
    /// Every recorded verdict
    #[arg(long, conflicts_with = "record")]
    pub(crate) all: bool,
}
