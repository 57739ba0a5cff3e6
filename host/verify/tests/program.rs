//! The program's answers and exit codes, and proofs of single records.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

#[expect(dead_code, reason = "other tests use the rest of it")]
mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{Plan, bars, key, manifest, opening, prove, run, seal, signer, snapshot};
use counterfoil_base::text::drives_display;
use counterfoil_trading::manifest::Manifest;
use counterfoil_verify::verify_proof;

fn program(folder: &Path, arguments: &str) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_counterfoil-verify"))
        .current_dir(folder)
        .args(arguments.split_whitespace())
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

fn journal() -> (Manifest, Vec<Vec<u8>>) {
    let manifest = manifest(1, 5, &snapshot());
    let bars = bars(1, 12);
    let bodies = run(
        &manifest,
        &bars,
        &bars,
        Plan {
            every: 1,
            fails_at: None,
            burst: 0,
        },
    );
    (manifest, bodies)
}

/// The proof of one record.
fn proof(manifest: &Manifest, bodies: &[Vec<u8>], index: usize) -> String {
    let origin = format!("counterfoil/run/{}/3", manifest.run_id().unwrap().hex());
    prove(bodies, &origin, index)
}

#[test]
fn each_answer_has_its_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (manifest, bodies) = journal();
    let bytes = seal(&bodies, &manifest, &signer());
    fs::write(at("journal"), &bytes).unwrap();
    fs::write(at("torn"), &bytes[..bytes.len() - 9]).unwrap();
    fs::write(at("key"), key().to_string()).unwrap();
    fs::write(at("manifest.json"), manifest.canonical().unwrap()).unwrap();
    let proof = proof(&manifest, &bodies, 6);
    fs::write(at("one.tlog-proof"), &proof).unwrap();
    fs::write(
        at("bad.tlog-proof"),
        proof.replacen("index 6", "index 7", 1),
    )
    .unwrap();
    let table = [
        ("--key key journal", 0, "integrity:    intact\n"),
        ("--key key .", 0, "completeness: complete\n"),
        ("--key key --json .", 0, "\"good\":true"),
        ("--key key --integrity-only .", 0, "re-run:       skipped\n"),
        (
            "--key key torn",
            1,
            "integrity:    intact up to the last checkpoint",
        ),
        ("--key key torn", 1, "completeness: INCOMPLETE\n"),
        ("--key key --json torn", 1, "\"good\":false"),
        ("--key key nothing", 2, "cannot verify: nothing:"),
        (
            "--key manifest.json journal",
            2,
            "cannot verify: manifest.json: no public key in the key file",
        ),
        ("journal", 64, "missing --key FILE"),
        ("--help", 0, "exit codes:"),
        ("proof --key key one.tlog-proof", 0, "(unscaled)"),
        (
            "proof --key key --manifest manifest.json one.tlog-proof",
            0,
            "filled: buy 10 SYM0 at 98.32",
        ),
        ("proof --key key bad.tlog-proof", 1, "not proved: "),
        ("proof --key key --json bad.tlog-proof", 1, "\"good\":false"),
        (
            "proof --key key none.tlog-proof",
            2,
            "cannot verify: none.tlog-proof",
        ),
    ];
    for (arguments, code, text) in table {
        let (got, answer) = program(folder.path(), arguments);
        assert_eq!(got, Some(code), "{arguments}: {answer}");
        assert!(answer.contains(text), "{arguments}: {answer}");
    }
}

#[test]
fn a_proof_holds_for_its_own_record_and_for_no_other_bytes() {
    let (manifest, bodies) = journal();
    for index in 0..bodies.len() {
        let proved = verify_proof(proof(&manifest, &bodies, index).as_bytes(), &key(), None);
        let proved = proved.unwrap();
        assert_eq!((proved.index, proved.execution), (index as u64, 3));
        assert_eq!(proved.run_id, manifest.run_id().unwrap());
    }
    let proof = proof(&manifest, &bodies, 4).into_bytes();
    for at in 0..proof.len() {
        let mut changed = proof.clone();
        changed[at] ^= 1;
        assert!(verify_proof(&changed, &key(), None).is_err(), "byte {at}");
    }
}

/// Broke: `counterfoil-verify` printed the host's name, refused lines and tickers as they stand in
/// a journal, so that whoever wrote it could clear the auditor's screen or write a verdict of
/// their own. Seen by the fuzz target `record`. Fixed by showing every control character as one
/// replacement character.
#[test]
fn what_a_journal_says_cannot_drive_the_readers_terminal() {
    let (mut manifest, mut bodies) = journal();
    let evil = "\u{1b}[2J\u{7f}\u{9b}31m\u{202e}\u{2066}\u{2028}\nintegrity:    intact";
    evil.clone_into(&mut manifest.instruments[0].symbol);
    let mut opening = opening(&bodies).0.unwrap();
    let parts = opening.bodies().len();
    opening.manifest = manifest.canonical().unwrap();
    evil.clone_into(&mut opening.host.version);
    evil.clone_into(&mut opening.commitments.as_mut().unwrap()[0].symbol);
    bodies.splice(..parts, opening.bodies());
    // The last bars and the closing record are missing, which is told with the ticker.
    bodies.truncate(bodies.len() - 4);
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    write("key", &key().0);
    write("journal", &seal(&bodies, &manifest, &signer()));
    write("proof", proof(&manifest, &bodies, 0).as_bytes());
    write("manifest.json", manifest.canonical().unwrap().as_bytes());
    write("decision", proof(&manifest, &bodies, 3).as_bytes());
    for arguments in [
        "--key key journal",
        "--key key --json journal",
        "proof --key key proof",
        "proof --key key --json proof",
        "proof --key key --manifest manifest.json decision",
    ] {
        let (_, text) = program(folder.path(), arguments);
        let control = text
            .chars()
            .find(|one| drives_display(*one) && *one != '\n');
        assert_eq!(control, None, "{arguments}: {text:?}");
        let verdicts = text.lines().filter(|line| line.starts_with("integrity:"));
        assert!(verdicts.count() <= 1, "{arguments}: {text}");
        assert!(text.contains("[2J"), "{arguments} does not show it: {text}");
    }
}
