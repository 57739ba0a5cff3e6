//! The command line of `component`: the stages from draft to archived.

use std::path::PathBuf;

use clap::{Subcommand, ValueHint};

use super::people::RowFilter;

#[derive(Debug, Subcommand)]
pub(crate) enum ComponentCommand {
    /// Register a component as a draft, with its source and toolchain (author)
    Submit(ComponentSubmitArgs),
    /// Run a test command on the source and sign its result (any principal)
    AttestTests(AttestTestsArgs),
    /// Run every automatic check on a draft and sign the results (not the author)
    Validate(ComponentValidateArgs),
    /// Validate a draft on its evidence with your signature (reviewer)
    Review(ComponentArg),
    /// Approve a component with its limits, policy and evidence (approver)
    Approve(ComponentApproveArgs),
    /// Promote an approved component for use, if the policy passes it (approver or operator)
    Promote(ComponentPromoteArgs),
    /// Archive a component: it can be replayed but no longer started (approver or operator)
    Archive(ComponentArchiveArgs),
    /// List every record about a component, oldest first: stages, exceptions, starts, runs
    History(ComponentArg),
    /// List the components
    List(RowFilter),
    /// Show a component: stage, provenance, evidence, approvals, last approved version
    Show(ComponentArg),
    /// List the runs of a component
    Runs(ComponentArg),
}

#[derive(Debug, clap::Args)]
pub(crate) struct ComponentArg {
    /// The component: a file, a digest, or the first digits of a digest
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) component: String,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  counterfoil component submit trend.wasm --strategy trend --source strategies/trend --as bob

Exit codes: 1 if the ledger denies the act; the output names the rule.")]
pub(crate) struct ComponentSubmitArgs {
    /// The component's file
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Name of the strategy that this is a version of
    #[arg(long, value_name = "NAME")]
    pub(crate) strategy: String,
    /// Directory of its source; the commit, lock file and toolchain are read from it
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) source: Option<PathBuf>,
    /// Commit of its source [default: that of --source]
    #[arg(long, required_unless_present = "source")]
    pub(crate) commit: Option<String>,
    /// Its lock file [default: Cargo.lock in --source]
    #[arg(long, value_name = "FILE", required_unless_present = "source", value_hint = ValueHint::FilePath)]
    pub(crate) lock_file: Option<PathBuf>,
    /// Compiler and version [default: the output of `rustc --version` in --source]
    #[arg(long, value_name = "TEXT", required_unless_present = "source")]
    pub(crate) toolchain: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
The command runs in the source's directory. The attestation states that you ran it there, at
this commit, with this result, and carries the digest of its output. It proves your statement,
not the result.

  counterfoil component attest-tests trend.wasm --as bob --source strategies/trend -- cargo test

Exit codes: 1 if the command fails or the ledger denies the act.")]
pub(crate) struct AttestTestsArgs {
    /// The component: a file, a digest, or the first digits of a digest
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) component: String,
    /// Directory of its source
    #[arg(long, value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    pub(crate) source: PathBuf,
    /// Commit of the source [default: git's HEAD in that directory]
    #[arg(long)]
    pub(crate) commit: Option<String>,
    /// The test command, after --
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
The manifest names the component and a snapshot. The checks are a backtest, replays on two back
ends, a look-ahead probe and a backtest with higher slippage. Each result is signed and
recorded, passed or failed.

  counterfoil component validate trend.wasm --manifest m.json --thresholds research --as carol

Exit codes: 1 if a check fails or the ledger denies the act.")]
pub(crate) struct ComponentValidateArgs {
    /// The component: a file, a digest, or the first digits of a digest
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) component: String,
    /// Manifest of a backtest of the component
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) manifest: PathBuf,
    /// Thresholds: a JSON file, or the preset `research` (wide; not for live money)
    #[arg(long, value_name = "FILE|research", value_hint = ValueHint::FilePath)]
    pub(crate) thresholds: String,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  counterfoil component approve trend.wasm --as dan

Exit codes: 1 if the ledger denies the act, such as an author approving their own component.")]
pub(crate) struct ComponentApproveArgs {
    /// The component: a file, a digest, or the first digits of a digest
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) component: String,
    /// Manifest with the limits to approve [default: the limits of the evidence]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) manifest: Option<PathBuf>,
    /// Also write the approval as a DSSE envelope, for other tools
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ComponentPromoteArgs {
    /// The component: a file, a digest, or the first digits of a digest
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) component: String,
    /// Manifest with the approved limits [default: the limits of the evidence]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) manifest: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ComponentArchiveArgs {
    /// The component: a file, a digest, or the first digits of a digest
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) component: String,
    /// The reason, for the record
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}
