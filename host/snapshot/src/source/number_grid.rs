//! The grid that prices or volumes must be on, and the rule by which those beside it are rounded. Nothing is
//! rounded unless the caller asks for it, and never by more than the caller allows.

use counterfoil_trading::decimal::{self, SCALE_MAX};

use crate::error::IngestError;
use crate::source::number::{ExactNumber, NumberColumn};
use crate::source::options::IngestOptions;
use crate::source::row_error::{RowError, RowErrorCode};

/// The largest distance that a rule may round away: beyond it a product of 128 bits could overflow.
const ROUND_AWAY_MAX: i128 = 1_000_000 * ONE;

/// One, at [`SCALE_MAX`].
const ONE: i128 = 1_000_000_000_000_000_000;

/// The grid that the caller asks for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NumberGrid {
    /// Decimals, if given.
    pub(crate) scale: Option<u8>,
    /// The tick at [`SCALE_MAX`], if given.
    pub(crate) tick: Option<i128>,
    /// The most that may be rounded away, at [`SCALE_MAX`]; without it nothing is rounded.
    pub(crate) round: Option<i128>,
    /// The option that states `round`, for messages.
    flag: &'static str,
}

/// A number on the grid.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GridNumber {
    pub(crate) number: ExactNumber,
    /// What was rounded away, at [`SCALE_MAX`] and rounded up; 0 if the number was on the grid.
    pub(crate) away: i128,
}

/// A number beside the grid: its nearest neighbour there, and how far that is.
struct NearestStep {
    number: ExactNumber,
    away: ExactNumber,
}

impl NumberGrid {
    /// The grid of prices, or what is wrong with the options.
    pub(crate) fn of_prices(options: &IngestOptions) -> Result<Self, IngestError> {
        let scale = checked_scale("price-scale", options.price_scale)?;
        let tick = options.tick.as_deref().map(|text| {
            let error = |reason| IngestError::Option {
                option: "tick",
                reason,
            };
            let coarsest = scale.unwrap_or(SCALE_MAX);
            decimal::parse(text, coarsest).map_err(|source| error(source.to_string()))?;
            let tick =
                decimal::parse(text, SCALE_MAX).map_err(|source| error(source.to_string()))?;
            if tick <= 0 {
                return Err(error(format!("{text} is not above zero")));
            }
            Ok(tick)
        });
        let tick = tick.transpose()?;
        let round = round_away("round-prices", options.round_prices.as_deref())?;
        if round.is_some() && scale.is_none() && tick.is_none() {
            return Err(IngestError::Option {
                option: "round-prices",
                reason: "prices are rounded to a grid; state it with --price-scale or --tick"
                    .to_owned(),
            });
        }
        Ok(Self {
            scale,
            tick,
            round,
            flag: "--round-prices",
        })
    }

    /// The grid of volumes, or what is wrong with the options.
    pub(crate) fn of_volumes(options: &IngestOptions) -> Result<Self, IngestError> {
        let scale = checked_scale("volume-scale", options.volume_scale)?;
        let round = round_away("round-volumes", options.round_volumes.as_deref())?;
        if round.is_some() && scale.is_none() {
            return Err(IngestError::Option {
                option: "round-volumes",
                reason: "volumes are rounded to decimals; state them with --volume-scale"
                    .to_owned(),
            });
        }
        Ok(Self {
            // Without a rule to round, volumes with too many decimals refuse the file and not the row: see
            // the scale of volumes.
            scale: scale.filter(|_| round.is_some()),
            tick: None,
            round,
            flag: "--round-volumes",
        })
    }

    /// The number, if it is on the grid, or the nearest one there that the rule allows.
    ///
    /// # Errors
    ///
    /// Returns [`RowError`], whose message names the rule that would round the number.
    pub(crate) fn fit(
        &self,
        number: ExactNumber,
        column: NumberColumn,
        text: &str,
    ) -> Result<GridNumber, RowError> {
        let is_fine = number.decimals > self.scale.unwrap_or(SCALE_MAX);
        let is_off = self.tick.is_some_and(|tick| !is_multiple(number, tick));
        if !is_fine && !is_off {
            return Ok(GridNumber { number, away: 0 });
        }
        let nearest = self.nearest(number);
        if let (Some(most), Some(nearest)) = (self.round, &nearest)
            && let Some(away) = at_18_up(nearest.away).filter(|away| *away <= most)
        {
            return Ok(GridNumber {
                number: nearest.number,
                away,
            });
        }
        // Off the grid is refused, not rounded: it is more likely a wrong column or unit than a price.
        Err(self.refused(column, text, is_fine, nearest.as_ref()))
    }

    fn refused(
        &self,
        column: NumberColumn,
        text: &str,
        is_fine: bool,
        nearest: Option<&NearestStep>,
    ) -> RowError {
        let name = column.name;
        let (code, what) = if is_fine {
            let scale = self.scale.unwrap_or(SCALE_MAX);
            (
                RowErrorCode::TooFine,
                format!("has more than {scale} decimals"),
            )
        } else {
            (
                RowErrorCode::OffTick,
                "is not a multiple of the tick".to_owned(),
            )
        };
        let away = nearest.map(|nearest| nearest.away);
        let way_on = match (self.round, away) {
            (Some(most), Some(away)) => format!(
                "; the nearest is {} away, more than {} {}",
                plain(away),
                self.flag,
                plain_18(most)
            ),
            (None, Some(away)) if self.scale.is_some() || self.tick.is_some() => {
                format!("; to round it, add {} {}", self.flag, power_above(away))
            }
            (None, _) if self.flag == "--round-prices" => {
                "; to round it, add --price-scale and --round-prices".to_owned()
            }
            (Some(_) | None, _) => String::new(),
        };
        RowError {
            code,
            message: format!("column {name}: {text} {what}{way_on}"),
        }
    }

    /// The nearest number on the grid, half to even; `None` if it does not fit in 128 bits.
    fn nearest(&self, number: ExactNumber) -> Option<NearestStep> {
        let step = match (self.tick, self.scale) {
            (Some(tick), _) => tick,
            (None, Some(scale)) => decimal::power_of_ten(SCALE_MAX.checked_sub(scale)?)?,
            (None, None) => return None,
        };
        // Both at the finer of the two scales, so that nothing is rounded but by the one division.
        let decimals = number.decimals.max(SCALE_MAX);
        let digits = number.digits.checked_mul(decimal::power_of_ten(
            decimals.checked_sub(number.decimals)?,
        )?)?;
        let step = step.checked_mul(decimal::power_of_ten(decimals.checked_sub(SCALE_MAX)?)?)?;
        let steps = decimal::divide_half_even(digits, step)?;
        let rounded = steps.checked_mul(step)?;
        Some(NearestStep {
            number: shortened(rounded, decimals)?,
            away: shortened(digits.checked_sub(rounded)?.checked_abs()?, decimals)?,
        })
    }
}

fn checked_scale(option: &'static str, scale: Option<u8>) -> Result<Option<u8>, IngestError> {
    if scale.is_some_and(|scale| scale > SCALE_MAX) {
        let reason = format!("at most {SCALE_MAX} decimals");
        return Err(IngestError::Option { option, reason });
    }
    Ok(scale)
}

fn round_away(option: &'static str, text: Option<&str>) -> Result<Option<i128>, IngestError> {
    let Some(text) = text else { return Ok(None) };
    let error = |reason| IngestError::Option { option, reason };
    let most = decimal::parse(text, SCALE_MAX).map_err(|source| error(source.to_string()))?;
    if !(1..=ROUND_AWAY_MAX).contains(&most) {
        let max = plain_18(ROUND_AWAY_MAX);
        return Err(error(format!("{text} is not above zero and at most {max}")));
    }
    Ok(Some(most))
}

/// Whether a number is a multiple of a tick at [`SCALE_MAX`].
fn is_multiple(number: ExactNumber, tick: i128) -> bool {
    let factor = SCALE_MAX
        .checked_sub(number.decimals)
        .and_then(decimal::power_of_ten);
    let at_18 = factor.and_then(|factor| number.digits.checked_mul(factor));
    at_18.and_then(|value| value.checked_rem(tick)) == Some(0)
}

/// A number without trailing zeros.
pub(crate) fn shortened(digits: i128, decimals: u8) -> Option<ExactNumber> {
    let mut number = ExactNumber { digits, decimals };
    while number.decimals > 0 && number.digits.checked_rem(10)? == 0 {
        number.digits = number.digits.checked_div(10)?;
        number.decimals = number.decimals.saturating_sub(1);
    }
    Some(number)
}

/// A number that is not below zero at [`SCALE_MAX`], rounded up.
fn at_18_up(number: ExactNumber) -> Option<i128> {
    let Some(finer) = number.decimals.checked_sub(SCALE_MAX) else {
        let factor = decimal::power_of_ten(SCALE_MAX.saturating_sub(number.decimals))?;
        return number.digits.checked_mul(factor);
    };
    let finer = decimal::power_of_ten(finer)?;
    let up = i128::from(number.digits.checked_rem(finer)? != 0);
    number.digits.checked_div(finer)?.checked_add(up)
}

/// The smallest power of ten that is not below a number, as text.
fn power_above(number: ExactNumber) -> String {
    let mut power = 1_i128;
    let least = at_18_up(number).unwrap_or(ONE);
    while power < least {
        power = power.saturating_mul(10);
    }
    plain_18(power)
}

fn plain(number: ExactNumber) -> String {
    decimal::format(number.digits, number.decimals)
}

/// A value at [`SCALE_MAX`] as text, without trailing zeros.
pub(crate) fn plain_18(value: i128) -> String {
    shortened(value, SCALE_MAX).map_or_else(String::new, plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::number::NumberSigns;

    /// `scale tick round`, with `-` for what is not given.
    #[track_caller]
    fn check(grid: &str, text: &str, expect: &str) {
        let words: Vec<Option<String>> = grid
            .split(' ')
            .map(|word| Some(word.to_owned()).filter(|word| word != "-"))
            .collect();
        let options = IngestOptions {
            price_scale: words[0].as_deref().map(|scale| scale.parse().unwrap()),
            tick: words[1].clone(),
            round_prices: words[2].clone(),
            ..IngestOptions::default()
        };
        let column = NumberColumn {
            place: 0,
            name: "open",
            is_typed: false,
        };
        let got = match NumberGrid::of_prices(&options) {
            Err(error) => error.to_string(),
            Ok(grid) => {
                let number = NumberSigns::default().read(text, column).unwrap().number;
                match grid.fit(number, column, text) {
                    Ok(fit) => format!("{} away {}", plain(fit.number), plain_18(fit.away)),
                    Err(error) => format!("{}: {}", error.code, error.message),
                }
            }
        };
        assert_eq!(got, expect, "{grid} {text}");
    }

    /// Adjusted prices with the noise of binary floats were a dead end.
    #[test]
    fn a_number_beside_the_grid_is_rounded_as_far_as_the_rule_allows() {
        let noise = "4.8100000000000005";
        check("- - -", noise, "4.8100000000000005 away 0");
        check(
            "2 - -",
            noise,
            "too-fine: column open: 4.8100000000000005 has more than 2 decimals; to round it, add --round-prices \
             0.000000000000001",
        );
        check(
            "2 - 0.000000000000001",
            noise,
            "4.81 away 0.0000000000000005",
        );
        check("- 0.01 0.001", noise, "4.81 away 0.0000000000000005");
        check(
            "4 - 0.0001",
            "0.09872609376907349",
            "0.0987 away 0.00002609376907349",
        );
        check("2 - 0.01", "0.125", "0.12 away 0.005");
        check("2 - 0.01", "0.135", "0.14 away 0.005");
        check("2 - 0.01", "-0.125", "-0.12 away 0.005");
        check("- 0.05 0.1", "1.975", "2 away 0.025");
        check(
            "2 - 0.01",
            "0.00000000000000000000001",
            "0 away 0.000000000000000001",
        );
        check(
            "2 - 0.001",
            "1.005",
            "too-fine: column open: 1.005 has more than 2 decimals; the nearest is 0.005 away, more than \
             --round-prices 0.001",
        );
        check(
            "- 0.05 -",
            "1.99",
            "off-tick: column open: 1.99 is not a multiple of the tick; to round it, add --round-prices 0.01",
        );
        check(
            "- - -",
            "0.0000000000000000001",
            "too-fine: column open: 0.0000000000000000001 has more than 18 decimals; to round it, add --price-scale \
             and --round-prices",
        );
    }

    #[test]
    fn a_rule_that_cannot_be_is_refused() {
        check(
            "- - 0.1",
            "1",
            "option round-prices: prices are rounded to a grid; state it with --price-scale or --tick",
        );
        check(
            "2 - 0",
            "1",
            "option round-prices: 0 is not above zero and at most 1000000",
        );
        check(
            "2 - 1000001",
            "1",
            "option round-prices: 1000001 is not above zero and at most 1000000",
        );
        check(
            "2 - x",
            "1",
            "option round-prices: \"x\" is not a decimal number",
        );
        check("19 - -", "1", "option price-scale: at most 18 decimals");
    }
}
