//! From the manifest's texts to the types a run is made of: parsed once, every error with the
//! name of its field.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::{FORMAT, InstrumentEntry, Manifest, PROFILE_PURE, WORLD, terms};
use crate::account::AccountKind;
use crate::costs::CostModel;
use crate::decimal::{self, DecimalError};
use crate::instrument::{Instrument, InstrumentError};
use crate::limits::SandboxLimitError;
use crate::record::FaultAction;
use crate::risk::{Leverage, MaintenanceMargin, MarginCallPolicy, RiskLimits};
use crate::time::{Timeframe, TimeframeError};
use crate::units::{BasisPoints, Money};
use crate::venue::matching::MatchingRules;

/// The most instruments of one run: what a slice of 1,000 bars needs fits in one record each.
pub const INSTRUMENTS_MAX: usize = 10_000;

/// The most instruments where the host may flatten positions: so many orders fit in one fault
/// record.
const FLATTENED_MAX: usize = 1_000;

/// Why a manifest does not start a run.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// No JSON, or not of the manifest's form.
    #[error("manifest: {message}")]
    Json {
        /// What the reader says, with line and column.
        message: String,
    },
    /// A field with a value that means nothing.
    #[error("manifest: {field} is {value:?}; expected {expected}")]
    Value {
        /// The field.
        field: &'static str,
        /// Its value.
        value: String,
        /// What may stand there.
        expected: &'static str,
    },
    /// A number that does not hold.
    #[error("manifest: {field}: {source}")]
    Number {
        /// The field.
        field: &'static str,
        /// Why.
        source: DecimalError,
    },
    /// The timeframe does not hold.
    #[error("manifest: timeframe: {0}")]
    Timeframe(#[from] TimeframeError),
    /// An instrument does not hold.
    #[error("manifest: instruments: {0}")]
    Instrument(#[from] InstrumentError),
    /// A limit is out of range.
    #[error("manifest: {0}")]
    Limit(#[from] SandboxLimitError),
}

/// A manifest's values as types that hold.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RunSetup {
    /// The component digest.
    pub component: [u8; 32],
    /// The engine-settings digest.
    pub engine: [u8; 32],
    /// The length of a bar.
    pub timeframe: Timeframe,
    /// What is traded.
    pub instruments: Vec<Instrument>,
    /// Bars of each instrument before orders are let through.
    pub warm_up: u64,
    /// Cash or margin.
    pub account_kind: AccountKind,
    /// Starting cash.
    pub cash: Money,
    /// A margin account's reach.
    pub leverage: Leverage,
    /// What a margin account must keep.
    pub maintenance: MaintenanceMargin,
    /// What trading costs.
    pub costs: CostModel,
    /// How the venue matches.
    pub matching: MatchingRules,
    /// The risk limits.
    pub risk: RiskLimits,
    /// What is done after a fault.
    pub on_fault: FaultAction,
    /// The strategy's seed.
    pub seed: u64,
    /// Decisions for one signed checkpoint, above zero.
    pub cadence: u64,
    /// The broker; `None` for a simulated venue.
    pub broker: Option<BrokerTerms>,
}

/// A broker's terms.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BrokerTerms {
    /// Whether money moves.
    pub is_live: bool,
    /// How far the account's cash may differ.
    pub cash_tolerance: Money,
}

impl Manifest {
    /// The values, parsed.
    ///
    /// # Errors
    ///
    /// Returns [`ManifestError`] naming the first field that does not hold.
    pub fn setup(&self) -> Result<RunSetup, ManifestError> {
        let fixed = [
            ("format", &self.format, FORMAT),
            ("world", &self.world, WORLD),
            ("profile", &self.profile, PROFILE_PURE),
        ];
        for (field, value, expected) in fixed {
            if value != expected {
                return Err(ManifestError::Value {
                    field,
                    value: value.clone(),
                    expected,
                });
            }
        }
        self.limits.check_ranges()?;
        let count = self.instruments.len();
        if count == 0 || count > INSTRUMENTS_MAX {
            let value = count.to_string();
            let expected = "1 to 10,000 instruments";
            return Err(ManifestError::Value {
                field: "instruments",
                value,
                expected,
            });
        }
        let account = terms::account(&self.account)?;
        let on_fault = FaultAction::ALL
            .into_iter()
            .find(|action| action.name() == self.on_fault)
            .ok_or_else(|| {
                let expected = "leave, cancel or cancel-and-flatten";
                wrong("on-fault", &self.on_fault, expected)
            })?;
        let flattens = on_fault == FaultAction::CancelAndFlatten
            || account.maintenance.policy == MarginCallPolicy::Liquidate;
        if flattens && count > FLATTENED_MAX {
            let expected = "at most 1,000 instruments where the host may flatten positions";
            return Err(wrong("instruments", &count.to_string(), expected));
        }
        Ok(RunSetup {
            component: digest("component", &self.component)?,
            engine: digest("engine", &self.engine)?,
            timeframe: self.timeframe.parse()?,
            instruments: self
                .instruments
                .iter()
                .map(instrument)
                .collect::<Result<_, _>>()?,
            warm_up: u64::from(self.warm_up),
            account_kind: account.kind,
            cash: account.cash,
            leverage: account.leverage,
            maintenance: account.maintenance,
            costs: terms::costs(&self.costs)?,
            matching: terms::matching(&self.matching)?,
            risk: self.risk.limits()?,
            on_fault,
            seed: self
                .seed
                .parse()
                .map_err(|_| wrong("seed", &self.seed, "an integer from 0 to 2^64 - 1"))?,
            cadence: match self.cadence {
                0 => return Err(wrong("cadence", "0", "at least 1")),
                cadence => u64::from(cadence),
            },
            broker: terms::broker(self)?,
        })
    }
}

/// The 32 bytes of a digest written `sha256:<hex>`.
///
/// # Errors
///
/// Returns [`ManifestError`] naming `field` if the text is no such digest.
pub fn digest(field: &'static str, text: &str) -> Result<[u8; 32], ManifestError> {
    let mut bytes = [0; 32];
    text.strip_prefix("sha256:")
        .filter(|hex| !hex.bytes().any(|byte| byte.is_ascii_uppercase()))
        .and_then(|hex| hex::decode_to_slice(hex, &mut bytes).ok())
        .ok_or_else(|| wrong(field, text, "sha256: and 64 lower-case hex digits"))?;
    Ok(bytes)
}

pub(super) fn wrong(field: &'static str, value: &str, expected: &'static str) -> ManifestError {
    ManifestError::Value {
        field,
        value: value.to_string(),
        expected,
    }
}

pub(super) fn bps(field: &'static str, text: &str) -> Result<BasisPoints, ManifestError> {
    BasisPoints::parse(text).map_err(|source| ManifestError::Number { field, source })
}

/// Money that is at least zero.
pub(super) fn amount(field: &'static str, text: &str) -> Result<Money, ManifestError> {
    let money = Money::parse(text).map_err(|source| ManifestError::Number { field, source })?;
    if money < Money::ZERO {
        Err(wrong(field, text, "zero or more"))
    } else {
        Ok(money)
    }
}

fn step(field: &'static str, text: &str, scale: u8) -> Result<i64, ManifestError> {
    let value =
        decimal::parse(text, scale).map_err(|source| ManifestError::Number { field, source })?;
    i64::try_from(value).map_err(|_| wrong(field, text, "a smaller number"))
}

fn instrument(entry: &InstrumentEntry) -> Result<Instrument, ManifestError> {
    let tick = step("instruments.tick-size", &entry.tick_size, entry.price_scale)?;
    let lot = step(
        "instruments.lot-size",
        &entry.lot_size,
        entry.quantity_scale,
    )?;
    let price = (entry.price_scale, tick);
    let quantity = (entry.quantity_scale, lot);
    Ok(Instrument::new(
        entry.symbol.clone(),
        price,
        quantity,
        entry.volume_scale,
    )?)
}

impl From<&Instrument> for InstrumentEntry {
    fn from(instrument: &Instrument) -> Self {
        let text = |value, scale| decimal::format(i128::from(value), scale);
        Self {
            symbol: instrument.symbol().to_string(),
            price_scale: instrument.price_scale(),
            tick_size: text(instrument.tick_size(), instrument.price_scale()),
            quantity_scale: instrument.quantity_scale(),
            lot_size: text(instrument.lot_size(), instrument.quantity_scale()),
            volume_scale: instrument.volume_scale(),
        }
    }
}
