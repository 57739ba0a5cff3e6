//! Which of several rows of one instrument and time, or of one trade id, is used: rows that are the same are one,
//! and rows that differ follow the caller's rule. It must never choose without one.

use counterfoil_trading::decimal;

use crate::error::IngestError;
use crate::quality::findings::QualityRule;
use crate::source::choices::RepeatRule;
use crate::source::deferred::{DeferredRows, RepeatedRow, quarantine_row, replaced_error};
use crate::source::reading::SourceContext;
use crate::store::manifest::LayerNote;
use crate::store::quarantine::QuarantineWriter;

/// The name of a value that is a time.
pub(crate) const TIME: &str = "time";

/// One value of a row, for messages.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct RowValue {
    pub(crate) name: &'static str,
    pub(crate) digits: i64,
    pub(crate) scale: u8,
}

/// One of the rows that repeat each other.
#[derive(Clone, Debug)]
pub(crate) struct RepeatCandidate {
    pub(crate) line: u64,
    /// Prices, and the volume last.
    pub(crate) values: Vec<RowValue>,
}

/// The rule, and where rows go that it does not use.
pub(crate) struct RepeatChoice<'a, 'b> {
    pub(crate) file: &'a str,
    pub(crate) rule: RepeatRule,
    pub(crate) deferred: &'a mut DeferredRows<'b>,
    pub(crate) quarantine: &'a mut QuarantineWriter,
    same: u64,
    same_line: u64,
}

/// The row that is used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum UsedRow {
    First,
    Last,
}

impl RowValue {
    fn text(self) -> String {
        decimal::format(i128::from(self.digits), self.scale)
    }

    /// The value at the finest scale; `None` if it does not fit.
    fn value(self) -> Option<i128> {
        let factor = decimal::power_of_ten(decimal::SCALE_MAX.checked_sub(self.scale)?)?;
        i128::from(self.digits).checked_mul(factor)
    }

    /// Whether both are one number, however many decimals their rows are read at.
    fn is_same(self, other: Self) -> bool {
        self == other || self.value().is_some() && self.value() == other.value()
    }
}

impl<'a, 'b> RepeatChoice<'a, 'b> {
    pub(crate) fn new(
        context: &SourceContext<'a>,
        deferred: &'a mut DeferredRows<'b>,
        quarantine: &'a mut QuarantineWriter,
    ) -> Self {
        Self {
            file: context.name,
            rule: context.options.repeats.unwrap_or_default(),
            deferred,
            quarantine,
            same: 0,
            same_line: 0,
        }
    }

    /// Which of two rows is used; `what` both of them are, such as the bar of an instrument and time.
    ///
    /// # Errors
    ///
    /// Returns [`IngestError::Repeats`] if they differ and the rule is to refuse that.
    pub(crate) fn choose(
        &mut self,
        first: &RepeatCandidate,
        last: &RepeatCandidate,
        what: impl Fn() -> String,
        time_text: impl Fn(i64) -> String,
    ) -> Result<UsedRow, IngestError> {
        let text = |value: &RowValue| {
            if value.name == TIME {
                time_text(value.digits)
            } else {
                value.text()
            }
        };
        // Counted as late when it was read; a repeat is in its place.
        self.deferred.forget_late();
        let differing = || {
            first
                .values
                .iter()
                .zip(&last.values)
                .find(|(one, other)| !one.is_same(**other))
        };
        let Some((one, other)) = differing() else {
            self.same = self.same.saturating_add(1);
            self.same_line = if self.same == 1 {
                last.line
            } else {
                self.same_line.min(last.line)
            };
            return Ok(UsedRow::First);
        };
        let rule = match self.rule {
            RepeatRule::MoreVolume if has_more_volume(first, last) => RepeatRule::Last,
            RepeatRule::MoreVolume => RepeatRule::Refuse,
            RepeatRule::First | RepeatRule::Last | RepeatRule::Refuse => self.rule,
        };
        match rule {
            RepeatRule::Refuse | RepeatRule::MoreVolume => Err(IngestError::Repeats {
                file: self.file.to_owned(),
                line: last.line,
                what: what(),
                first_line: first.line,
                difference: format!("{} {}, now {}", one.name, text(one), text(other)),
                hint: hint(first, last),
            }),
            RepeatRule::First => {
                self.deferred.mark_repeat(RepeatedRow {
                    line: last.line,
                    first: first.line,
                })?;
                Ok(UsedRow::First)
            }
            RepeatRule::Last => {
                let values: Vec<String> = first.values.iter().map(text).collect();
                let error = replaced_error(last.line);
                // The line itself is no longer in memory: most sources repeat nothing, and their lines are
                // not kept for this.
                let text = format!("{}: {}", what(), values.join(","));
                quarantine_row(self.quarantine, self.file, first.line, error, text)?;
                Ok(UsedRow::Last)
            }
        }
    }

    /// A note of the rows that were the same.
    pub(crate) fn finish(self) -> Option<LayerNote> {
        (self.same > 0).then(|| LayerNote {
            count: self.same,
            line: self.same_line,
            message: match self.same {
                1 => "1 row repeats another with the same values and was left out".to_owned(),
                same => {
                    format!("{same} rows repeat another with the same values and were left out")
                }
            },
            rule: QualityRule::Repeated.name().to_owned(),
        })
    }
}

/// Whether the later row has more volume: a download of a bar that was still forming, and a later one of the whole
/// bar.
fn has_more_volume(first: &RepeatCandidate, last: &RepeatCandidate) -> bool {
    let volume = |row: &RepeatCandidate| row.values.last()?.value();
    volume(first) < volume(last)
}

/// What to do about two rows that differ.
fn hint(first: &RepeatCandidate, last: &RepeatCandidate) -> String {
    if has_more_volume(first, last) {
        return "the later row has more volume, as after a download while the bar was forming: keep it with \
                --repeats more-volume"
            .to_owned();
    }
    "keep one of them with --repeats first or --repeats last, or remove one".to_owned()
}
