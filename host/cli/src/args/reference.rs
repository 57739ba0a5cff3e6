//! The command reference in docs/reference/COMMANDS.md is written from the command tree.

use core::fmt::Write as _;

use super::command;
use super::groups::GROUPS;

#[path = "../../../../tests/tidy/generated.rs"]
mod generated;

/// The lines of a command, or of its subcommands if it has any, in the sequence of `--help`. What follows the first
/// clause of an about is left to `--help`.
fn write_lines(page: &mut String, path: &str, command: &clap::Command) {
    let mut below = command
        .get_subcommands()
        .filter(|below| !below.is_hide_set())
        .peekable();
    if below.peek().is_none() {
        let about = command.get_about().map(ToString::to_string);
        let about = about.unwrap_or_default();
        let clause = about.split([';', ':', '(']).next().unwrap_or_default();
        writeln!(page, "- `{path}`: {}", clause.trim_end()).unwrap();
    }
    for below in below {
        write_lines(page, &format!("{path} {}", below.get_name()), below);
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
        writeln!(page, "## {group}\n").unwrap();
        for name in names {
            write_lines(&mut page, name, command.find_subcommand(name).unwrap());
        }
    }
    generated::check("docs/reference/COMMANDS.md", "commands", &page);
}
