//! Whether a bar is one of its run's timeframe: as long, at its place in the exchange's calendar, and after the bar
//! before it. It must never know where bars come from: every door asks it.

use alloc::vec::Vec;

use counterfoil_base::calendar_date::CalendarDate;

use crate::bar::RawBar;
use crate::exchange_calendar::{ExchangeCalendar, InstrumentCalendars};
use crate::instrument::InstrumentId;
use crate::time::{DAY_NANOS, Timeframe, UnixNanos};

/// Why a bar is none of its run's.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BarMisfit {
    /// The bar opens before the one before it closed.
    #[error(
        "the bar from {} to {} opens before the one before it closed at {}",
        open_time.rfc3339(), close_time.rfc3339(), previous_close.rfc3339()
    )]
    Overlap {
        open_time: UnixNanos,
        close_time: UnixNanos,
        /// Close time of the bar before.
        previous_close: UnixNanos,
    },
    /// The bar begins at no place of the timeframe's grid.
    #[error(
        "the bar from {} to {} is off the grid of {timeframe}; the last place before it is {}",
        open_time.rfc3339(), close_time.rfc3339(), before.rfc3339()
    )]
    OffGrid {
        open_time: UnixNanos,
        close_time: UnixNanos,
        timeframe: Timeframe,
        /// The last place of the grid before it.
        before: UnixNanos,
    },
    /// The bar begins at its place and is shorter or longer than the timeframe.
    #[error(
        "the bar from {} to {} is not one of {timeframe}, which would close at {}",
        open_time.rfc3339(), close_time.rfc3339(), expected_close.rfc3339()
    )]
    Length {
        open_time: UnixNanos,
        close_time: UnixNanos,
        timeframe: Timeframe,
        expected_close: UnixNanos,
    },
    /// The calendar does not reach as far.
    #[error("the bar's time lies outside 64 bits of nanoseconds (1677 to 2262)")]
    TimeTooFar,
    #[error("the manifest lists no instrument {}", id.0)]
    UnknownInstrument { id: InstrumentId },
}

/// Checks that a bar of an exchange fits a timeframe, after the instrument's last bar.
///
/// Bars of seconds, minutes and hours are exactly as long, on a grid from the calendar's anchor; the last one of a
/// session may end with it, or be whole: where trading goes on after sessions it holds that trade too, and only the
/// source of the bars knows. Bars of days, weeks and months span as many calendar days or months: from midnight UTC,
/// which stands for a trading date wherever the exchange is, or in local time from midnight or the anchor. Weeks begin
/// on Monday, or on Sunday where the exchange opens then; months on their first day. A daily bar may also be the session
/// alone.
///
/// # Errors
///
/// Returns [`BarMisfit`] for the first thing that does not hold.
pub fn check_bar(
    timeframe: Timeframe,
    calendar: &ExchangeCalendar,
    bar: &RawBar,
    previous_close: Option<UnixNanos>,
) -> Result<(), BarMisfit> {
    let (open_time, close_time) = (bar.open_time, bar.close_time);
    let checked = match timeframe {
        Timeframe::Fixed(nanos) if nanos.checked_rem(DAY_NANOS) != Some(0) => {
            check_clock_bar(timeframe, nanos, calendar, bar)
        }
        Timeframe::Fixed(_) | Timeframe::Months(_) => check_dates(timeframe, calendar, bar),
    };
    checked?;
    // Last: of a bar of another length this would be said as well, and the length is the reason.
    match previous_close {
        Some(previous_close) if open_time < previous_close => Err(BarMisfit::Overlap {
            open_time,
            close_time,
            previous_close,
        }),
        Some(_) | None => Ok(()),
    }
}

/// A bar of seconds, minutes or hours.
fn check_clock_bar(
    timeframe: Timeframe,
    nanos: i64,
    calendar: &ExchangeCalendar,
    bar: &RawBar,
) -> Result<(), BarMisfit> {
    let (open_time, close_time) = (bar.open_time, bar.close_time);
    let far = BarMisfit::TimeTooFar;
    let GridDay { day, mut start } = grid_day(calendar, open_time).ok_or(far.clone())?;
    // A length that does not divide a day has no grid of days unless sessions begin it anew.
    if has_no_days(calendar, nanos) {
        start = UnixNanos(calendar.anchor);
    }
    let past = open_time
        .0
        .checked_sub(start.0)
        .and_then(|since| since.checked_rem_euclid(nanos))
        .ok_or(far.clone())?;
    if past != 0 {
        return Err(BarMisfit::OffGrid {
            open_time,
            close_time,
            timeframe,
            before: UnixNanos(open_time.0.saturating_sub(past)),
        });
    }
    let expected_close = open_time.0.checked_add(nanos).map(UnixNanos).ok_or(far)?;
    let is_last = || close_time < expected_close && calendar.session_end(day) == Some(close_time);
    if close_time == expected_close || is_last() {
        return Ok(());
    }
    Err(BarMisfit::Length {
        open_time,
        close_time,
        timeframe,
        expected_close,
    })
}

/// A local day of the grid, and where its bars begin.
struct GridDay {
    day: i64,
    start: UnixNanos,
}

/// The day of the grid that holds a moment.
fn grid_day(calendar: &ExchangeCalendar, time: UnixNanos) -> Option<GridDay> {
    let day = calendar.local_day(time);
    let start = calendar.grid_start(day)?;
    // Without sessions a day of the grid lasts until the next one begins; with one, hours before it are part of the
    // grid too.
    if calendar.close.is_none() && time < start {
        let day = day.checked_sub(1)?;
        let start = calendar.grid_start(day)?;
        return Some(GridDay { day, start });
    }
    Some(GridDay { day, start })
}

/// Whether days do not begin the grid anew.
fn has_no_days(calendar: &ExchangeCalendar, nanos: i64) -> bool {
    calendar.close.is_none() && DAY_NANOS.checked_rem(nanos) != Some(0)
}

/// When a bar of seconds, minutes or hours closes that ends with its session: it opens before the session's end, and
/// its whole length would reach beyond. `None` for every other bar.
///
/// Its prices are known when the session ends, so orders of that moment must not wait for hours without trade.
#[must_use]
pub fn session_cut(
    timeframe: Timeframe,
    calendar: &ExchangeCalendar,
    open_time: UnixNanos,
) -> Option<UnixNanos> {
    let nanos = match timeframe {
        Timeframe::Fixed(nanos) if nanos.checked_rem(DAY_NANOS) != Some(0) => nanos,
        Timeframe::Fixed(_) | Timeframe::Months(_) => return None,
    };
    if has_no_days(calendar, nanos) {
        return None;
    }
    let end = calendar.session_end(grid_day(calendar, open_time)?.day)?;
    let whole = open_time.0.checked_add(nanos).map(UnixNanos)?;
    (open_time < end && end < whole).then_some(end)
}

/// Days in a week.
const WEEK_DAYS: i64 = 7;

/// Whether a bar of days, weeks or months may begin on a day. Weeks begin on Monday, or on Sunday where the exchange
/// opens then.
fn begins_on(timeframe: Timeframe, day: i64) -> bool {
    match timeframe {
        Timeframe::Fixed(nanos) => {
            let is_weeks = nanos.checked_rem(WEEK_DAYS.saturating_mul(DAY_NANOS)) == Some(0);
            // 1970-01-01 was a Thursday.
            let since_sunday = day.saturating_add(4).rem_euclid(WEEK_DAYS);
            !is_weeks || since_sunday <= 1
        }
        Timeframe::Months(_) => CalendarDate::of_day_number(day).day == 1,
    }
}

/// The day on which the next bar of days, weeks or months begins.
fn day_after(timeframe: Timeframe, day: i64) -> Option<i64> {
    match timeframe {
        Timeframe::Fixed(nanos) => day.checked_add(nanos.checked_div(DAY_NANOS)?),
        Timeframe::Months(months) => {
            let later = CalendarDate::of_day_number(day).months_later(months);
            Some(later.day_number())
        }
    }
}

/// The last place before a moment at which a bar of days, weeks or months may begin.
fn last_place(timeframe: Timeframe, time: UnixNanos) -> Option<UnixNanos> {
    let days = (0..=31).filter_map(|back| time.day().checked_sub(back));
    let begun = days.filter(|day| begins_on(timeframe, *day)).max()?;
    ExchangeCalendar::default().moment(begun, 0)
}

/// A bar of days, weeks or months.
fn check_dates(
    timeframe: Timeframe,
    calendar: &ExchangeCalendar,
    bar: &RawBar,
) -> Result<(), BarMisfit> {
    let (open_time, close_time) = (bar.open_time, bar.close_time);
    let utc = ExchangeCalendar::default();
    let day = calendar.local_day(open_time);
    let starts = [
        (&utc, open_time.day(), 0),
        (calendar, day, 0),
        (calendar, day, calendar.anchor),
    ];
    let mut begins_at = None;
    for (clock, day, anchor) in starts {
        if clock.moment(day, anchor) != Some(open_time) || !begins_on(timeframe, day) {
            continue;
        }
        let next = day_after(timeframe, day).and_then(|day| clock.moment(day, anchor));
        if next == Some(close_time) {
            return Ok(());
        }
        begins_at = begins_at.or(next);
    }
    let is_session = timeframe == Timeframe::Fixed(DAY_NANOS)
        && calendar.close.is_some()
        && calendar.grid_start(day) == Some(open_time)
        && calendar.session_end(day) == Some(close_time);
    if is_session {
        return Ok(());
    }
    if let Some(expected_close) = begins_at {
        return Err(BarMisfit::Length {
            open_time,
            close_time,
            timeframe,
            expected_close,
        });
    }
    Err(BarMisfit::OffGrid {
        open_time,
        close_time,
        timeframe,
        before: last_place(timeframe, open_time).ok_or(BarMisfit::TimeTooFar)?,
    })
}

/// The bars of a run so far: asked about each further one.
#[derive(Clone, Debug)]
pub struct BarSequence {
    timeframe: Timeframe,
    calendars: InstrumentCalendars,
    /// By instrument.
    last_closes: Vec<Option<UnixNanos>>,
}

impl BarSequence {
    /// The sequence of so many instruments, before their first bar.
    #[must_use]
    pub fn new(timeframe: Timeframe, calendars: InstrumentCalendars, instruments: usize) -> Self {
        Self {
            timeframe,
            calendars,
            last_closes: alloc::vec![None; instruments],
        }
    }

    /// Checks that a bar fits the timeframe and its instrument's last bar.
    ///
    /// # Errors
    ///
    /// As [`check_bar`], and for an instrument that is not of the run.
    pub fn check(&self, bar: &RawBar) -> Result<(), BarMisfit> {
        let (id, place) = (bar.instrument, bar.instrument.index());
        let unknown = BarMisfit::UnknownInstrument { id };
        let last = self.last_closes.get(place).ok_or(unknown.clone())?;
        let calendar = self.calendars.of(place).ok_or(unknown)?;
        check_bar(self.timeframe, calendar, bar, *last)
    }

    /// Remembers a bar that is taken.
    pub fn take(&mut self, bar: &RawBar) {
        if let Some(last) = self.last_closes.get_mut(bar.instrument.index()) {
            *last = (*last).max(Some(bar.close_time));
        }
    }
}

#[cfg(test)]
mod tests;
