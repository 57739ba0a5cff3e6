//! `verify`: a run's journal, a proof or the ledger, by the auditor's own library.

use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use counterfoil_approval::anchors::OrdersPlace;
use counterfoil_governance::state::LedgerState;
use counterfoil_journal::public_key::PublicKey;
use counterfoil_os::file_path::AsFilePath;
use counterfoil_os::files::{open_plain, read_whole};
use counterfoil_runner::orders::gateway::order_log::{self, ORDERS_FILE};
use counterfoil_runner::store::data_dir::{Execution, JOURNAL_FILE};
use counterfoil_verify::AuditFileKind;
use counterfoil_verify::{VerifyOptions, VerifyProgress, VerifyReport, parse_key_file};
use counterfoil_verify::{is_of_ledger, verify_journal, verify_ledger_proof, verify_proof};
use counterfoil_verify::{verify_ledger, verify_order_log};
use serde_json::json;

use super::ledger;
use crate::anchored;
use crate::args::VerifyArgs;
use crate::cli_context::CliContext;
use crate::output::{CommandAnswer, print_block, print_json, print_line};
use crate::progress::bar;

/// The word for the ledger of the data directory. No run id begins with it: it is not hex.
const LEDGER: &str = "ledger";

pub(crate) fn run(cli: &CliContext, args: &VerifyArgs) -> Result<CommandAnswer> {
    let path = Path::new(&args.what);
    let has_ending = |ending: &str| path.extension().is_some_and(|end| end == ending);
    // The word first: a file or directory that another user puts under this name into the current
    // directory must not be verified in place of the ledger.
    if args.what == LEDGER {
        return ledger::verify(cli, None, args.key.as_deref());
    }
    if path.is_file() && has_ending("ledger") {
        return ledger::verify(cli, Some(path), args.key.as_deref());
    }
    // The key comes from the caller or the key directory, never from the file itself: a forger
    // would enclose a key that fits.
    let key = public_key(cli, args.key.as_deref())?;
    if path.is_file() {
        // A proof by its ending as well: one whose first line is broken is no proof that holds.
        let kind = AuditFileKind::read(open_plain(path)?);
        let kind = kind.with_context(|| path.display().to_string())?;
        if kind == AuditFileKind::Proof || has_ending("tlog-proof") {
            return proof(cli, path, &key);
        }
        if kind != AuditFileKind::Journal {
            return of_other_kind(cli, path, kind, &key);
        }
    }
    let place = RunPlace::of(cli, &args.what)?;
    let ledger = match (&args.ledger, &place.execution) {
        (Some(ledger), _) => Some(anchored::state_of(ledger, &key)?),
        (None, Some(_)) => anchored::view(cli)?.map(|view| view.verified.state),
        (None, None) => None,
    };
    let mut report = verify(&*place.journal, &key, ledger.as_ref())?;
    report.anchors = match (&args.ledger, &ledger, &place.execution) {
        (Some(_), Some(state), _) => {
            let orders = place.orders.as_deref();
            let orders = orders.map_or(OrdersPlace::NotAsked, OrdersPlace::At);
            anchored::of_report(state, &report, &*place.journal, orders)?
        }
        (_, _, Some(execution)) => {
            check_identity(execution, &report)?;
            anchored::beside(cli, execution, ledger.as_ref())?
        }
        (_, _, None) => None,
    };
    if cli.json {
        print_json(&report.to_json());
    } else {
        print(&report);
    }
    Ok(CommandAnswer::yes_if(report.is_good()))
}

pub(crate) fn verify(
    journal: &(impl AsFilePath + ?Sized),
    key: &PublicKey,
    ledger: Option<&LedgerState>,
) -> Result<VerifyReport> {
    let file = open_plain(journal)?;
    let total = file.metadata().map_or(0, |meta| meta.len());
    let bar = bar("verifying", total);
    let mut progress = |progress: VerifyProgress| bar.set_position(progress.read);
    let options = VerifyOptions {
        ledger,
        progress: Some(&mut progress),
        ..VerifyOptions::default()
    };
    let report = verify_journal(file, key, options);
    bar.finish_and_clear();
    Ok(report?)
}

pub(crate) fn public_key(cli: &CliContext, path: Option<&Path>) -> Result<PublicKey> {
    let Some(path) = path else {
        let key = cli
            .keys
            .public_key()
            .context("no public key; give --key FILE")?;
        let key = PublicKey(key);
        // A key of small order verifies signatures that no one made, so it is refused before
        // anything is verified with it.
        ensure!(
            key.is_usable(),
            "the log's public key {key} cannot verify a signature"
        );
        return Ok(key);
    };
    let bytes = read_whole(path)?;
    parse_key_file(&bytes).with_context(|| format!("{}", path.display()))
}

/// Another run's journal in this run's folder may be good, and is no answer about this run.
fn check_identity(execution: &Execution, report: &VerifyReport) -> Result<()> {
    let (Some(run), Some(number)) = (report.run_id, report.execution) else {
        return Ok(());
    };
    ensure!(
        run == execution.run && number == execution.number,
        "the journal in the folder of run {} is that of run {}/{number}; restore the run's own from a copy",
        execution.short(),
        run.hex()
    );
    Ok(())
}

/// Where the logs of a run are.
struct RunPlace {
    journal: Box<dyn AsFilePath>,
    orders: Option<Box<dyn AsFilePath>>,
    /// Where it is a run of the data directory.
    execution: Option<Execution>,
}

impl RunPlace {
    fn of(cli: &CliContext, what: &str) -> Result<Self> {
        let path = Path::new(what);
        if path.is_file() {
            return Ok(Self {
                journal: Box::new(path.to_path_buf()),
                orders: None,
                execution: None,
            });
        }
        // A directory is an execution's folder, possibly one that an auditor received.
        if path.is_dir() {
            let real = path.canonicalize().ok();
            let mut own = cli.data.executions()?.into_iter();
            if let Some(own) = own.find(|one| one.folder.real().ok() == real) {
                return Ok(Self::of_execution(own));
            }
            return Ok(Self {
                journal: Box::new(path.join(JOURNAL_FILE)),
                orders: Some(Box::new(path.join(ORDERS_FILE))),
                execution: None,
            });
        }
        let execution = cli.data.find(what);
        let execution = execution.map_err(|error| anchored::gone(cli, what, error.into()))?;
        Ok(Self::of_execution(execution))
    }

    fn of_execution(execution: Execution) -> Self {
        Self {
            journal: Box::new(execution.journal()),
            orders: Some(Box::new(order_log::path(&execution))),
            execution: Some(execution),
        }
    }
}

/// Verifies a file that is neither a journal nor a proof: a good one of another kind is not called broken.
fn of_other_kind(
    cli: &CliContext,
    path: &Path,
    kind: AuditFileKind,
    key: &PublicKey,
) -> Result<CommandAnswer> {
    let in_file = |error| anyhow::Error::new(error).context(path.display().to_string());
    let (is_good, text, value) = match kind {
        AuditFileKind::Ledger => {
            let report = verify_ledger(open_plain(path)?, key).map_err(in_file)?;
            (report.is_good(), report.to_string(), report.to_json())
        }
        AuditFileKind::OrderLog => {
            let report = verify_order_log(open_plain(path)?, key, None).map_err(in_file)?;
            (report.is_good(), report.to_string(), report.to_json())
        }
        AuditFileKind::Journal
        | AuditFileKind::Proof
        | AuditFileKind::Example
        | AuditFileKind::OtherVersion
        | AuditFileKind::Json
        | AuditFileKind::Unknown => bail!(
            "{}: {}; expected a journal, an order log, a ledger or a proof (counterfoil-verify reads the example)",
            path.display(),
            kind.name()
        ),
    };
    if cli.json {
        print_json(&value);
    } else {
        print_block(text.trim_end());
    }
    Ok(CommandAnswer::yes_if(is_good))
}

fn proof(cli: &CliContext, path: &Path, key: &PublicKey) -> Result<CommandAnswer> {
    let bytes = read_whole(path)?;
    if is_of_ledger(&bytes) {
        return Ok(match verify_ledger_proof(&bytes, key) {
            Ok(proved) if cli.json => print_and_answer(&proved.to_json(), CommandAnswer::Yes),
            Ok(proved) => {
                print_block(proved.to_string().trim_end());
                CommandAnswer::Yes
            }
            Err(error) if cli.json => print_and_answer(
                &json!({ "good": false, "reason": error.to_string() }),
                CommandAnswer::No,
            ),
            Err(error) => {
                print_line(&format!("does not verify: {error}"));
                CommandAnswer::No
            }
        });
    }
    // The proof holds without the manifest, which only scales its numbers: a wrong manifest cannot make
    // a forged proof verify.
    let manifest = manifest_of(cli, &bytes);
    let outcome = verify_proof(&bytes, key, manifest.as_deref());
    let good = outcome.is_ok();
    match outcome {
        Ok(proved) if cli.json => print_json(&proved.to_json()),
        Ok(proved) => print_block(proved.to_string().trim_end()),
        Err(error) if cli.json => {
            print_json(&json!({ "good": false, "reason": error.to_string() }));
        }
        Err(error) => print_line(&format!("does not verify: {error}")),
    }
    Ok(CommandAnswer::yes_if(good))
}

fn print_and_answer(value: &serde_json::Value, answer: CommandAnswer) -> CommandAnswer {
    print_json(value);
    answer
}

/// The manifest of the run that the proof names, if the run is in the data directory.
fn manifest_of(cli: &CliContext, bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let origin = text
        .lines()
        .find_map(|line| line.strip_prefix("counterfoil/run/"))?;
    cli.data
        .find(origin)
        .and_then(|run| cli.data.manifest_text(&run))
        .ok()
}

/// Prints the auditor's report, the same text as `counterfoil-verify` prints.
pub(crate) fn print(report: &VerifyReport) {
    print_block(report.to_string().trim_end());
}
