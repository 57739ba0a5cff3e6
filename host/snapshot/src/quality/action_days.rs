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
    /// At the same hour of a local time.
    Local(ExchangeCalendar, TradingDayOpen),
    /// Bars of days begin at another hour, and no zone says on which date.
    Unknown {
        /// When the first of them begins.
        open: UnixNanos,
    },
}

/// When a trading day opens: its bar holds what happens on its date.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct TradingDayOpen {
    /// Nanoseconds after local midnight.
    nanos: i64,
    /// Days from the trading date to the local day of the open: -1 where trading begins on the evening before.
    days: i64,
}

impl TradingDayOpen {
    /// From when bars of days open.
    fn of(opens: &[UnixNanos], calendar: &ExchangeCalendar) -> Self {
        let nanos_of_day = |open: &UnixNanos| {
            let local = open.0.saturating_add(calendar.offset_at(*open));
            local.rem_euclid(DAY_NANOS)
        };
        // The latest, where clocks change and the bars' hour does not: no bar of the day before reaches it.
        let nanos = opens.iter().map(nanos_of_day).max().unwrap_or_default();
        // A day of stocks opens in the morning of its date, one of futures and currencies in the evening before.
        let days = if nanos < DAY_NANOS / 2 { 0 } else { -1 };
        Self { nanos, days }
    }
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
        // By instrument, when its bars open that are not dates.
        let mut opens: BTreeMap<&str, Vec<UnixNanos>> = BTreeMap::new();
        for instrument in instruments {
            let others = [instrument.first_open, instrument.last_open].into_iter();
            let others = others.filter(|open| open.0.rem_euclid(DAY_NANOS) != 0);
            opens.entry(&instrument.symbol).or_default().extend(others);
        }
        let day_start = |others: &[UnixNanos], calendar: Option<ExchangeCalendar>| {
            let is_stated = calendar.is_some() || *market != ExchangeCalendar::default();
            let calendar = calendar.unwrap_or_else(|| market.clone());
            if !spans_dates(timeframe) {
                // A split at midnight UTC would come before the last hours of New York's day.
                return DayStart::Local(calendar, TradingDayOpen::default());
            }
            match others.first() {
                None => DayStart::Dates,
                Some(open) if !is_stated => DayStart::Unknown { open: *open },
                Some(_) => {
                    let open = TradingDayOpen::of(others, &calendar);
                    DayStart::Local(calendar, open)
                }
            }
        };
        let mut own = BTreeMap::new();
        let mut common = Vec::new();
        for (symbol, others) in opens {
            let calendar = own_calendar(symbol)?;
            if calendar.is_none() {
                common.extend(&others);
            }
            own.insert(symbol.to_owned(), day_start(&others, calendar));
        }
        Ok(Self {
            common: day_start(&common, None),
            own,
        })
    }

    /// The moment at which a date begins for an instrument, or why that cannot be known.
    pub(crate) fn moment(&self, instrument: &str, date: CalendarDate) -> Result<UnixNanos, String> {
        let utc = ExchangeCalendar::default();
        let (calendar, open) = match self.own.get(instrument).unwrap_or(&self.common) {
            DayStart::Dates => (&utc, TradingDayOpen::default()),
            DayStart::Local(calendar, open) => (calendar, *open),
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
        // Within the bar of this trading date, and not at a midnight that is within the one before.
        let day = date.day_number().saturating_add(open.days);
        let moment = calendar.moment(day, open.nanos);
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
            DayStart::Local(..) | DayStart::Unknown { .. } => expected.on_local_days(),
        }
    }
}
