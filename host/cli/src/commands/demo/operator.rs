//! The demo's operator: a start is authorized, the run lives through the death of its process, and
//! its own backtest says the same. Each step is this very program in another process.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};
use counterfoil_runner::clock::now;
use counterfoil_runner::store::data_dir::Execution;
use counterfoil_runner::times::show_time;
use counterfoil_trading::time::{DAY_NANOS, UnixNanos};
use serde_json::{Value, json};

use super::child::{Child, Output};
use super::people::RUNNER;
use super::stage::{Stage, text};
use crate::output::{print_fields, short_digest};

/// The feed's name: a market that nobody could mistake for a real one.
const FEED: &str = "replayed";
/// What is traded: a replay sends no corporate actions, and these had no split for years.
const SYMBOLS: &str = "IBM,MSFT";
/// A hundred days a second: the snapshot lasts half a minute, longer than the demo looks at it.
const SPEED: &str = "8640000";
/// Bars between one look at the run and the next.
const BARS: u64 = 300;

/// What came of the day.
pub(super) struct Operated {
    run: String,
    started: Started,
    journal: PathBuf,
    /// Where the parity statement is.
    statement: String,
    /// Bars decided, and how many of them the backtest decided the same.
    decisions: u64,
    equal: u64,
    fills: u64,
    equity: String,
}

/// What is known of a run before it ends.
struct Started {
    /// The ledger's record that lets it start.
    authorization: u64,
    manifest: PathBuf,
    /// Bars decided when its process was killed, as its journal says.
    killed_at: u64,
}

/// Starts a run of what `tried` tried out, under an authorization, over the bars of this snapshot.
pub(super) fn operate(stage: &Stage<'_>, tried: &Execution, snapshot: &str) -> Result<Operated> {
    let manifest = stage.start_manifest(tried)?;
    let file = manifest.display().to_string();
    let until = show_time(UnixNanos(now().0.saturating_add(DAY_NANOS)));
    let authorize = ["account", "authorization", "grant", &file, "--until", &until];
    let authorized = stage.call("olga", 0, &authorize)?["record"].as_u64();
    let authorization = authorized.context("no record authorizes the start")?;
    let record = authorization.to_string();

    let (served, at) = stage.serve()?;
    let first = ["run", "start", &file, "--authorization", &record];
    let then = ["--replay", snapshot, "--speed", SPEED, "--runner", &at];
    let begun = stage.call("olga", 0, &[&first[..], &then[..]].concat())?;
    let run = text(&begun, "run")?;
    stage.watch(&at, run, BARS)?;
    served.kill()?;
    let killed_at = stage.decided(run)?;
    stage.tell(&format!(
        "the runner's process was killed: {killed_at} bars are decided and signed"
    ));

    let (served, at) = stage.serve()?;
    let goes_on = format!("run {} goes on", short_digest(run));
    served.find(&goes_on, |line| Ok((line == goes_on).then_some(())))?;
    stage.watch(&at, run, killed_at.saturating_add(BARS))?;
    stage.call("olga", 0, &["run", "stop", run, "--runner", &at])?;
    stage.see(&at, run, |event| event["state"] == "stopped")?;
    let status = stage.call("olga", 0, &["run", "status", run, "--runner", &at])?;
    served.terminate()?;
    let started = Started {
        authorization,
        manifest,
        killed_at,
    };
    stage.judge(started, &status)
}

impl Stage<'_> {
    /// The manifest of a start of what was tried out, under the limits of its account.
    pub(super) fn start_manifest(&self, tried: &Execution) -> Result<PathBuf> {
        self.set_limits()?;
        let manifest = self.folder.join("start.json");
        let file = manifest.display().to_string();
        let of = tried.short();
        let fed = ["run", "manifest", &of, "--feed", FEED, "--instruments", SYMBOLS];
        self.call("", 0, &[&fed[..], &["-o", &file]].concat())?;
        Ok(manifest)
    }

    /// Limits for the account, which the policy gives and two people sign; those of an earlier demo
    /// in this folder are still in force.
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

    /// The runner's process, and where it answers.
    fn serve(&self) -> Result<(Child, String)> {
        let command = self.command(RUNNER, &["serve", "--listen", "127.0.0.1:0"])?;
        let served = Child::start(command, Output::Error)?;
        let at = served.find("the runner's process did not answer", |line| {
            let at = line.strip_prefix("the runner answers at ");
            Ok(at.map(str::to_owned))
        })?;
        self.tell(&format!("{RUNNER:<6} serve"));
        Ok((served, at))
    }

    /// Watches the run until so many bars are decided.
    fn watch(&self, at: &str, run: &str, bars: u64) -> Result<()> {
        self.see(at, run, |event| {
            event["bars"]
                .as_u64()
                .is_some_and(|decided| decided >= bars)
        })?;
        self.tell(&format!("olga   run watch: {bars} bars"));
        Ok(())
    }

    /// Watches the run, from its first event, until one of them is `wanted`.
    fn see(&self, at: &str, run: &str, wanted: impl Fn(&Value) -> bool) -> Result<()> {
        let words = ["run", "watch", run, "--after", "0-0", "--runner", at];
        let watching = Child::start(self.command("olga", &words)?, Output::Standard)?;
        watching.find("the run did not come so far", |line| {
            let event: Value = serde_json::from_str(line).context("an event is no JSON")?;
            let event = &event["data"];
            if wanted(event) {
                return Ok(Some(()));
            }
            let state = event["state"].as_str().unwrap_or_default();
            if ["stopped", "faulted", "halted", "killed"].contains(&state) {
                bail!("the run ended too early: {event}");
            }
            Ok(None)
        })
    }

    /// Bars that the run's journal has, while nobody writes it.
    fn decided(&self, run: &str) -> Result<u64> {
        let shown = self.call("", 0, &["run", "show", run])?;
        shown["bars"].as_u64().context("the journal is open")
    }

    /// The ended run before its judges: is its journal whole, and does its backtest say the same?
    fn judge(&self, started: Started, status: &Value) -> Result<Operated> {
        let run = text(status, "run")?;
        let verified = self.call("", 0, &["verify", run])?;
        ensure!(verified["good"] == true, "its journal does not verify");
        let parity = self.call("", 0, &["audit", "parity", run])?;
        let counts = &parity["decisions"];
        self.tell(&format!(
            "its journal verifies; {} decisions, {} equal in its backtest, and signed",
            counts["live"], counts["equal"]
        ));
        let count = |of: &Value| of.as_u64().with_context(|| format!("no count in {of}"));
        Ok(Operated {
            run: run.to_owned(),
            journal: self.places.data.find(run)?.journal(),
            statement: text(&parity, "statement")?.to_owned(),
            decisions: count(&counts["live"])?,
            equal: count(&counts["equal"])?,
            fills: count(&status["fills"])?,
            equity: text(status, "equity")?.to_owned(),
            started,
        })
    }
}

impl Operated {
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

    /// The run's id as people type it.
    pub(super) fn run(&self) -> String {
        short_digest(&self.run)
    }

    pub(super) fn tell(&self) {
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
                format!("by olga, whom record {authorization} of the ledger lets"),
            ),
            ("  killed", format!("after {killed} bars, and gone on with")),
            (
                "  parity",
                format!("{} decisions, {} equal", self.decisions, self.equal),
            ),
            ("  journal", self.journal.display().to_string()),
            ("  statement", self.statement.clone()),
        ]);
    }
}
