//! The command reference in docs/reference/COMMANDS.md is written from the command tree.

use core::fmt::Write as _;

use super::command;
use super::groups::GROUPS;

#[path = "../../../../tests/tidy/generated.rs"]
mod generated;

/// The names of a command's subcommands, with theirs in parentheses.
fn names(command: &clap::Command) -> String {
    let shown = command
        .get_subcommands()
        .filter(|below| !below.is_hide_set());
    let names = shown.map(|below| {
        let inner = names(below);
        let name = below.get_name();
        if inner.is_empty() {
            format!("`{name}`")
        } else {
            format!("`{name}` ({inner})")
        }
    });
    names.collect::<Vec<_>>().join(", ")
}

#[test]
fn the_command_reference_is_written_from_the_command_tree() {
    let command = command();
    let mut page = String::new();
    for (group, names_of_group) in GROUPS {
        if !page.is_empty() {
            page.push('\n');
        }
        writeln!(page, "## {group}\n").unwrap();
        for name in names_of_group {
            let below = command.find_subcommand(name).unwrap();
            let about = below.get_about().map(ToString::to_string);
            writeln!(page, "- `{name}`: {}", about.unwrap_or_default()).unwrap();
            let inner = names(below);
            if !inner.is_empty() {
                writeln!(page, "  ({inner})").unwrap();
            }
        }
    }
    generated::check("docs/reference/COMMANDS.md", "commands", &page);
}
