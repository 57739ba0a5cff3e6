//! Which of several rows of one instrument and time, or of one trade id, is used: rows that are the same are one,
//! and rows that differ follow the caller's rule. It must never choose without one.

use counterfoil_trading::decimal;

use crate::error::IngestError;
use crate::quality::findings::QualityRule;
use crate::source::choices::RepeatRule;
use crate::source::deferred::{DeferredRows, RepeatedRow, quarantine_row, replaced_error};
use crate::store::manifest::LayerNote;
use crate::store::quarantine::QuarantineWriter;

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
}

impl<'a, 'b> RepeatChoice<'a, 'b> {
    pub(crate) fn new(
        file: &'a str,
        rule: RepeatRule,
        deferred: &'a mut DeferredRows<'b>,
        quarantine: &'a mut QuarantineWriter,
    ) -> Self {
        Self {
            file,
            rule,
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
    ) -> Result<UsedRow, IngestError> {
        // Counted as late when it was read; a repeat is in its place.
        self.deferred.forget_late();
        let differing = || {
            first
                .values
                .iter()
                .zip(&last.values)
                .find(|(one, other)| one != other)
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
        match self.rule {
            RepeatRule::Refuse => Err(IngestError::Repeats {
                file: self.file.to_owned(),
                line: last.line,
                what: what(),
                first_line: first.line,
                difference: format!("{} {}, now {}", one.name, one.text(), other.text()),
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
                let values: Vec<String> = first.values.iter().map(|value| value.text()).collect();
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
            message: format!(
                "{} rows repeat another with the same values and were left out",
                self.same
            ),
            rule: QualityRule::Repeated.name().to_owned(),
        })
    }
}

/// What to do about two rows that differ.
fn hint(first: &RepeatCandidate, last: &RepeatCandidate) -> String {
    let volume = |row: &RepeatCandidate| {
        let value = row.values.last()?;
        let factor = decimal::power_of_ten(decimal::SCALE_MAX.checked_sub(value.scale)?)?;
        i128::from(value.digits).checked_mul(factor)
    };
    // A download of a bar that was still forming, and a later one of the whole bar.
    if volume(first) < volume(last) {
        return "the later row has more volume, as after a download while the bar was forming: keep it with \
                --repeats last"
            .to_owned();
    }
    "keep one of them with --repeats first or --repeats last, or remove one".to_owned()
}
