//! How much to buy or sell, in integers. It must never know why.

use counterfoil_sdk::{Decimal, Instrument, Money};

use crate::Params;

/// What a share is written in.
const BASIS_POINTS: i128 = 10_000;

/// How far the first stop stands from the entry, in price units, rounded up: a stop too near
/// would make the position too large. None where the range is no number or too large.
pub(crate) fn distance(range: f64, stop: Decimal) -> Option<i64> {
    let exact = (range * stop.to_f64()).ceil();
    // Below this every whole float is an integer, and the conversion exact.
    let fits = (0.0..9_007_199_254_740_992.0).contains(&exact);
    fits.then_some((exact as i64).max(1))
}

/// The most whole lots that lose at most `risk` of the equity over `distance`, and are worth at
/// most `weight` of it; none if that is not one lot.
pub(crate) fn quantity(
    params: &Params,
    instrument: &Instrument,
    equity: Money,
    price: i64,
    distance: i64,
) -> Option<i64> {
    let share = |basis_points: u32| {
        let nanos = equity.to_nanos().max(0);
        nanos * i128::from(basis_points) / BASIS_POINTS
    };
    let by_risk = units(instrument, share(params.risk), distance)?;
    let by_weight = units(instrument, share(params.weight), price)?;
    let quantity = instrument.lot_below(by_risk.min(by_weight));
    (quantity > 0).then_some(quantity)
}

/// How much of the instrument an amount in billionths of the currency is, at a price or a
/// difference of prices; rounded down.
fn units(instrument: &Instrument, nanos: i128, price: i64) -> Option<i64> {
    let scale = u32::from(instrument.price_scale) + u32::from(instrument.quantity_scale);
    let product = nanos.checked_mul(10_i128.checked_pow(scale)?)?;
    let divisor = i128::from(price).checked_mul(1_000_000_000)?;
    i64::try_from(product.checked_div(divisor)?).ok()
}
