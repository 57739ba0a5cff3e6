//! The columns of a file of actions, found by their usual names in any case and sequence, as those of bars are. It must
//! never know what a value means.

use crate::source::fields::FieldSplitter;

/// The columns, each with the names that it may have, in the sequence in which a file is written.
const COLUMNS: [&[&str]; 4] = [
    &["instrument", "symbol", "ticker"],
    &["ex_date", "ex-date", "exdate", "date"],
    &["action", "type"],
    &["value", "amount", "ratio"],
];

/// The signs between two fields, a comma first.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Where the columns of a file of actions are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct ActionColumns {
    pub(crate) delimiter: u8,
    places: [usize; 4],
}

impl ActionColumns {
    /// The columns that a first line names, or why they cannot be found.
    pub(crate) fn find(header: &str) -> Result<Self, String> {
        let mut first = None;
        for delimiter in DELIMITERS {
            let mut fields = FieldSplitter::new(delimiter);
            let names = fields.split(header).map_err(|bad| bad.message)?;
            match places(&names) {
                Ok(places) => return Ok(Self { delimiter, places }),
                // Of the delimiter that cuts the line: by any other it is one field of no known name.
                Err(reason) if names.len() > 1 => first = first.or(Some(reason)),
                Err(_) => {}
            }
        }
        let reason = first.unwrap_or_else(|| format!("the first line is {header:?}"));
        Err(format!(
            "{reason}; the first line must name instrument, ex_date, action and value"
        ))
    }

    /// Instrument, date, action and value of a line.
    pub(crate) fn cut<'a>(&self, fields: &[&'a str]) -> Result<[&'a str; 4], String> {
        // A field more or less would move every later one into another column.
        if fields.len() != COLUMNS.len() {
            return Err(format!(
                "{} fields, not 4: instrument, ex_date, action and value",
                fields.len()
            ));
        }
        Ok(self
            .places
            .map(|place| fields.get(place).copied().unwrap_or("")))
    }
}

fn places(names: &[&str]) -> Result<[usize; 4], String> {
    let mut found = [None; 4];
    for (place, name) in names.iter().enumerate() {
        let lower = name.to_lowercase();
        let mut columns = COLUMNS.iter().zip(&mut found);
        let Some((column, slot)) = columns.find(|(known, _)| known.contains(&lower.as_str()))
        else {
            // Ignored, it could be the currency of a dividend, or a second value.
            return Err(format!(
                "column {name:?} has no meaning in a file of actions: remove it"
            ));
        };
        if slot.replace(place).is_some() {
            let name = column.first().copied().unwrap_or_default();
            return Err(format!("two columns are the {name}: remove one"));
        }
    }
    let mut places = [0; 4];
    for ((slot, place), column) in places.iter_mut().zip(found).zip(COLUMNS) {
        let name = column.first().copied().unwrap_or_default();
        *slot = place.ok_or_else(|| format!("no column {name}"))?;
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(header: &str, line: &str, expect: &str) {
        let got = ActionColumns::find(header).and_then(|columns| {
            let mut fields = FieldSplitter::new(columns.delimiter);
            let cut = columns.cut(&fields.split(line).unwrap())?;
            Ok(cut.join(" "))
        });
        let got = got.unwrap_or_else(|reason| reason);
        assert!(got.contains(expect), "{header:?}: {got}");
    }

    #[test]
    fn columns_are_found_by_name_in_any_sequence_case_and_delimiter() {
        let line = "A,2024-01-02,split,2:1";
        check(
            "instrument,ex_date,action,value",
            line,
            "A 2024-01-02 split 2:1",
        );
        check("Symbol, Date ,Type,Ratio", line, "A 2024-01-02 split 2:1");
        check(
            "date;value;action;ticker",
            "2024-01-02;0.5;dividend;A",
            "A 2024-01-02 dividend 0.5",
        );
        check(
            "date\tticker\taction\tvalue",
            "2024-01-02\tA\tsplit\t2:1",
            "A 2024-01-02 split",
        );
        check(
            "date,ticker,action,amount",
            "2024-01-02,A,split",
            "3 fields, not 4",
        );
        check(
            "date,ticker,action,amount,currency",
            line,
            "column \"currency\" has no meaning",
        );
        check(
            "date,ticker,action,symbol",
            line,
            "two columns are the instrument",
        );
        check(
            "date,ticker,action",
            line,
            "no column value; the first line must name",
        );
        check(
            "2024-01-02",
            line,
            "the first line is \"2024-01-02\"; the first line must name",
        );
    }
}
