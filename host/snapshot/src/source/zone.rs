//! The zone of times that state none: a named one, a fixed offset, or a named one's clock moved by some hours. It
//! must never ask the machine for its zones.

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};

/// Seconds in a day: no clock is moved by more.
const SHIFT_SECONDS_MAX: i64 = 86_400;

/// A zone, and by how much the source's clock is ahead of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SourceZone {
    /// As it is stated, for people.
    name: String,
    zone: TimeZone,
    /// Servers of forex brokers change clocks when New York does, and are seven hours ahead of it: no named zone
    /// does this.
    ahead: SignedDuration,
}

impl Default for SourceZone {
    fn default() -> Self {
        Self {
            name: "UTC".to_owned(),
            zone: TimeZone::UTC,
            ahead: SignedDuration::ZERO,
        }
    }
}

impl SourceZone {
    /// `America/New_York`, `-05:00`, or `America/New_York+07:00`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let Some((name, seconds)) = split_offset(text) else {
            return Self::named(text);
        };
        if name.is_empty() {
            let offset = i32::try_from(seconds)
                .ok()
                .and_then(|seconds| Offset::from_seconds(seconds).ok());
            return Ok(Self {
                name: text.to_owned(),
                zone: TimeZone::fixed(offset.ok_or_else(|| unknown(text))?),
                ahead: SignedDuration::ZERO,
            });
        }
        Ok(Self {
            name: text.to_owned(),
            ahead: SignedDuration::from_secs(seconds),
            ..Self::named(name)?
        })
    }

    /// A zone by its name.
    pub(crate) fn named(name: &str) -> Result<Self, String> {
        let zone = named_zone(name)?;
        Ok(Self {
            // In the database's own spelling: it takes names in any case.
            name: zone.iana_name().unwrap_or(name).to_owned(),
            zone,
            ahead: SignedDuration::ZERO,
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The zone whose changes of the clock the source's follows.
    pub(crate) fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// By how many nanoseconds the source's clock is ahead of the zone's.
    pub(crate) fn ahead_nanos(&self) -> i64 {
        i64::try_from(self.ahead.as_nanos()).unwrap_or(0)
    }

    /// Nanoseconds since 1970 of a local time. One that the clocks showed twice or never is an error and not
    /// guessed.
    pub(crate) fn nanos(&self, civil: DateTime, text: &str) -> Result<i64, String> {
        let civil = civil.checked_sub(self.ahead).map_err(|_| too_far(text))?;
        let ambiguous = self.zone.to_ambiguous_timestamp(civil);
        if ambiguous.is_ambiguous() {
            return Err(format!(
                "{text:?} is a time that clocks of the zone showed twice or never; give it with an offset"
            ));
        }
        let moment = ambiguous.unambiguous().ok();
        moment.and_then(narrow).ok_or_else(|| too_far(text))
    }
}

/// A zone of the database that is compiled in.
pub(crate) fn named_zone(name: &str) -> Result<TimeZone, String> {
    // The bundled database and not the machine's: rules of past years differ between machines, and
    // the same file would give two snapshots.
    TimeZoneDatabase::bundled()
        .get(name)
        .map_err(|_| unknown(name))
}

pub(crate) fn too_far(text: &str) -> String {
    format!("{text:?} is before 1677 or after 2262")
}

pub(crate) fn narrow(moment: Timestamp) -> Option<i64> {
    i64::try_from(moment.as_nanosecond()).ok()
}

fn unknown(name: &str) -> String {
    format!(
        "unknown time zone {name:?}; use an IANA name such as America/New_York, UTC, or an offset such as -05:00"
    )
}

/// The name before an offset such as `+07:00`, and the offset's seconds. `Etc/GMT+5` is a name as it is.
fn split_offset(text: &str) -> Option<(&str, i64)> {
    let at = text.rfind(['+', '-'])?;
    let (name, offset) = text.split_at_checked(at)?;
    let sign = if offset.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = offset.get(1..)?.split_once(':')?;
    let number = |text: &str| {
        let is_number = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<i64>().ok().filter(|_| is_number)
    };
    let (hours, minutes) = (number(hours)?, number(minutes).filter(|part| *part < 60)?);
    let seconds = hours
        .checked_mul(3_600)?
        .checked_add(minutes.checked_mul(60)?)?;
    (seconds < SHIFT_SECONDS_MAX).then_some((name, seconds.checked_mul(sign)?))
}

#[cfg(test)]
mod tests {
    use counterfoil_trading::time::UnixNanos;

    use super::*;

    #[track_caller]
    fn check(zone: &str, time: &str, expect: &str) {
        let got = SourceZone::parse(zone).and_then(|zone| zone.nanos(time.parse().unwrap(), time));
        let got = got.map_or_else(|error| error, |nanos| UnixNanos(nanos).date_or_time());
        assert!(got.contains(expect), "{zone} {time}: {got}");
    }

    #[test]
    fn a_clock_is_a_zone_an_offset_or_both() {
        check(
            "America/New_York",
            "2024-07-01T09:30",
            "2024-07-01T13:30:00Z",
        );
        check("-05:00", "2024-07-01T09:30", "2024-07-01T14:30:00Z");
        check("+05:30", "2024-07-01T09:30", "2024-07-01T04:00:00Z");
        check("Etc/GMT+5", "2024-07-01T09:30", "2024-07-01T14:30:00Z");
        // Open of the forex week, Sunday 17:00 in New York, in summer and in winter.
        check(
            "America/New_York+07:00",
            "2024-07-01T00:00",
            "2024-06-30T21:00:00Z",
        );
        check(
            "America/New_York+07:00",
            "2024-01-08T00:00",
            "2024-01-07T22:00:00Z",
        );
        check("America/New_York", "2024-03-10T02:30", "twice or never");
        check("EDT", "2024-07-01T09:30", "unknown time zone \"EDT\"");
        check("+25:00", "2024-07-01T09:30", "unknown time zone \"+25:00\"");
        check("+05:60", "2024-07-01T09:30", "unknown time zone \"+05:60\"");
    }
}
