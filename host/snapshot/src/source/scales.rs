//! Decimals and steps of prices, volumes and quantities: what the caller asks for, and what the file has.
//! It must never round.

use counterfoil_trading::decimal::{self, SCALE_MAX};

use crate::error::IngestError;
use crate::source::asset_class::AssetClass;
use crate::source::options::IngestOptions;
use crate::source::precision::{MaxPrecision, Precision};
use crate::store::manifest::GridSource;

/// The scale and the grid step of an instrument's prices or quantities.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GridScale {
    pub(crate) scale: u8,
    /// The grid step at that scale.
    pub(crate) step: i64,
}

/// Decimals of an inferred tick or lot: the finest that are traded in. More are noise of the file.
const INFERRED_DECIMALS_MAX: u8 = 8;

/// Decimals of a price that instruments of a known class are written with; more zeros are padding.
const CLASS_DECIMALS_MAX: u8 = 5;

/// A grid, and what decided it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChosenGrid {
    pub(crate) grid: GridScale,
    pub(crate) from: GridSource,
}

/// The scale and tick of prices, with the line that decided the scale (0: an option did).
///
/// The tick is never coarser than prices are written: 100.00 and 101.00 have two decimals, although both
/// are whole numbers.
pub(crate) fn price_scale(
    options: &IngestOptions,
    class: Option<AssetClass>,
    precision: &MaxPrecision,
) -> Result<(ChosenGrid, u64), IngestError> {
    let error = |reason: String| IngestError::Option {
        option: "tick",
        reason,
    };
    let most = precision.price;
    let chosen = |scale, step, from| ChosenGrid {
        grid: GridScale { scale, step },
        from,
    };
    let Some(text) = options.tick.as_deref() else {
        if let Some(scale) = options.price_scale {
            return Ok((chosen(scale, 1, GridSource::Stated), 0));
        }
        let written = precision.written;
        // Of a known class, vendors write more zeros than anything is traded in: 100.00000000 is a price in cents.
        let is_padded = class.is_some() && written.decimals > CLASS_DECIMALS_MAX;
        let zeros = if is_padded {
            0
        } else {
            written.decimals.min(INFERRED_DECIMALS_MAX)
        };
        let seen = if zeros > most.decimals {
            Precision {
                decimals: zeros,
                line: written.line,
            }
        } else {
            most
        };
        return Ok(match class.and_then(|class| class.grid().tick_decimals) {
            Some(decimals) if decimals >= seen.decimals => {
                (chosen(decimals, 1, GridSource::AssetClass), 0)
            }
            _ if options.prices_as.fractions.is_some() => {
                // One over a power of two has as many decimals as the power: 1/32 is 0.03125, and never 0.00001.
                let step = 5_i64.checked_pow(u32::from(seen.decimals)).unwrap_or(1);
                (
                    chosen(seen.decimals, step, GridSource::Fractions),
                    seen.line,
                )
            }
            _ => (chosen(seen.decimals, 1, GridSource::Prices), seen.line),
        });
    };
    let needed = decimal::decimals_of(text).unwrap_or(0);
    let (scale, line) = match options.price_scale {
        Some(scale) => (scale, 0),
        None if needed > most.decimals => (needed, 0),
        None => (most.decimals, most.line),
    };
    let tick = decimal::parse(text, scale).map_err(|source| error(source.to_string()))?;
    let step = i64::try_from(tick).map_err(|_| error(format!("{text} is too large")))?;
    Ok((chosen(scale, step, GridSource::Stated), line))
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
                option: "volume-scale",
                reason,
            })
        }
    }
}

/// Quantity scale and lot size at that scale: what the caller states, else the asset class, else the decimals
/// of the volumes, which are quantities that were traded; else whole units.
pub(crate) fn lot(
    options: &IngestOptions,
    class: Option<AssetClass>,
    volume: Precision,
    price_scale: u8,
) -> Result<ChosenGrid, IngestError> {
    if let Some(grid) = stated_lot(options)? {
        let from = GridSource::Stated;
        return Ok(ChosenGrid { grid, from });
    }
    let (decimals, from) = match class {
        Some(class) => (class.grid().lot_decimals, GridSource::AssetClass),
        None if volume.decimals > 0 => (volume.decimals, GridSource::Volumes),
        None => (0, GridSource::WholeUnits),
    };
    // Price and quantity together have a limit of their own: see `Instrument`.
    let most = SCALE_MAX.saturating_sub(price_scale);
    let grid = GridScale {
        scale: decimals.min(INFERRED_DECIMALS_MAX).min(most),
        step: 1,
    };
    Ok(ChosenGrid { grid, from })
}

/// The lot that the caller states, if any.
pub(crate) fn stated_lot(options: &IngestOptions) -> Result<Option<GridScale>, IngestError> {
    let error = |reason: String| IngestError::Option {
        option: "lot",
        reason,
    };
    let text = options.lot.as_deref();
    let scale = options
        .quantity_scale
        .or_else(|| text.and_then(decimal::decimals_of));
    let Some(text) = text else {
        return Ok(scale.map(|scale| GridScale { scale, step: 1 }));
    };
    let scale = scale.unwrap_or(0);
    let lot = decimal::parse(text, scale).map_err(|source| error(source.to_string()))?;
    let step = i64::try_from(lot).map_err(|_| error(format!("{text} is too large")))?;
    if step <= 0 {
        return Err(error(format!("{text} is not above zero")));
    }
    Ok(Some(GridScale { scale, step }))
}

/// The same number with more decimals; `None` if it does not fit or has more already.
pub(crate) fn rescale(value: i64, from: u8, to: u8) -> Option<i64> {
    // Only towards more decimals: a value is exact at every such scale.
    let factor = 10_i64.checked_pow(u32::from(to.checked_sub(from)?))?;
    value.checked_mul(factor)
}
