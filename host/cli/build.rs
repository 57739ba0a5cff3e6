//! Tells the program from which commit it is built. Without a repository, as in a source archive, it does not know.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=COUNTERFOIL_COMMIT");
    println!("cargo::rerun-if-changed=build.rs");
    if let Some(commit) = stated().or_else(commit) {
        println!("cargo::rustc-env=COUNTERFOIL_COMMIT={commit}");
    }
}

/// The commit that a packager states, where the sources come without their repository.
fn stated() -> Option<String> {
    env::var("COUNTERFOIL_COMMIT")
        .ok()
        .filter(|commit| !commit.is_empty())
}

fn commit() -> Option<String> {
    let sources = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR")?);
    let head = git(&sources, &["rev-parse", "--verify", "HEAD"])?;
    // Built again when the commit changes, and not at every build.
    for name in ["HEAD", "logs/HEAD", "index"] {
        let path = git(&sources, &["rev-parse", "--git-path", name])?;
        println!("cargo::rerun-if-changed={}", sources.join(path).display());
    }
    let changed = git(
        &sources,
        &[
            "--no-optional-locks",
            "status",
            "--porcelain",
            "--untracked-files=no",
        ],
    )?;
    Some(if changed.is_empty() {
        head
    } else {
        // Not the commit's sources: an auditor who builds the commit gets another program.
        format!("{head} with changes")
    })
}

fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
