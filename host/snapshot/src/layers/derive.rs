//! Corporate actions that adjusted closes give away: from one day to the next, the ratio of the
//! adjusted close to the close as traded changes only where a split or a dividend was. Adjusted
//! prices are read here, and nothing but the actions comes out.
//!
//! With closes C, adjusted closes A and the day before marked 0, X = C0 · A / A0 is what the close
//! would be without the action. Vendors divide earlier prices by the split ratio and by
//! 1 + dividend / close of the ex-date, so X = (C + dividend) · new / old.

use std::collections::BTreeMap;
use std::io::Read;

use cap_std::fs::Dir;
use core::num::NonZeroU32;
use counterfoil_trading::corporate::CorporateActionKind;
use counterfoil_trading::decimal;
use counterfoil_trading::time::{DAY_NANOS, UnixNanos};
use counterfoil_trading::units::{MONEY_SCALE, Money};

use crate::error::IngestError;
use crate::layers::raw::{self, ReceiptDraft};
use crate::quality::actions::SymbolAction;
use crate::quality::market_clock::source_calendar;
use crate::source::columns::{AdjustedColumns, HeaderContext, field};
use crate::source::mapping::ColumnMapping;
use crate::source::number::NumberColumn;
use crate::source::number_rules::NumberRules;
use crate::source::options::IngestOptions;
use crate::source::records::{self, SourceRecord};
use crate::source::row_error::RowErrorCode;
use crate::source::times::{TimeParser, date};

/// Decimals at which adjusted closes are compared: with closes up to 10^5 at scale 9 the product
/// fits in 128 bits.
const ADJUSTED_SCALE: u8 = 16;

/// Shares of a split, before and after: every ratio of two numbers up to this one.
const SPLIT_PART_MAX: u32 = 50;

/// A dividend of this many times the last regular one is a regular and a special one of one date.
const SPECIAL_FACTOR: i128 = 5;

/// The result of deriving actions.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct DerivedActions {
    /// The actions, as a file of actions has them.
    pub actions: Vec<SymbolAction>,
    /// Changes that no split and no dividend explains, and rows that could not be read.
    pub unexplained: Vec<String>,
}

/// One day of one instrument.
#[derive(Clone, Copy, Debug)]
struct AdjustedClose {
    time: i64,
    /// At scale 9.
    close: i128,
    /// At [`ADJUSTED_SCALE`].
    adjusted: i128,
    /// Digits of the adjusted close before the point, and decimals.
    digits: (u32, u32),
}

pub(crate) fn derive_actions(
    data: &Dir,
    source: impl Read,
    name: &str,
    options: &IngestOptions,
) -> Result<DerivedActions, IngestError> {
    let mapping = ColumnMapping::parse(options.mapping.as_ref())?;
    let options = &mapping.fill(options);
    let rules = NumberRules::of(options)?;
    let arrival = ReceiptDraft {
        name,
        role: "bars",
        vendor: options.vendor.as_deref(),
        schema: mapping.schema.as_deref(),
        ingested_at: options.ingested_at,
        origin: None,
    };
    // The file is kept like any other: the actions that come out of it can be traced to it.
    let raw = raw::add_file(data, source, options.limits.bytes_max, &arrival)?;
    let file = raw::open_checked(data, &raw.sha256)?;
    let mut records = records::open(file, name, options)?;
    let symbol = options.symbol.as_deref().or(mapping.symbol.as_deref());
    let columns = AdjustedColumns::find(HeaderContext {
        symbol,
        ..HeaderContext::of(&*records, name, &mapping)
    })?;
    records.project(&columns.places());
    let times = mapping
        .times(options)
        .map_err(|reason| IngestError::Option {
            option: "mapping",
            reason,
        })?;
    let mut times = TimeParser::new(times);
    let mut days: BTreeMap<String, Vec<AdjustedClose>> = BTreeMap::new();
    let mut derived = DerivedActions::default();
    loop {
        let (line, fields) = match records.next()? {
            SourceRecord::End => break,
            SourceRecord::Blank => continue,
            SourceRecord::Invalid { error, .. } if error.code == RowErrorCode::Footer => continue,
            SourceRecord::Invalid { line, error, .. } => {
                let message = format!("line {line}: {}", error.message);
                derived.unexplained.push(message);
                continue;
            }
            SourceRecord::Row { line, fields, .. } => (line, fields),
        };
        match parse_close(&fields, &columns, symbol, &rules, &mut times, line) {
            Ok((symbol, day)) => days.entry(symbol).or_default().push(day),
            Err(reason) => derived.unexplained.push(format!("line {line}: {reason}")),
        }
    }
    let nanos_per_key = times.nanos_per_key(name, &columns.common.time.name)?;
    let (clock, _) = source_calendar(&times);
    // A local midnight is a date, as the dates of other actions are.
    let on_date = |time: i64| {
        let time = time.saturating_mul(nanos_per_key);
        let local = time.saturating_add(clock.offset_at(UnixNanos(time)));
        UnixNanos(if local.rem_euclid(DAY_NANOS) == 0 {
            local
        } else {
            time
        })
    };
    for (symbol, mut days) in days {
        // Stable, so that of two rows with one date the first in the file counts, as in ingestion.
        days.sort_by_key(|day| day.time);
        days.dedup_by_key(|day| day.time);
        find_actions(&symbol, &days, &on_date, &mut derived);
    }
    derived
        .actions
        .sort_by(|a, b| (a.ex_time, &a.instrument).cmp(&(b.ex_time, &b.instrument)));
    Ok(derived)
}

fn parse_close(
    fields: &[&str],
    columns: &AdjustedColumns,
    symbol: Option<&str>,
    rules: &NumberRules,
    times: &mut TimeParser,
    line: u64,
) -> Result<(String, AdjustedClose), String> {
    let (symbol, time) = columns
        .common
        .symbol_and_time(fields, symbol, times)
        .map_err(|error| error.message)?;
    let text = |place: usize| field(fields, place).map_err(|error| error.message);
    let number = |column: NumberColumn, scale: u8| {
        let price = rules
            .price(text(column.place)?, column)
            .map_err(|error| error.message)?;
        let value = price.half_even_at(scale).filter(|value| *value > 0);
        value.ok_or_else(|| format!("column {}: not above zero", column.name))
    };
    let adjusted = text(columns.adjusted.place)?;
    let sign = rules.signs.decimal_in(columns.adjusted);
    let (whole, fraction) = adjusted.split_once(sign).unwrap_or((adjusted, ""));
    let length = |text: &str| {
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        u32::try_from(digits).unwrap_or(u32::MAX)
    };
    let day = AdjustedClose {
        time: time.time,
        close: number(columns.close, MONEY_SCALE)?,
        adjusted: number(columns.adjusted, ADJUSTED_SCALE)?,
        digits: (length(whole.trim_start_matches('0')), length(fraction)),
    };
    times.note(&time, line);
    Ok((symbol.to_owned(), day))
}

fn find_actions(
    symbol: &str,
    days: &[AdjustedClose],
    on_date: &dyn Fn(i64) -> UnixNanos,
    derived: &mut DerivedActions,
) {
    // As many digits as any adjusted close of the instrument shows: shorter ones ended in zeros.
    let shown = days
        .iter()
        .map(|day| day.digits.0.saturating_add(day.digits.1));
    let digits = shown.max().unwrap_or(0);
    let mut regular: Option<Money> = None;
    for (before, day) in days.iter().zip(days.iter().skip(1)) {
        let time = on_date(day.time);
        let mut add = |kind| {
            derived.actions.push(SymbolAction {
                ex_time: time,
                instrument: symbol.to_owned(),
                kind,
            });
        };
        match explain(before, day, digits) {
            Some(AdjustmentCause::Nothing) => {}
            Some(AdjustmentCause::Split(new, old)) => {
                add(CorporateActionKind::Split { new, old });
                // Dividends are for one share, and shares are others now.
                regular = regular.and_then(|money| {
                    let shares = money.0.checked_mul(i128::from(old.get()))?;
                    decimal::divide_half_even(shares, i128::from(new.get())).map(Money)
                });
            }
            Some(AdjustmentCause::Dividend(money)) => {
                let usual = regular.filter(|usual| {
                    usual
                        .0
                        .checked_mul(SPECIAL_FACTOR)
                        .is_some_and(|most| money.0 >= most)
                });
                let special = usual.and_then(|usual| money.minus(usual));
                let per_unit = usual.unwrap_or(money);
                add(CorporateActionKind::Dividend {
                    per_unit,
                    special: false,
                });
                if let Some(per_unit) = special {
                    add(CorporateActionKind::Dividend {
                        per_unit,
                        special: true,
                    });
                }
                regular = Some(per_unit);
            }
            None => derived.unexplained.push(format!(
                "{symbol} {}: neither a split nor a dividend explains the adjusted close",
                date(time)
            )),
        }
    }
}

enum AdjustmentCause {
    Nothing,
    Split(NonZeroU32, NonZeroU32),
    Dividend(Money),
}

/// The cause of a change between two days, as far as the digits show it.
fn explain(before: &AdjustedClose, day: &AdjustedClose, digits: u32) -> Option<AdjustmentCause> {
    let product = before.close.checked_mul(day.adjusted)?;
    let without = decimal::divide_half_even(product, before.adjusted)?;
    // Half a unit of the last digit shown, of both adjusted closes, carried to X: twice that is
    // what arithmetic in the vendor's own program may have cost.
    let half = |day: &AdjustedClose| {
        let decimals = digits
            .saturating_sub(day.digits.0)
            .min(u32::from(ADJUSTED_SCALE));
        let scale = u8::try_from(u32::from(ADJUSTED_SCALE).saturating_sub(decimals)).ok()?;
        decimal::power_of_ten(scale)?
            .checked_div(2)
            .map(|half| half.max(1))
    };
    let error = before
        .close
        .checked_mul(half(day)?)?
        .checked_add(without.checked_mul(half(before)?)?)?
        .checked_div(before.adjusted)?
        .checked_mul(2)?
        .checked_add(2)?;
    let more = without.checked_sub(day.close)?;
    if more.abs() <= error {
        return Some(AdjustmentCause::Nothing);
    }
    // A change of a fifth and more that is a ratio of small numbers is a split.
    if more.abs().checked_mul(5)? >= day.close {
        for old in 1..=SPLIT_PART_MAX {
            for new in 1..=SPLIT_PART_MAX {
                let (wide_new, wide_old) = (i128::from(new), i128::from(old));
                let distance = without
                    .checked_mul(wide_old)?
                    .checked_sub(day.close.checked_mul(wide_new)?)?;
                if distance.abs() <= error.checked_mul(wide_old)? {
                    return NonZeroU32::new(new)
                        .zip(NonZeroU32::new(old))
                        .map(|(new, old)| AdjustmentCause::Split(new, old));
                }
            }
        }
    }
    // The adjusted price fell by less than the traded one: no payment does that.
    if more < 0 {
        return None;
    }
    shortest(more, error).map(|money| AdjustmentCause::Dividend(Money(money)))
}

/// The amount with the fewest decimals that is as near as the digits show; none where even
/// six decimals are not.
fn shortest(amount: i128, error: i128) -> Option<i128> {
    for decimals in 0..=6 {
        let unit = decimal::power_of_ten(MONEY_SCALE.checked_sub(decimals)?)?;
        let near = decimal::divide_half_even(amount, unit)?.checked_mul(unit)?;
        // Companies pay round amounts. Of all amounts inside the error the shortest is the likely
        // one; a longer one would be noise of the vendor's arithmetic.
        if near > 0 && near.checked_sub(amount)?.abs() <= error {
            return Some(near);
        }
    }
    None
}
