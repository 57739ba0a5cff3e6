//! The rows of the answers that a fetch's index names, page after page. It must never use a bar that still formed.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::vec::IntoIter;

use cap_std::fs::{Dir, File};

use crate::error::IngestError;
use crate::layers::fetch_index::{FetchIndex, FetchIndexPage, INDEX_MAGIC};
use crate::layers::raw::{self, RawFile};
use crate::source::options::{IngestLimits, IngestOptions};
use crate::source::records::{self, SourceRecord, SourceRecords};
use crate::source::venue_page::{PageFormat, PageSubject, VenueRow, read_page};

/// What a source whose rows are fetched pages is called in a manifest.
pub(crate) const FETCHED: &str = "fetched";

/// The names of the columns.
const HEADER: [&str; 7] = ["symbol", "time", "open", "high", "low", "close", "volume"];

/// The rows of all pages of an index.
pub(crate) struct FetchedRecords {
    data: Dir,
    name: String,
    index: FetchIndex,
    header: Vec<String>,
    /// The page whose rows are given next.
    page: usize,
    rows: IntoIter<VenueRow>,
    row: Option<VenueRow>,
    line: u64,
    bytes: u64,
    limits: IngestLimits,
}

/// The rows of a raw file, or of the pages that it names.
pub(crate) fn open_source(
    data: &Dir,
    mut file: File,
    raw: RawFile,
    name: &str,
    options: &IngestOptions,
) -> Result<Box<dyn SourceRecords>, IngestError> {
    let mut magic = Vec::new();
    let length = u64::try_from(INDEX_MAGIC.len()).unwrap_or(0);
    file.by_ref()
        .take(length)
        .read_to_end(&mut magic)
        .and_then(|_| file.seek(SeekFrom::Start(0)))
        .map_err(IngestError::source(name, 0))?;
    if magic != INDEX_MAGIC {
        return records::open(file, name, options);
    }
    let index = raw::read_small(data, &raw.sha256)?;
    let records = FetchedRecords::open(data, name, &index, options.limits)?;
    Ok(Box::new(records))
}

impl FetchedRecords {
    fn open(
        data: &Dir,
        name: &str,
        index: &[u8],
        limits: IngestLimits,
    ) -> Result<Self, IngestError> {
        Ok(Self {
            data: data.try_clone().map_err(IngestError::source(name, 0))?,
            name: name.to_owned(),
            index: FetchIndex::parse(index, name)?,
            header: HEADER.map(str::to_owned).to_vec(),
            page: 0,
            rows: Vec::new().into_iter(),
            row: None,
            line: 0,
            bytes: 0,
            limits,
        })
    }

    /// The rows of one page that count.
    fn open_page(&mut self, page: &FetchIndexPage) -> Result<(), IngestError> {
        if page.page_format == PageFormat::BinanceArchive {
            return Err(IngestError::Side {
                file: self.name.clone(),
                line: 1,
                reason: format!(
                    "it names ZIP files of an archive: ingest each by itself, such as {}/file, with --format \
                     binance-klines",
                    raw::place(&page.sha256)
                ),
            });
        }
        let body = raw::read_small(&self.data, &page.sha256)?;
        let size = u64::try_from(body.len()).unwrap_or(u64::MAX);
        self.bytes = self.bytes.saturating_add(size);
        // An index of one line can name a large page a hundred thousand times.
        if self.bytes > self.limits.bytes_max {
            return Err(IngestError::TooLarge {
                file: self.name.clone(),
                line: self.line,
                max: self.limits.bytes_max,
                unit: "bytes in its pages",
            });
        }
        let subject = PageSubject {
            format: page.page_format,
            symbol: &page.symbol,
            timeframe: self.index.timeframe,
        };
        let read = read_page(subject, &body).map_err(|error| IngestError::Unreadable {
            file: format!("{}/file", raw::place(&page.sha256)),
            format: "a page of bars",
            reason: error.to_string(),
        })?;
        let end = self.index.to.min(page.closed_to);
        let mut rows = read.rows;
        rows.retain(|row| row.open_time >= self.index.from && row.open_time < end);
        self.rows = rows.into_iter();
        Ok(())
    }
}

impl SourceRecords for FetchedRecords {
    fn header(&self) -> &[String] {
        &self.header
    }

    fn next(&mut self) -> Result<SourceRecord<'_>, IngestError> {
        let row = loop {
            if let Some(row) = self.rows.next() {
                break row;
            }
            let Some(page) = self.index.pages.get(self.page).cloned() else {
                return Ok(SourceRecord::End);
            };
            self.open_page(&page)?;
            self.page = self.page.saturating_add(1);
        };
        self.line = self.line.saturating_add(1);
        let row = self.row.insert(row);
        // The page before: the place was moved on when it was opened.
        let place = self.page.saturating_sub(1);
        let symbol = self.index.pages.get(place).map(|page| page.symbol.as_str());
        let mut fields = vec![symbol.unwrap_or_default()];
        fields.extend(row.fields.iter().map(String::as_str));
        Ok(SourceRecord::Row {
            line: self.line,
            fields,
            raw: row.text.as_bytes(),
        })
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn format(&self) -> (&'static str, &'static str) {
        (FETCHED, "none")
    }
}
