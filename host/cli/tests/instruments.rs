//! What an instrument is, from ingestion to the answer of a backtest: prices below zero, no volume, errors that
//! are not accepted.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use core::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// Crude oil before and after 20 April 2020.
const CRUDE: &str = "\
date,open,high,low,close,volume
2020-04-15,20.10,20.50,19.20,19.80,900
2020-04-16,19.80,20.00,18.90,19.87,900
2020-04-17,19.80,20.00,17.30,18.27,900
2020-04-20,17.73,17.85,-40.32,-37.63,900
2020-04-21,-14.00,13.86,-16.74,10.01,900
2020-04-22,11.00,16.00,10.00,13.78,900
2020-04-23,13.00,17.00,12.00,16.50,900
2020-04-24,16.00,18.00,15.00,16.94,900
2020-04-27,16.00,17.00,12.00,12.78,900
";

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_counterfoil"))
            .args(arguments)
            .env("COUNTERFOIL_DATA_DIR", self.0.path().join("data"))
            .env("COUNTERFOIL_KEY_DIR", self.0.path().join("keys"))
            .current_dir(self.0.path())
            .output()
            .unwrap()
    }

    #[track_caller]
    fn json(&self, code: i32, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// What the program prints, with its exit code.
    fn text(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.run(arguments);
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    }

    fn ingest(&self, csv: &str, more: &[&str]) -> Value {
        fs::write(self.0.path().join("f.csv"), csv).unwrap();
        let arguments = [
            "data",
            "ingest",
            "f.csv",
            "--symbol",
            "CLK0",
            "--timeframe",
            "1d",
        ];
        self.json(0, &[&arguments, more].concat())
    }
}

fn backtest(snapshot: &str, more: &[&str]) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let component = root.join("sdk-examples/components/moving-average-cross.wasm");
    let component = component.display().to_string();
    let flags = [
        "backtest",
        "--component",
        &component,
        "--snapshot",
        snapshot,
        "--risk",
        "research",
        "--param",
        "fast=1",
        "--param",
        "slow=2",
        "--param",
        "quantity=100",
        "--account",
        "margin",
    ];
    flags
        .iter()
        .chain(more)
        .map(|flag| (*flag).to_owned())
        .collect()
}

fn as_strs(flags: &[String]) -> Vec<&str> {
    flags.iter().map(String::as_str).collect()
}

/// Two rows were put aside, the run said nothing of it, and accepting them changed nothing without a word.
#[test]
fn a_price_below_zero_is_missing_loudly_or_used() {
    let place = Place::new();
    let made = place.ingest(CRUDE, &[]);
    assert_eq!(made["quarantined"], 2);
    let without = made["snapshot"].as_str().unwrap();
    let flags = backtest(without, &[]);
    let (code, said) = place.text(&as_strs(&flags));
    assert_eq!(code, Some(0), "{said}");
    let first = said.lines().next().unwrap();
    assert!(
        first.starts_with("data errors      2 errors of the snapshot not accepted"),
        "{said}"
    );
    let accept = [
        "data",
        "accept",
        without,
        "--rule",
        "not-positive",
        "--by",
        "ada",
        "--reason",
        "traded so",
    ];
    let (_, said) = place.text(&accept);
    let first = said.lines().next().unwrap();
    assert!(
        first.starts_with("no bar changed") && first.contains("--negative-prices"),
        "{said}"
    );

    let made = place.ingest(CRUDE, &["--negative-prices", "CLK0"]);
    assert_eq!(made["negative-prices"], serde_json::json!(["CLK0"]));
    let with = made["snapshot"].as_str().unwrap();
    let done = place.json(
        0,
        &as_strs(&backtest(with, &["--fee-bps", "5", "--fee-max", "1%"])),
    );
    assert_eq!(done["open-errors"], 0);
    assert_ne!(done["fills"], 0, "{done}");
    let run = done["run-id"]
        .as_str()
        .unwrap()
        .trim_start_matches("sha256:");
    let verified = place.run(&["verify", run]);
    assert_eq!(verified.status.code(), Some(0));
    let (code, said) = place.text(&["data", "list"]);
    assert_eq!(code, Some(0));
    assert!(said.contains("CLK0 (negative prices)"), "{said}");
}

/// Five hundred tickers were one line of the table; a directory was "truncated or damaged".
#[test]
fn a_list_of_snapshots_names_a_few_instruments_and_counts_the_rest() {
    let place = Place::new();
    let mut csv = "symbol,date,open,high,low,close,volume\n".to_owned();
    for number in 0..500 {
        writeln!(csv, "T{number:03},2024-01-02,1,1,1,1,1").unwrap();
    }
    let file = place.0.path().join("many.csv");
    fs::write(&file, csv).unwrap();
    let arguments = ["data", "ingest", "many.csv", "--timeframe", "1d"];
    place.json(0, &arguments);
    let (code, said) = place.text(&["data", "list"]);
    assert_eq!(code, Some(0));
    assert!(
        said.contains("T000, T001, T002, T003, T004 and 495 more"),
        "{said}"
    );
    assert!(said.lines().all(|line| line.len() < 200), "{said}");
    let all = place.json(0, &["data", "list"]);
    assert_eq!(all[0]["instruments"].as_array().unwrap().len(), 500);
    let (code, said) = place.text(&["data", "ingest", "data"]);
    assert_eq!(code, Some(64));
    assert!(
        said.contains("data is a directory: give one file, or a ZIP archive"),
        "{said}"
    );
}

#[test]
fn a_backtest_without_volume_asks_for_the_cap_to_be_off() {
    let place = Place::new();
    let csv = CRUDE
        .replace(",900", ",0")
        .replace("-40.32", "10.00")
        .replace("-37.63", "11.00");
    let csv = csv.replace("-14.00", "12.00").replace("-16.74", "10.00");
    let made = place.ingest(&csv, &[]);
    assert_eq!(made["without-volume"], serde_json::json!(["CLK0"]));
    let snapshot = made["snapshot"].as_str().unwrap();
    let (code, said) = place.text(&as_strs(&backtest(snapshot, &[])));
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("CLK0 has no volume in any bar") && said.contains("use --volume-cap off"),
        "{said}"
    );
    let done = place.json(0, &as_strs(&backtest(snapshot, &["--volume-cap", "off"])));
    assert_ne!(done["fills"], 0, "{done}");
}

/// A lineage that ends before the file it began with was shown with exit code 0.
#[test]
fn a_lineage_without_its_raw_file_is_an_error() {
    let place = Place::new();
    let made = place.ingest(CRUDE, &[]);
    let snapshot = made["snapshot"].as_str().unwrap();
    let whole = place.json(0, &["data", "lineage", snapshot]);
    let receipt = &whole["normalized"][0]["files"][0]["receipts"][0];
    assert_eq!(
        (&receipt["vendor"], &receipt["schema"]),
        (&"not stated".into(), &"not stated".into())
    );
    fs::remove_dir_all(place.0.path().join("data/raw")).unwrap();
    let (code, said) = place.text(&["data", "lineage", snapshot]);
    assert_eq!(code, Some(2));
    assert!(
        said.contains("the raw layer lacks 1 raw file of the snapshot"),
        "{said}"
    );
}
