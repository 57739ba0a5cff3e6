//! The program's arguments. Nothing is opened or read here.

use std::ffi::OsString;
use std::path::PathBuf;

/// What is asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum VerifyCommand {
    /// The help text.
    Help,
    /// A file of any kind.
    File(VerifyArguments),
    /// A proof of one record.
    Proof(VerifyArguments),
}

/// What to check, and with what.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct VerifyArguments {
    /// The public key's file.
    pub(crate) key: PathBuf,
    /// The file to check.
    pub(crate) file: PathBuf,
    /// The order log, to compare a journal with.
    pub(crate) orders: Option<PathBuf>,
    /// The ledger, to compare a journal with.
    pub(crate) ledger: Option<PathBuf>,
    /// Files with the account's limits.
    pub(crate) limits: Vec<PathBuf>,
    /// The manifest, to show a proved record by.
    pub(crate) manifest: Option<PathBuf>,
    /// The public key that must have signed a proved act.
    pub(crate) actor_key: Option<PathBuf>,
    /// Whether no record is run again.
    pub(crate) integrity_only: bool,
    /// Whether the answer is JSON.
    pub(crate) json: bool,
}

/// Why the arguments ask for nothing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum UsageError {
    #[error("unknown option {option}")]
    Unknown { option: String },
    #[error("{option} needs a file")]
    NoValue { option: &'static str },
    #[error("{option} is given twice")]
    Twice { option: &'static str },
    #[error("missing --key FILE, the log's public key")]
    NoKey,
    #[error("--limits needs --orders, whose tokens name the limits")]
    NoOrders,
    #[error("--orders needs the records run again; leave out --integrity-only")]
    OrdersNotRun,
    #[error("expected one file to check, got {given}")]
    Files { given: usize },
}

/// What the arguments ask for, the program's name left out.
pub(crate) fn parse(
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<VerifyCommand, UsageError> {
    let mut arguments = arguments.into_iter().peekable();
    let is_proof = arguments.next_if(|first| first == "proof").is_some();
    let (mut key, mut manifest, mut actor_key) = (None, None, None);
    let (mut orders, mut ledger) = (None, None);
    let (mut limits, mut files) = (Vec::new(), Vec::new());
    let (mut integrity_only, mut json, mut only_files) = (false, false, false);
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some(text) if !only_files && text.starts_with('-') => match text {
                // A file may be called like an option, and `proof` may be a journal's name.
                "--" => only_files = true,
                "--help" | "-h" => return Ok(VerifyCommand::Help),
                "--json" => json = true,
                "--integrity-only" if !is_proof => integrity_only = true,
                "--key" => set("--key", &mut key, arguments.next())?,
                "--manifest" if is_proof => {
                    set("--manifest", &mut manifest, arguments.next())?;
                }
                "--actor-key" if is_proof => {
                    set("--actor-key", &mut actor_key, arguments.next())?;
                }
                "--orders" if !is_proof => set("--orders", &mut orders, arguments.next())?,
                "--ledger" if !is_proof => set("--ledger", &mut ledger, arguments.next())?,
                "--limits" if !is_proof => {
                    let option = "--limits";
                    let value = arguments.next().ok_or(UsageError::NoValue { option })?;
                    limits.push(PathBuf::from(value));
                }
                option => {
                    let option = option.to_owned();
                    return Err(UsageError::Unknown { option });
                }
            },
            _ => files.push(PathBuf::from(argument)),
        }
    }
    let key = key.ok_or(UsageError::NoKey)?;
    if integrity_only && orders.is_some() {
        return Err(UsageError::OrdersNotRun);
    }
    if orders.is_none() && !limits.is_empty() {
        return Err(UsageError::NoOrders);
    }
    let given = files.len();
    // Exactly one: the exit code must not be the verdict on one file while another goes unread.
    let [file] = <[PathBuf; 1]>::try_from(files).map_err(|_| UsageError::Files { given })?;
    let job = VerifyArguments {
        key,
        file,
        orders,
        ledger,
        limits,
        manifest,
        actor_key,
        integrity_only,
        json,
    };
    Ok(if is_proof {
        VerifyCommand::Proof(job)
    } else {
        VerifyCommand::File(job)
    })
}

fn set(
    option: &'static str,
    place: &mut Option<PathBuf>,
    value: Option<OsString>,
) -> Result<(), UsageError> {
    let value = value.ok_or(UsageError::NoValue { option })?;
    match place.replace(value.into()) {
        // Two keys would leave it open which of them the verdict is about.
        None => Ok(()),
        Some(_) => Err(UsageError::Twice { option }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expect: &str) {
        let got = match parse(line.split_whitespace().map(OsString::from)) {
            Ok(VerifyCommand::Help) => "help".to_owned(),
            Ok(VerifyCommand::File(job)) => format!("file {}", job.file.display()),
            Ok(VerifyCommand::Proof(job)) => format!("proof {}", job.file.display()),
            Err(error) => error.to_string(),
        };
        assert_eq!(got, expect, "{line}");
    }

    #[test]
    fn arguments_ask_for_one_thing_or_are_refused() {
        check("--help", "help");
        check("--key k dir", "file dir");
        check("dir --json --integrity-only --key k", "file dir");
        check("--key k -- --odd", "file --odd");
        check("proof --manifest m --key k p", "proof p");
        check("--key k proof", "file proof");
        check("", "missing --key FILE, the log's public key");
        check("--key", "--key needs a file");
        check("--key k --key k j", "--key is given twice");
        check("--key k", "expected one file to check, got 0");
        check("--key k a b", "expected one file to check, got 2");
        check("--manifest m --key k a", "unknown option --manifest");
        check(
            "proof --integrity-only --key k a",
            "unknown option --integrity-only",
        );
        check("--key k --orders o --limits l --limits m j", "file j");
        check(
            "--key k --limits l j",
            "--limits needs --orders, whose tokens name the limits",
        );
        check(
            "--key k --integrity-only --orders o j",
            "--orders needs the records run again; leave out --integrity-only",
        );
        check("proof --actor-key a --key k p", "proof p");
        check("proof --orders o --key k p", "unknown option --orders");
        check("-v", "unknown option -v");
    }
}
