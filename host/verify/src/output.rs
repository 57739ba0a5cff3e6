//! What the program prints. Every byte on standard output passes here, so that nothing that a file says can drive the
//! reader's terminal.

use core::fmt::Display;
use std::io::{self, Write as _};

use counterfoil_base::text::{harmless, harmless_json};
use serde_json::Value;

/// An answer in one of its two forms.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Text(String),
    Json(Value),
}

impl Answer {
    /// The answer as JSON or as text.
    pub(crate) fn of(is_json: bool, text: &dyn Display, json: impl FnOnce() -> Value) -> Self {
        if is_json {
            Self::Json(json())
        } else {
            Self::Text(text.to_string())
        }
    }
}

/// Prints the answer, all of it.
pub(crate) fn print(answer: &Answer) -> io::Result<()> {
    // Names and reasons are chosen by whoever wrote the file: an escape sequence could overwrite a verdict.
    let text = match answer {
        Answer::Text(text) => harmless(text),
        Answer::Json(value) => format!("{}\n", harmless_json(&value.to_string())),
    };
    let mut out = io::stdout();
    out.write_all(text.as_bytes())?;
    // Without it a full disk would show only when the process is gone.
    out.flush()
}
