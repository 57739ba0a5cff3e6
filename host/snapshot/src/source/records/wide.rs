//! Tables that have instruments side by side, under two lines of names, as pandas writes them: one line becomes a
//! row for each instrument. It must never know what a field means beyond which level names prices.
//!
//! ```text
//! Price,Close,Close,Open,Open
//! Ticker,AAPL,MSFT,AAPL,MSFT
//! Date,,,,
//! 2024-01-02,185.64,370.87,187.15,373.86
//! ```

use crate::source::column_hints::PRICES;

/// What the first cell of a line of names is; pandas leaves it empty where a level has no name.
const LEVELS: [&str; 5] = ["", "attributes", "price", "symbols", "ticker"];

/// The name of the time column where the file names none.
const TIME: &str = "time";

/// Where each instrument's cells are, and the cells of the line last read.
pub(super) struct WideTable {
    /// The names of the columns of a row: time, ticker, fields.
    names: Vec<String>,
    /// Cells of a line.
    count: usize,
    tickers: Vec<WideTicker>,
    cells: Vec<String>,
    /// The instrument whose row is next.
    next: usize,
}

/// An instrument, and where its fields are.
struct WideTicker {
    name: String,
    places: Vec<Option<usize>>,
}

/// The row of one instrument.
pub(super) enum WideRow<'a> {
    Fields(Vec<&'a str>),
    /// The instrument has no bar at this time.
    Blank,
}

/// Whether a line may be a level of names.
pub(super) fn may_be_level(cells: &[String]) -> bool {
    let first = cells.first().map(|cell| cell.to_lowercase());
    cells.len() > 2 && first.is_some_and(|first| LEVELS.contains(&first.as_str()))
}

/// The name of the time column, if a line has no other.
pub(super) fn time_name(cells: &[String]) -> Option<&str> {
    let (first, rest) = cells.split_first()?;
    (!first.is_empty() && rest.iter().all(String::is_empty)).then_some(first.as_str())
}

impl WideTable {
    /// The table under two levels of names; `None` if neither names prices.
    pub(super) fn of(first: &[String], second: &[String]) -> Option<Self> {
        let names_prices = |level: &[String]| {
            let has = |name: &&str| level.iter().any(|cell| cell.to_lowercase() == **name);
            PRICES.iter().all(has)
        };
        let (fields, tickers) = match (names_prices(first), names_prices(second)) {
            (true, _) => (first, second),
            (false, true) => (second, first),
            (false, false) => return None,
        };
        if first.len() != second.len() {
            return None;
        }
        let mut table = Self {
            names: vec![TIME.to_owned(), "ticker".to_owned()],
            count: first.len(),
            tickers: Vec::new(),
            cells: Vec::new(),
            next: 0,
        };
        for field in fields.iter().skip(1) {
            if !table.names.contains(field) {
                table.names.push(field.clone());
            }
        }
        let fields_count = table.names.len().saturating_sub(2);
        let cells = fields.iter().zip(tickers).enumerate().skip(1);
        for (place, (field, ticker)) in cells {
            let known = table.tickers.iter().position(|known| known.name == *ticker);
            let index = known.unwrap_or_else(|| {
                table.tickers.push(WideTicker {
                    name: ticker.clone(),
                    places: vec![None; fields_count],
                });
                table.tickers.len().saturating_sub(1)
            });
            let column = table.names.iter().skip(2).position(|name| name == field)?;
            let slot = table.tickers.get_mut(index)?.places.get_mut(column)?;
            // Two columns of one field and instrument: which one counts cannot be known.
            if slot.replace(place).is_some() {
                return None;
            }
        }
        table.next = table.tickers.len();
        Some(table)
    }

    /// Takes the file's name of the time column.
    pub(super) fn name_time(&mut self, name: &str) {
        if let Some(first) = self.names.first_mut() {
            name.clone_into(first);
        }
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Cells that a line has.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Whether the line last read has rows that were not taken.
    pub(super) fn has_row(&self) -> bool {
        self.next < self.tickers.len()
    }

    /// Takes the cells of a line.
    pub(super) fn take(&mut self, cells: &[&str]) {
        self.cells.clear();
        self.cells.extend(cells.iter().copied().map(str::to_owned));
        self.next = 0;
    }

    /// The next instrument's row.
    pub(super) fn row(&mut self) -> WideRow<'_> {
        let Some(ticker) = self.tickers.get(self.next) else {
            return WideRow::Blank;
        };
        self.next = self.next.saturating_add(1);
        let cell = |place: &Option<usize>| {
            let text = place.and_then(|place| self.cells.get(place));
            text.map_or("", String::as_str)
        };
        let names = self.names.iter().skip(2);
        // A field of no price may be a 0 where there is no bar: pandas fills dividends so.
        let mut cells = names.zip(ticker.places.iter().map(cell));
        let is_blank = cells.all(|(name, text)| {
            let is_price = PRICES.contains(&name.to_lowercase().as_str());
            is_missing(text) || (!is_price && is_zero(text))
        });
        if is_blank {
            return WideRow::Blank;
        }
        let mut fields = vec![self.cells.first().map_or("", String::as_str), &ticker.name];
        fields.extend(ticker.places.iter().map(cell));
        WideRow::Fields(fields)
    }
}

fn is_missing(text: &str) -> bool {
    text.is_empty() || text.eq_ignore_ascii_case("nan")
}

fn is_zero(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0' | b'.'))
}
