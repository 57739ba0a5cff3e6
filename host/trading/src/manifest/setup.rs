//! From the manifest's texts to the types a run is made of: parsed once, every error with the
//! name of its field.

use alloc::string::ToString as _;
use alloc::vec::Vec;

use counterfoil_base::digest::Digest;

use super::calendar;
use super::field::{ManifestError, VolumeTerm, digest, invalid, step};
use super::terms::{self, BrokerTerms};
use super::{FORMAT, InstrumentEntry, Manifest, PROFILE_PURE, WORLD};
use crate::account::AccountKind;
use crate::bar_grid::BarSequence;
use crate::costs::CostModel;
use crate::decimal;
use crate::exchange_calendar::InstrumentCalendars;
use crate::instrument::{Instrument, InstrumentGrid, InstrumentTraits, PriceRange, VolumeKind};
use crate::limits::INSTRUMENTS_MAX;
use crate::record::FaultAction;
use crate::risk::{Leverage, MaintenanceMargin, RiskLimits};
use crate::time::Timeframe;
use crate::units::{BasisPoints, Money};
use crate::venue::matching::MatchingRules;

/// A manifest's values, parsed and checked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RunSetup {
    pub component: Digest,
    /// The digest of the engine settings.
    pub engine: Digest,
    /// The length of a bar.
    pub timeframe: Timeframe,
    /// Where bars begin and sessions end, by instrument.
    pub calendars: InstrumentCalendars,
    pub instruments: Vec<Instrument>,
    /// Bars of each instrument before orders are let through.
    pub warm_up: u64,
    pub account_kind: AccountKind,
    /// Starting cash.
    pub cash: Money,
    pub leverage: Leverage,
    pub maintenance: MaintenanceMargin,
    pub costs: CostModel,
    pub matching: MatchingRules,
    pub risk: RiskLimits,
    /// Requests of one answer that the gate reviews.
    pub requests_per_bar: usize,
    /// What the host does about orders and positions after a fault.
    pub on_fault: FaultAction,
    /// The strategy's seed.
    pub seed: u64,
    /// Decisions for one signed checkpoint, above zero.
    pub cadence: u64,
    /// The broker; `None` for a simulated venue.
    pub broker: Option<BrokerTerms>,
}

impl RunSetup {
    /// The run's bars, before the first one.
    #[must_use]
    pub fn bar_sequence(&self) -> BarSequence {
        BarSequence::new(
            self.timeframe,
            self.calendars.clone(),
            self.instruments.len(),
        )
    }
}

impl Manifest {
    /// The values, parsed.
    ///
    /// # Errors
    ///
    /// Returns [`ManifestError`] naming the first invalid field.
    pub fn setup(&self) -> Result<RunSetup, ManifestError> {
        // Before any other field: in another format the same names may mean something else.
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
        // Before the lists are built: the manifest is a file from outside, and its length must not size
        // every list of the run.
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
        self.limits.check_ranges(count)?;
        let account = terms::account(&self.account)?;
        let on_fault = FaultAction::ALL
            .into_iter()
            .find(|action| action.name() == self.on_fault)
            .ok_or_else(|| {
                let expected = "leave, cancel or cancel-and-flatten";
                invalid("on-fault", &self.on_fault, expected)
            })?;
        let instruments: Vec<Instrument> = self
            .instruments
            .iter()
            .map(instrument)
            .collect::<Result<_, _>>()?;
        let costs = terms::costs(&self.costs)?;
        let broker = terms::broker(self)?;
        // A broker fills by its own market, and its runs have no such terms.
        if broker.is_none() {
            check_volumes(&instruments, &costs)?;
        }
        Ok(RunSetup {
            component: digest("component", &self.component)?,
            engine: digest("engine", &self.engine)?,
            timeframe: self.timeframe.parse()?,
            calendars: calendar::of_instruments(self)?,
            instruments,
            warm_up: u64::from(self.warm_up),
            account_kind: account.kind,
            cash: account.cash,
            leverage: account.leverage,
            maintenance: account.maintenance,
            costs,
            matching: terms::matching(&self.matching)?,
            risk: self.risk.limits()?,
            requests_per_bar: usize::try_from(self.limits.requests_per_bar).unwrap_or(usize::MAX),
            on_fault,
            seed: self
                .seed
                .parse()
                .map_err(|_| invalid("seed", &self.seed, "an integer from 0 to 2^64 - 1"))?,
            cadence: match self.cadence {
                // Zero would never sign a checkpoint, and the whole journal would be without a signature.
                0 => return Err(invalid("cadence", "0", "at least 1")),
                cadence => u64::from(cadence),
            },
            broker,
        })
    }
}

fn instrument(entry: &InstrumentEntry) -> Result<Instrument, ManifestError> {
    let tick = step("instruments.tick-size", &entry.tick_size, entry.price_scale)?;
    let lot = step(
        "instruments.lot-size",
        &entry.lot_size,
        entry.quantity_scale,
    )?;
    let grid = InstrumentGrid {
        price_scale: entry.price_scale,
        tick_size: tick,
        quantity_scale: entry.quantity_scale,
        lot_size: lot,
        volume_scale: entry.volume_scale,
    };
    let traits = InstrumentTraits {
        prices: if entry.negative_prices {
            PriceRange::Any
        } else {
            PriceRange::Positive
        },
        volume: match entry.volume.as_deref() {
            None => VolumeKind::Traded,
            Some("none") => VolumeKind::None,
            Some(other) => return Err(invalid("instruments.volume", other, "none, or no field")),
        },
    };
    Ok(Instrument::new(entry.symbol.clone(), grid)?.with_traits(traits))
}

/// A share of a volume that no bar has is nothing: no order would ever fill, and nobody would know why.
fn check_volumes(instruments: &[Instrument], costs: &CostModel) -> Result<(), ManifestError> {
    let without = |it: &&Instrument| it.traits().volume == VolumeKind::None;
    let Some(first) = instruments.iter().find(without) else {
        return Ok(());
    };
    let term = if costs.volume_cap.is_some() {
        VolumeTerm::Cap
    } else if costs.slippage.volume_rate == BasisPoints::ZERO {
        return Ok(());
    } else {
        VolumeTerm::Slippage
    };
    Err(ManifestError::NoVolume {
        symbol: first.symbol().to_string(),
        term,
    })
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
            negative_prices: instrument.prices() == PriceRange::Any,
            volume: match instrument.traits().volume {
                VolumeKind::Traded => None,
                VolumeKind::None => Some("none".to_string()),
            },
        }
    }
}
