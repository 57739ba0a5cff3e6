//! Replaces the spellings of commands before 0.2, which work for one release and are shown nowhere.

use std::collections::BTreeSet;
use std::ffi::OsString;

use clap::CommandFactory as _;

use super::CliArgs;

/// Old words and the words that replace them; what follows them is the same. Of several that fit,
/// the longest counts.
pub(super) const SPELLINGS: [(&[&str], &[&str]); 24] = [
    (&["ingest"], &["data", "ingest"]),
    (&["snapshots"], &["data", "list"]),
    (&["runs"], &["run", "list"]),
    (&["show"], &["run", "show"]),
    (&["manifest"], &["run", "manifest"]),
    (&["compare"], &["run", "compare"]),
    (&["parity"], &["audit", "parity"]),
    (&["publish"], &["audit", "publish"]),
    (&["ledger", "verify"], &["verify", "ledger"]),
    (&["drift"], &["ledger", "drift"]),
    (&["who-approved"], &["ledger", "who-approved"]),
    (&["principal"], &["people"]),
    (&["principal", "class"], &["people", "class", "set"]),
    (&["principal", "classes"], &["people", "class", "list"]),
    (&["key"], &["people", "key"]),
    (&["delegate"], &["people", "delegation"]),
    (&["delegate", "to"], &["people", "delegation", "add"]),
    (&["access-review"], &["people", "access-review"]),
    (&["exception"], &["change", "exception"]),
    (&["break-glass"], &["change", "break-glass"]),
    (&["authorize"], &["account", "authorization"]),
    (
        &["authorize", "start"],
        &["account", "authorization", "grant"],
    ),
    (&["limits"], &["account", "limits"]),
    (&["budget"], &["account", "budget"]),
];

/// The flag that names a runner; it decides what two old spellings meant.
const RUNNER: &str = "--runner";

/// Words that were replaced in a command line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct ReplacedSpelling {
    old: &'static [&'static str],
    new: &'static [&'static str],
}

impl core::fmt::Display for ReplacedSpelling {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "`counterfoil {}` is now `counterfoil {}`; the old spelling works until the next release",
            self.old.join(" "),
            self.new.join(" ")
        )
    }
}

/// The command line in today's spelling, and what was replaced in it.
///
/// `arguments` begin with the program's name.
pub(crate) fn modernize(arguments: Vec<OsString>) -> (Vec<OsString>, Option<ReplacedSpelling>) {
    // Only the command's own words are compared. A value such as `--data-dir runs`, or a file named
    // `show`, must never be taken for a command.
    let places = words(&arguments);
    let typed: Vec<&str> = places
        .iter()
        .filter_map(|place| arguments.get(*place)?.to_str())
        .collect();
    let names_runner = arguments.iter().any(is_runner);
    let found = match typed.get(..2) {
        Some(["run", "kill"]) => Some(ReplacedSpelling {
            old: &["run", "kill"],
            new: &["kill", RUNNER],
        }),
        // Without the flag it lists the runs of the data directory, as its help says.
        Some(["run", "list"]) if names_runner => Some(ReplacedSpelling {
            old: &["run", "list", RUNNER],
            new: &["run", "status", RUNNER],
        }),
        _ => SPELLINGS
            .iter()
            .filter(|(old, _)| typed.starts_with(old))
            .max_by_key(|(old, _)| old.len())
            .map(|(old, new)| ReplacedSpelling { old, new }),
    };
    match found {
        None => (arguments, None),
        Some(replaced) => (replaced.replace(arguments, &places), Some(replaced)),
    }
}

impl ReplacedSpelling {
    fn replace(self, arguments: Vec<OsString>, places: &[usize]) -> Vec<OsString> {
        let names = |words: &[&'static str]| -> Vec<&'static str> {
            words
                .iter()
                .copied()
                .filter(|word| *word != RUNNER)
                .collect()
        };
        let count = names(self.old).len();
        let gone: BTreeSet<usize> = places.iter().copied().take(count).collect();
        let mut made = Vec::new();
        for (place, argument) in arguments.into_iter().enumerate() {
            if places.first() == Some(&place) {
                made.extend(names(self.new).into_iter().map(OsString::from));
            }
            if !gone.contains(&place) {
                made.push(argument);
            }
        }
        if self.new.first() == Some(&"kill") {
            made = with_runner(made);
        }
        made
    }
}

/// `kill` takes the address only in the form `--runner=URL`: the word after a bare `--runner` is
/// the run.
fn with_runner(arguments: Vec<OsString>) -> Vec<OsString> {
    let mut made: Vec<OsString> = Vec::new();
    let mut names_runner = false;
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        names_runner |= is_runner(&argument);
        let mut argument = argument;
        if argument == RUNNER
            && let Some(address) = arguments.next()
        {
            argument.push("=");
            argument.push(address);
        }
        made.push(argument);
    }
    if !names_runner {
        made.push(OsString::from(RUNNER));
    }
    made
}

fn is_runner(argument: &OsString) -> bool {
    let text = argument.to_string_lossy();
    text.strip_prefix(RUNNER)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
}

/// Places of the first three words that are neither flags nor their values. A leading `help` does
/// not count.
fn words(arguments: &[OsString]) -> Vec<usize> {
    let take_value = flags_with_values();
    let mut found = Vec::new();
    let mut is_value = false;
    for (place, argument) in arguments.iter().enumerate().skip(1) {
        let text = argument.to_string_lossy();
        // The value of the flag before it, which may be spelled like a command.
        if core::mem::take(&mut is_value) {
            continue;
        }
        if text == "--" || found.len() == 3 {
            break;
        }
        if text.starts_with('-') {
            is_value = take_value.contains(&*text);
        } else if !found.is_empty() || text != "help" {
            found.push(place);
        }
    }
    found
}

/// The flags that may precede a command's name and take the word after them.
fn flags_with_values() -> BTreeSet<String> {
    let command = CliArgs::command();
    let global = command
        .get_arguments()
        .filter(|flag| flag.get_action().takes_values())
        .filter_map(|flag| Some(format!("--{}", flag.get_long()?)));
    global.chain([RUNNER.to_owned()]).collect()
}
