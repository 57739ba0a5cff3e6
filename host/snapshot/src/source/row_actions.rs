//! Splits and dividends that a file of bars has in columns of its own. It must never decide whether the file's
//! prices are adjusted for them: the caller states that.

use core::num::NonZeroU32;
use std::collections::BTreeMap;

use counterfoil_trading::corporate::SplitRatio;
use counterfoil_trading::units::{MONEY_SCALE, Money};

use crate::error::IngestError;
use crate::quality::findings::QualityRule;
use crate::source::choices::{PriceAdjustment, RepeatRule};
use crate::source::columns::{BarColumns, field};
use crate::source::number::{ExactNumber, NumberColumn};
use crate::source::reading::SourceContext;
use crate::source::row_error::{RowError, RowErrorCode};
use crate::source::times::TimeParser;
use crate::store::manifest::LayerNote;

/// The most actions of one file: they are in memory, at about 100 bytes each.
const ACTIONS_MAX: usize = 1_000_000;

/// The most units before and after a split whose ratio was rounded, such as 0.333333 for 1:3.
const SPLIT_PART_MAX: u32 = 30;

/// Decimals from which a ratio may have been rounded: 1.281 is that of a spin-off, and exact.
const ROUNDED_DECIMALS_MIN: u8 = 4;

/// The actions of one instrument and time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct RowAction {
    pub(crate) line: u64,
    pub(crate) dividend: Option<Money>,
    pub(crate) split: Option<SplitRatio>,
}

/// All actions of a file, and those that were left out.
#[derive(Clone, Debug, Default)]
pub(crate) struct RowActions {
    /// By ticker and by time as it sorts.
    pub(crate) found: BTreeMap<(String, i64), RowAction>,
    /// Actions for which the prices are adjusted, and the line of the first.
    unused: u64,
    unused_line: u64,
    rounded: u64,
}

/// The values of one row, not yet of an instrument.
struct RowValues {
    dividend: Option<ExactNumber>,
    split: Option<ExactNumber>,
}

impl RowActions {
    /// Notes the actions of a row, whether or not its prices are a bar: the owner was paid all the same.
    ///
    /// # Errors
    ///
    /// Returns [`IngestError`] if the caller has not stated what prices are adjusted for, or two rows of one time
    /// differ; inside, [`RowError`] if a value cannot be read.
    pub(crate) fn note(
        &mut self,
        fields: &[&str],
        columns: &BarColumns,
        context: &SourceContext<'_>,
        times: &TimeParser,
        line: u64,
    ) -> Result<Result<(), RowError>, IngestError> {
        let Some(values) = (match values(fields, columns, context) {
            Ok(values) => values,
            Err(error) => return Ok(Err(error)),
        }) else {
            return Ok(Ok(()));
        };
        let Some(adjusted) = context.options.adjusted else {
            return Err(IngestError::AdjustmentUnknown {
                file: context.name.to_owned(),
                line,
            });
        };
        let key = columns
            .common
            .symbol_and_time(fields, context.symbol, times);
        let (symbol, time) = match key {
            Ok(key) => key,
            Err(error) => return Ok(Err(error)),
        };
        let action = match self.action(&values, adjusted, line) {
            Ok(action) => action,
            Err(error) => return Ok(Err(error)),
        };
        if action.dividend.is_none() && action.split.is_none() {
            return Ok(Ok(()));
        }
        let key = (symbol.to_owned(), time.time);
        self.insert(key, action, context).map(Ok)
    }

    /// The action of a row, without what the prices are adjusted for.
    fn action(
        &mut self,
        values: &RowValues,
        adjusted: PriceAdjustment,
        line: u64,
    ) -> Result<RowAction, RowError> {
        let bad = |message: &str| RowError {
            code: RowErrorCode::Number,
            message: message.to_owned(),
        };
        let mut action = RowAction {
            line,
            dividend: None,
            split: None,
        };
        if let Some(dividend) = values.dividend {
            if dividend.digits < 0 {
                return Err(bad("column dividend: a dividend below zero"));
            }
            // Money has nine decimals; adjusted dividends, or those of a float, have more.
            let rounded = dividend
                .half_even_at(MONEY_SCALE)
                .filter(|money| *money > 0);
            let money = rounded.ok_or_else(|| bad("column dividend: too large or too small"))?;
            if dividend.decimals > MONEY_SCALE {
                self.rounded = self.rounded.saturating_add(1);
            }
            action.dividend = Some(Money(money));
        }
        if let Some(split) = values.split {
            let ratio = split_ratio(split);
            action.split = Some(ratio.ok_or_else(|| {
                bad("column split: not a ratio above zero of two numbers of 32 bits")
            })?);
        }
        let is_unused = match adjusted {
            PriceAdjustment::None => false,
            PriceAdjustment::Splits => action.split.take().is_some(),
            PriceAdjustment::All => {
                let has_split = action.split.take().is_some();
                action.dividend.take().is_some() || has_split
            }
        };
        if is_unused {
            self.unused = self.unused.saturating_add(1);
            self.unused_line = if self.unused == 1 {
                line
            } else {
                self.unused_line
            };
        }
        Ok(action)
    }

    fn insert(
        &mut self,
        key: (String, i64),
        action: RowAction,
        context: &SourceContext<'_>,
    ) -> Result<(), IngestError> {
        let rule = context.options.repeats.unwrap_or_default();
        if let Some(first) = self.found.get(&key) {
            let is_same = (first.dividend, first.split) == (action.dividend, action.split);
            if is_same || rule == RepeatRule::First {
                return Ok(());
            }
            // Twice a dividend is twice the money.
            if matches!(rule, RepeatRule::Refuse | RepeatRule::MoreVolume) {
                return Err(IngestError::Repeats {
                    file: context.name.to_owned(),
                    line: action.line,
                    what: format!("a split or dividend of {} at the same time", key.0),
                    first_line: first.line,
                    difference: "the amounts differ".to_owned(),
                    hint: "keep one of them with --repeats first or --repeats last, or remove one"
                        .to_owned(),
                });
            }
        } else if self.found.len() >= ACTIONS_MAX {
            return Err(IngestError::TooLarge {
                file: context.name.to_owned(),
                line: action.line,
                max: u64::try_from(ACTIONS_MAX).unwrap_or(u64::MAX),
                unit: "splits and dividends",
            });
        }
        self.found.insert(key, action);
        Ok(())
    }

    /// What a person should know of the actions.
    pub(crate) fn notes(&self) -> Vec<LayerNote> {
        let note = |count: u64, line: u64, message: String| {
            (count > 0).then(|| LayerNote {
                count,
                line,
                message,
                rule: QualityRule::ActionColumn.name().to_owned(),
            })
        };
        let found = u64::try_from(self.found.len()).unwrap_or(u64::MAX);
        let first = self.found.values().map(|action| action.line).min();
        let rounded = if self.rounded == 0 {
            String::new()
        } else {
            format!("; {} amounts were rounded to 9 decimals", self.rounded)
        };
        let used = format!(
            "splits and dividends of {} are corporate actions of the snapshot{rounded}",
            rows_text(found)
        );
        let unused = format!(
            "splits and dividends of {} were not used: the prices are adjusted for them",
            rows_text(self.unused)
        );
        [
            note(found, first.unwrap_or(1), used),
            note(self.unused, self.unused_line, unused),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// The values of a row; `None` if it has no action.
fn values(
    fields: &[&str],
    columns: &BarColumns,
    context: &SourceContext<'_>,
) -> Result<Option<RowValues>, RowError> {
    let number = |column: Option<NumberColumn>, none: &[ExactNumber]| {
        let Some(column) = column else {
            return Ok(None);
        };
        let text = field(fields, column.place)?;
        // Programs leave the field empty, or write that there is not a number.
        if text.is_empty() || text.eq_ignore_ascii_case("nan") {
            return Ok(None);
        }
        let number = context.numbers.signs.read(text, column)?.number;
        Ok::<_, RowError>(Some(number).filter(|number| !none.contains(number)))
    };
    let (zero, one) = (
        ExactNumber::default(),
        ExactNumber {
            digits: 1,
            decimals: 0,
        },
    );
    let values = RowValues {
        dividend: number(columns.dividend, &[zero])?,
        split: number(columns.split, &[zero, one])?,
    };
    let has_one = values.dividend.is_some() || values.split.is_some();
    Ok(has_one.then_some(values))
}

/// The ratio that a number is: exactly, or of the smallest numbers if it may have been rounded.
fn split_ratio(number: ExactNumber) -> Option<SplitRatio> {
    let unit = 10_i128.checked_pow(u32::from(number.decimals))?;
    if number.digits <= 0 {
        return None;
    }
    let ratio = |new: i128, old: i128| {
        let part = |part: i128| u32::try_from(part).ok().and_then(NonZeroU32::new);
        Some(SplitRatio {
            new: part(new)?,
            old: part(old)?,
        })
    };
    if number.decimals >= ROUNDED_DECIMALS_MIN {
        for old in 1..=i128::from(SPLIT_PART_MAX) {
            let product = number.digits.checked_mul(old)?;
            let new = counterfoil_trading::decimal::divide_half_even(product, unit)?;
            let distance = product.checked_sub(new.checked_mul(unit)?)?.checked_abs()?;
            // Half a unit of the last digit, of each of the old units.
            if new > 0 && new <= i128::from(SPLIT_PART_MAX) && distance.checked_mul(2)? <= old {
                return ratio(new, old);
            }
        }
    }
    let (mut larger, mut smaller) = (number.digits, unit);
    while smaller != 0 {
        (larger, smaller) = (smaller, larger.checked_rem(smaller)?);
    }
    ratio(
        number.digits.checked_div(larger)?,
        unit.checked_div(larger)?,
    )
}

fn rows_text(count: u64) -> String {
    match count {
        1 => "1 row".to_owned(),
        count => format!("{count} rows"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::number::NumberSigns;

    #[test]
    fn a_ratio_is_exact_or_of_the_smallest_numbers_that_round_to_it() {
        let check = |text: &str, expect: &str| {
            let column = NumberColumn {
                place: 0,
                name: "split",
                is_typed: false,
            };
            let number = NumberSigns::default().read(text, column).unwrap().number;
            let got = split_ratio(number).map_or("none".to_owned(), |ratio| {
                format!("{}:{}", ratio.new, ratio.old)
            });
            assert_eq!(got, expect, "{text}");
        };
        check("4.0", "4:1");
        check("1.5", "3:2");
        check("0.1", "1:10");
        check("0.125", "1:8");
        check("0.333333", "1:3");
        check("1.3333", "4:3");
        check("1.281", "1281:1000");
        check("0.0005", "1:2000");
        check("20", "20:1");
        check("-2", "none");
        check("99999999999", "none");
    }
}
