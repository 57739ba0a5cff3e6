//! What is traded: scales, grid steps and the arithmetic that needs them. It must never know an
//! account or a venue.

use alloc::string::String;

use crate::decimal::{self, DecimalError, SCALE_MAX};
use crate::units::{MONEY_SCALE, Money, Price, Quantity, Volume};

/// The place of an instrument in the manifest: 0, 1, 2 ….
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct InstrumentId(pub u32);

impl InstrumentId {
    /// The id as an index into lists that hold one item an instrument.
    #[inline]
    #[must_use]
    pub fn index(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// Why an instrument's definition is invalid.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InstrumentError {
    /// The symbol is empty or longer than 64 bytes.
    #[error("an instrument's symbol is empty or longer than 64 bytes")]
    Symbol,
    /// A scale above 18, or price and quantity scale together above 18.
    #[error("{symbol}: price scale {price} and quantity scale {quantity} are too fine")]
    Scale {
        /// The instrument.
        symbol: String,
        /// Its price scale.
        price: u8,
        /// Its quantity scale.
        quantity: u8,
    },
    /// A tick or lot that is not above zero.
    #[error("{symbol}: tick size and lot size must be above zero")]
    Step {
        /// The instrument.
        symbol: String,
    },
}

/// Which prices an instrument may have.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum PriceRange {
    /// Above zero only: anything else is an error of the data.
    #[default]
    Positive,
    /// Any, as crude oil on 20 April 2020.
    Any,
}

impl PriceRange {
    /// Whether the instrument may have this price.
    #[must_use]
    pub const fn allows(self, price: Price) -> bool {
        match self {
            Self::Positive => price.0 > 0,
            Self::Any => true,
        }
    }
}

/// Whether an instrument's bars have volumes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum VolumeKind {
    /// They have: a bar without volume is one without trades, and nothing fills on it.
    #[default]
    Traded,
    /// Every volume is zero, as in files of currencies and indices: it says nothing about trades.
    None,
}

/// What an instrument is, beside its grid: facts of its data that the rules of a run depend on.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct InstrumentTraits {
    pub prices: PriceRange,
    pub volume: VolumeKind,
}

/// What is traded, in one settlement currency for the whole run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Instrument {
    symbol: String,
    price_scale: u8,
    tick_size: i64,
    quantity_scale: u8,
    lot_size: i64,
    volume_scale: u8,
    traits: InstrumentTraits,
    /// Nano-units of money in one unit of price x one unit of quantity, as a fraction.
    notional: NotionalFactor,
}

/// The scales and grid steps of an instrument, as a manifest or a data file states them.
///
/// A scale is a number of decimals; a step is an integer at the scale beside it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InstrumentGrid {
    pub price_scale: u8,
    pub tick_size: i64,
    pub quantity_scale: u8,
    pub lot_size: i64,
    pub volume_scale: u8,
}

impl InstrumentGrid {
    /// Whole units of quantity and volume, and a tick of one at `price_scale`.
    #[must_use]
    pub const fn whole_units(price_scale: u8) -> Self {
        Self {
            price_scale,
            tick_size: 1,
            quantity_scale: 0,
            lot_size: 1,
            volume_scale: 0,
        }
    }
}

/// The factor from price x quantity at their scales to money at scale 9.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct NotionalFactor {
    numerator: i128,
    denominator: i128,
}

impl Instrument {
    /// Checks the definition of an instrument.
    ///
    /// # Errors
    ///
    /// Returns [`InstrumentError`] naming what is wrong with it.
    pub fn new(symbol: String, grid: InstrumentGrid) -> Result<Self, InstrumentError> {
        let InstrumentGrid {
            price_scale,
            tick_size,
            quantity_scale,
            lot_size,
            volume_scale,
        } = grid;
        // Bounded, because records repeat it and an entry is limited.
        if symbol.is_empty() || symbol.len() > 64 {
            return Err(InstrumentError::Symbol);
        }
        // Together, because a product has both: at 18 decimals the factor to money is still exact.
        let scale = price_scale.saturating_add(quantity_scale);
        if scale > SCALE_MAX || volume_scale > SCALE_MAX {
            return Err(InstrumentError::Scale {
                symbol,
                price: price_scale,
                quantity: quantity_scale,
            });
        }
        if tick_size <= 0 || lot_size <= 0 {
            return Err(InstrumentError::Step { symbol });
        }
        // The exponents are at most 9, so the power exists. One of the two factors is always 1.
        let finer = |scale: u8| decimal::power_of_ten(scale).unwrap_or(1);
        let notional = NotionalFactor {
            numerator: finer(MONEY_SCALE.saturating_sub(scale)),
            denominator: finer(scale.saturating_sub(MONEY_SCALE)),
        };
        Ok(Self {
            symbol,
            price_scale,
            tick_size,
            quantity_scale,
            lot_size,
            volume_scale,
            traits: InstrumentTraits::default(),
            notional,
        })
    }

    /// The same instrument with these traits.
    #[must_use]
    pub fn with_traits(self, traits: InstrumentTraits) -> Self {
        Self { traits, ..self }
    }

    /// Its traits.
    #[must_use]
    pub fn traits(&self) -> InstrumentTraits {
        self.traits
    }

    /// The prices it may have.
    #[must_use]
    pub fn prices(&self) -> PriceRange {
        self.traits.prices
    }

    /// The venue's ticker of the time.
    #[must_use]
    pub fn symbol(&self) -> &str {
        &self.symbol
    }

    /// Decimals of a price.
    #[must_use]
    pub fn price_scale(&self) -> u8 {
        self.price_scale
    }

    /// The price grid step at the price scale, above zero.
    #[must_use]
    pub fn tick_size(&self) -> i64 {
        self.tick_size
    }

    /// Decimals of a quantity.
    #[must_use]
    pub fn quantity_scale(&self) -> u8 {
        self.quantity_scale
    }

    /// The quantity grid step at the quantity scale, above zero.
    #[must_use]
    pub fn lot_size(&self) -> i64 {
        self.lot_size
    }

    /// Decimals of a volume.
    #[must_use]
    pub fn volume_scale(&self) -> u8 {
        self.volume_scale
    }

    /// Price x quantity as money, rounded half to even where the scales are finer than money's;
    /// `None` when it does not fit.
    #[must_use]
    pub fn notional(&self, price: Price, quantity: Quantity) -> Option<Money> {
        let product = i128::from(price.0).checked_mul(i128::from(quantity.0))?;
        let scaled = product.checked_mul(self.notional.numerator)?;
        if self.notional.denominator == 1 {
            // Exact: a product that is no finer than money is not rounded.
            return Some(Money(scaled));
        }
        decimal::divide_half_even(scaled, self.notional.denominator).map(Money)
    }

    /// Price x `quantity / denominator` as money, rounded half to even, once; `None` when it does
    /// not fit.
    #[must_use]
    pub fn notional_of(&self, price: Price, quantity: i128, denominator: i128) -> Option<Money> {
        let scaled = i128::from(price.0)
            .checked_mul(quantity)?
            .checked_mul(self.notional.numerator)?;
        let denominator = denominator.checked_mul(self.notional.denominator)?;
        decimal::divide_half_even(scaled, denominator).map(Money)
    }

    /// An amount for one unit x quantity as money, rounded half to even; `None` when it does not
    /// fit.
    #[must_use]
    pub fn per_unit(&self, amount: Money, quantity: Quantity) -> Option<Money> {
        // An amount is for one whole unit, and the quantity counts parts of it.
        let unit = decimal::power_of_ten(self.quantity_scale)?;
        decimal::divide_half_even(amount.0.checked_mul(i128::from(quantity.0))?, unit).map(Money)
    }

    /// The price nearest to `price_numerator / denominator` on the tick grid, half to even.
    #[must_use]
    pub fn round_to_tick(&self, price_numerator: i128, denominator: i128) -> Option<Price> {
        let tick = i128::from(self.tick_size);
        let steps = decimal::divide_half_even(price_numerator, denominator.checked_mul(tick)?)?;
        i64::try_from(steps.checked_mul(tick)?).ok().map(Price)
    }

    /// Whether the price is on the tick grid.
    #[must_use]
    pub fn is_on_tick(&self, price: Price) -> bool {
        price.0.checked_rem(self.tick_size) == Some(0)
    }

    /// Whether the quantity is on the lot grid.
    #[must_use]
    pub fn is_on_lot(&self, quantity: Quantity) -> bool {
        quantity.0.checked_rem(self.lot_size) == Some(0)
    }

    /// The exact text of a price.
    #[must_use]
    pub fn price_text(&self, price: Price) -> String {
        decimal::format(i128::from(price.0), self.price_scale)
    }

    /// The exact text of a quantity.
    #[must_use]
    pub fn quantity_text(&self, quantity: Quantity) -> String {
        decimal::format(i128::from(quantity.0), self.quantity_scale)
    }

    /// The exact text of a volume.
    #[must_use]
    pub fn volume_text(&self, volume: Volume) -> String {
        decimal::format(i128::from(volume.0), self.volume_scale)
    }

    /// The price in `text`.
    ///
    /// # Errors
    ///
    /// Returns [`DecimalError`] if it is not a decimal of the instrument's price scale.
    pub fn parse_price(&self, text: &str) -> Result<Price, DecimalError> {
        narrow(text, self.price_scale).map(Price)
    }

    /// The quantity in `text`.
    ///
    /// # Errors
    ///
    /// Returns [`DecimalError`] if it is not a decimal of the instrument's quantity scale.
    pub fn parse_quantity(&self, text: &str) -> Result<Quantity, DecimalError> {
        narrow(text, self.quantity_scale).map(Quantity)
    }
}

fn narrow(text: &str, scale: u8) -> Result<i64, DecimalError> {
    let value = decimal::parse(text, scale)?;
    i64::try_from(value).map_err(|_| DecimalError::TooLarge {
        text: text.into(),
        scale,
    })
}
