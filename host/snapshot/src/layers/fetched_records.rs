//! The rows of the answers that a fetch's index names, page after page. It must never use a bar that still formed.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::vec::IntoIter;

use cap_std::fs::{Dir, File};

use crate::error::IngestError;
use crate::layers::fetch_index::{FetchIndex, FetchIndexPage, INDEX_MAGIC};
use crate::layers::raw::{self, RawFile};
use crate::source::formats::SourceFormat;
use crate::source::mapping::ColumnMapping;
use crate::source::options::{IngestLimits, IngestOptions};
use crate::source::records::{self, SourceRecord, SourceRecords};
use crate::source::venue_page::{PageFormat, PageSubject, VenueRow, archive_row, read_page};

/// What a source whose rows are fetched pages is called in a manifest.
pub(crate) const FETCHED: &str = "fetched";

/// The format of the files in Binance's archive.
const ARCHIVE_FORMAT: &str = "binance-klines";

/// The names of the columns.
const HEADER: [&str; 7] = ["symbol", "time", "open", "high", "low", "close", "volume"];

/// The rows of the open page.
enum PageRows {
    /// All of them.
    Read(IntoIter<VenueRow>),
    /// Those of an archive's file, which may be millions.
    File(Box<dyn SourceRecords>),
}

/// The rows of all pages of an index.
pub(crate) struct FetchedRecords {
    data: Dir,
    name: String,
    index: FetchIndex,
    header: Vec<String>,
    /// The page whose rows are given next.
    page: usize,
    rows: PageRows,
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
            rows: PageRows::Read(Vec::new().into_iter()),
            row: None,
            line: 0,
            bytes: 0,
            limits,
        })
    }

    /// Opens one page.
    fn open_page(&mut self, page: &FetchIndexPage) -> Result<(), IngestError> {
        self.rows = if page.page_format == PageFormat::BinanceArchive {
            PageRows::File(self.open_archive(page)?)
        } else {
            PageRows::Read(self.read_page(page)?.into_iter())
        };
        self.check_bytes()
    }

    /// An index of one line can name a large page a hundred thousand times.
    fn check_bytes(&self) -> Result<(), IngestError> {
        if self.bytes() <= self.limits.bytes_max {
            return Ok(());
        }
        Err(IngestError::TooLarge {
            file: self.name.clone(),
            line: self.line,
            max: self.limits.bytes_max,
            unit: "bytes in its pages",
        })
    }

    /// A file of Binance's archive, with the mapping of such files.
    fn open_archive(&self, page: &FetchIndexPage) -> Result<Box<dyn SourceRecords>, IngestError> {
        let name = page_name(page);
        let format = SourceFormat::named(ARCHIVE_FORMAT).map(SourceFormat::side_file);
        let options = IngestOptions {
            limits: self.limits,
            ..IngestOptions::default()
        };
        let options = ColumnMapping::parse(format.as_ref())?.fill(&options);
        let file = raw::open_checked(&self.data, &page.sha256)?;
        records::open(file, &name, &options)
    }

    /// The rows of a page of JSON that count.
    fn read_page(&mut self, page: &FetchIndexPage) -> Result<Vec<VenueRow>, IngestError> {
        let body = raw::read_small(&self.data, &page.sha256)?;
        let size = u64::try_from(body.len()).unwrap_or(u64::MAX);
        self.bytes = self.bytes.saturating_add(size);
        let subject = PageSubject {
            format: page.page_format,
            symbol: &page.symbol,
            timeframe: self.index.timeframe,
        };
        let read = read_page(subject, &body).map_err(|error| IngestError::Unreadable {
            file: page_name(page),
            format: "a page of bars",
            reason: error.to_string(),
        })?;
        let mut rows = read.rows;
        rows.retain(|row| self.counts(page, row));
        Ok(rows)
    }

    /// Whether a row is in the range of the fetch, and was closed when it was fetched.
    fn counts(&self, page: &FetchIndexPage, row: &VenueRow) -> bool {
        let end = self.index.to.min(page.closed_to);
        row.open_time >= self.index.from && row.open_time < end
    }

    /// The next row of the open page that counts.
    fn next_of_page(&mut self) -> Result<Option<VenueRow>, IngestError> {
        let timeframe = self.index.timeframe;
        let place = self.page.saturating_sub(1);
        let page = self.index.pages.get(place).cloned();
        loop {
            let file = match &mut self.rows {
                PageRows::Read(rows) => return Ok(rows.next()),
                PageRows::File(file) => file,
            };
            let bytes = file.bytes();
            let (line, row) = match file.next()? {
                SourceRecord::Row { line, fields, .. } => (line, archive_row(&fields, timeframe)),
                SourceRecord::Invalid { line, error, .. } => (line, Err(error.message)),
                SourceRecord::Blank => continue,
                SourceRecord::End => {
                    self.bytes = self.bytes.saturating_add(bytes);
                    self.rows = PageRows::Read(Vec::new().into_iter());
                    return Ok(None);
                }
            };
            // The file is as its digest says, so a row that is none of a kline's is the archive's own.
            let row = row.map_err(|reason| IngestError::Unreadable {
                file: page.as_ref().map(page_name).unwrap_or_default(),
                format: "a file of klines",
                reason: format!("line {line}: {reason}"),
            })?;
            self.check_bytes()?;
            if page.as_ref().is_some_and(|page| self.counts(page, &row)) {
                return Ok(Some(row));
            }
        }
    }
}

/// What messages call a page.
fn page_name(page: &FetchIndexPage) -> String {
    format!("{}/file", raw::place(&page.sha256))
}

impl SourceRecords for FetchedRecords {
    fn header(&self) -> &[String] {
        &self.header
    }

    fn next(&mut self) -> Result<SourceRecord<'_>, IngestError> {
        let row = loop {
            if let Some(row) = self.next_of_page()? {
                break row;
            }
            let Some(page) = self.index.pages.get(self.page).cloned() else {
                return Ok(SourceRecord::End);
            };
            self.page = self.page.saturating_add(1);
            self.open_page(&page)?;
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
        let open = match &self.rows {
            PageRows::Read(_) => 0,
            PageRows::File(file) => file.bytes(),
        };
        self.bytes.saturating_add(open)
    }

    fn format(&self) -> (&'static str, &'static str) {
        (FETCHED, "none")
    }
}
