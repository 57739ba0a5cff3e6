//! What can be typed about starts, limits and budgets: what runs may do before they run.

use std::path::PathBuf;

use clap::{Subcommand, ValueHint};

use super::{EvalLimits, RowFilter};

#[derive(Debug, Subcommand)]
pub(crate) enum Authorize {
    /// Let the run of a manifest start within a window, and ask the policy about it (operator)
    Start(AuthorizeStart),
    /// Take an authorization back
    Withdraw {
        /// The record that authorizes it
        record: u64,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// List the authorizations that count now or will
    List {
        /// Those that are over or were withdrawn too
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        filter: RowFilter,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct AuthorizeStart {
    /// The manifest, over a feed; its component, account, market, timeframe, parameters and limits
    /// are what is authorized
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) manifest: PathBuf,
    /// From when on: a day or a time [default: now]
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// Until when, 30 days later at most: a day or a time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Limits {
    /// Ask the policy for the limits of an account, and propose what it gives (approver or operator)
    Set(Box<EvalLimits>),
    /// Print the limits in force of an account, as a manifest's risk
    Show {
        /// The account
        account: String,
    },
    /// List the limits in force of every account
    List(RowFilter),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Budget {
    /// Set what an owner or a team may use a day (a member of the class operations, never one's own)
    Set(BudgetSet),
    /// Say who is in a team (a member of the class operations)
    Team {
        /// The team
        name: String,
        /// An owner; repeat for more
        #[arg(long, value_name = "OWNER")]
        member: Vec<String>,
    },
    /// Let an owner or a team be over budget, for seven days at most (approver, never one's own)
    Excess {
        #[command(flatten)]
        payer: Payer,
        /// Until when: a day or a time
        #[arg(long, value_name = "TIME")]
        until: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Record what a run used that is not on record yet, as its journal says (operator or service)
    Use {
        /// The run: the first digits of its id
        run: String,
        /// What it counts under in reports; repeat for more
        #[arg(long)]
        tag: Vec<String>,
    },
    /// List the budgets with what is used of each; exit code 1 if one is used up
    List(RowFilter),
    /// What was used on a day, by owner, team and tag
    Report {
        /// The day (UTC) [default: today]
        #[arg(long, value_name = "DAY")]
        day: Option<String>,
    },
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Payer {
    /// The owner
    #[arg(long)]
    pub(crate) owner: Option<String>,
    /// The team
    #[arg(long)]
    pub(crate) team: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct BudgetSet {
    #[command(flatten)]
    pub(crate) payer: Payer,
    /// Fuel a day
    #[arg(long)]
    pub(crate) fuel: u64,
    /// Runs at once
    #[arg(long)]
    pub(crate) runs: u64,
    /// Bytes in storage
    #[arg(long)]
    pub(crate) bytes: u64,
    /// Wall time a day, in seconds
    #[arg(long, value_name = "SECONDS")]
    pub(crate) wall: u64,
}
