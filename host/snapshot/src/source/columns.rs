//! Which column means what, by its usual names or a mapping. It must never look at a row.

use crate::error::IngestError;
use crate::source::mapping::ColumnMapping;
use crate::source::number::NumberColumn;
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
    symbol: Option<usize>,
    /// How many fields a row has.
    count: usize,
    pub(crate) ignored: Vec<String>,
}

/// The columns of a source of bars.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct BarColumns {
    pub(crate) common: CommonColumns,
    /// Open, high, low, close.
    pub(crate) prices: [NumberColumn; 4],
    pub(crate) volume: NumberColumn,
}

/// A meaning of columns, and the usual names of a column with it.
type ColumnMeaning = (&'static str, &'static [&'static str]);

const TIME: ColumnMeaning = ("time", &["time", "timestamp", "ts", "date", "datetime"]);
const SYMBOL: ColumnMeaning = ("symbol", &["symbol", "ticker"]);
const BARS: [ColumnMeaning; 7] = [
    TIME,
    SYMBOL,
    ("open", &["open"]),
    ("high", &["high"]),
    ("low", &["low"]),
    ("close", &["close"]),
    ("volume", &["volume"]),
];
const TRADES: [ColumnMeaning; 5] = [
    TIME,
    SYMBOL,
    ("price", &["price"]),
    ("size", &["size", "quantity", "qty", "amount"]),
    ("id", &["id", "trade_id"]),
];
const ADJUSTED: [ColumnMeaning; 4] = [
    TIME,
    SYMBOL,
    ("close", &["close"]),
    (
        "adjusted",
        &[
            "adj close",
            "adj_close",
            "adjclose",
            "adjusted_close",
            "adjusted close",
        ],
    ),
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
    /// The symbol of every row, if the caller states one: no column is needed then, and none may
    /// be there.
    pub(crate) symbol: Option<&'a str>,
    pub(crate) mapping: &'a ColumnMapping,
    /// By place, whether a column's values are numbers in the file; empty for text files.
    pub(crate) typed: &'a [bool],
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
            volume: header.column("volume")?,
            common: header.common()?,
        })
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
}

impl CommonColumns {
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
            return Err(RowError {
                code: RowErrorCode::Fields,
                message: format!("{} fields, the header has {}", fields.len(), self.count),
            });
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
        message: format!("{} fields, and no field {place}", fields.len()),
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
        for name in &mapping.time.columns {
            columns.time.push(columns.named(name)?);
        }
        for (meaning, name) in &mapping.columns {
            let place = columns.named(name)?;
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
            return Err(IngestError::NoHeader {
                file: context.file.to_owned(),
                reason: format!("no known column among {}", context.header.join(", ")),
            });
        }
        Ok(columns)
    }

    /// Takes a column that the mapping does not name by its usual name.
    fn assign(&mut self, place: usize, name: &str) -> Result<(), IngestError> {
        let mapping = self.context.mapping;
        let lower = name.to_lowercase();
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

    /// The place of a column that the mapping names.
    fn named(&self, name: &str) -> Result<usize, IngestError> {
        let place = self.context.header.iter().position(|there| there == name);
        place.ok_or_else(|| IngestError::MissingColumn {
            file: self.context.file.to_owned(),
            column: "the mapping",
            accepted: name.to_owned(),
            found: self.context.header.join(", "),
            hint: "; or correct the mapping",
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
        let place = self.place(meaning).ok_or_else(|| self.missing(meaning))?;
        Ok(NumberColumn {
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
            ignored: self.ignored,
        })
    }

    fn symbol(&self) -> Result<Option<usize>, IngestError> {
        match (self.context.symbol, self.place("symbol")) {
            // Two sources of one fact could disagree, and neither is more likely to be right.
            (Some(_), Some(place)) => Err(IngestError::SymbolTwice {
                file: self.context.file.to_owned(),
                column: self.context.header.get(place).cloned().unwrap_or_default(),
            }),
            (None, None) => Err(self.missing("symbol")),
            (Some(_), None) => Ok(None),
            (None, place) => Ok(place),
        }
    }

    fn missing(&self, meaning: &'static str) -> IngestError {
        let names = self.meanings.iter().find(|(known, _)| *known == meaning);
        IngestError::MissingColumn {
            file: self.context.file.to_owned(),
            column: meaning,
            accepted: names.map_or_else(String::new, |(_, names)| names.join(", ")),
            found: self.context.header.join(", "),
            hint: if meaning == "symbol" {
                "; or state the symbol as an option"
            } else {
                "; or name it in a mapping"
            },
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
                columns.volume.place,
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
