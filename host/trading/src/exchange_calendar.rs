//! An exchange's local time and hours, as numbers: offsets from UTC by time, where its bars begin in a day, and when
//! its sessions end. It must never read a time zone database: the manifest states the offsets, so that a verifier of
//! any year takes the same bar for the same day.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use crate::time::{DAY_NANOS, UnixNanos};

/// From when local time is how far ahead of UTC.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UtcOffset {
    pub from: UnixNanos,
    /// Nanoseconds; below zero west of Greenwich.
    pub nanos: i64,
}

/// One exchange's local time and hours. The default is UTC, with bars from midnight and no sessions.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ExchangeCalendar {
    /// By time; the first one also holds before its time. Empty: UTC.
    pub offsets: Vec<UtcOffset>,
    /// Where the grid of bars begins in a local day: nanoseconds after midnight, less than a day.
    pub anchor: i64,
    /// When sessions end: nanoseconds after local midnight.
    pub close: Option<i64>,
    /// Sessions that end earlier, by number of the local day.
    pub early_closes: BTreeMap<i64, i64>,
}

impl ExchangeCalendar {
    /// Nanoseconds that local time is ahead of UTC at a moment.
    #[must_use]
    pub fn offset_at(&self, time: UnixNanos) -> i64 {
        let later = self.offsets.partition_point(|offset| offset.from <= time);
        let offset = self.offsets.get(later.saturating_sub(1));
        offset.map_or(0, |offset| offset.nanos)
    }

    /// The number of the local day that holds a moment; 1970-01-01 is 0.
    #[must_use]
    pub fn local_day(&self, time: UnixNanos) -> i64 {
        UnixNanos(time.0.saturating_add(self.offset_at(time))).day()
    }

    /// The moment at which clocks show so many nanoseconds after midnight of a local day. A time that they skip is
    /// the moment of the change or as much after it, and of two the earlier; `None` outside 64 bits of nanoseconds.
    #[must_use]
    pub fn moment(&self, day: i64, nanos_of_day: i64) -> Option<UnixNanos> {
        let local = day.checked_mul(DAY_NANOS)?.checked_add(nanos_of_day)?;
        // The calendar of most bars: nothing to look up.
        if self.offsets.is_empty() {
            return Some(UnixNanos(local));
        }
        // Clocks change by hours, so the offsets a day around are those before and after a change.
        let before = self.offset_at(UnixNanos(local.saturating_sub(DAY_NANOS)));
        let after = self.offset_at(UnixNanos(local.saturating_add(DAY_NANOS)));
        let at = |offset: i64| local.checked_sub(offset).map(UnixNanos);
        let is_so = |offset: i64| at(offset).is_some_and(|time| self.offset_at(time) == offset);
        if !is_so(before) && is_so(after) {
            return at(after);
        }
        at(before)
    }

    /// The moment at which the grid of a local day's bars begins.
    pub(crate) fn grid_start(&self, day: i64) -> Option<UnixNanos> {
        self.moment(day, self.anchor)
    }

    /// Whether a session ends at this moment.
    #[must_use]
    pub fn ends_session(&self, time: UnixNanos) -> bool {
        let day = self.local_day(UnixNanos(time.0.saturating_sub(1)));
        self.session_end(day) == Some(time)
    }

    /// Whether the session of a moment's local day has ended by then; never without sessions.
    #[must_use]
    pub fn is_after_session(&self, time: UnixNanos) -> bool {
        let end = self
            .close
            .and_then(|_| self.session_end(self.local_day(time)));
        end.is_some_and(|end| end <= time)
    }

    /// The end of a local day's session; without sessions the day ends where the grid of the next one begins.
    pub(crate) fn session_end(&self, day: i64) -> Option<UnixNanos> {
        match self.close {
            None => self.grid_start(day.checked_add(1)?),
            Some(close) => {
                let early = self.early_closes.get(&day);
                self.moment(day, early.copied().unwrap_or(close))
            }
        }
    }
}

/// The calendar of each instrument of a run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InstrumentCalendars {
    calendars: Vec<ExchangeCalendar>,
    /// By instrument, its place in `calendars`; beyond the end the first one holds.
    places: Vec<usize>,
}

impl Default for InstrumentCalendars {
    fn default() -> Self {
        Self::new(vec![ExchangeCalendar::default()], Vec::new())
    }
}

impl InstrumentCalendars {
    /// The calendars, and by instrument the place of its own.
    #[must_use]
    pub fn new(calendars: Vec<ExchangeCalendar>, places: Vec<usize>) -> Self {
        Self { calendars, places }
    }

    /// Every calendar.
    #[must_use]
    pub fn all(&self) -> &[ExchangeCalendar] {
        &self.calendars
    }

    /// The calendar of an instrument.
    #[must_use]
    pub fn of(&self, instrument: usize) -> Option<&ExchangeCalendar> {
        let place = self.places.get(instrument).copied().unwrap_or(0);
        self.calendars.get(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000_000;

    /// New York around the spring of 2024 and the autumn of 2024.
    fn york() -> ExchangeCalendar {
        let change = |seconds: i64, hours: i64| UtcOffset {
            from: UnixNanos(seconds * 1_000_000_000),
            nanos: hours * HOUR,
        };
        ExchangeCalendar {
            offsets: vec![
                change(0, -5),
                change(1_710_054_000, -4),
                change(1_730_613_600, -5),
            ],
            anchor: 9 * HOUR + HOUR / 2,
            close: Some(16 * HOUR),
            early_closes: BTreeMap::new(),
        }
    }

    #[test]
    fn local_times_follow_the_offsets() {
        let york = york();
        let check = |date: &str, hours: i64, expect: &str| {
            let date = counterfoil_base::calendar_date::CalendarDate::parse(date).unwrap();
            let moment = york.moment(date.day_number(), hours * HOUR).unwrap();
            assert_eq!(moment.rfc3339(), expect);
            assert_eq!(york.local_day(moment), date.day_number(), "{expect}");
        };
        check("2024-03-09", 0, "2024-03-09T05:00:00Z");
        check("2024-03-10", 0, "2024-03-10T05:00:00Z");
        // Skipped by the clocks: an hour later.
        check("2024-03-10", 2, "2024-03-10T07:00:00Z");
        check("2024-03-10", 3, "2024-03-10T07:00:00Z");
        check("2024-03-11", 0, "2024-03-11T04:00:00Z");
        check("2024-11-03", 0, "2024-11-03T04:00:00Z");
        // Shown twice by the clocks: the first time.
        check("2024-11-03", 1, "2024-11-03T05:00:00Z");
        check("2024-11-03", 2, "2024-11-03T07:00:00Z");
        check("2024-11-04", 0, "2024-11-04T05:00:00Z");
        assert_eq!(york.moment(i64::MAX, 0), None);
    }

    #[test]
    fn a_session_ends_at_its_close_or_earlier_and_else_with_the_day() {
        let mut york = york();
        york.early_closes.insert(19_908, 13 * HOUR);
        let text = |calendar: &ExchangeCalendar, day| calendar.session_end(day).unwrap().rfc3339();
        assert_eq!(text(&york, 19_907), "2024-07-03T20:00:00Z");
        assert_eq!(text(&york, 19_908), "2024-07-04T17:00:00Z");
        let utc = ExchangeCalendar::default();
        assert_eq!(text(&utc, 19_907), "2024-07-04T00:00:00Z");
    }
}
