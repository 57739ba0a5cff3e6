//! Rows of all tables in a ZIP archive, one table after the other, as of one file. It must never join tables of
//! different columns.

use std::fs::File;

use super::archive::{self, ArchiveTables, TableMember, some_of};
use super::csv::CsvRecords;
use super::{SourceRecord, SourceRecords};
use crate::error::IngestError;
use crate::quality::findings::QualityRule;
use crate::source::options::IngestOptions;
use crate::store::manifest::LayerNote;

/// The rows of an archive's tables.
pub(super) struct ArchivedRecords {
    file: File,
    name: String,
    options: IngestOptions,
    tables: Vec<TableMember>,
    others: Vec<String>,
    current: CsvRecords,
    /// Tables that were opened.
    opened: usize,
    /// Lines and bytes of the tables before the current one.
    lines_before: u64,
    bytes_before: u64,
}

impl ArchivedRecords {
    pub(super) fn open(
        file: File,
        name: &str,
        options: &IngestOptions,
    ) -> Result<Self, IngestError> {
        let ArchiveTables { tables, others } = archive::tables(&file, name, options)?;
        let first = tables.first().ok_or_else(|| IngestError::Archive {
            file: name.to_owned(),
            reason: "has no files".to_owned(),
        })?;
        let current = open_table(&file, name, first, options)?;
        Ok(Self {
            file,
            name: name.to_owned(),
            options: options.clone(),
            tables,
            others,
            current,
            opened: 1,
            lines_before: 0,
            bytes_before: 0,
        })
    }

    /// Opens the next table; `false` if there is none.
    fn open_next(&mut self) -> Result<bool, IngestError> {
        let Some(table) = self.tables.get(self.opened) else {
            return Ok(false);
        };
        let next = open_table(&self.file, &self.name, table, &self.options)?;
        // Columns were found in the first table. Another sequence of columns would be read as prices of
        // other kinds.
        if (next.header(), next.has_names()) != (self.current.header(), self.current.has_names()) {
            let first = self.tables.first().map_or("", |first| first.name.as_str());
            return Err(IngestError::Archive {
                file: self.name.clone(),
                reason: format!(
                    "{} in it has other columns than {first}: {}; ingest them one by one with --member",
                    table.name,
                    next.header().join(", ")
                ),
            });
        }
        self.lines_before = self.lines_before.saturating_add(self.current.lines_read());
        self.bytes_before = self.bytes_before.saturating_add(self.current.bytes());
        self.opened = self.opened.saturating_add(1);
        self.current = next;
        Ok(true)
    }
}

fn open_table(
    file: &File,
    name: &str,
    table: &TableMember,
    options: &IngestOptions,
) -> Result<CsvRecords, IngestError> {
    let bytes = table.open(file).map_err(IngestError::source(name, 0))?;
    // Messages name the archive and the file in it.
    CsvRecords::open(bytes, &format!("{name}: {}", table.name), options)
}

impl SourceRecords for ArchivedRecords {
    fn header(&self) -> &[String] {
        self.current.header()
    }

    fn header_line(&self) -> u64 {
        self.current.header_line()
    }

    fn has_names(&self) -> bool {
        self.current.has_names()
    }

    fn next(&mut self) -> Result<SourceRecord<'_>, IngestError> {
        while self.current.is_at_end()? {
            if !self.open_next()? {
                return Ok(SourceRecord::End);
            }
        }
        let before = self.lines_before;
        Ok(match self.current.next()? {
            SourceRecord::Row { line, fields, raw } => SourceRecord::Row {
                line: line.saturating_add(before),
                fields,
                raw,
            },
            SourceRecord::Invalid { line, error, raw } => SourceRecord::Invalid {
                line: line.saturating_add(before),
                error,
                raw,
            },
            other @ (SourceRecord::Blank | SourceRecord::End) => other,
        })
    }

    fn text_lines(&self) -> Option<u64> {
        Some(self.lines_before.saturating_add(self.current.lines_read()))
    }

    fn bytes(&self) -> u64 {
        self.bytes_before.saturating_add(self.current.bytes())
    }

    fn format(&self) -> (&'static str, &'static str) {
        ("csv", "zip")
    }

    fn note(&self) -> Option<LayerNote> {
        if self.tables.len() < 2 && self.others.is_empty() {
            return None;
        }
        let names: Vec<String> = self.tables.iter().map(|table| table.name.clone()).collect();
        let others = if self.others.is_empty() {
            String::new()
        } else {
            format!("; not read: {}", some_of(&self.others))
        };
        Some(LayerNote {
            count: u64::try_from(names.len()).unwrap_or(u64::MAX),
            line: 1,
            message: format!(
                "{}: {}{others}",
                match names.len() {
                    1 => "1 file of the archive was read".to_owned(),
                    count => format!(
                        "{count} files of the archive were read, one after the other, with lines counted on"
                    ),
                },
                some_of(&names)
            ),
            rule: QualityRule::ArchiveMember.name().to_owned(),
        })
    }
}
