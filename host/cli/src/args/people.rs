//! What can be typed about people: principals, keys, the ledger, exceptions, and who did what.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Subcommand, ValueHint};
use counterfoil_governance::act::Class;
use counterfoil_governance::role::Role;

/// The names of all roles, for help and completion.
fn roles() -> PossibleValuesParser {
    PossibleValuesParser::new(Role::ALL.map(Role::name))
}

#[derive(Debug, Subcommand)]
pub(crate) enum Principal {
    /// Add a person or a service with its first key (administrator)
    Add(PrincipalAdd),
    /// List the principals with their roles
    List(RowFilter),
    /// Show one principal: roles, keys, what it did last
    Show(OnePrincipal),
    /// Give a principal these roles and no others (administrator, never one's own)
    Roles(PrincipalRoles),
    /// Say who belongs to an approval class, and how many of them must sign (administrator)
    Class(PrincipalClass),
    /// List the approval classes
    Classes(RowFilter),
}

#[derive(Debug, clap::Args)]
pub(crate) struct PrincipalClass {
    /// The class
    #[arg(value_parser = classes())]
    pub(crate) class: String,
    /// A role whose people belong to it; repeat for more
    #[arg(long, value_parser = roles())]
    pub(crate) role: Vec<String>,
    /// Somebody who belongs to it without the role; repeat for more
    #[arg(long, value_name = "NAME")]
    pub(crate) member: Vec<String>,
    /// How many must sign: two at least for administration and risk
    #[arg(long, value_name = "N")]
    pub(crate) approvals: u64,
}

#[derive(Debug, clap::Args)]
pub(crate) struct PrincipalAdd {
    /// Its name: letters, digits and .-_@+, in any case
    pub(crate) name: String,
    /// A role; repeat for more
    #[arg(long, value_parser = roles())]
    pub(crate) role: Vec<String>,
    /// Its public key: 64 hex digits or a file that holds them, as `key new` printed it
    #[arg(long, value_name = "HEX|FILE", value_hint = ValueHint::FilePath)]
    pub(crate) key: String,
    /// It is a program, not a human being
    #[arg(long)]
    pub(crate) service: bool,
    /// Until when the key counts: a day or a time [default: until it is revoked]
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct OnePrincipal {
    /// Its name
    pub(crate) name: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct PrincipalRoles {
    /// Its name
    pub(crate) name: String,
    /// A role; repeat for more, leave out to take all away
    #[arg(long, value_parser = roles())]
    pub(crate) role: Vec<String>,
}

/// Which rows of a list.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct RowFilter {
    /// Only where a field of the --json form has this value, or begins with it; repeat for more
    #[arg(long = "where", value_name = "FIELD=VALUE")]
    pub(crate) conditions: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Make a key for a name, in a file that only you can read; print its public half
    New(KeyNew),
    /// Give a principal one more key (administrator)
    Add(KeyAdd),
    /// Make a new key and put it in the place of the one you sign with
    Rotate(KeyRotate),
    /// End a key (administrator any, everybody their own)
    Revoke(KeyRevoke),
    /// List every key: whose it is, whether it counts, until when, and which records added and ended it
    List(RowFilter),
}

#[derive(Debug, clap::Args)]
pub(crate) struct KeyNew {
    /// The principal's name
    pub(crate) name: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct KeyAdd {
    /// The principal's name
    pub(crate) name: String,
    /// The public key: 64 hex digits or a file that holds them
    #[arg(long, value_name = "HEX|FILE", value_hint = ValueHint::FilePath)]
    pub(crate) key: String,
    /// Until when it counts: a day or a time [default: until it is revoked]
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct KeyRotate {
    /// Until when the new key counts: a day or a time [default: until it is revoked]
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct KeyRevoke {
    /// The public key, or its first digits
    pub(crate) key: String,
    /// Why
    #[arg(long)]
    pub(crate) reason: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Ledger {
    /// Begin the ledger; whoever acts is its first administrator
    Init(LedgerInit),
    /// End the set-up: from here on administration and risk take two (administrator)
    EndSetup,
    /// Name who holds the log's signing key and may never be an operator (administrator)
    Holder {
        /// A name; it need not be a principal's
        name: String,
    },
    /// What is open, expired or incomplete; exit code 1 if anything is
    Health,
    /// Show the last records
    Tail(LedgerTail),
    /// Find records: by who, what, rule, time or any field
    Search(LedgerSearch),
    /// How much of the ledger the index for searching knows; every answer is the same without it
    Index(LedgerIndex),
    /// Show one record whole
    Show(LedgerShow),
    /// Check every hash, checkpoint, signature and rule of the ledger again
    Verify(LedgerVerify),
    /// Write the proof of one record: a .tlog-proof file
    Proof(LedgerProof),
}

#[derive(Debug, clap::Args)]
pub(crate) struct LedgerInit {
    /// The ledger's name; its log is counterfoil/ledger/NAME
    pub(crate) name: String,
    /// Who holds the log's signing key and may never be an operator
    #[arg(long, default_value = "host")]
    pub(crate) log_holder: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct LedgerTail {
    /// How many
    #[arg(short = 'n', long, default_value_t = 20)]
    pub(crate) count: usize,
}

#[derive(Debug, clap::Args)]
pub(crate) struct LedgerSearch {
    /// Who acted
    #[arg(long)]
    pub(crate) actor: Option<String>,
    /// Which act, such as component-approve
    #[arg(long)]
    pub(crate) act: Option<String>,
    /// Denials by this rule, such as duty.author
    #[arg(long)]
    pub(crate) rule: Option<String>,
    /// Denials alone
    #[arg(long)]
    pub(crate) denied: bool,
    /// From this day or time on
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// Before this day or time
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,
    /// Check the whole ledger again and leave the index alone
    #[arg(long)]
    pub(crate) no_index: bool,
    #[command(flatten)]
    pub(crate) filter: RowFilter,
}

#[derive(Debug, clap::Args)]
pub(crate) struct LedgerIndex {
    /// Throw it away and make it again from the ledger
    #[arg(long)]
    pub(crate) rebuild: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct LedgerShow {
    /// The record's number
    pub(crate) record: u64,
}

#[derive(Debug, clap::Args)]
pub(crate) struct LedgerVerify {
    /// The log's public key to trust [default: the one in the key folder]
    #[arg(long, value_hint = ValueHint::FilePath)]
    pub(crate) key: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct LedgerProof {
    /// The record's number
    pub(crate) record: u64,
    /// Where to write it [default: LEDGER-RECORD.tlog-proof in the current folder]
    #[arg(long, short, value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Exception {
    /// Grant an exception that ends by itself (approver, never its owner)
    Grant(ExceptionGrant),
    /// End an exception before its time (approver or compliance)
    End(ExceptionEnd),
    /// List the exceptions that hold
    List(ExceptionList),
}

#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("subject").required(true)))]
pub(crate) struct ExceptionGrant {
    /// The rule of the policy that is not kept for a while, as its verdict names it
    #[arg(long)]
    pub(crate) rule: String,
    /// For this component: its digest or the first digits of it, or its file
    #[arg(long, group = "subject", value_hint = ValueHint::FilePath)]
    pub(crate) component: Option<String>,
    /// For this account
    #[arg(long, group = "subject")]
    pub(crate) account: Option<String>,
    /// For every component and account
    #[arg(long, group = "subject")]
    pub(crate) all: bool,
    /// Why
    #[arg(long)]
    pub(crate) reason: String,
    /// What is done instead
    #[arg(long)]
    pub(crate) control: String,
    /// Who answers for it
    #[arg(long)]
    pub(crate) owner: String,
    /// When it ends by itself, in 90 days at most: a day or a time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ExceptionEnd {
    /// The record that granted it
    pub(crate) record: u64,
    /// Why
    #[arg(long)]
    pub(crate) reason: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ExceptionList {
    /// Those that have ended too
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) filter: RowFilter,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Change {
    /// Sign a change that somebody else proposed; the last signature does it
    Approve {
        /// The record that proposes it
        record: u64,
    },
    /// Withdraw a change
    Withdraw {
        /// The record that proposes it
        record: u64,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Show what a change would change, before you sign it
    Show {
        /// The record that proposes it
        record: u64,
    },
    /// List the changes that wait for signatures, with what they would change
    List {
        /// Those that are over too
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        filter: RowFilter,
    },
}

/// The names of all approval classes.
fn classes() -> PossibleValuesParser {
    PossibleValuesParser::new(Class::ALL.map(Class::name))
}

#[derive(Debug, Subcommand)]
pub(crate) enum Delegate {
    /// Let somebody speak for you in a class, for 90 days at most
    To {
        /// Who speaks for you
        name: String,
        /// In which class
        #[arg(long, value_parser = classes())]
        class: String,
        /// When it ends by itself: a day or a time
        #[arg(long, value_name = "TIME")]
        until: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// End a delegation before its time
    End {
        /// The record that made it
        record: u64,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// List the delegations that hold
    List {
        /// Those that are over too
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        filter: RowFilter,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum BreakGlass {
    /// Break glass for these acts, for four hours at most (operator or administrator)
    Open {
        /// An act, such as key-add; repeat for more
        #[arg(long, value_name = "ACT", required = true)]
        act: Vec<String>,
        /// When it ends by itself: a day or a time
        #[arg(long, value_name = "TIME")]
        until: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Close it before its time
    Close {
        /// The record that opened it
        record: u64,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Sign its retrospective (approver or compliance, never who broke the glass)
    Review {
        /// The record that opened it
        record: u64,
        /// The report's file; its digest is recorded
        #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
        report: PathBuf,
        /// What was found, in a sentence
        #[arg(long)]
        findings: String,
    },
    /// List every break-glass, and what is owed
    List(RowFilter),
}

#[derive(Debug, clap::Args)]
pub(crate) struct WhoApproved {
    /// A run or a component: its digest or the first digits of it, or the component's file
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) what: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct AccessReview {
    /// Keys that end within so many days count as expiring
    #[arg(long, default_value_t = 30)]
    pub(crate) days: u32,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Drift {
    /// Record what is new, and the end of what is there no more
    #[arg(long)]
    pub(crate) record: bool,
    #[command(flatten)]
    pub(crate) filter: RowFilter,
}
