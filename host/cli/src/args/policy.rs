//! What can be typed about policies.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Subcommand, ValueHint};
use counterfoil_base::gate::Gate;

use super::Filter;

/// The names of all gates.
fn gates() -> PossibleValuesParser {
    PossibleValuesParser::new(Gate::ALL.map(Gate::name))
}

#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Write the starter policy into a new folder
    Init {
        /// The folder
        #[arg(value_hint = ValueHint::DirPath)]
        folder: PathBuf,
    },
    /// Show a policy's digest and files: a folder's, or that of the policy in force
    Show {
        /// The folder [default: the policy in force]
        #[arg(value_hint = ValueHint::DirPath)]
        folder: Option<PathBuf>,
    },
    /// Run a policy's own tests
    Test(PolicyFolder),
    /// Ask the policy in force at a gate, and record its verdict
    #[command(subcommand)]
    Eval(PolicyEval),
    /// Put a policy in force (administrator, approver or compliance; signed by two)
    Set(PolicyFolder),
    /// List the recorded verdicts
    Verdicts(Filter),
    /// Ask again what was asked for recorded verdicts; exit code 1 if an answer differs
    ReEvaluate(PolicyReEvaluate),
}

#[derive(Debug, clap::Args)]
pub(crate) struct PolicyFolder {
    /// The folder
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) folder: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyEval {
    /// May this component be promoted, with its evidence and approvals?
    Promotion(EvalPromotion),
    /// May runs start under this authorization now?
    Start(EvalStart),
    /// Which limits does this account get?
    Limits(Box<EvalLimits>),
    /// Try a policy on a document of your own; nothing is recorded
    Input(EvalInput),
}

#[derive(Debug, clap::Args)]
pub(crate) struct EvalPromotion {
    /// The component: its digest or the first digits of it, or its file
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) component: String,
    /// The manifest with the limits [default: those that its evidence was found under]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) manifest: Option<PathBuf>,
    /// Only print what the policy would be told
    #[arg(long)]
    pub(crate) print_input: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct EvalStart {
    /// The record that authorizes the start
    pub(crate) record: u64,
    /// Only print what the policy would be told
    #[arg(long)]
    pub(crate) print_input: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct EvalLimits {
    /// The account
    pub(crate) account: String,
    /// Who owns it
    #[arg(long)]
    pub(crate) owner: String,
    /// Its kind
    #[arg(long, default_value = "cash", value_parser = ["cash", "margin"])]
    pub(crate) kind: String,
    /// The settlement currency
    #[arg(long, default_value = "USD")]
    pub(crate) currency: String,
    /// Orders let through on one bar [default for this and the others: the cap]
    #[arg(long)]
    pub(crate) orders_per_bar: Option<u32>,
    /// Orders let through on one UTC day
    #[arg(long)]
    pub(crate) orders_per_day: Option<u32>,
    /// Orders working at once
    #[arg(long)]
    pub(crate) working_orders: Option<u32>,
    /// Value of one order, in whole units
    #[arg(long)]
    pub(crate) order_notional: Option<u64>,
    /// Value of one position, in whole units
    #[arg(long)]
    pub(crate) position_notional: Option<u64>,
    /// Sum of the absolute values of all positions, in whole units
    #[arg(long)]
    pub(crate) gross_exposure: Option<u64>,
    /// Absolute value of the sum of all positions, in whole units
    #[arg(long)]
    pub(crate) net_exposure: Option<u64>,
    /// Distance of a limit or stop price from the last close, in basis points
    #[arg(long)]
    pub(crate) price_collar_bps: Option<u32>,
    /// Fall of equity within a UTC day after which only reducing orders pass, in whole units
    #[arg(long)]
    pub(crate) daily_loss: Option<u64>,
    /// Fall of equity from its peak after which only reducing orders pass, in basis points
    #[arg(long)]
    pub(crate) drawdown_bps: Option<u32>,
    /// Only print what the policy would be told
    #[arg(long)]
    pub(crate) print_input: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct EvalInput {
    /// The gate
    #[arg(value_parser = gates())]
    pub(crate) gate: String,
    /// The document (JSON, see docs/reference/POLICY.md)
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// The policy's folder [default: the policy in force]
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub(crate) policy: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct PolicyReEvaluate {
    /// The record of the verdict
    #[arg(required_unless_present = "all")]
    pub(crate) record: Option<u64>,
    /// Every recorded verdict
    #[arg(long, conflicts_with = "record")]
    pub(crate) all: bool,
}
