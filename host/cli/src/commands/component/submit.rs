//! `component submit`: a draft, with what it was made from.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use counterfoil_approval::record_json;
use counterfoil_base::digest::Digest;
use counterfoil_governance::act::{Act, Provenance};
use counterfoil_os::files::read_whole;
use counterfoil_trading::limits::SandboxLimits;
use counterfoil_trading::manifest::WORLD;
use serde_json::json;

use crate::args::ComponentSubmitArgs;
use crate::cli_context::CliContext;
use crate::commands::admit;
use crate::output::CommandAnswer;
use crate::people;
use crate::people::ledger_access;
use crate::people::outcome::print_outcome;

pub(super) fn run(cli: &CliContext, args: &ComponentSubmitArgs) -> Result<CommandAnswer> {
    let strategy = people::id("--strategy", &args.strategy)?;
    let provenance = provenance(args)?;
    // Admission keeps the bytes under their digest; what is not admitted is no component.
    let limits = SandboxLimits::default();
    let engine = cli.engine("cranelift")?.for_limits(&limits, 1);
    // Admitted before it is registered: a component that no host would run must not become a draft
    // that others spend time on.
    let (component, ready) =
        admit::component(cli, &args.file.display().to_string(), &limits, &engine)?;
    let act = Act::ComponentSubmit {
        component,
        strategy: strategy.clone(),
        provenance,
    };
    let outcome = ledger_access::open(cli)?.act(act)?;
    let said = &ready.description;
    let what = format!(
        "{component} ({} {}) is a draft of {strategy}",
        said.name, said.version
    );
    let facts = json!({
        "component": record_json::digest(&component), "strategy": strategy.as_str(), "stage": "draft",
    });
    Ok(print_outcome(cli, outcome, &what, facts))
}

fn provenance(args: &ComponentSubmitArgs) -> Result<Provenance> {
    let source = |flag: &str| {
        let folder = args.source.as_deref();
        folder.with_context(|| format!("give --source FOLDER or {flag}"))
    };
    let source_commit = match &args.commit {
        Some(commit) => commit.clone(),
        None => commit_of(source("--commit")?)?.to_string(),
    };
    let lock_file = match &args.lock_file {
        Some(file) => file.clone(),
        None => lock_file_of(source("--lock-file")?)?,
    };
    let toolchain = match &args.toolchain {
        Some(text) => text.clone(),
        None => said_by(source("--toolchain")?, "rustc", &["--version"])?,
    };
    Ok(Provenance {
        source_commit,
        lock_file: Digest::of(&read_whole(&lock_file)?),
        toolchain,
        wit_world: WORLD.to_owned(),
    })
}

/// The commit of a folder's source, and whether something in it is not committed.
pub(super) struct SourceCommit {
    id: String,
    changed: bool,
}

impl core::fmt::Display for SourceCommit {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let changed = if self.changed { " with changes" } else { "" };
        write!(f, "{}{changed}", self.id)
    }
}

pub(super) fn commit_of(folder: &Path) -> Result<SourceCommit> {
    let id = said_by(folder, "git", &["rev-parse", "HEAD"])?;
    // Uncommitted changes are part of the name. Otherwise a build of edited sources would carry the
    // commit of the reviewed ones.
    let changes = said_by(folder, "git", &["status", "--porcelain", "--", "."])?;
    Ok(SourceCommit {
        id,
        changed: !changes.is_empty(),
    })
}

/// What a program says on one line, run in a folder.
fn said_by(folder: &Path, program: &str, arguments: &[&str]) -> Result<String> {
    let call = || format!("{program} {} in {}", arguments.join(" "), folder.display());
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .output();
    let output = output.with_context(|| format!("cannot run {}", call()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{} failed: {}", call(), said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The nearest Cargo.lock, in the folder or above it.
fn lock_file_of(folder: &Path) -> Result<PathBuf> {
    let whole = folder
        .canonicalize()
        .with_context(|| format!("the folder {}", folder.display()))?;
    let found = whole
        // In a workspace the lock file is above the crate's directory. The nearest one is the one
        // that cargo used.
        .ancestors()
        .map(|folder| folder.join("Cargo.lock"))
        .find(|file| file.is_file());
    found.with_context(|| {
        format!(
            "no Cargo.lock in {} or above it; give --lock-file",
            folder.display()
        )
    })
}
