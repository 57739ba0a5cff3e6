//! The most decimals in the columns of a source. It must never round.

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
