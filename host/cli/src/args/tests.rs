//! Tests of the command tree: its groups, names kept free, old spellings.

use std::collections::BTreeSet;
use std::ffi::OsString;

use clap::{Args as _, FromArgMatches as _};

use super::groups::GROUPS;
use super::old_spellings::{ReplacedSpelling, SPELLINGS};
use super::*;

fn parse(line: &str) -> (String, Option<ReplacedSpelling>) {
    let words = core::iter::once("counterfoil").chain(line.split_whitespace());
    let (arguments, replaced) = modernize(words.map(OsString::from).collect());
    let matches = command()
        .try_get_matches_from(arguments)
        .unwrap_or_else(|error| panic!("{line}: {error}"));
    let args = CliArgs::from_arg_matches(&matches).unwrap();
    (format!("{args:?}"), replaced)
}

#[test]
fn the_command_tree_is_consistent() {
    command().debug_assert();
}

/// `ledger search` took `--as` for its own `--actor`, and refused it.
#[test]
fn no_command_has_an_argument_by_the_name_of_a_global_one() {
    let own = |command: &clap::Command| -> BTreeSet<String> {
        let all = command.get_arguments();
        all.map(|one| one.get_id().to_string()).collect()
    };
    let global = own(&GlobalArgs::augment_args(clap::Command::new("global")));
    let mut rest: Vec<clap::Command> = command().get_subcommands().cloned().collect();
    while let Some(command) = rest.pop() {
        let both: Vec<String> = own(&command).intersection(&global).cloned().collect();
        assert_eq!(both, [""; 0], "{}", command.get_name());
        rest.extend(command.get_subcommands().cloned());
    }
}

#[test]
fn every_command_is_shown_once_in_a_group() {
    let command = command();
    let shown: BTreeSet<&str> = command
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .map(clap::Command::get_name)
        .collect();
    let grouped: Vec<&str> = GROUPS
        .iter()
        .flat_map(|(_, names)| names.iter().copied())
        .collect();
    assert_eq!(grouped.len(), shown.len());
    assert_eq!(grouped.into_iter().collect::<BTreeSet<&str>>(), shown);
}

#[test]
fn names_of_later_releases_are_free() {
    let later = ["inspect", "pack", "toolchain", "sdk", "login", "mcp"];
    for name in later {
        assert!(command().find_subcommand(name).is_none(), "{name}");
    }
    // More than a screen of commands, and a reader of `--help` no longer finds the one to use.
    let shown: usize = GROUPS.iter().map(|(_, names)| names.len()).sum();
    assert!(
        shown + later.len() <= 32,
        "{shown} and {} later",
        later.len()
    );
    let nested = [
        ("run", "orders item worker"),
        ("audit", "order check drill health limitations archive hold"),
        ("change", "sign"),
    ];
    for (group, names) in nested {
        let command = command();
        let group = command.find_subcommand(group).unwrap();
        for name in names.split(' ') {
            assert!(group.find_subcommand(name).is_none(), "{name}");
        }
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table of every spelling")]
fn an_old_spelling_is_the_same_command() {
    let lines = [
        (
            "ingest a.csv --symbol IBM",
            "data ingest a.csv --symbol IBM",
        ),
        ("snapshots", "data list"),
        ("--json snapshots", "--json data list"),
        ("--data-dir runs runs", "--data-dir runs run list"),
        (
            "--data-dir=show show 3f9c --fills",
            "--data-dir=show run show 3f9c --fills",
        ),
        ("-v --as key key new bob", "-v --as key people key new bob"),
        (
            "manifest 3f9c --feed ticker -o start.json",
            "run manifest 3f9c --feed ticker -o start.json",
        ),
        (
            "run kill 3f9c --reason drill",
            "kill --runner 3f9c --reason drill",
        ),
        (
            "run --runner http://h:1 kill --all",
            "kill --runner=http://h:1 --all",
        ),
        (
            "run kill --account desk --runner=http://h:1",
            "kill --account desk --runner=http://h:1",
        ),
        (
            "run list --runner http://h:1",
            "run status --runner http://h:1",
        ),
        (
            "run --runner=http://h:1 list",
            "run --runner=http://h:1 status",
        ),
        (
            "parity 3f9c --day 2026-03-02",
            "audit parity 3f9c --day 2026-03-02",
        ),
        ("compare 3f9c 8c1d", "run compare 3f9c 8c1d"),
        ("publish 3f9c -o log", "audit publish 3f9c -o log"),
        ("ledger verify --key k.pub", "verify ledger --key k.pub"),
        ("ledger --json verify", "--json verify ledger"),
        (
            "principal add bob --role author --key bob.pub",
            "people add bob --role author --key bob.pub",
        ),
        ("principal list", "people list"),
        ("principal show bob", "people show bob"),
        ("principal roles bob", "people roles bob"),
        (
            "principal class risk --role approver --approvals 2",
            "people class set risk --role approver --approvals 2",
        ),
        ("principal classes", "people class list"),
        ("key new bob", "people key new bob"),
        ("key add bob --key k", "people key add bob --key k"),
        ("key rotate", "people key rotate"),
        (
            "key revoke 3f9c --reason lost",
            "people key revoke 3f9c --reason lost",
        ),
        (
            "key list --where counts=true",
            "people key list --where counts=true",
        ),
        (
            "delegate to bob --class risk --until 2026-03-02 --reason leave",
            "people delegation add bob --class risk --until 2026-03-02 --reason leave",
        ),
        (
            "delegate end 3 --reason back",
            "people delegation end 3 --reason back",
        ),
        ("delegate list --all", "people delegation list --all"),
        ("access-review --days 5", "people access-review --days 5"),
        (
            "exception grant --rule r --all --reason a --control b --owner c --until 2026-03-02",
            "change exception grant --rule r --all --reason a --control b --owner c --until 2026-03-02",
        ),
        (
            "exception end 3 --reason over",
            "change exception end 3 --reason over",
        ),
        ("exception list", "change exception list"),
        (
            "break-glass open --act key-add --until 2026-03-02 --reason a",
            "change break-glass open --act key-add --until 2026-03-02 --reason a",
        ),
        (
            "break-glass close 3 --reason a",
            "change break-glass close 3 --reason a",
        ),
        (
            "break-glass review 3 report.md --findings none",
            "change break-glass review 3 report.md --findings none",
        ),
        ("break-glass list", "change break-glass list"),
        (
            "authorize start start.json --until 2026-03-31 --as olga",
            "account authorization grant start.json --until 2026-03-31 --as olga",
        ),
        (
            "authorize withdraw 3 --reason a",
            "account authorization withdraw 3 --reason a",
        ),
        ("authorize list", "account authorization list"),
        (
            "limits set desk --owner ada",
            "account limits set desk --owner ada",
        ),
        ("limits show desk", "account limits show desk"),
        ("limits list", "account limits list"),
        (
            "budget set --owner ada --fuel 1 --runs 1 --bytes 1 --wall 1",
            "account budget set --owner ada --fuel 1 --runs 1 --bytes 1 --wall 1",
        ),
        (
            "budget team red --member ada",
            "account budget team red --member ada",
        ),
        (
            "budget excess --team red --until 2026-03-02 --reason a",
            "account budget excess --team red --until 2026-03-02 --reason a",
        ),
        ("budget use 3f9c --tag x", "account budget use 3f9c --tag x"),
        ("budget list", "account budget list"),
        (
            "budget report --day 2026-03-02",
            "account budget report --day 2026-03-02",
        ),
        ("drift --record", "ledger drift --record"),
        ("who-approved 3f9c", "ledger who-approved 3f9c"),
    ];
    for (old, new) in lines {
        let (parsed, replaced) = parse(old);
        assert_eq!(parsed, parse(new).0, "{old}");
        assert!(replaced.is_some(), "{old}: no note");
        assert_eq!(parse(new).1, None, "{new} is today's spelling");
    }
    // The table leaves out no spelling.
    for (old, _) in SPELLINGS {
        let line = old.join(" ");
        assert!(
            lines.iter().any(|(typed, _)| typed.contains(&line)),
            "{line}"
        );
    }
}

#[test]
fn what_follows_the_command_is_not_taken_for_an_old_spelling() {
    for line in [
        "verify ledger",
        "verify show",
        "run show runs",
        "new show",
        "component attest-tests x.wasm -- show runs",
        "policy show show",
        "run list",
        "data report publish",
        "kill --all --runner",
    ] {
        assert_eq!(parse(line).1, None, "{line}");
    }
    let help = ["counterfoil", "help", "principal", "class"].map(OsString::from);
    let (arguments, _) = modernize(help.to_vec());
    assert_eq!(arguments[1..], ["help", "people", "class", "set"]);
}

#[test]
fn help_names_every_term() {
    let mut command = command();
    for name in ["backtest", "live"] {
        let help = command
            .find_subcommand_mut(name)
            .unwrap()
            .render_help()
            .to_string();
        for term in crate::commands::run_terms::term_names() {
            let (section, field) = term.split_once('.').unwrap();
            let row = help.split(section).skip(1);
            let is_named = |row: &str| {
                row.split_whitespace()
                    .any(|word| word == format!(".{field}"))
            };
            assert!(row.into_iter().any(is_named), "{name}: {term}");
        }
    }
}

#[test]
fn every_command_and_flag_has_a_help_text() {
    fn check(path: &str, command: &clap::Command) {
        assert!(command.get_about().is_some(), "{path}");
        for argument in command.get_arguments() {
            let is_shown = !argument.is_hide_set();
            let id = argument.get_id();
            assert!(!is_shown || argument.get_help().is_some(), "{path} {id}");
        }
        for inner in command.get_subcommands() {
            check(&format!("{path} {}", inner.get_name()), inner);
        }
    }
    check("counterfoil", &command());
}

#[test]
fn every_shell_gets_a_script_without_old_spellings() {
    use clap::ValueEnum as _;
    for shell in clap_complete::Shell::value_variants() {
        let mut script = Vec::new();
        clap_complete::generate(*shell, &mut command(), "counterfoil", &mut script);
        let script = String::from_utf8(script).unwrap();
        assert!(script.contains("walk-forward"), "{shell}");
    }
}
