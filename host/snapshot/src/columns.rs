//! Which column means what, by its usual names. It must never look at a row.

use crate::error::IngestError;

/// A number column.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Column {
    /// Its place in the row.
    pub(crate) place: usize,
    /// Its name, for messages.
    pub(crate) name: &'static str,
}

/// The columns of a source.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Columns {
    pub(crate) time: usize,
    /// The time column's own name, for messages.
    pub(crate) time_name: String,
    pub(crate) symbol: Option<usize>,
    /// Open, high, low, close.
    pub(crate) prices: [Column; 4],
    pub(crate) volume: Column,
    /// How many fields a row has.
    pub(crate) count: usize,
    /// Columns that mean nothing here.
    pub(crate) ignored: Vec<String>,
}

/// What a column can mean, and the names it may have.
const MEANINGS: [(&str, &[&str]); 7] = [
    ("time", &["time", "timestamp", "ts", "date", "datetime"]),
    ("symbol", &["symbol", "ticker"]),
    ("open", &["open"]),
    ("high", &["high"]),
    ("low", &["low"]),
    ("close", &["close"]),
    ("volume", &["volume"]),
];

/// By meaning, the place of its column.
type Places = [Option<usize>; MEANINGS.len()];

impl Columns {
    /// Finds the columns in a header. Where the symbol is given as an option, no
    /// column is needed and none may be there.
    pub(crate) fn find(
        file: &str,
        header: &[String],
        symbol: Option<&str>,
    ) -> Result<Self, IngestError> {
        let (places, ignored) = places(file, header)?;
        let [time, symbol_place, open, high, low, close, volume] = places;
        if [time, open, high, low, close].iter().all(Option::is_none) {
            let reason = format!("none of {header:?} is a column that it should have");
            return Err(IngestError::NoHeader {
                file: file.to_owned(),
                reason,
            });
        }
        let need =
            |place: Option<usize>, index: usize| place.ok_or_else(|| missing(file, header, index));
        match (symbol, symbol_place) {
            (Some(_), Some(place)) => {
                let column = header.get(place).cloned().unwrap_or_default();
                return Err(IngestError::SymbolTwice {
                    file: file.to_owned(),
                    column,
                });
            }
            (None, None) => return Err(missing(file, header, 1)),
            (Some(_), None) | (None, Some(_)) => {}
        }
        let time = need(time, 0)?;
        Ok(Self {
            time,
            time_name: header.get(time).cloned().unwrap_or_default(),
            symbol: symbol_place,
            prices: [
                Column {
                    place: need(open, 2)?,
                    name: "open",
                },
                Column {
                    place: need(high, 3)?,
                    name: "high",
                },
                Column {
                    place: need(low, 4)?,
                    name: "low",
                },
                Column {
                    place: need(close, 5)?,
                    name: "close",
                },
            ],
            volume: Column {
                place: need(volume, 6)?,
                name: "volume",
            },
            count: header.len(),
            ignored,
        })
    }
}

/// Where each meaning's column is, and the columns without one.
fn places(file: &str, header: &[String]) -> Result<(Places, Vec<String>), IngestError> {
    let mut places: Places = [None; MEANINGS.len()];
    let mut ignored = Vec::new();
    for (place, name) in header.iter().enumerate() {
        let lower = name.to_lowercase();
        let meaning = MEANINGS
            .iter()
            .position(|(_, names)| names.contains(&lower.as_str()));
        let Some(found) = meaning.and_then(|index| places.get_mut(index)) else {
            ignored.push(name.clone());
            continue;
        };
        if let Some(first) = *found {
            return Err(IngestError::TwoColumns {
                file: file.to_owned(),
                column: meaning
                    .and_then(|index| MEANINGS.get(index))
                    .map_or("", |m| m.0),
                first: header.get(first).cloned().unwrap_or_default(),
                second: name.clone(),
            });
        }
        *found = Some(place);
    }
    Ok((places, ignored))
}

fn missing(file: &str, header: &[String], index: usize) -> IngestError {
    let (column, names) = MEANINGS.get(index).copied().unwrap_or(("", &[]));
    IngestError::MissingColumn {
        file: file.to_owned(),
        column,
        accepted: names.join(", "),
        found: header.join(", "),
        hint: if column == "symbol" {
            "; or give the symbol as an option"
        } else {
            ""
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(header: &str, symbol: Option<&str>, expect: &str) {
        let header: Vec<String> = header.split(',').map(str::to_owned).collect();
        let got = match Columns::find("f.csv", &header, symbol) {
            Ok(c) => format!(
                "time {} symbol {:?} prices {:?} volume {} ignored {}",
                c.time,
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
            "time 1 symbol Some(0) prices [2, 3, 4, 5] volume 6 ignored Adj Close",
        );
        check(
            "volume,CLOSE,low,HIGH,open,TS",
            a,
            "time 5 symbol None prices [4, 3, 2, 1] volume 0",
        );
        for time in ["time", "timestamp", "ts", "date", "datetime", "DateTime"] {
            check(&format!("{time},open,high,low,close,volume"), a, "time 0");
        }
        check(
            "time,symbol,open,high,low,close,volume",
            a,
            "leave the option away",
        );
        check(
            "time,open,high,low,close,volume",
            None,
            "no column for symbol; call it symbol, ticker;",
        );
        check(
            "time,open,high,low,close",
            a,
            "no column for volume; call it volume; there are time, open",
        );
        check(
            "date,time,open,high,low,close,volume",
            a,
            "\"date\" and \"time\" both give the time",
        );
        check(
            "time,open,high,low,close,Close,volume",
            a,
            "\"close\" and \"Close\" both give the close",
        );
        check("2003-01-02,1,2,3,4,5", a, "line 1: no header");
        check("", a, "line 1: no header");
    }
}
