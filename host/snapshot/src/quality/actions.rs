//! Corporate actions as a file: read, checked and written. It must never change a price.
//!
//! ```text
//! instrument,ex_date,action,value
//! AAPL,2005-02-28,split,2:1
//! MSFT,2004-11-15,special-dividend,3.00
//! ```

use core::num::NonZeroU32;

use counterfoil_base::calendar_date::CalendarDate;
use counterfoil_base::text::begins_formula;
use counterfoil_trading::corporate::CorporateActionKind;
use counterfoil_trading::decimal;
use counterfoil_trading::time::UnixNanos;
use counterfoil_trading::units::{MONEY_SCALE, Money};

use crate::error::IngestError;
use crate::quality::action_columns::ActionColumns;
use crate::quality::action_days::ActionDays;
use crate::source::choices::TimeMeaning;
use crate::source::fields::FieldSplitter;
use crate::source::symbols::check_symbol;
use crate::source::times::{nanos, show};

/// The first line of a file of actions.
const HEADER: &str = "instrument,ex_date,action,value";

/// The most actions in one file.
const ACTIONS_MAX: usize = 1_000_000;

/// One action of an instrument that is named by its canonical id.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SymbolAction {
    /// The first moment at which the instrument trades without the right.
    pub ex_time: UnixNanos,
    /// The canonical id: the first ticker it had.
    pub instrument: String,
    /// What happened.
    pub kind: CorporateActionKind,
}

impl SymbolAction {
    /// The sort key of a list of actions: time, instrument, and splits before what is paid on new
    /// shares.
    pub(crate) fn key(&self) -> (UnixNanos, &str, u8) {
        (self.ex_time, &self.instrument, rank(&self.kind))
    }
}

/// The sequence of actions of one instrument and time.
fn rank(kind: &CorporateActionKind) -> u8 {
    match kind {
        CorporateActionKind::Split { .. } => 0,
        CorporateActionKind::Dividend { special: false, .. } => 1,
        CorporateActionKind::Dividend { special: true, .. } => 2,
        CorporateActionKind::SymbolChange { .. } => 3,
        CorporateActionKind::Delisting { .. } => 4,
        CorporateActionKind::Halt { .. } => 5,
        CorporateActionKind::SessionEnd => 6,
    }
}

/// The actions in a CSV file, sorted. Every line must hold: half a file of actions is worse than
/// none.
///
/// # Errors
///
/// Returns [`IngestError::Side`] naming the line and what does not hold.
pub fn parse_actions(file: &str, bytes: &[u8]) -> Result<Vec<SymbolAction>, IngestError> {
    parse_actions_of(file, bytes, &ActionDays::default())
}

/// As [`parse_actions`], with dates that begin as the days of the instruments' bars do.
pub(crate) fn parse_actions_of(
    file: &str,
    bytes: &[u8],
    days: &ActionDays,
) -> Result<Vec<SymbolAction>, IngestError> {
    let time_of = |instrument: &str, text: &str| match CalendarDate::parse(text) {
        Some(date) => days.moment(instrument, date).map(|time| time.0),
        None => nanos(text, TimeMeaning::Open),
    };
    let error = |line: usize, reason: String| IngestError::Side {
        file: file.to_owned(),
        line: u64::try_from(line).unwrap_or(u64::MAX),
        reason,
    };
    // Excel writes a byte order mark before the header.
    let text = core::str::from_utf8(bytes)
        .map(|text| text.strip_prefix('\u{feff}').unwrap_or(text))
        .map_err(|_| error(1, "not valid UTF-8".to_owned()))?;
    let mut lines = (1..).zip(text.lines());
    let header = lines.next().map_or("", |(_, line)| line.trim());
    let columns = ActionColumns::find(header).map_err(|reason| error(1, reason))?;
    let mut fields = FieldSplitter::new(columns.delimiter);
    let mut all: Vec<(usize, SymbolAction)> = Vec::new();
    for (number, line) in lines {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let cut = fields
            .split(line)
            .map_err(|bad| error(number, bad.message))?;
        let cut = columns.cut(&cut).map_err(|reason| error(number, reason))?;
        let [instrument, ex_date, action, value] = cut;
        let instrument = &unguarded(instrument);
        check_symbol(instrument).map_err(|reason| error(number, reason))?;
        let time = |text: &str| time_of(instrument, text);
        let ex_time =
            time(ex_date).map_err(|reason| error(number, format!("column ex_date: {reason}")))?;
        all.push((
            number,
            SymbolAction {
                ex_time: UnixNanos(ex_time),
                instrument: (*instrument).to_owned(),
                kind: kind(action, value, ex_time, &time)
                    .map_err(|reason| error(number, reason))?,
            },
        ));
        // All of them are sorted in memory, and a run holds those of its instruments.
        if all.len() > ACTIONS_MAX {
            return Err(error(number, format!("more than {ACTIONS_MAX} actions")));
        }
    }
    all.sort_by(|(_, a), (_, b)| a.key().cmp(&b.key()));
    for ((first, a), (second, b)) in all.iter().zip(all.iter().skip(1)) {
        // Twice the same dividend is twice the money. It is more likely a file joined from two, and
        // which of both lines was meant cannot be known.
        if a.key() == b.key() {
            let reason = format!(
                "repeats the instrument, date and action of line {}",
                first.min(second)
            );
            return Err(error(*first.max(second), reason));
        }
    }
    Ok(all.into_iter().map(|(_, action)| action).collect())
}

fn kind(
    action: &str,
    value: &str,
    ex_time: i64,
    time: &dyn Fn(&str) -> Result<i64, String>,
) -> Result<CorporateActionKind, String> {
    let money = || Money::parse(value).map_err(|error| error.to_string());
    let dividend = |special| {
        let per_unit = money()?;
        if per_unit <= Money::ZERO {
            return Err(format!("a dividend of {value} is not above zero"));
        }
        Ok(CorporateActionKind::Dividend { per_unit, special })
    };
    match action {
        "split" => {
            let parts = value.split_once(':');
            let part = |text: &str| text.trim().parse::<NonZeroU32>().ok();
            let both = parts.and_then(|(new, old)| part(new).zip(part(old)));
            let (new, old) = both.filter(|(new, old)| new != old).ok_or_else(|| {
                format!(
                    "{value:?} is not a valid split: write NEW:OLD; after 2:1 a holder of 1 share has 2"
                )
            })?;
            Ok(CorporateActionKind::Split { new, old })
        }
        "dividend" => dividend(false),
        "special-dividend" => dividend(true),
        "symbol" => {
            let value = unguarded(value);
            check_symbol(value)?;
            Ok(CorporateActionKind::SymbolChange {
                symbol: value.to_owned(),
            })
        }
        "delisting" => {
            let per_unit = money()?;
            if per_unit < Money::ZERO {
                return Err(format!("a payment of {value} is below zero"));
            }
            Ok(CorporateActionKind::Delisting { per_unit })
        }
        "halt" => {
            let until = time(value).map_err(|reason| format!("column value: {reason}"))?;
            // A halt that never lasts would be dropped by every range, in silence.
            if until <= ex_time {
                return Err(format!("a halt until {value} ends before it begins"));
            }
            Ok(CorporateActionKind::Halt {
                until: UnixNanos(until),
            })
        }
        other => Err(format!(
            "unknown action {other:?}; use split, dividend, special-dividend, symbol, delisting \
             or halt"
        )),
    }
}

/// The file of these actions, which reads back as they are.
#[must_use]
pub fn format_actions(actions: &[SymbolAction]) -> String {
    let mut text = format!("{HEADER}\n");
    for action in actions {
        let (name, value) = match &action.kind {
            CorporateActionKind::Split { new, old } => ("split", format!("{new}:{old}")),
            CorporateActionKind::Dividend { per_unit, special } => {
                let name = if *special {
                    "special-dividend"
                } else {
                    "dividend"
                };
                (name, amount(*per_unit))
            }
            CorporateActionKind::SymbolChange { symbol } => ("symbol", symbol.clone()),
            CorporateActionKind::Delisting { per_unit } => ("delisting", amount(*per_unit)),
            CorporateActionKind::Halt { until } => ("halt", show(*until)),
            // No vendor sends these: they come from a calendar.
            CorporateActionKind::SessionEnd => continue,
        };
        let line = [
            action.instrument.clone(),
            show(action.ex_time),
            name.to_owned(),
            value,
        ];
        text.push_str(&line.map(quoted).join(","));
        text.push('\n');
    }
    text
}

/// An amount with at least two decimals and no zeros after them.
fn amount(money: Money) -> String {
    let text = decimal::format(money.0, MONEY_SCALE);
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    format!("{whole}.{:0<2}", fraction.trim_end_matches('0'))
}

/// The text of a field that was written with an apostrophe in front, so that no spreadsheet runs it.
fn unguarded(text: &str) -> &str {
    let guarded = text.strip_prefix('\'');
    guarded.filter(|text| begins_formula(text)).unwrap_or(text)
}

fn quoted(text: String) -> String {
    let text = if begins_formula(&text) {
        format!("'{text}")
    } else {
        text
    };
    // A field that begins with # would be read back as a remark.
    if text.contains([',', '"']) || text.starts_with('#') {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rows: &str, expect: &str) {
        let text = format!("{HEADER}\n{rows}");
        let got = match parse_actions("a.csv", text.as_bytes()) {
            Ok(actions) => format_actions(&actions),
            Err(error) => error.to_string(),
        };
        assert!(got.contains(expect), "{rows:?}: {got}");
    }

    #[test]
    fn a_file_of_actions_reads_back_sorted_or_names_the_line() {
        check(
            "MSFT,2004-11-15,special-dividend,3\n\n# a remark\nMSFT,2003-02-18,split,2:1\n",
            "value\nMSFT,2003-02-18,split,2:1\nMSFT,2004-11-15,special-dividend,3.00\n",
        );
        check(
            "A,2004-11-15,dividend,0.0825",
            "A,2004-11-15,dividend,0.0825\n",
        );
        check(
            "\"A,B\",2004-11-15,symbol,C",
            "\"A,B\",2004-11-15,symbol,C\n",
        );
        check(
            "A,2004-11-15T14:30:00Z,delisting,0",
            "A,2004-11-15T14:30:00Z,delisting,0.00\n",
        );
        // The split comes first: the dividend is one for each new share.
        check(
            "A,2004-11-15,dividend,1\nA,2004-11-15,split,2:1",
            "split,2:1\nA,2004-11-15,dividend",
        );
        check(
            "A,2004-11-15,split,2:1\nA,2004-11-15,split,3:1",
            "a.csv, line 3: repeats the instrument, date and action of line 2",
        );
        check(
            "A,2004-11-15T14:30:00Z,halt,2004-11-15T15:00:00+00:00\nA,2004-11-15,halt,2004-11-17",
            "value\nA,2004-11-15,halt,2004-11-17\nA,2004-11-15T14:30:00Z,halt,2004-11-15T15:00:00Z\n",
        );
        check(
            "A,2004-11-15,halt,2004-11-15",
            "line 2: a halt until 2004-11-15 ends before it begins",
        );
        check("A,2004-11-15,halt,soon", "is not a time");
        check("A,2004-11-15,split", "line 2: 3 fields, not 4");
        check("A,15.11.2004,split,2:1", "is not a time");
        for value in ["2", "0:1", "1:1", "2:0", "-2:1", "2/1", "99999999999:1"] {
            check(
                &format!("A,2004-11-15,split,{value}"),
                "is not a valid split",
            );
        }
        check("A,2004-11-15,dividend,0", "not above zero");
        check("A,2004-11-15,dividend,1e3", "not a decimal");
        check("A,2004-11-15,delisting,-1", "below zero");
        check(
            "A,2004-11-15,merger,1",
            "unknown action \"merger\"; use split",
        );
        check(",2004-11-15,split,2:1", "is not a valid symbol");
        let error = parse_actions("a.csv", b"symbol,date\n")
            .unwrap_err()
            .to_string();
        assert!(error.contains("line 1: no column action"), "{error}");
        let other = parse_actions("a.csv", b"Date;Type;Value;Symbol\n2004-11-15;split;2:1;A\n");
        assert_eq!(
            format_actions(&other.unwrap()),
            format!("{HEADER}\nA,2004-11-15,split,2:1\n")
        );
    }
}
