//! A vendor's column names and time format, as a small JSON file. It must never look at a row.
//!
//! ```json
//! {
//!   "columns": { "symbol": "Sym", "open": "O", "high": "H", "low": "L", "close": "C", "volume": "V" },
//!   "delimiter": ";",
//!   "time": { "columns": ["Day", "Clock"], "format": "%d.%m.%Y %H:%M", "zone": "America/New_York" }
//! }
//! ```

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::error::IngestError;
use crate::source::choices::{
    EpochUnit, HeaderRule, PriceAdjustment, RepeatRule, TextEncoding, TimeMeaning,
};
use crate::source::column_ref::ColumnRef;
use crate::source::footer::footer_lines;
use crate::source::number_rules::NumberRules;
use crate::source::options::{IngestOptions, NumberScaling, SideFile};
use crate::source::pattern_zone::check_pattern_zone;
use crate::source::times::{TimeFormat, TimeReader, directives};
use crate::source::zone::SourceZone;

/// The meanings of columns.
const MEANINGS: [&str; 12] = [
    "symbol", "open", "high", "low", "close", "volume", "dividend", "split", "price", "size", "id",
    "adjusted",
];

/// The zone of a format whose files do not show theirs: the caller must state it.
const ZONE_REQUIRED: &str = "required";

/// Column names, delimiter and times of a source.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ColumnMapping {
    adjusted: Option<PriceAdjustment>,
    /// By meaning, the column.
    pub(crate) columns: BTreeMap<String, ColumnRef>,
    decimal: Option<String>,
    delimiter: Option<String>,
    encoding: Option<TextEncoding>,
    header: Option<HeaderRule>,
    prices: NumberMapping,
    repeats: Option<RepeatRule>,
    /// The version of the vendor's schema, for the receipt.
    pub(crate) schema: Option<String>,
    /// Lines before the header, or before the first row.
    skip: Option<u64>,
    /// Lines behind the last row.
    skip_footer: Option<u64>,
    /// The symbol of every row.
    pub(crate) symbol: Option<String>,
    thousands: Option<String>,
    pub(crate) time: TimeMapping,
    volumes: NumberMapping,
}

/// The grid of prices or volumes, and the rule that rounds to it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields, default)]
struct NumberMapping {
    divide: Option<String>,
    /// Of prices only.
    fractions: Option<u8>,
    implied_decimals: Option<u8>,
    multiply: Option<String>,
    /// The most that rounding may change a number, as decimal text.
    round: Option<String>,
    scale: Option<u8>,
    /// Of prices only.
    tick: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TimeMapping {
    /// One column, or date and clock in two.
    pub(crate) columns: Vec<ColumnRef>,
    /// Where the years of two digits begin.
    century_from: Option<i16>,
    /// Whether the times are trading dates, whatever clock they show.
    dates: bool,
    format: Option<String>,
    meaning: Option<TimeMeaning>,
    zone: Option<String>,
}

impl NumberMapping {
    fn scaling(&self) -> NumberScaling {
        NumberScaling {
            divide: self.divide.clone(),
            fractions: self.fractions,
            implied_decimals: self.implied_decimals,
            multiply: self.multiply.clone(),
        }
    }
}

impl ColumnMapping {
    /// The mapping in a file; without one, the usual names.
    pub(crate) fn parse(file: Option<&SideFile>) -> Result<Self, IngestError> {
        let Some(file) = file else {
            return Ok(Self::default());
        };
        let error = |line: usize, reason: String| IngestError::Side {
            file: file.name.clone(),
            line: u64::try_from(line).unwrap_or(u64::MAX),
            reason,
        };
        let mapping: Self = serde_json::from_slice(&file.bytes)
            .map_err(|problem| error(problem.line(), shape_of(&problem)))?;
        mapping.check_columns().map_err(|reason| error(1, reason))?;
        let mut stated = mapping.fill(&IngestOptions::default());
        if stated.zone.as_deref() == Some(ZONE_REQUIRED) {
            // The caller's zone is checked with the caller's other options.
            stated.zone = Some("UTC".to_owned());
        }
        mapping.times(&stated).map_err(|reason| error(1, reason))?;
        // Here, where the error names the mapping and not an option that was not given.
        let checked = delimiter(&stated)
            .and_then(|_| footer_lines(&stated))
            .and_then(|_| NumberRules::of(&stated))
            .map(|_| ());
        checked.map_err(|problem| error(1, problem.to_string()))?;
        let reason = if mapping.volumes.tick.is_some() {
            "volumes: volumes have no tick; state a scale"
        } else if mapping.volumes.fractions.is_some() {
            "volumes: volumes have no fractions"
        } else {
            return Ok(mapping);
        };
        Err(error(1, reason.to_owned()))
    }

    /// What is wrong with the columns, whatever the file.
    fn check_columns(&self) -> Result<(), String> {
        for (meaning, column) in &self.columns {
            // A misspelled meaning would be no meaning: its column would be found by its usual name,
            // or ignored, and the user would not know.
            if !MEANINGS.contains(&meaning.as_str()) {
                if matches!(meaning.as_str(), "time" | "date" | "timestamp") {
                    return Err(format!(
                        "columns: {meaning:?}: the columns of times are \"time\": {{\"columns\": [\"{column}\"]}}"
                    ));
                }
                let known = MEANINGS.join(", ");
                return Err(format!("columns: unknown meaning {meaning:?}; use {known}"));
            }
            if *column == ColumnRef::Absent && meaning != "volume" {
                return Err(format!(
                    "columns.{meaning}: only a volume may be absent (null)"
                ));
            }
        }
        if self.time.columns.len() > 2 {
            return Err("time.columns: name one column, or two for date and clock".to_owned());
        }
        if self.time.columns.contains(&ColumnRef::Absent) {
            return Err("time.columns: name a column, or state its place".to_owned());
        }
        let all = || self.columns.values().chain(&self.time.columns);
        let named = all().find(|column| matches!(column, ColumnRef::Name(_)));
        if let (Some(HeaderRule::Absent), Some(name)) = (self.header, named) {
            return Err(format!(
                "a file without a header has no column {name:?}: state its place, such as 1",
                name = name.to_string()
            ));
        }
        if self.header == Some(HeaderRule::Absent) && all().next().is_none() {
            return Err(
                "a file without a header needs its columns by place: \"time\": {\"columns\": [1]}, \"columns\": \
                 {\"open\": 2, \"high\": 3, \"low\": 4, \"close\": 5, \"volume\": 6}"
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// The options with what the mapping states where they state nothing.
    pub(crate) fn fill(&self, options: &IngestOptions) -> IngestOptions {
        let text = |given: &Option<String>, stated: &Option<String>| {
            given.clone().or_else(|| stated.clone())
        };
        let scaling = |given: &NumberScaling, stated: &NumberMapping| {
            if *given == NumberScaling::default() {
                stated.scaling()
            } else {
                given.clone()
            }
        };
        // Scale or tick of the options replace both of the mapping: a tick of 0.125 that the caller states does
        // not fit the scale 2 of a mapping for another instrument.
        let has_grid = options.price_scale.is_some() || options.tick.is_some();
        let prices = if has_grid {
            NumberMapping::default()
        } else {
            self.prices.clone()
        };
        let volumes = if options.volume_scale.is_some() {
            NumberMapping::default()
        } else {
            self.volumes.clone()
        };
        IngestOptions {
            adjusted: options.adjusted.or(self.adjusted),
            decimal: text(&options.decimal, &self.decimal),
            delimiter: text(&options.delimiter, &self.delimiter),
            encoding: options.encoding.or(self.encoding),
            has_no_volume: options.has_no_volume
                || self.columns.get("volume") == Some(&ColumnRef::Absent),
            header: options.header.or(self.header),
            price_scale: options.price_scale.or(prices.scale),
            prices_as: scaling(&options.prices_as, &self.prices),
            volumes_as: scaling(&options.volumes_as, &self.volumes),
            repeats: options.repeats.or(self.repeats),
            round_prices: text(&options.round_prices, &self.prices.round),
            round_volumes: text(&options.round_volumes, &self.volumes.round),
            skip: options.skip.or(self.skip),
            skip_footer: options.skip_footer.or(self.skip_footer),
            thousands: text(&options.thousands, &self.thousands),
            tick: text(&options.tick, &prices.tick),
            volume_scale: options.volume_scale.or(volumes.scale),
            zone: text(&options.zone, &self.time.zone),
            ..options.clone()
        }
    }

    /// The same with another pattern of its times.
    pub(crate) fn with_time_format(&self, pattern: &str) -> Self {
        let mut other = self.clone();
        other.time.format = Some(pattern.to_owned());
        other
    }

    /// What times mean, if the options or the mapping state it.
    pub(crate) fn meaning(&self, options: &IngestOptions) -> Option<TimeMeaning> {
        options.time.or(self.time.meaning)
    }

    /// How times are read; options override the mapping.
    pub(crate) fn times(&self, options: &IngestOptions) -> Result<TimeReader, String> {
        let time = &self.time;
        let format = match (options.epoch_unit, time.format.as_deref()) {
            (Some(unit), _) => TimeFormat::Epoch(Some(unit)),
            (None, None) => TimeFormat::Any,
            (None, Some("date")) => TimeFormat::Date,
            (None, Some("iso")) => TimeFormat::Iso,
            (None, Some("epoch")) => TimeFormat::Epoch(None),
            (None, Some("epoch-rows")) => TimeFormat::EpochRows,
            (None, Some(pattern)) if pattern.contains('%') => TimeFormat::Pattern(pattern.to_owned()),
            (None, Some(text)) => TimeFormat::Epoch(Some(text.parse::<EpochUnit>().map_err(|_| {
                format!(
                    "time.format: unknown format {text:?}; use date, iso, epoch, epoch-rows, s, ms, us, ns, or a pattern such as %d.%m.%Y %H:%M"
                )
            })?)),
        };
        if let TimeFormat::Pattern(pattern) = &format
            && directives(pattern).any(|directive| directive == 'Z')
        {
            return Err(
                "time.format: %Z: abbreviations such as EDT name several zones; write the abbreviation itself in the \
                 pattern and state time.zone, or have the file written with offsets (%z) or zone names (%Q)"
                    .to_owned(),
            );
        }
        if time
            .century_from
            .is_some_and(|year| !(1600..=2200).contains(&year))
        {
            return Err("time.century_from: use a year from 1600 to 2200".to_owned());
        }
        // Times in the zone of a broker's server look like any others: read as UTC, every bar would be hours
        // off, and nothing would show it.
        let zone = options.zone.as_deref().or(time.zone.as_deref());
        if zone == Some(ZONE_REQUIRED) {
            return Err(
                "time.zone: the file's times are in a zone that it does not show; state it with --zone, such as \
                 Europe/Athens, +02:00, or America/New_York+07:00 (New York's clock and seven hours)"
                    .to_owned(),
            );
        }
        if let TimeFormat::Pattern(pattern) = &format {
            check_pattern_zone(pattern, zone)?;
        }
        Ok(TimeReader {
            meaning: self.meaning(options).unwrap_or_default(),
            format,
            zone: zone.map(SourceZone::parse).transpose()?,
            is_dates: time.dates,
            century_from: time.century_from,
        })
    }
}

/// What is wrong with a mapping's JSON, in the words of a mapping.
fn shape_of(problem: &serde_json::Error) -> String {
    let text = problem.to_string();
    let place = format!(" at line {} column {}", problem.line(), problem.column());
    let text = text.strip_suffix(&place).unwrap_or(&text);
    let hint = if text.contains("struct TimeMapping") {
        "; \"time\" is an object such as {\"columns\": [\"Date\"], \"format\": \"%d.%m.%Y\"}"
    } else if text.contains("struct NumberMapping") {
        "; \"prices\" and \"volumes\" are objects such as {\"scale\": 2}"
    } else if ["open", "high", "low", "close", "volume"]
        .iter()
        .any(|name| text.starts_with(&format!("unknown field `{name}`")))
    {
        "; the names of columns are \"columns\": {\"open\": \"O\", \"close\": \"C\"}"
    } else {
        ""
    };
    let text = text
        .replace("struct TimeMapping", "an object")
        .replace("struct NumberMapping", "an object");
    format!("{text}{hint}")
}

/// The byte between two fields of a text file.
///
/// # Errors
///
/// Returns [`IngestError::Option`] if the sign is not one byte.
pub(crate) fn delimiter(options: &IngestOptions) -> Result<u8, IngestError> {
    match options.delimiter.as_deref() {
        None => Ok(b','),
        // A shell passes the two letters on.
        Some("tab" | "\\t") => Ok(b'\t'),
        Some(text) => match text.as_bytes() {
            [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Ok(*byte),
            _ => Err(IngestError::Option {
                option: "delimiter",
                reason: format!("{text:?} must be one ASCII character, such as ; or tab"),
            }),
        },
    }
}
