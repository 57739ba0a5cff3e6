//! The command line of `ledger`: the audit trail of people's acts.

use std::path::PathBuf;

use clap::{Subcommand, ValueHint};

use super::RowFilter;

#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// Create the ledger; the acting principal becomes its first administrator
    Init(LedgerInitArgs),
    /// End the set-up: administration and risk need two signatures from now on (administrator)
    EndSetup,
    /// Name the holder of the log's signing key, who can never be an operator (administrator)
    Holder {
        /// The holder's name; it need not be a principal
        name: String,
    },
    /// Set the ledger's clock back after a machine whose clock was fast wrote to it (administrator)
    #[command(after_help = "\
No act may be older than the newest before it, so a record of the year 2200 would keep every
later act out. Only this act, its proposal and its signatures may. The record stays.")]
    ResetClock {
        /// Which machine's clock was fast
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// List what is open, expired or incomplete
    #[command(after_help = "\
Exit codes: 1 if anything is.")]
    Health,
    /// Show the last records
    Tail(LedgerTailArgs),
    /// Search the records by actor, act, rule, time or any field
    Search(LedgerSearchArgs),
    /// Show how much of the ledger the search index covers; searches give the same rows without it
    Index(LedgerIndexArgs),
    /// Show one record in full
    Show(LedgerShowArgs),
    /// Write the proof of one record as a .tlog-proof file
    Proof(LedgerProofArgs),
    /// Compare what the ledger declares with what is on disk
    Drift(DriftArgs),
    /// Show who approved a run or a component, with which key and when
    WhoApproved(WhoApprovedArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  counterfoil people key new ada && counterfoil ledger init desk --as ada

`counterfoil verify ledger` checks every hash, checkpoint, signature and rule of it again.")]
pub(crate) struct LedgerInitArgs {
    /// The ledger's name; its log's origin is counterfoil/ledger/NAME
    pub(crate) name: String,
    /// Holder of the log's signing key, who can never be an operator
    #[arg(long, default_value = "host", value_name = "NAME")]
    pub(crate) log_holder: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct LedgerTailArgs {
    /// How many records
    #[arg(short = 'n', long, default_value_t = 20)]
    pub(crate) count: usize,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  counterfoil ledger search --actor bob --denied
  counterfoil ledger search --act component-approve --from 2026-03-01 --where component=3f9c")]
pub(crate) struct LedgerSearchArgs {
    /// Records of this principal
    #[arg(long = "actor", value_name = "NAME")]
    pub(crate) by: Option<String>,
    /// Records of this act, such as component-approve
    #[arg(long)]
    pub(crate) act: Option<String>,
    /// Denials by this rule, such as duty.author
    #[arg(long)]
    pub(crate) rule: Option<String>,
    /// Denials only
    #[arg(long)]
    pub(crate) denied: bool,
    /// From this day or time on (UTC), inclusive
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// Before this day or time (UTC)
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,
    /// Verify and read the whole ledger instead of the index
    #[arg(long)]
    pub(crate) no_index: bool,
    #[command(flatten)]
    pub(crate) filter: RowFilter,
}

#[derive(Debug, clap::Args)]
pub(crate) struct LedgerIndexArgs {
    /// Rebuild the index from the ledger
    #[arg(long)]
    pub(crate) rebuild: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct LedgerShowArgs {
    /// The record's number
    pub(crate) record: u64,
}

#[derive(Debug, clap::Args)]
pub(crate) struct LedgerProofArgs {
    /// The record's number
    pub(crate) record: u64,
    /// The file to write [default: LEDGER-RECORD.tlog-proof in the current directory]
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exit codes: 1 if anything differs.")]
pub(crate) struct DriftArgs {
    /// Record new differences, and the end of recorded ones
    #[arg(long)]
    pub(crate) record: bool,
    #[command(flatten)]
    pub(crate) filter: RowFilter,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  counterfoil ledger who-approved 3f9c")]
pub(crate) struct WhoApprovedArgs {
    /// A run or a component: a digest, its first digits, or the component's file
    #[arg(value_name = "RUN|COMPONENT", value_hint = ValueHint::FilePath)]
    pub(crate) what: String,
}
