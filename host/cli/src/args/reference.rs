//! The command reference in docs/reference/COMMANDS.md is written from the command tree.

use core::fmt::Write as _;

use super::command;
use super::groups::GROUPS;

#[path = "../../../../tests/tidy/generated.rs"]
mod generated;

/// The rows of a command and, below it, of its subcommands, in the sequence of `--help`.
fn write_rows(table: &mut String, path: &str, command: &clap::Command) {
    let about = command.get_about().map(ToString::to_string);
    writeln!(table, "| `{path}` | {} |", about.unwrap_or_default()).unwrap();
    for below in command
        .get_subcommands()
        .filter(|below| !below.is_hide_set())
    {
        write_rows(table, &format!("{path} {}", below.get_name()), below);
    }
}

#[test]
fn the_command_reference_is_written_from_the_command_tree() {
    let command = command();
    let mut page = String::new();
    for (group, names) in GROUPS {
        if !page.is_empty() {
            page.push('\n');
        }
        writeln!(
            page,
            "## {group}\n\n| command | what it does |\n| --- | --- |"
        )
        .unwrap();
        for name in names {
            write_rows(&mut page, name, command.find_subcommand(name).unwrap());
        }
    }
    generated::check("docs/reference/COMMANDS.md", "commands", &page);
}
