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

use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::Deserialize;

use crate::error::IngestError;
use crate::source::choices::{EpochUnit, TimeMeaning};
use crate::source::options::{IngestOptions, SideFile};
use crate::source::times::{TimeFormat, TimeReader};

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
    delimiter: Option<String>,
    /// The version of the vendor's schema, for the receipt.
    pub(crate) schema: Option<String>,
    /// The symbol of every row.
    pub(crate) symbol: Option<String>,
    pub(crate) time: TimeMapping,
}

#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TimeMapping {
    /// One column, or date and clock in two.
    pub(crate) columns: Vec<String>,
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
        mapping
            .delimiter()
            .and_then(|_| mapping.times(&IngestOptions::default()))
            .map_err(|reason| error(1, reason))?;
        if mapping.time.columns.len() > 2 {
            return Err(error(
                1,
                "time.columns: name one column, or two for date and clock".to_owned(),
            ));
        }
        Ok(mapping)
    }

    /// The byte between two fields.
    pub(crate) fn delimiter(&self) -> Result<u8, String> {
        match self.delimiter.as_deref().map(str::as_bytes) {
            None => Ok(b','),
            Some([byte]) if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => Ok(*byte),
            Some(_) => Err("delimiter: must be one ASCII character, such as ; or \\t".to_owned()),
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
        let meaning = match (options.time, time.meaning) {
            (TimeMeaning::Open, Some(stated)) => stated,
            (given, _) => given,
        };
        Ok(TimeReader {
            meaning,
            format,
            zone: time.zone.as_deref().map(zone).transpose()?,
        })
    }
}

/// A time zone of the database that is compiled in.
pub(crate) fn zone(name: &str) -> Result<TimeZone, String> {
    // The bundled database and not the machine's: rules of past years differ between machines, and
    // the same file would give two snapshots.
    TimeZoneDatabase::bundled().get(name).map_err(|_| {
        format!("unknown time zone {name:?}; use an IANA name such as America/New_York, or UTC")
    })
}
