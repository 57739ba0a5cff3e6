//! Findings of the checks: each has a severity and a rule with a stable name. It must
//! never decide what becomes of a bar.

use core::fmt;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::store::text::as_text;
use counterfoil_base::digest::Digest;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The row or bar cannot be used: the policy decides between quarantine and refusal.
    Error,
    /// It can be used, but should be looked at.
    Warning,
    /// Good to know.
    Note,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        })
    }
}

/// A rule that bars are checked against. Rows that cannot be used have as their rule
/// the code of their row error, and are always errors.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum QualityRule {
    /// High is 10 times above, or low 10 times below, both the bar before and the bar after.
    AbsurdPrice,
    /// The bar opens when its instrument was delisted.
    AfterDelisting,
    /// Bars that the calendar expects are missing.
    Gap,
    /// The bar opens while the venue is closed by the calendar.
    ClosedVenue,
    /// High is half as much again above, or low a third below, both neighbours.
    Outlier,
    /// The third bar with the same prices and volume, and volume above zero.
    Stale,
    /// Close to open is within 3 % of a usual split ratio, and no action explains it.
    MissingSplit,
    /// Close to open is half as much again or a third less, and no action explains it.
    Jump,
    /// A split is stated, and close to open is not within 25 % of its ratio.
    SplitWithoutJump,
    /// Bars open before the bar before them closed, and are left out.
    Overlap,
    /// Bars are not on the grid of the others or not of their length, and are left out.
    OffGrid,
    /// Rows whose offsets from UTC are those of several zones.
    SeveralZones,
    /// Rows after a later one of their instrument, which were put in their place.
    OutOfOrder,
    /// Bars without any volume.
    ZeroVolume,
    /// A later file has another bar for the same time; the later file counts.
    Revised,
    /// Columns that were not read.
    IgnoredColumn,
    /// The timeframe was not stated: it is the commonest gap.
    InferredTimeframe,
    /// An action of an instrument that is not in the data.
    UnusedAction,
    /// Gaps were not looked for.
    NoCalendar,
    /// Numbers with a point that could group thousands.
    AmbiguousNumber,
    /// Prices with more digits than any venue has, as binary floats leave them.
    FloatNoise,
    /// Years of two digits.
    TwoDigitYear,
    /// Numbers that were rounded as the caller asked.
    Rounded,
    /// Rows that repeat another with the same values.
    Repeated,
    /// Volumes that the source has rounded.
    AbbreviatedVolume,
    /// The currency's sign in the prices.
    Currency,
    /// The files of an archive that were read, and those that were not.
    ArchiveMember,
    /// Splits and dividends in columns of the bars' file.
    ActionColumn,
}

impl QualityRule {
    /// Every rule.
    pub const ALL: [Self; 28] = [
        Self::AbsurdPrice,
        Self::AfterDelisting,
        Self::Gap,
        Self::ClosedVenue,
        Self::Outlier,
        Self::Stale,
        Self::MissingSplit,
        Self::Jump,
        Self::SplitWithoutJump,
        Self::Overlap,
        Self::OffGrid,
        Self::SeveralZones,
        Self::OutOfOrder,
        Self::ZeroVolume,
        Self::Revised,
        Self::IgnoredColumn,
        Self::InferredTimeframe,
        Self::UnusedAction,
        Self::NoCalendar,
        Self::AmbiguousNumber,
        Self::FloatNoise,
        Self::TwoDigitYear,
        Self::Rounded,
        Self::Repeated,
        Self::AbbreviatedVolume,
        Self::Currency,
        Self::ArchiveMember,
        Self::ActionColumn,
    ];

    /// Its stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AbsurdPrice => "absurd-price",
            Self::AfterDelisting => "after-delisting",
            Self::Gap => "gap",
            Self::ClosedVenue => "closed-venue",
            Self::Outlier => "outlier",
            Self::Stale => "stale",
            Self::MissingSplit => "missing-split",
            Self::Jump => "jump",
            Self::SplitWithoutJump => "split-without-jump",
            Self::Overlap => "overlap",
            Self::OffGrid => "off-grid",
            Self::SeveralZones => "several-zones",
            Self::OutOfOrder => "out-of-order",
            Self::ZeroVolume => "zero-volume",
            Self::Revised => "revised",
            Self::IgnoredColumn => "ignored-column",
            Self::InferredTimeframe => "inferred-timeframe",
            Self::UnusedAction => "unused-action",
            Self::NoCalendar => "no-calendar",
            Self::AmbiguousNumber => "ambiguous-number",
            Self::FloatNoise => "float-noise",
            Self::TwoDigitYear => "two-digit-year",
            Self::Rounded => "rounded",
            Self::Repeated => "repeated",
            Self::AbbreviatedVolume => "abbreviated-volume",
            Self::Currency => "currency",
            Self::ArchiveMember => "archive-member",
            Self::ActionColumn => "action-column",
        }
    }

    /// Whether a figure of a run can be wrong by what it found: a split at the wrong time, a number read in two ways.
    #[must_use]
    pub const fn is_weighty(self) -> bool {
        match self {
            Self::AbsurdPrice
            | Self::AfterDelisting
            | Self::Overlap
            | Self::OffGrid
            | Self::SeveralZones
            | Self::MissingSplit
            | Self::SplitWithoutJump
            | Self::AmbiguousNumber
            | Self::FloatNoise
            | Self::TwoDigitYear => true,
            Self::Gap
            | Self::ClosedVenue
            | Self::Outlier
            | Self::Stale
            | Self::Jump
            | Self::OutOfOrder
            | Self::ZeroVolume
            | Self::Revised
            | Self::IgnoredColumn
            | Self::InferredTimeframe
            | Self::UnusedAction
            | Self::NoCalendar
            | Self::Rounded
            | Self::Repeated
            | Self::AbbreviatedVolume
            | Self::Currency
            | Self::ArchiveMember
            | Self::ActionColumn => false,
        }
    }

    /// The rule with a name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.name() == name)
    }

    /// How bad it is.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self {
            Self::AbsurdPrice | Self::AfterDelisting | Self::Overlap | Self::OffGrid => {
                Severity::Error
            }
            Self::Gap
            | Self::ClosedVenue
            | Self::Outlier
            | Self::Stale
            | Self::MissingSplit
            | Self::Jump
            | Self::SplitWithoutJump
            | Self::SeveralZones
            | Self::AmbiguousNumber
            | Self::FloatNoise
            | Self::TwoDigitYear
            | Self::OutOfOrder => Severity::Warning,
            Self::ZeroVolume
            | Self::Revised
            | Self::IgnoredColumn
            | Self::InferredTimeframe
            | Self::UnusedAction
            | Self::NoCalendar
            | Self::Rounded
            | Self::Repeated
            | Self::AbbreviatedVolume
            | Self::Currency
            | Self::ArchiveMember
            | Self::ActionColumn => Severity::Note,
        }
    }
}

/// One finding; one line of `findings.jsonl`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct QualityFinding {
    /// The person who accepted it, if one did.
    pub accepted_by: Option<String>,
    /// How many bars, rows or values it is about, if several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// The UTC date on which the bar opens, if it is about one.
    pub date: Option<String>,
    /// The source's name, if it is about a row.
    pub file: Option<String>,
    /// The instrument, if it is about one.
    pub instrument: Option<String>,
    /// The line of the source, if it is about a row.
    pub line: Option<u64>,
    /// A sentence for people.
    pub message: String,
    /// Whether the row or bar was quarantined.
    pub quarantined: bool,
    /// The rule's stable name.
    pub rule: String,
    /// How bad it is.
    pub severity: Severity,
}

/// How often a rule was met.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RuleCount {
    /// Those of accepted findings.
    pub accepted: u64,
    /// The bars, rows or values of all findings; a finding about none of them counts as one.
    pub count: u64,
    /// How bad they are.
    pub severity: Severity,
}

/// The findings' file and what is in it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LayerFindings {
    /// Name of the file, beside the manifest.
    pub file: String,
    /// By rule, how often it was met.
    pub rules: BTreeMap<String, RuleCount>,
    /// SHA-256 of the file.
    #[serde(with = "as_text")]
    pub sha256: Digest,
}

impl LayerFindings {
    /// The open findings that can make a figure of a run wrong, by rule: how many, and how bad they are.
    #[must_use]
    pub fn weighty(&self) -> Vec<(&str, u64, Severity)> {
        // A rule without a name here is a row that could not be read: the bar is missing.
        let is_weighty = |name: &str, count: &RuleCount| match QualityRule::named(name) {
            Some(rule) => rule.is_weighty(),
            None => count.severity == Severity::Error,
        };
        let rules = self.rules.iter();
        let open = rules.filter_map(|(name, count)| {
            let open = count.count.saturating_sub(count.accepted);
            let is_open = open > 0 && is_weighty(name, count);
            is_open.then_some((name.as_str(), open, count.severity))
        });
        open.collect()
    }

    /// Findings of a severity that are not accepted.
    #[must_use]
    pub fn open(&self, severity: Severity) -> u64 {
        // Saturating: a manifest from elsewhere may state more acceptances than findings.
        let of = self.rules.values().filter(|rule| rule.severity == severity);
        of.fold(0, |sum, rule| {
            sum.saturating_add(rule.count.saturating_sub(rule.accepted))
        })
    }
}

/// The row of a source that a bar was read from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct BarRow {
    pub(crate) file: String,
    pub(crate) line: u64,
}

impl QualityFinding {
    /// A finding of a rule, about nothing yet.
    pub(crate) fn new(rule: QualityRule, message: String) -> Self {
        Self {
            accepted_by: None,
            count: None,
            date: None,
            file: None,
            instrument: None,
            line: None,
            message,
            quarantined: false,
            rule: rule.name().to_owned(),
            severity: rule.severity(),
        }
    }

    /// The same, about so many bars, rows or values.
    pub(crate) fn counting(self, count: u64) -> Self {
        Self {
            count: Some(count).filter(|count| *count > 1),
            ..self
        }
    }

    /// The same, with the row that it is about, if that is known.
    pub(crate) fn of_row(self, row: Option<BarRow>) -> Self {
        match row {
            Some(BarRow { file, line }) => Self {
                file: Some(file),
                line: Some(line),
                ..self
            },
            None => self,
        }
    }

    pub(crate) fn about(self, instrument: &str, date: Option<String>) -> Self {
        Self {
            instrument: Some(instrument.to_owned()),
            date,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<&str> =
            QualityRule::ALL.iter().map(|rule| rule.name()).collect();
        assert_eq!(names.len(), QualityRule::ALL.len());
    }
}
