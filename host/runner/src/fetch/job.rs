//! What a fetch asks for, checked before the first request.

use std::collections::BTreeSet;

use counterfoil_connect::fetch::source::HistorySource;
use counterfoil_trading::time::{Timeframe, UnixNanos};

/// The most symbols of one fetch.
pub const FETCH_SYMBOLS_MAX: usize = 1_000;

/// Letters of the longest symbol of any source.
const SYMBOL_LETTERS_MAX: usize = 32;

/// Whether answers that are there are used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FetchReuse {
    /// They are: nothing is fetched twice.
    Kept,
    /// They are not: the source may have corrected its bars.
    Nothing,
}

/// What is asked for, as the caller states it.
#[derive(Clone, Debug)]
pub struct FetchTerms {
    pub source: HistorySource,
    pub symbols: Vec<String>,
    pub timeframe: Timeframe,
    /// The first open time.
    pub from: UnixNanos,
    /// The end of the open times, exclusive.
    pub to: UnixNanos,
    pub reuse: FetchReuse,
}

/// What is asked for, checked.
#[derive(Clone, Debug)]
pub struct FetchJob {
    terms: FetchTerms,
    interval: &'static str,
    length: i64,
}

/// Why a fetch cannot begin.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchTermsError {
    #[error("{source_name} has no bars of {timeframe}; it has {known}")]
    Timeframe {
        source_name: &'static str,
        timeframe: Timeframe,
        known: String,
    },
    #[error("no symbol; give --symbol, such as {example}")]
    NoSymbol { example: &'static str },
    #[error("{count} symbols, more than {FETCH_SYMBOLS_MAX}; fetch them in parts")]
    Symbols { count: usize },
    #[error("{symbol:?} is not a symbol of {source_name}; it writes them as {example}")]
    Symbol {
        symbol: String,
        source_name: &'static str,
        example: &'static str,
    },
    #[error("the symbol {symbol} is given twice")]
    Twice { symbol: String },
    #[error("--from {} is not before --to {}", .from.date_or_time(), .to.date_or_time())]
    Range { from: UnixNanos, to: UnixNanos },
}

const fn example(source: HistorySource) -> &'static str {
    match source {
        HistorySource::Binance | HistorySource::BinanceArchive => "BTCUSDT",
        HistorySource::Alpaca => "SPY",
        HistorySource::Kraken => "XBTUSD",
    }
}

/// Whether a source can have a symbol of this spelling.
fn is_symbol(source: HistorySource, symbol: &str) -> bool {
    let fits = |letter: char| match source {
        // It is part of a path, and of a file's name.
        HistorySource::Binance | HistorySource::BinanceArchive => {
            letter.is_ascii_uppercase() || letter.is_ascii_digit() || matches!(letter, '_' | '-')
        }
        HistorySource::Alpaca | HistorySource::Kraken => {
            letter.is_ascii_alphanumeric() || matches!(letter, '.' | '/' | '-' | ':')
        }
    };
    (1..=SYMBOL_LETTERS_MAX).contains(&symbol.len()) && symbol.chars().all(fits)
}

impl FetchJob {
    /// Checks the terms.
    ///
    /// # Errors
    ///
    /// Returns [`FetchTermsError`] naming the first that does not hold.
    pub fn new(terms: FetchTerms) -> Result<Self, FetchTermsError> {
        let source = terms.source;
        let interval = source.interval(terms.timeframe);
        let (Some(interval), Timeframe::Fixed(length)) = (interval, terms.timeframe) else {
            return Err(FetchTermsError::Timeframe {
                source_name: source.name(),
                timeframe: terms.timeframe,
                known: source.timeframes(),
            });
        };
        let example = example(source);
        if terms.symbols.is_empty() {
            return Err(FetchTermsError::NoSymbol { example });
        }
        if terms.symbols.len() > FETCH_SYMBOLS_MAX {
            return Err(FetchTermsError::Symbols {
                count: terms.symbols.len(),
            });
        }
        let mut seen = BTreeSet::new();
        for symbol in &terms.symbols {
            if !is_symbol(source, symbol) {
                return Err(FetchTermsError::Symbol {
                    symbol: symbol.clone(),
                    source_name: source.name(),
                    example,
                });
            }
            // Each would be fetched, and the second would be the same rows once more.
            if !seen.insert(symbol) {
                return Err(FetchTermsError::Twice {
                    symbol: symbol.clone(),
                });
            }
        }
        if terms.from >= terms.to {
            return Err(FetchTermsError::Range {
                from: terms.from,
                to: terms.to,
            });
        }
        Ok(Self {
            terms,
            interval,
            length,
        })
    }

    /// What is asked for.
    #[must_use]
    pub const fn terms(&self) -> &FetchTerms {
        &self.terms
    }

    /// The source's name of the timeframe.
    pub(crate) const fn interval(&self) -> &'static str {
        self.interval
    }

    /// Nanoseconds of a bar.
    pub(crate) const fn length(&self) -> i64 {
        self.length
    }

    /// The name of the whole, for the source in a snapshot.
    pub(crate) fn name(&self) -> String {
        let terms = &self.terms;
        let symbols = match terms.symbols.as_slice() {
            few @ ([_] | [_, _] | [_, _, _]) => few.join("-").replace('/', "-"),
            many => format!("{}-symbols", many.len()),
        };
        format!(
            "{}-{symbols}-{}-{}-{}.json",
            terms.source.name(),
            terms.timeframe,
            terms.from.date_or_time(),
            terms.to.date_or_time()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, symbols: &str, timeframe: &str, days: (i64, i64), expected: &str) {
        let day = 86_400_000_000_000;
        let split = symbols.split(',').filter(|symbol| !symbol.is_empty());
        let terms = FetchTerms {
            source: HistorySource::named(source).unwrap(),
            symbols: split.map(str::to_owned).collect(),
            timeframe: timeframe.parse().unwrap(),
            from: UnixNanos(days.0 * day),
            to: UnixNanos(days.1 * day),
            reuse: FetchReuse::Kept,
        };
        let found = match FetchJob::new(terms) {
            Ok(job) => job.name(),
            Err(error) => error.to_string(),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn a_job_names_what_cannot_be_fetched() {
        let days = (0, 1);
        check(
            "binance",
            "BTCUSDT",
            "1m",
            days,
            "binance-BTCUSDT-1m-1970-01-01-1970-01-02.json",
        );
        check(
            "kraken",
            "XBT/USD,ETHUSD",
            "1d",
            days,
            "kraken-XBT-USD-ETHUSD-1d-1970-01-01-1970-01-02.json",
        );
        check(
            "alpaca",
            "A,B,C,D",
            "1d",
            days,
            "alpaca-4-symbols-1d-1970-01-01-1970-01-02.json",
        );
        check(
            "alpaca",
            "SPY",
            "1w",
            days,
            "alpaca has no bars of 1w; it has 1m, 5m, 15m, 30m, 1h, 4h, 1d",
        );
        check(
            "binance",
            "BTCUSDT",
            "1M",
            days,
            "binance has no bars of 1M; it has 1s, 1m, 3m, 5m, 15m, 30m, 1h, 2h, 4h, 6h, 8h, 12h, 1d",
        );
        check(
            "alpaca",
            "",
            "1d",
            days,
            "no symbol; give --symbol, such as SPY",
        );
        check(
            "binance",
            "btcusdt",
            "1d",
            days,
            "\"btcusdt\" is not a symbol of binance; it writes them as BTCUSDT",
        );
        check(
            "binance-archive",
            "../X",
            "1d",
            days,
            "\"../X\" is not a symbol of binance-archive; it writes them as BTCUSDT",
        );
        check("alpaca", "A,B,A", "1d", days, "the symbol A is given twice");
        check(
            "alpaca",
            "A",
            "1d",
            (1, 1),
            "--from 1970-01-02 is not before --to 1970-01-02",
        );
    }
}
