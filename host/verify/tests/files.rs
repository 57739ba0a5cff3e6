//! What the program is given: files of every kind, files that never end, and places that take no output.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

#[expect(dead_code, reason = "other tests use the rest of it")]
mod common;

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use common::{Plan, bars, key, manifest, prove, run, seal, signer, snapshot};

fn program(folder: &Path, arguments: &str) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_counterfoil-verify"))
        .current_dir(folder)
        .args(arguments.split_whitespace())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

/// A folder with a journal, a proof of it, its manifest and the log's key.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let manifest = manifest(1, 5, &snapshot());
    let bars = bars(1, 12);
    let plan = Plan {
        every: 1,
        fails_at: None,
        burst: 0,
    };
    let bodies = run(&manifest, &bars, &bars, plan);
    let origin = format!("counterfoil/run/{}/3", manifest.run_id().unwrap().hex());
    for (name, bytes) in [
        ("journal", seal(&bodies, &manifest, &signer())),
        ("one.tlog-proof", prove(&bodies, &origin, 6).into_bytes()),
        ("manifest.json", manifest.canonical().unwrap().into_bytes()),
        ("key", key().to_string().into_bytes()),
        ("empty", Vec::new()),
        ("older", b"counterfoil/j/1\nE".to_vec()),
    ] {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

#[track_caller]
fn check(folder: &Path, arguments: &str, code: i32, text: &str) {
    let (got, answer) = program(folder, arguments);
    assert_eq!(got, Some(code), "{arguments}: {answer}");
    assert!(answer.contains(text), "{arguments}: {answer}");
}

/// Broke: a manifest, a key and a proof given in a journal's place were called a broken journal, exit code 1, as if
/// somebody had forged them. Fixed by looking at the first bytes.
#[test]
fn a_good_file_of_another_kind_is_named_and_never_called_broken() {
    let folder = folder();
    let at = folder.path();
    let json = "manifest.json: JSON text, such as a manifest; expected a journal";
    check(at, "--key key manifest.json", 2, json);
    check(at, "--key key key", 2, "a file of an unknown kind");
    check(at, "--key key older", 2, "a log of another version");
    check(at, "--key key empty", 1, "no complete record");
    check(at, "--key key one.tlog-proof", 0, "proved: record 6");
    let journal = "journal: a journal; expected a .tlog-proof";
    check(at, "proof --key key journal", 2, journal);
    let orders = "expected an order log";
    check(at, "--key key --orders manifest.json .", 2, orders);
    let other = "a proof of one record; a run's folder, --orders, --ledger and --integrity-only go with a journal";
    check(at, "--key key --integrity-only one.tlog-proof", 2, other);
    let run = "--actor-key goes with a ledger's proof";
    check(at, "proof --actor-key key --key key one.tlog-proof", 2, run);
}

#[test]
fn the_example_beside_the_format_holds_under_its_key_and_under_no_other() {
    let folder = folder();
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference");
    let text = fs::read_to_string(docs.join("journal-example.txt")).unwrap();
    let (_, of) = text.split_once("Public key: ").unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("example.key"), of.split(',').next().unwrap()).unwrap();
    fs::write(at("example.txt"), &text).unwrap();
    let changed = text.replacen("00001388", "00001389", 1);
    fs::write(
        at("changed.txt"),
        if changed == text {
            text.replacen("8209", "8309", 1)
        } else {
            changed
        },
    )
    .unwrap();
    check(
        folder.path(),
        "--key example.key example.txt",
        0,
        "2 checkpoints hold",
    );
    check(folder.path(), "--key key example.txt", 1, "BROKEN");
    check(folder.path(), "--key example.key changed.txt", 1, "BROKEN");
}

/// Broke: a FIFO in place of any file made the program wait for as long as nobody wrote to it, and `/dev/zero` as a key
/// took all memory. Fixed by opening plain files alone, without waiting, and reading small ones within a length.
#[test]
#[cfg(target_os = "linux")]
fn what_is_no_plain_file_is_refused_at_once_in_every_place() {
    let folder = folder();
    let fifo = folder.path().join("fifo");
    let made = Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(made.success());
    for place in ["fifo", "/dev/zero", "/dev/stdin"] {
        for arguments in [
            format!("--key {place} journal"),
            format!("--key key {place}"),
            format!("--key key --orders {place} journal"),
            format!("proof --key key {place}"),
            format!("proof --key {place} one.tlog-proof"),
            format!("proof --key key --manifest {place} one.tlog-proof"),
        ] {
            check(folder.path(), &arguments, 2, "not a plain file");
        }
    }
}

#[test]
fn small_files_are_read_within_a_length() {
    let folder = folder();
    // Sparse: it takes no room, and read whole it would take all memory.
    let huge = File::create(folder.path().join("huge")).unwrap();
    huge.set_len(1 << 40).unwrap();
    let long = "huge: longer than";
    check(folder.path(), "--key huge journal", 2, long);
    check(
        folder.path(),
        "proof --key key --manifest huge one.tlog-proof",
        2,
        long,
    );
    let mut proof = fs::read(folder.path().join("one.tlog-proof")).unwrap();
    proof.resize(1 << 20, b'\n');
    fs::write(folder.path().join("long.tlog-proof"), proof).unwrap();
    check(
        folder.path(),
        "proof --key key long.tlog-proof",
        2,
        "longer than",
    );
}

/// Broke: an answer that a full disk did not take ended with the code of the verdict.
#[test]
#[cfg(target_os = "linux")]
fn an_answer_that_cannot_be_written_is_exit_code_2() {
    let folder = folder();
    for arguments in ["--help", "--key key journal", "--key key --json journal"] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_counterfoil-verify"))
            .current_dir(folder.path())
            .args(arguments.split_whitespace())
            .stdout(full)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains("cannot write the answer"), "{told}");
    }
}
