//! The auditor's program: a journal or a proof, and the log's public key; verdicts and an exit
//! code. What is checked, and how, is the library's business.

mod arguments;

use std::fs::{self, File};
use std::io::{self, IsTerminal as _, Write};
use std::path::Path;
use std::process::ExitCode;

use arguments::{VerifyArguments, VerifyCommand};
use counterfoil_base::text::harmless;
use counterfoil_journal::public_key::PublicKey;
use counterfoil_verify::{VerifyOptions, VerifyProgress, is_of_ledger, parse_key_file};
use counterfoil_verify::{verify_journal, verify_ledger_proof, verify_proof};
use serde_json::{Value, json};

/// What the program does, and what its exit codes mean.
const HELP: &str = "\
counterfoil-verify checks what a run recorded, with nothing but the log's public key.

usage:
  counterfoil-verify [--json] [--integrity-only] --key FILE JOURNAL
  counterfoil-verify proof [--json] [--manifest FILE] --key FILE PROOF

  JOURNAL            a journal file, or the directory that holds `journal`
  PROOF              a .tlog-proof file of one record, of a run or of a ledger
  --key FILE         the log's public key: a verifier key line, or 32 bytes as hex or base64
  --integrity-only   check hashes, signatures and checkpoints only; do not re-run the records
  --manifest FILE    show a proved record with the names and scales of its run's manifest
  --json             print JSON
  --help             show this text

exit codes: 0 intact and complete (with --integrity-only: intact), or proved; 1 a finding;
            2 unreadable file or key; 64 wrong usage
";

/// The check has a finding.
const FINDING: u8 = 1;
/// The check could not be made: an unreadable file or key.
const UNREADABLE: u8 = 2;
/// The arguments are wrong (`EX_USAGE` of sysexits.h).
const USAGE: u8 = 64;

fn main() -> ExitCode {
    let answer = match arguments::parse(std::env::args_os().skip(1)) {
        Ok(VerifyCommand::Help) => Ok((HELP.to_owned(), 0)),
        Ok(VerifyCommand::Journal(job)) => journal(&job),
        Ok(VerifyCommand::Proof(job)) => proof(&job),
        Err(wrong) => {
            let _unheard = writeln!(io::stderr(), "{wrong}\ntry: counterfoil-verify --help");
            return ExitCode::from(USAGE);
        }
    };
    let (text, code) = match answer {
        Ok(answer) => answer,
        Err(reason) => {
            let _unheard = writeln!(io::stderr(), "cannot verify: {}", harmless(&reason));
            return ExitCode::from(UNREADABLE);
        }
    };
    // Everything printed passes the filter: names and reasons in a journal are chosen by its author, and an escape
    // sequence could overwrite a verdict on the terminal.
    match io::stdout().write_all(harmless(&text).as_bytes()) {
        Ok(()) => ExitCode::from(code),
        Err(_) => ExitCode::from(UNREADABLE),
    }
}

/// What is printed, and the exit code; or why nothing could be checked.
type Answer = Result<(String, u8), String>;

fn journal(job: &VerifyArguments) -> Answer {
    let key = read_key(&job.key)?;
    let path = if job.file.is_dir() {
        job.file.join("journal")
    } else {
        job.file.clone()
    };
    let file = File::open(&path).map_err(|error| at(&path, &error))?;
    // For the progress only. The length can change while the file is read, so nothing depends on it.
    let bytes_total = file.metadata().ok().map(|metadata| metadata.len());
    let to_terminal = !job.json && io::stderr().is_terminal();
    let mut shown = 0;
    let mut progress = |progress: VerifyProgress| {
        let percent = percent(progress);
        if to_terminal && percent != shown {
            shown = percent;
            let _unheard = write!(io::stderr(), "\r{percent:3} %\r");
        }
    };
    let options = VerifyOptions {
        integrity_only: job.integrity_only,
        bytes_total,
        progress: Some(&mut progress),
    };
    let report = verify_journal(file, &key, options)
        .map_err(|error| format!("{}: {error}", path.display()))?;
    let code = if report.is_good() { 0 } else { FINDING };
    let text = if job.json {
        line(&report.to_json())
    } else {
        report.to_string()
    };
    Ok((text, code))
}

fn proof(job: &VerifyArguments) -> Answer {
    let key = read_key(&job.key)?;
    let bytes = read(&job.file)?;
    // By the origin that the proof claims; the check below verifies that claim, so a false one only picks the wrong error.
    if is_of_ledger(&bytes) {
        return Ok(match verify_ledger_proof(&bytes, &key) {
            Ok(proved) if job.json => (line(&proved.to_json()), 0),
            Ok(proved) => (proved.to_string(), 0),
            Err(error) => not_proved(job, &error),
        });
    }
    let manifest = match &job.manifest {
        None => None,
        Some(path) => Some(String::from_utf8(read(path)?).map_err(|error| error.to_string())?),
    };
    Ok(match verify_proof(&bytes, &key, manifest.as_deref()) {
        Ok(proved) if job.json => (line(&proved.to_json()), 0),
        Ok(proved) => (proved.to_string(), 0),
        Err(error) => not_proved(job, &error),
    })
}

fn not_proved(job: &VerifyArguments, error: &dyn core::fmt::Display) -> (String, u8) {
    let why = error.to_string();
    if job.json {
        return (line(&json!({"good": false, "why": why})), FINDING);
    }
    (format!("not proved: {why}\n"), FINDING)
}

fn read_key(path: &Path) -> Result<PublicKey, String> {
    parse_key_file(&read(path)?).map_err(|error| format!("{}: {error}", path.display()))
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| at(path, &error))
}

fn at(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}

fn line(value: &Value) -> String {
    format!("{value}\n")
}

fn percent(progress: VerifyProgress) -> u64 {
    let total = progress.total.unwrap_or(0).max(1);
    progress.read.saturating_mul(100) / total
}
