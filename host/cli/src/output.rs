//! How answers are printed.

use core::fmt::Write as _;
use std::io::Write as _;

use counterfoil_base::text::harmless;
use serde_json::Value;

/// What a command found out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Answer {
    /// All is good.
    Yes,
    /// The answer is no.
    No,
}

/// The program was called wrongly: what was typed cannot mean anything, whatever the data.
#[derive(Debug)]
pub(crate) struct Misuse(String);

impl Misuse {
    #[expect(
        clippy::new_ret_no_self,
        reason = "it is only ever made to be returned as an error"
    )]
    pub(crate) fn new(what: String) -> anyhow::Error {
        anyhow::Error::new(Self(what))
    }
}

impl core::fmt::Display for Misuse {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for Misuse {}

/// Prints a line to standard output. A closed pipe is no error.
pub(crate) fn say(line: &str) {
    let _closed = writeln!(std::io::stdout(), "{}", harmless(line));
}

/// Prints a line to standard error.
pub(crate) fn note(line: &str) {
    let _closed = writeln!(std::io::stderr(), "{}", harmless(line));
}

/// Prints JSON, one document.
pub(crate) fn say_json(value: &Value) {
    say(&format!("{value:#}"));
}

/// Prints an error with its causes.
pub(crate) fn complain(error: &anyhow::Error) {
    let mut line = format!("counterfoil: {error}");
    for cause in error.chain().skip(1) {
        // Our errors that pass another on say the same words: once is enough.
        let text = cause.to_string();
        if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
    }
    note(&line);
}

/// Prints rows in columns: the first row is the head; columns that hold numbers stand right.
pub(crate) fn table(rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let is_number = |text: &str| {
        text.bytes()
            .all(|b| b.is_ascii_digit() || b",.-+".contains(&b))
    };
    let plan: Vec<(usize, bool)> = (0..columns)
        .map(|column| {
            let cells = || rows.iter().filter_map(|row| row.get(column));
            let width = cells().map(|cell| cell.chars().count()).max().unwrap_or(0);
            (width, cells().skip(1).all(|cell| is_number(cell)))
        })
        .collect();
    for row in rows {
        let mut line = String::new();
        for (cell, (width, right)) in row.iter().zip(&plan) {
            if *right {
                let _infallible = write!(line, "{cell:>width$}  ");
            } else {
                let _infallible = write!(line, "{cell:<width$}  ");
            }
        }
        say(line.trim_end());
    }
}

/// Prints names and values, one a line.
pub(crate) fn pairs(rows: &[(&str, String)]) {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, value) in rows {
        say(&format!("{name:<width$}  {value}"));
    }
}

/// A digest as people read it.
pub(crate) fn short(hex: &str) -> String {
    hex.strip_prefix("sha256:")
        .unwrap_or(hex)
        .chars()
        .take(12)
        .collect()
}
