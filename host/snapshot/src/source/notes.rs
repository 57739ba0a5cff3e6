//! What was seen of a source's numbers while its rows were read, for the findings. It must never hold more than
//! a few values, however long the source is.

use crate::quality::findings::QualityRule;
use crate::source::number::{PointMeaning, WrittenNumber};
use crate::source::number_grid::plain_18;
use crate::source::row_error::{RowError, RowErrorCode};
use crate::store::manifest::LayerNote;

/// The numbers of one row of bars.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowNumbers {
    pub(crate) prices: [RowNumber; 4],
    /// `None` if the source has no volume.
    pub(crate) volume: Option<RowNumber>,
}

/// One number of a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowNumber {
    pub(crate) written: WrittenNumber,
    /// What was rounded away.
    pub(crate) away: i128,
}

/// Ten to the power of 15: a price of more digits, and with decimals, is the text of a binary float that is not
/// exact. No venue has so fine a grid.
const NOISE_DIGITS_MIN: i128 = 1_000_000_000_000_000;

impl RowNumber {
    /// Whether it seems to have the noise of a binary float, and is used with it.
    fn has_noise(self) -> bool {
        let number = self.written.number;
        self.away == 0 && number.decimals > 0 && number.digits.saturating_abs() >= NOISE_DIGITS_MIN
    }
}

/// How often something was seen, and on which line first.
#[derive(Clone, Copy, Debug, Default)]
struct SeenCount {
    count: u64,
    line: u64,
}

/// Whether the point in a kind of column could group thousands.
#[derive(Clone, Copy, Debug, Default)]
struct PointNotes {
    ambiguous: SeenCount,
    is_clear: bool,
}

/// The most decimals that the prices of a row are written with.
pub(crate) fn written_decimals(prices: &[RowNumber]) -> u8 {
    // A number that was rounded is not used as it was written.
    let used = prices.iter().filter(|price| price.away == 0);
    let decimals = used.map(|price| price.written.decimals_written);
    decimals.max().unwrap_or(0)
}

/// What was seen of all numbers so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct NumberNotes {
    currency: Option<(char, u64)>,
    abbreviated: SeenCount,
    noisy: SeenCount,
    rounded: SeenCount,
    away_max: i128,
    prices: PointNotes,
    volume: PointNotes,
}

impl SeenCount {
    fn note(&mut self, line: u64) {
        if self.count == 0 {
            self.line = line;
        }
        self.count = self.count.saturating_add(1);
    }

    fn as_note(self, rule: QualityRule, message: String) -> Option<LayerNote> {
        (self.count > 0).then(|| LayerNote {
            count: self.count,
            line: self.line,
            message,
            rule: rule.name().to_owned(),
        })
    }
}

impl PointNotes {
    fn note(&mut self, numbers: &[RowNumber], line: u64) {
        for number in numbers {
            match number.written.point {
                PointMeaning::Ambiguous => self.ambiguous.note(line),
                PointMeaning::Clear => self.is_clear = true,
                PointMeaning::Unknown => {}
            }
        }
    }

    fn seen(self) -> Option<SeenCount> {
        (!self.is_clear && self.ambiguous.count > 0).then_some(self.ambiguous)
    }
}

impl NumberNotes {
    /// Notes the numbers of a row.
    ///
    /// # Errors
    ///
    /// Returns [`RowError`] if the row is in another currency than those before it: read without their signs,
    /// dollars and euros would be one price.
    pub(crate) fn add(
        &mut self,
        prices: &[RowNumber],
        volume: Option<RowNumber>,
        line: u64,
    ) -> Result<(), RowError> {
        let all = || prices.iter().copied().chain(volume);
        for sign in all().filter_map(|number| number.written.currency) {
            let (first, first_line) = *self.currency.get_or_insert((sign, line));
            if first != sign {
                return Err(RowError {
                    code: RowErrorCode::Number,
                    message: format!(
                        "the currency is {sign}, and {first} in line {first_line}; split the file by currency"
                    ),
                });
            }
        }
        for number in all() {
            if number.written.is_abbreviated {
                self.abbreviated.note(line);
            }
            if number.away > 0 {
                self.rounded.note(line);
                self.away_max = self.away_max.max(number.away);
            }
        }
        if prices.iter().any(|price| price.has_noise()) {
            self.noisy.note(line);
        }
        self.prices.note(prices, line);
        self.volume.note(volume.as_slice(), line);
        Ok(())
    }

    /// Everything that was seen, in a few sentences.
    pub(crate) fn finish(&self) -> Vec<LayerNote> {
        let count = self.rounded.count;
        let rounded = self.rounded.as_note(
            QualityRule::Rounded,
            format!(
                "{} rounded half to even, by at most {}",
                if count == 1 {
                    "1 number was".to_owned()
                } else {
                    format!("{count} numbers were")
                },
                plain_18(self.away_max)
            ),
        );
        let count = self.noisy.count;
        let noisy = self.noisy.as_note(
            QualityRule::FloatNoise,
            format!(
                "{} prices of 16 digits or more, as binary floats leave them; round them with \
                 --price-scale and --round-prices",
                if count == 1 {
                    "1 row has".to_owned()
                } else {
                    format!("{count} rows have")
                }
            ),
        );
        let count = self.abbreviated.count;
        let abbreviated = self.abbreviated.as_note(
            QualityRule::AbbreviatedVolume,
            match count {
                1 => "1 volume ends in K, M, B or T: the source has rounded it".to_owned(),
                count => {
                    format!("{count} volumes end in K, M, B or T: the source has rounded them")
                }
            },
        );
        let currency = self.currency.and_then(|(sign, line)| {
            let seen = SeenCount { count: 1, line };
            seen.as_note(QualityRule::Currency, format!("prices are in {sign}"))
        });
        let ambiguous = [("prices", self.prices), ("volumes", self.volume)];
        let ambiguous = ambiguous.iter().filter_map(|(what, notes)| {
            let message = format!(
                "all {what} with a point look like 1.234, which could be 1234; they were read as decimals: state \
                 --decimal \".\" if they are, or --decimal \",\" --thousands \".\""
            );
            notes.seen()?.as_note(QualityRule::AmbiguousNumber, message)
        });
        let found: Vec<LayerNote> = ambiguous.collect();
        [rounded, noisy, abbreviated, currency]
            .into_iter()
            .flatten()
            .chain(found)
            .collect()
    }
}
