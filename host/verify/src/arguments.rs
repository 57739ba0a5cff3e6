//! The program's arguments. Nothing is opened or read here.

use std::ffi::OsString;
use std::path::PathBuf;

/// What is asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum VerifyCommand {
    /// The help text.
    Help,
    Journal(VerifyArguments),
    /// A proof of one record.
    Proof(VerifyArguments),
}

/// What to check, and with what.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct VerifyArguments {
    /// The public key's file.
    pub(crate) key: PathBuf,
    /// The journal or proof.
    pub(crate) file: PathBuf,
    /// The manifest, to show a proved record by.
    pub(crate) manifest: Option<PathBuf>,
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
    #[error("expected one file to check, got {given}")]
    Files { given: usize },
}

/// What the arguments ask for, the program's name left out.
pub(crate) fn parse(
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<VerifyCommand, UsageError> {
    let mut arguments = arguments.into_iter().peekable();
    let is_proof = arguments.next_if(|first| first == "proof").is_some();
    let (mut key, mut manifest, mut files) = (None, None, Vec::new());
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
                option => {
                    let option = option.to_owned();
                    return Err(UsageError::Unknown { option });
                }
            },
            _ => files.push(PathBuf::from(argument)),
        }
    }
    let key = key.ok_or(UsageError::NoKey)?;
    let given = files.len();
    // Exactly one: the exit code must not be the verdict on one file while another goes unread.
    let [file] = <[PathBuf; 1]>::try_from(files).map_err(|_| UsageError::Files { given })?;
    let job = VerifyArguments {
        key,
        file,
        manifest,
        integrity_only,
        json,
    };
    Ok(if is_proof {
        VerifyCommand::Proof(job)
    } else {
        VerifyCommand::Journal(job)
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
            Ok(VerifyCommand::Journal(job)) => format!("journal {}", job.file.display()),
            Ok(VerifyCommand::Proof(job)) => format!("proof {}", job.file.display()),
            Err(error) => error.to_string(),
        };
        assert_eq!(got, expect, "{line}");
    }

    #[test]
    fn arguments_ask_for_one_thing_or_are_refused() {
        check("--help", "help");
        check("--key k dir", "journal dir");
        check("dir --json --integrity-only --key k", "journal dir");
        check("--key k -- --odd", "journal --odd");
        check("proof --manifest m --key k p", "proof p");
        check("--key k proof", "journal proof");
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
        check("-v", "unknown option -v");
    }
}
