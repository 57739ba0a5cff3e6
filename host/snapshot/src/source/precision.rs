//! The most decimals in the columns of a source, by ticker. It must never round.

use std::collections::BTreeMap;

/// The most decimals of a column, and the first line that has them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Precision {
    pub(crate) decimals: u8,
    /// 0 where no row or an option decided.
    pub(crate) line: u64,
}

/// The most decimals in prices and in volume.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct MaxPrecision {
    pub(crate) price: Precision,
    pub(crate) volume: Precision,
    /// Of prices as they are written, with the zeros at their end.
    pub(crate) written: Precision,
}

/// The most decimals of each ticker.
#[derive(Debug, Default)]
pub(crate) struct TickerPrecision {
    pub(crate) by_ticker: BTreeMap<String, MaxPrecision>,
}

impl TickerPrecision {
    /// The most of an instrument that had these tickers.
    pub(crate) fn of<'a>(&self, tickers: impl Iterator<Item = &'a str>) -> MaxPrecision {
        let mut all = MaxPrecision::default();
        for one in tickers.filter_map(|ticker| self.by_ticker.get(ticker)) {
            all.price.note(one.price.decimals, one.price.line);
            all.volume.note(one.volume.decimals, one.volume.line);
            all.written.note(one.written.decimals, one.written.line);
        }
        all
    }
}

/// The most decimals that the prices of each ticker are written with, by its number.
#[derive(Debug, Default)]
pub(crate) struct WrittenPrecision {
    by_number: Vec<Precision>,
}

impl WrittenPrecision {
    /// Takes the decimals of a row.
    pub(crate) fn note(&mut self, number: u32, decimals: u8, line: u64) {
        let Ok(place) = usize::try_from(number) else {
            return;
        };
        if place >= self.by_number.len() {
            // Numbers are given one after the other.
            self.by_number
                .resize(place.saturating_add(1), Precision::default());
        }
        if let Some(known) = self.by_number.get_mut(place) {
            known.note(decimals, line);
        }
    }

    pub(crate) fn of(&self, number: u32) -> Precision {
        let place = usize::try_from(number).ok();
        let known = place.and_then(|place| self.by_number.get(place));
        known.copied().unwrap_or_default()
    }
}

impl MaxPrecision {
    /// Takes the scales of a line, in any sequence of lines.
    pub(crate) fn note(&mut self, price_scale: u8, volume_scale: u8, line: u64) {
        self.price.note(price_scale, line);
        self.volume.note(volume_scale, line);
    }

    pub(crate) fn with_written(self, written: Precision) -> Self {
        Self { written, ..self }
    }
}

impl Precision {
    pub(crate) fn note(&mut self, decimals: u8, line: u64) {
        // Rows come in sequence of time, not of lines: among equals the earliest line is named, so
        // that the message is the same whatever the sequence.
        // Lines begin at 1, so a line of 0 means that none was seen.
        let is_first = self.line == 0;
        let is_earlier = decimals == self.decimals && line < self.line;
        if is_first || decimals > self.decimals || is_earlier {
            *self = Self { decimals, line };
        }
    }
}
