//! How results are printed: text on standard output, notes on standard error. It must never decide
//! what a result is.

use core::fmt::Write as _;
use std::env;
use std::io::{self, ErrorKind, IsTerminal, Write as _, stderr, stdout};
use std::sync::OnceLock;

use clap::ColorChoice;
use clap::builder::styling::{AnsiColor, Style};
use counterfoil_base::text::{harmless, harmless_indented, harmless_json, harmless_line};
use serde_json::Value;

/// What a command found out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum CommandAnswer {
    /// All is good.
    Yes,
    /// The answer is negative.
    No,
}

impl CommandAnswer {
    /// Yes where `is_good`.
    pub(crate) const fn yes_if(is_good: bool) -> Self {
        if is_good { Self::Yes } else { Self::No }
    }
}

/// A number of things, such as `1 bar` or `2 bars`.
pub(crate) fn counted<N: Copy + core::fmt::Display + PartialEq + From<u8>>(
    count: N,
    noun: &str,
) -> String {
    let ending = if count == N::from(1) { "" } else { "s" };
    format!("{count} {noun}{ending}")
}

/// The command line is wrong, whatever the data: the program exits with 64.
#[derive(Debug)]
pub(crate) struct CommandLineError(String);

impl CommandLineError {
    #[expect(
        clippy::new_ret_no_self,
        reason = "it is only ever made to be returned as an error"
    )]
    pub(crate) fn new(what: String) -> anyhow::Error {
        anyhow::Error::new(Self(what))
    }
}

impl core::fmt::Display for CommandLineError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for CommandLineError {}

/// How much is printed beside results and errors.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verbosity {
    /// Nothing.
    Quiet,
    /// Notes, warnings and progress.
    Normal,
    /// Also what is used and how long it takes.
    Verbose,
}

/// How this process prints.
#[derive(Clone, Copy, Debug)]
struct PrintStyle {
    verbosity: Verbosity,
    stdout_color: bool,
    stderr_color: bool,
}

/// Set once, before anything is printed; without it, text is plain.
static STYLE: OnceLock<PrintStyle> = OnceLock::new();

/// Sets how this process prints. The first call counts.
pub(crate) fn set_style(color: ColorChoice, verbosity: Verbosity) {
    let variable = |name: &str| env::var(name).ok();
    // A second call cannot happen in one process; if it did, lines already printed would not match
    // it.
    let _first_counts = STYLE.set(PrintStyle {
        verbosity,
        stdout_color: use_color(color, stdout().is_terminal(), variable),
        stderr_color: use_color(color, stderr().is_terminal(), variable),
    });
}

fn style() -> PrintStyle {
    STYLE.get().copied().unwrap_or(PrintStyle {
        verbosity: Verbosity::Normal,
        stdout_color: false,
        stderr_color: false,
    })
}

/// Whether to use colour, in the sequence in which clap decides it for help: `NO_COLOR`,
/// `CLICOLOR_FORCE`, `CLICOLOR=0`, then the terminal.
fn use_color(
    choice: ColorChoice,
    is_terminal: bool,
    variable: impl Fn(&str) -> Option<String>,
) -> bool {
    match choice {
        ColorChoice::Always => return true,
        ColorChoice::Never => return false,
        ColorChoice::Auto => {}
    }
    let is_set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
    // An empty variable counts as unset, as the convention of each of these variables demands.
    let is_on = |name: &str| is_set(name) && variable(name).as_deref() != Some("0");
    if is_set("NO_COLOR") {
        return false;
    }
    if is_on("CLICOLOR_FORCE") {
        return true;
    }
    let is_dumb = variable("TERM").is_none_or(|term| term == "dumb");
    variable("CLICOLOR").as_deref() != Some("0") && is_terminal && !is_dumb
}

/// Whether progress bars may be drawn.
pub(crate) fn shows_progress() -> bool {
    style().verbosity != Verbosity::Quiet
}

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const HEAD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// The text as it may be written to a terminal, in a style where colour is used.
///
/// Reasons, names and logs come from guests and feeds. Control characters in them could move the
/// cursor, rewrite what was printed before, or set the clipboard, so they are replaced before the
/// style's own are added. Line ends too: a second line could pretend to be the program's own.
fn paint(text: &str, style: Style, color: bool) -> String {
    let text = harmless_line(text);
    if color {
        format!("{style}{text}{style:#}")
    } else {
        text
    }
}

/// Set once a result could not be written.
static OUTPUT_LOST: OnceLock<String> = OnceLock::new();

fn write_stdout(line: &str) {
    keep_if_lost(writeln!(stdout(), "{line}"));
}

/// Remembers that output is lost. A closed pipe, as of `| head`, is not an error.
pub(crate) fn keep_if_lost(written: io::Result<()>) {
    if let Err(error) = written
        && error.kind() != ErrorKind::BrokenPipe
    {
        // Only the first counts: the others follow from it.
        let _later = OUTPUT_LOST.set(error.to_string());
    }
}

/// Why the results of this process could not be written whole; `None` if they were. A script that reads an answer from
/// a file on a full disk must not take the part that is there for the whole.
pub(crate) fn lost_output() -> Option<&'static str> {
    keep_if_lost(stdout().flush());
    OUTPUT_LOST.get().map(String::as_str)
}

fn write_stderr(line: &str) {
    let _closed = writeln!(stderr(), "{line}");
}

/// Prints one line to standard output.
pub(crate) fn print_line(line: &str) {
    write_stdout(&harmless_line(line));
}

/// Prints lines to standard output whose texts from outside have no line ends of their own.
pub(crate) fn print_block(lines: &str) {
    write_stdout(&harmless(lines));
}

/// Prints a line as it happens; false once standard output is closed.
pub(crate) fn print_event(line: &str) -> bool {
    writeln!(stdout(), "{}", harmless_line(line)).is_ok()
}

/// Prints a line to standard output that states the answer itself: green or red.
pub(crate) fn print_answer(answer: CommandAnswer, line: &str) {
    let color = match answer {
        CommandAnswer::Yes => GOOD,
        CommandAnswer::No => BAD,
    };
    write_stdout(&paint(line, color, style().stdout_color));
}

/// Prints JSON to standard output, one document.
pub(crate) fn print_json(value: &Value) {
    write_stdout(&harmless_json(&format!("{value:#}")));
}

/// Prints a line to standard error; not with `--quiet`.
pub(crate) fn note(line: &str) {
    if style().verbosity != Verbosity::Quiet {
        write_stderr(&harmless_indented(line));
    }
}

/// Prints what is used and how long it takes to standard error; only with `--verbose`.
pub(crate) fn print_detail(line: &str) {
    let style = style();
    if style.verbosity == Verbosity::Verbose {
        write_stderr(&paint(line, DIM, style.stderr_color));
    }
}

/// Prints a warning to standard error, even with `--quiet`: what was done may not be what was meant.
pub(crate) fn warn(line: &str) {
    let head = paint("warning:", WARNING, style().stderr_color);
    write_stderr(&format!("{head} {}", harmless_indented(line)));
}

/// Prints an error with its causes to standard error.
pub(crate) fn print_error(error: &anyhow::Error) {
    // The head is coloured alone: the text may hold a path or a guest's message, which stays as it
    // is.
    let head = paint("error:", BAD, style().stderr_color);
    write_stderr(&format!(
        "{head} {}",
        harmless_indented(&with_causes(error))
    ));
}

/// An error and its causes in one line.
fn with_causes(error: &anyhow::Error) -> String {
    let mut line = error.to_string();
    for cause in error.chain().skip(1) {
        // Errors that pass another on repeat its text: once is enough.
        let text = cause.to_string();
        if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
    }
    line
}

/// Prints rows in columns. The first row is the head; columns of numbers are aligned right.
pub(crate) fn print_table(rows: &[Vec<String>]) {
    let color = style().stdout_color;
    for (place, line) in table_lines(rows).iter().enumerate() {
        if place == 0 {
            write_stdout(&paint(line, HEAD, color));
        } else {
            print_line(line);
        }
    }
}

fn table_lines(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let is_number = |text: &str| {
        text.bytes()
            .all(|b| b.is_ascii_digit() || b",.-+".contains(&b))
    };
    let plan: Vec<(usize, bool)> = (0..columns)
        .map(|column| {
            let cells = || rows.iter().filter_map(|row| row.get(column));
            // Counted in characters and not in bytes, or a name with an umlaut would shift its row.
            let width = cells().map(|cell| cell.chars().count()).max().unwrap_or(0);
            (width, cells().skip(1).all(|cell| is_number(cell)))
        })
        .collect();
    let line = |row: &Vec<String>| {
        let mut line = String::new();
        for (place, (cell, (width, is_right))) in row.iter().zip(&plan).enumerate() {
            // Formatting takes no width beyond 65,535, and a strategy decides how long its texts are.
            let width = usize::from(u16::try_from(*width).unwrap_or(u16::MAX));
            let is_last = place.saturating_add(1) == columns;
            if is_last && !is_right {
                line.push_str(cell);
            } else if *is_right {
                let _infallible = write!(line, "{cell:>width$}  ");
            } else {
                let _infallible = write!(line, "{cell:<width$}  ");
            }
        }
        line.trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// Prints names and values, one pair a line.
pub(crate) fn print_fields(rows: &[(&str, String)]) {
    let color = style().stdout_color;
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    // Only the values may come from outside; the names are this program's own.
    for (name, value) in rows {
        let name = paint(&format!("{name:<width$}"), HEAD, color);
        write_stdout(&format!("{name}  {}", harmless_line(value)));
    }
}

/// The first twelve digits of a digest.
pub(crate) fn short_digest(hex: &str) -> String {
    hex.strip_prefix("sha256:")
        .unwrap_or(hex)
        .chars()
        .take(12)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_cannot_drive_the_terminal() {
        let hostile = "a\u{1b}[2J\nb\r\u{9b}c";
        let shown = "a\u{fffd}[2J\u{fffd}b\u{fffd}\u{fffd}c";
        assert_eq!(paint(hostile, BAD, false), shown);
        // Only the style's own sequences are left.
        assert_eq!(paint(hostile, BAD, true), format!("{BAD}{shown}{BAD:#}"));
    }

    #[test]
    fn colour_follows_the_flag_then_the_environment_then_the_terminal() {
        #[track_caller]
        fn check(choice: ColorChoice, is_terminal: bool, variables: &str, expected: bool) {
            let variable = |name: &str| {
                let mut pairs = variables.split(' ').filter_map(|pair| pair.split_once('='));
                pairs
                    .find(|(key, _)| *key == name)
                    .map(|(_, value)| value.to_owned())
            };
            let found = use_color(choice, is_terminal, variable);
            assert_eq!(found, expected, "{choice} {is_terminal} {variables}");
        }
        use ColorChoice::{Always, Auto, Never};
        check(Auto, true, "TERM=xterm", true);
        check(Auto, false, "TERM=xterm", false);
        check(Auto, true, "", false);
        check(Auto, true, "TERM=dumb", false);
        check(Auto, true, "TERM=xterm NO_COLOR=1", false);
        check(Auto, true, "TERM=xterm NO_COLOR=", true);
        check(Auto, true, "TERM=xterm NO_COLOR=1 CLICOLOR_FORCE=1", false);
        check(Auto, true, "TERM=xterm CLICOLOR=0", false);
        check(Auto, true, "TERM=xterm CLICOLOR=1", true);
        check(Auto, false, "CLICOLOR_FORCE=1", true);
        check(Auto, false, "CLICOLOR_FORCE=0", false);
        check(Always, false, "NO_COLOR=1", true);
        check(Never, true, "TERM=xterm CLICOLOR_FORCE=1", false);
    }

    #[test]
    fn a_table_aligns_text_left_and_numbers_right() {
        let rows = [["run", "fills"], ["a", "5"], ["bcd", "1200"]];
        let rows = rows.map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(
            table_lines(&rows),
            ["run  fills", "a        5", "bcd   1200"]
        );
    }

    #[test]
    fn an_error_states_each_cause_once() {
        let cause = anyhow::anyhow!("no such file");
        let error = cause
            .context("cannot read x: no such file")
            .context("--risk");
        assert_eq!(with_causes(&error), "--risk: cannot read x: no such file");
    }
}
