//! Runs this program in another process for each act of the demo's people.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::cli_context::CliContext;
use crate::output::print_line;

/// The demo's directories.
pub(super) struct DemoStage<'a> {
    pub(super) cli: &'a CliContext,
    pub(super) folder: &'a Path,
}

impl DemoStage<'_> {
    /// This program with the demo's directories, acting as `who` if that is not empty.
    pub(super) fn command(&self, who: &str, words: &[&str]) -> Result<Command> {
        let mut command = Command::new(program()?);
        command
            .arg("--json")
            .arg("--data-dir")
            .arg(self.cli.data.root().path())
            .arg("--key-dir")
            .arg(self.cli.keys.path().path())
            // The user's own settings must not reach the demo's people: each step would act as the
            // user.
            .env_remove("COUNTERFOIL_AS")
            .env_remove("COUNTERFOIL_RUNNER");
        if !who.is_empty() {
            command.args(["--as", who]);
        }
        // Last, because what follows a lone -- is another program's.
        command.args(words);
        Ok(command)
    }

    /// Runs this program as `who` and returns the JSON that it prints; `code` is the exit code it must have.
    pub(super) fn call(&self, who: &str, code: i32, words: &[&str]) -> Result<Value> {
        let mut command = self.command(who, words)?;
        let output = command
            .output()
            .context("cannot start this program again")?;
        let line = words.join(" ");
        if output.status.code() != Some(code) {
            let out = String::from_utf8_lossy(&output.stdout);
            let errors = String::from_utf8_lossy(&output.stderr);
            bail!(
                "counterfoil {line} --as {who}: {}: {out}{errors}",
                output.status
            );
        }
        let value: Value = serde_json::from_slice(&output.stdout)
            .with_context(|| format!("counterfoil {line} printed no JSON"))?;
        if !who.is_empty() {
            let verb: Vec<&str> = words.iter().take(2).copied().collect();
            let what = if code == 0 { "" } else { ": denied" };
            self.print_step(&format!("{who:<6} {}{what}", verb.join(" ")));
        }
        Ok(value)
    }

    /// Prints a step; not with `--json`.
    pub(super) fn print_step(&self, line: &str) {
        if !self.cli.json {
            print_line(&format!("  {line}"));
        }
    }
}

pub(super) fn program() -> Result<PathBuf> {
    std::env::current_exe().context("cannot find this program's own file")
}

pub(super) fn text<'a>(value: &'a Value, field: &str) -> Result<&'a str> {
    let found = value.get(field).and_then(Value::as_str);
    found.with_context(|| format!("no {field} in {value}"))
}
