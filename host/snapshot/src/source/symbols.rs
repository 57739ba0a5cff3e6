//! The symbols of a source, each with a number while it is read, and how far each has come. It must
//! never know a row.

use std::collections::BTreeMap;

use crate::error::IngestError;
use crate::source::row_error::{RowError, RowErrorCode};

/// Bytes of a symbol: longer than any vendor's, short enough for a line of a table.
pub(crate) const SYMBOL_BYTES_MAX: usize = 64;

/// Symbols by name.
#[derive(Debug)]
pub(crate) struct SymbolTable<T> {
    known: BTreeMap<String, (u32, T)>,
}

/// Whether a row is later than all rows of its symbol before it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum RowArrival {
    /// After everything of its symbol.
    Last,
    /// Not after everything: it is late, or a repeat.
    Late,
}

impl<T: PartialOrd> SymbolTable<T> {
    pub(crate) const fn new() -> Self {
        Self {
            known: BTreeMap::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    /// The number of a symbol, and whether `key` is later than all it had before.
    pub(crate) fn note(&mut self, symbol: &str, key: T) -> (u32, RowArrival) {
        match self.known.get_mut(symbol) {
            Some((number, latest)) if *latest < key => {
                *latest = key;
                (*number, RowArrival::Last)
            }
            Some((number, _)) => (*number, RowArrival::Late),
            None => {
                let number = u32::try_from(self.known.len()).unwrap_or(u32::MAX);
                self.known.insert(symbol.to_owned(), (number, key));
                (number, RowArrival::Last)
            }
        }
    }

    /// The names, by number.
    pub(crate) fn names(&self) -> Vec<&str> {
        let mut all: Vec<(u32, &str)> = self
            .known
            .iter()
            .map(|(name, (number, _))| (*number, name.as_str()))
            .collect();
        all.sort_unstable();
        all.into_iter().map(|(_, name)| name).collect()
    }

    /// The names, sorted.
    pub(crate) fn sorted(&self) -> Vec<&str> {
        self.known.keys().map(String::as_str).collect()
    }

    /// By number, the place among the names sorted.
    pub(crate) fn ranks(&self) -> Vec<u32> {
        let places = self.known.values().map(|(number, _)| *number).zip(0..);
        let mut all: Vec<(u32, u32)> = places.collect();
        all.sort_unstable();
        all.into_iter().map(|(_, rank)| rank).collect()
    }
}

/// Whether a text can name an instrument.
fn is_symbol(text: &str) -> bool {
    // Symbols become parts of file names and lines on terminals, so length and control characters
    // are bounded here, where they come in.
    !text.is_empty() && text.len() <= SYMBOL_BYTES_MAX && !text.chars().any(char::is_control)
}

/// Checks a symbol that the caller states, or one in a file of actions.
///
/// # Errors
///
/// Returns a sentence for people.
pub(crate) fn check_symbol(symbol: &str) -> Result<(), String> {
    if is_symbol(symbol) {
        return Ok(());
    }
    Err(format!(
        "{symbol:?} is not a valid symbol: use 1 to {SYMBOL_BYTES_MAX} bytes without control characters"
    ))
}

/// Checks the symbol of a row.
///
/// # Errors
///
/// Returns [`RowError`], whose message goes into the quarantine.
pub(crate) fn check_row_symbol(symbol: &str) -> Result<(), RowError> {
    if is_symbol(symbol) {
        return Ok(());
    }
    // The quarantine's bytes are part of what names a snapshot, so this text never changes.
    Err(RowError {
        code: RowErrorCode::Symbol,
        message: format!("{symbol:?} is not a symbol: 1 to 64 bytes without control characters"),
    })
}

/// The value of a symbol by its number, from a list that has one for each.
///
/// # Errors
///
/// Returns [`IngestError::Internal`] if the list has none. A value made up instead would put one
/// instrument's bars under another's name.
pub(crate) fn by_number<T: Copy>(values: &[T], number: u32, file: &str) -> Result<T, IngestError> {
    usize::try_from(number)
        .ok()
        .and_then(|place| values.get(place).copied())
        .ok_or_else(|| IngestError::Internal {
            file: file.to_owned(),
            reason: format!("no symbol has number {number}"),
        })
}
