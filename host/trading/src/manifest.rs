//! The run manifest: the only way to start a run. Its canonical JSON is hashed, and the digest is
//! the run's id, so nothing outside it can change a result.
//!
//! It must never know where the component or the bars are stored.

mod calendar;
mod canonical;
mod field;
mod setup;
mod terms;

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use counterfoil_base::digest::Digest;
use serde::{Deserialize, Serialize};

pub use calendar::{CalendarEntry, OFFSETS_MAX};
pub use canonical::canonical_json;
pub use field::{ManifestError, VolumeTerm, digest};
pub use setup::RunSetup;
pub use terms::BrokerTerms;

pub use crate::limits::INSTRUMENTS_MAX;
use crate::limits::SandboxLimits;

/// The format this code reads and writes.
pub const FORMAT: &str = "counterfoil-manifest/1";
/// The version of the strategy world this code speaks.
pub const WORLD: &str = "counterfoil:strategy@0.1.0";
/// The only profile so far: the component imports nothing but the host's own interfaces.
pub const PROFILE_PURE: &str = "pure";

/// Everything that decides a run's result.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: String,
    /// The component, as `sha256:<hex>`.
    pub component: String,
    /// [`WORLD`].
    pub world: String,
    /// [`PROFILE_PURE`].
    pub profile: String,
    /// Digest of the engine settings that affect results, as `sha256:<hex>`.
    pub engine: String,
    /// Where the bars come from.
    pub data: DataSource,
    /// The length of a bar, such as `1d`.
    pub timeframe: String,
    /// The exchanges' local times and hours; without one, bars are on the grid of UTC.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calendars: Vec<CalendarEntry>,
    /// What is traded: instrument 0, 1, 2 ….
    pub instruments: Vec<InstrumentEntry>,
    /// A text for each parameter of the strategy.
    pub parameters: BTreeMap<String, String>,
    /// Bars of each instrument before orders are let through.
    pub warm_up: u32,
    /// The account.
    pub account: AccountEntry,
    /// What trading costs.
    pub costs: CostsEntry,
    /// How the venue matches.
    pub matching: MatchingEntry,
    /// The risk limits.
    pub risk: RiskEntry,
    /// The guest's limits.
    pub limits: SandboxLimits,
    /// What the host does about orders and positions after a fault: `leave`, `cancel` or `cancel-and-flatten`.
    pub on_fault: String,
    /// The seed handed to the strategy, as decimal text.
    pub seed: String,
    /// Decisions for one signed checkpoint.
    pub cadence: u32,
}

/// Where the bars come from.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum DataSource {
    /// A snapshot and a range of it.
    Snapshot {
        /// The snapshot, as `sha256:<hex>`.
        id: String,
        /// First moment that belongs to the run, such as `2001-01-01`; `None`: from the start.
        from: Option<String>,
        /// First moment that no longer does; `None`: to the end.
        to: Option<String>,
    },
    /// A live feed.
    Feed {
        /// Its name.
        name: String,
        /// Makes this start different from every other; a second start with it is refused.
        #[serde(rename = "start-nonce")]
        start_nonce: String,
        /// The broker that takes the orders; without one the paper venue does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        broker: Option<BrokerEntry>,
    },
}

/// The broker that takes a live run's orders.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BrokerEntry {
    /// Its name: `alpaca`.
    pub name: String,
    /// `paper` or `live`.
    pub environment: String,
    /// How far the account's cash may differ from the run's before the run halts, as a decimal.
    pub cash_tolerance: String,
}

/// One instrument's definition.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct InstrumentEntry {
    /// The venue's ticker of the time.
    pub symbol: String,
    /// Decimals of a price.
    pub price_scale: u8,
    /// The price grid step as a decimal, such as `0.01`.
    pub tick_size: String,
    /// Decimals of a quantity.
    pub quantity_scale: u8,
    /// The quantity grid step as a decimal.
    pub lot_size: String,
    /// Decimals of a volume.
    pub volume_scale: u8,
    /// Whether its prices may be zero or below; without it only above zero.
    #[serde(default, skip_serializing_if = "is_false")]
    pub negative_prices: bool,
    /// `none` where every volume is zero and says nothing about trades; without it volumes count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<String>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde gives a reference to the field"
)]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// The account.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AccountEntry {
    /// Its name.
    pub name: String,
    /// Its owner, a name for reports.
    pub owner: String,
    /// `cash` or `margin`.
    pub kind: String,
    /// The settlement currency.
    pub currency: String,
    /// Starting cash as a decimal.
    pub cash: String,
    /// A margin account's gross exposure, as a multiple of its equity with at most two decimals.
    pub leverage: String,
    /// The least equity of a margin account, as a share of its gross exposure in basis points.
    pub maintenance_bps: String,
    /// What happens below it: `reduce` or `liquidate`.
    pub margin_call: String,
}

/// What trading costs.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CostsEntry {
    /// Fee of a fill that takes liquidity, in basis points of notional.
    pub fee_bps: String,
    /// Fee of a fill that gives it, in basis points of notional.
    pub maker_fee_bps: String,
    /// Fee for one unit of quantity.
    pub fee_per_share: String,
    /// Fee once an order, with its first fill.
    pub fee_fixed: String,
    /// The least an order pays once it has a fill.
    pub fee_min: String,
    /// The most an order pays: an amount, a share of its value such as `1%`, or `off`.
    pub fee_max: String,
    /// Slippage in basis points of the price.
    pub slippage_bps: String,
    /// Slippage in grid steps of the price.
    pub slippage_ticks: u32,
    /// Slippage in basis points of the price, for a fill as large as its bar's volume.
    pub slippage_volume_bps: String,
    /// Share of a bar's volume that may fill on each side, in basis points, or `off`.
    pub volume_cap_bps: String,
    /// Yearly fee on the value of short positions, in basis points, actual/365.
    pub borrow_bps: String,
}

impl CostsEntry {
    /// No costs, and a volume cap of a tenth.
    #[must_use]
    pub fn none() -> Self {
        let zero = || "0".to_string();
        Self {
            fee_bps: zero(),
            maker_fee_bps: zero(),
            fee_per_share: zero(),
            fee_fixed: zero(),
            fee_min: zero(),
            fee_max: "off".to_string(),
            slippage_bps: zero(),
            slippage_ticks: 0,
            slippage_volume_bps: zero(),
            volume_cap_bps: "1000".to_string(),
            borrow_bps: zero(),
        }
    }
}

/// How the venue matches.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct MatchingEntry {
    /// Bars of its instrument that pass before the venue has an order, cancel or replacement.
    pub latency_bars: u32,
    /// Whether a limit order fills only where the price goes beyond its limit.
    pub limit_trade_through: bool,
}

/// The risk limits. Every one must be there; the three of a day
/// only in a live run, and the last two where time matters.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RiskEntry {
    /// Orders let through on one bar.
    pub orders_per_bar_max: u32,
    /// Orders working at once.
    pub working_orders_max: u32,
    /// Value of one order.
    pub order_notional_max: String,
    /// Value of one position.
    pub position_notional_max: String,
    /// Sum of the absolute values of all positions.
    pub gross_exposure_max: String,
    /// Distance of a limit or stop price from the last close, in basis points.
    pub price_collar_bps: String,
    /// Fall of equity from its peak after which only reducing orders pass, in basis points.
    pub drawdown_max_bps: String,
    /// Orders let through on one UTC day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orders_per_day_max: Option<u32>,
    /// Absolute value of the sum of all signed position values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub net_exposure_max: Option<String>,
    /// Fall of equity on one UTC day after which only reducing orders pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daily_loss_max: Option<String>,
    /// How long after its close a bar may be decided, in milliseconds; later only reducing orders
    /// pass. A backtest is never late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bar_age_max_ms: Option<u64>,
    /// By how much this machine's clock may be off, in milliseconds, as its kernel reports. Beyond it a
    /// live run does not start, and a running one stops.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_offset_max_ms: Option<u32>,
}

impl RiskEntry {
    /// The preset for research in a run of so many instruments: all of them may be traded on one bar.
    #[must_use]
    pub fn research_for(instruments: usize) -> Self {
        let research = Self::research();
        // An order for each, beside one that still works.
        let orders = u32::try_from(instruments.min(INSTRUMENTS_MAX)).unwrap_or(u32::MAX);
        let orders = orders.saturating_mul(2);
        Self {
            orders_per_bar_max: research.orders_per_bar_max.max(orders),
            working_orders_max: research.working_orders_max.max(orders),
            ..research
        }
    }

    /// The preset for research: limits so wide that only a mistake reaches them. Not for live use.
    #[must_use]
    pub fn research() -> Self {
        let wide = || "1000000000000".to_string();
        Self {
            orders_per_bar_max: 64,
            working_orders_max: 256,
            order_notional_max: wide(),
            position_notional_max: wide(),
            gross_exposure_max: wide(),
            price_collar_bps: "5000".to_string(),
            drawdown_max_bps: "10000".to_string(),
            orders_per_day_max: Some(1_000_000),
            net_exposure_max: Some(wide()),
            daily_loss_max: Some(wide()),
            bar_age_max_ms: None,
            clock_offset_max_ms: None,
        }
    }
}

impl Manifest {
    /// Whether the bars come from a feed: the run is live, and not a backtest over a snapshot.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        matches!(self.data, DataSource::Feed { .. })
    }

    /// The manifest in JSON text, in any layout.
    ///
    /// # Errors
    ///
    /// Returns [`ManifestError`] naming the field that is missing, unknown or of the wrong type.
    pub fn parse(json: &str) -> Result<Self, ManifestError> {
        // Unknown fields are errors in every part: a misspelled limit must not become a limit that is
        // missing.
        serde_json::from_str(json).map_err(|error| ManifestError::Json {
            message: error.to_string(),
        })
    }

    /// The manifest as canonical JSON (RFC 8785).
    ///
    /// # Errors
    ///
    /// Returns [`ManifestError`] if it has no canonical form. A parsed manifest always has one.
    pub fn canonical(&self) -> Result<String, ManifestError> {
        let value = serde_json::to_value(self).map_err(|error| ManifestError::Json {
            message: error.to_string(),
        })?;
        canonical_json(&value)
    }

    /// The run id: SHA-256 of the canonical JSON.
    ///
    /// # Errors
    ///
    /// As [`Manifest::canonical`].
    pub fn run_id(&self) -> Result<Digest, ManifestError> {
        // Over the canonical text: the layout of the file does not matter, and every field does.
        Ok(Digest::of(self.canonical()?.as_bytes()))
    }

    /// The digest of the account's limits: SHA-256 of their canonical JSON, as a policy names them.
    ///
    /// # Errors
    ///
    /// Returns [`ManifestError`] if they have no canonical form.
    pub fn limits_digest(&self) -> Result<Digest, ManifestError> {
        let limits = serde_json::to_value(&self.risk).map_err(|error| ManifestError::Json {
            message: error.to_string(),
        })?;
        Ok(Digest::of(canonical_json(&limits)?.as_bytes()))
    }
}
