//! `verify ledger`: checks every hash, checkpoint, signature and rule of the ledger again.

use std::path::Path;

use anyhow::{Context as _, Result};
use counterfoil_approval::ledger_seen::LedgerSeen;
use counterfoil_approval::ledger_view;
use counterfoil_governance::ledger::{self, PrefixDigests};
use counterfoil_journal::key::VerifierKey;
use counterfoil_os::file_path::FilePath;
use counterfoil_os::files::read_whole;
use counterfoil_runner::store::keys::read_public;
use serde_json::json;

use crate::cli_context::CliContext;
use crate::output::{CommandAnswer, print_answer, print_fields, print_json};
use crate::people;

/// Verifies the ledger in `file`, or that of the data directory, under the key in `key_file`.
pub(in crate::commands) fn verify(
    cli: &CliContext,
    file: Option<&Path>,
    key_file: Option<&Path>,
) -> Result<CommandAnswer> {
    let (name, path) = match file {
        None => ledger_view::find(&cli.data)?,
        Some(path) => {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            (
                people::id("the ledger's file name", &stem)?,
                FilePath::named(path),
            )
        }
    };
    let key = match key_file {
        Some(path) => read_public(path)?,
        None => cli
            .keys
            .public_key()
            .context("no public key of the log; give --key FILE")?,
    };
    // The key's name is the log's origin: a ledger of another name under the same key does not pass.
    let key = VerifierKey::new(&ledger::origin(&name), &key)?;
    // Of the data directory's own ledger it is known here how far it was; a file may be an older copy by intention.
    let seen = match file {
        None => LedgerSeen::beside_keys(&cli.keys, &cli.data)?,
        Some(_) => None,
    };
    let seen = seen.map(|seen| seen.look()).transpose()?;
    let bytes = read_whole(&path)?;
    let found = ledger::verify(&bytes, &key);
    let older = seen.and_then(|seen| seen.check(&mut PrefixDigests::new(&bytes)).err());
    let older = older.map(|error| error.to_string());
    let is_whole = found.as_ref().is_ok_and(|found| found.torn_bytes == 0);
    let answer = CommandAnswer::yes_if(is_whole && older.is_none());
    if cli.json {
        print_json(&match found {
            Ok(found) => json!({
                "good": answer == CommandAnswer::Yes,
                "ledger": key.name(),
                "records": found.places.count(),
                "denials": found.state.denials(),
                "torn-bytes": found.torn_bytes,
                "older": older,
                "root": found.checkpoint.as_ref().map(|one| hex::encode(one.root.0)),
            }),
            Err(error) => {
                json!({ "good": false, "ledger": key.name(), "reason": error.to_string() })
            }
        });
        return Ok(answer);
    }
    match found {
        Err(error) => print_answer(answer, &format!("not intact: {error}")),
        Ok(found) => {
            let state = match &older {
                Some(older) => older.as_str(),
                None if is_whole => "intact",
                None => "incomplete last record",
            };
            print_answer(answer, &format!("{state}: {}", key.name()));
            print_fields(&[
                ("records", found.places.count().to_string()),
                ("denials", found.state.denials().to_string()),
                ("torn bytes", found.torn_bytes.to_string()),
            ]);
        }
    }
    Ok(answer)
}
