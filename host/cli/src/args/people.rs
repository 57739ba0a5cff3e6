//! The command line of `people`: principals, keys, approval classes, delegations.

use clap::builder::PossibleValuesParser;
use clap::{Subcommand, ValueHint};
use counterfoil_governance::act::ApprovalClass;
use counterfoil_governance::role::Role;

/// The names of all roles, for help and completion.
fn roles() -> PossibleValuesParser {
    PossibleValuesParser::new(Role::ALL.map(Role::name))
}

/// The names of all approval classes.
fn classes() -> PossibleValuesParser {
    PossibleValuesParser::new(ApprovalClass::ALL.map(ApprovalClass::name))
}

#[derive(Debug, Subcommand)]
pub(crate) enum PeopleCommand {
    /// Add a person or a service with its first key (administrator)
    Add(PrincipalAddArgs),
    /// List the principals and their roles
    List(RowFilter),
    /// Show a principal: roles, keys, latest acts
    Show(PrincipalArg),
    /// Replace a principal's roles (administrator; not your own)
    Roles(PrincipalRolesArgs),
    /// Create, add, rotate, revoke and list signing keys
    #[command(subcommand)]
    Key(KeyCommand),
    /// Set and list the approval classes: who signs what, and how many must sign
    #[command(subcommand)]
    Class(ClassCommand),
    /// Delegate your vote in an approval class for a limited time
    #[command(subcommand)]
    Delegation(DelegationCommand),
    /// Review who holds which role and key: conflicting duties, expiring keys
    AccessReview(AccessReviewArgs),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  counterfoil people key new bob > bob.pub
  counterfoil people add bob --role author --key bob.pub --as ada")]
pub(crate) struct PrincipalAddArgs {
    /// The principal's name: letters, digits and .-_@+ (case is ignored)
    pub(crate) name: String,
    /// A role; repeatable
    #[arg(long, value_parser = roles())]
    pub(crate) role: Vec<String>,
    /// Its public key: 64 hex digits or a file that holds them, as `people key new` prints
    #[arg(long, value_name = "HEX|FILE", value_hint = ValueHint::FilePath)]
    pub(crate) key: String,
    /// The principal is a program, not a person
    #[arg(long)]
    pub(crate) service: bool,
    /// When the key expires: a day or a time (UTC) [default: never]
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct PrincipalArg {
    /// The principal's name
    pub(crate) name: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct PrincipalRolesArgs {
    /// The principal's name
    pub(crate) name: String,
    /// A role; repeatable; none removes all roles
    #[arg(long, value_parser = roles())]
    pub(crate) role: Vec<String>,
}

/// Which rows of a list to print.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct RowFilter {
    /// Only rows whose field (as named by --json) has this value or begins with it; repeatable
    #[arg(long = "where", value_name = "FIELD=VALUE")]
    pub(crate) conditions: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Create a key pair in the key directory and print its public key
    New(KeyNewArgs),
    /// Add another key to a principal (administrator)
    Add(KeyAddArgs),
    /// Replace your signing key with a new one
    Rotate(KeyRotateArgs),
    /// Revoke a key (your own; an administrator any)
    Revoke(KeyRevokeArgs),
    /// List the keys: principal, validity, expiry, records that added and ended them
    List(RowFilter),
}

#[derive(Debug, clap::Args)]
pub(crate) struct KeyNewArgs {
    /// The principal's name
    pub(crate) name: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct KeyAddArgs {
    /// The principal's name
    pub(crate) name: String,
    /// The public key: 64 hex digits or a file that holds them
    #[arg(long, value_name = "HEX|FILE", value_hint = ValueHint::FilePath)]
    pub(crate) key: String,
    /// When it expires: a day or a time (UTC) [default: never]
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct KeyRotateArgs {
    /// When the new key expires: a day or a time (UTC) [default: never]
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct KeyRevokeArgs {
    /// The public key or its first digits
    pub(crate) key: String,
    /// The reason, for the record
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ClassCommand {
    /// Set the members of an approval class and how many must sign (administrator)
    Set(ClassSetArgs),
    /// List the approval classes
    List(RowFilter),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  counterfoil people class set risk --role approver --approvals 2 --as ada")]
pub(crate) struct ClassSetArgs {
    /// The class
    #[arg(value_parser = classes())]
    pub(crate) class: String,
    /// A role whose principals are members; repeatable
    #[arg(long, value_parser = roles())]
    pub(crate) role: Vec<String>,
    /// A member without the role; repeatable
    #[arg(long, value_name = "NAME")]
    pub(crate) member: Vec<String>,
    /// How many must sign; at least 2 for administration and risk
    #[arg(long, value_name = "COUNT")]
    pub(crate) approvals: u64,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DelegationCommand {
    /// Let another principal vote for you in a class, for up to 90 days
    Add {
        /// The principal who votes for you
        name: String,
        /// The approval class
        #[arg(long, value_parser = classes())]
        class: String,
        /// When it ends: a day or a time (UTC)
        #[arg(long, value_name = "TIME")]
        until: String,
        /// The reason, for the record
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// End a delegation early
    End {
        /// Ledger record of the delegation
        record: u64,
        /// The reason, for the record
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// List the current delegations
    List {
        /// Include ended ones
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        filter: RowFilter,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct AccessReviewArgs {
    /// Report keys that expire within this many days
    #[arg(long, default_value_t = 30)]
    pub(crate) days: u32,
}
