//! Texts from outside on the terminal: none forges a line of the program or drives the terminal, and each error has a
//! way on.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::path::Path;
use std::process::{Command, Output, Stdio};

use counterfoil_base::text::drives_display;

/// Logs and panics in several lines, with what clears a line, sets a title and turns the direction of writing.
const GUEST: &str = r#"
(data (i32.const 9000) "panic at src/lib.rs:30: odd\0aFORGED panic\0d\1b[2K\1b]0;x\07\e2\80\ae")
(data (i32.const 9100) "volume\0aFORGED log\0d\1b[2K\c2\9b\e2\80\ae")
(func (export "on-bar") (param i32 i64 i64 i64 i64 i64 i64 i64 i64 i32 i32 i32) (result i32)
  (call $log (i32.const 1) (i32.const 9100) (i32.const 27))
  (if (i64.eq (local.get 1) (i64.const 1)) (then
    (call $log (i32.const 3) (i32.const 9000) (i32.const 55)) unreachable))
  (i32.const 16))"#;

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_counterfoil"))
        .args(arguments)
        .env("COUNTERFOIL_DATA_DIR", folder.join("data"))
        .env("COUNTERFOIL_KEY_DIR", folder.join("keys"))
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// Both streams, with the check that no text from outside drives the terminal or begins a line.
#[track_caller]
fn printed(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).unwrap();
    let hostile = text.chars().find(|c| *c != '\n' && drives_display(*c));
    assert_eq!(hostile, None, "{arguments:?}: {text:?}");
    let forged = text.lines().find(|line| line.starts_with("FORGED"));
    assert_eq!(forged, None, "{arguments:?}: {text}");
    text
}

/// A folder with a component, bars and two snapshots, of which the second has an action; with the snapshots' ids.
fn place() -> (tempfile::TempDir, [String; 2]) {
    let place = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(place.path().join(name), bytes).unwrap();
    write("guest.wasm", &counterfoil_guests::component(GUEST));
    write(
        "IBM.csv",
        b"Ticker,Date,Open,High,Low,Close,Volume\nIBM,2026-01-05,10,11,9,10,5\n\
          IBM,2026-01-06,10,11,9,10,5\nIBM,2026-01-07,10,11,9,10,5\n",
    );
    write(
        "actions.csv",
        b"instrument,ex_date,action,value\nIBM,2026-01-06,symbol,NEW\n",
    );
    let ingested = |flags: &[&str]| {
        let output = run(
            place.path(),
            &[&["data", "ingest", "IBM.csv", "--json"], flags].concat(),
        );
        let made: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        made["snapshot"].as_str().unwrap().to_owned()
    };
    let snapshots = [ingested(&[]), ingested(&["--actions", "actions.csv"])];
    (place, snapshots)
}

/// A panic of two lines printed a line of its own below the host's, which read like the host's verdict.
#[test]
fn a_strategy_forges_no_line_and_drives_no_terminal() {
    let (place, [snapshot, _]) = place();
    let folder = place.path();
    let flags = ["--component", "guest.wasm", "--snapshot", &snapshot];
    let backtest = [&["backtest", "--risk", "research"], flags.as_slice()].concat();
    let shown = printed(folder, &backtest);
    assert!(
        shown.contains("  message: panic at src/lib.rs:30: odd\n    FORGED panic\u{fffd}"),
        "{shown}"
    );
    assert!(shown.contains("volume\n    FORGED log\u{fffd}"), "{shown}");
    let run = shown.lines().find_map(|line| line.strip_prefix("run "));
    let run = run.unwrap().trim().split(' ').next().unwrap();
    for arguments in [
        vec!["run", "show", run],
        vec!["run", "show", run, "--json"],
        vec!["run", "log", run],
        vec!["run", "log", run, "--json"],
        vec!["run", "list"],
        vec!["verify", run],
        vec!["verify", run, "--json"],
        vec!["replay", run],
        vec!["replay", run, "--json"],
        vec!["report", run],
        vec!["run", "show", "odd\nFORGED run\u{1b}[2K"],
        vec!["data", "ingest", "odd\nFORGED file\u{202e}"],
        vec!["backtest", "odd\nFORGED manifest\u{9b}"],
        vec!["odd\nFORGED command\u{1b}[2K"],
        vec!["backtest", "--odd\nFORGED flag\u{1b}]0;x\u{7}"],
        vec!["run", "show", "x", "--fills=\nFORGED value\u{202e}"],
        vec!["--color", "\nFORGED colour\u{9b}", "version"],
    ] {
        printed(folder, &arguments);
    }
}

/// Both read another's component and journal, and write no data.
#[test]
fn a_replay_and_a_look_ahead_test_run_behind_a_second_wall() {
    let (place, [snapshot, _]) = place();
    let folder = place.path();
    let flags = ["--component", "guest.wasm", "--snapshot", &snapshot];
    let shown = printed(
        folder,
        &[&["backtest", "--risk", "research"], flags.as_slice()].concat(),
    );
    let run = shown.lines().find_map(|line| line.strip_prefix("run "));
    let run = run.unwrap().trim().split(' ').next().unwrap();
    for command in [vec!["replay"], vec!["audit", "lookahead"]] {
        // Without the cache, so that the confined process starts the compiling one.
        let cache = ["--cache-dir", "cold", "--verbose"];
        let _gone = std::fs::remove_dir_all(folder.join("cold"));
        let shown = printed(folder, &[command.as_slice(), &[run], &cache].concat());
        assert!(shown.contains("\nsecond wall: "), "{command:?}: {shown}");
        assert!(shown.contains("identical"), "{command:?}: {shown}");
        if !shown.contains("second wall: files, TCP ports and system calls are confined") {
            std::io::Write::write_all(
                &mut std::io::stderr(),
                b"SKIPPED: this kernel has no Landlock, so files are not confined\n",
            )
            .unwrap();
        }
    }
}

#[test]
fn an_error_about_a_flag_names_it_and_the_way_on() {
    let (place, [snapshot, renamed]) = place();
    let folder = place.path();
    let flags = |snapshot: &str, flags: &str| {
        let given = format!("backtest --component guest.wasm --snapshot {snapshot} {flags}");
        given.split(' ').map(str::to_owned).collect::<Vec<_>>()
    };
    let live = |flags: &str| {
        let given = format!(
            "live --component guest.wasm --risk research --like-snapshot {snapshot} {flags}"
        );
        given.split(' ').map(str::to_owned).collect::<Vec<_>>()
    };
    std::fs::write(folder.join("empty.json"), "{}").unwrap();
    //     arguments, exit code, what the error says
    let table = [
        (
            flags(&snapshot, "--risk research --limits /dev/null"),
            2,
            "--limits /dev/null: cannot open /dev/null: not a plain file",
        ),
        (
            flags(&snapshot, "--risk nosuch"),
            2,
            "--risk nosuch: give a file with every limit of a manifest's `risk`, or --risk research: cannot open nosuch",
        ),
        (
            flags(&snapshot, "--risk empty.json"),
            2,
            "--risk empty.json: give a file with every limit of a manifest's `risk`, or --risk research: missing field",
        ),
        (
            flags(&renamed, "--risk research --instruments NEW"),
            2,
            "no instrument \"NEW\" in the snapshot; it has IBM; NEW is a later ticker of IBM: ask for IBM",
        ),
        (
            vec!["live".to_owned(), "nosuch.json".to_owned()],
            2,
            "no manifest; give a file, or --component FILE and the flags that make one: cannot open nosuch.json",
        ),
        (
            live("--venues nosuch.json"),
            2,
            "--venues nosuch.json: cannot open nosuch.json",
        ),
        (
            live("--listen 0.0.0.0:0"),
            64,
            "--listen 0.0.0.0:0: other machines can reach 0.0.0.0:",
        ),
    ];
    for (arguments, code, expect) in table {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = run(folder, &arguments);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(expect), "{arguments:?}: {error}");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
    }
}
