//! The command line of `change`: proposed changes, exceptions, break-glass.

use std::path::PathBuf;

use clap::{Subcommand, ValueHint};

use super::RowFilter;

#[derive(Debug, Subcommand)]
pub(crate) enum ChangeCommand {
    /// Sign a change that another principal proposed; the last signature applies it
    Approve {
        /// Ledger record of the proposal
        record: u64,
    },
    /// Withdraw a proposed change
    Withdraw {
        /// Ledger record of the proposal
        record: u64,
        /// The reason, for the record
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Show what a proposed change would change, before you sign it
    Show {
        /// Ledger record of the proposal
        record: u64,
    },
    /// List the changes that wait for signatures, with what they would change
    List {
        /// Include applied, withdrawn and expired ones
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        filter: RowFilter,
    },
    /// Grant, end and list time-limited exceptions to a policy rule
    #[command(subcommand)]
    Exception(ExceptionCommand),
    /// Waive the two-person rule for named acts in an emergency
    #[command(subcommand)]
    BreakGlass(BreakGlassCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum ExceptionCommand {
    /// Grant an exception that expires (approver; not its owner)
    Grant(ExceptionGrantArgs),
    /// End an exception early (approver or compliance)
    End(ExceptionEndArgs),
    /// List the exceptions in force
    List(ExceptionListArgs),
}

#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("subject").required(true)))]
pub(crate) struct ExceptionGrantArgs {
    /// The policy rule to except, as its verdict names it
    #[arg(long)]
    pub(crate) rule: String,
    /// Only for this component: a file, a digest, or the first digits of a digest
    #[arg(long, group = "subject", value_hint = ValueHint::FilePath)]
    pub(crate) component: Option<String>,
    /// Only for this account
    #[arg(long, group = "subject")]
    pub(crate) account: Option<String>,
    /// For every component and account
    #[arg(long, group = "subject")]
    pub(crate) all: bool,
    /// The reason, for the record
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// The compensating control
    #[arg(long, value_name = "TEXT")]
    pub(crate) control: String,
    /// Principal who answers for the exception
    #[arg(long, value_name = "NAME")]
    pub(crate) owner: String,
    /// When it expires, at most 90 days ahead: a day or a time (UTC)
    #[arg(long, value_name = "TIME")]
    pub(crate) until: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ExceptionEndArgs {
    /// Ledger record of the exception
    pub(crate) record: u64,
    /// The reason, for the record
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ExceptionListArgs {
    /// Include ended ones
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) filter: RowFilter,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BreakGlassCommand {
    /// Break glass for the named acts, for up to four hours (operator or administrator)
    #[command(after_help = "\
Example:
  counterfoil change break-glass open --act key-add --until 2026-03-02T15:00:00Z --reason lockout

Acts then run with --emergency RECORD, and each is marked in the ledger. A retrospective is
owed.")]
    Open {
        /// An act to waive the two-person rule for, such as key-add; repeatable
        #[arg(long, value_name = "ACT", required = true)]
        act: Vec<String>,
        /// When it expires: a day or a time (UTC)
        #[arg(long, value_name = "TIME")]
        until: String,
        /// The reason, for the record
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Close a break-glass early
    Close {
        /// Ledger record that opened it
        record: u64,
        /// The reason, for the record
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Sign the retrospective of a break-glass (approver or compliance; not who opened it)
    Review {
        /// Ledger record that opened it
        record: u64,
        /// The report's file; its digest is recorded
        #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
        report: PathBuf,
        /// The findings, in a sentence
        #[arg(long, value_name = "TEXT")]
        findings: String,
    },
    /// List every break-glass and the retrospectives that are owed
    List(RowFilter),
}
