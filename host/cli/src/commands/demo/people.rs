//! The demo's people: take a strategy from draft to approved. Each step is this program in another
//! process, as that person would run it.

use anyhow::{Context as _, Result, ensure};
use counterfoil_approval::{ledger_view, value_text};
use counterfoil_os::files::write_whole;
use counterfoil_runner::store::data_dir::{Execution, MANIFEST_FILE};
use serde_json::{Value, json};

use super::stage::{DemoStage, program, text};
use crate::output::{print_line, print_table};

/// The strategy that is approved.
pub(super) const STRATEGY: &str = "buy-and-hold";

/// The lock file that the built-in components were made with.
const LOCK: &[u8] = include_bytes!("../../../../../sdk-examples/Cargo.lock");

/// The principals beside ada, who creates the ledger. Bob is author and approver, to show that he
/// cannot approve what he wrote.
const PEOPLE: [(&str, &[&str]); 6] = [
    ("abe", &["administrator"]),
    ("bob", &["author", "approver"]),
    ("carol", &["reviewer"]),
    ("dan", &["approver"]),
    ("eve", &["compliance"]),
    ("olga", &["operator"]),
];

/// The service as which the runner's process acts.
pub(super) const RUNNER: &str = "robot";

/// The recorded approvals of the strategy, and the refusal of its author's own approval.
pub(super) struct ApprovalChain {
    chain: Vec<Value>,
    refused: Option<Value>,
}

impl ApprovalChain {
    pub(super) fn json(&self) -> Value {
        json!({ "strategy": STRATEGY, "chain": self.chain, "refused": self.refused })
    }

    pub(super) fn print(&self) {
        let head = ["step", "by", "with key", "record"];
        let mut lines = vec![head.map(String::from).to_vec()];
        for link in &self.chain {
            let cell = |name: &str| link.get(name).map(value_text::short).unwrap_or_default();
            lines.push(vec![cell("act"), cell("by"), cell("key"), cell("record")]);
        }
        print_table(&lines);
        if let Some(refused) = &self.refused {
            let text = |name: &str| refused.get(name).map(value_text::plain).unwrap_or_default();
            print_line(&format!(
                "denied, in record {}: {} ({}); {}",
                text("record"),
                text("why"),
                text("rule"),
                text("hint")
            ));
        }
    }
}

/// Takes the strategy to approved, or shows the approvals of an earlier demo in this directory.
pub(super) fn walk(stage: &DemoStage<'_>, run: &Execution) -> Result<ApprovalChain> {
    let DemoStage { cli, folder } = stage;
    let component = folder
        .join(format!("{STRATEGY}.wasm"))
        .display()
        .to_string();
    let component_id = component.as_str();
    let mut refused = None;
    // A second demo in the same directory must not approve again: the ledger would deny it, and the
    // chain is shown instead.
    if ledger_view::all(&ledger_view::folder(&cli.data))?.is_empty() {
        stage.begin()?;
        refused = Some(stage.approve(component_id, run)?);
    }
    let shown = stage.call("", 0, &["component", "show", component_id])?;
    ensure!(
        shown["stage"] == "approved",
        "an earlier demo was interrupted; delete {} and run the demo again",
        folder.display()
    );
    let mut who = stage.call("", 0, &["ledger", "who-approved", component_id])?;
    let chain = who["chain"]
        .take()
        .as_array()
        .cloned()
        .context("who-approved printed no chain")?;
    stage.call("", 0, &["verify", "ledger"])?;
    Ok(ApprovalChain { chain, refused })
}

impl DemoStage<'_> {
    /// Creates a ledger, people with a key each, and a policy that two of them set in force.
    fn begin(&self) -> Result<()> {
        self.call("", 0, &["people", "key", "new", "ada"])?;
        self.call("ada", 0, &["ledger", "init", "demo"])?;
        for (name, roles) in PEOPLE {
            let made = self.call("", 0, &["people", "key", "new", name])?;
            let mut words = vec!["people", "add", name, "--key", text(&made, "key")?];
            for role in roles {
                words.extend(["--role", role]);
            }
            self.call("ada", 0, &words)?;
        }
        let made = self.call("", 0, &["people", "key", "new", RUNNER])?;
        let key = text(&made, "key")?;
        self.call(
            "ada",
            0,
            &["people", "add", RUNNER, "--service", "--key", key],
        )?;
        self.call("ada", 0, &["ledger", "end-setup"])?;
        let policy = self.folder.join("policy");
        // An interrupted demo may have left one, which is not in force.
        if policy.exists() {
            std::fs::remove_dir_all(&policy)
                .context("cannot remove the policy of an interrupted demo")?;
        }
        let policy = policy.display().to_string();
        self.call("", 0, &["policy", "init", &policy])?;
        let asked = self.call("dan", 0, &["policy", "set", &policy])?;
        let record = asked["record"].to_string();
        self.call("eve", 0, &["change", "approve", &record])?;
        Ok(())
    }

    /// Submits, validates, approves and promotes it; returns the refusal of its author's approval.
    fn approve(&self, component_id: &str, tried: &Execution) -> Result<Value> {
        let manifest = tried.folder.join(MANIFEST_FILE).display().to_string();
        let run = tried.short();
        let run = run.as_str();
        let lock = self.folder.join("Cargo.lock");
        write_whole(&lock, LOCK)?;
        let lock = lock.display().to_string();
        self.call(
            "bob",
            0,
            &[
                "component",
                "submit",
                component_id,
                "--strategy",
                STRATEGY,
                "--lock-file",
                &lock,
                "--commit",
                "as-built-in",
                "--toolchain",
                "as-built-in",
            ],
        )?;
        // The demo needs no compiler for guests: the author attests one more replay instead of tests.
        let folder = self.folder.display().to_string();
        let program = program()?.display().to_string();
        let (data, keys) = (self.cli.data.root(), self.cli.keys.path());
        let (data, keys) = (data.display().to_string(), keys.display().to_string());
        let attest = [
            "component",
            "attest-tests",
            component_id,
            "--source",
            &folder,
            "--commit",
            "as-built-in",
            "--",
            &program,
            "replay",
            run,
            "--backend",
            "cranelift-none",
            "--data-dir",
            &data,
            "--key-dir",
            &keys,
        ];
        self.call("bob", 0, &attest)?;
        let validate = [
            "component",
            "validate",
            component_id,
            "--manifest",
            &manifest,
            "--thresholds",
            "research",
        ];
        self.call("carol", 0, &validate)?;
        self.call("carol", 0, &["component", "review", component_id])?;
        // ApprovalChain under the limits of the account that it is to trade for, and started under no other.
        let start = self.start_manifest(tried)?.display().to_string();
        let under = [component_id, "--manifest", &start];
        let approve = [&["component", "approve"], &under[..]].concat();
        let refused = self.call("bob", 1, &approve)?;
        self.call("dan", 0, &approve)?;
        self.call(
            "dan",
            0,
            &[&["policy", "eval", "promotion"], &under[..]].concat(),
        )?;
        self.call("olga", 0, &[&["component", "promote"], &under[..]].concat())?;
        Ok(refused)
    }
}
