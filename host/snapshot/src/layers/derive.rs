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
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::units::{MONEY_SCALE, Money};

use crate::error::IngestError;
use crate::layers::raw::{self, Arrival};
use crate::quality::actions::Action;
use crate::source::columns::AdjustedColumns;
use crate::source::mapping::Mapping;
use crate::source::options::IngestOptions;
use crate::source::records::{self, Record};
use crate::source::row::{Number, check_symbol};
use crate::source::times::{Times, date};

/// Decimals at which adjusted closes are compared: with closes up to 10^5 at scale 9 the product
/// fits in 128 bits.
const ADJUSTED_SCALE: u8 = 16;

/// Shares of a split, before and after: every ratio of two numbers up to this one.
const SPLIT_PART_MAX: u32 = 50;

/// A dividend of this many times the last regular one is a regular and a special one of one date.
const SPECIAL_FACTOR: i128 = 5;

/// What was found.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Derived {
    /// The actions, as a file of actions has them.
    pub actions: Vec<Action>,
    /// Changes that no split and no dividend explains, and rows that could not be read.
    pub unexplained: Vec<String>,
}

/// One day of one instrument.
#[derive(Clone, Copy, Debug)]
struct Day {
    time: i64,
    /// At scale 9.
    close: i128,
    /// At [`ADJUSTED_SCALE`].
    adjusted: i128,
    /// Digits of the adjusted close before the point, and decimals.
    digits: (u32, u32),
}

pub(crate) fn derive(
    data: &Dir,
    source: impl Read,
    name: &str,
    options: &IngestOptions,
) -> Result<Derived, IngestError> {
    let mapping = Mapping::parse(options.mapping.as_ref())?;
    let arrival = Arrival {
        name,
        role: "bars",
        vendor: options.vendor.as_deref(),
        schema: mapping.schema.as_deref(),
        ingested_at: options.ingested_at,
    };
    let raw = raw::put(data, source, options.limits.bytes_max, &arrival)?;
    let mut records = records::open(data, &raw.sha256, name, &mapping, options.limits)?;
    let symbol = options.symbol.as_deref().or(mapping.symbol.as_deref());
    let columns = AdjustedColumns::find(name, records.header(), symbol, &mapping)?;
    let times = mapping
        .times(options)
        .map_err(|reason| IngestError::Option {
            option: "mapping",
            reason,
        })?;
    let mut times = Times::new(times);
    let mut days: BTreeMap<String, Vec<Day>> = BTreeMap::new();
    let mut derived = Derived::default();
    loop {
        let (line, fields) = match records.next()? {
            Record::End => break,
            Record::Blank => continue,
            Record::Bad { line, bad, .. } => {
                derived
                    .unexplained
                    .push(format!("line {line}: {}", bad.message));
                continue;
            }
            Record::Row { line, fields, .. } => (line, fields),
        };
        match parse(&fields, &columns, symbol, &mut times, line) {
            Ok((symbol, day)) => days.entry(symbol).or_default().push(day),
            Err(reason) => derived.unexplained.push(format!("line {line}: {reason}")),
        }
    }
    let nanos_per_key = times.nanos_per_key(name, &columns.time.name)?;
    for (symbol, mut days) in days {
        days.sort_by_key(|day| day.time);
        days.dedup_by_key(|day| day.time);
        find(&symbol, &days, nanos_per_key, &mut derived);
    }
    derived
        .actions
        .sort_by(|a, b| (a.ex_time, &a.instrument).cmp(&(b.ex_time, &b.instrument)));
    Ok(derived)
}

fn parse(
    fields: &[&str],
    columns: &AdjustedColumns,
    symbol: Option<&str>,
    times: &mut Times,
    line: u64,
) -> Result<(String, Day), String> {
    if fields.len() != columns.count {
        return Err(format!(
            "{} fields, the header has {}",
            fields.len(),
            columns.count
        ));
    }
    let field = |place: usize| fields.get(place).copied().unwrap_or_default();
    let symbol = columns.symbol.map_or(symbol.unwrap_or_default(), field);
    check_symbol(symbol)?;
    let key = columns.time.key(fields, times).map_err(|bad| bad.message)?;
    let number = |place: usize, name: &str, scale: u8| {
        let number = Number::parse(field(place), name).map_err(|bad| bad.message)?;
        let finer = decimal::power_of_ten(decimal::SCALE_MAX.saturating_sub(scale)).unwrap_or(1);
        let value = decimal::divide_half_even(number.at_18, finer).filter(|value| *value > 0);
        value.ok_or_else(|| format!("column {name}: not above zero"))
    };
    let text = field(columns.adjusted.place);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let length = |text: &str| u32::try_from(text.len()).unwrap_or(u32::MAX);
    let day = Day {
        time: key.time,
        close: number(columns.close.place, "close", MONEY_SCALE)?,
        adjusted: number(columns.adjusted.place, "adjusted", ADJUSTED_SCALE)?,
        digits: (length(whole.trim_start_matches('0')), length(fraction)),
    };
    times.take(&key, line);
    Ok((symbol.to_owned(), day))
}

fn find(symbol: &str, days: &[Day], nanos_per_key: i64, derived: &mut Derived) {
    // As many digits as any adjusted close of the instrument shows: shorter ones ended in zeros.
    let shown = days
        .iter()
        .map(|day| day.digits.0.saturating_add(day.digits.1));
    let digits = shown.max().unwrap_or(0);
    let mut regular: Option<Money> = None;
    for (before, day) in days.iter().zip(days.iter().skip(1)) {
        let time = UnixNanos(day.time.saturating_mul(nanos_per_key));
        let mut add = |kind| {
            derived.actions.push(Action {
                ex_time: time,
                instrument: symbol.to_owned(),
                kind,
            });
        };
        match explain(before, day, digits) {
            Some(Change::Nothing) => {}
            Some(Change::Split(new, old)) => {
                add(CorporateActionKind::Split { new, old });
                // Dividends are for one share, and shares are others now.
                regular = regular.and_then(|money| {
                    let shares = money.0.checked_mul(i128::from(old.get()))?;
                    decimal::divide_half_even(shares, i128::from(new.get())).map(Money)
                });
            }
            Some(Change::Dividend(money)) => {
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

enum Change {
    Nothing,
    Split(NonZeroU32, NonZeroU32),
    Dividend(Money),
}

/// What happened between two days, as far as the digits show it.
fn explain(before: &Day, day: &Day, digits: u32) -> Option<Change> {
    let product = before.close.checked_mul(day.adjusted)?;
    let without = decimal::divide_half_even(product, before.adjusted)?;
    // Half a unit of the last digit shown, of both adjusted closes, carried to X: twice that is
    // what arithmetic in the vendor's own program may have cost.
    let half = |day: &Day| {
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
        return Some(Change::Nothing);
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
                        .map(|(new, old)| Change::Split(new, old));
                }
            }
        }
    }
    if more < 0 {
        return None;
    }
    shortest(more, error).map(|money| Change::Dividend(Money(money)))
}

/// The amount with the fewest decimals that is as near as the digits can tell; none where even
/// six decimals are not.
fn shortest(amount: i128, error: i128) -> Option<i128> {
    for decimals in 0..=6 {
        let unit = decimal::power_of_ten(MONEY_SCALE.checked_sub(decimals)?)?;
        let near = decimal::divide_half_even(amount, unit)?.checked_mul(unit)?;
        if near > 0 && near.checked_sub(amount)?.abs() <= error {
            return Some(near);
        }
    }
    None
}
