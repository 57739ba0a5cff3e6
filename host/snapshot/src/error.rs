//! Why no snapshot was made. A message names the file, the line and the
//! column, and what to do.

use std::collections::BTreeSet;
use std::io;

use counterfoil_trading::bar::BarError;
use counterfoil_trading::instrument::InstrumentError;
use counterfoil_trading::time::Timeframe;

use crate::quality::findings::QualityFinding;
use crate::source::choices::EpochUnit;
use crate::source::shown::shown;
use crate::store::read_error::ReadError;

/// What a file of actions is called where its own name is not known.
pub(crate) const ACTIONS_ROLE: &str = "actions";

/// The first few symbols, for a message.
fn first_of(symbols: &BTreeSet<String>) -> String {
    let some: Vec<&str> = symbols.iter().take(5).map(String::as_str).collect();
    some.join(", ")
}

/// Why no snapshot was made. No entry of a layer is left incomplete.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IngestError {
    /// An option does not hold.
    #[error("option {option}: {reason}")]
    Option {
        option: &'static str,
        reason: String,
    },
    /// The source cannot be read on.
    #[error(
        "{file}: cannot be read after line {line}; it may be truncated or damaged, fetch it again"
    )]
    Source {
        file: String,
        line: u64,
        #[source]
        source: io::Error,
    },
    /// A ZIP archive has no table that can be read.
    #[error("{file}: {reason}")]
    Archive { file: String, reason: String },
    /// The source is larger than a source may be.
    #[error("{file}, line {line}: more than {max} {unit}; split the file")]
    TooLarge {
        file: String,
        line: u64,
        max: u64,
        unit: &'static str,
    },
    /// The source is larger after decompression than a source may be.
    #[error(
        "{file}, line {line}: more than {max} bytes after decompression; if the file is right, allow more with \
         --unpacked-max BYTES, or split it"
    )]
    Unpacked { file: String, line: u64, max: u64 },
    /// The process that decodes a file did not start or did not go on.
    #[error(
        "{file}: the process that decodes it failed: {reason}; try again, or ingest the file as CSV"
    )]
    Decoder { file: String, reason: String },
    /// The first line is not a header.
    #[error(
        "{file}, line {line}: no header: {reason}; the first line must name the columns, such as time,open,high,low,close,volume"
    )]
    NoHeader {
        file: String,
        line: u64,
        reason: String,
    },
    /// The first line is a row.
    #[error("{file}, line {line}: no header: the line begins with {found:?}; {hint}")]
    Headerless {
        file: String,
        line: u64,
        found: String,
        hint: String,
    },
    /// The first line is cut at the wrong sign.
    #[error(
        "{file}, line {line}: its fields are separated by {found}, not by {stated}: state --delimiter {found}{hint}"
    )]
    OtherDelimiter {
        file: String,
        line: u64,
        found: String,
        stated: String,
        hint: String,
    },
    /// The header lacks a column.
    #[error(
        "{file}, line {line}: no column for {column}: name it {accepted}; the header has {found}{hint}"
    )]
    MissingColumn {
        file: String,
        line: u64,
        column: &'static str,
        accepted: String,
        found: String,
        hint: String,
    },
    /// A mapping states a place that no row has.
    #[error(
        "{file}, line {line}: no column {place}: the line has {count} fields; correct the mapping"
    )]
    MissingPlace {
        file: String,
        line: u64,
        place: usize,
        count: usize,
    },
    /// Two columns of the header mean the same.
    #[error(
        "{file}, line {line}: columns {first:?} and {second:?} both name the {column}; rename or remove one, or state in a mapping which one to use{}",
        date_and_clock(column, first, second)
    )]
    TwoColumns {
        file: String,
        line: u64,
        column: &'static str,
        first: String,
        second: String,
    },
    /// A symbol was given for a file that has a symbol column.
    #[error(
        "{file}, line {line}: column {column:?} already gives the symbol; drop the symbol option"
    )]
    SymbolTwice {
        file: String,
        line: u64,
        column: String,
    },
    /// The unit of numeric times is ambiguous.
    #[error(
        "{file}, line {line}, column {column}: {text} could be s, ms, us or ns since 1970; state the unit, or write the time as YYYY-MM-DD or ISO 8601; dates of eight digits are \"time\": {{\"format\": \"%Y%m%d\"}} in a mapping{}",
        day_number(text)
    )]
    AmbiguousEpoch {
        file: String,
        line: u64,
        column: String,
        text: String,
    },
    /// Numeric times of two units in one file.
    #[error(
        "{file}, column {column}: line {first_line} looks like {first_unit} since 1970 and line {second_line} like {second_unit}; use one unit, or state \"time\": {{\"format\": \"epoch-rows\"}} in a mapping, which reads each row by its size"
    )]
    MixedEpochs {
        file: String,
        column: String,
        first_line: u64,
        first_unit: EpochUnit,
        second_line: u64,
        second_unit: EpochUnit,
    },
    /// A bar begins or ends before 1677 or after 2262.
    #[error(
        "{file}, line {line}, column {column}: the bar's times do not fit in 64 bits of nanoseconds (1677 to 2262); correct the time, its unit or the timeframe"
    )]
    TimeTooFar {
        file: String,
        line: u64,
        column: String,
    },
    /// No timeframe was stated, and the data does not show one.
    #[error(
        "{file}: cannot infer the timeframe: {reason}; state it with --timeframe, such as 1m, 1h, 1d or 1M"
    )]
    NoTimeframe { file: String, reason: String },
    /// The bars of an instrument are longer than the timeframe.
    #[error(
        "{file}: {symbol}: {found}: bars of {timeframe} would have their closes before they happened; state --timeframe {length}, or if other instruments have bars of {timeframe}, ingest {symbol} from a file of its own"
    )]
    LongerBars {
        file: String,
        symbol: String,
        /// How often the commonest gap is there, and the first line.
        found: String,
        /// The commonest gap.
        length: Timeframe,
        timeframe: Timeframe,
    },
    /// Bars of weeks or months are not dated by first days.
    #[error(
        "{file}, line {line}: bars of {timeframe} begin on {first_day}, and most rows do not: this one is dated {date}; {hint}"
    )]
    PeriodLabel {
        file: String,
        line: u64,
        date: String,
        timeframe: Timeframe,
        first_day: &'static str,
        hint: &'static str,
    },
    /// Two bars of one instrument would close at the same time.
    #[error(
        "{file}: {symbol}: lines {first_line} and {second_line} would close at the same time as bars of {timeframe}; state another timeframe"
    )]
    SameClose {
        file: String,
        symbol: String,
        first_line: u64,
        second_line: u64,
        timeframe: Timeframe,
    },
    /// Two rows of one instrument and time, or of one trade id, differ.
    #[error(
        "{file}, line {line}: {what} is in line {first_line} already, with other values: {difference}; {hint}"
    )]
    Repeats {
        file: String,
        line: u64,
        /// The bar or the trade.
        what: String,
        first_line: u64,
        /// The first column that differs, and both values.
        difference: String,
        hint: String,
    },
    /// A file has splits or dividends, and the caller has not stated what its prices are adjusted for.
    #[error(
        "{file}, line {line}: the file has splits or dividends: state whether its prices are adjusted for them with --adjusted none (as traded), splits, or all"
    )]
    AdjustmentUnknown { file: String, line: u64 },
    /// A column of a bars' file and the file of actions contradict each other.
    #[error(
        "{instrument}, {date}: the bars' file has {column}, and the file of actions has {stated}; correct one of them"
    )]
    ActionContradiction {
        instrument: String,
        date: String,
        column: String,
        stated: String,
    },
    /// A price or volume does not fit at the scale of the file.
    #[error(
        "{file}, line {line}, {column}: too large for {scale} decimals, which line {finest_line} has; correct that line, or round to fewer with --price-scale and --round-prices (of volumes: --volume-scale and --round-volumes)"
    )]
    NumberTooLarge {
        file: String,
        line: u64,
        column: &'static str,
        scale: u8,
        /// The row with the most decimals; 0 where the scale was given.
        finest_line: u64,
    },
    /// No row of some instruments has a volume, and some lack nothing else.
    #[error(
        "{file}: no row of {} has a volume; state --no-volume",
        first_of(symbols)
    )]
    NoVolumes {
        file: String,
        symbols: BTreeSet<String>,
        /// Whether no other row can be used.
        is_whole: bool,
    },
    /// Dates that a pattern reads with the month first show the day first.
    #[error("{file}, line {line}, column {column}: {reason}")]
    DayFirst {
        file: String,
        line: u64,
        column: String,
        reason: String,
    },
    /// Not a single row is a bar.
    #[error("{file}: {}", no_bars(*.rows, .first))]
    NoBars {
        file: String,
        rows: u64,
        /// The first problem.
        first: String,
    },
    /// An instrument's definition does not hold.
    #[error("{file}: invalid instrument; check its scales, tick and lot")]
    Instrument {
        file: String,
        #[source]
        source: InstrumentError,
    },
    /// A row that passed every check is not a valid bar: a bug here.
    #[error(
        "{file}, line {line}: the row passed all checks but is not a valid bar; please report this bug"
    )]
    Inconsistent {
        file: String,
        line: u64,
        #[source]
        source: BarError,
    },
    /// An invariant of this program does not hold: a bug here.
    #[error("{file}: {reason}; please report this bug")]
    Internal { file: String, reason: String },
    /// The snapshot cannot be written.
    #[error("cannot write {file}; check free space and permissions of the data directory")]
    Write {
        file: String,
        #[source]
        source: io::Error,
    },
    /// A record batch or the manifest cannot be encoded.
    #[error("cannot encode {file}: {reason}")]
    Encode { file: String, reason: String },
    /// A mapping, a calendar, a file of actions or of acceptances does not hold.
    #[error("{file}, line {line}: {reason}")]
    Side {
        file: String,
        /// The line in it, from 1.
        line: u64,
        reason: String,
    },
    /// The file cannot be read as what it seems to be.
    #[error("{file}: cannot be read as {format}: {reason}; download or export it again")]
    Unreadable {
        file: String,
        format: &'static str,
        reason: String,
    },
    /// Most bars of an instrument are none of the timeframe.
    #[error(
        "{symbol}: {left_out} of {bars} bars overlap or are off the grid of {timeframe}; state another timeframe with \
         --timeframe, or the exchange's zone with --zone or --calendar"
    )]
    Misfits {
        symbol: String,
        left_out: u64,
        bars: u64,
        timeframe: Timeframe,
    },
    /// Daily rows may be stamped with opens or closes.
    #[error(
        "{file}, line {line}: daily rows at {at}, from Monday to Friday: if the day closes then, state --time close; if \
         it opens then, --time open"
    )]
    CloseStamps { file: String, line: u64, at: String },
    /// Daily rows of several zones have no common midnight.
    #[error(
        "{file}: rows of one week have the offsets {one} and {other}, which no one zone has, so a day has no one \
         midnight; to take the dates that the rows show, state \"time\": {{\"dates\": true}} in a mapping; if all are of \
         one exchange, state its zone with --zone"
    )]
    SeveralZones {
        file: String,
        one: String,
        other: String,
    },
    /// The bars of an instrument move by an hour, as those of an exchange do in UTC.
    #[error(
        "{symbol}: {found} UTC, an hour apart, as where clocks change; state the exchange's zone with --zone, such as \
         America/New_York, or with --calendar"
    )]
    ClockChange { symbol: String, found: String },
    /// The file is whole, and of a kind that this program does not read.
    #[error("{file}: cannot be read as {format}: {reason}")]
    Unsupported {
        file: String,
        format: &'static str,
        /// What it is, and what to do.
        reason: String,
    },
    /// Files of several timeframes cannot be one snapshot.
    #[error("{file}: bars of {got}, but earlier files have bars of {expected}; make two snapshots")]
    Timeframes {
        file: String,
        got: Timeframe,
        expected: Timeframe,
    },
    /// The policy is to refuse, and there are errors that are not accepted.
    #[error(
        "refused: {count} errors are not accepted, the first: {first}; fix the source, accept the findings, or use the policy quarantine"
    )]
    Refused {
        count: u64,
        first: String,
        findings: Vec<QualityFinding>,
    },
    /// A layer that this one is made from cannot be read.
    #[error(
        "a required layer is missing or damaged; remove its directory and ingest the file again"
    )]
    Layer(#[source] Box<ReadError>),
    /// The same snapshot is there already, and damaged.
    #[error("the snapshot already exists but is damaged; remove its directory and ingest again")]
    Damaged(#[source] Box<ReadError>),
}

/// The way on where date and clock are in two columns.
fn date_and_clock(column: &str, first: &str, second: &str) -> String {
    if column != "time" || first.eq_ignore_ascii_case(second) {
        return String::new();
    }
    format!(
        "; if they are date and clock, both: \"time\": {{\"columns\": [{first:?}, {second:?}]}}"
    )
}

/// What a number of five digits is where a spreadsheet wrote its dates as numbers: 20000 to 80000 are 1954 to 2119.
fn day_number(text: &str) -> &'static str {
    let is_one = text
        .parse()
        .is_ok_and(|number: u32| (20_000..80_000).contains(&number));
    if is_one {
        "; if it is a spreadsheet's number of a day, save the column as dates"
    } else {
        ""
    }
}

/// Why a file has no bars.
fn no_bars(rows: u64, first: &str) -> String {
    match rows {
        0 => "it has no rows; export it again with data".to_owned(),
        1 => format!("its only row is not a valid bar: {first}"),
        rows => format!("none of its {rows} rows is a valid bar; the first problem: {first}"),
    }
}

impl From<ReadError> for IngestError {
    fn from(error: ReadError) -> Self {
        Self::Layer(Box::new(error))
    }
}

impl IngestError {
    /// The same of a file of actions, by the name that the caller knows it by.
    pub(crate) fn of_actions(self, name: Option<&str>) -> Self {
        match (self, name) {
            (Self::Side { file, line, reason }, Some(name)) if file == ACTIONS_ROLE => Self::Side {
                file: name.to_owned(),
                line,
                reason,
            },
            (other, _) => other,
        }
    }

    /// The same with the long words of its texts cut, which are the file's own.
    #[must_use]
    pub(crate) fn shortened(mut self) -> Self {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "a variant that is not listed has no text of the file"
        )]
        let texts: Vec<&mut String> = match &mut self {
            Self::Option { reason, .. }
            | Self::Archive { reason, .. }
            | Self::NoHeader { reason, .. }
            | Self::Side { reason, .. }
            | Self::Unreadable { reason, .. }
            | Self::Unsupported { reason, .. } => vec![reason],
            Self::Headerless { found, hint, .. } => vec![found, hint],
            Self::MissingColumn {
                accepted,
                found,
                hint,
                ..
            } => vec![accepted, found, hint],
            Self::TwoColumns { first, second, .. } => vec![first, second],
            Self::SymbolTwice { column, .. } => vec![column],
            Self::Repeats {
                what, difference, ..
            } => vec![what, difference],
            Self::ActionContradiction { column, stated, .. } => vec![column, stated],
            Self::NoBars { first, .. } | Self::Refused { first, .. } => vec![first],
            _ => Vec::new(),
        };
        for text in texts {
            *text = shown(core::mem::take(text));
        }
        self
    }

    pub(crate) fn source(file: &str, line: u64) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Source {
            file: file.to_owned(),
            line,
            source,
        }
    }

    pub(crate) fn encode<E: ToString>(file: &str) -> impl FnOnce(E) -> Self {
        move |error| Self::Encode {
            file: file.to_owned(),
            reason: error.to_string(),
        }
    }

    pub(crate) fn write(file: &str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Write {
            file: file.to_owned(),
            source,
        }
    }
}
