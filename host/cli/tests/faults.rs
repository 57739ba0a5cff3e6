//! What the program prints of a strategy that fails or says too much.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::path::Path;
use std::process::{Command, Stdio};

/// Logs 5,000 bytes on each bar, and panics on the second one as the SDK's hook does.
const GUEST: &str = r#"
(data (i32.const 9000) "panic at src/lib.rs:30: odd volume")
(func (export "on-bar") (param i32 i64 i64 i64 i64 i64 i64 i64 i64 i32 i32 i32) (result i32)
  (memory.fill (i32.const 20000) (i32.const 97) (i32.const 5000))
  (call $log (i32.const 1) (i32.const 20000) (i32.const 5000))
  (if (i64.eq (local.get 1) (i64.const 1)) (then
    (call $log (i32.const 3) (i32.const 9000) (i32.const 34)) unreachable))
  (i32.const 16))"#;

/// A command that works in `folder`.
fn within(folder: &Path, mut command: Command) -> Command {
    command
        .env("COUNTERFOIL_DATA_DIR", folder.join("data"))
        .env("COUNTERFOIL_KEY_DIR", folder.join("keys"))
        .current_dir(folder)
        .stdin(Stdio::null());
    command
}

/// Standard output and standard error of the program over `folder`.
fn printed(folder: &Path, arguments: &[&str]) -> (String, String) {
    let program = Command::new(env!("CARGO_BIN_EXE_counterfoil"));
    let output = within(folder, program).args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// Writes the component into a folder, and ingests three daily bars; returns the snapshot's id.
fn snapshot_of_three_days(folder: &Path) -> String {
    std::fs::write(
        folder.join("guest.wasm"),
        counterfoil_guests::component(GUEST),
    )
    .unwrap();
    let bars = "Ticker,Date,Open,High,Low,Close,Volume\nIBM,2026-01-05,10,11,9,10,5\nIBM,2026-01-06,10,11,9,10,5\n\
                IBM,2026-01-07,10,11,9,10,5\n";
    std::fs::write(folder.join("IBM.csv"), bars).unwrap();
    let (made, _) = printed(folder, &["data", "ingest", "IBM.csv", "--json"]);
    let made: serde_json::Value = serde_json::from_str(&made).unwrap();
    made["snapshot"].as_str().unwrap().to_owned()
}

/// The panic's text was on the terminal of the first run alone, and only while the log had room for it.
#[test]
fn a_panic_and_what_was_cut_from_the_log_are_shown() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let snapshot = snapshot_of_three_days(folder);
    let flags = ["--component", "guest.wasm", "--snapshot", &snapshot];
    let (shown, log) = printed(
        folder,
        &[&["backtest", "--risk", "research"], flags.as_slice()].concat(),
    );
    assert!(log.contains("aaa[cut]\n"), "{log}");
    // Two bars of 910 bytes, which the mark's five are a part of, and the panic's line.
    let losses = "strategy text cut to its limits (log: 910 bytes, whole lines: 0; reasons: 0)";
    assert!(log.contains(losses), "{log}");
    let losses = "strategy text cut to its limits (log: 944 bytes, whole lines: 1; reasons: 0)";
    assert!(log.contains(losses), "{log}");
    let message = "strategy fault: unreachable in on-bar on bar 1 of IBM";
    let panic = "\n  message: panic at src/lib.rs:30: odd volume\n";
    assert!(
        shown.contains(message) && shown.contains(panic),
        "{shown}{log}"
    );
    let run = shown.lines().find_map(|line| line.strip_prefix("run "));
    let run = run.unwrap().trim().split(' ').next().unwrap();
    let (again, _) = printed(folder, &["run", "show", run]);
    assert!(again.contains(message) && again.contains(panic), "{again}");
}

/// A script that reads an answer from a file on a full disk must not take the part that is there for the whole.
#[test]
fn output_that_cannot_be_written_is_an_error() {
    let place = tempfile::tempdir().unwrap();
    let commands: [&[&str]; 6] = [
        &["run", "list"],
        &["run", "list", "--json"],
        &["version"],
        &["--help"],
        &["completions", "bash"],
        &["data", "formats"],
    ];
    for arguments in commands {
        let full = std::fs::File::create("/dev/full").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_counterfoil"));
        command
            .args(arguments)
            .env("COUNTERFOIL_DATA_DIR", place.path().join("data"))
            .stdout(full);
        assert_eq!(command.status().unwrap().code(), Some(2), "{arguments:?}");
        // A reader that has seen enough is no error.
        let (read, write) = std::io::pipe().unwrap();
        drop(read);
        let done = command.stdout(write).status().unwrap();
        assert_eq!(done.code(), Some(0), "{arguments:?}");
    }
}

/// A limit on the size of files stands for a full disk: the first byte of the execution cannot be written.
#[test]
fn a_backtest_that_cannot_write_its_first_record_is_not_listed() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let snapshot = snapshot_of_three_days(folder);
    let flags = |slippage: &str| {
        let flags = format!(
            "backtest --risk research --component guest.wasm --snapshot {snapshot} --slippage-bps {slippage}"
        );
        flags.split(' ').map(str::to_owned).collect::<Vec<_>>()
    };
    let all = flags("0");
    let all: Vec<_> = all.iter().map(String::as_str).collect();
    printed(folder, &all);
    let listed = |folder: &Path| {
        let (list, error) = printed(folder, &["--json", "run", "list"]);
        let list: serde_json::Value =
            serde_json::from_str(&list).unwrap_or_else(|_| panic!("{list}{error}"));
        list.as_array().unwrap().len()
    };
    assert_eq!(listed(folder), 1);
    // Component and compiled code are there by now, so that nothing is written before the execution.
    let script = "trap '' XFSZ; ulimit -f 0; exec \"$@\"";
    let full = within(folder, Command::new("sh"))
        .args(["-c", script, "sh", env!("CARGO_BIN_EXE_counterfoil")])
        .args(flags("1"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&full.stderr);
    assert_eq!(full.status.code(), Some(2), "{said}");
    assert!(said.contains("too large"), "{said}");
    assert_eq!(listed(folder), 1, "{said}");
    a_run_that_was_listed_and_is_gone_is_named(folder);
}

fn a_run_that_was_listed_and_is_gone_is_named(folder: &Path) {
    let listed = || -> serde_json::Value {
        let (list, _) = printed(folder, &["--json", "run", "list"]);
        serde_json::from_str(&list).unwrap()
    };
    let (before, _) = printed(folder, &["run", "list"]);
    let run = listed()[0]["run"].as_str().unwrap().to_owned();
    let (runs, aside) = (folder.join("data/runs"), folder.join("aside"));
    std::fs::rename(&runs, &aside).unwrap();
    // Named each time until it is back, or forgotten.
    for _ in 0..2 {
        let (list, error) = printed(folder, &["run", "list"]);
        assert!(list.contains(&run[..12]) && list.contains("gone"), "{list}");
        assert!(error.contains("1 run; restore"), "{error}");
        let gone = serde_json::json!([{ "run": run, "execution": 1, "gone": true }]);
        assert_eq!(listed(), gone);
    }
    std::fs::rename(&aside, &runs).unwrap();
    assert_eq!(printed(folder, &["run", "list"]), (before, String::new()));
    std::fs::remove_dir_all(&runs).unwrap();
    std::fs::remove_dir_all(folder.join("keys/seen")).unwrap();
    assert_eq!(listed(), serde_json::json!([]));
}
