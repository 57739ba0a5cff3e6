//! Which column means what, by its usual names or a mapping. It must never look at a row.

use crate::error::IngestError;
use crate::source::column_hints::{
    PRICES, header_hint, number_hint, symbols_hint, time_column_hint,
};
use crate::source::column_ref::ColumnRef;
use crate::source::field_count::{fields_text, wrong_count};
use crate::source::fields::begins_with_digit;
use crate::source::formats;
use crate::source::mapping::ColumnMapping;
use crate::source::number::NumberColumn;
use crate::source::records::SourceRecords;
use crate::source::row_error::{RowError, RowErrorCode};
use crate::source::symbols::check_row_symbol;
use crate::source::times::{TimeKey, TimeParser};

/// The columns of the time: one, or date and clock in two.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct TimeColumns {
    places: Vec<usize>,
    /// The columns' own names, for messages.
    pub(crate) name: String,
}

/// The columns that every source has, and those that mean nothing here.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct CommonColumns {
    pub(crate) time: TimeColumns,
    pub(crate) symbol: Option<usize>,
    /// How many fields a row has.
    count: usize,
    /// What has shown that number, for messages.
    counted_by: &'static str,
    pub(crate) ignored: Vec<String>,
}

/// The columns of a source of bars.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct BarColumns {
    pub(crate) common: CommonColumns,
    /// Open, high, low, close.
    pub(crate) prices: [NumberColumn; 4],
    /// `None` if the source has no volume.
    pub(crate) volume: Option<NumberColumn>,
    pub(crate) dividend: Option<NumberColumn>,
    pub(crate) split: Option<NumberColumn>,
}

/// A meaning of columns, and the usual names of a column with it.
type ColumnMeaning = (&'static str, &'static [&'static str]);

const TIME: ColumnMeaning = ("time", &["time", "timestamp", "ts", "date", "datetime"]);
const SYMBOL: ColumnMeaning = ("symbol", &["symbol", "ticker"]);
const DIVIDEND: ColumnMeaning = (
    "dividend",
    &["dividend", "dividends", "divcash", "dividend_amount"],
);
const SPLIT: ColumnMeaning = (
    "split",
    &["split", "stock splits", "splitfactor", "split_coefficient"],
);
const BARS: [ColumnMeaning; 9] = [
    TIME,
    SYMBOL,
    ("open", &["open"]),
    ("high", &["high"]),
    ("low", &["low"]),
    ("close", &["close"]),
    ("volume", &["volume"]),
    DIVIDEND,
    SPLIT,
];
const TRADES: [ColumnMeaning; 5] = [
    TIME,
    SYMBOL,
    ("price", &["price"]),
    ("size", &["size", "quantity", "qty", "amount"]),
    ("id", &["id", "trade_id"]),
];
const ADJUSTED_CLOSE: &[&str] = &[
    "adj close",
    "adj_close",
    "adjclose",
    "adjusted_close",
    "adjusted close",
];
const ADJUSTED: [ColumnMeaning; 4] = [
    TIME,
    SYMBOL,
    ("close", &["close"]),
    ("adjusted", ADJUSTED_CLOSE),
];

/// The columns of a source of trades.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct TradeColumns {
    pub(crate) common: CommonColumns,
    pub(crate) price: NumberColumn,
    pub(crate) size: NumberColumn,
    pub(crate) id: Option<usize>,
}

/// The columns of closes as traded and adjusted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct AdjustedColumns {
    pub(crate) common: CommonColumns,
    pub(crate) close: NumberColumn,
    pub(crate) adjusted: NumberColumn,
}

/// The header, and what its columns are found by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeaderContext<'a> {
    /// The source's name, for messages.
    pub(crate) file: &'a str,
    pub(crate) header: &'a [String],
    /// Its line.
    pub(crate) line: u64,
    /// Whether the columns have names; without a header they have places alone.
    pub(crate) has_names: bool,
    /// Whether every bar's volume is 0, whatever the columns.
    pub(crate) has_no_volume: bool,
    /// The symbol of every row, if the caller states one: no column is needed then, and none may
    /// be there.
    pub(crate) symbol: Option<&'a str>,
    pub(crate) mapping: &'a ColumnMapping,
    /// By place, whether a column's values are numbers in the file; empty for text files.
    pub(crate) typed: &'a [bool],
}

impl<'a> HeaderContext<'a> {
    /// The header of a source whose rows state their symbol.
    pub(crate) fn of(
        records: &'a dyn SourceRecords,
        file: &'a str,
        mapping: &'a ColumnMapping,
    ) -> Self {
        Self {
            file,
            header: records.header(),
            line: records.header_line(),
            has_names: records.has_names(),
            has_no_volume: false,
            symbol: None,
            mapping,
            typed: records.typed(),
        }
    }
}

impl BarColumns {
    pub(crate) fn find(context: HeaderContext<'_>) -> Result<Self, IngestError> {
        let header = HeaderColumns::new(context, &BARS)?;
        Ok(Self {
            prices: [
                header.column("open")?,
                header.column("high")?,
                header.column("low")?,
                header.column("close")?,
            ],
            volume: if context.has_no_volume {
                None
            } else {
                Some(header.column("volume")?)
            },
            dividend: header.optional("dividend"),
            split: header.optional("split"),
            common: header.common()?,
        })
    }

    /// The places that rows are read from.
    pub(crate) fn places(&self) -> Vec<usize> {
        let numbers = self.prices.iter().map(|column| column.place);
        let others = [self.volume, self.dividend, self.split];
        let others = others.into_iter().flatten().map(|column| column.place);
        self.common.places(numbers.chain(others))
    }

    /// A sign that the prices are not adjusted for dividends: a column of those that are.
    pub(crate) fn adjusted_close(&self) -> Option<&str> {
        let has_actions = self.dividend.is_some() || self.split.is_some();
        let is_adjusted = |name: &&String| ADJUSTED_CLOSE.contains(&name.to_lowercase().as_str());
        let found = self.common.ignored.iter().find(is_adjusted);
        found.filter(|_| has_actions).map(String::as_str)
    }
}

impl TradeColumns {
    pub(crate) fn find(context: HeaderContext<'_>) -> Result<Self, IngestError> {
        let header = HeaderColumns::new(context, &TRADES)?;
        Ok(Self {
            price: header.column("price")?,
            size: header.column("size")?,
            id: header.place("id"),
            common: header.common()?,
        })
    }

    /// The places that rows are read from.
    pub(crate) fn places(&self) -> Vec<usize> {
        let own = [Some(self.price.place), Some(self.size.place), self.id];
        self.common.places(own.into_iter().flatten())
    }
}

impl AdjustedColumns {
    pub(crate) fn find(context: HeaderContext<'_>) -> Result<Self, IngestError> {
        let header = HeaderColumns::new(context, &ADJUSTED)?;
        Ok(Self {
            close: header.column("close")?,
            adjusted: header.column("adjusted")?,
            common: header.common()?,
        })
    }

    /// The places that rows are read from.
    pub(crate) fn places(&self) -> Vec<usize> {
        let own = [self.close.place, self.adjusted.place];
        self.common.places(own.into_iter())
    }
}

impl CommonColumns {
    /// The places of time and symbol, and others.
    fn places(&self, others: impl Iterator<Item = usize>) -> Vec<usize> {
        let time = self.time.places.iter().copied();
        time.chain(self.symbol).chain(others).collect()
    }

    /// Symbol and time of a row with as many fields as the header; `symbol` is that of every row,
    /// for a source without a symbol column.
    ///
    /// # Errors
    ///
    /// Returns [`RowError`], whose message goes into the quarantine.
    pub(crate) fn symbol_and_time<'a>(
        &self,
        fields: &[&'a str],
        symbol: Option<&'a str>,
        times: &TimeParser,
    ) -> Result<(&'a str, TimeKey), RowError> {
        // First of all: with a field more or less, every later field may mean another column.
        if fields.len() != self.count {
            return Err(wrong_count(fields, self.count, self.counted_by));
        }
        let symbol = match (self.symbol, symbol) {
            (Some(place), _) => field(fields, place)?,
            (None, Some(symbol)) => symbol,
            (None, None) => "",
        };
        check_row_symbol(symbol)?;
        Ok((symbol, self.time.key(fields, times)?))
    }
}

impl TimeColumns {
    /// The text of a row's time.
    pub(crate) fn text(&self, fields: &[&str]) -> String {
        let places = self.places.iter();
        let texts: Vec<&str> = places
            .filter_map(|place| fields.get(*place).copied())
            .collect();
        texts.join(" ")
    }

    /// The key of a row's time.
    fn key(&self, fields: &[&str], times: &TimeParser) -> Result<TimeKey, RowError> {
        let texts = self
            .places
            .iter()
            .map(|place| field(fields, *place))
            .collect::<Result<Vec<_>, _>>()?;
        let key = match texts.as_slice() {
            [text] => times.key(text),
            texts => times.key(&texts.join(" ")),
        };
        key.map_err(|message| RowError {
            code: RowErrorCode::Time,
            message: format!("column {}: {message}", self.name),
        })
    }
}

/// The field at a place of the header.
///
/// # Errors
///
/// Returns [`RowError`] if the row is shorter than its header.
pub(crate) fn field<'a>(fields: &[&'a str], place: usize) -> Result<&'a str, RowError> {
    fields.get(place).copied().ok_or_else(|| RowError {
        code: RowErrorCode::Fields,
        message: format!("{}, and no field {place}", fields_text(fields.len())),
    })
}

/// The columns of a header by meaning, from the mapping first and by their usual names then.
struct HeaderColumns<'a> {
    context: HeaderContext<'a>,
    meanings: &'static [ColumnMeaning],
    places: Vec<Option<usize>>,
    time: Vec<usize>,
    ignored: Vec<String>,
}

impl<'a> HeaderColumns<'a> {
    fn new(
        context: HeaderContext<'a>,
        meanings: &'static [ColumnMeaning],
    ) -> Result<Self, IngestError> {
        let mapping = context.mapping;
        let mut columns = Self {
            context,
            meanings,
            places: vec![None; meanings.len()],
            time: Vec::new(),
            ignored: Vec::new(),
        };
        for column in &mapping.time.columns {
            columns.time.extend(columns.stated(column)?);
        }
        for (meaning, column) in &mapping.columns {
            // The file may lack it: vendors leave the volume of an index out.
            if context.has_no_volume && meaning == "volume" {
                continue;
            }
            let Some(place) = columns.stated(column)? else {
                continue;
            };
            let index = meanings.iter().position(|(known, _)| known == meaning);
            if let Some(slot) = index.and_then(|index| columns.places.get_mut(index)) {
                *slot = Some(place);
            }
        }
        // Columns that the mapping names are taken before any usual name is looked for, so that a
        // column called "close" may mean something else.
        let mapped: Vec<usize> = columns
            .time
            .iter()
            .copied()
            .chain(columns.places.iter().flatten().copied())
            .collect();
        for (place, name) in context.header.iter().enumerate() {
            if !mapped.contains(&place) {
                columns.assign(place, name)?;
            }
        }
        if columns.time.is_empty() {
            columns.time.extend(columns.place("time"));
        }
        // A file without a header has prices in its first line: none of them is a known name. A
        // lone "symbol" proves nothing, since it can be a ticker.
        let is_known =
            |meaning: &ColumnMeaning| meaning.0 != "symbol" && columns.place(meaning.0).is_some();
        if !meanings.iter().any(is_known) && columns.time.is_empty() {
            return Err(columns.no_header());
        }
        Ok(columns)
    }

    /// Takes a column that the mapping does not name by its usual name.
    fn assign(&mut self, place: usize, name: &str) -> Result<(), IngestError> {
        let mapping = self.context.mapping;
        let lower = name.to_lowercase();
        let is_volume = lower == "volume"
            || mapping.columns.get("volume") == Some(&ColumnRef::Name(name.to_owned()));
        if !self.context.has_names || (self.context.has_no_volume && is_volume) {
            self.ignored.push(name.to_owned());
            return Ok(());
        }
        let index = self
            .meanings
            .iter()
            .position(|(_, names)| names.contains(&lower.as_str()));
        // A meaning that the mapping gives to another column is not taken from this one.
        let free = index.filter(|index| {
            let meaning = self.meanings.get(*index).map_or("", |(meaning, _)| meaning);
            !mapping.columns.contains_key(meaning)
                && (*index != 0 || mapping.time.columns.is_empty())
        });
        let Some(slot) = free.and_then(|index| self.places.get_mut(index)) else {
            self.ignored.push(name.to_owned());
            return Ok(());
        };
        if let Some(first) = *slot {
            return Err(IngestError::TwoColumns {
                file: self.context.file.to_owned(),
                line: self.context.line,
                column: index
                    .and_then(|index| self.meanings.get(index))
                    .map_or("", |(meaning, _)| meaning),
                first: self.context.header.get(first).cloned().unwrap_or_default(),
                second: name.to_owned(),
            });
        }
        *slot = Some(place);
        Ok(())
    }

    /// The place of a column that the mapping states, if the source has one.
    fn stated(&self, column: &ColumnRef) -> Result<Option<usize>, IngestError> {
        let header = self.context.header;
        let place = match column {
            ColumnRef::Absent => return Ok(None),
            ColumnRef::Place(place) => {
                let index = place.checked_sub(1).filter(|index| *index < header.len());
                index.ok_or_else(|| IngestError::MissingPlace {
                    file: self.context.file.to_owned(),
                    line: self.context.line,
                    place: *place,
                    count: header.len(),
                })?
            }
            ColumnRef::Name(name) => {
                let place = header.iter().position(|there| there == name);
                place.ok_or_else(|| IngestError::MissingColumn {
                    file: self.context.file.to_owned(),
                    line: self.context.line,
                    column: "the mapping",
                    accepted: name.clone(),
                    found: header.join(", "),
                    hint: self.stated_hint(column).to_owned(),
                })?
            }
        };
        Ok(Some(place))
    }

    /// The way on where a column of the mapping is not there.
    fn stated_hint(&self, column: &ColumnRef) -> &'static str {
        if self.context.mapping.columns.get("volume") == Some(column) {
            "; or correct the mapping, or state --no-volume"
        } else {
            "; or correct the mapping"
        }
    }

    /// The error of a first line that names nothing.
    fn no_header(&self) -> IngestError {
        let HeaderContext {
            file, header, line, ..
        } = self.context;
        let Some(found) = header.first().filter(|_| {
            let is_value = |field: &String| begins_with_digit(field);
            header.iter().any(is_value)
        }) else {
            return IngestError::NoHeader {
                file: file.to_owned(),
                line,
                reason: format!(
                    "no known column among {}{}",
                    header.join(", "),
                    Some(self.format_hint())
                        .filter(|hint| !hint.is_empty())
                        .unwrap_or_else(|| header_hint(header))
                ),
            };
        };
        let way_on = "state the columns by place in a mapping, with \"header\": false";
        let hint = match formats::of_first_fields(header) {
            Some(name) => {
                format!("it is like those of {name}: state --format {name}, or {way_on}")
            }
            None => format!("{way_on}, or name the vendor's format with --format"),
        };
        IngestError::Headerless {
            file: file.to_owned(),
            line,
            found: found.clone(),
            hint,
        }
    }

    /// The format whose mapping fits the header, if the caller stated no mapping.
    fn format_hint(&self) -> String {
        let found = formats::of_header(self.context.header).filter(|_| {
            let mapping = self.context.mapping;
            mapping.columns.is_empty() && mapping.time.columns.is_empty()
        });
        found.map_or_else(String::new, |name| {
            format!("; the header is that of {name}: state --format {name}")
        })
    }

    fn place(&self, meaning: &str) -> Option<usize> {
        let index = self
            .meanings
            .iter()
            .position(|(known, _)| *known == meaning)?;
        self.places.get(index).copied().flatten()
    }

    fn column(&self, meaning: &'static str) -> Result<NumberColumn, IngestError> {
        self.optional(meaning).ok_or_else(|| self.missing(meaning))
    }

    fn optional(&self, meaning: &'static str) -> Option<NumberColumn> {
        let place = self.place(meaning)?;
        Some(NumberColumn {
            place,
            name: meaning,
            is_typed: self.context.typed.get(place).copied().unwrap_or(false),
        })
    }

    fn time(&self) -> Result<TimeColumns, IngestError> {
        if self.time.is_empty() {
            return Err(self.missing("time"));
        }
        let names = self
            .time
            .iter()
            .filter_map(|place| self.context.header.get(*place));
        Ok(TimeColumns {
            places: self.time.clone(),
            name: names.cloned().collect::<Vec<_>>().join(" "),
        })
    }

    fn common(self) -> Result<CommonColumns, IngestError> {
        Ok(CommonColumns {
            symbol: self.symbol()?,
            time: self.time()?,
            count: self.context.header.len(),
            counted_by: if self.context.has_names {
                "the header"
            } else {
                "the first row"
            },
            ignored: self.ignored,
        })
    }

    fn symbol(&self) -> Result<Option<usize>, IngestError> {
        match (self.context.symbol, self.place("symbol")) {
            // Two sources of one fact could disagree, and neither is more likely to be right.
            (Some(_), Some(place)) => Err(IngestError::SymbolTwice {
                file: self.context.file.to_owned(),
                line: self.context.line,
                column: self.context.header.get(place).cloned().unwrap_or_default(),
            }),
            (None, None) => Err(self.missing("symbol")),
            (Some(_), None) => Ok(None),
            (None, place) => Ok(place),
        }
    }

    fn missing(&self, meaning: &'static str) -> IngestError {
        let names = self.meanings.iter().find(|(known, _)| *known == meaning);
        let format_hint = self.format_hint();
        let has_price = || PRICES.iter().any(|price| self.place(price).is_some());
        let way_on = match meaning {
            "symbol" => "; or state the symbol with --symbol".to_owned(),
            "volume" => format!(
                "{}, or state --no-volume",
                number_hint(meaning, &self.ignored)
            ),
            // A ready mapping names the columns.
            _ if !format_hint.is_empty() => "; or name it in a mapping".to_owned(),
            "time" => time_column_hint(&self.ignored),
            price => Some(&self.ignored)
                .filter(|_| PRICES.contains(&price) && !has_price())
                .and_then(|others| symbols_hint(others))
                .unwrap_or_else(|| number_hint(price, &self.ignored)),
        };
        IngestError::MissingColumn {
            file: self.context.file.to_owned(),
            line: self.context.line,
            column: meaning,
            accepted: names.map_or_else(String::new, |(_, names)| names.join(", ")),
            found: self.context.header.join(", "),
            hint: format!("{way_on}{format_hint}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(header: &str, symbol: Option<&str>, expect: &str) {
        let header: Vec<String> = header.split(',').map(str::to_owned).collect();
        let mapping = ColumnMapping::default();
        let context = HeaderContext {
            file: "f.csv",
            header: &header,
            line: 1,
            has_names: true,
            has_no_volume: false,
            symbol,
            mapping: &mapping,
            typed: &[],
        };
        let got = match BarColumns::find(context) {
            Ok(columns) => format!(
                "time {:?} symbol {:?} prices {:?} volume {} ignored {}",
                columns.common.time.places,
                columns.common.symbol,
                columns.prices.map(|price| price.place),
                columns.volume.unwrap().place,
                columns.common.ignored.join(" ")
            ),
            Err(error) => error.to_string(),
        };
        assert!(got.contains(expect), "{header:?}: {got}");
    }

    #[test]
    fn columns_are_found_by_their_usual_names_or_the_error_names_the_lack() {
        let a = Some("A");
        check(
            "Ticker,Date,Open,High,Low,Close,Volume,Adj Close",
            None,
            "time [1] symbol Some(0) prices [2, 3, 4, 5] volume 6 ignored Adj Close",
        );
        check(
            "volume,CLOSE,low,HIGH,open,TS",
            a,
            "time [5] symbol None prices [4, 3, 2, 1] volume 0",
        );
        for time in ["time", "timestamp", "ts", "date", "datetime", "DateTime"] {
            check(&format!("{time},open,high,low,close,volume"), a, "time [0]");
        }
        check(
            "time,symbol,open,high,low,close,volume",
            a,
            "drop the symbol option",
        );
        check(
            "time,open,high,low,close,volume",
            None,
            "no column for symbol: name it symbol, ticker;",
        );
        check(
            "time,open,high,low,close",
            a,
            "no column for volume: name it volume; the header has time, open",
        );
        check(
            "date,time,open,high,low,close,volume",
            a,
            "\"date\" and \"time\" both name the time",
        );
        check(
            "time,open,high,low,close,Close,volume",
            a,
            "\"close\" and \"Close\" both name the close",
        );
        check("2003-01-02,1,2,3,4,5", a, "line 1: no header");
        check("", a, "line 1: no header");
    }
}
