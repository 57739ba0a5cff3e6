//! When the dates of corporate actions begin, for each instrument as the days of its bars do. It must never know a
//! price.

use std::collections::BTreeMap;

use counterfoil_base::calendar_date::CalendarDate;
use counterfoil_trading::exchange_calendar::ExchangeCalendar;
use counterfoil_trading::time::{DAY_NANOS, Timeframe, UnixNanos};

use crate::error::IngestError;
use crate::quality::calendar::ExpectedBars;
use crate::quality::market_clock::spans_dates;
use crate::source::times::show;
use crate::store::manifest::LayerInstrument;

/// When days begin.
#[derive(Clone, Debug, Eq, PartialEq)]
enum DayStart {
    /// At midnight UTC: a date there stands for the trading day of any exchange.
    Dates,
    /// At midnight of a local time.
    Local(ExchangeCalendar),
    /// Bars of days begin at another hour, and no zone says on which date.
    Unknown {
        /// When the first of them begins.
        open: UnixNanos,
    },
}

/// When the days of each instrument begin.
#[derive(Clone, Debug)]
pub(crate) struct ActionDays {
    common: DayStart,
    own: BTreeMap<String, DayStart>,
}

impl Default for ActionDays {
    fn default() -> Self {
        Self {
            common: DayStart::Dates,
            own: BTreeMap::new(),
        }
    }
}

impl ActionDays {
    /// From the bars of all layers, the local time of the market, and that of an instrument with a calendar of its
    /// own.
    pub(crate) fn new<'a>(
        instruments: impl Iterator<Item = &'a LayerInstrument>,
        timeframe: Timeframe,
        market: &ExchangeCalendar,
        own_calendar: impl Fn(&str) -> Result<Option<ExchangeCalendar>, IngestError>,
    ) -> Result<Self, IngestError> {
        // By instrument, whether all its bars are dates, and when the first of the others opens.
        let mut opens: BTreeMap<&str, Option<UnixNanos>> = BTreeMap::new();
        for instrument in instruments {
            let other = [instrument.first_open, instrument.last_open]
                .into_iter()
                .find(|open| open.0.rem_euclid(DAY_NANOS) != 0);
            let known = opens.entry(&instrument.symbol).or_default();
            *known = known.or(other);
        }
        let day_start = |other: Option<UnixNanos>, calendar: Option<ExchangeCalendar>| {
            let Some(open) = other.filter(|_| spans_dates(timeframe)) else {
                // A split at midnight UTC would come before the last hours of New York's day.
                return if spans_dates(timeframe) {
                    DayStart::Dates
                } else {
                    DayStart::Local(calendar.unwrap_or_else(|| market.clone()))
                };
            };
            match calendar {
                Some(calendar) => DayStart::Local(calendar),
                None if *market == ExchangeCalendar::default() => DayStart::Unknown { open },
                None => DayStart::Local(market.clone()),
            }
        };
        let mut own = BTreeMap::new();
        let mut common = None;
        for (symbol, other) in opens {
            let calendar = own_calendar(symbol)?;
            if calendar.is_none() {
                common = common.or(other);
            }
            own.insert(symbol.to_owned(), day_start(other, calendar));
        }
        Ok(Self {
            common: day_start(common, None),
            own,
        })
    }

    /// The moment at which a date begins for an instrument, or why that cannot be known.
    pub(crate) fn moment(&self, instrument: &str, date: CalendarDate) -> Result<UnixNanos, String> {
        let utc = ExchangeCalendar::default();
        let calendar = match self.own.get(instrument).unwrap_or(&self.common) {
            DayStart::Dates => &utc,
            DayStart::Local(calendar) => calendar,
            // At midnight UTC a split would come a bar early or late.
            DayStart::Unknown { open } => {
                return Err(format!(
                    "bars of {instrument} begin at hours such as {}, and no zone shows which trading date that is: state \
                     it with --zone, such as America/New_York, or --calendar; or take the dates that the times show \
                     with \"time\": {{\"dates\": true}} in a mapping",
                    show(*open)
                ));
            }
        };
        let moment = calendar.moment(date.day_number(), 0);
        moment.ok_or_else(|| "the date is before 1677 or after 2262".to_owned())
    }

    /// The bars that an instrument's calendar expects, or that of all, on the days that its bars span.
    pub(crate) fn expected(
        &self,
        instrument: Option<&str>,
        expected: ExpectedBars,
    ) -> ExpectedBars {
        let own = instrument.and_then(|symbol| self.own.get(symbol));
        match own.unwrap_or(&self.common) {
            DayStart::Dates => expected,
            // For shorter bars it changes nothing.
            DayStart::Local(_) | DayStart::Unknown { .. } => expected.on_local_days(),
        }
    }
}
