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
use crate::source::choices::{EpochUnit, RepeatRule, TextEncoding, TimeMeaning};
use crate::source::number_rules::NumberRules;
use crate::source::options::{IngestOptions, SideFile};
use crate::source::times::{TimeFormat, TimeReader, directives, zone};

/// The meanings of columns.
const MEANINGS: [&str; 10] = [
    "symbol", "open", "high", "low", "close", "volume", "price", "size", "id", "adjusted",
];

/// Column names, delimiter and times of a source.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ColumnMapping {
    /// By meaning, the column's name.
    pub(crate) columns: BTreeMap<String, String>,
    decimal: Option<String>,
    delimiter: Option<String>,
    encoding: Option<TextEncoding>,
    prices: NumberMapping,
    repeats: Option<RepeatRule>,
    /// The version of the vendor's schema, for the receipt.
    pub(crate) schema: Option<String>,
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
    pub(crate) columns: Vec<String>,
    /// Where the years of two digits begin.
    century_from: Option<i16>,
    /// Whether the times are trading dates, whatever clock they show.
    dates: bool,
    format: Option<String>,
    meaning: Option<TimeMeaning>,
    zone: Option<String>,
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
            .map_err(|problem| error(problem.line(), problem.to_string()))?;
        for meaning in mapping.columns.keys() {
            // A misspelled meaning would be no meaning: its column would be found by its usual name,
            // or ignored, and the user would not know.
            if !MEANINGS.contains(&meaning.as_str()) {
                let known = MEANINGS.join(", ");
                return Err(error(
                    1,
                    format!("columns: unknown meaning {meaning:?}; use {known}"),
                ));
            }
        }
        let stated = mapping.fill(&IngestOptions::default());
        mapping.times(&stated).map_err(|reason| error(1, reason))?;
        // Here, where the error names the mapping and not an option that was not given.
        let checked = delimiter(&stated)
            .and_then(|_| NumberRules::of(&stated))
            .map(|_| ());
        checked.map_err(|problem| error(1, problem.to_string()))?;
        if mapping.volumes.tick.is_some() {
            return Err(error(
                1,
                "volumes: volumes have no tick; state a scale".to_owned(),
            ));
        }
        if mapping.time.columns.len() > 2 {
            return Err(error(
                1,
                "time.columns: name one column, or two for date and clock".to_owned(),
            ));
        }
        Ok(mapping)
    }

    /// The options with what the mapping states where they state nothing.
    pub(crate) fn fill(&self, options: &IngestOptions) -> IngestOptions {
        let text = |given: &Option<String>, stated: &Option<String>| {
            given.clone().or_else(|| stated.clone())
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
            decimal: text(&options.decimal, &self.decimal),
            delimiter: text(&options.delimiter, &self.delimiter),
            encoding: options.encoding.or(self.encoding),
            price_scale: options.price_scale.or(prices.scale),
            repeats: options.repeats.or(self.repeats),
            round_prices: text(&options.round_prices, &self.prices.round),
            round_volumes: text(&options.round_volumes, &self.volumes.round),
            thousands: text(&options.thousands, &self.thousands),
            tick: text(&options.tick, &prices.tick),
            volume_scale: options.volume_scale.or(volumes.scale),
            ..options.clone()
        }
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
            (None, Some(pattern)) if pattern.contains('%') => TimeFormat::Pattern(pattern.to_owned()),
            (None, Some(text)) => TimeFormat::Epoch(Some(text.parse::<EpochUnit>().map_err(|_| {
                format!(
                    "time.format: unknown format {text:?}; use date, iso, epoch, s, ms, us, ns, or a pattern such as %d.%m.%Y %H:%M"
                )
            })?)),
        };
        // "open" is also the default of the option, so it cannot override a mapping that states
        // "close": a mapping is written for one vendor, a default for none.
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
        let meaning = match (options.time, time.meaning) {
            (TimeMeaning::Open, Some(stated)) => stated,
            (given, _) => given,
        };
        Ok(TimeReader {
            meaning,
            format,
            zone: time.zone.as_deref().map(zone).transpose()?,
            is_dates: time.dates,
            century_from: time.century_from,
        })
    }
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
