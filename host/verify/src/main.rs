//! The auditor's program: a file and the log's public key; verdicts and an exit code. What is checked, and how, is the
//! library's business.

mod arguments;
mod input;
mod output;

use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _, Seek as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use arguments::{VerifyArguments, VerifyCommand};
use counterfoil_base::digest::Digest;
use counterfoil_base::text::harmless_line;
use counterfoil_governance::state::LedgerState;
use counterfoil_journal::checkpoint::SignatureCheck;
use counterfoil_journal::public_key::PublicKey;
use counterfoil_trading::manifest::Manifest;
use counterfoil_verify::{
    AnchoredOrders, AnchorsReport, AuditFileKind, OrderLogFacts, VerifyOptions, VerifyProgress,
    check_anchors, is_of_ledger, parse_key_file, verify_example, verify_journal, verify_ledger,
    verify_ledger_proof, verify_ledger_state, verify_order_log, verify_proof,
};
use output::Answer;
use serde_json::json;

/// What the program does, and what its exit codes mean.
const HELP: &str = "\
counterfoil-verify checks what a run or a ledger recorded, with nothing but the log's public key.

usage:
  counterfoil-verify [--json] [--integrity-only] [--orders FILE [--limits FILE]...] [--ledger FILE]
                     --key FILE FILE
  counterfoil-verify proof [--json] [--manifest FILE] [--actor-key FILE] --key FILE PROOF

  FILE               a journal, an order log, a ledger or a proof, told apart by what they hold;
                     or the directory that holds `journal`
  PROOF              a .tlog-proof file of one record, of a run or of a ledger
  --key FILE         the log's public key: a verifier key line, or 32 bytes as hex or base64
  --integrity-only   check hashes, signatures and checkpoints only; do not re-run the records
  --orders FILE      compare a journal with its order log: plans, times, limits
  --ledger FILE      compare a journal, and its order log if given, with what the ledger anchors of them
  --limits FILE      the account's limits, which the order log's tokens may name
  --manifest FILE    show a proved record with the names and scales of its run's manifest
  --actor-key FILE   the public key that must have signed a proved act
  --json             print JSON
  --help             show this text

exit codes: 0 intact and complete (with --integrity-only: intact), or proved; 1 a finding;
            2 unreadable file or key, or output that cannot be written; 64 wrong usage
";

/// The check has a finding.
const FINDING: u8 = 1;
/// The check could not be made, or its answer not be written.
const UNREADABLE: u8 = 2;
/// The arguments are wrong (`EX_USAGE` of sysexits.h).
const USAGE: u8 = 64;

/// What is printed, and the exit code; or why nothing could be checked.
type Checked = Result<(Answer, u8), String>;

fn main() -> ExitCode {
    let checked = match arguments::parse(std::env::args_os().skip(1)) {
        Ok(VerifyCommand::Help) => Ok((Answer::Text(HELP.to_owned()), 0)),
        Ok(VerifyCommand::File(job)) => file(&job),
        Ok(VerifyCommand::Proof(job)) => proof(&job),
        Err(wrong) => {
            let wrong = harmless_line(&wrong.to_string());
            let _unheard = writeln!(io::stderr(), "{wrong}\ntry: counterfoil-verify --help");
            return ExitCode::from(USAGE);
        }
    };
    match checked {
        Ok((answer, code)) => match output::print(&answer) {
            Ok(()) => ExitCode::from(code),
            // A verdict that did not arrive must not be read from the exit code as one.
            Err(error) => {
                let _unheard = writeln!(io::stderr(), "cannot write the answer: {error}");
                ExitCode::from(UNREADABLE)
            }
        },
        Err(reason) => {
            let _unheard = writeln!(io::stderr(), "cannot verify: {}", harmless_line(&reason));
            ExitCode::from(UNREADABLE)
        }
    }
}

/// Checks a file of whatever kind it is.
fn file(job: &VerifyArguments) -> Checked {
    let key = read_key(&job.key)?;
    let path = if job.file.is_dir() {
        job.file.join("journal")
    } else {
        job.file.clone()
    };
    let (file, kind) = opened(&path)?;
    // An example is text that anybody can write, and an order log is no journal: where a journal is meant, nothing else
    // may give its answer.
    let of_journal =
        job.orders.is_some() || job.ledger.is_some() || job.integrity_only || job.file.is_dir();
    if of_journal && kind != AuditFileKind::Journal {
        let (path, kind) = (path.display(), kind.name());
        return Err(format!(
            "{path}: {kind}; a run's folder, --orders, --ledger and --integrity-only go with a journal"
        ));
    }
    match kind {
        AuditFileKind::Journal => journal(job, &path, file, &key),
        AuditFileKind::Ledger => {
            let report = verify_ledger(file, &key).map_err(|error| at(&path, &error))?;
            let answer = Answer::of(job.json, &report, || report.to_json());
            Ok((answer, code(report.is_good())))
        }
        AuditFileKind::OrderLog => {
            let report = verify_order_log(file, &key, None).map_err(|error| at(&path, &error))?;
            let answer = Answer::of(job.json, &report, || report.to_json());
            Ok((answer, code(report.is_good())))
        }
        AuditFileKind::Proof => proof(job),
        AuditFileKind::Example => {
            let mut text = String::new();
            (&file)
                .take(input::PROOF_BYTES_MAX)
                .read_to_string(&mut text)
                .map_err(|error| at(&path, &error))?;
            Ok(example(job, &text, &key))
        }
        AuditFileKind::OtherVersion | AuditFileKind::Json | AuditFileKind::Unknown => Err(
            other_kind(&path, kind, "a journal, order log, ledger or proof"),
        ),
    }
}

fn journal(job: &VerifyArguments, path: &Path, file: File, key: &PublicKey) -> Checked {
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
    let orders = match &job.orders {
        None => None,
        Some(path) => match orders(job, path, key)? {
            Ok(facts) => Some(facts),
            Err(broken) => return Ok((broken, FINDING)),
        },
    };
    let ledger = match &job.ledger {
        None => None,
        Some(path) => match ledger_state(job, path, key)? {
            Ok(state) => Some(state),
            Err(broken) => return Ok((broken, FINDING)),
        },
    };
    let account_limits = job.limits.iter().map(|path| {
        let bytes = input::read(path, input::LIMITS_BYTES_MAX)?;
        Ok::<_, String>(Digest::of(&bytes))
    });
    let options = VerifyOptions {
        integrity_only: job.integrity_only,
        signatures: SignatureCheck::Each,
        bytes_total,
        orders,
        account_limits: account_limits.collect::<Result<_, _>>()?,
        ledger: ledger.as_ref(),
        progress: Some(&mut progress),
    };
    let mut report = verify_journal(file, key, options)
        .map_err(|error| format!("{}: {error}", path.display()))?;
    // A backtest needs no start.
    let is_live = report.manifest.as_ref().is_some_and(Manifest::is_live);
    if let (Some(state), Some(run), Some(execution), true) =
        (&ledger, report.run_id, report.execution, is_live)
    {
        report.anchors = Some(anchors(job, path, state, &run, execution)?);
    }
    let answer = Answer::of(job.json, &report, || report.to_json());
    Ok((answer, code(report.is_good())))
}

/// What an order log holds for its journal, or the answer that it does not hold itself.
fn orders(
    job: &VerifyArguments,
    path: &Path,
    key: &PublicKey,
) -> Result<Result<OrderLogFacts, Answer>, String> {
    let (file, kind) = opened(path)?;
    if kind != AuditFileKind::OrderLog {
        return Err(other_kind(path, kind, "an order log"));
    }
    let mut facts = OrderLogFacts::default();
    let report = verify_order_log(file, key, Some(&mut facts)).map_err(|error| at(path, &error))?;
    // A torn end is a crash's: nothing was sent on it, and what is signed still counts.
    if report.finding.is_some() || report.backward.is_some() {
        return Ok(Err(Answer::of(job.json, &report, || report.to_json())));
    }
    Ok(Ok(facts))
}

/// What a ledger adds up to, or the answer that it does not hold itself.
fn ledger_state(
    job: &VerifyArguments,
    path: &Path,
    key: &PublicKey,
) -> Result<Result<LedgerState, Answer>, String> {
    let (file, kind) = opened(path)?;
    if kind != AuditFileKind::Ledger {
        return Err(other_kind(path, kind, "a ledger"));
    }
    let (report, state) = verify_ledger_state(file, key).map_err(|error| at(path, &error))?;
    Ok(state.ok_or_else(|| Answer::of(job.json, &report, || report.to_json())))
}

/// Compares the logs with the ledger's record of the run.
fn anchors(
    job: &VerifyArguments,
    journal: &Path,
    state: &LedgerState,
    run: &Digest,
    execution: u64,
) -> Result<AnchorsReport, String> {
    let Some(started) = state.registry().runs().get(run) else {
        return Ok(AnchorsReport::not_started());
    };
    // Of a run's folder both logs are looked at.
    let beside = job.file.is_dir().then(|| job.file.join("orders"));
    let orders = match job.orders.as_ref().or(beside.as_ref()) {
        None => AnchoredOrders::NotAsked,
        Some(path) if path.symlink_metadata().is_err() => AnchoredOrders::Missing,
        Some(path) => AnchoredOrders::Given(opened(path)?.0),
    };
    let file = opened(journal)?.0;
    check_anchors(started, execution, file, orders).map_err(|error| at(journal, &error))
}

fn proof(job: &VerifyArguments) -> Checked {
    let key = read_key(&job.key)?;
    let (_, kind) = opened(&job.file)?;
    if kind != AuditFileKind::Proof {
        return Err(other_kind(&job.file, kind, "a .tlog-proof of one record"));
    }
    let bytes = input::read(&job.file, input::PROOF_BYTES_MAX)?;
    let actor = job.actor_key.as_deref().map(read_key).transpose()?;
    // By the origin that the proof claims; the check below verifies that claim, so a false one only picks the wrong error.
    if is_of_ledger(&bytes) {
        let proved = verify_ledger_proof(&bytes, &key);
        let proved = proved.and_then(|proved| match actor {
            None => Ok(proved),
            Some(actor) => proved.signed_by(actor),
        });
        return Ok(match proved {
            Ok(proved) => (Answer::of(job.json, &proved, || proved.to_json()), 0),
            Err(error) => not_proved(job, &error),
        });
    }
    if actor.is_some() {
        let path = job.file.display();
        return Err(format!(
            "{path}: of a run; --actor-key goes with a ledger's proof"
        ));
    }
    let manifest = match &job.manifest {
        None => None,
        Some(path) => {
            let bytes = input::read(path, input::MANIFEST_BYTES_MAX)?;
            Some(String::from_utf8(bytes).map_err(|error| format!("{}: {error}", path.display()))?)
        }
    };
    Ok(match verify_proof(&bytes, &key, manifest.as_deref()) {
        Ok(proved) => (Answer::of(job.json, &proved, || proved.to_json()), 0),
        Err(error) => not_proved(job, &error),
    })
}

fn example(job: &VerifyArguments, text: &str, key: &PublicKey) -> (Answer, u8) {
    match verify_example(text, key) {
        Ok(found) => {
            let (records, checkpoints) = (found.entries, found.checkpoints);
            let text = format!(
                "example:      {records} records and {checkpoints} checkpoints hold; its manifest starts no run, so none \
                 is run again\n"
            );
            let json = || json!({"good": true, "file": "example", "records": records, "checkpoints": checkpoints});
            (Answer::of(job.json, &text, json), 0)
        }
        Err(why) => {
            let text = format!("example:      BROKEN\n  {}\n", harmless_line(&why));
            let json = || json!({"good": false, "file": "example", "why": why});
            (Answer::of(job.json, &text, json), FINDING)
        }
    }
}

fn not_proved(job: &VerifyArguments, error: &dyn core::fmt::Display) -> (Answer, u8) {
    let why = error.to_string();
    let text = format!("not proved: {}\n", harmless_line(&why));
    (
        Answer::of(job.json, &text, || json!({"good": false, "why": why})),
        FINDING,
    )
}

/// A plain file from its first byte, and what kind it is.
fn opened(path: &Path) -> Result<(File, AuditFileKind), String> {
    let mut file = input::open(path)?;
    let kind = AuditFileKind::read(&file).map_err(|error| at(path, &error))?;
    file.rewind().map_err(|error| at(path, &error))?;
    Ok((file, kind))
}

fn read_key(path: &Path) -> Result<PublicKey, String> {
    let bytes = input::read(path, input::KEY_BYTES_MAX)?;
    parse_key_file(&bytes).map_err(|error| format!("{}: {error}", path.display()))
}

fn other_kind(path: &Path, kind: AuditFileKind, expected: &str) -> String {
    let path = path.display();
    format!("{path}: {}; expected {expected}", kind.name())
}

fn at(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}

const fn code(is_good: bool) -> u8 {
    if is_good { 0 } else { FINDING }
}

fn percent(progress: VerifyProgress) -> u64 {
    let total = progress.total.unwrap_or(0).max(1);
    progress.read.saturating_mul(100) / total
}
