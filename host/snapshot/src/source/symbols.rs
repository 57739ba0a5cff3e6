//! The symbols of a source, each with a number while it is read, and how far each has come. It must
//! never know a row.

use std::collections::BTreeMap;

/// Symbols by name.
#[derive(Debug)]
pub(crate) struct SymbolTable<T> {
    known: BTreeMap<String, (u32, T)>,
}

/// Whether something comes after all that came before it.
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

    /// The number of a symbol, and where `key` stands among what it had.
    pub(crate) fn take(&mut self, symbol: &str, key: T) -> (u32, RowArrival) {
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
