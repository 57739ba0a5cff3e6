//! Which column means what, by its usual names or a mapping. It must never look at a row.

use crate::error::IngestError;
use crate::source::mapping::ColumnMapping;
use crate::source::row_error::{RowError, RowErrorCode};
use crate::source::times::{TimeKey, TimeParser};

/// A number column.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct NumberColumn {
    /// Its place in the row.
    pub(crate) place: usize,
    /// Its name, for messages.
    pub(crate) name: &'static str,
}

/// Where the time stands: one column, or date and clock in two.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct TimeColumns {
    places: Vec<usize>,
    /// The columns' own names, for messages.
    pub(crate) name: String,
}

/// The columns of a source of bars.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct BarColumns {
    pub(crate) time: TimeColumns,
    pub(crate) symbol: Option<usize>,
    /// Open, high, low, close.
    pub(crate) prices: [NumberColumn; 4],
    pub(crate) volume: NumberColumn,
    /// How many fields a row has.
    pub(crate) count: usize,
    /// Columns that mean nothing here.
    pub(crate) ignored: Vec<String>,
}

/// What a column can mean, and the names it may have.
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
    pub(crate) time: TimeColumns,
    pub(crate) symbol: Option<usize>,
    pub(crate) price: NumberColumn,
    pub(crate) size: NumberColumn,
    pub(crate) id: Option<usize>,
    pub(crate) count: usize,
    pub(crate) ignored: Vec<String>,
}

/// The columns of closes as traded and adjusted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct AdjustedColumns {
    pub(crate) time: TimeColumns,
    pub(crate) symbol: Option<usize>,
    pub(crate) close: NumberColumn,
    pub(crate) adjusted: NumberColumn,
    pub(crate) count: usize,
}

impl BarColumns {
    /// Finds the columns in a header. Where the symbol is given as an option, no column is needed
    /// and none may be there.
    pub(crate) fn find(
        file: &str,
        header: &[String],
        symbol: Option<&str>,
        mapping: &ColumnMapping,
    ) -> Result<Self, IngestError> {
        let found = HeaderColumns::new(file, header, mapping, &BARS)?;
        Ok(Self {
            symbol: found.symbol(symbol)?,
            time: found.time()?,
            prices: [
                found.column("open")?,
                found.column("high")?,
                found.column("low")?,
                found.column("close")?,
            ],
            volume: found.column("volume")?,
            count: header.len(),
            ignored: found.ignored,
        })
    }

    /// The key of a row's time.
    pub(crate) fn key(&self, fields: &[&str], times: &TimeParser) -> Result<TimeKey, RowError> {
        self.time.key(fields, times)
    }
}

impl TradeColumns {
    pub(crate) fn find(
        file: &str,
        header: &[String],
        symbol: Option<&str>,
        mapping: &ColumnMapping,
    ) -> Result<Self, IngestError> {
        let found = HeaderColumns::new(file, header, mapping, &TRADES)?;
        Ok(Self {
            symbol: found.symbol(symbol)?,
            time: found.time()?,
            price: found.column("price")?,
            size: found.column("size")?,
            id: found.place("id"),
            count: header.len(),
            ignored: found.ignored,
        })
    }
}

impl AdjustedColumns {
    pub(crate) fn find(
        file: &str,
        header: &[String],
        symbol: Option<&str>,
        mapping: &ColumnMapping,
    ) -> Result<Self, IngestError> {
        let found = HeaderColumns::new(file, header, mapping, &ADJUSTED)?;
        Ok(Self {
            symbol: found.symbol(symbol)?,
            time: found.time()?,
            close: found.column("close")?,
            adjusted: found.column("adjusted")?,
            count: header.len(),
        })
    }
}

impl TimeColumns {
    /// The key of a row's time.
    pub(crate) fn key(&self, fields: &[&str], times: &TimeParser) -> Result<TimeKey, RowError> {
        let field = |place: &usize| fields.get(*place).copied().unwrap_or_default();
        let key = match self.places.as_slice() {
            [one] => times.key(field(one)),
            all => times.key(&all.iter().map(field).collect::<Vec<_>>().join(" ")),
        };
        key.map_err(|message| RowError {
            reason: RowErrorCode::Time,
            message: format!("column {}: {message}", self.name),
        })
    }
}

/// What a header says.
struct HeaderColumns<'a> {
    file: &'a str,
    header: &'a [String],
    meanings: &'static [ColumnMeaning],
    places: Vec<Option<usize>>,
    time: Vec<usize>,
    ignored: Vec<String>,
}

impl<'a> HeaderColumns<'a> {
    fn new(
        file: &'a str,
        header: &'a [String],
        mapping: &ColumnMapping,
        meanings: &'static [ColumnMeaning],
    ) -> Result<Self, IngestError> {
        let mut found = Self {
            file,
            header,
            meanings,
            places: vec![None; meanings.len()],
            time: Vec::new(),
            ignored: Vec::new(),
        };
        for name in &mapping.time.columns {
            found.time.push(found.named(name)?);
        }
        for (meaning, name) in &mapping.columns {
            let place = found.named(name)?;
            let index = meanings.iter().position(|(known, _)| known == meaning);
            if let Some(slot) = index.and_then(|index| found.places.get_mut(index)) {
                *slot = Some(place);
            }
        }
        let mapped: Vec<usize> = found
            .time
            .iter()
            .copied()
            .chain(found.places.iter().flatten().copied())
            .collect();
        for (place, name) in header.iter().enumerate() {
            if !mapped.contains(&place) {
                found.take(place, name, mapping)?;
            }
        }
        if found.time.is_empty() {
            found.time.extend(found.places.first().copied().flatten());
        }
        let known = |index: &usize| found.places.get(*index).is_some_and(Option::is_some);
        if !(0..meanings.len())
            .filter(|index| *index != 1)
            .any(|index| known(&index))
            && found.time.is_empty()
        {
            let reason = format!("no known column among {header:?}");
            return Err(IngestError::NoHeader {
                file: file.to_owned(),
                reason,
            });
        }
        Ok(found)
    }

    /// Takes a column that the mapping does not name by its usual name.
    fn take(
        &mut self,
        place: usize,
        name: &str,
        mapping: &ColumnMapping,
    ) -> Result<(), IngestError> {
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
                file: self.file.to_owned(),
                column: index
                    .and_then(|index| self.meanings.get(index))
                    .map_or("", |(meaning, _)| meaning),
                first: self.header.get(first).cloned().unwrap_or_default(),
                second: name.to_owned(),
            });
        }
        *slot = Some(place);
        Ok(())
    }

    /// The place of a column that the mapping names.
    fn named(&self, name: &str) -> Result<usize, IngestError> {
        let place = self.header.iter().position(|there| there == name);
        place.ok_or_else(|| IngestError::MissingColumn {
            file: self.file.to_owned(),
            column: "the mapping",
            accepted: name.to_owned(),
            found: self.header.join(", "),
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
        })
    }

    fn time(&self) -> Result<TimeColumns, IngestError> {
        if self.time.is_empty() {
            return Err(self.missing("time"));
        }
        let names = self.time.iter().filter_map(|place| self.header.get(*place));
        Ok(TimeColumns {
            places: self.time.clone(),
            name: names.cloned().collect::<Vec<_>>().join(" "),
        })
    }

    fn symbol(&self, given: Option<&str>) -> Result<Option<usize>, IngestError> {
        match (given, self.place("symbol")) {
            (Some(_), Some(place)) => Err(IngestError::SymbolTwice {
                file: self.file.to_owned(),
                column: self.header.get(place).cloned().unwrap_or_default(),
            }),
            (None, None) => Err(self.missing("symbol")),
            (Some(_), None) => Ok(None),
            (None, place) => Ok(place),
        }
    }

    fn missing(&self, meaning: &'static str) -> IngestError {
        let names = self.meanings.iter().find(|(known, _)| *known == meaning);
        IngestError::MissingColumn {
            file: self.file.to_owned(),
            column: meaning,
            accepted: names.map_or_else(String::new, |(_, names)| names.join(", ")),
            found: self.header.join(", "),
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
        let got = match BarColumns::find("f.csv", &header, symbol, &ColumnMapping::default()) {
            Ok(c) => format!(
                "time {:?} symbol {:?} prices {:?} volume {} ignored {}",
                c.time.places,
                c.symbol,
                c.prices.map(|price| price.place),
                c.volume.place,
                c.ignored.join(" ")
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
