//! Decimals and steps of prices, volumes and quantities: what the caller asks for, and what the file has.
//! It must never round.

use counterfoil_trading::decimal::{self, SCALE_MAX};

use crate::error::IngestError;
use crate::source::options::IngestOptions;
use crate::source::precision::Precision;

/// The scale and the grid step of an instrument's prices or quantities.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GridScale {
    pub(crate) scale: u8,
    /// The grid step at that scale.
    pub(crate) step: i64,
}

/// The scale and tick of prices, with the line that decided the scale (0: an option did).
pub(crate) fn price_scale(
    options: &IngestOptions,
    most: Precision,
) -> Result<(GridScale, u64), IngestError> {
    let error = |reason: String| IngestError::Option {
        option: "tick",
        reason,
    };
    let Some(text) = options.tick.as_deref() else {
        let (scale, line) = match options.price_scale {
            Some(scale) => (scale, 0),
            None => (most.decimals, most.line),
        };
        return Ok((GridScale { scale, step: 1 }, line));
    };
    let needed = decimal::decimals_of(text).unwrap_or(0);
    let (scale, line) = match options.price_scale {
        Some(scale) => (scale, 0),
        None if needed > most.decimals => (needed, 0),
        None => (most.decimals, most.line),
    };
    let tick = decimal::parse(text, scale).map_err(|source| error(source.to_string()))?;
    let step = i64::try_from(tick).map_err(|_| error(format!("{text} is too large")))?;
    Ok((GridScale { scale, step }, line))
}

/// Volume scale, and the line that decided it (0: an option did).
pub(crate) fn volume_scale(
    options: &IngestOptions,
    most: Precision,
) -> Result<(u8, u64), IngestError> {
    match options.volume_scale {
        None => Ok((most.decimals, most.line)),
        // A smaller scale than the file's would need rounding, and two sources rounded apart would
        // differ in their bars: the caller is asked instead.
        Some(scale) if most.decimals <= scale && scale <= SCALE_MAX => Ok((scale, 0)),
        Some(scale) => {
            let reason = if scale > SCALE_MAX {
                format!("at most {SCALE_MAX} decimals")
            } else {
                format!(
                    "{scale} decimals are too few: line {} has {}; to round them, add --round-volumes",
                    most.line, most.decimals
                )
            };
            Err(IngestError::Option {
                option: "volume_scale",
                reason,
            })
        }
    }
}

/// Quantity scale and lot size at that scale: whole units, unless the caller asks for others.
pub(crate) fn lot(options: &IngestOptions) -> Result<GridScale, IngestError> {
    let error = |reason: String| IngestError::Option {
        option: "lot",
        reason,
    };
    let text = options.lot.as_deref();
    let scale = options
        .quantity_scale
        .or_else(|| text.and_then(decimal::decimals_of))
        .unwrap_or(0);
    let Some(text) = text else {
        return Ok(GridScale { scale, step: 1 });
    };
    let lot = decimal::parse(text, scale).map_err(|source| error(source.to_string()))?;
    let step = i64::try_from(lot).map_err(|_| error(format!("{text} is too large")))?;
    if step <= 0 {
        return Err(error(format!("{text} is not above zero")));
    }
    Ok(GridScale { scale, step })
}

/// The same number with more decimals; `None` if it does not fit or has more already.
pub(crate) fn rescale(value: i64, from: u8, to: u8) -> Option<i64> {
    // Only towards more decimals: a value is exact at every such scale.
    let factor = 10_i64.checked_pow(u32::from(to.checked_sub(from)?))?;
    value.checked_mul(factor)
}
