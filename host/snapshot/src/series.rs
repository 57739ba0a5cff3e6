//! The rows of one instrument, kept so that a second row of one time is seen when it comes. It
//! must never know a scale or a timeframe.

use std::collections::BTreeMap;

use crate::row::Row;

/// Rows by time. Those that come in sequence go to a list, the late ones to a tree.
#[derive(Debug, Default)]
pub(crate) struct Series {
    sorted: Vec<Row>,
    late: BTreeMap<i64, Row>,
}

impl Series {
    /// Takes a row, or gives the one that has its time.
    pub(crate) fn add(&mut self, row: Row) -> Result<(), Row> {
        if self.sorted.last().is_none_or(|last| last.time < row.time) {
            self.sorted.push(row);
            return Ok(());
        }
        let place = self
            .sorted
            .binary_search_by_key(&row.time, |sorted| sorted.time);
        let there = place.ok().and_then(|place| self.sorted.get(place));
        if let Some(there) = there.or_else(|| self.late.get(&row.time)) {
            return Err(*there);
        }
        self.late.insert(row.time, row);
        Ok(())
    }

    /// How many rows came after one with a later time.
    pub(crate) fn late(&self) -> u64 {
        u64::try_from(self.late.len()).unwrap_or(u64::MAX)
    }

    /// All rows, by time.
    pub(crate) fn into_rows(self) -> Vec<Row> {
        let mut rows = self.sorted;
        if !self.late.is_empty() {
            rows.extend(self.late.into_values());
            rows.sort_by_key(|row| row.time);
        }
        rows
    }
}
