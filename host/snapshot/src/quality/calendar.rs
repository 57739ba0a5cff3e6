//! When a venue trades: weekdays, a session in a time zone, holidays. It must never know a bar's
//! prices.
//!
//! ```json
//! { "zone": "America/New_York", "weekdays": ["mon", "tue", "wed", "thu", "fri"],
//!   "open": "09:30", "close": "16:00", "holidays": ["2001-09-11"],
//!   "early_closes": { "2003-07-03": "13:00" } }
//! ```
//!
//! or the word `24x7`.

use std::collections::{BTreeMap, BTreeSet};

use counterfoil_trading::exchange_calendar::ExchangeCalendar;
use counterfoil_trading::time::{DAY_NANOS, Timeframe, UnixNanos};
use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::error::IngestError;
use crate::quality::market_clock::{MarketClock, zone_offsets};
use crate::source::zone::named_zone;

/// The bars that are expected.
#[derive(Clone, Debug)]
pub(crate) enum ExpectedBars {
    /// Nothing is known.
    Unknown,
    /// One a date, on the dates on which any instrument has one; by number of the UTC day.
    Dates(BTreeSet<i64>),
    /// One after the other.
    Always,
    /// Those of a calendar.
    Calendar(Box<TradingCalendar>),
}

/// The days before the data in which its last session is searched for: longer than any venue was closed.
const CLOSED_DAYS_MAX: i64 = 366;

/// A trading calendar.
#[derive(Clone, Debug)]
pub(crate) struct TradingCalendar {
    zone: TimeZone,
    /// The zone of the days that daily bars span: UTC, where a date stands for the trading day, or the venue's own.
    date_zone: TimeZone,
    weekdays: BTreeSet<i8>,
    open: Time,
    close: Time,
    holidays: BTreeSet<Date>,
    early_closes: BTreeMap<Date, Time>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CalendarFile {
    zone: String,
    weekdays: Vec<String>,
    open: String,
    close: String,
    #[serde(default)]
    holidays: Vec<String>,
    #[serde(default)]
    early_closes: BTreeMap<String, String>,
}

const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Bars that are missing between two bars.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct MissingBars {
    pub(crate) count: u64,
    pub(crate) first: UnixNanos,
    pub(crate) last: UnixNanos,
}

/// The calendar in a file.
pub(crate) fn parse_calendar(name: &str, bytes: &[u8]) -> Result<ExpectedBars, IngestError> {
    if bytes.trim_ascii() == b"24x7" {
        return Ok(ExpectedBars::Always);
    }
    let error = |line: usize, reason: String| IngestError::Side {
        file: name.to_owned(),
        line: u64::try_from(line).unwrap_or(u64::MAX),
        reason,
    };
    let file: CalendarFile = serde_json::from_slice(bytes).map_err(|problem| {
        error(
            problem.line(),
            format!("{problem}; expected a JSON object or the word 24x7"),
        )
    })?;
    let calendar = TradingCalendar::new(&file).map_err(|reason| error(1, reason))?;
    Ok(ExpectedBars::Calendar(Box::new(calendar)))
}

impl TradingCalendar {
    fn new(file: &CalendarFile) -> Result<Self, String> {
        let date = |text: &String| {
            text.parse::<Date>()
                .map_err(|_| format!("{text:?} is not a date: write YYYY-MM-DD"))
        };
        let time = |text: &String| {
            text.parse::<Time>()
                .map_err(|_| format!("{text:?} is not a time of day: write HH:MM"))
        };
        let weekday = |text: &String| {
            let place = (1..).zip(WEEKDAYS).find(|(_, name)| name == text);
            place
                .map(|(number, _)| number)
                .ok_or_else(|| format!("{text:?} is not a weekday: use {}", WEEKDAYS.join(", ")))
        };
        let calendar = Self {
            zone: named_zone(&file.zone)?,
            date_zone: TimeZone::UTC,
            weekdays: file
                .weekdays
                .iter()
                .map(weekday)
                .collect::<Result<_, _>>()?,
            open: time(&file.open)?,
            close: time(&file.close)?,
            holidays: file.holidays.iter().map(date).collect::<Result<_, _>>()?,
            early_closes: file
                .early_closes
                .iter()
                .map(|(day, close)| Ok::<_, String>((date(day)?, time(close)?)))
                .collect::<Result<_, _>>()?,
        };
        if calendar.weekdays.is_empty() || calendar.open >= calendar.close {
            return Err(
                "a calendar needs weekdays and a session that opens before it closes".to_owned(),
            );
        }
        // A session that ends before it begins would make every bar of its date a bar of a closed
        // venue.
        let mut early = calendar.early_closes.iter();
        if let Some((date, close)) = early.find(|(_, close)| **close <= calendar.open) {
            let close = close.strftime("%H:%M");
            return Err(format!("{date} closes at {close}, before it opens"));
        }
        Ok(calendar)
    }

    /// The venue's local time around bars, its opening and its closes.
    pub(crate) fn clock(&self, first: UnixNanos, last: UnixNanos) -> MarketClock {
        let of_day = |time: &Time| {
            let seconds = i64::from(time.hour()) * 3_600
                + i64::from(time.minute()) * 60
                + i64::from(time.second());
            seconds.saturating_mul(1_000_000_000)
        };
        let early = self.early_closes.iter().filter_map(|(date, close)| {
            let midnight = midnight(&TimeZone::UTC, *date)?;
            Some((UnixNanos(midnight).day(), of_day(close)))
        });
        MarketClock {
            zone: self.zone.iana_name().unwrap_or("UTC").to_owned(),
            calendar: ExchangeCalendar {
                offsets: zone_offsets(&self.zone, first, last),
                anchor: of_day(&self.open),
                close: Some(of_day(&self.close)),
                early_closes: early.collect(),
            },
        }
    }

    fn midnight(&self, date: Date) -> Option<i64> {
        midnight(&self.date_zone, date)
    }

    fn trades_on(&self, date: Date) -> bool {
        let weekday = date.weekday().to_monday_one_offset();
        self.weekdays.contains(&weekday) && !self.holidays.contains(&date)
    }

    /// Open and close of a date's session.
    fn session(&self, date: Date) -> Option<(i64, i64)> {
        if !self.trades_on(date) {
            return None;
        }
        let close = self.early_closes.get(&date).unwrap_or(&self.close);
        // Clock times of the venue's zone on that date: the offset to UTC changes twice a year, and
        // what was 21:00 in winter is 20:00 in summer.
        let at = |time: &Time| {
            let moment = self.zone.to_timestamp(date.to_datetime(*time)).ok()?;
            i64::try_from(moment.as_nanosecond()).ok()
        };
        Some((at(&self.open)?, at(close)?))
    }

    /// The end of a date's session, for bars of at least a day: with the date of the bar at the
    /// latest, because the bar of that date holds it whole, wherever on earth the venue is.
    fn end_of_date(&self, date: Date) -> Option<i64> {
        let (_, close) = self.session(date)?;
        let (begins, ends) = (self.midnight(date)?, self.midnight(date.tomorrow().ok()?)?);
        // Where the session ends on another UTC date, the bar of this date may hold trades after
        // that end: only the date's own end is certain.
        let is_inside = begins < close && close < ends;
        Some(if is_inside { close } else { ends })
    }

    /// First open time and number of the bars of a date that open after `after` and before
    /// `before`, and the last open time.
    fn slots(&self, date: Date, step: i64, after: i64, before: i64) -> Option<MissingBars> {
        let (open, close) = self.session(date)?;
        // The first multiple of the step, from the open, that is after `after`.
        let skip = after
            .checked_sub(open)?
            .div_euclid(step)
            .checked_add(1)?
            .max(0);
        let end = close.min(before);
        let first = open.checked_add(skip.checked_mul(step)?)?;
        let span = end.checked_sub(first).filter(|span| *span > 0)?;
        // Counted by division, never one by one: a year of seconds is missing in one step.
        let more = span.checked_sub(1)?.checked_div(step)?;
        Some(MissingBars {
            count: u64::try_from(more).ok()?.saturating_add(1),
            first: UnixNanos(first),
            last: UnixNanos(first.checked_add(more.checked_mul(step)?)?),
        })
    }
}

impl ExpectedBars {
    /// The same for daily bars that span the venue's own days.
    pub(crate) fn on_local_days(self) -> Self {
        match self {
            Self::Calendar(mut calendar) => {
                calendar.date_zone = calendar.zone.clone();
                Self::Calendar(calendar)
            }
            Self::Unknown | Self::Dates(_) | Self::Always => self,
        }
    }

    /// The bars that are expected between two that are there, by their open times.
    pub(crate) fn missing(
        &self,
        timeframe: Timeframe,
        before: UnixNanos,
        next: UnixNanos,
    ) -> Option<MissingBars> {
        let Timeframe::Fixed(step) = timeframe else {
            return None;
        };
        let (from, to) = (before.0.checked_add(step)?, next.0);
        // A step of zero or below would divide by zero below; a manifest from elsewhere may state one.
        if from >= to || step <= 0 {
            return None;
        }
        match self {
            Self::Unknown => None,
            Self::Always => {
                let more = to.checked_sub(from)?.checked_sub(1)?.checked_div(step)?;
                Some(MissingBars {
                    count: u64::try_from(more).ok()?.saturating_add(1),
                    first: UnixNanos(from),
                    last: UnixNanos(from.checked_add(more.checked_mul(step)?)?),
                })
            }
            Self::Dates(days) => {
                let inside = days.range(before.day().checked_add(1)?..next.day());
                sum(inside.map(|day| one_missing(day.saturating_mul(DAY_NANOS))))
            }
            Self::Calendar(calendar) if step >= DAY_NANOS => {
                if step > DAY_NANOS {
                    return None;
                }
                let zone = &calendar.date_zone;
                let (first, last) = (date_of(zone, from)?, date_of(zone, to)?);
                let days =
                    dates(first, last).filter(|date| *date < last && calendar.trades_on(*date));
                sum(days.filter_map(|date| Some(one_missing(calendar.midnight(date)?))))
            }
            Self::Calendar(calendar) => {
                let zone = &calendar.zone;
                let days = dates(date_of(zone, before.0)?, date_of(zone, to)?);
                sum(days.filter_map(|date| calendar.slots(date, step, before.0, to)))
            }
        }
    }

    /// The session ends, by time: the last end that is not after `from`, and all later ones before
    /// `to`. A venue that never closes has none.
    pub(crate) fn session_ends(
        &self,
        timeframe: Timeframe,
        from: UnixNanos,
        to: UnixNanos,
    ) -> Vec<UnixNanos> {
        let Self::Calendar(calendar) = self else {
            return Vec::new();
        };
        let is_intraday = matches!(timeframe, Timeframe::Fixed(step) if step < DAY_NANOS);
        let zone = if is_intraday {
            &calendar.zone
        } else {
            &calendar.date_zone
        };
        // From before the data: a strategy that starts on a Monday must know that Friday's session
        // ended, so the last end before the first bar belongs to the snapshot.
        let back = CLOSED_DAYS_MAX.saturating_mul(DAY_NANOS);
        let first = date_of(zone, from.0.saturating_sub(back));
        let Some((first, last)) = first.zip(date_of(zone, to.0)) else {
            return Vec::new();
        };
        let end = |date| {
            if is_intraday {
                calendar.session(date).map(|(_, close)| close)
            } else {
                calendar.end_of_date(date)
            }
        };
        let mut ends: Vec<UnixNanos> = dates(first, last)
            .filter_map(end)
            .map(UnixNanos)
            .filter(|end| *end < to)
            .collect();
        let before = ends.partition_point(|end| *end <= from);
        ends.drain(..before.saturating_sub(1));
        ends
    }

    /// Whether the venue is closed when a bar opens.
    pub(crate) fn is_closed(&self, timeframe: Timeframe, open_time: UnixNanos) -> bool {
        let (Self::Calendar(calendar), Timeframe::Fixed(step)) = (self, timeframe) else {
            return false;
        };
        if step >= DAY_NANOS {
            return step == DAY_NANOS
                && date_of(&calendar.date_zone, open_time.0)
                    .is_some_and(|date| !calendar.trades_on(date));
        }
        let session = date_of(&calendar.zone, open_time.0).and_then(|date| calendar.session(date));
        session.is_none_or(|(open, close)| open_time.0 < open || open_time.0 >= close)
    }
}

fn one_missing(time: i64) -> MissingBars {
    MissingBars {
        count: 1,
        first: UnixNanos(time),
        last: UnixNanos(time),
    }
}

fn sum(all: impl Iterator<Item = MissingBars>) -> Option<MissingBars> {
    all.reduce(|sum, next| MissingBars {
        count: sum.count.saturating_add(next.count),
        first: sum.first,
        last: next.last,
    })
}

/// Every date from the first to the last.
fn dates(first: Date, last: Date) -> impl Iterator<Item = Date> {
    core::iter::successors(Some(first), move |date| {
        date.tomorrow().ok().filter(|next| *next <= last)
    })
}

fn date_of(zone: &TimeZone, time: i64) -> Option<Date> {
    let moment = Timestamp::from_nanosecond(i128::from(time)).ok()?;
    Some(zone.to_datetime(moment).date())
}

fn midnight(zone: &TimeZone, date: Date) -> Option<i64> {
    let moment = zone.to_timestamp(date.at(0, 0, 0, 0)).ok()?;
    i64::try_from(moment.as_nanosecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::times::{nanos, show};

    const YORK: &str = r#"{"zone": "America/New_York", "weekdays": ["mon", "tue", "wed", "thu", "fri"],
        "open": "09:30", "close": "16:00", "holidays": ["2003-07-04"], "early_closes": {"2003-07-03": "13:00"}}"#;

    #[track_caller]
    fn check(calendar: &str, timeframe: &str, before: &str, next: &str, expect: &str) {
        let expected = parse_calendar("c.json", calendar.as_bytes()).unwrap();
        let time =
            |text| UnixNanos(nanos(text, crate::source::choices::TimeMeaning::Open).unwrap());
        let got = expected.missing(timeframe.parse().unwrap(), time(before), time(next));
        let text = got.map_or_else(
            || "none".to_owned(),
            |missing| {
                let (first, last) = (show(missing.first), show(missing.last));
                format!("{} {first} {last}", missing.count)
            },
        );
        assert_eq!(text, expect);
    }

    #[test]
    fn what_is_missing_is_what_the_calendar_expects() {
        check(YORK, "1d", "2003-07-02", "2003-07-03", "none");
        check(YORK, "1d", "2003-07-03", "2003-07-07", "none");
        check(
            YORK,
            "1d",
            "2003-07-02",
            "2003-07-08",
            "2 2003-07-03 2003-07-07",
        );
        check(
            "24x7",
            "1d",
            "2003-07-03",
            "2003-07-07",
            "3 2003-07-04 2003-07-06",
        );
        check(
            "24x7",
            "1m",
            "2003-07-03T10:00:00Z",
            "2003-07-03T10:01:00Z",
            "none",
        );
        // The last bar of a day opens at 15:30, 19:30 in UTC; of a short day at 12:30.
        check(
            YORK,
            "30m",
            "2003-07-02T19:30:00Z",
            "2003-07-03T13:30:00Z",
            "none",
        );
        check(
            YORK,
            "30m",
            "2003-07-02T19:00:00Z",
            "2003-07-03T14:30:00Z",
            "3 2003-07-02T19:30:00Z 2003-07-03T14:00:00Z",
        );
        check(
            YORK,
            "30m",
            "2003-07-03T16:30:00Z",
            "2003-07-07T13:30:00Z",
            "none",
        );
        check(YORK, "1w", "2003-07-02", "2003-09-02", "none");
    }

    #[test]
    fn sessions_end_when_the_clocks_of_the_venue_say() {
        let check = |calendar: &str, timeframe: &str, range: [&str; 2], expect: &str| {
            let expected = parse_calendar("c.json", calendar.as_bytes()).unwrap();
            let [from, to] = range.map(|text| {
                UnixNanos(nanos(text, crate::source::choices::TimeMeaning::Open).unwrap())
            });
            let ends = expected.session_ends(timeframe.parse().unwrap(), from, to);
            let ends: Vec<String> = ends.into_iter().map(show).collect();
            assert_eq!(ends.join(" "), expect, "{timeframe} {range:?}");
        };
        // A Wednesday, a short Thursday, a holiday, a weekend; and the end before the range.
        let july = ["2003-07-02T13:30:00Z", "2003-07-07T20:00:01Z"];
        let ends = "2003-07-01T20:00:00Z 2003-07-02T20:00:00Z 2003-07-03T17:00:00Z \
                    2003-07-07T20:00:00Z";
        check(YORK, "1m", july, ends);
        check(YORK, "1d", ["2003-07-02", "2003-07-08"], ends);
        check(YORK, "1w", ["2003-07-02", "2003-07-08"], ends);
        // An end at the beginning of the range is the one before it, one at its end is beyond it.
        let exact = ["2003-07-02T20:00:00Z", "2003-07-03T17:00:00Z"];
        check(YORK, "1m", exact, "2003-07-02T20:00:00Z");
        // Clocks go forward on Sunday, 9 March 2008, and back on 2 November.
        check(
            YORK,
            "1h",
            ["2008-03-07T21:00:00Z", "2008-03-11"],
            "2008-03-07T21:00:00Z 2008-03-10T20:00:00Z",
        );
        check(
            YORK,
            "1h",
            ["2008-10-31T20:00:00Z", "2008-11-04"],
            "2008-10-31T20:00:00Z 2008-11-03T21:00:00Z",
        );
        // A daily bar holds its session, also where that ends on another date in UTC.
        let far = |zone: &str| YORK.replace("America/New_York", zone);
        let date = ["2003-06-02", "2003-06-04"];
        check(
            &far("Pacific/Honolulu"),
            "1d",
            date,
            "2003-05-31 2003-06-03",
        );
        check(
            &far("Pacific/Honolulu").replace("16:00", "13:00"),
            "1d",
            date,
            "2003-05-30T23:00:00Z 2003-06-02T23:00:00Z 2003-06-03T23:00:00Z",
        );
        check(
            &far("Pacific/Auckland").replace("16:00", "11:00"),
            "1d",
            date,
            "2003-05-31 2003-06-03",
        );
        check("24x7", "1m", july, "");
    }

    #[test]
    fn a_bar_outside_every_session_is_seen() {
        let york = parse_calendar("c.json", YORK.as_bytes()).unwrap();
        let closed = |timeframe: &str, text: &str| {
            let time = nanos(text, crate::source::choices::TimeMeaning::Open).unwrap();
            york.is_closed(timeframe.parse().unwrap(), UnixNanos(time))
        };
        assert!(!closed("1d", "2003-07-02"));
        assert!(closed("1d", "2003-07-04") && closed("1d", "2003-07-05"));
        assert!(!closed("1m", "2003-07-02T13:30:00Z"));
        assert!(closed("1m", "2003-07-02T13:29:00Z") && closed("1m", "2003-07-03T17:00:00Z"));
    }

    #[test]
    fn a_calendar_that_cannot_be_names_its_fault() {
        let check = |text: &str, expect: &str| {
            let error = parse_calendar("c.json", text.as_bytes())
                .unwrap_err()
                .to_string();
            assert!(error.contains(expect), "{text}: {error}");
        };
        check("24/7", "c.json, line 1: ");
        check(
            &YORK.replace("America/New_York", "Moon"),
            "unknown time zone \"Moon\"",
        );
        check(
            &YORK.replace("\"mon\"", "\"Monday\""),
            "\"Monday\" is not a weekday: use mon",
        );
        check(&YORK.replace("16:00", "09:00"), "opens before it closes");
        check(&YORK.replace("2003-07-04", "4 July"), "is not a date");
        check(
            &YORK.replace("13:00", "09:30"),
            "2003-07-03 closes at 09:30, before it opens",
        );
    }
}
