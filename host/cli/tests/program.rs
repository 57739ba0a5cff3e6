//! The program as people and scripts use it: arguments in, JSON and exit codes out.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use arrow_ipc::writer::FileWriter;
use serde_json::Value;
use tempfile::TempDir;

/// A data and a key directory, gone when dropped.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_counterfoil"));
        command
            .args(arguments)
            .env("COUNTERFOIL_DATA_DIR", self.path("data"))
            .env("COUNTERFOIL_KEY_DIR", self.path("keys"))
            .current_dir(self.0.path())
            .stdin(Stdio::null());
        command
    }

    /// A file of the table that a sweep or walk forward wrote.
    fn table(&self, made: &Value, file: &str) -> String {
        let id = text(made, "sweep").trim_start_matches("sha256:");
        let path = self.path("data").join("sweeps").join(id).join(file);
        String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What the program prints as JSON, once its exit code is the expected one.
    #[track_caller]
    fn json(&self, code: i32, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// A snapshot of the real data.
    fn ingested(&self) -> String {
        let file = project("tests/data/us-equities-daily-2000-2013.csv.gz");
        let made = self.json(0, &["data", "ingest", &file]);
        made["snapshot"].as_str().unwrap().to_owned()
    }

    /// A backtest of the moving-average cross over it.
    fn backtest(&self, snapshot: &str, more: &[&str]) -> Value {
        let terms = cross(snapshot);
        let terms: Vec<&str> = terms.iter().map(String::as_str).collect();
        self.json(0, &[&["backtest"], terms.as_slice(), more].concat())
    }
}

fn project(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.join(path).display().to_string()
}

fn cross(snapshot: &str) -> Vec<String> {
    let component = project("sdk-examples/components/moving-average-cross.wasm");
    let flags = [
        ["--component", &component],
        ["--snapshot", snapshot],
        ["--risk", "research"],
        ["--param", "quantity=100"],
        ["--param", "fast=10"],
    ];
    flags.iter().flatten().map(ToString::to_string).collect()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap()
}

#[test]
fn exit_codes_tell_good_from_bad_from_unknown_from_wrong_usage() {
    let place = Place::new();
    let snapshot = place.ingested();
    let done = place.backtest(&snapshot, &["--instruments", "IBM", "--param", "slow=30"]);
    let run = text(&done, "run-id").to_owned();
    let digest = text(&done, "decision-digest").to_owned();
    assert_eq!(place.json(0, &["verify", &run])["good"], true);
    let again = place.json(0, &["replay", &run]);
    assert_eq!(text(&again, "decision-digest"), digest);
    let audited = place.json(0, &["audit", "lookahead", &run]);
    assert_eq!(text(&audited, "decision-digest"), digest);
    assert_eq!(
        place.json(0, &["run", "compare", &run, &run])["manifest"],
        Value::Array(vec![])
    );

    let journal = text(&done, "journal").to_owned();
    let mut bytes = std::fs::read(&journal).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&journal, bytes).unwrap();
    assert_eq!(place.json(1, &["verify", &run])["good"], false);

    for (code, arguments) in [
        (2, &["replay", "ffff"] as &[&str]),
        (2, &["data", "ingest", "no-such-file.csv"]),
        (
            2,
            &[
                "backtest",
                "--component",
                "no-such-file.wasm",
                "--snapshot",
                &snapshot,
                "--risk",
                "research",
            ],
        ),
        (64, &["replay"]),
        (64, &["no-such-command"]),
        (64, &["backtest", "--cadence", "many"]),
    ] {
        let output = place.run(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?} says why");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

/// Standard output and standard error of a call that ends with this exit code.
#[track_caller]
fn printed(place: &Place, code: i32, arguments: &[&str]) -> [String; 2] {
    let output = place.run(arguments);
    let [out, err] =
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert_eq!(
        output.status.code(),
        Some(code),
        "{arguments:?}: {out}{err}"
    );
    [out, err]
}

#[test]
fn the_name_alone_shows_the_commands_in_groups() {
    let place = Place::new();
    let [help, _] = printed(&place, 0, &[]);
    for group in ["Author:", "Runs:", "Audit:", "People:", "Setup:"] {
        assert!(help.contains(group), "{help}");
    }
    assert_eq!(help, printed(&place, 0, &["--help"])[0]);
    assert!(!help.contains("snapshots  "), "old spellings are not shown");
    printed(&place, 64, &["people"]);
    let [version, _] = printed(&place, 0, &["version"]);
    assert!(version.contains(env!("CARGO_PKG_VERSION")), "{version}");
    let version = place.json(0, &["version"]);
    let program = std::fs::read(env!("CARGO_BIN_EXE_counterfoil")).unwrap();
    assert_eq!(
        version["binary"],
        counterfoil_base::digest::Digest::of(&program).to_string()
    );
    assert_eq!(version["manifest"], "counterfoil-manifest/1");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let [script, _] = printed(&place, 0, &["completions", shell]);
        assert!(script.contains("walk-forward"), "{shell}");
    }
}

#[test]
fn colour_quiet_and_verbose_change_nothing_but_the_look() {
    let place = Place::new();
    let [plain, err] = printed(&place, 0, &["data", "list"]);
    assert_eq!(err, "");
    let [coloured, _] = printed(&place, 0, &["--color", "always", "version"]);
    assert!(coloured.contains("\u{1b}[1m"), "{coloured:?}");
    for never in [["--color", "never"], ["--color", "auto"]] {
        let [text, _] = printed(&place, 0, &[never[0], never[1], "version"]);
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }
    let [help, _] = printed(&place, 0, &["--color=always", "--help"]);
    assert!(help.contains('\u{1b}'), "{help:?}");

    let [out, err] = printed(&place, 0, &["-v", "data", "list"]);
    assert_eq!(out, plain, "results are the same");
    for detail in ["data directory: ", "key directory: ", "took "] {
        assert!(err.contains(detail), "{err}");
    }
    printed(&place, 64, &["-q", "-v", "data", "list"]);

    // An old spelling does the same and names the new one, where a person reads.
    let [out, err] = printed(&place, 0, &["snapshots"]);
    assert_eq!(out, plain);
    assert!(err.contains("`counterfoil data list`"), "{err}");
    for silent in ["--quiet", "--json"] {
        let [_, err] = printed(&place, 0, &[silent, "snapshots"]);
        assert_eq!(err, "", "{silent}");
    }
    let [_, err] = printed(&place, 2, &["-q", "run", "show", "ffff"]);
    assert!(err.starts_with("error: no run \"ffff\""), "{err}");
}

#[test]
fn terms_by_name_and_by_flag_are_the_same_run() {
    let place = Place::new();
    let snapshot = place.ingested();
    std::fs::write(place.path("terms.json"), r#"{"costs": {"fee-bps": "2"}}"#).unwrap();
    let run = |more: &[&str]| {
        let own = ["--instruments", "IBM", "--param", "slow=30"];
        let done = place.backtest(&snapshot, &[&own, more].concat());
        text(&done, "run-id").to_owned()
    };
    let by_flag = run(&["--fee-bps", "2", "--borrow-bps", "50"]);
    assert_eq!(
        run(&["--set", "costs.fee-bps=2", "--set", "costs.borrow-bps=50"]),
        by_flag
    );
    let file = place.path("terms.json").display().to_string();
    assert_eq!(run(&["--terms", &file, "--borrow-bps", "50"]), by_flag);
    assert_ne!(run(&["--terms", &file]), by_flag);

    let terms = cross(&snapshot);
    let terms: Vec<&str> = terms.iter().map(String::as_str).collect();
    for (wrong, expected) in [
        (
            &["--set", "costs.fee=2"] as &[&str],
            "the terms are account.cash, ",
        ),
        (
            &["--set", "costs.fee-bps=2", "--fee-bps", "2"],
            "given twice",
        ),
        (
            &["--set", "fast=2"],
            "fast is given twice, by --param and --set",
        ),
    ] {
        let all = [&["backtest"], terms.as_slice(), wrong].concat();
        let [_, err] = printed(&place, 64, &all);
        assert!(err.contains(expected), "{err}");
    }
    let manifest = project("strategies/trend/manifest.json");
    let [_, err] = printed(&place, 64, &["backtest", &manifest, "--fee-bps", "2"]);
    assert!(err.contains("--fee-bps"), "{err}");
}

#[test]
fn a_run_without_risk_limits_does_not_start() {
    let place = Place::new();
    let snapshot = place.ingested();
    let component = project("sdk-examples/components/buy-and-hold.wasm");
    let output = place.run(&[
        "backtest",
        "--component",
        &component,
        "--snapshot",
        &snapshot,
    ]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("--risk"), "{said}");
    assert_eq!(place.json(0, &["run", "list"]), Value::Array(vec![]));
}

#[test]
fn a_sweep_prints_the_same_table_for_one_worker_and_for_two() {
    let place = Place::new();
    let other = Place::new();
    let mut tables = Vec::new();
    for (place, workers) in [(&place, "1"), (&other, "2")] {
        let terms = cross(&place.ingested());
        let terms: Vec<&str> = terms[..8].iter().map(String::as_str).collect();
        let varied = [
            "--vary",
            "fast=5,10",
            "--vary",
            "slow=30..60:30",
            "--instruments",
            "IBM",
            "--workers",
            workers,
        ];
        tables.push(place.json(0, &[&["sweep"], terms.as_slice(), &varied].concat()));
    }
    assert_eq!(tables[0], tables[1]);
    assert_eq!(tables[0]["rows"].as_array().unwrap().len(), 4);
    assert_eq!(tables[0]["rows"][2]["values"]["fast"], "10");
}

#[test]
fn a_strategy_to_deploy_runs_from_its_manifest_and_component_alone() {
    let place = Place::new();
    place.ingested();
    let manifest = project("strategies/trend/manifest.json");
    let component = project("strategies/components/trend.wasm");
    let alone = place.run(&["backtest", &manifest]);
    assert_eq!(alone.status.code(), Some(2), "the component is not there");
    let other = project("sdk-examples/components/buy-and-hold.wasm");
    let other = place.run(&["backtest", &manifest, "--component", &other]);
    let said = String::from_utf8_lossy(&other.stderr);
    assert_eq!(other.status.code(), Some(2));
    assert!(said.contains("the manifest names"), "{said}");
    let done = place.json(0, &["backtest", &manifest, "--component", &component]);
    assert!(done["fills"].as_u64() > Some(100));
    let again = place.json(0, &["backtest", &manifest]);
    assert_eq!(again["decision-digest"], done["decision-digest"]);
}

#[test]
fn research_commands_say_the_same_again() {
    let place = Place::new();
    let snapshot = place.ingested();
    let done = place.backtest(
        &snapshot,
        &["--instruments", "IBM,AAPL", "--param", "slow=30"],
    );
    let run = text(&done, "run-id");
    let drawn = || place.json(0, &["monte-carlo", run, "--samples", "500", "--seed", "3"]);
    assert_eq!(drawn(), drawn());
    assert!(drawn()["trades"].as_u64() > Some(10));
    let other = place.json(0, &["monte-carlo", run, "--samples", "500", "--seed", "4"]);
    assert_ne!(drawn()["profit"], other["profit"]);
    let none = place.run(&["monte-carlo", run, "--samples", "0"]);
    assert_eq!(none.status.code(), Some(2));

    let alone = place.run(&["monte-carlo", run, "--block", "5"]);
    assert_eq!(alone.status.code(), Some(64), "blocks are of bars");

    let terms = cross(&snapshot);
    let terms: Vec<&str> = terms[..8].iter().map(String::as_str).collect();
    let windows = [
        "--vary",
        "fast=5,10",
        "--instruments",
        "IBM",
        "--train",
        "2000",
        "--test",
        "1000",
    ];
    let walk = || place.json(0, &[&["walk-forward"], terms.as_slice(), &windows].concat());
    let first = walk();
    assert_eq!(first, walk(), "what was run is found again");
    let splits = first["splits"].as_array().unwrap();
    assert_eq!(splits.len(), 3);
    for split in splits {
        assert_eq!(
            split["train"][1], split["test"][0],
            "no day is in both windows"
        );
        let shown = place.json(0, &["run", "show", text(split, "test-run"), "--manifest"]);
        assert_eq!(shown["data"]["snapshot"]["from"], split["test"][0]);
        assert_eq!(shown["parameters"]["fast"], split["chosen"]["fast"]);
        assert!(split["sharpe"].is_number() && split["fills"].is_u64());
        assert_eq!(split["profit"], split["test-profit"]);
    }
    let table = place.table(&first, "table.csv");
    let mut lines = table.lines();
    let head = lines.next().unwrap();
    let own = "train-from,train-to,test-from,test-to,fast,train-profit,run,ended,";
    assert!(head.starts_with(own), "{head}");
    assert_eq!(lines.count(), 3);
    assert!(!place.table(&first, "table.arrow").is_empty());
}

#[test]
fn bars_drawn_again_are_runs_that_verify_and_the_same_for_any_number_of_workers() {
    let place = Place::new();
    let snapshot = place.ingested();
    let terms = [
        "--instruments",
        "IBM,AAPL",
        "--param",
        "slow=30",
        "--from",
        "2004-06-01",
        "--to",
        "2006-01-01",
    ];
    let done = place.backtest(&snapshot, &terms);
    let run = text(&done, "run-id");
    let drawn = |more: &[&str]| {
        let all = [&["monte-carlo", run, "--bars", "--samples", "6"], more].concat();
        place.json(0, &all)
    };
    let first = drawn(&["--workers", "1"]);
    assert!(first["actual"]["profit"].is_string());
    assert_eq!(first["rows"].as_array().unwrap().len(), 6);
    assert_eq!(first["samples-that-ended"], 6);
    // Without journals, snapshots and recipes everything is made anew.
    for folder in ["runs", "recipes", "sweeps"] {
        std::fs::remove_dir_all(place.path("data").join(folder)).unwrap();
    }
    let again = place.backtest(&snapshot, &terms);
    assert_eq!(again["run-id"], done["run-id"]);
    assert_eq!(first, drawn(&["--workers", "3"]));
    let profits: std::collections::BTreeSet<String> = (0..6)
        .map(|sample| first["rows"][sample]["profit"].to_string())
        .collect();
    assert_eq!(profits.len(), 6, "each sample is another");
    assert_ne!(first["percentiles"], drawn(&["--seed", "2"])["percentiles"]);
    assert_ne!(first["percentiles"], drawn(&["--shuffle"])["percentiles"]);

    // Each sample is a run like any other, over a snapshot that says what it was drawn from.
    let sample = text(&first["rows"][3], "run");
    place.json(0, &["verify", sample]);
    place.json(0, &["replay", sample]);
    let shown = place.json(0, &["run", "show", sample, "--manifest"]);
    let source = text(&shown["data"]["snapshot"], "id");
    let lineage = place.json(0, &["data", "lineage", source]);
    assert_eq!(lineage["drawn-from"], snapshot.as_str());
    assert_eq!(lineage["settings"]["sample"], "3");
    assert_eq!(lineage["settings"]["draw"], "stationary");
    let none = place.run(&["monte-carlo", run, "--bars", "--samples", "0"]);
    assert_eq!(none.status.code(), Some(2));
}

#[test]
fn live_listens_for_bars_and_decides_as_the_backtest_did() {
    let place = Place::new();
    let snapshot = place.ingested();
    let bars = [
        "--instruments",
        "IBM",
        "--param",
        "slow=30",
        "--from",
        "2012-01-01",
    ];
    let backtested = place.backtest(&snapshot, &bars);

    let terms = cross(&snapshot);
    let terms: Vec<&str> = terms.iter().map(String::as_str).collect();
    let terms: Vec<&str> = terms
        .iter()
        .map(|term| {
            if *term == "--snapshot" {
                "--like-snapshot"
            } else {
                term
            }
        })
        .collect();
    let listening = [
        "--instruments",
        "IBM",
        "--param",
        "slow=30",
        "--listen",
        "127.0.0.1:0",
        "--json",
    ];
    let mut child = place
        .command(&[&["live"], terms.as_slice(), &listening].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let address = said
        .find_map(|line| Some(line.unwrap().strip_prefix("listening at ")?.to_owned()))
        .expect("the program says where it listens");
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(lines().as_bytes()).unwrap();
    drop(stream);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let live: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(live["decision-digest"], backtested["decision-digest"]);
    assert_eq!(live["fills"], backtested["fills"]);
    assert!(live["fills"].as_u64() > Some(0));
}

/// IBM's bars from 2012 on, as a feed would send them.
fn lines() -> String {
    let file = project("tests/data/us-equities-daily-2000-2013.csv.gz");
    let unpacked = Command::new("gzip").args(["-dc", &file]).output().unwrap();
    let unpacked = String::from_utf8(unpacked.stdout).unwrap();
    let mut rows = unpacked.lines();
    let head: Vec<&str> = rows.next().unwrap().split(',').collect();
    let mut bars: Vec<String> = rows
        .filter_map(|row| {
            let cells: Vec<&str> = row.split(',').collect();
            let cell = |name: &str| cells[head.iter().position(|title| *title == name).unwrap()];
            let day = cell("Date");
            (cell("Ticker") == "IBM" && day >= "2012").then(|| {
                let date: Vec<u32> = day.split('-').map(|part| part.parse().unwrap()).collect();
                let next = next_day(date[0], date[1], date[2]);
                format!(
                    "{{\"symbol\":\"IBM\",\"open-time\":\"{day}\",\"close-time\":\"{next}\",\"open\":{},\
                     \"high\":{},\"low\":{},\"close\":{},\"volume\":{}}}\n",
                    cell("Open"), cell("High"), cell("Low"), cell("Close"), cell("Volume")
                )
            })
        })
        .collect();
    bars.sort();
    bars.concat()
}

fn next_day(year: u32, month: u32, day: u32) -> String {
    let leap = year.is_multiple_of(4);
    let last = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    match (month, day == last) {
        (12, true) => format!("{}-01-01", year + 1),
        (_, true) => format!("{year}-{:02}-01", month + 1),
        (_, false) => format!("{year}-{month:02}-{:02}", day + 1),
    }
}

#[test]
fn a_live_run_checks_its_flags_before_it_waits_for_bars() {
    let place = Place::new();
    let snapshot = place.ingested();
    let mut terms = cross(&snapshot);
    "--like-snapshot".clone_into(&mut terms[2]);
    let terms: Vec<&str> = terms.iter().map(String::as_str).collect();
    let wrong = ["--feed", "binance", "--connect", "127.0.0.1:9"];
    let refused = place.run(&[&["live"], terms.as_slice(), &wrong].concat());
    let printed = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(64), "{printed}");
    assert!(printed.contains("leave out --connect"), "{printed}");
    assert!(!printed.contains("waiting for bars"), "{printed}");
    // The port of the discard service, which no test machine runs.
    let refused = place.run(&[&["live"], terms.as_slice(), &wrong[2..]].concat());
    let printed = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{printed}");
    assert!(
        printed.contains("cannot connect to the feed at"),
        "{printed}"
    );
    assert!(!printed.contains("waiting for bars"), "{printed}");
}

#[test]
fn a_stop_keeps_live_runs_from_starting_until_it_is_lifted() {
    let place = Place::new();
    let snapshot = place.ingested();
    let mut terms = cross(&snapshot);
    "--like-snapshot".clone_into(&mut terms[2]);
    let terms: Vec<&str> = terms.iter().map(String::as_str).collect();
    let live = [&["live"], terms.as_slice()].concat();
    let targets = [["--all"].as_slice(), &["--account", "Paper"]];
    for target in targets {
        let stop = [&["kill"], target].concat();
        let stopped = place.json(0, &[stop.as_slice(), &["--reason", "a drill"]].concat());
        assert_eq!(stopped["stopped"], true);
        let refused = place.run(&live);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(2), "{said}");
        assert!(
            said.contains("-killed: the run does not start: a drill"),
            "{said}"
        );
        let lift = [stop.as_slice(), &["--lift"]].concat();
        assert_eq!(place.json(0, &lift)["stopped"], false);
        assert_eq!(place.json(1, &lift)["changed"], false);
        place.json(0, &live);
    }
    // No byte can be written, as on a full disk: an empty file stops all the same.
    let shell = format!(
        "trap '' XFSZ; ulimit -f 0; exec {} kill --all --reason full",
        env!("CARGO_BIN_EXE_counterfoil")
    );
    let full = place.command(&[]);
    let mut stopped = Command::new("bash");
    stopped.args(["-c", &shell]).envs(
        full.get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    let stopped = stopped.output().unwrap();
    let said = String::from_utf8_lossy(&stopped.stderr).into_owned();
    assert_eq!(stopped.status.code(), Some(0), "{said}");
    assert_eq!(place.run(&live).status.code(), Some(2));
    place.json(0, &["kill", "--all", "--lift"]);
    assert_eq!(place.run(&["kill"]).status.code(), Some(64));
    assert_eq!(place.run(&["kill", "--all", "ab"]).status.code(), Some(64));
    assert_eq!(place.run(&["kill", "ab12"]).status.code(), Some(2));
}

/// The findings of `doctor` by the name of what was looked at: state and text.
#[track_caller]
fn examined(place: &Place, code: i32) -> BTreeMap<String, (String, String)> {
    let all = place.json(code, &["doctor"]);
    let one = |found: &Value| {
        let [check, state, says] =
            ["check", "state", "found"].map(|field| text(found, field).to_owned());
        (check, (state, says))
    };
    all.as_array().unwrap().iter().map(one).collect()
}

#[test]
fn the_doctor_names_what_would_fail_and_repairs_nothing() {
    let place = Place::new();
    let healthy = examined(&place, 0);
    for (check, says) in [
        ("ledger", "none"),
        ("locks", "files can be locked"),
        ("disk", "MiB free"),
    ] {
        let (state, found) = &healthy[check];
        assert!(state == "good" && found.contains(says), "{check}: {found}");
    }
    assert_eq!(healthy["keys"].0, "lacking");
    assert_eq!(healthy["keys of people"].1, "0 keys");
    // Where the kernel has no Landlock it says so, and that is no failure.
    let (state, wall) = &healthy["second wall"];
    assert_eq!(
        state == "good",
        wall.starts_with("files, TCP ports"),
        "{wall}"
    );
    assert!(!place.path("keys").join("log-signing.key").exists());
    // A ledger that is none.
    let ledger = place.path("data").join("ledger");
    std::fs::create_dir(&ledger).unwrap();
    std::fs::write(ledger.join("desk.ledger"), "no ledger").unwrap();
    place.run(&["people", "key", "new", "ann"]);
    let found = examined(&place, 1);
    assert_eq!(found["ledger"].0, "bad");
    assert_eq!(found["keys of people"].1, "1 key");
    // A key that others can read: no act would take it.
    let key = std::fs::read_dir(place.path("keys").join("people"));
    let key = key.unwrap().next().unwrap().unwrap().path();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(&key, mode).unwrap();
    let (state, says) = &examined(&place, 1)["keys of people"];
    assert!(state == "bad" && says.contains("ann"), "{says}");
    // A folder that others write: every other command refuses it.
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(place.path("data"), mode).unwrap();
    let (state, found) = &examined(&place, 1)["data directory"];
    assert!(state == "bad" && found.contains("chmod o-w"), "{found}");
}

/// A file of columns is decoded by a child of a process that is confined by then.
#[test]
fn a_columnar_file_is_ingested_behind_the_second_wall() {
    let place = Place::new();
    let text = |values: [&str; 3]| Arc::new(StringArray::from_iter_values(values)) as ArrayRef;
    let number = |values: [f64; 3]| Arc::new(Float64Array::from_iter_values(values)) as ArrayRef;
    let batch = RecordBatch::try_from_iter([
        ("Ticker", text(["IBM", "IBM", "IBM"])),
        ("Date", text(["2026-01-05", "2026-01-06", "2026-01-07"])),
        ("Open", number([10.0, 11.0, 12.0])),
        ("High", number([11.0, 12.0, 13.0])),
        ("Low", number([9.0, 10.0, 11.0])),
        ("Close", number([10.5, 11.5, 12.5])),
        ("Volume", number([100.0, 110.0, 120.0])),
    ]);
    let batch = batch.unwrap();
    let mut writer = FileWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    let bytes = writer.into_inner().unwrap();
    std::fs::write(place.path("IBM.feather"), bytes).unwrap();
    let made = place.json(0, &["data", "ingest", "IBM.feather"]);
    assert_eq!(made["bars"], 3, "{made}");
}
