//! The run's instruments under a venue's symbols. It must never know which venue.

use counterfoil_trading::bar::{ClosedBar, RawBar};
use counterfoil_trading::instrument::{Instrument, InstrumentId};
use counterfoil_trading::time::{Timeframe, UnixNanos};
use counterfoil_trading::units::{Price, Volume};
use serde_json::value::RawValue;

use crate::field::{FieldError, number, shown};

/// The instruments in the manifest's sequence, each with the venue's symbol.
#[derive(Clone, Debug)]
pub struct Listings {
    all: Vec<(Instrument, String)>,
    timeframe_nanos: i64,
}

/// Why instruments cannot be listed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ListingError {
    /// Two instruments under one symbol: a bar could belong to either.
    #[error("two instruments have the venue's symbol {symbol:?}")]
    Twice { symbol: String },
    /// Not a symbol.
    #[error("invalid symbol {symbol:?}: use letters, digits and . - / only")]
    Symbol { symbol: String },
    /// The venue's stream has no bars of this length.
    #[error("{venue} has no bars of {timeframe}; it has {known}")]
    Timeframe {
        venue: &'static str,
        /// The timeframe requested.
        timeframe: Timeframe,
        known: &'static str,
    },
}

/// Prices and volume of a bar, in a venue's JSON.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BarFields<'a> {
    /// The venue's names of open, high, low, close and volume.
    pub(crate) names: [&'static str; 5],
    /// Their values, in the same sequence.
    pub(crate) values: [Option<&'a RawValue>; 5],
}

impl Listings {
    /// The listings of a run whose bars have one fixed length.
    ///
    /// # Errors
    ///
    /// Returns [`ListingError`] if a symbol is invalid or used twice, or the length is one of
    /// calendar months.
    pub fn new(all: Vec<(Instrument, String)>, timeframe: Timeframe) -> Result<Self, ListingError> {
        let Timeframe::Fixed(timeframe_nanos) = timeframe else {
            return Err(ListingError::Timeframe {
                venue: "a feed",
                timeframe,
                known: "bars of a fixed length",
            });
        };
        let mut seen = std::collections::BTreeSet::new();
        for (_, symbol) in &all {
            // Symbols become part of URLs and of subscriptions, unescaped.
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-/".contains(&byte);
            if symbol.is_empty() || !symbol.bytes().all(plain) {
                return Err(ListingError::Symbol {
                    symbol: shown(symbol),
                });
            }
            if !seen.insert(symbol.clone()) {
                return Err(ListingError::Twice {
                    symbol: symbol.clone(),
                });
            }
        }
        Ok(Self {
            all,
            timeframe_nanos,
        })
    }

    /// The length of a bar in nanoseconds.
    #[must_use]
    pub const fn timeframe_nanos(&self) -> i64 {
        self.timeframe_nanos
    }

    /// The length of a bar.
    #[must_use]
    pub const fn timeframe(&self) -> Timeframe {
        Timeframe::Fixed(self.timeframe_nanos)
    }

    /// The id of every instrument.
    pub fn ids(&self) -> impl Iterator<Item = InstrumentId> + '_ {
        (0_u32..).zip(&self.all).map(|(id, _)| InstrumentId(id))
    }

    /// The venue's symbols, in the sequence of the instruments.
    pub fn symbols(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|(_, symbol)| symbol.as_str())
    }

    /// The venue's symbol of an instrument.
    #[must_use]
    pub fn symbol(&self, id: InstrumentId) -> Option<&str> {
        self.get(id).map(|(_, symbol)| symbol.as_str())
    }

    /// The venue's symbol of an instrument that the run must have.
    pub(crate) fn required_symbol(&self, id: InstrumentId) -> Result<&str, FieldError> {
        self.symbol(id)
            .ok_or_else(|| FieldError::new("symbol", "the run has no such instrument"))
    }

    /// The instrument with this id.
    #[must_use]
    pub fn instrument(&self, id: InstrumentId) -> Option<&Instrument> {
        self.get(id).map(|(instrument, _)| instrument)
    }

    fn get(&self, id: InstrumentId) -> Option<&(Instrument, String)> {
        self.all.get(usize::try_from(id.0).ok()?)
    }

    /// The instrument with this symbol at the venue.
    pub(crate) fn find(
        &self,
        field: &str,
        symbol: &str,
    ) -> Result<(InstrumentId, &Instrument), FieldError> {
        let (id, (instrument, _)) = (0_u32..)
            .zip(&self.all)
            .find(|(_, (_, own))| own == symbol)
            .ok_or_else(|| FieldError::new(field, format!("the run has no {:?}", shown(symbol))))?;
        Ok((InstrumentId(id), instrument))
    }

    /// A closed bar of an instrument, from its open time and the venue's texts.
    ///
    /// The caller guarantees that the interval is over; this guarantees that it is one of the run's
    /// intervals and that every value is exact at the instrument's scales. `time_field` names the
    /// open time in errors.
    pub(crate) fn bar(
        &self,
        id: InstrumentId,
        time_field: &str,
        open_time: UnixNanos,
        values: BarFields<'_>,
    ) -> Result<ClosedBar, FieldError> {
        let (instrument, _) = self
            .get(id)
            .ok_or_else(|| FieldError::new(time_field, "the run has no such instrument"))?;
        if open_time.past_grid(self.timeframe_nanos) != Some(0) {
            return Err(FieldError::new(
                time_field,
                "is not the start of an interval",
            ));
        }
        let close_time = open_time
            .0
            .checked_add(self.timeframe_nanos)
            .map(UnixNanos)
            .ok_or_else(|| FieldError::new(time_field, "is too far from 1970"))?;
        let [open, high, low, close, volume] = values.values;
        let [open_name, high_name, low_name, close_name, volume_name] = values.names;
        let price = |name, raw| number(name, raw, instrument.price_scale()).map(Price);
        let raw = RawBar {
            instrument: id,
            open_time,
            close_time,
            open: price(open_name, open)?,
            high: price(high_name, high)?,
            low: price(low_name, low)?,
            close: price(close_name, close)?,
            volume: Volume(number(volume_name, volume, instrument.volume_scale())?),
        };
        ClosedBar::parse_in(raw, instrument.prices()).map_err(|error| FieldError::new("bar", error))
    }
}
