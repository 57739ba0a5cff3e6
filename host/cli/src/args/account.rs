//! The command line of `account`: limits, budgets and authorizations.

use std::path::PathBuf;

use clap::{Subcommand, ValueHint};

use super::{EvalLimitsArgs, RowFilter};

#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// Set, show and list the risk limits of accounts
    #[command(subcommand)]
    Limits(LimitsCommand),
    /// Set and report what owners and teams may use per day
    #[command(subcommand)]
    Budget(BudgetCommand),
    /// Authorize runs to start within a time window
    #[command(subcommand)]
    Authorization(AuthorizationCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuthorizationCommand {
    /// Authorize the run of a manifest to start within a window, if the policy allows it (operator)
    Grant(AuthorizationGrantArgs),
    /// Withdraw an authorization
    Withdraw {
        /// Ledger record of the authorization
        record: u64,
        /// The reason, for the record
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// List current and future authorizations
    List {
        /// Include expired and withdrawn ones
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        filter: RowFilter,
    },
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  counterfoil account authorization grant start.json --until 2026-03-31 --as olga

Exit codes: 1 if the ledger or the policy denies it; the output names the rule.")]
pub(crate) struct AuthorizationGrantArgs {
    /// Manifest over a feed, as `run manifest` writes it. Its component, account, market, timeframe,
    /// parameters and limits are authorized
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) manifest: PathBuf,
    /// Start of the window: a day or a time (UTC) [default: now]
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// End of the window, at most 30 days later: a day or a time (UTC)
    #[arg(long, value_name = "TIME")]
    pub(crate) until: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LimitsCommand {
    /// Evaluate the policy for an account's limits and propose them (approver or operator)
    Set(Box<EvalLimitsArgs>),
    /// Print an account's limits in force, in the form of a manifest's `risk`
    Show {
        /// The account
        account: String,
    },
    /// List the limits in force of every account
    List(RowFilter),
}

#[derive(Debug, Subcommand)]
pub(crate) enum BudgetCommand {
    /// Set the daily budget of an owner or a team (class operations; not your own)
    Set(BudgetSetArgs),
    /// Set the members of a team (class operations)
    Team {
        /// The team
        name: String,
        /// An owner in the team; repeatable
        #[arg(long, value_name = "OWNER")]
        member: Vec<String>,
    },
    /// Allow an owner or a team to exceed its budget for up to seven days (approver; not your own)
    Excess {
        #[command(flatten)]
        payer: BudgetPayer,
        /// When the allowance ends: a day or a time (UTC)
        #[arg(long, value_name = "TIME")]
        until: String,
        /// The reason, for the record
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Record what a run used, as its journal states, if that is not recorded yet (operator or service)
    Use {
        /// The run: the first digits of its id
        run: String,
        /// A tag to report the use under; repeatable
        #[arg(long)]
        tag: Vec<String>,
    },
    /// List the budgets with what is used of each
    #[command(after_help = "\
Exit codes: 1 if a budget is used up.")]
    List(RowFilter),
    /// Report the use of a day by owner, team and tag
    Report {
        /// The day (UTC), such as 2026-03-02 [default: today]
        #[arg(long, value_name = "DAY")]
        day: Option<String>,
    },
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct BudgetPayer {
    /// The owner
    #[arg(long)]
    pub(crate) owner: Option<String>,
    /// The team
    #[arg(long)]
    pub(crate) team: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct BudgetSetArgs {
    #[command(flatten)]
    pub(crate) payer: BudgetPayer,
    /// Fuel per day
    #[arg(long, value_name = "COUNT")]
    pub(crate) fuel: u64,
    /// Concurrent runs
    #[arg(long, value_name = "COUNT")]
    pub(crate) runs: u64,
    /// Storage, in bytes
    #[arg(long)]
    pub(crate) bytes: u64,
    /// Wall-clock time per day, in seconds
    #[arg(long, value_name = "SECONDS")]
    pub(crate) wall: u64,
}
