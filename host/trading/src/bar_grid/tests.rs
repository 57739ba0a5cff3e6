//! The rule as tables of cases, and against a model that walks over the hours of a year.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec;

use proptest::prelude::*;

use super::*;
use crate::manifest::CalendarEntry;

/// A time such as `2024-03-08` or `2024-03-08T14:30`, in UTC.
fn time(text: &str) -> UnixNanos {
    let (date, clock) = text.split_once('T').unwrap_or((text, "00:00"));
    let day = CalendarDate::parse(date).unwrap().day_number();
    let (hours, minutes) = clock.split_once(':').unwrap();
    let minutes = hours.parse::<i64>().unwrap() * 60 + minutes.parse::<i64>().unwrap();
    UnixNanos(day * DAY_NANOS + minutes * 60_000_000_000)
}

fn bar(open: UnixNanos, close: UnixNanos) -> RawBar {
    RawBar {
        open_time: open,
        close_time: close,
        ..RawBar::default()
    }
}

fn calendar(name: &str) -> ExchangeCalendar {
    let entry = |offsets: &[&str], anchor: &str, close: Option<&str>| CalendarEntry {
        instruments: vec![],
        zone: name.to_string(),
        offsets: offsets.iter().map(ToString::to_string).collect(),
        anchor: anchor.to_string(),
        close: close.map(ToString::to_string),
        early_closes: BTreeMap::from([("2024-07-03".to_string(), "13:00".to_string())]),
    };
    let york = [
        "-05:00",
        "2024-03-10T07:00:00Z -04:00",
        "2024-11-03T06:00:00Z -05:00",
    ];
    let entry = match name {
        "utc" => return ExchangeCalendar::default(),
        "half" => entry(&[], "00:30", None),
        "york" => entry(&york, "09:30", Some("16:00")),
        "york-night" => entry(&york, "17:00", None),
        "york-midnight" => entry(&york, "00:00", None),
        "tokyo" => entry(&["+09:00"], "09:00", Some("15:00")),
        other => panic!("no calendar {other}"),
    };
    entry.parse().unwrap()
}

/// `calendar timeframe [previous close] open close`, and what is said of the bar.
#[track_caller]
fn check(case: &str, expect: &str) {
    let words: Vec<&str> = case.split_whitespace().collect();
    let (previous, open, close) = match words[2..] {
        [open, close] => (None, open, close),
        [previous, open, close] => (Some(time(previous)), open, close),
        _ => panic!("{case}"),
    };
    let bar = bar(time(open), time(close));
    let got = check_bar(
        words[1].parse().unwrap(),
        &calendar(words[0]),
        &bar,
        previous,
    );
    let got = match got {
        Ok(()) => String::from("fits"),
        Err(BarMisfit::Overlap { .. }) => String::from("overlap"),
        Err(BarMisfit::OffGrid { before, .. }) => alloc::format!("after {}", before.rfc3339()),
        Err(BarMisfit::Length { expected_close, .. }) => {
            alloc::format!("until {}", expected_close.rfc3339())
        }
        Err(other) => other.to_string(),
    };
    assert_eq!(got, expect, "{case}");
}

/// `live` on 1d took minute, two-day, week and overlapping bars, and filled on them.
#[test]
fn a_daily_bar_is_one_trading_day() {
    check("utc 1d 2026-01-05 2026-01-06", "fits");
    check(
        "utc 1d 2026-01-06 2026-01-06T00:01",
        "until 2026-01-07T00:00:00Z",
    );
    check("utc 1d 2026-01-07 2026-01-09", "until 2026-01-08T00:00:00Z");
    check("utc 1d 2026-01-01 2026-01-08", "until 2026-01-02T00:00:00Z");
    check(
        "utc 1d 2026-01-06 2026-01-05T12:00 2026-01-06T12:00",
        "after 2026-01-05T00:00:00Z",
    );
    check("utc 1d 2026-01-06T12:00 2026-01-06 2026-01-07", "overlap");
    check("utc 1d 2026-01-06 2026-01-06 2026-01-07", "fits");
    check("utc 2d 2026-01-07 2026-01-09", "fits");
}

#[test]
fn a_trading_day_has_the_hours_of_its_exchange() {
    // A date stands for the trading day anywhere.
    check("york 1d 2024-03-08 2024-03-09", "fits");
    // From midnight to midnight in New York: 24, 23 and 25 hours.
    check("york 1d 2024-03-08T05:00 2024-03-09T05:00", "fits");
    check("york 1d 2024-03-10T05:00 2024-03-11T04:00", "fits");
    check(
        "york 1d 2024-03-10T05:00 2024-03-11T05:00",
        "until 2024-03-11T04:00:00Z",
    );
    check("york 1d 2024-11-03T04:00 2024-11-04T05:00", "fits");
    check(
        "utc 1d 2024-03-08T05:00 2024-03-09T05:00",
        "after 2024-03-08T00:00:00Z",
    );
    // The session alone, also where it ends early; and from open to open.
    check("york 1d 2024-03-08T14:30 2024-03-08T21:00", "fits");
    check("york 1d 2024-07-03T13:30 2024-07-03T17:00", "fits");
    check(
        "york 1d 2024-07-03T13:30 2024-07-03T20:00",
        "until 2024-07-04T13:30:00Z",
    );
    check(
        "york 1d 2024-03-08T14:30 2024-03-08T14:31",
        "until 2024-03-09T14:30:00Z",
    );
    check("york 1d 2024-03-08T14:30 2024-03-09T14:30", "fits");
    check("york 1d 2024-03-09T14:30 2024-03-10T13:30", "fits");
    check("york-night 1d 2024-03-08T22:00 2024-03-09T22:00", "fits");
    check("york-night 1d 2024-03-09T22:00 2024-03-10T21:00", "fits");
    check("tokyo 1d 2024-03-07T15:00 2024-03-08T15:00", "fits");
    check("tokyo 1d 2024-03-08 2024-03-08T06:00", "fits");
    // One bar a day: the date and the local day are the same day twice.
    check(
        "york 1d 2024-03-09 2024-03-08T05:00 2024-03-09T05:00",
        "overlap",
    );
}

#[test]
fn weeks_and_months_span_their_dates() {
    check("utc 1w 2024-03-04 2024-03-11", "fits");
    check("utc 1w 2024-03-04 2024-03-09", "until 2024-03-11T00:00:00Z");
    check("york 1w 2024-03-04T05:00 2024-03-11T04:00", "fits");
    check(
        "york 1w 2024-03-04T14:30 2024-03-04T21:00",
        "until 2024-03-11T13:30:00Z",
    );
    check("utc 1M 2024-02-01 2024-03-01", "fits");
    check("utc 1M 2024-02-01 2024-03-02", "until 2024-03-01T00:00:00Z");
    // Any weekday and any day of a month were taken, and a month that was dated by its last day.
    check("utc 1M 2023-01-31 2023-02-28", "after 2023-01-01T00:00:00Z");
    check("utc 1M 2024-03-02 2024-04-02", "after 2024-03-01T00:00:00Z");
    check("utc 1w 2024-03-06 2024-03-13", "after 2024-03-04T00:00:00Z");
    check("utc 1w 2024-03-09 2024-03-16", "after 2024-03-04T00:00:00Z");
    check(
        "york 1w 2024-03-06T05:00 2024-03-13T04:00",
        "after 2024-03-04T00:00:00Z",
    );
    check("york-night 1w 2024-03-03T22:00 2024-03-10T21:00", "fits");
    check("utc 1w 2024-03-03 2024-03-10", "fits");
    check("utc 1w 2024-03-10 2024-03-04 2024-03-11", "overlap");
    check("utc 2d 2024-03-06 2024-03-08", "fits");
    check("york 1M 2024-03-01T05:00 2024-04-01T04:00", "fits");
    check("utc 12M 2024-02-01 2025-02-01", "fits");
    check(
        "utc 1M 2024-03-01T01:00 2024-04-01T01:00",
        "after 2024-03-01T00:00:00Z",
    );
}

#[test]
fn bars_of_a_clock_are_as_long_as_their_timeframe_and_on_its_grid() {
    check("utc 1m 2024-03-08T14:31 2024-03-08T14:32", "fits");
    check(
        "utc 1m 2024-03-08T14:31 2024-03-08T14:33",
        "until 2024-03-08T14:32:00Z",
    );
    check(
        "utc 1h 2024-03-08T14:30 2024-03-08T15:30",
        "after 2024-03-08T14:00:00Z",
    );
    check("half 1h 2024-03-08T14:30 2024-03-08T15:30", "fits");
    check("half 4h 2024-03-08T00:30 2024-03-08T04:30", "fits");
    check("half 4h 2024-03-07T20:30 2024-03-08T00:30", "fits");
    check(
        "half 4h 2024-03-08T01:30 2024-03-08T05:30",
        "after 2024-03-08T00:30:00Z",
    );
    check(
        "utc 1h 2024-03-08T15:30 2024-03-08T15:00 2024-03-08T16:00",
        "overlap",
    );
    // 25 hours have no place in a day: they count from 1970.
    check("utc 25h 1970-01-02T01:00 1970-01-03T02:00", "fits");
    check(
        "utc 25h 1970-01-02T00:00 1970-01-03T01:00",
        "after 1970-01-01T00:00:00Z",
    );
}

#[test]
fn only_the_last_bar_of_a_session_may_be_short() {
    // Sessions begin the grid, in winter and in summer, and hours before them are on it.
    check("york 1h 2024-03-08T14:30 2024-03-08T15:30", "fits");
    check("york 1h 2024-03-11T13:30 2024-03-11T14:30", "fits");
    check("york 4h 2024-03-11T13:30 2024-03-11T17:30", "fits");
    // Cut at the session's end, or with the trade after it.
    check("york 4h 2024-03-11T17:30 2024-03-11T20:00", "fits");
    check("york 4h 2024-03-11T17:30 2024-03-11T21:30", "fits");
    check(
        "york 4h 2024-03-11T17:30 2024-03-11T20:30",
        "until 2024-03-11T21:30:00Z",
    );
    check(
        "york 4h 2024-03-11T14:30 2024-03-11T18:30",
        "after 2024-03-11T13:30:00Z",
    );
    check("york 1h 2024-03-08T13:30 2024-03-08T14:30", "fits");
    check("york 1h 2024-03-08T20:30 2024-03-08T21:00", "fits");
    check("york 1h 2024-03-08T20:30 2024-03-08T21:30", "fits");
    check(
        "york 1h 2024-03-08T19:30 2024-03-08T20:00",
        "until 2024-03-08T20:30:00Z",
    );
    check("york 1h 2024-07-03T16:30 2024-07-03T17:00", "fits");
    check(
        "york 1h 2024-07-02T16:30 2024-07-02T17:00",
        "until 2024-07-02T17:30:00Z",
    );
    check(
        "utc 1h 2024-03-08T20:00 2024-03-08T20:30",
        "until 2024-03-08T21:00:00Z",
    );
    // Around the clock a day of 23 hours ends with a short bar.
    check("york-midnight 4h 2024-03-11T01:00 2024-03-11T04:00", "fits");
    check("york-midnight 4h 2024-03-12T00:00 2024-03-12T04:00", "fits");
    check(
        "york-midnight 4h 2024-03-12T01:00 2024-03-12T04:00",
        "after 2024-03-12T00:00:00Z",
    );
}

/// Bars of 4h over a session of 6.5 hours closed in a backtest an hour and a half after the session, and live with it.
#[test]
fn a_bar_that_reaches_beyond_its_session_is_cut_at_its_end() {
    let cut = |case: &str, expect: &str| {
        let words: Vec<&str> = case.split_whitespace().collect();
        let (timeframe, calendar) = (words[1].parse().unwrap(), calendar(words[0]));
        let open = time(words[2]);
        let got = session_cut(timeframe, &calendar, open);
        let text = got.map_or_else(|| String::from("whole"), UnixNanos::rfc3339);
        assert_eq!(text, expect, "{case}");
        // A cut bar is one that every door takes.
        if let Some(close) = got {
            assert_eq!(
                check_bar(timeframe, &calendar, &bar(open, close), None),
                Ok(())
            );
        }
    };
    cut("york 4h 2024-03-08T14:30", "whole");
    cut("york 4h 2024-03-08T18:30", "2024-03-08T21:00:00Z");
    cut("york 4h 2024-03-11T17:30", "2024-03-11T20:00:00Z");
    cut("york 1h 2024-07-03T16:30", "2024-07-03T17:00:00Z");
    cut("york 30m 2024-03-08T20:30", "whole");
    // After the session there is nothing to end with.
    cut("york 1h 2024-03-08T21:00", "whole");
    cut("york 1d 2024-03-08T14:30", "whole");
    cut("york 1M 2024-03-01T14:30", "whole");
    // Around the clock only a day of 23 hours cuts, and lengths that do not divide a day have none.
    cut("york-midnight 4h 2024-03-11T01:00", "2024-03-11T04:00:00Z");
    cut("york-midnight 4h 2024-03-12T00:00", "whole");
    cut("utc 4h 2024-03-08T20:00", "whole");
    cut("utc 7h 2024-03-08T20:00", "whole");
    cut("york-midnight 7h 2024-03-08T20:00", "whole");
}

#[test]
fn times_at_the_ends_of_64_bits_are_refused_and_do_not_overflow() {
    for name in ["utc", "york", "half"] {
        for timeframe in ["1s", "7h", "1d", "4294967295d", "1M", "4294967295M"] {
            for (open, close) in [
                (i64::MIN, i64::MAX),
                (i64::MAX - 1, i64::MAX),
                (i64::MIN, i64::MIN + 1),
            ] {
                let Ok(timeframe) = timeframe.parse() else {
                    continue;
                };
                let bar = bar(UnixNanos(open), UnixNanos(close));
                let got = check_bar(timeframe, &calendar(name), &bar, Some(UnixNanos(i64::MAX)));
                assert!(got.is_err(), "{name} {timeframe} {open}");
                let cut = session_cut(timeframe, &calendar(name), bar.open_time);
                assert!(
                    cut.is_none_or(|cut| cut > bar.open_time),
                    "{name} {timeframe}"
                );
            }
        }
    }
}

proptest! {
    /// Against a model that lists every bar of a year hour by hour: a bar fits if and only if it is in the list.
    #[test]
    fn a_bar_fits_if_it_is_one_of_those_that_the_clocks_show(
        hours in prop::sample::select(vec![1_i64, 2, 3, 4, 6, 8, 12, 24]),
        open in 0_i64..24 * 366,
        length in 1_i64..30,
    ) {
        let hour = 3_600_000_000_000_i64;
        let york = calendar("york-midnight");
        let year = time("2024-01-01").0;
        // The model: walk over the hours, and begin anew at each local midnight.
        let local = |at: i64| (at + york.offset_at(UnixNanos(at))).rem_euclid(DAY_NANOS);
        let mut starts = vec![];
        let mut begun = 0;
        let from = year - 24 * hour;
        for place in 0..24 * 369 {
            let at = from + place * hour;
            if local(at) == 0 {
                begun = at;
            }
            // A day is whole, however many hours it has.
            let is_start = at == begun || hours != 24 && (at - begun) % (hours * hour) == 0;
            if begun != 0 && is_start {
                starts.push(at);
            }
        }
        let (open, close) = (year + open * hour, year + (open + length) * hour);
        let is_utc_date = hours == 24 && open % DAY_NANOS == 0 && close == open + DAY_NANOS;
        let is_one = starts.windows(2).any(|pair| pair == [open, close]);
        let timeframe = Timeframe::Fixed(hours * hour);
        let got = check_bar(timeframe, &york, &bar(UnixNanos(open), UnixNanos(close)), None);
        // The last bar of a day of 23 hours may be short or whole.
        let is_cut = close == open + hours * hour && starts.contains(&open) && hours != 24;
        prop_assert_eq!(got.is_ok(), is_one || is_utc_date || is_cut);
    }
}
