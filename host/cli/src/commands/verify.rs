//! `verify`: a run's journal or a proof, by the auditor's own library.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use counterfoil_journal::public_key::PublicKey;
use counterfoil_os::files::read_whole;
use counterfoil_runner::store::data_dir::JOURNAL_FILE;
use counterfoil_verify::{VerifyOptions, VerifyProgress, VerifyReport, parse_key_file};
use counterfoil_verify::{is_of_ledger, verify_journal, verify_ledger_proof, verify_proof};
use serde_json::json;

use crate::args::Verify;
use crate::output::{Answer, say, say_json};
use crate::places::Places;
use crate::progress::bar;

pub(crate) fn run(places: &Places, args: &Verify) -> Result<Answer> {
    let key = public_key(places, args.key.as_deref())?;
    let path = Path::new(&args.what);
    if path.is_file() && path.extension().is_some_and(|end| end == "tlog-proof") {
        return proof(places, path, &key);
    }
    let journal = journal_path(places, &args.what)?;
    let report = verify(&journal, &key)?;
    if places.json {
        say_json(&report.to_json());
    } else {
        print(&report);
    }
    Ok(if report.is_good() {
        Answer::Yes
    } else {
        Answer::No
    })
}

pub(crate) fn verify(journal: &Path, key: &PublicKey) -> Result<VerifyReport> {
    let file = File::open(journal).with_context(|| format!("cannot open {}", journal.display()))?;
    let total = file.metadata().map_or(0, |meta| meta.len());
    let bar = bar("verifying", total);
    let mut progress = |progress: VerifyProgress| bar.set_position(progress.read);
    let options = VerifyOptions {
        progress: Some(&mut progress),
        ..VerifyOptions::default()
    };
    let report = verify_journal(file, key, options);
    bar.finish_and_clear();
    Ok(report?)
}

pub(crate) fn public_key(places: &Places, path: Option<&Path>) -> Result<PublicKey> {
    let Some(path) = path else {
        let key = places
            .keys
            .public_key()
            .context("no public key: give --key FILE")?;
        let key = PublicKey(key);
        ensure!(
            key.is_usable(),
            "the log's public key {key} cannot verify a signature"
        );
        return Ok(key);
    };
    let bytes = read_whole(path)?;
    parse_key_file(&bytes).with_context(|| format!("{}", path.display()))
}

fn journal_path(places: &Places, what: &str) -> Result<PathBuf> {
    let path = Path::new(what);
    if path.is_file() {
        return Ok(path.to_path_buf());
    }
    if path.is_dir() {
        return Ok(path.join(JOURNAL_FILE));
    }
    Ok(places.data.find(what)?.journal())
}

fn proof(places: &Places, path: &Path, key: &PublicKey) -> Result<Answer> {
    let bytes = read_whole(path)?;
    if is_of_ledger(&bytes) {
        return Ok(match verify_ledger_proof(&bytes, key) {
            Ok(proved) if places.json => told(&proved.to_json(), Answer::Yes),
            Ok(proved) => {
                say(proved.to_string().trim_end());
                Answer::Yes
            }
            Err(error) if places.json => told(
                &json!({ "good": false, "reason": error.to_string() }),
                Answer::No,
            ),
            Err(error) => {
                say(&format!("not proved: {error}"));
                Answer::No
            }
        });
    }
    // The run's manifest only makes the numbers readable; without it they are shown unscaled.
    let manifest = manifest_of(places, &bytes);
    let outcome = verify_proof(&bytes, key, manifest.as_deref());
    let good = outcome.is_ok();
    match outcome {
        Ok(proved) if places.json => say_json(&proved.to_json()),
        Ok(proved) => say(proved.to_string().trim_end()),
        Err(error) if places.json => {
            say_json(&json!({ "good": false, "reason": error.to_string() }));
        }
        Err(error) => say(&format!("not proved: {error}")),
    }
    Ok(if good { Answer::Yes } else { Answer::No })
}

fn told(value: &serde_json::Value, answer: Answer) -> Answer {
    say_json(value);
    answer
}

/// The manifest of the run that the proof names, if it is here.
fn manifest_of(places: &Places, bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let origin = text
        .lines()
        .find_map(|line| line.strip_prefix("counterfoil/run/"))?;
    places
        .data
        .find(origin)
        .and_then(|run| places.data.manifest_text(&run))
        .ok()
}

/// The auditor's own words, the same as `counterfoil-verify` prints.
pub(crate) fn print(report: &VerifyReport) {
    say(report.to_string().trim_end());
}
