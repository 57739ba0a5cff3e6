//! What can be typed about components on their way from draft to archived.

use std::path::PathBuf;

use clap::{Subcommand, ValueHint};

use super::people::RowFilter;

#[derive(Debug, Subcommand)]
pub(crate) enum Component {
    /// Register a component as a draft, with what it was made from (author)
    Submit(ComponentSubmit),
    /// Run a command that tests the source, and sign what came of it (the author or anybody else)
    AttestTests(AttestTests),
    /// Run every automatic check of a draft, and sign what was found (not its author)
    Validate(ComponentValidate),
    /// Validate a draft on the evidence that was found: a reviewer's signature
    Review(OneComponent),
    /// Approve a component with its limits, policy and evidence: an approver's signature
    Approve(ComponentApprove),
    /// Bring an approved component into use, once the policy passed it (approver or operator)
    Promote(ComponentPromote),
    /// Take a component out of use: it can be replayed, never started (approver or operator)
    Archive(ComponentArchive),
    /// Every record about a component, its sets, exceptions, starts and runs, the oldest first
    History(OneComponent),
    /// List the components
    List(RowFilter),
    /// Show a component: stage, provenance, evidence, approvals, and which approval to go back to
    Show(OneComponent),
    /// Which runs used a component
    Runs(OneComponent),
}

#[derive(Debug, clap::Args)]
pub(crate) struct OneComponent {
    /// The component: its digest or the first digits of it, or its file
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) component: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ComponentSubmit {
    /// The component's file
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// The strategy that it is a version of
    #[arg(long)]
    pub(crate) strategy: String,
    /// The folder of its source: commit, lock file and toolchain are taken from there
    #[arg(long, value_hint = ValueHint::DirPath)]
    pub(crate) source: Option<PathBuf>,
    /// The commit of its source [default: that of --source]
    #[arg(long, required_unless_present = "source")]
    pub(crate) commit: Option<String>,
    /// Its lock file [default: the Cargo.lock of --source]
    #[arg(long, required_unless_present = "source", value_hint = ValueHint::FilePath)]
    pub(crate) lock_file: Option<PathBuf>,
    /// The compiler with its version [default: what `rustc --version` says in --source]
    #[arg(long, required_unless_present = "source")]
    pub(crate) toolchain: Option<String>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
The command runs in the source's folder. What is signed is that you ran it there, at this commit, and what
it printed, by digest. It proves that you say so, nothing more; a service that builds by itself says more.

  counterfoil component attest-tests trend.wasm --as bob --source strategies/trend -- cargo test")]
pub(crate) struct AttestTests {
    /// The component: its digest or the first digits of it, or its file
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) component: String,
    /// The folder of its source
    #[arg(long, default_value = ".", value_hint = ValueHint::DirPath)]
    pub(crate) source: PathBuf,
    /// The commit of the source [default: what git says in its folder]
    #[arg(long)]
    pub(crate) commit: Option<String>,
    /// The command, after --
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
The manifest names the component and a snapshot. It is run, replayed on two back ends, decided again over
garbage, and run once more with dearer slippage. Each check is signed and kept, passed or not.

  counterfoil component validate trend.wasm --manifest manifest.json --thresholds research --as carol")]
pub(crate) struct ComponentValidate {
    /// The component: its digest or the first digits of it, or its file
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) component: String,
    /// The manifest of a backtest of it
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) manifest: PathBuf,
    /// Thresholds: a JSON file, or the preset research (wide; not for live money)
    #[arg(long, value_hint = ValueHint::FilePath)]
    pub(crate) thresholds: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ComponentApprove {
    /// The component: its digest or the first digits of it, or its file
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) component: String,
    /// A manifest with the limits to approve [default: those that the evidence was found under]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) manifest: Option<PathBuf>,
    /// Where to write the approval's DSSE envelope, for other people's tools
    #[arg(long, short, value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ComponentPromote {
    /// The component: its digest or the first digits of it, or its file
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) component: String,
    /// A manifest with the limits that were approved [default: those of the evidence]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) manifest: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ComponentArchive {
    /// The component: its digest or the first digits of it, or its file
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) component: String,
    /// Why
    #[arg(long)]
    pub(crate) reason: String,
}
