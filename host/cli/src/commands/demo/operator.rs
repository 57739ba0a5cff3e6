//! The demo's operator: authorizes and starts a run, which survives the death of its process and equals
//! its own backtest. Each step is this program in another process.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};
use counterfoil_runner::clock::now;
use counterfoil_runner::store::data_dir::Execution;
use counterfoil_trading::time::{DAY_NANOS, UnixNanos};
use serde_json::{Value, json};

use super::child::{ChildPipe, DemoChild};
use super::people::RUNNER;
use super::stage::{DemoStage, text};
use crate::output::{print_fields, short_digest};

/// The feed's name, which cannot be mistaken for a real market.
const FEED: &str = "replayed";
/// The instruments. A replayed feed sends no corporate actions, and these had no split for years.
const SYMBOLS: &str = "IBM,MSFT";
/// Replay speed, a hundred days per second: the snapshot lasts half a minute, longer than the demo
/// watches it.
const SPEED: &str = "8640000";
/// Bars to wait for before the kill, and after it.
const BARS: u64 = 300;

/// The run that was operated, and its comparison with its backtest.
pub(super) struct OperatedRun {
    run: String,
    started: StartedRun,
    journal: PathBuf,
    statement: String,
    decisions: u64,
    /// Decisions that the backtest made the same.
    equal: u64,
    fills: u64,
    equity: String,
}

/// What is known of the run before it ends.
struct StartedRun {
    /// Ledger record of the authorization.
    authorization: u64,
    manifest: PathBuf,
    /// Bars in its journal when its process was killed.
    killed_at: u64,
}

/// Operates a live run of what `tried` backtested, over the replayed bars of a snapshot.
pub(super) fn operate(
    stage: &DemoStage<'_>,
    tried: &Execution,
    snapshot: &str,
) -> Result<OperatedRun> {
    let manifest = stage.start_manifest(tried)?;
    let file = manifest.display().to_string();
    let until = UnixNanos(now().0.saturating_add(DAY_NANOS)).date_or_time();
    let authorize = [
        "account",
        "authorization",
        "grant",
        &file,
        "--until",
        &until,
    ];
    let authorized = stage.call("olga", 0, &authorize)?["record"].as_u64();
    let authorization = authorized.context("the authorization has no record")?;
    let record = authorization.to_string();

    let (served, at) = stage.serve()?;
    let first = ["run", "start", &file, "--authorization", &record];
    let then = ["--replay", snapshot, "--speed", SPEED, "--runner", &at];
    let begun = stage.call("olga", 0, &[&first[..], &then[..]].concat())?;
    let run = text(&begun, "run")?;
    stage.watch(&at, run, BARS)?;
    // SIGKILL, so that nothing is written on the way out: what the resumed run knows must come from
    // the disk.
    served.kill()?;
    // Read while no process has the journal open, so that the count is what the crash left.
    let killed_at = stage.decided(run)?;
    stage.print_step(&format!(
        "killed the runner's process: {killed_at} bars are decided and signed"
    ));

    let (served, at) = stage.serve()?;
    let resumed = format!("run {} resumed", short_digest(run));
    // The runner resumes by itself, without a request: after a crash there may be no operator to
    // ask for it.
    served.find(&resumed, |line| Ok((line == resumed).then_some(())))?;
    stage.watch(&at, run, killed_at.saturating_add(BARS))?;
    stage.call("olga", 0, &["run", "stop", run, "--runner", &at])?;
    stage.watch_until(&at, run, |event| event["state"] == "stopped")?;
    let status = stage.call("olga", 0, &["run", "status", run, "--runner", &at])?;
    // Only after the last request: the status is the runner's, and ends with its process.
    served.terminate()?;
    let started = StartedRun {
        authorization,
        manifest,
        killed_at,
    };
    stage.judge(started, &status)
}

impl DemoStage<'_> {
    /// Writes the manifest that starts the backtested run, under the limits of its account.
    pub(super) fn start_manifest(&self, tried: &Execution) -> Result<PathBuf> {
        self.set_limits()?;
        let manifest = self.folder.join("start.json");
        let file = manifest.display().to_string();
        let of = tried.short();
        let fed = [
            "run",
            "manifest",
            &of,
            "--feed",
            FEED,
            "--instruments",
            SYMBOLS,
        ];
        self.call("", 0, &[&fed[..], &["-o", &file]].concat())?;
        Ok(manifest)
    }

    /// Sets the account's limits, which the policy gives and two people sign. Those of an earlier demo
    /// in this directory are still in force.
    fn set_limits(&self) -> Result<()> {
        let list = self.call("", 0, &["account", "limits", "list"])?;
        if list.as_array().is_some_and(|list| !list.is_empty()) {
            return Ok(());
        }
        let set = ["account", "limits", "set", "paper", "--owner", "demo"];
        let record = self.call("olga", 0, &set)?["record"].to_string();
        for name in ["dan", "eve"] {
            self.call(name, 0, &["change", "approve", &record])?;
        }
        Ok(())
    }

    /// Starts the runner's process; returns its address too.
    fn serve(&self) -> Result<(DemoChild, String)> {
        let command = self.command(RUNNER, &["serve", "--listen", "127.0.0.1:0"])?;
        let served = DemoChild::start(command, ChildPipe::Error)?;
        let at = served.find("the runner did not start", |line| {
            let at = line.strip_prefix("the runner listens at ");
            Ok(at.map(str::to_owned))
        })?;
        self.print_step(&format!("{RUNNER:<6} serve"));
        Ok((served, at))
    }

    /// Watches the run until this many bars are decided.
    fn watch(&self, at: &str, run: &str, bars: u64) -> Result<()> {
        self.watch_until(at, run, |event| {
            event["bars"]
                .as_u64()
                .is_some_and(|decided| decided >= bars)
        })?;
        self.print_step(&format!("olga   run watch: {bars} bars"));
        Ok(())
    }

    /// Watches the run from its first event to one that is `wanted`.
    fn watch_until(&self, at: &str, run: &str, wanted: impl Fn(&Value) -> bool) -> Result<()> {
        let words = ["run", "watch", run, "--after", "0-0", "--runner", at];
        let watching = DemoChild::start(self.command("olga", &words)?, ChildPipe::Standard)?;
        watching.find("the run did not get that far", |line| {
            let event: Value = serde_json::from_str(line).context("an event is not JSON")?;
            let event = &event["data"];
            if wanted(event) {
                return Ok(Some(()));
            }
            let state = event["state"].as_str().unwrap_or_default();
            // Without this the demo would wait for bars of a run that has ended.
            if ["stopped", "faulted", "halted", "killed"].contains(&state) {
                bail!("the run ended too early: {event}");
            }
            Ok(None)
        })
    }

    /// Bars in the run's journal while no process writes it.
    fn decided(&self, run: &str) -> Result<u64> {
        let shown = self.call("", 0, &["run", "show", run])?;
        shown["bars"].as_u64().context("the journal is open")
    }

    /// Verifies the ended run and compares it with its backtest.
    fn judge(&self, started: StartedRun, status: &Value) -> Result<OperatedRun> {
        let run = text(status, "run")?;
        let verified = self.call("", 0, &["verify", run])?;
        ensure!(
            verified["good"] == true,
            "the journal of the operated run does not verify"
        );
        let parity = self.call("", 0, &["audit", "parity", run])?;
        let counts = &parity["decisions"];
        self.print_step(&format!(
            "verified its journal; {} decisions, {} equal in its backtest, signed",
            counts["live"], counts["equal"]
        ));
        let count = |of: &Value| of.as_u64().with_context(|| format!("no count in {of}"));
        Ok(OperatedRun {
            run: run.to_owned(),
            journal: self.cli.data.find(run)?.journal().path().to_path_buf(),
            statement: text(&parity, "statement")?.to_owned(),
            decisions: count(&counts["live"])?,
            equal: count(&counts["equal"])?,
            fills: count(&status["fills"])?,
            equity: text(status, "equity")?.to_owned(),
            started,
        })
    }
}

impl OperatedRun {
    pub(super) fn json(&self) -> Value {
        json!({
            "run": self.run,
            "authorization": self.started.authorization,
            "manifest": self.started.manifest,
            "bars-when-killed": self.started.killed_at,
            "decisions": self.decisions,
            "equal": self.equal,
            "fills": self.fills,
            "equity": self.equity,
            "journal": self.journal,
            "parity": self.statement,
        })
    }

    pub(super) fn run(&self) -> String {
        short_digest(&self.run)
    }

    pub(super) fn print(&self) {
        let (authorization, killed) = (self.started.authorization, self.started.killed_at);
        print_fields(&[
            (
                "  run",
                format!(
                    "{}, fills {}, equity {}",
                    self.run(),
                    self.fills,
                    self.equity
                ),
            ),
            (
                "  started",
                format!("by olga, authorized by ledger record {authorization}"),
            ),
            ("  killed", format!("after {killed} bars, then resumed")),
            (
                "  parity",
                format!("{} decisions, {} equal", self.decisions, self.equal),
            ),
            ("  journal", self.journal.display().to_string()),
            ("  statement", self.statement.clone()),
        ]);
    }
}
