//! The days by which a source dates its weeks or months: the first, as times that are opens must be, or another one.
//! It must never know a price.

use counterfoil_base::calendar_date::CalendarDate;
use counterfoil_trading::time::{DAY_NANOS, Timeframe};

/// Days of a month on which its first trading day may be: New Year and a weekend, or a week of holidays.
const FIRST_DAYS: i64 = 8;

/// The day on which the weeks of a source begin.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum WeekStart {
    /// Monday.
    #[default]
    Monday,
    /// Sunday, when forex and futures open.
    Sunday,
}

impl WeekStart {
    /// The first day of the week of a day.
    pub(crate) fn first_day(self, day: i64) -> Option<i64> {
        // 1970-01-01 was a Thursday.
        let monday_is = match self {
            Self::Monday => 3,
            Self::Sunday => 4,
        };
        day.checked_sub(day.checked_add(monday_is)?.rem_euclid(7))
    }
}

/// A row that is not dated by the first day of its week or month.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct OtherLabel {
    pub(crate) day: i64,
    pub(crate) line: u64,
}

/// How many rows are dated by which day.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PeriodLabels {
    firsts: u64,
    sundays: u64,
    others: u64,
    /// The first row that is not of `firsts`.
    other: Option<OtherLabel>,
}

/// Why times that are opens cannot be those of weeks or months.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct PeriodMisfit {
    pub(crate) label: OtherLabel,
    pub(crate) hint: &'static str,
}

/// Whether a timeframe is weeks or months, whose bars have a day to begin on.
pub(crate) fn has_periods(timeframe: Timeframe) -> bool {
    match timeframe {
        Timeframe::Fixed(nanos) => nanos.checked_rem(DAY_NANOS.saturating_mul(7)) == Some(0),
        Timeframe::Months(_) => true,
    }
}

impl PeriodLabels {
    /// Counts the row of a line that is dated by a day.
    pub(crate) fn add(&mut self, timeframe: Timeframe, day: i64, line: u64) {
        let begins = |start: WeekStart| start.first_day(day) == Some(day);
        let is_first = match timeframe {
            Timeframe::Fixed(_) => begins(WeekStart::Monday),
            Timeframe::Months(_) => CalendarDate::of_day_number(day).day <= FIRST_DAYS,
        };
        if is_first {
            self.firsts = self.firsts.saturating_add(1);
            return;
        }
        if matches!(timeframe, Timeframe::Fixed(_)) && begins(WeekStart::Sunday) {
            self.sundays = self.sundays.saturating_add(1);
        } else {
            self.others = self.others.saturating_add(1);
        }
        let earlier = self.other.filter(|other| other.line < line);
        self.other = earlier.or(Some(OtherLabel { day, line }));
    }

    /// The day on which weeks begin; `is_stated` if the caller says that times are opens.
    pub(crate) fn week_start(&self, is_stated: bool) -> Result<WeekStart, PeriodMisfit> {
        let rows = self
            .firsts
            .saturating_add(self.sundays)
            .saturating_add(self.others);
        let is_half = |count: u64| count.saturating_mul(2) >= rows;
        let Some(label) = self.other.filter(|_| !is_half(self.firsts)) else {
            return Ok(WeekStart::Monday);
        };
        // A Sunday is the first day of a forex broker's week and the last one of a week of pandas.
        let is_sunday = is_half(self.sundays);
        if is_sunday && is_stated {
            return Ok(WeekStart::Sunday);
        }
        let hint = if is_sunday {
            "add --time close if the Sunday ends the week, as pandas writes it, or --time open if it begins the week"
        } else {
            "add --time close if the file dates bars by their last day; if they are of another length, state another \
             --timeframe"
        };
        Err(PeriodMisfit { label, hint })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(timeframe: &str, dates: &[&str], expect: &str) {
        let mut labels = PeriodLabels::default();
        for (line, date) in (2..).zip(dates) {
            let day = CalendarDate::parse(date).unwrap().day_number();
            labels.add(timeframe.parse().unwrap(), day, line);
        }
        let text = |is_stated| match labels.week_start(is_stated) {
            Ok(start) => format!("{start:?}"),
            Err(misfit) => format!("line {}", misfit.label.line),
        };
        assert_eq!(
            format!("{} {}", text(false), text(true)),
            expect,
            "{dates:?}"
        );
    }

    #[test]
    fn weeks_and_months_are_dated_by_their_first_days_or_the_caller_is_asked() {
        check("1w", &[], "Monday Monday");
        // Tuesday after a holiday.
        check(
            "1w",
            &["2024-01-08", "2024-01-16", "2024-01-22"],
            "Monday Monday",
        );
        check(
            "1w",
            &["2024-01-05", "2024-01-12", "2024-01-18"],
            "line 2 line 2",
        );
        check("1w", &["2024-01-08", "2024-01-12"], "Monday Monday");
        check(
            "1w",
            &["2024-01-07", "2024-01-14", "2024-01-22"],
            "line 2 Sunday",
        );
        check(
            "1M",
            &["2024-01-02", "2024-02-01", "2024-03-18"],
            "Monday Monday",
        );
        check("1M", &["2024-01-31", "2024-02-29"], "line 2 line 2");
        check("3M", &["2024-01-15", "2024-04-15"], "line 2 line 2");
    }
}
