//! The local time of the market that a snapshot's bars are of: from its calendar, or from the zone or offsets that its
//! sources state. It must never know a price.

use counterfoil_trading::exchange_calendar::{ExchangeCalendar, UtcOffset};
use counterfoil_trading::manifest::CalendarEntry;
use counterfoil_trading::time::{DAY_NANOS, Timeframe, UnixNanos};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::quality::findings::QualityRule;
use crate::source::row_offsets::{RowClock, changes};
use crate::source::times::{SourceClock, TimeParser};
use crate::source::zone::SourceZone;
use crate::store::manifest::{LayerInstrument, LayerNote};

/// How far beyond the last bar the changes of the clocks are stated, so that a live run may follow: ten years.
const AHEAD_NANOS: i64 = 3_653 * DAY_NANOS;

/// The zone of a source whose rows state offsets alone.
const OFFSETS_ZONE: &str = "offsets of the rows";

/// A market's local time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct MarketClock {
    /// The zone's name, for people.
    pub(crate) zone: String,
    pub(crate) calendar: ExchangeCalendar,
}

impl Default for MarketClock {
    fn default() -> Self {
        Self {
            zone: "UTC".to_owned(),
            calendar: ExchangeCalendar::default(),
        }
    }
}

/// The offsets of a zone from a moment until years after another.
pub(crate) fn zone_offsets(zone: &TimeZone, from: UnixNanos, to: UnixNanos) -> Vec<UtcOffset> {
    let to = to.0.saturating_add(AHEAD_NANOS);
    // Two days earlier: the day of the first bar begins before it.
    let from = from.0.saturating_sub(2 * DAY_NANOS);
    let Ok(first) = Timestamp::from_nanosecond(i128::from(from)) else {
        return Vec::new();
    };
    let nanos = |seconds: i32| i64::from(seconds).saturating_mul(1_000_000_000);
    let mut all = vec![UtcOffset {
        from: UnixNanos(from),
        nanos: nanos(zone.to_offset(first).seconds()),
    }];
    for change in zone.following(first) {
        let Ok(time) = i64::try_from(change.timestamp().as_nanosecond()) else {
            break;
        };
        if time > to {
            break;
        }
        all.push(UtcOffset {
            from: UnixNanos(time),
            nanos: nanos(change.offset().seconds()),
        });
    }
    changes(all)
}

/// The offsets of a source's clock: those of its zone, and what it is ahead of the zone.
fn source_offsets(zone: &SourceZone, from: UnixNanos, to: UnixNanos) -> Vec<UtcOffset> {
    let mut all = zone_offsets(zone.zone(), from, to);
    for offset in &mut all {
        offset.nanos = offset.nanos.saturating_add(zone.ahead_nanos());
    }
    all
}

/// The clock that the sources state, each with the open time of its first bar; `None` if none does.
pub(crate) fn stated_clock<'a>(
    sources: impl Iterator<Item = (&'a CalendarEntry, UnixNanos)>,
) -> Option<MarketClock> {
    let mut zone: Option<&str> = None;
    let mut all = Vec::new();
    for (entry, first_open) in sources {
        let calendar = entry.parse().ok()?;
        // Files of one vendor, month by month: each states the offsets of its own rows.
        zone = Some(match zone {
            Some(before) if before != entry.zone => OFFSETS_ZONE,
            _ => &entry.zone,
        });
        all.extend(calendar.offsets.into_iter().map(|offset| UtcOffset {
            from: offset.from.max(first_open),
            ..offset
        }));
    }
    Some(MarketClock {
        zone: zone?.to_owned(),
        calendar: ExchangeCalendar {
            offsets: changes(all),
            ..ExchangeCalendar::default()
        },
    })
}

/// Whether bars of a timeframe span dates, and not hours of a clock.
pub(crate) fn spans_dates(timeframe: Timeframe) -> bool {
    match timeframe {
        Timeframe::Fixed(nanos) => nanos.checked_rem(DAY_NANOS) == Some(0),
        Timeframe::Months(_) => true,
    }
}

impl MarketClock {
    /// Where a bar begins on the grid of its timeframe, by this clock.
    pub(crate) fn grid_place(&self, timeframe: Timeframe, open_time: UnixNanos) -> i64 {
        let local = open_time
            .0
            .saturating_add(self.calendar.offset_at(open_time));
        let of_day = local.rem_euclid(DAY_NANOS);
        match timeframe {
            Timeframe::Fixed(nanos) if nanos > 0 && !spans_dates(timeframe) => {
                let is_daily = DAY_NANOS.checked_rem(nanos) == Some(0);
                let from = if is_daily || self.calendar.close.is_some() {
                    of_day
                } else {
                    open_time.0
                };
                from.checked_rem_euclid(nanos).unwrap_or(0)
            }
            // A date in UTC stands for the trading day of any exchange.
            Timeframe::Fixed(_) | Timeframe::Months(_) => {
                if open_time.0.rem_euclid(DAY_NANOS) == 0 {
                    self.calendar.anchor
                } else {
                    of_day
                }
            }
        }
    }

    /// The calendar of an instrument most of whose bars begin at a place of the grid.
    pub(crate) fn anchored_at(&self, timeframe: Timeframe, place: i64) -> ExchangeCalendar {
        let own = match timeframe {
            Timeframe::Fixed(nanos) if !spans_dates(timeframe) => {
                self.calendar.anchor.checked_rem_euclid(nanos)
            }
            Timeframe::Fixed(_) | Timeframe::Months(_) => Some(self.calendar.anchor),
        };
        // The venue's opening where bars begin there; hours of the clock where a vendor cuts them so.
        let anchor = if own == Some(place) {
            self.calendar.anchor
        } else {
            place
        };
        ExchangeCalendar {
            anchor,
            ..self.calendar.clone()
        }
    }
}

/// An offset from UTC as ISO 8601 writes it.
fn offset_text(nanos: i64) -> String {
    let sign = if nanos < 0 { '-' } else { '+' };
    let minutes = nanos.unsigned_abs() / 60_000_000_000;
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

/// Two offsets of a source's rows that no one zone has, as text.
pub(crate) fn several_zones(times: &TimeParser) -> Option<[String; 2]> {
    match times.clock() {
        SourceClock::Rows(RowClock::SeveralZones(two)) => Some(two.map(offset_text)),
        SourceClock::Zone(_) | SourceClock::Rows(RowClock::Unstated | RowClock::Offsets(_)) => None,
    }
}

/// The local time of a source's rows, and a note if it cannot be known.
pub(crate) fn source_calendar(times: &TimeParser) -> (ExchangeCalendar, Option<LayerNote>) {
    let (offsets, note) = match times.clock() {
        SourceClock::Zone(zone) => {
            // All changes that the calendar knows: the bars are not converted yet.
            let ends = [UnixNanos(i64::MIN), UnixNanos(i64::MAX)];
            (source_offsets(&zone, ends[0], ends[1]), None)
        }
        SourceClock::Rows(RowClock::Unstated) => (Vec::new(), None),
        SourceClock::Rows(RowClock::Offsets(offsets)) => (offsets, None),
        SourceClock::Rows(RowClock::SeveralZones(two)) => {
            let [one, other] = two.map(offset_text);
            let message = format!(
                "rows of one week have the offsets {one} and {other}, which no one zone has: dates of actions and \
                 sessions are taken as UTC; ingest the rows of each exchange from a file of its own, or if they are of \
                 one, state its zone with --zone"
            );
            let note = LayerNote {
                count: 1,
                line: 0,
                message,
                rule: QualityRule::SeveralZones.name().to_owned(),
            };
            (Vec::new(), Some(note))
        }
    };
    let calendar = ExchangeCalendar {
        offsets,
        ..ExchangeCalendar::default()
    };
    (calendar, note)
}

/// The local time that a source states, around the time of its bars.
pub(crate) fn stated_calendar(
    times: &TimeParser,
    instruments: &[LayerInstrument],
) -> Option<CalendarEntry> {
    let first = instruments.iter().map(|one| one.first_open).min()?;
    let last = instruments.iter().map(|one| one.last_close).max()?;
    let (zone, offsets) = match times.clock() {
        SourceClock::Zone(zone) => (zone.name().to_owned(), source_offsets(&zone, first, last)),
        SourceClock::Rows(RowClock::Offsets(offsets)) => (OFFSETS_ZONE.to_owned(), offsets),
        SourceClock::Rows(RowClock::Unstated | RowClock::SeveralZones(_)) => return None,
    };
    // UTC is what dates are in without a word.
    if offsets.iter().all(|offset| offset.nanos == 0) {
        return None;
    }
    let calendar = ExchangeCalendar {
        offsets,
        ..ExchangeCalendar::default()
    };
    Some(CalendarEntry::of(&zone, &calendar))
}
