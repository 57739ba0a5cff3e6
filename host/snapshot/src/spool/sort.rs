//! More rows than memory holds, in sequence: sorted a chunk at a time, kept on disk, and merged. It
//! must never know what a row means.
//!
//! Source: D. E. Knuth, The Art of Computer Programming, volume 3, 5.4 (external sorting).

use core::cmp::Reverse;
use std::collections::BinaryHeap;
use std::vec::IntoIter;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::IngestError;
use crate::spool::spool_file::{SpoolReader, SpoolWriter};
use crate::spool::staging::StagingDir;

/// Sorted chunks that are merged at once: each is an open file with a buffer.
const CHUNKS_PER_MERGE: usize = 64;

/// Takes rows in any sequence.
pub(crate) struct ExternalSorter<'a, T> {
    scratch: &'a StagingDir,
    /// The prefix of its files' names.
    name: &'static str,
    /// Rows in memory, at most.
    most: usize,
    rows: Vec<T>,
    open: Option<SortedChunk<T>>,
    /// Chunks by how often their rows were merged, so that each row is merged a few times in all.
    levels: Vec<Vec<String>>,
    made: u64,
}

/// The chunk that is being written, and its last row: rows that begin where it ends are appended, so
/// that a source that is sorted is one chunk.
struct SortedChunk<T> {
    writer: SpoolWriter,
    last: T,
}

impl<'a, T: Ord + Serialize + DeserializeOwned> ExternalSorter<'a, T> {
    pub(crate) fn new(scratch: &'a StagingDir, name: &'static str, most: usize) -> Self {
        Self {
            scratch,
            name,
            most: most.max(1),
            rows: Vec::new(),
            open: None,
            levels: Vec::new(),
            made: 0,
        }
    }

    pub(crate) fn add(&mut self, row: T) -> Result<(), IngestError> {
        self.rows.push(row);
        if self.rows.len() >= self.most {
            self.spill()?;
        }
        Ok(())
    }

    /// All rows, the smallest first.
    pub(crate) fn finish(mut self) -> Result<SortedRows<'a, T>, IngestError> {
        // Unstable is enough: every row type has its line in its order, so no two are equal.
        self.rows.sort_unstable();
        let open = self.open.take();
        self.close(open)?;
        let mut inputs = self
            .levels
            .iter()
            .flatten()
            .map(|chunk| SpoolReader::new(self.scratch, chunk, 0).map(SortedInput::File))
            .collect::<Result<Vec<_>, _>>()?;
        inputs.push(SortedInput::Memory(self.rows.into_iter()));
        SortedRows::new(self.scratch, inputs)
    }

    /// Moves the rows in memory to disk.
    fn spill(&mut self) -> Result<(), IngestError> {
        let mut rows = core::mem::take(&mut self.rows);
        rows.sort_unstable();
        let mut writer = match (self.open.take(), rows.first()) {
            // A source that is sorted already becomes one chunk, and is merged with nothing.
            (Some(chunk), Some(first)) if chunk.last <= *first => chunk.writer,
            (chunk, _) => {
                self.close(chunk)?;
                SpoolWriter::new(self.scratch, self.next_name())?
            }
        };
        for row in &rows {
            writer.add(row)?;
        }
        // Only the last row is kept, to see whether the next rows continue this chunk.
        self.open = rows.pop().map(|last| SortedChunk { writer, last });
        rows.clear();
        self.rows = rows;
        Ok(())
    }

    fn next_name(&mut self) -> String {
        self.made = self.made.saturating_add(1);
        format!("{}-{}", self.name, self.made)
    }

    /// Ends a chunk. Where there are many of one level they become one.
    fn close(&mut self, chunk: Option<SortedChunk<T>>) -> Result<(), IngestError> {
        let Some(chunk) = chunk else { return Ok(()) };
        let mut name = chunk.writer.finish()?;
        for level in 0.. {
            if level == self.levels.len() {
                self.levels.push(Vec::new());
            }
            let Some(chunks) = self.levels.get_mut(level) else {
                break;
            };
            chunks.push(name);
            // Bounds the files that the last merge holds open: a process has a limit of some
            // thousand, and a source may have 4,000 chunks.
            if chunks.len() < CHUNKS_PER_MERGE {
                break;
            }
            let chunks = core::mem::take(chunks);
            name = self.merge(&chunks)?;
        }
        Ok(())
    }

    fn merge(&mut self, chunks: &[String]) -> Result<String, IngestError> {
        let inputs = chunks
            .iter()
            .map(|chunk| SpoolReader::new(self.scratch, chunk, 0).map(SortedInput::File))
            .collect::<Result<Vec<_>, _>>()?;
        let mut sorted = SortedRows::<T>::new(self.scratch, inputs)?;
        let mut writer = SpoolWriter::new(self.scratch, self.next_name())?;
        while let Some(row) = sorted.next()? {
            writer.add(&row)?;
        }
        writer.finish()
    }
}

/// Rows in sequence. A file is removed once its last row was given.
pub(crate) struct SortedRows<'a, T> {
    scratch: &'a StagingDir,
    inputs: Vec<SortedInput<T>>,
    /// The next row of each input.
    heads: BinaryHeap<Reverse<(T, usize)>>,
}

enum SortedInput<T> {
    Memory(IntoIter<T>),
    File(SpoolReader<T>),
}

impl<'a, T: Ord + DeserializeOwned> SortedRows<'a, T> {
    fn new(scratch: &'a StagingDir, inputs: Vec<SortedInput<T>>) -> Result<Self, IngestError> {
        let mut sorted = Self {
            scratch,
            heads: BinaryHeap::with_capacity(inputs.len()),
            inputs,
        };
        for place in 0..sorted.inputs.len() {
            sorted.advance(place)?;
        }
        Ok(sorted)
    }

    /// The next row; `None` after the last.
    pub(crate) fn next(&mut self) -> Result<Option<T>, IngestError> {
        let Some(Reverse((row, place))) = self.heads.pop() else {
            return Ok(None);
        };
        self.advance(place)?;
        Ok(Some(row))
    }

    fn advance(&mut self, place: usize) -> Result<(), IngestError> {
        let next = match self.inputs.get_mut(place) {
            Some(SortedInput::Memory(rows)) => rows.next(),
            Some(SortedInput::File(rows)) => {
                let next = rows.next()?;
                if next.is_none() {
                    // Removed at once, so that a merge needs the disk of its rows once and not
                    // twice.
                    self.scratch.remove(rows.name())?;
                }
                next
            }
            None => None,
        };
        self.heads.extend(next.map(|row| Reverse((row, place))));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use cap_std::ambient_authority;
    use cap_std::fs::Dir;
    use proptest::prelude::*;

    use super::*;

    /// The rows sorted with `most` in memory, and the number of files that were merged in the end.
    fn sorted(rows: &[(u8, u32)], most: usize) -> (Vec<(u8, u32)>, usize) {
        let folder = tempfile::tempdir().unwrap();
        let data = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
        let scratch = StagingDir::new(&data, "normalized").unwrap();
        let mut sorter = ExternalSorter::new(&scratch, "rows", most);
        for row in rows {
            sorter.add(*row).unwrap();
        }
        let mut merged = sorter.finish().unwrap();
        let files = data.read_dir("normalized/.tmp-0").unwrap().count();
        let mut all = Vec::new();
        while let Some(row) = merged.next().unwrap() {
            all.push(row);
        }
        assert_eq!(data.read_dir("normalized/.tmp-0").unwrap().count(), 0);
        (all, files)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn rows_come_out_sorted_however_few_are_held(
            rows in proptest::collection::vec(any::<(u8, u32)>(), 0..600),
            most in 1_usize..9,
        ) {
            let mut expected = rows.clone();
            expected.sort_unstable();
            prop_assert_eq!(sorted(&rows, most).0, expected);
        }
    }

    #[test]
    fn rows_that_are_sorted_are_one_chunk_and_others_are_merged_in_few_files() {
        let rows: Vec<(u8, u32)> = (0..5_000).map(|row| (0, row)).collect();
        assert_eq!(sorted(&rows, 10).1, 1);
        assert_eq!(sorted(&rows, 10_000).1, 0);
        let backwards: Vec<(u8, u32)> = rows.iter().rev().copied().collect();
        let (all, files) = sorted(&backwards, 10);
        assert_eq!(all, rows);
        // 500 chunks are 7 of 64 and 52 alone.
        assert_eq!(files, 59);
    }
}
