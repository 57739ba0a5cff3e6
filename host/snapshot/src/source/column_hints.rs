//! The way on where a header lacks a column: which of its others may be meant. It must never choose a column itself.

use crate::source::symbols::SYMBOL_BYTES_MAX;

/// The prices of a bar.
pub(crate) const PRICES: [&str; 4] = ["open", "high", "low", "close"];

/// Words in the names of columns with dates, and with clocks.
const DATE_WORDS: [&str; 4] = ["date", "day", "yyyy", "stamp"];
const CLOCK_WORDS: [&str; 3] = ["time", "clock", "hour"];

/// A mapping of a header none of whose names is a usual one, such as `Day,O,H,L,C,V`; another way on if it has no
/// prices.
pub(crate) fn header_hint(header: &[String]) -> String {
    let named = |meaning: &&'static str| {
        let name = likely(meaning, header)?;
        Some(format!("{meaning:?}: {name:?}"))
    };
    let columns: Vec<String> = PRICES.iter().chain(&["volume"]).filter_map(named).collect();
    if columns.len() < PRICES.len() {
        return "; if the names are further down, state --skip LINES".to_owned();
    }
    format!(
        "{}, \"columns\": {{{}}}",
        time_column_hint(header).replace("name it", "name them"),
        columns.join(", ")
    )
}

/// How to name the time in a mapping, by the columns that mean nothing yet.
pub(crate) fn time_column_hint(others: &[String]) -> String {
    let with = |words: &'static [&'static str]| {
        others.iter().find(move |name| {
            let name = name.to_lowercase();
            words.iter().any(|word| name.contains(word))
        })
    };
    let (date, clock) = (with(&DATE_WORDS), with(&CLOCK_WORDS));
    let columns = match (date, clock) {
        (Some(date), Some(clock)) if date != clock => format!("{date:?}, {clock:?}"),
        (Some(one), _) | (None, Some(one)) => format!("{one:?}"),
        (None, None) => "\"NAME\"".to_owned(),
    };
    format!("; or name it in a mapping: \"time\": {{\"columns\": [{columns}]}}")
}

/// How to name a price or a volume in a mapping.
pub(crate) fn number_hint(meaning: &str, others: &[String]) -> String {
    let plain = "; or name it in a mapping";
    likely(meaning, others).map_or_else(
        || plain.to_owned(),
        |name| format!("{plain}: \"columns\": {{{meaning:?}: {name:?}}}"),
    )
}

/// The one column whose name may be another for a meaning, such as `O`, `Open Price` and `1. open`.
fn likely<'a>(meaning: &str, others: &'a [String]) -> Option<&'a str> {
    let word = if meaning == "volume" { "vol" } else { meaning };
    let initial = meaning.get(..1)?;
    let fits = |name: &&String| {
        let name = name.to_lowercase();
        name == initial || (name.contains(word) && !name.contains("adj"))
    };
    let mut all = others.iter().filter(fits);
    let first = all.next()?;
    all.next().is_none().then_some(first.as_str())
}

/// What to say of a table without a single price: its columns may be symbols. `None` if they seem to be prices.
pub(crate) fn symbols_hint(others: &[String]) -> Option<String> {
    let closes = others
        .iter()
        .filter(|name| name.to_lowercase().contains("close"));
    if closes.count() > 1 {
        return Some(
            "; if its columns are the prices of several symbols, write a row for each symbol and time, with a column \
             of symbols, or pandas' two lines of names"
                .to_owned(),
        );
    }
    if PRICES
        .iter()
        .any(|meaning| likely(meaning, others).is_some())
    {
        return None;
    }
    let first = others
        .first()
        .filter(|name| name.len() <= SYMBOL_BYTES_MAX)?;
    let columns = PRICES.map(|meaning| format!("{meaning:?}: {first:?}"));
    Some(format!(
        "; if its columns are symbols, they have one price each: read one with --symbol and \"columns\": {{{}, \
         \"volume\": null}} in a mapping, or export all prices",
        columns.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(header: &str) -> Vec<String> {
        header.split(',').map(str::to_owned).collect()
    }

    /// The hint named a column "Day", whatever the header had.
    #[test]
    fn a_hint_names_columns_that_the_header_has() {
        let time = |header: &str| {
            let hint = time_column_hint(&names(header));
            let (_, columns) = hint.split_once('[').unwrap();
            columns.trim_end_matches("]}").to_owned()
        };
        assert_eq!(time("Trade Date,O,H"), "\"Trade Date\"");
        assert_eq!(time("O,Local time"), "\"Local time\"");
        assert_eq!(time("<DTYYYYMMDD>,<TIME>"), "\"<DTYYYYMMDD>\", \"<TIME>\"");
        assert_eq!(time("DateTime (UTC)"), "\"DateTime (UTC)\"");
        assert_eq!(time("t,o"), "\"NAME\"");
        let number = |meaning: &str, header: &str| {
            let hint = number_hint(meaning, &names(header));
            let columns = hint.split_once('{').map_or("", |(_, columns)| columns);
            columns.trim_end_matches('}').to_owned()
        };
        assert_eq!(number("open", "O,H,L,C"), "\"open\": \"O\"");
        assert_eq!(number("high", "1. open,2. high"), "\"high\": \"2. high\"");
        assert_eq!(number("volume", "Vol.,C"), "\"volume\": \"Vol.\"");
        assert_eq!(
            header_hint(&names("Day,O,H,L,C,V")),
            "; or name them in a mapping: \"time\": {\"columns\": [\"Day\"]}, \"columns\": {\"open\": \"O\", \"high\": \
             \"H\", \"low\": \"L\", \"close\": \"C\", \"volume\": \"V\"}"
        );
        assert_eq!(
            header_hint(&names("# Source: Acme")),
            "; if the names are further down, state --skip LINES"
        );
        assert_eq!(number("close", "Adj Close"), "");
        assert_eq!(number("close", "Close 1,Close 2"), "");
    }

    /// A file of closes, a column for each symbol, as pandas writes `data["Close"]`, was said to have no column for
    /// open.
    #[test]
    fn a_table_with_a_column_for_each_symbol_has_a_way_on() {
        let hint = |header: &str| symbols_hint(&names(header)).unwrap_or_default();
        let closes = hint("AAPL,MSFT");
        assert!(
            closes.contains(
                "\"columns\": {\"open\": \"AAPL\", \"high\": \"AAPL\", \"low\": \"AAPL\", \"close\": \"AAPL\", \
                 \"volume\": null}"
            ),
            "{closes}"
        );
        for header in [
            "AAPL_Open,AAPL_Close,MSFT_Open,MSFT_Close",
            "Close AAPL,Close MSFT",
        ] {
            assert!(
                hint(header).contains("prices of several symbols"),
                "{header}"
            );
        }
        assert_eq!(hint("O,H,L,C"), "");
    }
}
