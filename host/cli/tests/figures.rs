//! Figures, tables and outcomes of runs as the program prints them.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use core::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A data and a key directory, and a snapshot in it.
struct Desk {
    place: TempDir,
    snapshot: String,
}

impl Desk {
    /// A desk with daily bars of one share on weekdays, closing in a long zigzag.
    fn new() -> Self {
        let wave = [0, 3, 6, 9, 12, 15, 12, 9, 6, 3];
        let mut rows = String::new();
        for day in 0_u32..240 {
            let (year, month, of_month) = (2001 + day / 120, day / 10 % 12 + 1, day % 10 + 1);
            let close = 100 + wave[usize::try_from(day / 3 % 10).unwrap()];
            let (high, low) = (close + 1, close - 1);
            let date = format!("{year}-{month:02}-{of_month:02}");
            writeln!(rows, "{date},{close},{high},{low},{close},100000").unwrap();
        }
        Self::with_rows(&rows)
    }

    fn with_rows(rows: &str) -> Self {
        let place = tempfile::tempdir().unwrap();
        let mut desk = Self {
            place,
            snapshot: String::new(),
        };
        let file = desk.place.path().join("ABC.csv");
        let text = format!("date,open,high,low,close,volume\n{rows}");
        std::fs::write(&file, text).unwrap();
        let file = file.display().to_string();
        let flags = ["--symbol", "ABC", "--timeframe", "1d"];
        let made = desk.json(0, &[&["data", "ingest", &file], flags.as_slice()].concat());
        made["snapshot"]
            .as_str()
            .unwrap()
            .clone_into(&mut desk.snapshot);
        desk
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_counterfoil"))
            .args(arguments)
            .env("COUNTERFOIL_DATA_DIR", self.place.path().join("data"))
            .env("COUNTERFOIL_KEY_DIR", self.place.path().join("keys"))
            .current_dir(self.place.path())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// What the program prints, once its exit code is the expected one.
    #[track_caller]
    fn text(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[track_caller]
    fn json(&self, code: i32, arguments: &[&str]) -> Value {
        let text = self.text(code, &[arguments, &["--json"]].concat());
        serde_json::from_str(&text).unwrap()
    }

    /// The arguments of a command that runs an example strategy.
    fn terms(&self, example: &str, more: &[&str]) -> Vec<String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk-examples/components");
        let component = root.join(example).with_extension("wasm");
        let component = component.display().to_string();
        let flags = ["--component", &component, "--snapshot", &self.snapshot];
        let risk = ["--risk", "research"];
        let all = flags.iter().chain(&risk).chain(more);
        all.map(ToString::to_string).collect()
    }

    fn cross(&self) -> Vec<String> {
        let params = ["quantity=100", "fast=5", "slow=12"];
        let more = params.map(|param| ["--param", param]).concat();
        self.terms("moving-average-cross", &more)
    }
}

fn with<'a>(command: &[&'a str], terms: &'a [String], more: &[&'a str]) -> Vec<&'a str> {
    let terms = terms.iter().map(String::as_str);
    command
        .iter()
        .copied()
        .chain(terms)
        .chain(more.iter().copied())
        .collect()
}

/// A sweep once showed a run that a fault ended on bar 30 with a Sharpe ratio of 2.19, and "0 failed" below it.
#[test]
fn a_faulted_run_has_a_cause_and_no_figures_in_any_table() {
    let desk = Desk::new();
    let terms = desk.cross();
    // The fewest that a manifest may give: not enough for this strategy's first bar with averages.
    let varied = ["--vary", "limits.fuel-per-callback=1000,1000000"];

    let swept = desk.json(0, &with(&["sweep"], &terms, &varied));
    let faulted = &swept["rows"][0];
    assert_eq!(faulted["ended"], "fault");
    for name in ["profit", "sharpe", "annual-return", "final-equity"] {
        assert!(faulted[name].is_null(), "{name}: {faulted}");
    }
    let cause = faulted["cause"].as_str().unwrap();
    assert!(cause.starts_with("out-of-fuel in on-bar"), "{cause}");
    assert!(swept["rows"][1]["cause"].is_null());
    assert!(swept["rows"][1]["sharpe"].is_number());

    let printed = desk.text(0, &with(&["sweep"], &terms, &varied));
    let row = printed
        .lines()
        .find(|line| line.contains("fault "))
        .unwrap();
    assert!(row.contains("out-of-fuel in on-bar"), "{printed}");
    let last = "1 ended early by a fault or a stop and 0 failed; these have no figures";
    assert!(printed.contains(last), "{printed}");
    let id = swept["sweep"]
        .as_str()
        .unwrap()
        .trim_start_matches("sha256:");
    let table = desk
        .place
        .path()
        .join("data/sweeps")
        .join(id)
        .join("table.csv");
    let table = std::fs::read_to_string(table).unwrap();
    assert!(
        table
            .lines()
            .nth(1)
            .unwrap()
            .contains("out-of-fuel in on-bar"),
        "{table}"
    );

    // A run that ended early is not resampled.
    let faulted = faulted["run"].as_str().unwrap();
    for more in [&[] as &[&str], &["--bars", "--samples", "2"]] {
        let refused = desk.run(&[&["monte-carlo", faulted], more].concat());
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(2), "{said}");
        assert!(
            said.contains("ended early (out-of-fuel in on-bar"),
            "{said}"
        );
    }

    // A walk forward compares only runs that went to their end, and says how many did not.
    let windows = ["--train", "200", "--test", "100"];
    let more = [varied.as_slice(), &windows].concat();
    let walked = desk.json(0, &with(&["walk-forward"], &terms, &more));
    let early = walked["train-runs-that-ended-early"].as_u64().unwrap();
    assert!(early > 0, "{walked}");
    let printed = desk.text(0, &with(&["walk-forward"], &terms, &more));
    let line =
        format!("{early} in-sample runs ended early, by a fault or a stop, and were not compared");
    assert!(printed.contains(&line), "{printed}");
}
