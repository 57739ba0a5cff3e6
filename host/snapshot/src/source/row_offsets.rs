//! The offsets from UTC that the rows of a source state, as a list of changes: the exchange's local time where no zone
//! is named. It must never guess a zone.

use std::collections::BTreeMap;

use counterfoil_trading::exchange_calendar::UtcOffset;
use counterfoil_trading::manifest::OFFSETS_MAX;
use counterfoil_trading::time::UnixNanos;

/// Days with an offset that are kept: a bound on memory, three hundred years of days.
const DAYS_MAX: usize = 100_000;

/// By day, the first moment with each offset.
#[derive(Debug, Default)]
pub(crate) struct RowOffsets {
    first: BTreeMap<(i64, i64), i64>,
    /// The day and offset of the row before: most rows repeat it.
    last: Option<(i64, i64)>,
    is_over: bool,
}

/// The local time that rows show.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum RowClock {
    /// No row states an offset.
    Unstated,
    /// By time.
    Offsets(Vec<UtcOffset>),
    /// The offsets change more often than the clocks of one zone; two of them, in nanoseconds.
    SeveralZones([i64; 2]),
}

impl RowOffsets {
    /// Notes the offset of a row, in nanoseconds.
    pub(crate) fn note(&mut self, time: i64, offset: i64) {
        let key = (UnixNanos(time).day(), offset);
        let is_known = self.last.replace(key) == Some(key) && self.first.get(&key) <= Some(&time);
        if is_known || self.is_over {
            return;
        }
        if self.first.len() >= DAYS_MAX && !self.first.contains_key(&key) {
            self.is_over = true;
            return;
        }
        let first = self.first.entry(key).or_insert(time);
        *first = (*first).min(time);
    }

    pub(crate) fn clock(&self) -> RowClock {
        let all = self.first.iter().map(|((_, offset), time)| UtcOffset {
            from: UnixNanos(*time),
            nanos: *offset,
        });
        let offsets = changes(all.collect());
        match offsets.len() {
            0 => RowClock::Unstated,
            count if self.is_over || count > OFFSETS_MAX => {
                let offset = |place: usize| offsets.get(place).map_or(0, |offset| offset.nanos);
                RowClock::SeveralZones([offset(0), offset(1)])
            }
            _ => {
                // The clocks of a zone change a few times a year. What changes within a week is rows of two zones.
                let week = 7 * counterfoil_trading::time::DAY_NANOS;
                let mut pairs = offsets.iter().skip(1).zip(offsets.iter().skip(2));
                let is_close =
                    |(a, b): (&UtcOffset, &UtcOffset)| b.from.0.saturating_sub(a.from.0) < week;
                if let Some((a, b)) = pairs.find(|pair| is_close(*pair)) {
                    return RowClock::SeveralZones([a.nanos, b.nanos]);
                }
                RowClock::Offsets(offsets)
            }
        }
    }
}

/// Offsets by time, without those that change nothing.
pub(crate) fn changes(mut all: Vec<UtcOffset>) -> Vec<UtcOffset> {
    all.sort_by_key(|offset| (offset.from, offset.nanos));
    all.dedup_by(|next, before| next.nanos == before.nanos);
    all
}

/// The offset at the end of an ISO 8601 time, in nanoseconds: `-05:00`, `-0500`, `+09`.
pub(crate) fn stated_offset(text: &str) -> Option<i64> {
    offset_in(text.get(10..)?)
}

/// The offset at the end of a clock time, or alone.
pub(crate) fn offset_in(clock: &str) -> Option<i64> {
    let place = clock.rfind(['+', '-'])?;
    let (sign, digits) = clock.get(place..)?.split_at(1);
    let digits: String = digits.chars().filter(|sign| *sign != ':').collect();
    let part = |from: usize| digits.get(from..from.checked_add(2)?)?.parse::<i64>().ok();
    let hours = part(0)?;
    let minutes = if digits.len() >= 4 { part(2)? } else { 0 };
    let seconds = hours
        .checked_mul(3_600)?
        .checked_add(minutes.checked_mul(60)?)?;
    let nanos = seconds.checked_mul(1_000_000_000)?;
    if sign == "-" {
        nanos.checked_neg()
    } else {
        Some(nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000_000;

    #[track_caller]
    fn check(rows: &[(i64, i64)], expect: &str) {
        let mut offsets = RowOffsets::default();
        for (hours, offset) in rows {
            offsets.note(hours * HOUR, offset * HOUR);
        }
        let got = match offsets.clock() {
            RowClock::Unstated => "unstated".to_owned(),
            RowClock::SeveralZones(two) => {
                let hours = two.map(|offset| offset / HOUR);
                format!("several: {hours:?}")
            }
            RowClock::Offsets(offsets) => {
                let text = |offset: &UtcOffset| {
                    format!("{}:{}", offset.from.0 / HOUR, offset.nanos / HOUR)
                };
                offsets.iter().map(text).collect::<Vec<_>>().join(" ")
            }
        };
        assert_eq!(got, expect, "{rows:?}");
    }

    #[test]
    fn offsets_become_changes_in_whatever_sequence_rows_come() {
        check(&[], "unstated");
        check(&[(5, -5), (29, -5)], "5:-5");
        let year = 365 * 24;
        check(
            &[(5, -5), (3_000, -4), (year - 1, -5)],
            "5:-5 3000:-4 8759:-5",
        );
        check(
            &[(year - 1, -5), (3_000, -4), (5, -5), (2_999, -5)],
            "5:-5 3000:-4 8759:-5",
        );
        // On the day of a change.
        check(&[(5, -5), (6, -5), (7, -4), (8, -4)], "5:-5 7:-4");
    }

    #[test]
    fn rows_of_two_zones_show_no_local_time() {
        check(&[(5, -5), (29, 9), (53, -5), (77, 9)], "several: [9, -5]");
    }

    #[test]
    fn an_offset_is_read_from_the_end_of_a_time() {
        let minutes = |text| stated_offset(text).map(|nanos| nanos / (HOUR / 60));
        assert_eq!(minutes("2024-03-08 00:00:00-05:00"), Some(-300));
        assert_eq!(minutes("2024-03-08T00:00:00+0530"), Some(330));
        assert_eq!(minutes("2024-03-08T00:00:00+09"), Some(540));
        assert_eq!(minutes("2024-03-08T00:00:00Z"), None);
        assert_eq!(minutes("2024-03-08"), None);
    }
}
