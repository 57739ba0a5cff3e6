//! Columnar files of pandas that have instruments side by side: each column's name is a tuple such as
//! `('Close', 'SPY')`, and a line becomes a row for each instrument. It must never know what a field means.

use super::wide::{WideRow, WideTable};
use super::{SourceRecord, SourceRecords};
use crate::error::IngestError;
use crate::store::manifest::LayerNote;

/// The rows of a file with tuples as names.
struct TupledRecords {
    inner: Box<dyn SourceRecords>,
    table: WideTable,
    /// The place of the time among the columns of the file.
    time: usize,
    typed: Vec<bool>,
    line: u64,
    raw: Vec<u8>,
}

/// The same rows; of each instrument by itself if the names of the columns are tuples.
pub(super) fn by_instrument(inner: Box<dyn SourceRecords>) -> Box<dyn SourceRecords> {
    let Some((time, table)) = wide_table(inner.header()) else {
        return inner;
    };
    let mut of_fields = inner
        .typed()
        .iter()
        .enumerate()
        .filter(|(place, _)| *place != time);
    let is_typed = of_fields.all(|(_, typed)| *typed);
    let mut typed = vec![is_typed; table.names().len()];
    // Time and ticker.
    if let [first, second, ..] = typed.as_mut_slice() {
        *first = inner.typed().get(time).copied().unwrap_or(false);
        *second = false;
    }
    Box::new(TupledRecords {
        inner,
        table,
        time,
        typed,
        line: 1,
        raw: Vec::new(),
    })
}

/// The place of the time, and the table that the other columns are.
fn wide_table(header: &[String]) -> Option<(usize, WideTable)> {
    let levels: Vec<Option<[String; 2]>> = header.iter().map(|name| tuple(name)).collect();
    let mut plain = levels
        .iter()
        .enumerate()
        .filter(|(_, levels)| levels.is_none() || is_index(levels.as_ref()));
    // pandas writes the index last, and of any name.
    let (time, _) = plain.next()?;
    if plain.next().is_some() {
        return None;
    }
    let (mut first, mut second) = (vec![String::new()], vec![String::new()]);
    for (place, levels) in levels.into_iter().enumerate() {
        if place == time {
            continue;
        }
        let [one, other] = levels?;
        first.push(one);
        second.push(other);
    }
    let mut table = WideTable::of(&first, &second)?;
    let name = header.get(time)?;
    let is_known = tuple(name).is_none() && !name.starts_with("__index_level_");
    if is_known {
        table.name_time(name);
    }
    Some((time, table))
}

/// Whether a tuple is the name of the index, which has one level: `('Date', '')`.
fn is_index(levels: Option<&[String; 2]>) -> bool {
    levels.is_some_and(|[_, second]| second.is_empty())
}

/// The two texts of a tuple as Python writes it.
fn tuple(name: &str) -> Option<[String; 2]> {
    let inner = name.strip_prefix('(')?.strip_suffix(')')?;
    let (first, second) = inner.split_once(", ")?;
    Some([quoted(first)?, quoted(second)?])
}

fn quoted(text: &str) -> Option<String> {
    let sign = text
        .chars()
        .next()
        .filter(|sign| matches!(sign, '\'' | '"'))?;
    let inner = text.strip_prefix(sign)?.strip_suffix(sign)?;
    (!inner.contains(sign) && !inner.contains('\\')).then(|| inner.to_owned())
}

impl SourceRecords for TupledRecords {
    fn header(&self) -> &[String] {
        self.table.names()
    }

    fn next(&mut self) -> Result<SourceRecord<'_>, IngestError> {
        if !self.table.has_row() {
            match self.inner.next()? {
                SourceRecord::Row { line, fields, raw } => {
                    let time = fields.get(self.time).copied().unwrap_or_default();
                    let others = fields.iter().enumerate();
                    let others = others.filter(|(place, _)| *place != self.time);
                    let others = others.map(|(_, field)| *field);
                    let cells: Vec<&str> = core::iter::once(time).chain(others).collect();
                    self.table.take(&cells);
                    self.line = line;
                    self.raw.clear();
                    self.raw.extend_from_slice(raw);
                }
                SourceRecord::Invalid { line, error, raw } => {
                    self.raw.clear();
                    self.raw.extend_from_slice(raw);
                    return Ok(SourceRecord::Invalid {
                        line,
                        error,
                        raw: &self.raw,
                    });
                }
                SourceRecord::Blank => return Ok(SourceRecord::Blank),
                SourceRecord::End => return Ok(SourceRecord::End),
            }
        }
        Ok(match self.table.row() {
            WideRow::Fields(fields) => SourceRecord::Row {
                line: self.line,
                fields,
                raw: &self.raw,
            },
            WideRow::Blank => SourceRecord::Blank,
        })
    }

    fn bytes(&self) -> u64 {
        self.inner.bytes()
    }

    fn typed(&self) -> &[bool] {
        &self.typed
    }

    fn note(&self) -> Option<LayerNote> {
        self.inner.note()
    }

    fn format(&self) -> (&'static str, &'static str) {
        self.inner.format()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_tuples_are_a_table_of_instruments() {
        let table = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let (time, table) = wide_table(&names)?;
            Some((time, table.names().join(" ")))
        };
        let prices = |time: &'static str| {
            [
                "('Open', 'SPY')",
                "('High', 'SPY')",
                "('Low', 'SPY')",
                "('Close', 'SPY')",
                time,
            ]
        };
        let expect = |time: &str| Some((4, format!("{time} ticker Open High Low Close")));
        assert_eq!(table(&prices("Date")), expect("Date"));
        assert_eq!(table(&prices("__index_level_0__")), expect("time"));
        assert_eq!(table(&prices("('Date', '')")), expect("time"));
        assert_eq!(table(&prices("('Volume', 'SPY')")), None);
        assert_eq!(table(&["time", "open", "high", "low", "close"]), None);
        assert_eq!(table(&["(a, b)", "('a'"]), None);
    }
}
