//! The groups in which `--help` shows the commands.

use core::fmt::Write as _;

use clap::CommandFactory as _;
use clap::builder::StyledStr;
use clap::builder::styling::Style;

use super::CliArgs;

/// Every command that is shown, in the sequence in which it is shown.
pub(super) const GROUPS: [(&str, &[&str]); 5] = [
    (
        "Author",
        &[
            "demo",
            "new",
            "build",
            "data",
            "backtest",
            "sweep",
            "walk-forward",
            "monte-carlo",
            "report",
        ],
    ),
    ("Runs", &["run", "live", "serve", "kill"]),
    ("Audit", &["verify", "replay", "proof", "audit"]),
    (
        "People",
        &[
            "component",
            "people",
            "change",
            "account",
            "policy",
            "ledger",
        ],
    ),
    ("Setup", &["doctor", "completions", "version"]),
];

/// The command tree, with the top level's help in groups: clap itself shows subcommands in one list.
pub(crate) fn command() -> clap::Command {
    let command = CliArgs::command();
    let template = template(&command);
    command.help_template(template)
}

fn template(command: &clap::Command) -> StyledStr {
    let styles = command.get_styles().clone();
    let (header, literal) = (*styles.get_header(), *styles.get_literal());
    let paint = |style: Style, text: &str| format!("{style}{text}{style:#}");
    let width = GROUPS
        .iter()
        .flat_map(|(_, names)| names.iter())
        .map(|name| name.len())
        .max();
    let width = width.unwrap_or(0);
    // The groups are part of a template, because clap has no headings for subcommands. Each about
    // text is taken from the tree, so that help cannot name a command that does not exist.
    let mut text = String::from("{about-with-newline}\n{usage-heading} {usage}\n\n");
    for (group, names) in GROUPS {
        let _infallible = writeln!(text, "{}", paint(header, &format!("{group}:")));
        for name in names {
            let about = command
                .find_subcommand(name)
                .and_then(clap::Command::get_about);
            let about = about.map(ToString::to_string).unwrap_or_default();
            let name = paint(literal, &format!("{name:<width$}"));
            let _infallible = writeln!(text, "  {name}  {about}");
        }
        text.push('\n');
    }
    let _infallible = writeln!(text, "{}", paint(header, "Global options:"));
    text.push_str("{options}{after-help}");
    StyledStr::from(text)
}
