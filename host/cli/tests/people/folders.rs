//! Who can write what the program keeps, and what it does with a folder or with code that others can write.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const PROGRAM: &str = env!("CARGO_BIN_EXE_counterfoil");

fn project(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.join(path).display().to_string()
}

/// Runs the program in `folder` under a umask that lets everybody write.
fn counterfoil(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", "umask 000; exec \"$0\" \"$@\"", PROGRAM])
        .args(arguments)
        .env("COUNTERFOIL_DATA_DIR", folder.join("data"))
        .env("COUNTERFOIL_KEY_DIR", folder.join("keys"))
        .env("COUNTERFOIL_CACHE_DIR", folder.join("code"));
    command.output().unwrap()
}

#[track_caller]
fn done(folder: &Path, arguments: &[&str]) -> serde_json::Value {
    let output = counterfoil(folder, &[arguments, &["--json"]].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A run of the example component; returns its id.
fn backtest(folder: &Path) -> String {
    let file = project("tests/data/us-equities-daily-2000-2013.csv.gz");
    let made = done(folder, &["data", "ingest", &file]);
    let component = project("sdk-examples/components/buy-and-hold.wasm");
    let snapshot = made["snapshot"].as_str().unwrap();
    let terms = [
        "backtest",
        "--component",
        &component,
        "--snapshot",
        snapshot,
        "--risk",
        "research",
    ];
    let run = done(folder, &[&terms[..], &["--instruments", "IBM"]].concat());
    run["run-id"].as_str().unwrap().to_owned()
}

/// Every file and folder below `folder`.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    let mut left = vec![folder.to_owned()];
    while let Some(folder) = left.pop() {
        for found in fs::read_dir(folder).unwrap() {
            let found = found.unwrap();
            if found.file_type().unwrap().is_dir() {
                left.push(found.path());
            }
            all.push(found.path());
        }
    }
    all
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn nothing_is_written_that_everybody_can_write() {
    let folder = tempfile::tempdir().unwrap();
    backtest(folder.path());
    let all = below(folder.path());
    assert!(all.len() > 20, "{all:?}");
    for path in &all {
        assert_eq!(mode(path) & 0o002, 0, "{}", path.display());
    }
    assert_eq!(mode(&folder.path().join("code")), 0o700);
    assert_eq!(mode(&folder.path().join("keys")), 0o700);
}

#[test]
fn folders_that_others_can_write_are_refused_with_the_command_that_closes_them() {
    let folder = tempfile::tempdir().unwrap();
    let run = backtest(folder.path());
    let table = [
        ("data", 0o775, "chmod g-w"),
        ("data", 0o777, "chmod o-w"),
        ("keys", 0o770, "chmod go-w"),
        ("code", 0o750, "chmod go-rwx"),
    ];
    for (name, open, hint) in table {
        let path = folder.path().join(name);
        let before = mode(&path);
        set_mode(&path, open);
        // A command that reads data, signs, and compiles.
        let manifest = folder
            .path()
            .join("data/runs")
            .join(run.trim_start_matches("sha256:"))
            .join("1/manifest.json");
        let output = counterfoil(
            folder.path(),
            &["backtest", &manifest.display().to_string()],
        );
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{name} {open:o}: {said}");
        assert!(said.contains(hint), "{name} {open:o}: {said}");
        set_mode(&path, before);
    }
}

/// Code that came along with somebody's data, where earlier builds kept it, is not even looked at.
#[test]
fn code_in_the_data_folder_never_runs() {
    let folder = tempfile::tempdir().unwrap();
    let run = backtest(folder.path());
    let data = folder.path().join("data");
    fs::rename(folder.path().join("code"), data.join("compiled")).unwrap();
    let before = below(&data.join("compiled"));
    done(folder.path(), &["replay", &run]);
    assert_eq!(below(&data.join("compiled")), before);
    let inside = data.join("compiled").display().to_string();
    let output = counterfoil(folder.path(), &["replay", &run, "--cache-dir", &inside]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(64), "{said}");
    assert!(said.contains("in the data directory"), "{said}");
}
