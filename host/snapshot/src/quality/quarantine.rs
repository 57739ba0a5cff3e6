//! Rows that are no bars, with line, reason and text. It must never drop one.

use core::fmt;
use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write as _};

use cap_std::fs::File;
use counterfoil_trading::bar::BarError;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::store::folder::QUARANTINE;
use crate::store::manifest::QuarantineData;
use counterfoil_base::digest::Digest;

/// Why a row is no bar.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Reason {
    /// The bytes are no UTF-8.
    NotUtf8,
    /// The row is longer than a row may be.
    RowTooLong,
    /// A quote is open at the end of the line.
    Quotes,
    /// Not as many fields as the header has.
    Fields,
    /// The symbol is empty, longer than 64 bytes or holds a control character.
    Symbol,
    /// The time cannot be read.
    Time,
    /// A price or volume is no plain decimal number.
    Number,
    /// A price has more decimals than the price scale that was asked for.
    TooFine,
    /// A price is no multiple of the tick that was asked for.
    OffTick,
    /// The interval is empty.
    Interval,
    /// Low is above high.
    Crossed,
    /// Open or close lies outside low and high.
    OutsideRange,
    /// A price is zero or below.
    NotPositive,
    /// The volume is below zero.
    NegativeVolume,
    /// The instrument has a bar of that time already.
    Duplicate,
}

impl Reason {
    /// Its stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotUtf8 => "not-utf8",
            Self::RowTooLong => "row-too-long",
            Self::Quotes => "quotes",
            Self::Fields => "fields",
            Self::Symbol => "symbol",
            Self::Time => "time",
            Self::Number => "number",
            Self::TooFine => "too-fine",
            Self::OffTick => "off-tick",
            Self::Interval => "interval",
            Self::Crossed => "crossed",
            Self::OutsideRange => "outside-range",
            Self::NotPositive => "not-positive",
            Self::NegativeVolume => "negative-volume",
            Self::Duplicate => "duplicate",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl From<&BarError> for Reason {
    fn from(error: &BarError) -> Self {
        match error {
            BarError::Crossed { .. } => Self::Crossed,
            BarError::OutsideRange { .. } => Self::OutsideRange,
            BarError::NotPositive { .. } => Self::NotPositive,
            BarError::NegativeVolume { .. } => Self::NegativeVolume,
            // The enum may grow; until it is named here a new reason is told by its message.
            BarError::Interval { .. } | _ => Self::Interval,
        }
    }
}

/// What is wrong with a line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Bad {
    pub(crate) reason: Reason,
    pub(crate) message: String,
}

/// One quarantined row; one line of `quarantine.jsonl`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct QuarantinedRow {
    /// The source's name; empty for a bar that the checks put aside.
    pub file: String,
    /// The line in it; the header is line 1. 0 for a bar that the checks put aside.
    pub line: u64,
    /// What is wrong, with the column, for people.
    pub message: String,
    /// [`Reason::code`], or the name of a [`Rule`](crate::quality::findings::Rule).
    pub reason: String,
    /// The row as it stood; bytes that are no UTF-8 replaced, and cut where it was too long.
    pub row: String,
}

/// Quarantined rows kept for messages; all of them are in the file.
const EXAMPLES_MAX: usize = 1;

/// The quarantine file while it is written.
#[derive(Debug)]
pub(crate) struct Quarantine {
    file: BufWriter<File>,
    hash: Sha256,
    bytes: u64,
    rows: u64,
    reasons: BTreeMap<String, u64>,
    pub(crate) examples: Vec<QuarantinedRow>,
}

/// What went into the file.
#[derive(Debug)]
pub(crate) struct Quarantined {
    pub(crate) data: QuarantineData,
}

impl Quarantine {
    pub(crate) fn new(file: BufWriter<File>) -> Self {
        Self {
            file,
            hash: Sha256::new(),
            bytes: 0,
            rows: 0,
            reasons: BTreeMap::new(),
            examples: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, row: QuarantinedRow) -> io::Result<()> {
        let mut line = serde_json_canonicalizer::to_vec(&row).map_err(io::Error::other)?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        self.hash.update(&line);
        self.bytes = self
            .bytes
            .saturating_add(u64::try_from(line.len()).unwrap_or(u64::MAX));
        self.rows = self.rows.saturating_add(1);
        let count = self.reasons.entry(row.reason.clone()).or_default();
        *count = count.saturating_add(1);
        if self.examples.len() < EXAMPLES_MAX {
            self.examples.push(row);
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> (BufWriter<File>, Quarantined) {
        let data = QuarantineData {
            bytes: self.bytes,
            file: QUARANTINE.to_owned(),
            reasons: self.reasons,
            rows: self.rows,
            sha256: Digest::finish(self.hash),
        };
        (self.file, Quarantined { data })
    }
}
